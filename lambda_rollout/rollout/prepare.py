"""Before the first write: the preflight and the alarms are looked at, told, and what must not begin is refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from lambda_rollout.alias.routing import Target
from lambda_rollout.alias.writer import AliasWriter
from lambda_rollout.analysis.alarms import AlarmReading, Survey, firing_at_start
from lambda_rollout.inputs.choices import AlarmAtStart, Mode, Preflight
from lambda_rollout.inputs.package import CodeStorage
from lambda_rollout.preflight.checks import examine
from lambda_rollout.preflight.finding import Finding, blocking
from lambda_rollout.preflight.reader import LATEST, Passage, Question, read_facts
from lambda_rollout.rollout.events import AlarmsFound, PreflightFound, Warned
from lambda_rollout.rollout.ports import Ports
from lambda_rollout.rollout.spec import RolloutSpec
from lambda_rollout.runtime.errors import RolloutError
from lambda_rollout.runtime.retry import raise_if_stopped, retrying


def preflight(
    spec: RolloutSpec,
    ports: Ports,
    writers: Sequence[tuple[Target, AliasWriter | None]],
    storages: Mapping[Target, CodeStorage],
) -> None:
    """Look at all targets (without a `AliasWriter`: an alias still to be created) and tell what was found.

    ``storages`` is how the code is kept of those to which code is to be uploaded.

    Raises `RolloutError` for what AWS would refuse, with ``preflight: strict`` also for what would make the
    watch blind. ``mode: plan`` only says that it would.
    """
    # A number that the alias is on already leaves nothing to move, and nothing to look at.
    moving = [(target, t) for target, t in writers if not (t and t.old == spec.version)]
    if ports.preflight_reader is None or not moving:
        return
    there = [writer for _, writer in moving if writer is not None]
    question = Question(
        now=ports.aws_clock.now(),
        passages=tuple(
            _passage(spec, target, writer, storages.get(target)) for target, writer in moving
        ),
        plan=spec.plan,
        guards=spec.guards,
        needs_numbers=bool(spec.guards or spec.min_invocations),
        writes=tuple(_writes(spec, there, moving)) if spec.mode is Mode.PLAN else (),
    )
    findings = examine(read_facts(question, ports.preflight_reader, ports.clock, ports.stop))
    ports.emit(PreflightFound(findings=findings))
    refused = blocking(findings, strict=spec.preflight is Preflight.STRICT)
    if not refused:
        return
    if spec.mode is Mode.PLAN:
        text = f"A rollout would be refused: {_reason(refused)}"
        ports.emit(Warned(text=text))
        return
    raise RolloutError(f"preflight: {_reason(refused)}", refused[0].remedy)


def _passage(
    spec: RolloutSpec, target: Target, writer: AliasWriter | None, storage: CodeStorage | None
) -> Passage:
    return Passage(
        target=target,
        alias_arn=writer.found.arn if writer else "",
        old=writer.old if writer else None,
        new=spec.version or spec.version_alias or LATEST,
        by_reference=storage is not None and storage.by_reference,
    )


def _writes(
    spec: RolloutSpec,
    there: Sequence[AliasWriter],
    moving: Sequence[tuple[Target, AliasWriter | None]],
) -> Iterator[str]:
    if spec.package is not None:
        yield "lambda:UpdateFunctionCode"
    if spec.version is None and spec.version_alias is None:
        yield "lambda:PublishVersion"
    if len(there) < len(moving):
        yield "lambda:CreateAlias"
    if there:
        yield "lambda:UpdateAlias"


def _reason(refused: Sequence[Finding]) -> str:
    first = refused[0]
    about = f"alarm {first.alarm}" if first.alarm else str(first.target or "the rollout")
    more = f" (and {len(refused) - 1} more)" if refused[1:] else ""
    return f"{about}: {first.seen}{more}"


# The alarms before anything is shifted -------------------------------------------------------------


_WOULD = {
    AlarmAtStart.FAIL: "A rollout would be refused now",
    AlarmAtStart.WAIT: "A rollout would not begin now, but wait",
    AlarmAtStart.IGNORE_UNTIL_OK: "Would count only once it was OK",
}


def check_alarms_at_start(spec: RolloutSpec, ports: Ports) -> None:
    """Check the alarms when the aliases are known, before anything is published or shifted.

    Raises `RolloutError` for an alarm that does not exist, or is in ALARM against ``alarm-at-start``.
    """
    survey = _read(spec, ports, wait=spec.mode is not Mode.PLAN)
    ports.emit(AlarmsFound(readings=survey.readings))
    if not spec.alarms and not spec.guards:
        _warn(ports, "No alarm guards this rollout: `alarms` is empty.")
    firing = firing_at_start(survey.readings)
    if firing and spec.mode is Mode.PLAN:
        _warn(ports, f"{_WOULD[spec.alarm_at_start]}, in ALARM: {_names(firing)}")
    elif firing:
        _refuse_unless_ignored(firing, spec)


def recheck_alarms(spec: RolloutSpec, ports: Ports) -> Survey:
    """Check them again just before the first shift; what is read here is what the watch starts from."""
    survey = _read(spec, ports, wait=True)
    firing = firing_at_start(survey.readings)
    if firing:
        _refuse_unless_ignored(firing, spec)
        _warn(ports, f"In ALARM before the start, counts only once it was OK: {_names(firing)}")
    return survey


def _read(spec: RolloutSpec, ports: Ports, *, wait: bool) -> Survey:
    """Read the alarms; with ``alarm-at-start: wait`` until none is in ALARM or evidence-timeout is over."""
    end = ports.clock.monotonic() + spec.evidence_timeout
    while True:
        survey = retrying(ports.clock, ports.stop)(ports.alarms.read)
        if survey.missing:
            raise RolloutError(
                f"no such alarm{_where(survey.missing, spec)}: {', '.join(survey.missing)}.",
                "Correct `alarms`; an alarm of another Region is given by its ARN.",
            )
        waiting = wait and spec.alarm_at_start is AlarmAtStart.WAIT
        over = ports.clock.monotonic() >= end
        if over or not (waiting and firing_at_start(survey.readings)):
            return survey
        ports.clock.wait(spec.poll_interval, ports.stop)
        raise_if_stopped(ports.stop)


def _refuse_unless_ignored(firing: Sequence[AlarmReading], spec: RolloutSpec) -> None:
    if spec.alarm_at_start is AlarmAtStart.IGNORE_UNTIL_OK:
        return
    raise RolloutError(
        f"in ALARM before anything was shifted: {_names(firing)}.",
        "Wait until it is OK; or, to get a fix past the alarm that its bug raised, set "
        "`alarm-at-start: ignore-until-ok`.",
    )


def _names(firing: Sequence[AlarmReading]) -> str:
    return ", ".join(f"{reading.name} ({reading.reason})" for reading in firing)


def _warn(ports: Ports, text: str) -> None:
    ports.emit(Warned(text=text))


def _where(missing: Sequence[str], spec: RolloutSpec) -> str:
    """Say the Region, unless each was given by its ARN: that one names its own."""
    by_arn = all(text.startswith("arn:") for text in missing)
    return "" if by_arn else f" in {spec.region}"
