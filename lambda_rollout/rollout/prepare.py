"""Before the first write: the preflight and the alarms are looked at, told, and what must not begin is refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

from lambda_rollout.alias.routing import Target
from lambda_rollout.analysis.alarms import Survey, firing_at_start, not_evaluated
from lambda_rollout.analysis.step import ALARMS_NAMED
from lambda_rollout.inputs.choices import AlarmAtStart, Engine, Mode, Preflight
from lambda_rollout.inputs.names import account_of
from lambda_rollout.preflight.checks import BEFORE_PUBLISHING, CHECKS, examine
from lambda_rollout.preflight.early_end_checks import alarms_need
from lambda_rollout.preflight.facts import LATEST, Facts
from lambda_rollout.preflight.finding import Finding, blocking
from lambda_rollout.preflight.hook_checks import findings_on
from lambda_rollout.preflight.question import Passage, Question
from lambda_rollout.preflight.reader import read_facts, read_hooks
from lambda_rollout.rollout.accounts import account_of_credentials
from lambda_rollout.rollout.alias_rollout import AliasRollout
from lambda_rollout.rollout.all_mistakes import all_or_mistakes
from lambda_rollout.rollout.events import AlarmsFound, GuardiansFound, PreflightFound, Warned
from lambda_rollout.rollout.expiry import raise_if_ending
from lambda_rollout.rollout.missing_alarms import (
    name_the_missing,
    remedy_for_missing,
)
from lambda_rollout.rollout.ports import Ports
from lambda_rollout.rollout.spec import RolloutSpec, seconds
from lambda_rollout.rollout.version import check_latest, read_storage
from lambda_rollout.rollout.versions_seen import FirstLook, VersionsSeen
from lambda_rollout.runtime.errors import RolloutError
from lambda_rollout.runtime.retry import raise_if_stopped, retrying


def look_first(spec: RolloutSpec, ports: Ports, rollouts: Sequence[AliasRollout]) -> FirstLook:
    """Find what AWS would refuse, and what would make the watch blind, before the first write.

    Raises as `check_alarms_at_start` and `preflight`; a promotion has had its preflight, and only its hooks are tried.
    """
    survey = check_alarms_at_start(spec, ports, rollouts)
    if spec.inputs.mode is Mode.PROMOTE:
        _try_hooks(spec, ports)
        return FirstLook(guardians=survey.guardians)
    account = account_of_credentials(spec.identity.role_to_assume, survey.readings)
    found = preflight(spec, ports, rollouts, account)
    return replace(found, guardians=survey.guardians)


def preflight(
    spec: RolloutSpec, ports: Ports, rollouts: Sequence[AliasRollout], account: str = ""
) -> FirstLook:
    """Look at all targets, aliases still to be created among them, and tell what was found.

    ``account`` is that of the credentials, empty if it is not known.

    Raises `RolloutError` for what AWS would refuse, with ``preflight: strict`` also for what would make the
    watch blind. ``mode: plan`` only says that it would. Raises as `read_storage`.
    """
    began = ports.clock.monotonic()
    facts = _look(spec, ports, rollouts, account)
    seen = VersionsSeen.of(facts.targets if facts else (), began)
    if seen.storages:
        _try_waiting(next(iter(seen.storages)), spec, ports)
    uploaded = [each.target for each in rollouts if each.target.function in spec.packages]
    found = all_or_mistakes(
        lambda target: read_storage(target, spec, ports, seen),
        uploaded,
        lambda target: target,
        ports.parallel,
    )
    storages = {
        target: each for target, each in zip(uploaded, found, strict=True) if each is not None
    }
    need = alarms_need(facts) if facts else None if spec.inputs.alarms else timedelta()
    return FirstLook(replace(seen, storages=storages), need)


def _try_waiting(target: Target, spec: RolloutSpec, ports: Ports) -> None:
    """Ask for ``$LATEST`` by the call that waits for versions, of one function of all that were read by another call.

    So what that permission lacks is known before anything is published. Raises as `check_latest`.
    """
    check_latest(target, ports, replaced=target.function in spec.packages)


def _look(
    spec: RolloutSpec, ports: Ports, rollouts: Sequence[AliasRollout], account: str
) -> Facts | None:
    """Read, judge, tell and refuse; None if there is nothing to look at."""
    # A number that the alias is on already leaves nothing to move, and nothing to look at.
    moving = [each for each in rollouts if not _is_there(spec, each)]
    if ports.preflight_reader is None or not moving:
        return None
    publishes = spec.inputs.mode is Mode.PUBLISH
    question = Question(
        now=ports.aws_clock.now(),
        passages=tuple(_passage(spec, each) for each in moving),
        plan=spec.plan,
        guards=spec.inputs.guards,
        needs_numbers=bool(spec.inputs.guards or spec.inputs.min_invocations),
        hooks=spec.hooks,
        by_codedeploy=spec.inputs.engine is Engine.CODEDEPLOY,
        evidence_timeout=spec.inputs.evidence_timeout,
        writes=tuple(_writes(spec, moving)) if spec.inputs.mode is Mode.PLAN else (),
        only_publishes=publishes,
        account=account,
    )
    facts = read_facts(question, ports.preflight_reader, ports.clock, ports.stop, ports.parallel)
    findings = examine(facts, BEFORE_PUBLISHING if question.only_publishes else CHECKS)
    ports.emit(PreflightFound(findings=findings))
    _refuse(findings, spec, ports)
    return facts


def _try_hooks(spec: RolloutSpec, ports: Ports) -> None:
    """Find out whether a promotion's hooks can be invoked. Raises `RolloutError` if one cannot."""
    if ports.preflight_reader is None or not spec.hooks:
        return
    question = Question(now=ports.aws_clock.now(), passages=(), plan=spec.plan, hooks=spec.hooks)
    read = read_hooks(question, ports.preflight_reader, ports.clock, ports.stop)
    findings = tuple(findings_on(read))
    ports.emit(PreflightFound(findings=findings))
    _refuse(findings, spec, ports)


def _refuse(findings: Sequence[Finding], spec: RolloutSpec, ports: Ports) -> None:
    refused = blocking(findings, strict=spec.inputs.preflight is Preflight.STRICT)
    if not refused:
        return
    if spec.inputs.mode is Mode.PLAN:
        text = f"A rollout would be refused: {_reason(refused)}"
        ports.emit(Warned(text=text))
        return
    raise RolloutError(f"preflight: {_reason(refused)}", refused[0].remedy)


def _is_there(spec: RolloutSpec, rollout: AliasRollout) -> bool:
    return bool(rollout.existing) and rollout.old == spec.version_number(rollout.target)


def _passage(spec: RolloutSpec, rollout: AliasRollout) -> Passage:
    return Passage(
        target=rollout.target,
        alias_arn=rollout.existing.found.arn if rollout.existing else "",
        old=rollout.old,
        new=spec.version_number(rollout.target) or spec.version_alias or LATEST,
        uploads=rollout.target.function in spec.packages,
        is_smoke_tested=rollout.target.function in spec.payloads,
    )


def _writes(spec: RolloutSpec, moving: Sequence[AliasRollout]) -> Iterator[str]:
    there = [each for each in moving if each.existing]
    if any(each.target.function in spec.packages for each in moving):
        yield "lambda:UpdateFunctionCode"
    if spec.publishes:
        yield "lambda:PublishVersion"
    # The alias that keeps the way back is created the first time.
    if len(there) < len(moving) or (there and spec.inputs.previous_alias is not None):
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
    AlarmAtStart.FAIL: "A rollout would be refused now. {what}:",
    AlarmAtStart.WAIT: "A rollout would wait now. {what}:",
    AlarmAtStart.IGNORE_UNTIL_OK: "{what} now, would count only after it was OK:",
}
IN_ALARM, NOT_EVALUATED = "In ALARM", "Not evaluated by CloudWatch"
_REMEDY = {
    IN_ALARM: "Wait until it is OK. If this rollout fixes the cause of the alarm, set `alarm-at-start: ignore-until-ok`.",
    NOT_EVALUATED: "Its state says nothing as long as that lasts. Correct the alarm, or set `alarm-at-start: wait`.",
}


def check_alarms_at_start(
    spec: RolloutSpec, ports: Ports, rollouts: Sequence[AliasRollout]
) -> Survey:
    """Check the alarms when the aliases are known, before anything is published or shifted; return what was read.

    The aliases tell in which account the functions are.

    Raises `RolloutError` for an alarm that does not exist, or is in ALARM or not evaluated against ``alarm-at-start``.
    """
    account = next((account_of(r.existing.found.arn) for r in rollouts if r.existing), "")
    survey = read_alarms(spec, ports, wait=spec.inputs.mode is not Mode.PLAN, account=account)
    ports.emit(AlarmsFound(readings=survey.readings))
    if survey.guardians or (spec.inputs.alarms and spec.inputs.mode is Mode.PLAN):
        ports.emit(GuardiansFound(arns=survey.guardians))
    if not spec.inputs.alarms and all(guard.observe_only for guard in spec.inputs.guards):
        observed = ", and `guards` are only observed" if spec.inputs.guards else ""
        _warn(ports, f"Nothing guards this rollout: `alarms` is empty{observed}.")
    for what, names in _unfit(survey):
        if spec.inputs.mode is Mode.PLAN:
            would = _WOULD[spec.inputs.alarm_at_start].format(what=what)
            _warn(ports, f"{would} {names}")
        else:
            _refuse_unless_ignored(what, names, spec)
    return survey


def recheck_alarms(spec: RolloutSpec, ports: Ports) -> Survey:
    """Check them again just before the first shift; what is read here is what the watch starts from."""
    survey = read_alarms(spec, ports, wait=True)
    for what, names in _unfit(survey):
        _refuse_unless_ignored(what, names, spec)
        _warn(ports, f"{what} before the start, counts only after it was OK: {names}")
    return survey


def _unfit(survey: Survey) -> Iterator[tuple[str, str]]:
    """Yield what keeps alarms from guarding a rollout that begins now, and which they are: a few, and how many more."""
    if firing := firing_at_start(survey.readings):
        yield IN_ALARM, _few(f"{reading.name} ({reading.reason})" for reading in firing)
    # One in ALARM is told as that: it is reason enough, and the one that AWS gives may be of either.
    if idle := [each for each in not_evaluated(survey.readings) if each not in firing]:
        names = (f"{reading.name} ({reading.evaluation}: {reading.reason})" for reading in idle)
        yield NOT_EVALUATED, _few(names)


def _few(told: Iterable[str]) -> str:
    every = list(told)
    more = f" and {len(every) - ALARMS_NAMED} more alarms" if len(every) > ALARMS_NAMED else ""
    return f"{', '.join(every[:ALARMS_NAMED])}{more}"


def read_alarms(spec: RolloutSpec, ports: Ports, *, wait: bool, account: str = "") -> Survey:
    """Read the alarms; with ``alarm-at-start: wait`` until all can guard or evidence-timeout is over.

    Raises `RolloutError` if one does not exist; ``account`` is that of the functions, empty if it is not known.
    """
    end = ports.clock.monotonic() + seconds(spec.inputs.evidence_timeout)
    while True:
        sent = ports.clock.monotonic()
        survey = replace(retrying(ports.clock, ports.stop)(ports.alarms.read), sent=sent)
        if survey.missing:
            raise RolloutError(
                name_the_missing(
                    survey.missing, len(spec.inputs.alarms), _where(survey.missing, spec)
                ),
                remedy_for_missing(survey.missing, account),
            )
        waiting = wait and spec.inputs.alarm_at_start is AlarmAtStart.WAIT
        over = ports.clock.monotonic() >= end
        if over or not (waiting and any(_unfit(survey))):
            return survey
        ports.clock.wait(seconds(spec.inputs.poll_interval), ports.stop)
        raise_if_stopped(ports.stop)
        raise_if_ending(ports)


def _refuse_unless_ignored(what: str, names: str, spec: RolloutSpec) -> None:
    if spec.inputs.alarm_at_start is AlarmAtStart.IGNORE_UNTIL_OK:
        return
    told = f"{what[0].lower()}{what[1:]} before anything was shifted: {names}."
    raise RolloutError(told, _REMEDY[what])


def _warn(ports: Ports, text: str) -> None:
    ports.emit(Warned(text=text))


def _where(missing: Sequence[str], spec: RolloutSpec) -> str:
    """Say the Region, unless each was given by its ARN: that one names its own."""
    by_arn = all(text.startswith("arn:") for text in missing)
    return "" if by_arn else f" in {spec.inputs.region}"
