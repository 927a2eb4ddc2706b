"""A small AWS: Lambda with aliases that route by weight, CloudWatch with alarms.

`World` is one account; it has two doors, `in_process` (a boto3 client that opens no
socket) and `http` (a server on 127.0.0.1).
"""

from sandbox.aws.errors import AwsError
from sandbox.aws.request import Request
from sandbox.aws.world import World

__all__ = ["AwsError", "Request", "World"]
