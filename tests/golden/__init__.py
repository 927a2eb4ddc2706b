"""What each story of `tests/unit/stories.py` looks like in every report."""
