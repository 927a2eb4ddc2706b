"""Looking before the first write: what AWS would refuse, and what would make the watch blind.

`facts` are what was read, `CHECKS` are pure functions from facts to findings. `lambda_rollout.preflight.reader` gathers
the facts; docs/preflight.md says what each finding means.
"""
