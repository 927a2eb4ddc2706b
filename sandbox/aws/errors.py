"""What AWS answers when it refuses."""

from __future__ import annotations


class AwsError(Exception):
    """An error answer of an AWS API.

    code: the error code as a client reads it, for example ``ResourceNotFoundException``.
    message: AWS's text, without any prefix of an SDK.
    status: the HTTP status, 400 unless told.
    """

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code} ({status}): {message}")
        self.code = code
        self.message = message
        self.status = status
