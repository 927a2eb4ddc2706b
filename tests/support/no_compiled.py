"""A plugin for pytest that hides the compiled libraries that the image leaves out: `-p tests.support.no_compiled`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from types import ModuleType

LEFT_OUT = ("cryptography", "nacl", "cffi", "_cffi_backend")


class Hidden(MetaPathFinder):
    """Finds none of them, and lets nobody else look."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> None:
        if fullname.partition(".")[0] in LEFT_OUT:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)


def hide() -> None:
    """Hide them from now on, in this process. Not by being imported: a test's own process goes on to use them."""
    sys.meta_path.insert(0, Hidden())


pytest_configure = hide
