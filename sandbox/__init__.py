"""A small world to run a rollout in, on one machine. Not part of the image."""
