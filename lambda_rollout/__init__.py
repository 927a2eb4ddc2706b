"""Shift an AWS Lambda alias to a new version step by step, and back if an alarm fires."""

__version__ = "1.0.0"
