"""``docs/gallery.md``: what the comment looks like at every ending, and on the way."""

from __future__ import annotations

from collections.abc import Iterable

CHAPTERS: dict[str, dict[str, str]] = {
    "On the way": {
        "now-getting-ready": "The version is being published",
        "now-at-10": "10%, in the GitHub environment `production`",
        "now-at-50": "50%, after earlier runs on the same pull request",
        "now-at-100": "100%, still watched",
        "now-extended": "A step is extended, because evidence is missing",
        "now-asking-a-hook": "A hook is asked after 100% was watched",
        "now-waiting-for-approval": "Held at 10%, watched, until somebody says yes or no",
        "now-told-to-go-on": "`mode: promote` tells it to go on",
        "now-going-on-as-planned": "That was refused, because evidence is missing",
        "now-alarm-fired": "An alarm fired a moment ago",
        "now-rolling-back": "Two functions are being rolled back",
    },
    "All is well": {
        "promoted": "Promoted",
        "with-history": "Promoted, after earlier runs",
        "told-to-go-on": "Promoted, as it was told to go on",
        "request-refused": "Promoted as planned, after it could not go on at once",
        "numbers-of-both-versions": "Promoted, with both versions' own numbers",
        "hooks-said-yes": "Promoted, and every hook said yes",
        "step-extended": "Promoted, after a step was extended",
        "no-alarms": "Promoted, with no alarm that watched it",
        "alarm-at-start-ignored": "Promoted, past an alarm that was in ALARM from before the start",
        "abandoned-and-restored": "Promoted, after an abandoned alias was restored",
        "created": "The alias was created",
        "published": "`mode: publish`: a version that passed its smoke test, and no traffic on it",
        "unchanged": "Nothing was new",
        "held": "Held",
        "held-with-a-guardian": "Held, and a guardian watches",
    },
    "Back to the old version": {
        "rolled-back-in-step-1": "An alarm fired",
        "errors-in-its-log": "Back, and what the new version's own log says of it",
        "errors-without-messages": "The same in a repository that is not known to be private",
        "rolled-back-at-100": "An alarm fired at 100%, and recovered between two reads",
        "rolled-back-by-guard": "A guard failed",
        "rolled-back-in-a-hold": "An alarm fired in a hold",
        "hold-is-over": "Nobody said yes before a hold was over",
        "hook-said-no": "A hook said no, and two functions went back",
        "alarm-not-evaluated": "An alarm that CloudWatch did not evaluate",
        "stopped-by-codedeploy": "CodeDeploy stopped, and rolled back",
        "several-functions": "Two functions, back together",
        "a-hundred-functions": "A hundred functions with two alarms each, one changed by somebody else",
        "cancelled-in-step-2": "The job was cancelled",
        "asked-for-rollback": "`mode: rollback` asked for it",
        "back-by-the-previous-alias": "`mode: rollback` by what `previous-alias` keeps",
    },
    "Something is wrong": {
        "smoke-test-failed": "The smoke test failed, and no traffic was shifted",
        "rollback-not-confirmed": "The rollback could not be confirmed",
        "left-in-parts": "One of two functions could not be rolled back",
        "taken-back-in-a-hold": "Somebody else took it back in a hold",
        "conflict": "Somebody else changed the alias",
        "cancelled-before-the-first-shift": "Cancelled before anything was shifted",
        "denied": "A permission is missing",
        "bad-inputs": "The inputs are wrong",
    },
    "Before anything is merged": {
        "plan": "`mode: plan`",
        "plan-wired-the-wrong-way": "`mode: plan`, with findings",
    },
}

HEAD = """# What the comment looks like

One comment on the pull request, edited as the rollout goes on. These are pictures of the golden files in
[`tests/golden/comment`](../tests/golden/comment), shown with GitHub's style sheet and Mermaid in Chromium;
`make gallery` makes them again. On the left as on a desk, on the right as on a phone at night.
"""


def document(names: Iterable[str]) -> str:
    """Return the page. Raises `ValueError` if it shows another set of comments than there is."""
    told = [name for chapter in CHAPTERS.values() for name in chapter]
    if sorted(told) != sorted(names):
        raise ValueError(f"other comments than CHAPTERS has: {sorted(set(told) ^ set(names))}")
    parts = [HEAD]
    for chapter, shown in CHAPTERS.items():
        parts.append(f"## {chapter}\n")
        for name, words in shown.items():
            parts.append(f"### {words}\n")
            parts.append(
                f'<img src="gallery/{name}-light-wide.webp" width="66%" '
                f'alt="{_alt(words)}, on a desk"> '
                f'<img src="gallery/{name}-dark-phone.webp" width="28%" '
                f'alt="{_alt(words)}, on a phone">\n'
            )
    return "\n".join(parts)


def _alt(words: str) -> str:
    return words.replace("`", "")
