"""What `package` may name, and what is refused before the first AWS call."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lambda_rollout.inputs.package import (
    LARGEST_ZIP,
    Image,
    NewCode,
    S3Object,
    Zip,
    parse_package,
    read_package,
)
from lambda_rollout.inputs.problems import InputErrors
from lambda_rollout.inputs.read import read_inputs, variable
from lambda_rollout.inputs.text import Mistakes
from tests.support.code import package


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    (folder / "build").mkdir(parents=True)
    (folder / "build" / "new.zip").write_bytes(package())
    return folder


def refused(text: str, workspace: Path) -> str:
    with pytest.raises(Mistakes) as caught:
        read_package(text, workspace)
    (mistake,) = caught.value.mistakes
    assert mistake.given == text
    return mistake.remedy


@pytest.mark.parametrize("text", ["build/new.zip", "./build/new.zip", "build/../build/new.zip"])
def test_a_zip_in_the_workspace_is_read(text: str, workspace: Path) -> None:
    assert read_package(text, workspace) == Zip(text, package())


@pytest.mark.parametrize("name", ["new.jar", "NEW.JAR", "new.Zip"])
def test_a_jar_is_a_zip_and_the_content_decides(name: str, workspace: Path) -> None:
    (workspace / name).write_bytes(package())
    assert parse_package(name, ("checkout",)) == (NewCode("checkout", name),)
    assert read_package(name, workspace) == Zip(name, package())
    (workspace / name).write_bytes(b"not a zip")
    assert "not a zip file" in refused(name, workspace)


def test_an_absolute_path_in_the_workspace_is_read(workspace: Path) -> None:
    text = str(workspace / "build" / "new.zip")
    assert read_package(text, workspace) == Zip(text, package())


def test_a_link_that_stays_in_the_workspace_is_followed(workspace: Path) -> None:
    (workspace / "link.zip").symlink_to("build/new.zip")
    assert read_package("link.zip", workspace) == Zip("link.zip", package())


@pytest.mark.parametrize(
    "text", ["missing.zip", "build/new.zip/more.zip", "a\0b.zip", "x" * 300 + ".zip"]
)
def test_what_is_not_there_is_refused(text: str, workspace: Path) -> None:
    assert "no such file" in refused(text, workspace)


def test_a_link_in_a_circle_is_refused(workspace: Path) -> None:
    (workspace / "loop.zip").symlink_to("loop.zip")
    assert "no such file" in refused("loop.zip", workspace)


@pytest.mark.parametrize("absolute", [False, True])
def test_a_path_out_of_the_workspace_is_refused(workspace: Path, *, absolute: bool) -> None:
    outside = workspace.parent / "outside.zip"
    outside.write_bytes(package())
    text = str(outside) if absolute else "../outside.zip"
    assert "outside of the workspace" in refused(text, workspace)


@pytest.mark.parametrize("of", ["file", "folder"])
def test_a_link_out_of_the_workspace_is_refused(of: str, workspace: Path) -> None:
    outside = workspace.parent / "elsewhere"
    outside.mkdir()
    (outside / "new.zip").write_bytes(package())
    if of == "file":
        (workspace / "out.zip").symlink_to(outside / "new.zip")
        text = "out.zip"
    else:
        (workspace / "out").symlink_to(outside)
        text = "out/new.zip"
    assert "outside of the workspace" in refused(text, workspace)


SWAP = """
import os, sys
from pathlib import Path
from lambda_rollout.inputs.package import read_package
from lambda_rollout.inputs.text import Mistakes
workspace, swapped, link_to = map(Path, sys.argv[1:])
def swap(event, arguments):
    if event == "open" and str(arguments[0]).endswith(swapped.name) and not swapped.is_symlink():
        swapped.rename(swapped.with_name("moved"))
        swapped.symlink_to(link_to)
sys.addaudithook(swap)
try:
    print(read_package("build/new.zip", workspace))
except Mistakes as found:
    print(found.mistakes[0].remedy)
print(swapped.is_symlink())
"""


@pytest.mark.parametrize("swapped", ["build/new.zip", "build"])
def test_a_link_that_is_put_there_while_it_is_opened_is_not_followed(
    swapped: str, workspace: Path
) -> None:
    """By another step's process that still runs: the moment before the file, or its folder, is opened."""
    outside = workspace.parent / "outside"
    outside.mkdir()
    (outside / "new.zip").write_bytes(package())
    link_to = outside / "new.zip" if swapped.endswith(".zip") else outside
    done = subprocess.run(
        [sys.executable, "-c", SWAP, str(workspace), str(workspace / swapped), str(link_to)],
        cwd=Path(__file__).parents[3],
        check=True,
        capture_output=True,
        text=True,
    )
    said, was_swapped = done.stdout.splitlines()
    assert was_swapped == "True"
    assert "no such file" in said


def test_a_sibling_whose_name_begins_like_the_workspace_is_outside(workspace: Path) -> None:
    sibling = workspace.parent / "workspace-2"
    sibling.mkdir()
    (sibling / "new.zip").write_bytes(package())
    assert "outside of the workspace" in refused("../workspace-2/new.zip", workspace)


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 cut off"])
def test_what_is_no_zip_is_refused(content: bytes, workspace: Path) -> None:
    (workspace / "bad.zip").write_bytes(content)
    assert "not a zip file" in refused("bad.zip", workspace)


def test_a_folder_or_a_pipe_is_refused_without_hanging(workspace: Path) -> None:
    (workspace / "folder.zip").mkdir()
    os.mkfifo(workspace / "pipe.zip")
    for text in ("folder.zip", "pipe.zip"):
        assert "not a zip file" in refused(text, workspace)


def test_one_that_is_too_large_is_refused_with_the_way_out(workspace: Path) -> None:
    for size, too_large in ((LARGEST_ZIP, True), (LARGEST_ZIP - 1, False)):
        with (workspace / "large.zip").open("wb") as file:
            file.write(package())
            file.truncate(size)  # a hole: it takes no room
        remedy = refused("large.zip", workspace)
        assert ("put it in S3" in remedy) is too_large


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("s3://builds/shop/new.zip", S3Object("builds", "shop/new.zip", "")),
        ("s3://builds/new.zip?versionId=a.B_1", S3Object("builds", "new.zip", "a.B_1")),
        ("s3://builds/what?is=this.zip", S3Object("builds", "what?is=this.zip", "")),
    ],
)
def test_an_object_in_s3_is_taken_apart(text: str, expected: S3Object, workspace: Path) -> None:
    assert read_package(text, workspace) == expected


def test_anything_else_is_an_image(workspace: Path) -> None:
    uri = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop@sha256:" + 64 * "0"
    assert read_package(uri, workspace) == Image(uri)


def test_its_bytes_are_never_shown() -> None:
    assert "PK" not in repr(Zip("new.zip", package()))


# Whose it is ---------------------------------------------------------------------------------------

BOTH = ("checkout", "arn:aws:lambda:eu-central-1:123456789012:function:refunds")
OTHER_FORM = "123456789012:function:checkout"
IMAGE = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop:7"


@pytest.mark.parametrize(
    "text", ["new.zip", "s3://builds/a.zip?versionId=v1", "s3://builds/s3: a", IMAGE]
)
def test_one_package_is_that_of_all(text: str) -> None:
    assert parse_package(text, BOTH) == tuple(NewCode(each, text) for each in BOTH)
    # The functions may be what could not be read: the package is looked at all the same.
    assert parse_package(text, ()) == (NewCode("", text),)


def test_each_function_may_have_its_own_package() -> None:
    text = f"refunds: s3://builds/a.zip\r\n\r\ncheckout :{IMAGE}\r\n"
    assert parse_package(text, BOTH) == (
        NewCode(BOTH[1], "s3://builds/a.zip"),
        NewCode("checkout", IMAGE),
    )
    # One without a line keeps what it has.
    assert parse_package(f"{BOTH[1]}: new.zip", BOTH) == (NewCode(BOTH[1], "new.zip"),)
    assert parse_package("s3:s3://builds/a.zip", ("s3",)) == (NewCode("s3", "s3://builds/a.zip"),)
    assert parse_package("", BOTH) == ()


@pytest.mark.parametrize(
    ("text", "given", "said"),
    [
        ("payments: a.zip", "payments", "not rolled out"),
        ("Checkout: a.zip", "Checkout", "Name one of function-name: 'checkout', "),
        (f"{OTHER_FORM}: a.zip", OTHER_FORM, "Write 'checkout', as function-name does."),
        ("checkout: a.zip\nrefunds:", "refunds:", "There is no package after the colon"),
        ("a.zip\nb.zip", "a.zip", "Write FUNCTION: PACKAGE"),
        ("checkout: a.zip\nb.zip", "b.zip", "Write FUNCTION: PACKAGE"),
        ("checkout: a.zip\ncheckout: b.zip", "checkout", "a line already"),
        (f"refunds: a.zip\n{BOTH[1]}: a.zip", BOTH[1], "a line already"),
        ("checkout: a.zip, refunds: b.zip", "a.zip, refunds: b.zip", "on each line"),
        (f"checkout: a.zip,{BOTH[1]}:b.zip", f"a.zip,{BOTH[1]}:b.zip", "on each line"),
        ("checkout:live: a.zip", "checkout:live: a.zip", "without a qualifier"),
        ("checkout: a.tar", "a.tar", "Write the path"),
        ("checkout: s3://b", "s3://b", "Write s3://BUCKET/KEY"),
        ("checkout: a.tar\nrefunds: a.tar", "a.tar", "Write the path"),
    ],
)
def test_what_is_no_line_of_a_package(text: str, given: str, said: str) -> None:
    with pytest.raises(Mistakes) as raised:
        parse_package(text, BOTH)
    mistake = raised.value.mistakes[0]
    assert mistake.given == given
    assert said in mistake.remedy


@pytest.mark.parametrize(
    "text", ["- checkout: a.zip\n- cart: b.zip", "checkout: a.zip,\ncart: b.zip,"]
)
def test_a_list_of_yaml_is_told_as_lines(text: str) -> None:
    given = {"function-name": "checkout, cart", "aws-region": "eu-central-1", "package": text}
    with pytest.raises(InputErrors) as raised:
        read_inputs({variable(name): value for name, value in given.items()})
    (problem,) = raised.value.problems
    assert r"Write 'checkout: a.zip\ncart: b.zip'" in problem.remedy
