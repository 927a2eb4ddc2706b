"""The end of the credentials: told as soon as their renewal fails, and heeded while a rollback can still be signed."""

from __future__ import annotations

from datetime import timedelta

from lambda_rollout.analysis.credentials import CredentialsLife
from lambda_rollout.inputs.durations import readable_duration
from lambda_rollout.rollout.events import Warned
from lambda_rollout.rollout.ports import Ports
from lambda_rollout.runtime.clock import Clock
from lambda_rollout.runtime.errors import RolloutError
from lambda_rollout.runtime.retry import raise_if_stopped

LOOK_EVERY = 1.0
"""Seconds between two looks whether a renewal has succeeded, while nothing is shifted yet and nothing else is done."""

REMEDY = (
    "Find out why they could not be renewed, and start again. GitHub gives tokens for about six hours from the start of "
    "a job: a longer rollout has to `hold` and to be promoted in another job."
)


class CredentialsEnd(RolloutError):
    """The credentials end soon, and there are no newer ones: the last moment to leave every alias in order."""


def raise_if_ending(ports: Ports) -> CredentialsLife:
    """Say how long the credentials last. Raises `CredentialsEnd` if it is too late to wait for newer ones."""
    life, now = ports.life(), ports.clock.monotonic()
    if now < life.act_at:
        return life
    left = readable_duration(timedelta(seconds=max(0, round(life.ends_at - now))))
    why = life.failure or "their source has no newer ones"
    raise CredentialsEnd(
        f"the AWS credentials end in {left} and could not be renewed: {why}", REMEDY
    )


class Expiry:
    """Looks at the credentials again and again, and tells once that their renewal fails."""

    def __init__(self, ports: Ports) -> None:
        """Nothing is told yet."""
        self._ports = ports
        self._told = False

    def heed(self) -> str:
        """Return why nothing may go forward: a renewal fails; empty if none does.

        Raises `CredentialsEnd` if it is too late to wait for one that does not.
        """
        life = raise_if_ending(self._ports)
        if bool(life.failure) is not self._told:
            self._told = bool(life.failure)
            self._ports.emit(Warned(text=_telling(life, self._ports.clock)))
        return "the renewal of the AWS credentials" if life.failure else ""

    @property
    def next_moment(self) -> float:
        """When it will be too late if nothing changes, in monotonic seconds."""
        return self._ports.life().act_at

    def await_renewal(self) -> None:
        """Wait until no renewal fails. Raises as `heed`, and `Cancelled` on stop."""
        while self.heed():
            self._ports.clock.wait(LOOK_EVERY, self._ports.stop)
            raise_if_stopped(self._ports.stop)


def _telling(life: CredentialsLife, clock: Clock) -> str:
    if not life.failure:
        return "The AWS credentials are renewed again."
    ends, act = (_time(moment, clock) for moment in (life.ends_at, life.act_at))
    return (
        f"The AWS credentials could not be renewed: {life.failure}. It is tried again. Those at hand end at {ends} UTC: "
        f"no more traffic is shifted until they are renewed, and at {act} UTC the rollout ends while that can still be "
        "signed."
    )


def _time(moment: float, clock: Clock) -> str:
    left = max(0.0, moment - clock.monotonic())
    return f"{clock.now() + timedelta(seconds=left):%H:%M:%S}"
