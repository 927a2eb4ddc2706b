"""What people read: the log's lines, summary, comment, outputs and JSON report. Pure: made of events."""
