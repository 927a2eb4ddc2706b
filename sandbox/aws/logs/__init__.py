"""CloudWatch Logs: groups, streams and events, and what a function writes into them."""

from sandbox.aws.logs.model import Event, Group, Logs

__all__ = ["Event", "Group", "Logs"]
