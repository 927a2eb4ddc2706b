"""Where Lambda finds code that is not in the request: objects in S3 and images in ECR.

No S3 and no ECR answers here; a test puts there what Lambda is to find. Messages are AWS's own, as users
quote them (https://github.com/serverless/serverless/issues/13208,
https://github.com/appleboy/lambda-action/issues/28).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property

from sandbox.aws.errors import AwsError
from sandbox.aws.lambda_.code import Code


class Image(Code):
    """A container image, as the package of Python modules that it would run."""

    @cached_property
    def sha256(self) -> str:
        """The image's digest in hex, as CodeSha256 shows it."""
        return hashlib.sha256(self.data).hexdigest()


@dataclass
class Sources:
    """One Region's buckets, all with versioning, and its image repositories."""

    objects: dict[tuple[str, str], list[bytes]] = field(default_factory=dict)
    """By bucket and key, oldest first; the version id of the first is ``v1``."""
    removed: set[tuple[str, str, str]] = field(default_factory=set)
    """By bucket, key and version id."""
    images: dict[str, bytes] = field(default_factory=dict)
    """By URI."""

    def put(self, bucket: str, key: str, data: bytes) -> str:
        """Put an object; return its version id."""
        versions = self.objects.setdefault((bucket, key), [])
        versions.append(data)
        return f"v{len(versions)}"

    def object(self, bucket: str, key: str, version: str | None) -> Code:
        """Get an object; the newest version unless one is named."""
        if all(bucket != known for known, _ in self.objects):
            raise _not_got("NoSuchBucket", "The specified bucket does not exist")
        if (bucket, key) not in self.objects:
            raise _not_got("NoSuchKey", "The specified key does not exist.")
        versions = {f"v{n}": data for n, data in enumerate(self.objects[bucket, key], start=1)}
        if version is not None and version not in versions:
            raise _not_got("NoSuchVersion", "The specified version does not exist.")
        return Code(versions[version or f"v{len(versions)}"])

    def has(self, bucket: str, key: str, version: str) -> bool:
        """Whether the object is there."""
        return (bucket, key, version) not in self.removed and (bucket, key) in self.objects

    def remove(self, bucket: str, key: str, version: str) -> None:
        """Delete one version of an object."""
        self.removed.add((bucket, key, version))

    def image(self, uri: str) -> Code:
        """Pull an image."""
        if uri not in self.images:
            raise _invalid(f"Source image {uri} does not exist. Provide a valid source image.")
        return Image(self.images[uri])


def _not_got(code: str, message: str) -> AwsError:
    return _invalid(
        f"Error occurred while GetObject. S3 Error Code: {code}. S3 Error Message: {message}"
    )


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterValueException", message)
