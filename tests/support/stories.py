"""Rollouts told by hand, event by event, as the story would tell them. Reports are made of these."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from lambda_rollout.alias.routing import Routing, Target
from lambda_rollout.analysis.alarms import AlarmReading, AlarmState
from lambda_rollout.analysis.errors.groups import group_errors, without_messages
from lambda_rollout.analysis.errors.model import LogEntry
from lambda_rollout.analysis.errors.place import insights_query, read_statement
from lambda_rollout.analysis.errors.read import error_in_tail
from lambda_rollout.analysis.guards.outcome import Outcome
from lambda_rollout.analysis.metrics import Comparison, Minute, VersionMetrics
from lambda_rollout.analysis.step import HOLD_REMEDY
from lambda_rollout.analysis.version import list_executions
from lambda_rollout.inputs.hooks import parse_hooks
from lambda_rollout.inputs.read import read_inputs, variable
from lambda_rollout.inputs.steps import Plan, parse_steps
from lambda_rollout.preflight.finding import Code, Finding, Level
from lambda_rollout.preflight.policy import Place, policy_statements
from lambda_rollout.rollout import events as e
from lambda_rollout.rollout.publish import HOW_TO_GO_ON
from lambda_rollout.runtime.trust import trust_policy
from tests.support.log_payloads import PAYLOADS

REGION = "eu-central-1"
ACCOUNT = "123456789012"
START = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
RUN = e.Run(
    server_url="https://github.com",
    repository="octo/shop",
    run_id="1234567890",
    attempt="1",
    actor="octocat",
    sha="9f2c1abd5e6f708192a3b4c5d6e7f8091a2b3c4d",
)
CHECKOUT = Target("checkout", "live")
BASKET = Target("basket", "live")

ALL_WELL = "Threshold Crossed: 1 datapoint [0.0 (23/11/26 09:58:00)] was not greater than the threshold (0.0)."
ERRORS = (
    "Threshold Crossed: 2 out of the last 2 datapoints [7.0 (23/11/26 10:01:00), 4.0 (23/11/26 10:00:00)]"
    " were greater than the threshold (0.0) (minimum 2 datapoints for OK -> ALARM transition)."
)
NO_DATA = "Unchecked: Initial alarm creation"
NO_COLUMN = "The query has no column of numbers."
TOO_MUCH = "The query matched more than 500 groups."

Story = Callable[[], Sequence[e.Event]]


def alarm(name: str, state: AlarmState, reason: str = ALL_WELL) -> AlarmReading:
    arn = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}"
    return AlarmReading(arn, name, REGION, state, reason, START - timedelta(hours=3))


ERRORS_OK = alarm("checkout-errors", AlarmState.OK)
ERRORS_FIRED = alarm("checkout-errors", AlarmState.ALARM, ERRORS)
LATENCY_OK = alarm("checkout-latency-p99", AlarmState.OK)
LATENCY_BLIND = alarm("checkout-latency-p99", AlarmState.INSUFFICIENT_DATA, NO_DATA)


class Telling:
    """Collects events, and lets time pass between them."""

    def __init__(self, steps: str = "10% 5m, 50% 10m, 100% 10m", *targets: Target) -> None:
        self.events: list[e.Event] = []
        self.now = START
        self.targets = targets or (CHECKOUT,)
        self.plan: Plan = parse_steps(steps, timedelta(minutes=5))
        self.readings: tuple[AlarmReading, ...] = ()
        self.guards: tuple[str, ...] = ()

    def say(self, event: Callable[..., e.Event], **fields: object) -> None:
        self.events.append(event(at=self.now, **fields))

    def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def starts(self, *readings: AlarmReading, mode: str = "rollout") -> None:
        self.readings = readings
        names = tuple(reading.name for reading in readings)
        self.say(
            e.Started,
            mode=mode,
            targets=self.targets,
            region=REGION,
            plan=self.plan,
            alarms=names,
            guards=self.guards,
            run=RUN,
        )
        self.pass_time(0.4)

    def finds_aliases(self, routing: Routing | None = None) -> None:
        for target in self.targets:
            self.say(
                e.AliasFound,
                target=target,
                arn=f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{target.name}:{target.alias}",
                routing=routing or Routing.all_on("7"),
            )
        if self.readings:
            self.say(e.AlarmsFound, readings=self.readings)

    def publishes(self, version: str = "8", previous: str | None = "7") -> None:
        for target in self.targets:
            self.pass_time(0.8)
            self.say(e.VersionPublished, target=target, version=version, previous=previous)
            self.say(e.VersionWaited, target=target, version=version, state="Pending")
            self.pass_time(2)
            self.say(e.VersionReady, target=target, version=version)

    def takes(self, version: str = "8", previous: str | None = "7") -> None:
        for target in self.targets:
            self.say(e.VersionTaken, target=target, version=version, previous=previous)
            self.say(e.VersionReady, target=target, version=version)

    def smoke_tests(self, why: str = "", *log: str) -> None:
        for target in self.targets:
            self.say(e.SmokeTestStarted, target=target, version="8")
            self.pass_time(1.2)
            self.say(
                e.SmokeTested,
                target=target,
                version="8",
                passed=not why,
                why=why,
                log=log,
                error=error_in_tail(log),
            )

    def begins(self, *readings: AlarmReading) -> None:
        self.starts(*readings)
        self.finds_aliases()
        self.publishes()

    def shifts(self, number: int) -> None:
        step = self.plan.steps[number - 1]
        self.say(
            e.StepStarted,
            number=number,
            percent=step.percent,
            watch=step.watch,
            earliest=step.earliest,
            holds=step.holds,
        )
        for target in () if step.holds else self.targets:
            self.pass_time(0.3)
            self.say(
                e.WeightShifted, target=target, version="8", previous="7", percent=step.percent
            )

    def beats(self, number: int, minutes: int) -> None:
        step = self.plan.steps[number - 1]
        after = sum((later.watch for later in self.plan.steps[number:]), timedelta())
        found = [reading.state for reading in self.readings]
        for minute in range(1, minutes + 1):
            self.pass_time(60)
            left = step.watch - timedelta(minutes=minute)
            self.say(
                e.Heartbeat,
                number=number,
                percent=step.percent,
                step_left=left,
                all_left=left + after,
                states=tuple((state, found.count(state)) for state in AlarmState),
            )

    def asks(self, line: str, step: int | None, seconds: float, details: str = "") -> None:
        """A hook says yes after so many seconds, and before that that it is in progress if they are many."""
        (hook,) = parse_hooks(line)
        self.say(e.HookStarted, hook=hook, step=step)
        if seconds > 30:
            self.pass_time(0.5)
            self.say(e.HookInProgress, hook=hook, again_in=timedelta(seconds=30), details=details)
        self.pass_time(seconds)
        self.say(e.HookEnded, hook=hook, passed=True, why="", details=details)

    def refuses(self, line: str, step: int | None, details: str) -> str:
        """A hook says no at its second call, since the first was not answered; return the reason."""
        (hook,) = parse_hooks(line)
        self.say(e.HookStarted, hook=hook, step=step)
        self.pass_time(0.2)
        self.say(
            e.HookUnanswered,
            hook=hook,
            why="Invoke: TooManyRequestsException: Rate Exceeded.",
        )
        self.pass_time(3)
        why = f"it said FAILED: {details}"
        self.say(e.HookEnded, hook=hook, passed=False, why=why, details=details)
        return f"{hook} failed: {why}"

    def passes(self, number: int, *asked: str) -> None:
        step = self.plan.steps[number - 1]
        minutes = int(step.watch / timedelta(minutes=1))
        self.beats(number, max(0, minutes - 1))
        self.pass_time(60 if minutes else 0)
        for line in asked:
            self.asks(line, number, 2.5)
        self.pass_time(0.6)
        self.say(e.StepPassed, number=number, percent=step.percent, readings=self.readings)

    def fires(self, newest: AlarmReading | None = None) -> AlarmReading:
        """An alarm fired two seconds ago; ``newest``: what is read of it now, if it is another state already."""
        at = self.now - timedelta(seconds=2)
        fired = replace(ERRORS_FIRED, transitioned_at=at)
        seen = newest or fired
        self.say(e.AlarmChanged, reading=seen, before=AlarmState.OK, fired=True)
        return fired

    def needs(self, inputs: Mapping[str, str], subject: str = "", **seen: tuple[str, ...]) -> None:
        """A plan tells the policies for these inputs; without a subject the job may not ask for a token."""
        given = {"function-name": "checkout", "aws-region": "eu-central-1", **inputs}
        claims = {"aud": "sts.amazonaws.com", "sub": subject}
        place = Place("aws", "123456789012", "eu-central-1")
        why = "this job may not ask GitHub for an OIDC token. Add `permissions: id-token: write` to the job."
        self.say(
            e.PermissionsNeeded,
            statements=policy_statements(
                read_inputs({variable(name): text for name, text in given.items()}), {}, place
            ),
            trust_policy=trust_policy(claims, place.partition, place.account),
            subject=subject,
            why_unknown="" if subject else why,
            **{"allowed": (), "refused": (), **seen},
        )

    def rolls_back(self, percent: str) -> None:
        for target in self.targets:
            self.pass_time(0.3)
            self.say(
                e.RolledBack, target=target, version="7", from_version="8", percent=Decimal(percent)
            )

    def is_taken_back(self, percent: str) -> None:
        for target in self.targets:
            self.pass_time(0.3)
            self.say(
                e.TakenBack, target=target, version="7", from_version="8", percent=Decimal(percent)
            )

    def reads_log(
        self, target: Target, *entries: str, messages: bool = True, complete: bool = True
    ) -> None:
        """The log of version 8 is read: entries of one stream, each two seconds later than the one before."""
        group, stream = f"/aws/lambda/{target.name}", "2026/11/23/[8]b71058a453d2c0cbb8a7dc5d97549"
        at = self.now - timedelta(seconds=60)
        found = group_errors(
            LogEntry(at + timedelta(seconds=2 * number), stream, text)
            for number, text in enumerate(entries)
        )
        errors = found if messages else without_messages(found)
        self.pass_time(0 if found else 5)
        self.say(
            e.LogRead,
            target=target,
            version="8",
            log_group=group,
            since=START + timedelta(seconds=4),
            errors=errors[:3],
            more=max(0, len(errors) - 3),
            count=sum(each.count for each in errors),
            complete=complete,
            messages=messages,
            waited=timedelta(seconds=0 if found else 5),
            query=insights_query(group, target.name, "8"),
        )

    def is_released(self) -> None:
        for target in self.targets:
            self.pass_time(0.2)
            self.say(e.RecordCleared, target=target, version="8")

    def ends(self, result: e.Result, reason: str = "", remedy: str = "", **more: object) -> None:
        self.pass_time(0.1)
        self.say(e.Finished, result=result, reason=reason, remedy=remedy, **more)


STORIES: dict[str, Story] = {}


@contextmanager
def _story(name: str, tell: Telling) -> Iterator[Telling]:
    yield tell
    told = tuple(tell.events)
    STORIES[name] = lambda: told


with _story("promoted", Telling()) as tell:
    tell.begins(ERRORS_OK, LATENCY_OK)
    for step in (1, 2, 3):
        tell.shifts(step)
        tell.passes(step)
    tell.is_released()
    tell.ends(e.Result.PROMOTED)

with _story("rolled-back-in-step-1", Telling()) as tell:
    tell.begins(ERRORS_OK, LATENCY_BLIND)
    tell.shifts(1)
    tell.beats(1, 2)
    tell.pass_time(5)
    fired = tell.fires()
    tell.rolls_back("10")
    why = f"alarm checkout-errors fired: {ERRORS}"
    tell.ends(e.Result.ROLLED_BACK, why, failed_alarms=(fired,))

with _story("rolled-back-at-100", Telling("12.5% 1m, 100% 5m")) as tell:
    tell.begins(ERRORS_OK, LATENCY_OK)
    tell.shifts(1)
    tell.passes(1)
    tell.shifts(2)
    tell.beats(2, 3)
    tell.pass_time(35)
    fired = tell.fires(ERRORS_OK)
    tell.rolls_back("100")
    why = f"alarm checkout-errors fired: {ERRORS}"
    tell.ends(e.Result.ROLLED_BACK, why, failed_alarms=(fired,))

EMPTY_BASKET = (
    "[ERROR] ZeroDivisionError: division by zero\nTraceback (most recent call last):\n"
    '\xa0\xa0File "/var/task/app.py", line 4, in handler'
)
NO_SUCH_ORDER = (
    "[ERROR] KeyError: 'order-{}'\nTraceback (most recent call last):\n"
    '\xa0\xa0File "/var/task/app.py", line 9, in price | <b>&nbsp;` @octocat ::error::x'
)

with _story("errors-in-its-log", Telling()) as tell:
    tell.begins(ERRORS_OK, LATENCY_OK)
    tell.shifts(1)
    tell.beats(1, 2)
    tell.pass_time(5)
    fired = tell.fires()
    tell.rolls_back("10")
    tell.pass_time(0.4)
    no_orders = [NO_SUCH_ORDER.format(number) for number in (4711, 4712, 4713)]
    more = [text for name in ("no memory left", "a logger's line") for text in PAYLOADS[name]]
    tell.reads_log(CHECKOUT, *[EMPTY_BASKET] * 9, *no_orders, *more, complete=False)
    why = f"alarm checkout-errors fired: {ERRORS}"
    tell.ends(e.Result.ROLLED_BACK, why, failed_alarms=(fired,))

OTHER = Target("search", "live")

with _story("errors-without-messages", Telling("10% 5m", CHECKOUT, BASKET, OTHER)) as tell:
    tell.begins(ERRORS_OK)
    tell.shifts(1)
    tell.beats(1, 2)
    fired = tell.fires()
    tell.rolls_back("10")
    baskets = (EMPTY_BASKET, NO_SUCH_ORDER.format(4711), NO_SUCH_ORDER.format("anna@example.com"))
    tell.reads_log(CHECKOUT, *baskets, messages=False)
    tell.reads_log(BASKET, messages=False)
    denied = (
        "FilterLogEvents: AccessDeniedException: not authorized to perform: logs:FilterLogEvents"
    )
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:search:live"
    tell.say(
        e.LogNotRead,
        targets=(OTHER,),
        why=denied,
        remedy="Allow logs:FilterLogEvents to the role of this job; the README has the whole policy.",
        statement=read_statement([(arn, "/aws/lambda/search")]),
    )
    tell.ends(
        e.Result.ROLLED_BACK, f"alarm checkout-errors fired: {ERRORS}", failed_alarms=(fired,)
    )

with _story("told-to-go-on", Telling("10% 30m, 50% 30m, 100% 10m")) as tell:
    tell.begins(ERRORS_OK, LATENCY_OK)
    tell.shifts(1)
    tell.beats(1, 4)
    tell.pass_time(11)
    tell.say(e.RequestSeen, number=1, target=CHECKOUT, saved=timedelta(minutes=25, seconds=49))
    tell.pass_time(0.6)
    tell.say(e.StepPassed, number=1, percent=Decimal(10), readings=tell.readings)
    tell.shifts(3)
    tell.passes(3)
    tell.is_released()
    tell.ends(e.Result.PROMOTED)

with _story("request-refused", Telling("10% 10m, 100% 5m")) as tell:
    tell.guards = ("error-rate <= baseline + 1%",)
    tell.begins(ERRORS_OK)
    tell.shifts(1)
    tell.beats(1, 2)
    tell.pass_time(11)
    tell.say(e.RequestSeen, number=1, target=CHECKOUT, saved=timedelta(minutes=7, seconds=49))
    tell.pass_time(0.6)
    lacks = (
        "guard error-rate <= baseline + 1% needs more invocations: version 8 has served 12 so far"
    )
    tell.say(e.RequestRefused, number=1, why=lacks)
    tell.pass_time(408.4)
    tell.say(e.StepPassed, number=1, percent=Decimal(10), readings=tell.readings)
    tell.shifts(2)
    tell.passes(2)
    tell.is_released()
    tell.ends(e.Result.PROMOTED)


def asks_to_go_on(tell: Telling, waits: float = 0) -> None:
    """Another job, with mode: promote, up to where the running rollout was asked."""
    running = (
        "[lambda-rollout 7>8 run 1234567891/1 of 3041f3 id 3fa94c7d since 2026-11-23T09:41:00Z "
        "until 2026-11-23T10:08:00Z]"
    )
    tell.starts(ERRORS_OK, mode="promote")
    if waits:
        tell.say(e.RolloutAwaited, targets=(CHECKOUT,), until=START + timedelta(minutes=15))
        tell.pass_time(waits)
    tell.say(
        e.RolloutRunning,
        target=CHECKOUT,
        version="8",
        previous="7",
        record=running,
        run_url="https://github.com/octo/shop/actions/runs/1234567891/attempts/1",
    )
    tell.finds_aliases(Routing("7", {"8": 0.1}))
    tell.pass_time(0.3)
    tell.say(e.PromotionRequested, target=CHECKOUT, percent=Decimal(10))


with _story("asks-to-go-on", Telling("100% 10m")) as tell:
    asks_to_go_on(tell)
    tell.pass_time(20.4)
    whole = Routing.all_on("8")
    tell.say(e.RequestEnded, target=CHECKOUT, version="8", previous="7", routing=whole)
    tell.ends(e.Result.REQUESTED)

with _story("asks-to-go-on-in-vain", Telling("100% 10m")) as tell:
    asks_to_go_on(tell, waits=60)
    tell.pass_time(20.4)
    ten = Routing("7", {"8": 0.1})
    tell.say(e.RequestEnded, target=CHECKOUT, version="8", previous="7", routing=ten)
    tell.ends(
        e.Result.FAILED,
        f"the request was refused: checkout:live stays at {ten} "
        "(https://github.com/octo/shop/actions/runs/1234567891/attempts/1)",
        "See the log of that run.",
    )

RAISED = "it failed (Unhandled): KeyError: 'total'"
LOG = (
    "START RequestId: 5f2c1f0e-8a4e-4c1a-9d0b-1d2e3f405162 Version: 8",
    "reading order 17 | <b>&nbsp;` @octocat",
    "::error::not a command",
    "[ERROR] KeyError: 'total'",
    "Traceback (most recent call last):",
    '  File "/var/task/app.py", line 3, in handler',
    '    return {"total": order["total"]}',
    "",
    "END RequestId: 5f2c1f0e-8a4e-4c1a-9d0b-1d2e3f405162",
    "REPORT RequestId: 5f2c1f0e-8a4e-4c1a-9d0b-1d2e3f405162\tDuration: 12.31 ms\tBilled Duration: 13 ms",
)

with _story("smoke-test-failed", Telling()) as tell:
    tell.begins(ERRORS_OK, LATENCY_OK)
    tell.smoke_tests(RAISED, *LOG)
    why = f"the smoke test failed: version 8 of checkout: {RAISED}"
    remedy = "That version stays published, without traffic. Fix the cause, and start again."
    tell.ends(e.Result.FAILED, why, remedy)

with _story("published", Telling()) as tell:
    tell.starts(mode="publish")
    tell.finds_aliases()
    tell.publishes()
    tell.smoke_tests()
    tell.ends(e.Result.PUBLISHED, "", f"{HOW_TO_GO_ON}.")

with _story("unchanged", Telling()) as tell:
    tell.starts(ERRORS_OK)
    tell.finds_aliases()
    tell.say(e.VersionPublished, target=CHECKOUT, version="7", previous="7")
    tell.say(e.AlreadyThere, target=CHECKOUT, version="7")
    tell.ends(e.Result.UNCHANGED)

with _story("created", Telling()) as tell:
    tell.starts(ERRORS_OK)
    tell.say(e.AliasMissing, target=CHECKOUT)
    tell.publishes("1", None)
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:checkout:live"
    tell.say(e.AliasCreated, target=CHECKOUT, arn=arn, version="1")
    tell.ends(e.Result.PROMOTED)

with _story("cancelled-in-step-2", Telling()) as tell:
    tell.begins(ERRORS_OK, LATENCY_OK)
    tell.shifts(1)
    tell.passes(1)
    tell.shifts(2)
    tell.beats(2, 1)
    tell.pass_time(12)
    tell.rolls_back("50")
    tell.ends(e.Result.ROLLED_BACK, "cancelled (SIGINT)")

with _story("cancelled-before-the-first-shift", Telling()) as tell:
    tell.starts(ERRORS_OK)
    tell.finds_aliases()
    tell.say(e.VersionPublished, target=CHECKOUT, version="8", previous="7")
    tell.say(e.VersionWaited, target=CHECKOUT, version="8", state="Pending")
    tell.pass_time(14)
    tell.ends(e.Result.FAILED, "cancelled (SIGTERM)")

with _story("conflict", Telling()) as tell:
    tell.begins(ERRORS_OK, LATENCY_OK)
    tell.shifts(1)
    tell.beats(1, 3)
    tell.pass_time(2)
    tell.say(
        e.AliasLeft,
        target=CHECKOUT,
        routing=Routing.all_on("9"),
        expected=Routing.all_on("7"),
        why="somebody else changed its routing: it was 90% on version 7, 10% on version 8",
        command="",
    )
    why = (
        "somebody else changed the routing of checkout:live: it was 90% on version 7, 10% on version 8,"
        " it is 100% on version 9"
    )
    tell.ends(e.Result.FAILED, why, "Find out who writes this alias, and start again.")

HELD = "10% 5m, hold 1h"

with _story("rolled-back-in-a-hold", Telling(HELD)) as tell:
    tell.begins(ERRORS_OK, LATENCY_OK)
    tell.shifts(1)
    tell.passes(1)
    tell.shifts(2)
    tell.beats(2, 23)
    tell.pass_time(7)
    fired = tell.fires()
    tell.rolls_back("10")
    why = f"alarm checkout-errors fired: {ERRORS}"
    tell.ends(e.Result.ROLLED_BACK, why, failed_alarms=(fired,))

with _story("hold-is-over", Telling(HELD)) as tell:
    tell.begins(ERRORS_OK, LATENCY_OK)
    tell.shifts(1)
    tell.passes(1)
    tell.shifts(2)
    tell.beats(2, 59)
    tell.pass_time(60)
    tell.rolls_back("10")
    tell.ends(e.Result.ROLLED_BACK, "the hold of 1h is over, and nobody said to go on", HOLD_REMEDY)

with _story("taken-back-in-a-hold", Telling(HELD)) as tell:
    tell.begins(ERRORS_OK, LATENCY_OK)
    tell.shifts(1)
    tell.passes(1)
    tell.shifts(2)
    tell.beats(2, 4)
    tell.pass_time(9)
    tell.is_taken_back("10")
    tell.ends(
        e.Result.FAILED,
        "checkout:live was taken back by somebody else: it sends 100% to version 7 again",
        "Nothing has to be repaired. Find out who took it back, and why, before you roll out again.",
    )

MEND = (
    "aws lambda update-alias --region eu-central-1 --function-name checkout --name live"
    """ --function-version 7 --routing-config '{"AdditionalVersionWeights":{}}' --description 'Live traffic'"""
)

with _story("rollback-not-confirmed", Telling()) as tell:
    tell.begins(ERRORS_OK, LATENCY_OK)
    tell.shifts(1)
    tell.beats(1, 1)
    tell.pass_time(5)
    fired = tell.fires()
    tell.pass_time(300)
    tell.say(
        e.AliasLeft,
        target=CHECKOUT,
        routing=Routing.split("7", "8", Decimal(10)),
        expected=Routing.all_on("7"),
        why="AWS did not confirm it: UpdateAlias: ExpiredTokenException: The security token included in the"
        " request is expired. Renew the credentials; with `role-to-assume` the action renews them itself.",
        command=MEND,
    )
    why = f"alarm checkout-errors fired: {ERRORS}"
    tell.ends(e.Result.FAILED, why, failed_alarms=(fired,))

with _story("plan", Telling("10% 5m, 50% 10m, 100% 1h30m")) as tell:
    tell.starts(ERRORS_OK, LATENCY_BLIND, mode="plan")
    lines = (
        "before-traffic: migrate-schema\neach-step: check-orders:live\non-rollback: warm-the-cache"
    )
    tell.say(e.HooksNamed, hooks=parse_hooks(lines))
    tell.say(e.GuardiansFound, arns=())
    tell.finds_aliases()
    tell.needs(
        {"hooks": lines, "alarms": "checkout-errors", "guards": "error-rate < 1%"},
        allowed=(
            "cloudwatch:DescribeAlarmHistory",
            "cloudwatch:DescribeAlarms",
            "cloudwatch:GetMetricData",
            "lambda:GetAlias",
            "lambda:GetFunctionConfiguration",
            "lambda:GetFunction",
            "lambda:GetProvisionedConcurrencyConfig",
            "lambda:InvokeFunction",
            "lambda:ListEventSourceMappings",
            "lambda:ListFunctionUrlConfigs",
            "sts:GetCallerIdentity",
        ),
        refused=("lambda:GetPolicy",),
        subject="repo:octo@123456/shop@456789:environment:production",
    )
    tell.ends(e.Result.PLANNED)

with _story("plan-wired-the-wrong-way", Telling("1% 1m, 100% 5m")) as tell:
    tell.starts(LATENCY_OK, mode="plan")
    tell.finds_aliases()
    tell.say(
        e.PreflightFound,
        findings=(
            Finding(
                Level.ERROR,
                Code.ROLES_DIFFER,
                "The two versions have different values of execution role: a (old) and b (new).",
                "Give the new version the old execution role.",
                CHECKOUT,
            ),
            Finding(
                Level.WARNING,
                Code.CALLER_NOT_ALLOWED_ON_ALIAS,
                "s3.amazonaws.com for arn:aws:s3:::*|` may invoke the unqualified function but not the alias.",
                "Let the trigger name the alias's ARN, and allow it there.",
                CHECKOUT,
                command="aws lambda add-permission --function-name checkout --statement-id 'a ` b'",
            ),
            Finding(
                Level.WARNING,
                Code.STEP_TOO_SHORT,
                "It needs at least 3m to fire, and `1% 1m` is over sooner.",
                "Set `steps: 1% 3m, 100% 5m`, or use an alarm with shorter periods.",
                alarm="checkout-latency-p99",
            ),
            Finding(
                Level.NOTE,
                Code.NOT_CHECKED,
                "Not checked: reserved concurrency. lambda:GetFunctionConcurrency is not allowed.",
                "",
                CHECKOUT,
            ),
        ),
    )
    tell.say(
        e.Warned,
        text="A rollout would be refused: checkout:live: The two versions have different values of execution"
        " role: a (old) and b (new).",
    )
    tell.needs({"alarms": "checkout-latency-p99"}, refused=("lambda:GetFunction",))
    tell.ends(e.Result.PLANNED)

with _story("numbers-of-both-versions", Telling("10% 3m..5m, 100% 2m")) as tell:
    observed = "? sum(Shop/OrdersFailed{version=$VERSION}) < 5"
    tell.guards = ("p99-duration < 800ms", "error-rate <= baseline + 5%", observed)
    tell.begins(ERRORS_OK)
    tell.say(e.PreflightFound, findings=())
    tell.shifts(1)
    for minute, (served, failed) in enumerate([(12, 0), (9, 1), (0, 0)]):
        tell.pass_time(60)
        start = START + timedelta(minutes=minute)
        slow = {"p50": 31.25, "p90": 60.0, "p95": 70.0, "p99": 123.4} if served else {}
        new = VersionMetrics(CHECKOUT, "8", (Minute(start, served, failed, slow),))
        fast = {"p50": 30.0, "p90": 50.0, "p95": 60.0, "p99": 80.0}
        old = VersionMetrics(CHECKOUT, "7", (Minute(start, 1100 + minute, 1, fast),))
        until = start + timedelta(minutes=1)
        tell.say(e.MetricsRead, number=1, comparisons=(Comparison(new, old, minute, until),))
    tell.pass_time(5)
    seen = {"guard": observed, "outcome": Outcome.BROKEN, "why": "new 7, in 1 minute of 1"}
    tell.say(e.GuardObserved, number=1, target=CHECKOUT, **seen)
    tell.say(e.StepEndsEarly, number=1, saved=timedelta(seconds=115))
    tell.pass_time(0.6)
    tell.say(e.StepPassed, number=1, percent=Decimal(10), readings=tell.readings)
    tell.shifts(2)
    tell.passes(2)
    tell.is_released()
    tell.say(e.PreviousAliasSet, target=CHECKOUT, alias="live-previous", version="7")
    tell.ends(e.Result.PROMOTED)

with _story("alarm-at-start-ignored", Telling("10% 2m, 100% 2m")) as tell:
    firing = alarm("checkout-errors", AlarmState.ALARM, ERRORS)
    tell.begins(firing, LATENCY_OK)
    for step in (1, 2):
        tell.shifts(step)
        tell.passes(step)
    text = (
        "Alarm checkout-errors did not guard: it was in ALARM from before the start and never OK."
    )
    tell.say(e.Warned, text=text)
    tell.is_released()
    tell.ends(e.Result.PROMOTED)

with _story("alarm-not-evaluated", Telling("10% 5m, 100% 5m")) as tell:
    partial = replace(LATENCY_OK, evaluation="PARTIAL_DATA", reason=TOO_MUCH)
    broken = replace(ERRORS_OK, evaluation="EVALUATION_ERROR", reason=NO_COLUMN)
    tell.begins(ERRORS_OK, LATENCY_OK)
    tell.shifts(1)
    tell.beats(1, 1)
    tell.pass_time(10)
    tell.say(e.EvaluationChanged, reading=partial, before="")
    tell.say(e.EvaluationChanged, reading=LATENCY_OK, before="PARTIAL_DATA")
    tell.say(e.EvaluationChanged, reading=broken, before="")
    tell.pass_time(60)
    tell.rolls_back("10")
    why = f"alarm checkout-errors was not evaluated by CloudWatch for 1m: EVALUATION_ERROR: {NO_COLUMN}"
    tell.ends(e.Result.ROLLED_BACK, why, failed_alarms=(broken,))

with _story("several-functions", Telling("25% 2m, 100% 2m", CHECKOUT, BASKET)) as tell:
    tell.begins(ERRORS_OK, LATENCY_OK)
    tell.shifts(1)
    tell.beats(1, 1)
    tell.pass_time(20)
    fired = tell.fires()
    tell.rolls_back("25")
    why = f"alarm checkout-errors fired: {ERRORS}"
    tell.ends(e.Result.ROLLED_BACK, why, failed_alarms=(fired,))

with _story("left-in-parts", Telling("25% 2m, 100% 2m", CHECKOUT, BASKET)) as tell:
    tell.begins(ERRORS_OK, LATENCY_OK)
    tell.shifts(1)
    tell.beats(1, 1)
    tell.pass_time(20)
    fired = tell.fires()
    tell.pass_time(300)
    part = Decimal(25)
    tell.say(e.RolledBack, target=BASKET, version="7", from_version="8", percent=part)
    tell.say(
        e.AliasLeft,
        target=CHECKOUT,
        routing=Routing.split("7", "8", part),
        expected=Routing.all_on("7"),
        why="AWS did not confirm it: UpdateAlias: ServiceException: Service is unavailable",
        command=MEND,
    )
    why = f"alarm checkout-errors fired: {ERRORS}"
    tell.ends(e.Result.FAILED, why, failed_alarms=(fired,))

with _story("no-alarms", Telling("10% 1m, 100% 0s")) as tell:
    tell.starts()
    tell.finds_aliases()
    tell.say(
        e.Warned,
        text="Nothing guards this rollout: `alarms` is empty.",
    )
    tell.publishes()
    for step in (1, 2):
        tell.shifts(step)
        tell.passes(step)
    tell.is_released()
    tell.ends(e.Result.PROMOTED)

with _story("step-extended", Telling("10% 2m, 100% 1m")) as tell:
    tell.begins(ERRORS_OK, LATENCY_BLIND)
    tell.shifts(1)
    tell.beats(1, 1)
    tell.pass_time(60)
    tell.say(
        e.StepExtended,
        number=1,
        until=tell.now + timedelta(minutes=15),
        why="INSUFFICIENT_DATA: checkout-latency-p99",
    )
    tell.say(e.Unreadable, what="alarms", why="DescribeAlarms: Throttling: Rate exceeded")
    tell.pass_time(100)
    tell.say(e.AlarmChanged, reading=LATENCY_OK, before=AlarmState.INSUFFICIENT_DATA, fired=False)
    tell.readings = (ERRORS_OK, LATENCY_OK)
    tell.say(e.StepPassed, number=1, percent=Decimal(10), readings=tell.readings)
    tell.shifts(2)
    tell.passes(2)
    tell.is_released()
    tell.ends(e.Result.PROMOTED)

with _story("held", Telling("10% 2m, 50% 2m, hold")) as tell:
    tell.starts(ERRORS_OK, LATENCY_OK)
    tell.finds_aliases()
    tell.takes()
    for step in (1, 2):
        tell.shifts(step)
        tell.passes(step)
    tell.say(e.Held, target=CHECKOUT, version="8", previous="7", percent=Decimal(50))
    tell.ends(
        e.Result.HELD,
        "the schedule ends with `hold`",
        "Nothing watches it now. Finish it with `mode: promote`, or undo it with `mode: rollback`.",
    )

GUARDIAN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:lambda-rollout-guardian"

with _story("held-with-a-guardian", Telling("10% 2m, hold")) as tell:
    tell.starts(ERRORS_OK, LATENCY_OK)
    tell.say(e.GuardiansFound, arns=(GUARDIAN,))
    tell.finds_aliases()
    tell.takes()
    tell.shifts(1)
    tell.passes(1)
    tell.say(e.Held, target=CHECKOUT, version="8", previous="7", percent=Decimal(10))
    tell.ends(
        e.Result.HELD,
        "the schedule ends with `hold`",
        "No job watches it now, but lambda-rollout-guardian: it goes back if an alarm fires. Finish it with "
        "`mode: promote`, or undo it with `mode: rollback`.",
    )

with _story("abandoned-and-restored", Telling("10% 1m, 100% 1m")) as tell:
    left = Routing.split("7", "6", Decimal(10))
    tell.starts(ERRORS_OK)
    tell.finds_aliases(left)
    tell.say(
        e.AbandonedFound,
        target=CHECKOUT,
        routing=left,
        record="[lambda-rollout 7>6 run 1234567000/1 of 9f2c1a id 3fa94c7d until 2026-11-23T05:10:00Z]",
        run_url="https://github.com/octo/shop/actions/runs/1234567000/attempts/1",
    )
    tell.pass_time(0.5)
    tell.say(e.Restored, target=CHECKOUT, version="7", from_version="6")
    tell.publishes()
    for step in (1, 2):
        tell.shifts(step)
        tell.passes(step)
    tell.is_released()
    tell.ends(e.Result.PROMOTED)

with _story("asked-for-rollback", Telling()) as tell:
    tell.starts(mode="rollback")
    tell.finds_aliases(Routing.split("7", "8", Decimal(50)))
    tell.rolls_back("50")
    tell.say(
        e.ExecutionsLeft,
        target=CHECKOUT,
        version="8",
        running=12,
        command=list_executions("checkout", "8", REGION),
    )
    tell.ends(e.Result.ROLLED_BACK, "asked for with mode: rollback", asked_for=True)

with _story("back-by-the-previous-alias", Telling("100% 5m", CHECKOUT, BASKET)) as tell:
    tell.starts(mode="rollback")
    tell.finds_aliases(Routing.all_on("8"))
    for target in tell.targets:
        tell.say(
            e.PreviousAliasFound,
            target=target,
            alias="live-previous",
            version="7",
            from_version="8",
            promoted=START - timedelta(hours=31),
        )
    tell.rolls_back("100")
    tell.ends(e.Result.ROLLED_BACK, "asked for with mode: rollback", asked_for=True)

with _story("denied", Telling()) as tell:
    tell.starts(ERRORS_OK)
    tell.ends(
        e.Result.FAILED,
        "GetAlias: AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/deploy/octo is not"
        " authorized to perform: lambda:GetAlias on resource: arn:aws:lambda:eu-central-1:123456789012:"
        "function:checkout because no identity-based policy allows the lambda:GetAlias action",
        "Allow lambda:GetAlias to the role of this job; the README has the complete policy.",
    )

with _story("hooks-said-yes", Telling("25% 2m, 100% 2m")) as tell:
    tell.begins(ERRORS_OK)
    tell.asks("before-traffic: migrate-schema", None, 3.2)
    tell.shifts(1)
    tell.passes(1, "each-step: check-orders:live")
    tell.shifts(2)
    tell.passes(2, "each-step: check-orders:live")
    tell.asks("after-traffic: check-all", 2, 41, '{"orders":5120}')
    tell.is_released()
    tell.ends(e.Result.PROMOTED)

with _story("hook-said-no", Telling("25% 2m, 100% 2m", CHECKOUT, BASKET)) as tell:
    tell.begins(ERRORS_OK)
    tell.shifts(1)
    tell.beats(1, 1)
    tell.pass_time(60)
    why = tell.refuses("each-step: check-orders", 1, '{"orders":0,"expected":"at least 20"}')
    tell.rolls_back("25")
    tell.asks("on-rollback: warm-the-cache", 1, 0.4)
    tell.ends(e.Result.ROLLED_BACK, why)

LIFECYCLE = ("BeforeAllowTraffic", "AllowTraffic", "AfterAllowTraffic")

with _story("stopped-by-codedeploy", Telling("10% 5m, 100% 10m")) as tell:

    def deployment(identity: str, status: str, *states: str, rolls_back: str = "") -> None:
        tell.say(
            e.DeploymentChanged,
            target=CHECKOUT,
            deployment=identity,
            status=status,
            lifecycle=tuple(zip(LIFECYCLE, states, strict=False)),
            description="" if rolls_back else "lambda-rollout checkout:live 7 to 8, id 3fa94c7d",
            rolls_back=rolls_back,
        )

    tell.begins(ERRORS_OK)
    deployment("d-RGSWBD91L", "Created")
    tell.pass_time(10)
    deployment("d-RGSWBD91L", "InProgress", "Succeeded", "InProgress", "Pending")
    tell.shifts(1)
    tell.beats(1, 2)
    tell.pass_time(21)
    deployment("d-RGSWBD91L", "Stopped", "Succeeded", "Failed", "Skipped")
    tell.pass_time(6)
    deployment("d-J5KH1W91L", "Succeeded", rolls_back="d-RGSWBD91L")
    fired = tell.fires()
    tell.rolls_back("10")
    tell.ends(
        e.Result.ROLLED_BACK,
        "CodeDeploy stopped deployment d-RGSWBD91L: One or more alarms have been activated according to the"
        " Amazon CloudWatch metrics you selected, and the affected deployments have been stopped. Activated"
        " alarms: <checkout-errors>",
        failed_alarms=(fired,),
    )
