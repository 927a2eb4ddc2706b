"""PyGithub does its work without the libraries that the image leaves out."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.no_compiled import LEFT_OUT

ROOT = Path(__file__).parents[2]


def test_every_test_of_the_comment_passes_without_them() -> None:
    done = subprocess.run(
        [
            *(
                sys.executable,
                "-m",
                "pytest",
                "-p",
                "tests.support.no_compiled",
                "-p",
                "no:cacheprovider",
            ),
            *("-n", "0", "-q", "tests/github/test_comments.py", "tests/github/test_runs.py"),
        ],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


@pytest.mark.parametrize("name", LEFT_OUT)
def test_they_are_hidden_there(name: str) -> None:
    asked = f"from tests.support.no_compiled import hide\nhide()\nimport {name}"
    done = subprocess.run(
        [sys.executable, "-c", asked], cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert f"ModuleNotFoundError: No module named '{name}'" in done.stderr


def test_what_is_left_out_cannot_be_used_by_mistake() -> None:
    asked = (
        "import lambda_rollout.github.pygithub\n"
        "from github.PublicKey import encrypt\n"
        "encrypt('a2V5', 'secret')"
    )
    done = subprocess.run(
        [sys.executable, "-c", asked], cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert "AttributeError: module 'nacl.public'" in done.stderr
