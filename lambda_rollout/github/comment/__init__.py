"""The comment on its way to the pull request: which one, how it is written, what can fail."""
