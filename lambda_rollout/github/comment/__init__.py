"""The comment on its way to the pull request: which one, how it is written, what can fail."""

STATE = "comment"
"""The name under which a later stage finds where the rollout is told."""
