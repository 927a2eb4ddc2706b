"""Benchmarks: each module with a ``run()`` is one. ``make bench``, or ``python -m benchmarks [NAME ...]``."""
