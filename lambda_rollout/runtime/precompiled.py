"""What `dataclasses` would compile at each start, compiled once, as Python's own ``__pycache__`` does for modules.

Python writes the methods of a dataclass as text and compiles that when the class is made: 85% of what the class costs,
and a quarter of the way to the first request. The image holds what comes of it, found by the very text. Where the text
or the file is not there, or the file is of another Python, it is compiled as ever. So nothing can come out of date, and
no class behaves otherwise.

``python -m lambda_rollout.runtime.precompiled`` writes the file, beside this module's own bytecode.
"""

from __future__ import annotations

import dataclasses
import marshal
import sys
from collections.abc import Mapping
from types import CodeType
from typing import Any

FILE = f"{__file__.rpartition('/')[0]}/__pycache__/dataclasses.{sys.implementation.cache_tag}.bin"

_PLAIN = 2
"""marshal's format without references: the same bytes from every build."""


def use(path: str = FILE) -> int:
    """Let `dataclasses` take from a file what is there; return how many texts that are. Never raises."""
    compiled = _read(path)
    if compiled:
        vars(dataclasses)["exec"] = _executor(compiled)
    return len(compiled)


def _read(path: str) -> Mapping[str, bytes]:
    """Return text -> marshalled code; empty if there is none for this very Python."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - pathlib comes later, if at all
            version, compiled = marshal.loads(file.read())  # noqa: S302 - trusted as the bytecode beside it
    except (OSError, ValueError, TypeError, EOFError):
        return {}
    return compiled if version == sys.version and isinstance(compiled, dict) else {}


def _executor(compiled: Mapping[str, bytes]) -> Any:
    """Return what stands for ``exec`` in `dataclasses`."""

    def execute(source: str, *scopes: Any) -> None:
        code = compiled.get(source)
        exec(source if code is None else marshal.loads(code), *scopes)  # noqa: S102, S302

    return execute


def write(path: str = FILE) -> int:
    """Import every module of the package, and write what that lets `dataclasses` compile; return how many texts."""
    import importlib
    import pkgutil

    compiled: dict[str, bytes] = {}

    def execute(source: str, *scopes: Any) -> None:
        code: CodeType = compile(source, "<string>", "exec", dont_inherit=True)
        compiled[source] = marshal.dumps(code, _PLAIN)
        exec(code, *scopes)  # noqa: S102

    vars(dataclasses)["exec"] = execute
    try:
        package = importlib.import_module("lambda_rollout")
        for module in pkgutil.walk_packages(package.__path__, "lambda_rollout."):
            importlib.import_module(module.name)
    finally:
        del vars(dataclasses)["exec"]
    with open(path, "wb") as file:  # noqa: PTH123
        file.write(marshal.dumps((sys.version, dict(sorted(compiled.items()))), _PLAIN))
    return len(compiled)


if __name__ == "__main__":
    write()
