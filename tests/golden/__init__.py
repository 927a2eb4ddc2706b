"""What each story of `tests/support/stories.py` looks like in every report."""
