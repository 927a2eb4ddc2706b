"""Who can read what a run reports."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lambda_rollout.github.repository import is_private


def known(tmp_path: Path, payload: Any, repository: str = "octo/shop") -> bool:
    path = tmp_path / "event.json"
    path.write_text(payload if isinstance(payload, str) else json.dumps(payload), encoding="utf-8")
    return is_private({"GITHUB_EVENT_PATH": str(path), "GITHUB_REPOSITORY": repository})


def repository(**fields: Any) -> dict[str, Any]:
    return {"repository": {"full_name": "octo/shop", **fields}}


@pytest.mark.parametrize(
    ("payload", "private"),
    [
        (repository(private=True, visibility="private"), True),
        (repository(private=True), True),
        (repository(private=True, visibility="internal"), False),
        (repository(private=False, visibility="public"), False),
        (repository(private="true"), False),
        (repository(private=1), False),
        (repository(), False),
        ({"repository": {"full_name": "octo/other", "private": True}}, False),
        ({"repository": {"private": True}}, False),
        ({"client_payload": repository(private=True)}, False),
        ({}, False),
        ("no JSON", False),
        ("[" * 100_000, False),
    ],
    ids=lambda value: str(value)[:60],
)
def test_only_what_the_event_says_of_this_very_repository_makes_it_private(
    tmp_path: Path, payload: Any, private: bool
) -> None:
    assert known(tmp_path, payload) is private


def test_names_are_alike_in_any_case(tmp_path: Path) -> None:
    assert known(tmp_path, repository(private=True), "Octo/Shop")


def test_without_an_event_it_is_not_known() -> None:
    assert not is_private({})
    assert not is_private({"GITHUB_EVENT_PATH": "/nowhere", "GITHUB_REPOSITORY": "octo/shop"})
