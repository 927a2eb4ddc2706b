"""HTTP requests as AWS's SDKs send them, and the answers they can read.

Everything is derived from botocore's own service models: where a request goes, what its
parts mean, how an answer is written. Each service speaks the protocol that the request
used: Lambda REST-JSON, CloudWatch JSON 1.0 or Query, CodeDeploy JSON 1.1, STS Query. Every answer is checked
against the model before it leaves.
"""

from sandbox.aws.wire.exchange import Call, Reply, error, read, write

__all__ = ["Call", "Reply", "error", "read", "write"]
