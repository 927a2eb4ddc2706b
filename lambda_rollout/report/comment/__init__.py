"""The comment on the pull request, as Markdown."""
