"""What a function's own log says of its errors: entries in, the most frequent errors out. Pure; docs/errors.md."""
