"""The job's summary, as Markdown."""
