"""PyGithub, as far as we use it, without the compiled libraries that it asks for.

The image has none of them (requirements-excludes.txt). PyJWT, which signs for a GitHub App, does without cryptography
by itself. PyNaCl, which encrypts a repository's secrets, is imported by PyGithub as a whole: an empty module stands
in for it, everywhere alike, so that what is tested is what is shipped.

Imported late: PyGithub takes 0.3 s.
"""

from __future__ import annotations

import sys
from types import ModuleType


def _stand_in_for_pynacl() -> None:
    """Let PyGithub's ``from nacl import encoding, public`` find something; to use it is an AttributeError."""
    stand_in = ModuleType("nacl", "Not PyNaCl: nothing here encrypts.")
    for name in ("encoding", "public"):
        setattr(stand_in, name, ModuleType(f"nacl.{name}"))
    sys.modules.setdefault("nacl", stand_in)


_stand_in_for_pynacl()

from github import Auth, Github, GithubException  # noqa: E402 - the stand-in comes first

__all__ = ["Auth", "Github", "GithubException"]
