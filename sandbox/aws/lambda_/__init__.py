"""Lambda: functions whose Python code really runs, versions, aliases that route by weight."""

from sandbox.aws.lambda_.model import Lambda

__all__ = ["Lambda"]
