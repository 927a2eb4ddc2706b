"""The ``package`` input: new code to upload before publishing, read and checked before the first AWS call.

Limits: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html and
https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionCode.html.
"""

from __future__ import annotations

import re
import zipfile
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from io import BytesIO
from pathlib import Path

from lambda_rollout.inputs.by_function import is_by_function, split_by_function
from lambda_rollout.inputs.files import content_of, opened, size_of
from lambda_rollout.inputs.names import FUNCTION_PATTERN
from lambda_rollout.inputs.text import Mistake, Mistakes, has_control_character, split_lines

# https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionCode.html
_S3_OBJECT = re.compile(r"s3://[0-9A-Za-z._-]{3,63}/[^?]+(?:\?versionId=[^?&#\s]+)?")
_IMAGE = re.compile(
    r"[a-z0-9-]+(?:\.[a-z0-9-]+)+(?::[0-9]+)?/[a-z0-9._/-]+"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?"
)

# Lines that were written with commas in between: no path.
_NEXT_LINE = re.compile(rf",\s*{FUNCTION_PATTERN}\s*:(?!//)")

LARGEST_ZIP = 52_428_800
"""Bytes of a ``.zip`` that can be sent directly; AWS: "Zipped size must be smaller than 52428800 bytes"."""


@dataclass(frozen=True, slots=True)
class Zip:
    """The bytes of a ``.zip`` or ``.jar``, as they lay in the workspace at the start."""

    path: str
    content: bytes = field(repr=False)

    @property
    def code_sha256(self) -> str:
        """The SHA-256 of the bytes as Lambda tells it, in base64.

        https://docs.aws.amazon.com/lambda/latest/api/API_FunctionConfiguration.html (CodeSha256).
        """
        return b64encode(sha256(self.content).digest()).decode()


@dataclass(frozen=True, slots=True)
class S3Object:
    """A ``.zip`` in S3, in the function's Region."""

    bucket: str
    key: str
    version: str
    """The object's version id; empty for the newest."""


@dataclass(frozen=True, slots=True)
class Image:
    """A container image in ECR."""

    uri: str


Package = Zip | S3Object | Image


@dataclass(frozen=True, slots=True)
class NewCode:
    """Which function gets which package."""

    function: str
    """As in ``function-name``."""
    package: str
    """Where it lies, as it was written; still to be read."""


@dataclass(frozen=True, slots=True)
class CodeStorage:
    """How a function's code is kept: what an upload that does not repeat it would take away.

    https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionCode.html: without a key AWS's own is used from
    then on, and without a mode the code is copied.
    """

    key: str = ""
    """SourceKMSKeyArn: the customer's key that the package is encrypted with; empty for AWS's own."""
    by_reference: bool = False
    """S3ObjectStorageMode REFERENCE: the code stays in the customer's bucket, and is gone when its object is."""
    lost: str = ""
    """Why AWS cannot get at the code; empty if it can, or has a copy."""

    def wants(self, package: Package) -> str:
        """Say what ``package`` would have to be for the code to be kept as it is; empty if it is that."""
        named = isinstance(package, S3Object) and package.version
        if not self.by_reference or named or isinstance(package, Image):
            return ""
        return (
            "an object in a bucket with versioning, with its version: s3://bucket/key?versionId=…"
        )


def parse_package(text: str, functions: Sequence[str]) -> tuple[NewCode, ...]:
    """Read which function gets which new code: one package for all ``functions``, or one a line.

    A package is a ``.zip`` or ``.jar``, ``s3://…`` or a container image. Nothing gives none. Without ``functions``
    (they could not be read) one for all is said of a function without a name.

    Raises:
        Mistakes: it is none of them, or is said of a function that is not rolled out. Whether it exists is for AWS and
            the file system to say.
    """
    if not text:
        return ()
    # No package is written over several lines.
    if not (is_by_function(text) or len(split_lines(text)) > 1):
        _check_place(text)
        return tuple(NewCode(function, text) for function in functions or ("",))
    given = split_by_function(text, functions, "PACKAGE")
    mistakes: list[Mistake] = []
    for place in dict.fromkeys(given.values()):
        try:
            _check_place(place)
        except Mistakes as found:
            mistakes.extend(found.mistakes)
    if mistakes:
        raise Mistakes(*mistakes)
    return tuple(NewCode(function, place) for function, place in given.items())


def _check_place(text: str) -> None:
    if text.startswith("s3://"):
        remedy = "Write s3://BUCKET/KEY, or s3://BUCKET/KEY?versionId=ID."
        is_one = _S3_OBJECT.fullmatch(text) is not None
    elif _NEXT_LINE.search(text):
        remedy, is_one = "Write one FUNCTION: PACKAGE on each line.", False
    else:
        remedy = "Write the path of a .zip or .jar file, s3://BUCKET/KEY, or the URI of an image."
        is_one = is_file(text) or _IMAGE.fullmatch(text) is not None
    if not is_one or has_control_character(text):
        raise Mistakes(Mistake(text, remedy))


def is_file(text: str) -> bool:
    """Whether ``package`` names a file by its ending; what it really is, its content decides.

    A ``.jar`` is a zip: https://docs.aws.amazon.com/lambda/latest/dg/java-package.html.
    """
    return text.lower().endswith((".zip", ".jar"))


def read_package(text: str, workspace: Path) -> Package:
    """Read what ``text`` names; a path is relative to ``workspace`` and must stay inside it.

    Raises:
        Mistakes: there is no such file, it is no zip, too large, or outside of the workspace.
    """
    if text.startswith("s3://"):
        place, _, version = text.removeprefix("s3://").partition("?versionId=")
        bucket, _, key = place.partition("/")
        return S3Object(bucket, key, version)
    if not is_file(text):
        return Image(text)
    return Zip(text, _content(text, workspace))


def _content(text: str, workspace: Path) -> bytes:
    with opened(text, workspace) as descriptor:
        if (size := size_of(descriptor)) >= LARGEST_ZIP:
            remedy = f"It has {size} bytes, and Lambda takes less than {LARGEST_ZIP} directly: put it in S3."
            raise Mistakes(Mistake(text, remedy))
        content = content_of(descriptor, LARGEST_ZIP)
    if content is None or not zipfile.is_zipfile(BytesIO(content)):
        remedy = "It is not a zip file, whatever its name: build a .zip or .jar, and name that."
        raise Mistakes(Mistake(text, remedy))
    return content
