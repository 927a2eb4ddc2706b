"""The inputs and the files that they name: all mistakes are told together, in the order of the inputs."""

from __future__ import annotations

from pathlib import Path

import pytest

from lambda_rollout.inputs.package import Zip
from lambda_rollout.inputs.problems import InputErrors
from lambda_rollout.inputs.read import variable
from lambda_rollout.inputs.read_all import read_all
from tests.support.code import package

LEAST = {"function-name": "checkout\nrefunds", "aws-region": "eu-central-1"}


def environ(workspace: Path, **inputs: str) -> dict[str, str]:
    given = {**LEAST, **{name.replace("_", "-"): text for name, text in inputs.items()}}
    return {
        "GITHUB_WORKSPACE": str(workspace),
        **{variable(name): text for name, text in given.items()},
    }


def wrong(workspace: Path, **inputs: str) -> list[tuple[str, str]]:
    with pytest.raises(InputErrors) as raised:
        read_all(environ(workspace, **inputs))
    return [(problem.input, problem.given) for problem in raised.value.problems]


def test_the_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "new.zip").write_bytes(package())
    (tmp_path / "order.json").write_text('{"order": 17}')
    text = "checkout: order.json\nrefunds: {}"
    _, files = read_all(environ(tmp_path, package="new.zip", smoke_test=text))
    assert files.packages == dict.fromkeys(["checkout", "refunds"], Zip("new.zip", package()))
    assert files.payloads == {"checkout": b'{"order": 17}', "refunds": b"{}"}
    _, files = read_all(environ(tmp_path, smoke_test="order.json"))
    assert set(files.payloads) == {"checkout", "refunds"}


def test_every_mistake_is_told_together_and_one_in_a_shared_file_once(tmp_path: Path) -> None:
    told = wrong(tmp_path, package="new.zip", smoke_test="none.json", alias="12")
    assert told == [("alias", "12"), ("package", "new.zip"), ("smoke-test", "none.json")]
    told = wrong(tmp_path, package="new.zip", smoke_test="checkout: a.json\nrefunds: b.json")
    assert told == [("package", "new.zip"), ("smoke-test", "a.json"), ("smoke-test", "b.json")]
    assert wrong(tmp_path, alias="12", smoke_test="refunds: none.json")[1:] == [
        ("smoke-test", "none.json")
    ]


def test_each_function_gets_the_package_of_its_line(tmp_path: Path) -> None:
    (tmp_path / "new.zip").write_bytes(package())
    _, files = read_all(environ(tmp_path, package="refunds: new.zip"))
    assert files.packages == {"refunds": Zip("new.zip", package())}
    text = "checkout: a.zip\nrefunds: b.zip"
    assert wrong(tmp_path, package=text) == [("package", "a.zip"), ("package", "b.zip")]
    shared = "checkout: a.zip\nrefunds: a.zip"
    assert wrong(tmp_path, package=shared, alias="12") == [("alias", "12"), ("package", "a.zip")]
    # Together with what is wrong with the functions themselves.
    told = wrong(tmp_path, package="a.zip", version="3", function_name="checkout:live")
    assert [name for name, _ in told] == ["function-name", "version", "package"]


@pytest.mark.parametrize("mode", ["promote", "rollback"])
def test_who_makes_no_version_needs_no_files(tmp_path: Path, mode: str) -> None:
    _, files = read_all(environ(tmp_path, mode=mode, package="no.zip", smoke_test="no.json"))
    assert (dict(files.packages), dict(files.payloads)) == ({}, {})


def test_what_could_not_be_read_is_not_looked_for(tmp_path: Path) -> None:
    assert wrong(tmp_path, smoke_test="payments: {}") == [("smoke-test", "payments")]
    assert wrong(tmp_path, mode="go", package="no.zip", smoke_test="no.json") == [("mode", "go")]
