"""Who can read what this run reports: the repository's visibility."""

from __future__ import annotations

from collections.abc import Mapping

from lambda_rollout.github.payload import event_payload

_PRIVATE = "private"


def is_private(environ: Mapping[str, str]) -> bool:
    """Whether the repository of this run is known to be private, so that only those who work on it read its runs.

    By the event's payload, where it speaks of this very repository (``visibility`` is ``public``, ``internal`` or
    ``private``; ``private`` is true of internal ones, too, which a whole enterprise can read). False where that is not
    known, as outside of GitHub.
    https://docs.github.com/en/repositories/creating-and-managing-repositories/about-repositories#about-repository-visibility
    """
    payload = event_payload(environ)
    name = payload.text("repository", "full_name")
    if not name or name.lower() != environ.get("GITHUB_REPOSITORY", "").lower():
        return False
    visibility = payload.text("repository", "visibility")
    if visibility:
        return visibility == _PRIVATE
    return payload.at("repository", _PRIVATE) is True
