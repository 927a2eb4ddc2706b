"""``make demo``: the action, run for real in the sandbox, on a good version and on a bad one.

``make demo-guardian``: what becomes of an alias that no job watches any more.
"""
