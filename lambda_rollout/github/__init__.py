"""GitHub, seen from inside a job: the runner's files and commands."""
