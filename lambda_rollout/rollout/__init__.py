"""The story of a rollout, in the order of its telling; its values, its events and its ports."""
