"""Where in the function's own code an error came from: one place out of a stack trace. Pure.

Python writes the innermost frame last, all others first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

MOST_OF_PLACE = 100
"""Characters of a place."""

_PYTHON = re.compile(r'^[ \t]*File "([^"]+)", line (\d+)', re.MULTILINE)
_SYNTAX = re.compile(r'^[ \t]*File "([^"]+)" Line (\d+)', re.MULTILINE)
_NODE = re.compile(r"^[ \t]*at (?:.*\()?(?:file://)?([^\s():]+):(\d+):\d+\)?[ \t]*$", re.MULTILINE)
_JAVA = re.compile(r"^[ \t]*(?:at )?([\w.$/]+)\(([\w$]+\.\w+):(\d+)\)", re.MULTILINE)
_DOTNET = re.compile(r"^[ \t]*at .* in (\S.*):line (\d+)[ \t]*$", re.MULTILINE)
_RUBY = re.compile(r"^[ \t]*(?:from )?(/[^\s:]+\.rb):(\d+):in ", re.MULTILINE)
_GO = re.compile(r"^[ \t]*(\S+\.go):(\d+)", re.MULTILINE)

_NOT_OWN = re.compile(
    r"node_modules/|^node:|site-packages/|^/opt/|^/var/(?:runtime|lang)/|/gems/|^/usr/|^<|aws-lambda-(?:go|ruby)|"
    r"^(?:java|javax|jdk|sun|kotlin|scala)[./]|^com\.amazonaws\.services\.lambda\.|^lambdainternal\.|^runtime/"
)
_LAMBDAS = re.compile(r"^/var/(?:runtime|lang)/|^node:|^<|aws-lambda-(?:go|ruby)")
"""What belongs to the runtime, and says nothing even where it is all that there is."""

_TASK = "/var/task/"


def place(stack: str) -> str:
    """Return file and line of the innermost frame that is the function's own, or else of the innermost one."""
    # Only the languages of managed runtimes: what anybody else writes is his.
    for pattern in (_PYTHON, _SYNTAX):
        if found := [(path, line) for path, line in pattern.findall(stack)]:
            return _chosen(reversed(found))
    if methods := [(found[1], found[2], found[3]) for found in _JAVA.finditer(stack)]:
        own = [each for each in methods if not _NOT_OWN.search(each[0])]
        _, file, line = (own or methods)[0]
        return f"{file}:{line}"[:MOST_OF_PLACE]
    for pattern in (_DOTNET, _NODE, _RUBY, _GO):
        if found := pattern.findall(stack):
            return _chosen(found)
    return ""


def place_of_frames(frames: Iterable[Mapping[str, object]]) -> str:
    """Return the same of frames that are told as objects, as Go's runtime does (``path``, ``line``)."""
    found = [
        (path, str(line))
        for path, line in ((frame.get("path"), frame.get("line")) for frame in frames)
        if isinstance(path, str) and isinstance(line, int) and not isinstance(line, bool)
    ]
    return _chosen(found) if found else ""


def _chosen(frames: Iterable[tuple[str, str]]) -> str:
    known = [frame for frame in frames if not _LAMBDAS.search(frame[0])]
    own = (frame for frame in known if not _NOT_OWN.search(frame[0]))
    path, line = next(own, known[0] if known else ("", ""))
    return f"{_short(path)}:{line}"[:MOST_OF_PLACE] if path else ""


def _short(path: str) -> str:
    """Take away where Lambda unpacks the code; of a path on the machine that built it keep the file."""
    if _TASK in path:
        return path.rpartition(_TASK)[2]
    return re.split(r"[/\\]", path)[-1] if path.startswith("/") or "\\" in path else path
