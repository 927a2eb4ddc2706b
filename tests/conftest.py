"""Settings that every test shares: how hypothesis searches, and what is counted over all tests."""

import os
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from sandbox.runner.runner import compiled

# No deadline: a machine with two cores and four test runs on it is slow now and then.
settings.register_profile(
    "local", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
# Where a red run must mean the commit and not the dice.
settings.register_profile("ci", parent=settings.get_profile("local"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


@pytest.fixture(scope="session", autouse=True)
def models_are_read_once() -> Iterator[None]:
    """Let botocore's sessions share what they read of its data: tests make hundreds of them, and it is megabytes.

    The clients of one session share it anyway.
    """
    loader: Any = getattr(sys.modules.get("botocore.loaders"), "Loader", None)
    if loader is None:
        yield
        return
    read: dict[Any, Any] = {}
    make = loader.__init__

    def sharing(self: Any, *arguments: Any, **named: Any) -> None:
        make(self, *arguments, **named)
        self._cache = read

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loader, "__init__", sharing)
        yield


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """Compile the action before there are workers, which would all do it at the same time."""
    compiled()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the sums of what tests recorded as ``record_property("count", [what, how many])``."""
    sums = Counter[str]()
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, value in getattr(report, "user_properties", ()):
                if name == "count" and getattr(report, "when", "") == "call":
                    sums[value[0]] += value[1]
    for what, many in sums.items():
        terminalreporter.write_line(f"{many:>6}  {what}")
