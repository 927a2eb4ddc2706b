"""What main leaves for the post stage, saved before main's first write and again at every turn.

The post stage may run after main was killed, or while a lost container of it still runs. It obeys this
and never the inputs, which the runner evaluates anew for it: see ``ContainerActionHandler`` in
https://github.com/actions/runner.
"""

from __future__ import annotations

import json
import shlex
import zlib
from base64 import b64decode, b64encode
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from enum import StrEnum

from lambda_rollout.alias.routing import Routing, Target, routing_of

KEY = "rollout"
"""The name under which it stands in GITHUB_STATE; the post stage sees it as ``STATE_rollout``."""


LARGEST = 128 * 1024 - len(f"STATE_{KEY}=") - 1
"""Bytes that one variable of a process can hold: Linux starts none whose ``NAME=value`` is longer than 128 KiB with its
end (MAX_ARG_STRLEN, execve(2)), and the post stage would be such a process, as is the client that starts it."""

LARGEST_PLAIN = 16 * 1024
"""Bytes up to which it stands there as it is, to be read by people too."""

LARGEST_UNPACKED = 16 * 1024 * 1024
"""Bytes that are unpacked at most: the variable may be somebody else's making."""

PACKED = "zlib:"


class Phase(StrEnum):
    """How far main was, that is: what is to be made of an alias that it left."""

    RESTORING = "restoring"
    """What a dead run left is being put back, before anything of ours: to be judged anew."""
    MOVING = "moving"
    """Between the look at the alias and the last verdict: back to the old version."""
    CLEARING = "clearing"
    """Every watch was passed: forward, only the record is still to be cleared."""
    HOLDING = "holding"
    """It is to stay split, marked as held."""
    ROLLING_BACK = "rolling-back"
    """A verdict said to go back: to the old version, whatever ``on-cancel`` says."""
    DEPLOYING = "deploying"
    """CodeDeploy shifts it, and goes on without us."""
    STOPPING = "stopping"
    """CodeDeploy's deployment is to be stopped, and its rollback seen through."""
    DONE = "done"
    """Nothing is left to do."""


@dataclass(frozen=True, slots=True)
class SavedAlias:
    """One alias that main has, or may have, touched."""

    function: str
    alias: str
    old: str
    """The version to go back to."""
    new: str
    """The new version; empty while it is not published yet."""
    text: str
    """The owner's description, whole."""
    attempted_percents: tuple[str, ...] = ()
    """The percentages that main set out to write so far, in order."""
    rollout_id: str = ""
    """The id in the record on this alias."""
    taken_over_from: str = ""
    """The id in the record that main found there, if it went on with a held or a dead run's rollout."""
    arn: str = ""
    """The alias's ARN, as AWS answered it: other credentials than main's do not reach a namesake with it."""

    @property
    def target(self) -> Target:
        """The alias in question."""
        return Target(self.function, self.alias)

    @property
    def routings(self) -> tuple[Routing, ...]:
        """Every routing that main may have given the alias, the one to go back to included."""
        shifted = (
            routing_of(self.old, self.new, Decimal(percent)) for percent in self.attempted_percents
        )
        return (Routing.all_on(self.old), *shifted)


@dataclass(frozen=True, slots=True)
class SavedState:
    """Everything the post stage needs."""

    phase: Phase
    region: str
    role_to_assume: str
    hold_on_cancel: bool
    aliases: tuple[SavedAlias, ...]
    deployment: DeploymentRef | None = None
    """CodeDeploy's deployment, if one shifts the alias."""
    previous_alias: str = ""
    """As the input ``previous-alias``."""
    guardians: tuple[str, ...] = ()
    """ARNs of guardians that the alarms invoke (docs/guardian.md): they watch what is held."""

    def to_json(self) -> str:
        """Return it as one line of ASCII: JSON, packed if it is long.

        The owner's descriptions are left out if they would make it longer than `LARGEST`: the aliases are put back
        without them, and keep the description that they have then, less our record.
        """
        plain = json.dumps(asdict(self), separators=(",", ":"))
        if len(plain) <= LARGEST_PLAIN:
            return plain
        packed = _packed(self)
        if len(packed) <= LARGEST:
            return packed
        return _packed(
            replace(self, aliases=tuple(replace(each, text="") for each in self.aliases))
        )

    @classmethod
    def from_json(cls, text: str) -> SavedState:
        """Read `to_json`'s line. Raises ValueError if it is not one."""
        try:
            fields = json.loads(_unpacked(text))
            saved_aliases = tuple(
                SavedAlias(**{**each, "attempted_percents": tuple(each["attempted_percents"])})
                for each in fields.pop("aliases")
            )
            ref = fields.pop("deployment", None)
            deployment = DeploymentRef(**ref) if ref else None
            phase = Phase(fields.pop("phase"))
            guardians = tuple(map(str, fields.pop("guardians", ())))
            return cls(
                phase=phase,
                aliases=saved_aliases,
                deployment=deployment,
                guardians=guardians,
                **fields,
            )
        except (AttributeError, KeyError, TypeError, ValueError, zlib.error) as error:
            raise ValueError(f"not a saved rollout: {text[:80]!r}") from error


def _packed(saved_state: SavedState) -> str:
    # Escaped, a letter that is not ASCII would take 6 or 12 bytes, and pack badly.
    text = json.dumps(asdict(saved_state), separators=(",", ":"), ensure_ascii=False)
    return PACKED + b64encode(zlib.compress(text.encode("utf-8", "surrogatepass"), 9)).decode()


def _unpacked(text: str) -> str:
    """Undo `_packed`. Raises ValueError or `zlib.error` for what is none of it."""
    if not text.startswith(PACKED):
        return text
    unpacking = zlib.decompressobj()
    content = unpacking.decompress(b64decode(text.removeprefix(PACKED)), LARGEST_UNPACKED)
    if not unpacking.eof:
        raise ValueError("too long, or cut off")
    return content.decode("utf-8", "surrogatepass")


@dataclass(frozen=True, slots=True)
class DeploymentRef:
    """Where a deployment is: the application, its deployment group and, once known, its id."""

    application: str
    group: str
    deployment: str = ""

    def __str__(self) -> str:
        """Say it in words."""
        name = f"deployment {self.deployment}" if self.deployment else "the deployment"
        return f"CodeDeploy {name} ({self.application}/{self.group})"

    def stop_command(self, region: str) -> str:
        """Return the AWS CLI command that stops it and rolls it back; empty while there is no id."""
        words = ["aws", "deploy", "stop-deployment", "--region", region]
        words += ["--deployment-id", self.deployment, "--auto-rollback-enabled"]
        return shlex.join(words) if self.deployment else ""
