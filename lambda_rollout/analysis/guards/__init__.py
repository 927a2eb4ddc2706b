"""Judging guards: the new version's own numbers in, one verdict for every guard and target out. Pure.

Which test, at which level, with which power, and what it cannot tell: docs/guards.md.
"""
