"""Settings that every test shares: how hypothesis searches."""

import os

from hypothesis import HealthCheck, settings

# No deadline: a machine with two cores and four test runs on it is slow now and then.
settings.register_profile(
    "local", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
# Where a red run must mean the commit and not the dice.
settings.register_profile("ci", parent=settings.get_profile("local"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")
