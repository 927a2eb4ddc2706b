from __future__ import annotations

import dataclasses
import marshal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lambda_rollout.runtime import precompiled

ROOT = Path(__file__).parents[3]

WRITE = """
import sys
from lambda_rollout.runtime.precompiled import write
print(write(sys.argv[1]))
"""
COUNT = """
import sys
from lambda_rollout.runtime import precompiled
precompiled.use(sys.argv[1])
sources = []
sys.addaudithook(lambda event, seen: event == "compile" and sources.append(seen[0]))
import lambda_rollout.app, lambda_rollout.rollout.rollout
from dataclasses import make_dataclass
make_dataclass("OfATest", ["unheard_of"], init=True, repr=False, eq=False)
print(sum("__create_fn__" in str(source) for source in sources))
"""


def says(code: str, path: Path) -> int:
    """The number that a fresh interpreter prints."""
    command = [sys.executable, "-B", "-c", code, str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("compiled") / "dataclasses.bin"
    assert says(WRITE, path) > 200
    return path


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    before = vars(dataclasses).get("exec")
    yield
    vars(dataclasses).pop("exec", None)
    if before is not None:
        vars(dataclasses)["exec"] = before


def made() -> str:
    @dataclasses.dataclass(frozen=True, slots=True)
    class Point:
        x: int
        y: int = 2

    with pytest.raises(dataclasses.FrozenInstanceError):
        Point(1).x = 3  # type: ignore[misc]
    assert Point(1) == Point(1, 2) != Point(1, 3)
    assert hash(Point(1)) == hash(Point(1, 2))
    return repr(Point(1)).rpartition(".")[2]


def test_no_class_of_ours_is_compiled_at_the_start_when_it_was_before(written: Path) -> None:
    # The one that the file does not have.
    assert says(COUNT, written) == 1


def test_what_is_not_in_the_file_is_compiled_as_ever(written: Path) -> None:
    assert precompiled.use(str(written)) > 200
    assert "exec" in vars(dataclasses)
    assert made() == "Point(x=1, y=2)"


@pytest.mark.long
def test_every_build_writes_the_same_bytes(written: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.bin"
    says(WRITE, again)
    assert again.read_bytes() == written.read_bytes()


def test_what_another_python_compiled_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "other.bin"
    path.write_bytes(marshal.dumps(("3.0.0 (another)", {"x = 1": b"..."})))
    assert precompiled.use(str(path)) == 0
    assert "exec" not in vars(dataclasses)
    assert made() == "Point(x=1, y=2)"


@pytest.mark.parametrize(
    "held",
    [b"", b"no marshal", marshal.dumps(7), marshal.dumps((sys.version, [1])), marshal.dumps((1,))],
)
def test_a_file_that_is_none_of_ours_is_not_used(tmp_path: Path, held: bytes) -> None:
    path = tmp_path / "broken.bin"
    path.write_bytes(held)
    assert precompiled.use(str(path)) == 0
    assert made() == "Point(x=1, y=2)"
