"""Take from GitHub's example payloads the fields that say which pull request an event belongs to.

npm install --prefix /tmp/github @octokit/webhooks-examples
python -m tests.github.payloads.trim /tmp/github/node_modules/@octokit/webhooks-examples
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent

REPOSITORY = {"full_name": 0, "owner": {"login": 0}, "url": 0}
PULL = {
    "number": 0,
    "state": 0,
    "head": {"sha": 0, "ref": 0, "repo": REPOSITORY},
    "base": {"ref": 0, "repo": REPOSITORY},
}
OTHER_RUN = {"head_sha": 0, "head_branch": 0, "head_repository": REPOSITORY, "pull_requests": PULL}
KEPT: dict[str, Any] = {
    "action": 0,
    "ref": 0,
    "sha": 0,
    "branches": {"name": 0},
    "after": 0,
    "deleted": 0,
    "repository": REPOSITORY,
    "pull_request": PULL,
    "issue": {"number": 0, "pull_request": {"url": 0}},
    "workflow_run": {**OTHER_RUN, "event": 0},
    "check_run": {**OTHER_RUN, "check_suite": {"head_branch": 0}},
    "check_suite": OTHER_RUN,
    "merge_group": {"head_sha": 0, "head_ref": 0, "base_ref": 0},
    "deployment": {"sha": 0, "ref": 0, "environment": 0},
    "release": {"tag_name": 0, "target_commitish": 0},
}
# All that start a workflow: https://docs.github.com/en/actions/reference/workflows-and-actions/events-that-trigger-workflows
EVENTS = (
    "branch_protection_rule",
    "check_run",
    "check_suite",
    "create",
    "delete",
    "deployment",
    "deployment_status",
    "discussion",
    "discussion_comment",
    "fork",
    "gollum",
    "issue_comment",
    "issues",
    "label",
    "merge_group",
    "milestone",
    "page_build",
    "public",
    "pull_request",
    "pull_request_review",
    "pull_request_review_comment",
    "push",
    "registry_package",
    "release",
    "repository_dispatch",
    "status",
    "watch",
    "workflow_dispatch",
    "workflow_run",
)


def main(package: Path) -> None:
    """Write ``payloads.json``: event name -> payloads, without those that look alike after the cut."""
    examples = json.loads((package / "api.github.com" / "index.json").read_text())
    kept: dict[str, list[Any]] = {}
    for each in examples:
        if each["name"] in EVENTS:
            cut = [_cut(payload, KEPT) for payload in each["examples"]]
            kept[each["name"]] = [one for i, one in enumerate(cut) if one not in cut[:i]]
    text = json.dumps(kept, indent=1, sort_keys=True) + "\n"
    (HERE / "payloads.json").write_text(text, encoding="utf-8")


def _cut(value: Any, kept: Any) -> Any:
    if isinstance(value, list):
        return [_cut(each, kept) for each in value]
    if not isinstance(value, dict) or not isinstance(kept, dict):
        return value
    return {name: _cut(value[name], kept[name]) for name in kept if name in value}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
