"""An AWS profile with a ``credential_process``, as runners of one's own have it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

__all__ = ["Profile"]

PROCESS = """
import datetime, json, sys, time
with open(sys.argv[1], "a+") as runs:
    runs.write(".")
    runs.flush()
    runs.seek(0)
    run = len(runs.read())
{does}
end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds={lasts})
print(json.dumps(dict(Version=1, AccessKeyId=f"AKIA{{run}}", SecretAccessKey="s", SessionToken="t",
    Expiration=end.isoformat())))
"""


class Profile:
    """Its process issues credentials numbered by its runs, after it has done what it is told to."""

    def __init__(self, folder: Path) -> None:
        """Write it; its credentials last ten minutes."""
        self.script, self.log = folder / "process.py", folder / "runs"
        self._config = folder / "config"
        command = f"{sys.executable} {self.script} {self.log}"
        self._config.write_text(f"[default]\ncredential_process = {command}\n")
        self.does("pass")

    def does(self, what: str, lasts: float = 600) -> None:
        """Do this, one line of Python that may ask which ``run`` it is, before issuing some for so many seconds."""
        self.script.write_text(PROCESS.format(does=what, lasts=lasts))

    @property
    def environ(self) -> Mapping[str, str]:
        """The variables that make it the only source."""
        return {
            "AWS_ACCESS_KEY_ID": "",
            "AWS_SECRET_ACCESS_KEY": "",
            "AWS_CONFIG_FILE": str(self._config),
            "AWS_SHARED_CREDENTIALS_FILE": f"{self._config}-none",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    @property
    def runs(self) -> int:
        """How often it was run."""
        return len(self.log.read_text()) if self.log.exists() else 0
