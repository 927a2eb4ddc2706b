"""What everything stands on: time and stop, trying again, threads, errors, masking. Knows no alias."""
