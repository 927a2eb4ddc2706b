"""The world of one seed: AWS with its faults, the owner, somebody else, and our processes in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cache, partial
from random import Random
from typing import Any

from lambda_rollout.alias.record import Record, compose
from lambda_rollout.alias.routing import Routing
from lambda_rollout.aws.clients import READ_TIMEOUT
from lambda_rollout.rollout.hooks import LONGEST_CALL
from sandbox.aws import World
from sandbox.aws.errors import AwsError
from sandbox.aws.faults import (
    AccessDenied,
    Closed,
    DropAnswer,
    ExpiredCredentials,
    Fault,
    Hang,
    LoseConnection,
    Lost,
    RefuseConnection,
    Refused,
    ResetConnection,
    ServerError,
    Silent,
    Slow,
    StaleRead,
    Throttle,
    Unreachable,
    Work,
)
from sandbox.aws.lambda_.code import zip_of
from sandbox.aws.request import Account, Request
from sandbox.aws.world import REGION
from sandbox.clock import START
from tests.simulation import rules_guardian as guardian
from tests.simulation import rules_previous as previous
from tests.simulation import rules_reporting as told
from tests.simulation import rules_saved as saved
from tests.simulation import rules_step as passed
from tests.simulation import rules_write as rules
from tests.simulation.between import GONE, STATUSES, fault_of, meets
from tests.simulation.hooks import Word, word_of
from tests.simulation.numbers import publish
from tests.simulation.observer import (
    EARLIER,
    EVALUATED,
    SOMEBODY,
    Actor,
    Observer,
    Rules,
    Shown,
    Truth,
    write_of,
)
from tests.simulation.previous import PREVIOUS, is_previous
from tests.simulation.scenario import Scenario
from tests.simulation.scheduler import Killed, Scheduler
from tests.simulation.smoke import DrawnSmokeTest, Tried

ROLE = "arn:aws:iam::123456789012:role/shop"
RULES = Rules(rules.written, rules.after_effect, passed.not_passed, told.told, saved.done_is_done)

STALE_FOR = 4.0
"""Seconds after a write for which GetAlias may still show the state before."""


AGAIN = 1.0
"""Seconds before an alarm takes on a state anew. CloudWatch evaluates one every 10 seconds at most, and two changes to
the same state within a second are one to whoever compares an alarm with its history."""


class StagedWorld(World):
    """A world that shows everything it does to a witness."""

    observer: Observer
    written_at: dict[str, float]
    """Function -> when its alias was last written."""

    def perform(self, request: Request) -> dict[str, Any]:
        """Do a request's work, and let the witness see what it did."""
        if is_previous(request):
            return self._perform_on_previous(request)
        before = None
        if request.operation == "UpdateAlias":
            before = self.observer.show(request.function)
        answer = super().perform(request)
        if before is not None:
            self.written_at[request.function] = self.clock.monotonic()
        self.observer.effect(request, before, answer)
        return answer

    def _perform_on_previous(self, request: Request) -> dict[str, Any]:
        observer, function = self.observer, request.function
        before = observer.show_kept(function)
        answer = super().perform(request)
        if request.operation != "GetAlias":
            observer.guarded.previous_at[function] = observer.now
        if request.operation in {"UpdateAlias", "CreateAlias"}:
            after = observer.show_kept(function, request.caller)
            assert after is not None
            actor = observer.actors.get(request.caller)
            previous.effect(observer, actor, request, before, after)
        return answer

    def answer(
        self, service: str, operation: str, params: Mapping[str, Any], region: str, caller: str
    ) -> tuple[dict[str, Any], float]:
        """Answer a request, and let the witness see what its sender learns."""
        actor = self.observer.actors.get(caller)
        outcome = "killed"
        word: Word | None = None
        became: Tried = "lost"
        patience = LONGEST_CALL if operation == "Invoke" else READ_TIMEOUT
        delay = 0.0
        try:
            answer, delay = super().answer(service, operation, params, region, caller)
            outcome = "ok" if delay < patience else "silent"
            word = word_of(answer) if operation == "Invoke" and outcome == "ok" else None
            became = "lost" if outcome != "ok" else "no" if "FunctionError" in answer else "yes"
        except AwsError as error:
            outcome = error.code
            became = "not run" if error.status < 500 else "lost"
            raise
        except Lost as loss:
            outcome = loss.outcome
            became = "not run" if isinstance(loss, Refused | Unreachable) else "lost"
            raise
        finally:
            if actor is not None:
                self._ended(actor, self.log[-1], outcome)
            if operation == "Invoke":
                self._hook_says(caller, self.log[-1], word, delay)
                self.observer.smoke_tested(caller, self.log[-1], became)
        if outcome == "ok" and not is_previous(self.log[-1]):
            self.observer.answered(self.log[-1], answer)
        elif outcome == "ok" and actor is not None:
            previous.answered(self.observer, actor, self.log[-1], answer)
        return answer, delay

    def _hook_says(self, caller: str, request: Request, word: Word | None, delay: float) -> None:
        says = partial(self.observer.hook_answered, caller, request, word)
        if delay:
            self.schedule(self.clock.now() + timedelta(seconds=delay), says)
        else:
            says()

    def _ended(self, actor: Actor, request: Request, outcome: str) -> None:
        if outcome != "ok":
            self.observer.seen[f"answer {outcome}"] += 1
            self.observer.tell(f"{actor.name}: {request.operation} -> {outcome}")
        if request.operation == "GetAlias" and outcome == "ResourceNotFoundException":
            kept = f"{request.function}:{PREVIOUS}"
            self.observer.said_missing(actor, kept if is_previous(request) else request.function)
        if is_previous(request):
            return
        if request.operation == "UpdateAlias":
            self.observer.sent(actor, write_of(request, self.observer.now), outcome)


class Weather:
    """The faults that our processes' requests meet, and the death of processes. A `Fault` around every request."""

    def __init__(self, scenario: Scenario, stage: Stage) -> None:
        self._weather = scenario.weather
        self._stage = stage
        self._random = Random(f"weather {scenario.seed}")
        self._between = scenario.between
        self._chance_between = Random(f"weather between {scenario.seed}")
        self._chance_of_requests = Random(f"weather of requests {scenario.seed}")
        self._chance_of_previous = Random(f"weather of the previous alias {scenario.seed}")
        self.over = False

    def around(self, world: Account, request: Request, work: Work) -> dict[str, Any]:
        """Let the request meet what is drawn for it."""
        observer = self._stage.observer
        actor = observer.actors.get(request.caller)
        if actor is None:
            return work()
        actor.requests += 1
        dies = self._dies(actor, request)
        if dies == "before":
            self._stage.kill(actor, f"before {request.operation}")
            raise Killed
        rules.arrived(observer, actor, request)
        fault = None if self.over else self._fault(request)
        if fault is not None:
            guardian.met(observer, actor, "slow" if isinstance(fault, Slow) else "a fault")
            work = partial(fault.around, world, request, work)
        try:
            return work()
        finally:
            if dies == "after":
                self._stage.kill(actor, f"after {request.operation}")
                raise Killed

    def _dies(self, actor: Actor, request: Request) -> str:
        """Return whether a process dies before or after this request; empty if it does not."""
        if self.over:
            return ""
        if actor.fate.killed_in and actor.fate.killed_in[0] == actor.requests:
            return actor.fate.killed_in[1]
        drawn, requests = self._stage.scenario.previous, self._stage.observer.kept.requests
        if drawn is None or not is_previous(request):
            return ""
        requests[actor.name] += 1
        number, phase = drawn.killed_at or (0, "")
        if actor.name != "main" or requests[actor.name] != number:
            return ""
        self._stage.observer.seen[f"killed {phase} a call for the previous alias"] += 1
        return phase

    def _fault(self, request: Request) -> Fault | None:
        kind, observer = self._drawn(request), self._stage.observer
        if is_previous(request):
            kind = self._drawn_for_previous(request) or kind
        kind = self._drawn_for_a_word(request) or kind
        if kind is not None:
            observer.seen[f"fault {kind}"] += 1
            late = self._late(request)
            fault = _fault(kind, self._random, late)
            observer.on_its_way(request, getattr(fault, "lands_after", 0.0))
            return fault
        between, status = self._drawn_between(request)
        if between is None:
            return None
        observer.seen[f"fault {between}"] += 1
        fault, lands_after = fault_of(
            between, status, request.service, self._between.late, self._chance_between
        )
        observer.on_its_way(request, lands_after)
        return fault

    def _late(self, request: Request) -> float:
        scenario = self._stage.scenario
        actor = self._stage.observer.actors.get(request.caller)
        if scenario.previous is not None and is_previous(request):
            return scenario.previous.late
        if scenario.requests is not None and actor is not None and actor.role == "requester":
            return scenario.requests.late
        return self._weather.late

    def _drawn_between(self, request: Request) -> tuple[str | None, int]:
        between, r, now = self._between, self._chance_between, self._stage.since_start
        for spell in between.spells:
            if spell.start <= now < spell.start + spell.seconds and meets(
                spell.target, request.service, request.operation
            ):
                return spell.kind, spell.status
        if meets(between.target, request.service, request.operation):
            for kind, chance in between.chances.items():
                if r.random() < chance and (kind != GONE or request.operation == "GetAlias"):
                    return kind, r.choice(STATUSES)
        return None, 0

    def _drawn_for_a_word(self, request: Request) -> str | None:
        drawn, r = self._stage.scenario.requests, self._chance_of_requests
        actor = self._stage.observer.actors.get(request.caller)
        is_word = request.operation == "UpdateAlias" and not is_previous(request)
        if drawn is None or actor is None or actor.role != "requester" or not is_word:
            return None
        for kind, chance in drawn.chances.items():
            if r.random() < chance:
                self._stage.observer.seen[f"request {kind}"] += 1
                return kind
        return None

    def _drawn_for_previous(self, request: Request) -> str | None:
        drawn, r = self._stage.scenario.previous, self._chance_of_previous
        for kind, chance in drawn.chances.items() if drawn else ():
            is_read = request.operation == "GetAlias"
            # What hangs half of the time lets nothing be learned; a stale answer is one to a read.
            may = not is_read or self._has_a_past(request)
            if r.random() < chance and is_read == (kind == "stale") and may:
                self._stage.observer.seen[f"previous alias {kind}"] += 1
                return kind
        return None

    def _drawn(self, request: Request) -> str | None:
        now = self._stage.since_start
        for outage in self._weather.outages:
            if outage.start <= now < outage.start + outage.seconds and outage.service in {
                "*",
                request.service,
                request.operation,
            }:
                return outage.fault
        for kind, chance in self._weather.chances.items():
            if self._random.random() < chance and not (
                kind == "stale" and not self._may_be_stale(request)
            ):
                return kind
        return None

    def _may_be_stale(self, request: Request) -> bool:
        if request.operation != "GetAlias" or not self._has_a_past(request):
            return False
        world = self._stage.world
        written = world.written_at.get(request.function, -STALE_FOR)
        return world.clock.monotonic() - written < STALE_FOR

    def _has_a_past(self, request: Request) -> bool:
        """Whether its alias was written since it was made: before that there is nothing to be read for minutes."""
        function = self._stage.world.lambda_().functions.get(request.function)
        alias = function.aliases.get(request.params["Name"]) if function else None
        return alias is not None and alias.before is not None


class ResetLate:
    """The connection is cut at once, and yet the work is done later."""

    def __init__(self, lands_after: float) -> None:
        self.lands_after = lands_after

    def around(self, world: Account, request: Request, work: Work) -> dict[str, Any]:
        """Cut the connection."""
        try:
            Hang(effect="late", lands_after=self.lands_after).around(world, request, work)
        except Silent:
            raise Closed from None
        raise AssertionError


STEADY: dict[str, Fault] = {
    "throttle": Throttle(),
    "error": ServerError(),
    "error-after": ServerError(after_effect=True),
    "refuse": RefuseConnection(),
    "unreachable": LoseConnection(),
    "reset": ResetConnection(),
    "drop": DropAnswer(),
    "hang": Hang(),
    "hang-after": Hang(effect="before"),
    "stale": StaleRead(),
    "denied": AccessDenied(),
    "expired": ExpiredCredentials(),
}


def _fault(kind: str, random: Random, late: float) -> Fault:
    if kind == "hang-late":
        return Hang(effect="late", lands_after=random.uniform(0, late))
    if kind == "reset-late":
        return ResetLate(random.uniform(0, late))
    if kind.startswith("twice"):
        return fault_of(kind, 0, "lambda", late, random)[0]
    if kind == "slow":
        return Slow(random.uniform(0.2, 4.5))
    return STEADY[kind]


@cache
def package(build: int, smoke_test: DrawnSmokeTest | None) -> bytes:
    """A build's deployment package."""
    if smoke_test is not None:
        return smoke_test.code(build)
    return zip_of(f"def handler(event, context): return {build}")


class Stage:
    """Everything that one seed has on stage."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        chance_aside = Random(f"{scenario.seed} github turns")
        self.scheduler = Scheduler(Random(f"turns {scenario.seed}"), chance_aside)
        self.world = StagedWorld(clock=self.scheduler.clock, seed=scenario.seed)
        self.observer = Observer(self.world, scenario.text, RULES)
        self.world.observer = self.observer
        self.observer.is_calm = scenario.is_calm
        self.observer.in_order = not scenario.at_once
        self.observer.slack = scenario.slack
        self.world.written_at = {}
        self.world.dates = dict(scenario.between.dates)
        self.functions = [f"checkout-{n}" for n in range(scenario.functions)]
        self.weather = Weather(scenario, self)
        self.when_fired: Callable[[], None] = lambda: None
        """Called whenever an alarm goes into ALARM, once main is to begin."""
        self._start = 0.0
        self._entered: dict[tuple[str, str], float] = {}
        """(Alarm, state) -> when it took it on last, seconds since main's start."""
        self._build()
        self._start = self.scheduler.clock.monotonic()
        self.world.log.clear()
        self.world.faults.add(self.weather, count=None)
        self._plan_the_rest()

    @property
    def since_start(self) -> float:
        """Seconds since main's start."""
        return self.scheduler.clock.monotonic() - self._start

    def at(self, seconds: float, act: Callable[[], object]) -> None:
        """Let something happen so many seconds after main's start."""
        start = self.scheduler.clock.now() + timedelta(seconds=seconds - self.since_start)
        self.world.schedule(start, lambda: (act(), None)[1])

    # The world before --------------------------------------------------------------------------

    def _build(self) -> None:
        region = self.world.lambda_()
        region.activation_delay = region.update_delay = 0.0
        how = {"Runtime": "python3.13", "Role": ROLE, "Handler": "index.handler"}
        for function in self.functions:
            self.observer.truths[function] = Truth(base="1", text=self.scenario.text)
            named = {"FunctionName": function}
            region.create_function({**named, **how, "Code": {"ZipFile": package(1, None)}})
            self.world.run_due()
            region.publish_version(named)
            alias = {"Name": "live", "FunctionVersion": "1", "Description": self.scenario.text}
            region.create_alias({**named, **alias})
            if self.scenario.previous is not None and self.scenario.previous.there != "none":
                text = self.scenario.previous.text
                kept = {"Name": PREVIOUS, "FunctionVersion": "1", "Description": text}
                region.create_alias({**named, **kept})
                first = self.observer.show_kept(function, "owner")
                assert first is not None
                self.observer.kept.written(function, first)
            self.build(function, 2)
            self.world.run_due()
            if self.scenario.by_version or self.scenario.held_before is not None:
                region.publish_version(named)
        self.world.run_due()
        for function in self.functions:
            self._hold_before(function)
        for drawn in self.scenario.hooks:
            asked: dict[str, Any] = {**how, "Timeout": 900, "Code": {"ZipFile": drawn.code()}}
            region.create_function({"FunctionName": drawn.hook.function, **asked})
        self.world.run_due()
        region.activation_delay = self.scenario.activation
        region.keeps_descriptions = self.scenario.keeps_descriptions
        cloudwatch = self.world.cloudwatch()
        cloudwatch.history_lag = timedelta(seconds=self.scenario.history_lag)
        for name, state in self.scenario.alarms.items():
            # A log alarm: one that nothing but SetAlarmState moves.
            cloudwatch._put("LogAlarm", {"AlarmName": name}, None)
            if state != "INSUFFICIENT_DATA":
                self._set_alarm(name, state)

    def _hold_before(self, function: str) -> None:
        percent = self.scenario.held_before
        if percent is None:
            return
        routing = Routing.split("1", "2", percent)
        record = Record("1", "2", EARLIER, None, "999", "1", "3041f3", START)
        self.observer.truths[function].author = EARLIER
        self.world.lambda_().update_alias(
            {
                "FunctionName": function,
                "Name": "live",
                "RoutingConfig": {"AdditionalVersionWeights": dict(routing.weights)},
                "Description": compose(self.scenario.text, record),
            }
        )

    def build(self, function: str, number: int) -> None:
        """New code in ``$LATEST``."""
        region = self.world.lambda_()
        if function in region.functions:
            region.functions[function].latest.update_status = "Successful"
            region.update_function_code(
                {"FunctionName": function, "ZipFile": package(number, self.scenario.smoke_test)}
            )

    # What happens by itself --------------------------------------------------------------------

    def _plan_the_rest(self) -> None:
        scenario = self.scenario
        for at, name, state in scenario.changes:
            self.at(at, partial(self._set_alarm, name, state))
        for at, name, evaluation in scenario.evaluations:
            if at > 0:
                self.at(at, partial(self._set_evaluation, name, evaluation))
            else:
                self._set_evaluation(name, evaluation)
        if scenario.deleted_alarm is not None:
            at, name = scenario.deleted_alarm
            self.at(at, partial(self._delete_alarm, name))
        if scenario.between.split_at is not None:
            self.at(scenario.between.split_at, self._split_by_hand)
        for number, (at, kind) in enumerate(scenario.foreign):
            function = self.functions[number % len(self.functions)]
            self.at(at, partial(self._foreign, function, kind, number))

        if scenario.numbers is not None:
            publish(scenario.numbers, self)
        for at, kind in scenario.previous.moves if scenario.previous else ():
            self.at(at, partial(self._move_previous, kind))

    def _move_previous(self, kind: str) -> None:
        """Somebody else does something to the alias that keeps the way back."""
        for function in self.functions:
            kept, there = self.observer.show_kept(function), self.observer.show(function)
            versions = sorted(self.world.lambda_().functions[function].published) if there else []
            if not versions or (kept is None) != (kind == "create"):
                continue
            named: dict[str, Any] = {"Name": PREVIOUS}
            whole = {"FunctionVersion": versions[-1], "RoutingConfig": {}, "Description": "theirs"}
            weights = dict.fromkeys(
                [v for v in versions if kept and v != kept.routing.version][:1], 0.5
            )
            self.observer.seen[f"previous alias: somebody's {kind}"] += 1
            match kind:
                case "create":
                    rest = {"FunctionVersion": versions[0], "Description": "theirs"}
                    self._somebody("CreateAlias", function, **named, **rest)
                case "delete":
                    self._somebody("DeleteAlias", function, **named)
                case "move":
                    self._somebody("UpdateAlias", function, **named, **whole)
                case "describe":
                    self._somebody("UpdateAlias", function, **named, Description="theirs")
                case "split":
                    split = {"RoutingConfig": {"AdditionalVersionWeights": weights}}
                    self._somebody("UpdateAlias", function, **named, **split)

    def _set_alarm(self, name: str, state: str) -> None:
        cloudwatch = self.world.cloudwatch()
        alarm = cloudwatch._alarms.get(name)
        if alarm is None or alarm.value == state or alarm.evaluation_state not in EVALUATED:
            return
        if self.since_start - self._entered.get((name, state), -2.0) < AGAIN:
            return
        self._entered[name, state] = self.since_start
        reason = {"AlarmName": name, "StateValue": state, "StateReason": "drawn"}
        cloudwatch.set_alarm_state(reason)
        self.observer.tell(f"alarm {name} {state}")
        self.observer.seen[f"alarm {state}"] += 1
        self.observer.alarm_changed(name, state)
        if state == "ALARM":
            self.when_fired()
        for actor in self.observer.actors.values():
            self.observer.while_a_hook_is_asked(actor, f"alarm {state}")

    def _set_evaluation(self, name: str, evaluation: str | None) -> None:
        cloudwatch = self.world.cloudwatch()
        if name not in cloudwatch._alarms:
            return
        cloudwatch.set_evaluation_state(name, evaluation, f"it is {evaluation}")
        self.observer.tell(f"alarm {name} evaluation {evaluation}")
        self.observer.seen[f"evaluation {evaluation}"] += 1

    def _delete_alarm(self, name: str) -> None:
        self.world.cloudwatch().delete_alarms({"AlarmNames": [name]})
        self.observer.tell(f"alarm {name} deleted")
        self.observer.seen["alarm deleted"] += 1

    def _foreign(self, function: str, kind: str, number: int) -> None:
        shown = self.observer.show(function)
        if shown is None:
            return
        self.observer.seen[f"foreign {kind}"] += 1
        if kind == "delete-alias":
            self._somebody("DeleteAlias", function)
        elif kind == "delete-function":
            self._somebody("DeleteFunction", function)
        else:
            edit = self._edit(function, kind, shown, f"edited {number}")
            if edit:
                self._somebody("UpdateAlias", function, **edit)

    def _split_by_hand(self) -> None:
        """Somebody sees errors at 100%, and gives half of the traffic back to the old version, as one should do it."""
        for function in self.functions:
            shown = self.observer.show(function)
            record = shown.ours if shown is not None else None
            if shown is None or record is None or shown.routing != Routing.all_on(record.new):
                continue
            self.observer.seen["split by hand at 100%"] += 1
            weights = {"AdditionalVersionWeights": {record.old: 0.5}}
            edit: dict[str, Any] = {"RoutingConfig": weights, "RevisionId": shown.revision_id}
            if self.scenario.between.split_edits:
                edit["Description"] = "half of it taken back"
            self._somebody("UpdateAlias", function, **edit)

    def _edit(self, function: str, kind: str, shown: Shown, text: str) -> dict[str, Any]:
        """What somebody's UpdateAlias says; nothing if there is nothing to do."""
        routing = shown.routing
        match kind:
            case "description":
                return {"Description": text}
            case "same":
                return {"Description": shown.description}
            case "whole-old":
                base = self.observer.truths[function].base
                return {"FunctionVersion": base, "RoutingConfig": {}, "Description": text}
            case "whole-new":
                new = next(iter(routing.weights), routing.version)
                return {"FunctionVersion": new, "RoutingConfig": {}}
            case "weight" if routing.weights:
                weights = dict.fromkeys(routing.weights, 0.42)
                return {"RoutingConfig": {"AdditionalVersionWeights": weights}}
            case "split" if routing.is_unsplit:
                versions = self.world.lambda_().functions[function].published
                others = [version for version in versions if version != routing.version][:1]
                return {"RoutingConfig": {"AdditionalVersionWeights": dict.fromkeys(others, 0.3)}}
            case _:
                return {}

    def _somebody(self, operation: str, function: str, **edit: Any) -> None:
        params = {"FunctionName": function, "Name": "live", **edit}
        request = Request(self.scheduler.clock.now(), "lambda", operation, params, REGION, SOMEBODY)
        self.world.perform(request)

    # Ends of processes -------------------------------------------------------------------------

    def kill(self, actor: Actor, where: str) -> None:
        """SIGKILL."""
        if actor.process is None or not actor.alive:
            return
        self.observer.tell(f"{actor.name} killed {where}")
        self.observer.while_a_hook_is_asked(actor, "killed")
        self.observer.seen[f"killed {actor.role}"] += 1
        self.scheduler.kill(actor.process)

    def freeze(self, actor: Actor, seconds: float) -> None:
        """SIGSTOP, and SIGCONT so many seconds later."""
        if actor.process is None or not actor.alive:
            return
        self.observer.tell(f"{actor.name} stands still for {seconds} s")
        self.observer.seen["frozen"] += 1
        actor.frozen_ever = True
        guardian.met(self.observer, actor, "a standstill")
        self.scheduler.freeze(actor.process, seconds)

    def show(self, function: str) -> Shown | None:
        """The alias as it is."""
        return self.observer.show(function)
