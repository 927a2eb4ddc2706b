"""What people see: the log, the summary, the outputs and the JSON report, all made of the events."""
