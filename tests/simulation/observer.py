"""What really happened, kept beside the code under test and with nothing of its bookkeeping.

`Observer` sees every request as AWS sees it, every effect, every answer that got through, and every event
that was told; the rules (`rules_write` and the other rules) judge by that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from lambda_rollout.alias import record as lease
from lambda_rollout.alias.record import Record
from lambda_rollout.alias.routing import Routing
from lambda_rollout.inputs.choices import InsufficientData, Mode
from lambda_rollout.inputs.hooks import Hook
from lambda_rollout.rollout.events import AliasLeft, Event, Finished, Warned
from lambda_rollout.rollout.saved_state import Phase, SavedState
from lambda_rollout.rollout.spec import RolloutSpec
from sandbox.aws.request import Request
from sandbox.aws.world import World
from tests.simulation import rules_guardian as guardian
from tests.simulation import rules_requests as requests
from tests.simulation.guarded import Guarded, Visit
from tests.simulation.hooks import Word
from tests.simulation.kept import Kept, KeptHistory
from tests.simulation.numbers import Numbers
from tests.simulation.previous import PREVIOUS, is_previous
from tests.simulation.scheduler import Process
from tests.simulation.smoke import Tried

if TYPE_CHECKING:
    from tests.simulation.scenario import Fate

Role = Literal["main", "twin", "post", "next", "sweeper", "requester", "guardian"]
FOLLOWERS: frozenset[Role] = frozenset({"post", "next", "sweeper", "guardian"})
SOMEBODY = "somebody"
EARLIER = "0000000e"
"""The id in the record of a rollout that was held before the seed began."""
EVALUATED = frozenset({None, "PARTIAL_DATA"})
"""EvaluationStates of an alarm whose state says something."""

LEAST_CALL = 10.0
"""Seconds that a hook's call has where its limit is nearer."""

MISSING_TWICE = 2.0
"""Seconds between two words of AWS that an alias is not there, before it is believed."""
WITHOUT_EFFECT = frozenset({"refused", "unreachable", "AccessDenied", "AccessDeniedException"})
"""How a request can have ended for its sender without any delivery of it having had an effect."""


@lru_cache(maxsize=256)
def _record(description: str) -> Record | None:
    return lease.parse(description)[1]


@dataclass(frozen=True)
class Shown:
    """An alias at one moment."""

    routing: Routing
    description: str
    revision_id: str

    @property
    def record(self) -> Record | None:
        return _record(self.description)

    @property
    def ours(self) -> Record | None:
        """The record, if it speaks of this routing."""
        record = self.record
        return record if record is not None and lease.agrees(record, self.routing) else None


@dataclass(frozen=True)
class Write:
    """One UpdateAlias of ours: what it asks for."""

    function: str
    shown: Shown
    at: float

    @property
    def record(self) -> Record | None:
        return self.shown.record

    @property
    def kind(self) -> Literal["forward", "passed", "held", "whole"]:
        record = self.record
        if record is None:
            return "whole"
        if record.passed:
            return "passed"
        return "held" if record.held else "forward"

    @property
    def percent(self) -> Decimal:
        """Of the traffic, for the version that its record calls new."""
        assert self.record is not None
        return self.shown.routing.percent_of(self.record.new)


@dataclass
class Asked:
    """One call of a hook."""

    request: Request
    hook: Hook
    at: float
    """When it arrived."""
    said: Word | None = None
    """What its caller was answered; None as long as it was not."""
    said_at: float = 0.0
    lost: bool = False
    """Whether no answer comes."""

    def late_for(self, limit: float) -> bool:
        """Whether its answer came too late for a limit, or for the least that a call has."""
        return self.said_at > max(limit, self.at + LEAST_CALL) + 1.0


@dataclass
class Tested:
    """One invocation of a new version, for its smoke test."""

    request: Request
    function: str
    version: str
    became: Tried | None = None
    """None as long as nothing is known to its caller."""


@dataclass
class Actor:
    """One process of ours, and what it has done and can know."""

    name: str
    role: Role
    spec: RolloutSpec
    fate: Fate
    number: int
    """Actors are numbered in the order of their start."""
    saved_state: SavedState | None = None
    """What a post stage was given."""
    process: Process | None = None
    requests: int = 0
    events: list[Event] = field(default_factory=list)
    saved_states: list[SavedState] = field(default_factory=list)
    adopted: dict[str, Routing] = field(default_factory=dict)
    """What it found under the record it acts for, by function, whoever set the weight."""
    finished: Finished | None = None
    cancelled_at: float | None = None
    frozen_ever: bool = False
    lost: bool = False
    """Whether its runner took it for gone."""
    misdated: bool = False
    """Whether the Date of AWS's answers does not reach it is."""
    recorded_at: float = -1e9
    """When a record of its own last took effect."""
    suspended_for: float = 0.0
    """Seconds that its machine was suspended."""
    versions: dict[str, str] = field(default_factory=dict)
    """The version it was told to roll out, or that PublishVersion answered, by function."""
    bases: dict[str, str] = field(default_factory=dict)
    """The version that an alias was on when this actor, or the one it acts for, came to it."""
    revisions: dict[str, list[str]] = field(default_factory=dict)
    """The RevisionIds that it knows of, by function; the newest is the last."""
    records: dict[str, Record | None] = field(default_factory=dict)
    """What it read on an alias before it went forward."""
    found: dict[str, Shown] = field(default_factory=dict)
    """What an alias was, by its newest answer, before it went forward."""
    settled: set[str] = field(default_factory=set)
    """Aliases that it has sent a settling write for."""
    forward_at: float = -1.0
    """When its newest forward write was sent."""
    missing_since: dict[str, float] = field(default_factory=dict)
    """When AWS first said that there is no such alias, with no other answer since."""
    missing_twice: set[str] = field(default_factory=set)
    """Aliases of which AWS has said so twice, with time between."""
    looks_sent: dict[str, float] = field(default_factory=dict)
    """When it last asked for an alias, whatever the answer."""
    looked_at: dict[str, int] = field(default_factory=dict)
    """When (in writes of the world) it last looked at an alias before it went forward."""
    touched: set[str] = field(default_factory=set)
    """Aliases that its forward writes may have reached, in whichever way."""
    refused: set[str] = field(default_factory=set)
    """RevisionIds that AWS has refused it."""
    unanswered: dict[str, list[Routing]] = field(default_factory=dict)
    """What it went forward to without an answer, by function."""
    unconfirmed: list[Write] = field(default_factory=list)
    """What it has written, and did not learn whether it took effect."""
    reached: dict[str, Decimal] = field(default_factory=dict)
    """The weight that it last sent forward, by function."""
    weights_since: dict[tuple[str, Decimal], datetime] = field(default_factory=dict)
    """(Function, percent) -> what its first record for that weight says."""
    since: dict[str, float] = field(default_factory=dict)
    """When that weight first took effect."""
    settling_since: float | None = None
    unrenewed_since: float | None = None
    """When the first renewal of its credentials failed with none that succeeded since."""
    alarms_read_at: float = -1.0
    """When the newest read of alarms that it has an answer to was made."""
    states: dict[str, str] = field(default_factory=dict)
    """What that answer showed."""
    not_evaluated: set[str] = field(default_factory=set)
    """Alarms that it showed and that CloudWatch did not evaluate."""
    broken_since: dict[str, float] = field(default_factory=dict)
    """Of those that count: since which answer each one was in an error or failure."""
    lacked_at: float = -1.0
    """When it last read that an alarm that counts was not evaluated, or had no data where it must."""
    ever_ok: set[str] = field(default_factory=set)
    """Alarms that it ever read to be evaluated, and OK."""
    aliases_read_at: dict[str, float] = field(default_factory=dict)
    counting: dict[str, bool] = field(default_factory=dict)
    """Alarm -> whether it counts: not in ALARM just before the first shift, or OK since. The truth."""
    known_to_count: set[str] = field(default_factory=set)
    """Alarms that it must know to count from its own reads."""
    fired: set[str] = field(default_factory=set)
    """Alarms that counted and went into ALARM since. The truth."""
    fired_at_read: set[str] = field(default_factory=set)
    """Of them, those that had fired by the newest read it has an answer to."""
    knows_fired: bool = False
    must_settle: set[str] = field(default_factory=set)
    """Aliases to be written before any other call."""
    told_at: dict[str, int] = field(default_factory=dict)
    """How many writes an alias had seen when it last told where the alias is."""
    numbers: Numbers | None = None
    """What its guards look at."""
    asked: list[Asked] = field(default_factory=list)
    """The calls of hooks that it made."""
    tested: list[Tested] = field(default_factory=list)
    """The invocations of new versions that it made."""
    alarms_asked_at: float = -1e9
    """When it last asked for the alarms, whatever the answer."""
    under_way_at_read: set[int] = field(default_factory=set)
    """The calls of hooks that were under way then."""
    fired_known_at: float | None = None
    """When it learned that an alarm fired; None once it has answered that."""
    earned: bool = False
    """Whether it said CLEARING with every watch passed."""
    asked_on: dict[str, float] = field(default_factory=dict)
    """Function -> when it read that its record asks it to go on, with no answer since."""
    refused_ones: set[str] = field(default_factory=set)
    """Functions whose record still asks though it has refused."""
    was_asked: bool = False
    """Whether a request to it ever took effect. The truth."""
    refused_on: set[str] = field(default_factory=set)
    """Functions of which a write of its own was refused for its RevisionId: it looks before it writes again."""
    split_at: float | None = None
    """When the first weight of its own took effect."""
    clearing_since: float | None = None
    """When it said CLEARING; None once it has written after that."""
    visit: Visit | None = None
    """What a guardian has seen; None for all others."""

    @property
    def asked_at(self) -> float | None:
        """When it read first that it is asked to go on; None if it is not."""
        return min(self.asked_on.values(), default=None)

    @property
    def previous_alias(self) -> str:
        """The alias that it is to let keep the way back; empty for none."""
        if self.saved_state is not None:
            return self.saved_state.previous_alias
        return self.spec.inputs.previous_alias or ""

    @property
    def alive(self) -> bool:
        return self.process is not None and not self.process.dead and not self.process.killed

    def learn_revision(self, function: str, revision_id: str) -> None:
        """Take note of the newest RevisionId that it was told."""
        known = self.revisions.setdefault(function, [])
        if not known or known[-1] != revision_id:
            known.append(revision_id)

    @property
    def left_for_it(self) -> list[Decimal]:
        """The weights that it found under the records of the rollout that it goes on with."""
        return [
            shown.routing.percent_of(shown.ours.new)
            for shown in self.found.values()
            if shown.ours is not None and shown.ours.rollout_id != self.spec.rollout_id
        ]

    @property
    def rollout_ids(self) -> set[str]:
        """The ids that its records may carry."""
        if self.saved_state is not None:
            return {saved.rollout_id for saved in self.saved_state.aliases}
        return {self.spec.rollout_id}


@dataclass
class Truth:
    """One alias."""

    base: str
    """The version that is to be gone back to."""
    text: str
    """The owner's description."""
    author: str = "owner"
    """Who last changed the routing."""
    writer: str = "owner"
    """Who last wrote it."""
    changed: int = 0
    """The number of the write that did."""
    closed_to: dict[str, int] = field(default_factory=dict)
    """Actor -> the number of the confirmed write with which another one took over from it."""
    gone: bool = False
    edited: bool = False
    """Whether somebody else wrote while we were at work."""
    edited_at: float = -1.0
    """When he last did."""
    writes: int = 0
    writers: set[str] = field(default_factory=set)
    """Everybody who has written it."""
    routings: list[Routing] = field(default_factory=list)
    """What it has been, write by write."""


@dataclass(frozen=True)
class Rules:
    """Who judges what the witness sees."""

    written: Callable[[Observer, Actor, str, Shown, Shown], None]
    after_effect: Callable[[Observer], None]
    not_passed: Callable[[Actor], str | None]
    told: Callable[[Observer, Actor, Event], None]
    handed_over: Callable[[Observer, Actor, SavedState], None]


class Observer:
    """Sees everything, and lets the rules judge it."""

    def __init__(self, world: World, text: str, rules: Rules) -> None:
        self.world = world
        self._rules = rules
        self.text = text
        self.actors: dict[str, Actor] = {}
        self.truths: dict[str, Truth] = {}
        self.violations: list[str] = []
        self.seen: Counter[str] = Counter()
        """What the seed exercised."""
        self.words: dict[str, bool] = {}
        """Nonce -> whether GitHub said that its run is over."""
        self.ambiguous = False
        """Whether somebody undid another's work because he could not know that it was not his own."""
        self.cleared: set[str] = set()
        """Nonces of rollouts that had passed every watch."""
        self.marked: set[str] = set()
        """Ids of rollouts of which an alias has ever said that all have passed."""
        self.moved: dict[str, dict[str, str]] = {}
        """By a rollout's id: every function that its records were on, and its new version."""
        self.story: list[str] = []
        self.is_calm = False
        """Whether nothing but our own processes and the alarms changes anything, or stands in their way."""
        self.slack: float | None = None
        """By how many seconds the split steps may be longer than planned; None for any time."""
        self.in_order = False
        """Whether a process calls AWS for one function after the other."""
        self.kept = KeptHistory()
        """The alias that keeps the way back."""
        self.guarded = Guarded()
        """What a guardian has to know."""
        self.pending: list[tuple[Write, str]] = []
        """Our writes, with their sender, that land, or land once more, at their own time."""
        self._read: tuple[Request | None, set[str]] = (None, set())
        """The newest read that was answered with the present state, and what had fired by then."""

    @property
    def now(self) -> float:
        return self.world.clock.monotonic()

    def blame(self, rule: str, what: str) -> None:
        """Keep a violation."""
        self.violations.append(f"{self.now:.2f} {rule}: {what}")

    def tell(self, text: str) -> None:
        """Keep a line of what happened."""
        self.story.append(f"{self.now:9.2f} {text}")

    def show(self, function: str) -> Shown | None:
        """The alias as it is."""
        there = self.world.lambda_().functions.get(function)
        alias = there.aliases.get("live") if there else None
        if alias is None:
            return None
        return Shown(
            Routing(alias.version, dict(alias.weights)), alias.description, alias.revision_id
        )

    def show_kept(self, function: str, author: str = "") -> Kept | None:
        """The alias that keeps the way back as it is, and who wrote it: ``author``, or who was noted."""
        there = self.world.lambda_().functions.get(function)
        alias = there.aliases.get(PREVIOUS) if there else None
        if alias is None:
            return None
        states = self.kept.states[function]
        routing = Routing(alias.version, dict(alias.weights))
        number = len(states) if author == "" else len(states) + 1
        who = author or (states[-1].author if states else "owner")
        return Kept(routing, alias.description, alias.revision_id, who, number)

    def build(self, function: str, version: str) -> str:
        """What code a version has."""
        return self.world.lambda_().functions[function].published[version].code.sha256

    # Alarms ------------------------------------------------------------------------------------

    def alarm_changed(self, name: str, state: str) -> None:
        """Take note of a transition."""
        self.guarded.alarm_changed(name, state, self.world.clock.now())
        for actor in self.actors.values():
            if actor.visit is not None:
                # What was on when it began may be over when it looks, and not in the history yet.
                actor.visit.due.clear()
            if name not in actor.counting:
                continue
            if state == "ALARM" and actor.counting[name]:
                actor.fired.add(name)
            actor.counting[name] = actor.counting[name] or state == "OK"

    def _surveyed(self, actor: Actor, answer: Mapping[str, Any]) -> None:
        states, evaluations = _states(answer), _evaluations(answer)
        if not actor.reached:
            actor.counting = {
                name: state != "ALARM" and evaluations[name] in EVALUATED
                for name, state in states.items()
            }
            actor.known_to_count = {name for name, counts in actor.counting.items() if counts}
            actor.fired = set()
            actor.knows_fired = False

    # Requests ----------------------------------------------------------------------------------

    def effect(self, request: Request, before: Shown | None, answer: Mapping[str, Any]) -> None:
        """Take note of what AWS has just done."""
        actor = self.actors.get(request.caller)
        if is_previous(request):
            return
        match request.operation:
            case "UpdateAlias":
                function = request.function
                after = self.show(function)
                assert before is not None
                assert after is not None
                sent = write_of(request, self.now)
                if actor is not None and requests.is_request(actor, sent.record):
                    requests.effect(self, actor, before, after)
                    self.tell(f"{actor.name}: asks {after.description[-90:]!r}")
                else:
                    self._written(request.caller, actor, function, before, after)
            case "DescribeAlarms" if actor is not None:
                self._surveyed(actor, answer)
                self._read = (request, set(actor.fired))
            case "GetAlias" if actor is not None:
                function = request.function
                if function not in actor.reached:
                    actor.looked_at[function] = self.truths[function].writes
                self._read = (request, set())
            case "DeleteAlias" | "DeleteFunction":
                self.truths[request.function].gone = True
            case _:
                pass
        self._rules.after_effect(self)

    def _written(
        self, caller: str, actor: Actor | None, function: str, before: Shown, after: Shown
    ) -> None:
        truth = self.truths[function]
        truth.writes += 1
        truth.writer = caller
        truth.writers.add(caller)
        truth.routings.append(after.routing)
        self.tell(f"{caller}: {after.routing} {after.description[-90:]!r}")
        guardian.somebody_wrote(self, caller, function)
        if actor is not None:
            self._written_by_us(actor, function, before, after)
        if after.record is None and after.routing.is_unsplit:
            self.kept.live[function].add(after.routing.version)
        changed = before.routing != after.routing
        # Whoever puts his own record to the same weight makes it his own, also where somebody had struck one out.
        taken = actor is not None and after.record is not None and _is_anothers(before, after)
        if changed or taken or truth.author == "owner":
            truth.author, truth.changed = caller, truth.writes
        if taken and before.record is None:
            truth.closed_to.pop(caller, None)
        if actor is None:
            self._written_by_somebody(truth, before, after)
            self._as_if_one_of_us(function)
        elif after.record is not None:
            # Our record may have been struck out meanwhile; it is back, and with it what it says.
            truth.base = after.record.old
        elif after.routing.is_unsplit:
            truth.base = after.routing.version

    def _written_by_us(self, actor: Actor, function: str, before: Shown, after: Shown) -> None:
        self._rules.written(self, actor, function, before, after)
        self._note_promotion(actor, function, before, after)
        if after.ours is not None:
            self.moved.setdefault(after.ours.rollout_id, {})[function] = after.ours.new
            if after.ours.passed:
                self.marked.add(after.ours.rollout_id)
        if after.record is not None and after.record.rollout_id == actor.spec.rollout_id:
            actor.recorded_at = self.now
        if after.record is None and after.routing.is_unsplit and function not in actor.reached:
            # It has mended what it found, whichever way, and begins there.
            actor.bases[function] = after.routing.version
        self._stands(actor, function, after)

    def _note_promotion(self, actor: Actor, function: str, before: Shown, after: Shown) -> None:
        """Note that a record was removed for good, with every watch passed."""
        if after.record is not None or not after.routing.is_unsplit:
            return
        saved = actor.saved_states[-1].aliases if actor.saved_states else ()
        mine = next((each for each in saved if each.function == function), None)
        if before.ours is not None:
            rollout_id, versions = before.ours.rollout_id, (before.ours.old, before.ours.new)
        elif mine is not None and mine.new:
            rollout_id, versions = mine.rollout_id, (mine.old, mine.new)
        else:
            return
        if rollout_id in self.cleared and after.routing == Routing.all_on(versions[1]):
            self.kept.was_promoted(rollout_id, function, versions, actor.name)

    def _written_by_somebody(self, truth: Truth, before: Shown, after: Shown) -> None:
        truth.edited, truth.edited_at = True, self.now
        if before.description != after.description:
            truth.text = lease.owners_text(after.description)
        if after.routing.is_unsplit and after.ours is None:
            truth.base = after.routing.version

    def _stands(self, actor: Actor, function: str, after: Shown) -> None:
        """Note since when a weight has had effect."""
        record = after.record
        if record is not None and not record.held and function not in actor.since:
            actor.since[function] = self.now
            if actor.split_at is None and record.rollout_id == actor.spec.rollout_id:
                actor.split_at = self.now

    def answered(self, request: Request, answer: Mapping[str, Any]) -> None:
        """Take note of an answer that gets through."""
        actor = self.actors.get(request.caller)
        if actor is None:
            return
        read, fired = self._read
        match request.operation:
            case "DescribeAlarms":
                actor.alarms_read_at = self.now
                actor.states = _states(answer)
                actor.fired_at_read = fired
                self._learn_of_evaluation(actor, _evaluations(answer))
                self._learn_of_firing(actor)
            case "GetAlias":
                self._alias_read(actor, request.function, answer, read is request)
            case "PublishVersion":
                actor.versions[request.function] = answer["Version"]
            case "UpdateAlias":
                function = request.function
                requests.seen(actor, function, _record(answer.get("Description", "")), self.now)
                actor.learn_revision(function, answer["RevisionId"])
                if function not in actor.reached:
                    actor.found[function] = _shown(answer)
                self._confirmed(actor, request)
            case _:
                pass

    def _alias_read(
        self, actor: Actor, function: str, answer: Mapping[str, Any], fresh: bool
    ) -> None:
        actor.missing_since.pop(function, None)
        # Old news that are no older than what the actor knows cannot be told from new ones.
        if fresh or answer["RevisionId"] not in actor.revisions.get(function, [])[:-1]:
            actor.aliases_read_at[function] = self.now
            actor.learn_revision(function, answer["RevisionId"])
        record = _record(answer.get("Description", ""))
        requests.seen(actor, function, record, self.now, fresh=fresh)
        if actor.role == "post":
            if record is not None and record.rollout_id in actor.rollout_ids:
                actor.adopted[function] = _routing(answer)
            return
        if actor.visit is not None:
            guardian.read(self, actor, function, _shown(answer))
            return
        if function in actor.reached:
            return
        if actor.spec.inputs.mode is Mode.ROLLBACK and function in actor.bases:
            # It goes back to where it first saw that it had to, even if the rollout ends meanwhile.
            return
        actor.bases[function] = self.truths[function].base
        actor.records[function] = record
        actor.found[function] = _shown(answer)
        if not fresh:
            actor.bases[function] = record.old if record else answer["FunctionVersion"]

    def _learn_of_evaluation(self, actor: Actor, evaluations: Mapping[str, str | None]) -> None:
        actor.not_evaluated = {n for n, state in evaluations.items() if state not in EVALUATED}
        ok = {n for n, state in actor.states.items() if state == "OK"} - actor.not_evaluated
        actor.ever_ok |= ok
        if actor.reached:
            # That it is evaluated again leaves no trace in an alarm's history: it counts from the read that shows it.
            actor.counting |= dict.fromkeys(ok, True)
        counted = {n for n in actor.not_evaluated if n in actor.known_to_count}
        broken = {n for n in counted if (evaluations[n] or "").startswith("EVALUATION_")}
        actor.broken_since = {n: actor.broken_since.get(n, self.now) for n in broken}
        strict = actor.spec.inputs.insufficient_data is InsufficientData.FAIL
        if counted or (strict and "INSUFFICIENT_DATA" in actor.states.values()):
            actor.lacked_at = self.now

    def _learn_of_firing(self, actor: Actor) -> None:
        if not actor.reached:
            return
        firing = {n for n, state in actor.states.items() if state == "ALARM"} & actor.known_to_count
        ok = {n for n, state in actor.states.items() if state == "OK"}
        actor.known_to_count |= ok - actor.not_evaluated
        if firing and not actor.knows_fired and actor.settling_since is None:
            actor.knows_fired = True
            actor.must_settle = set(actor.touched)
            actor.fired_known_at = self.now if actor.touched else None

    def _confirmed(self, actor: Actor, request: Request) -> None:
        function = request.function
        actor.missing_since.pop(function, None)
        if requests.is_request(actor, _record(request.params.get("Description", ""))):
            return
        if actor.role in FOLLOWERS:
            truth = self.truths[function]
            for earlier in self.actors.values():
                if earlier.number < actor.number:
                    truth.closed_to[earlier.name] = truth.writes

    def _close_to_main(self, post: Actor) -> None:
        """Once the post stage is over, main's RevisionIds are useless, unless it said what it left alone."""
        left = {event.target.function for event in post.events if isinstance(event, AliasLeft)}
        saved_aliases = post.saved_state.aliases if post.saved_state else ()
        warned = any(isinstance(event, Warned) for event in post.events)
        for saved in saved_aliases:
            if saved.function not in left and not warned:
                truth = self.truths[saved.function]
                truth.closed_to["main"] = truth.writes + 1

    def on_its_way(self, request: Request, seconds: float) -> None:
        """Take note of an UpdateAlias, or of another delivery of one, that lands in so many seconds."""
        if not seconds or request.operation != "UpdateAlias" or is_previous(request):
            return
        write, actor = write_of(request, self.now + seconds), self.actors.get(request.caller)
        if actor is None or not requests.is_request(actor, write.record):
            self.pending.append((write, request.caller))

    def hook_answered(self, caller: str, request: Request, word: Word | None) -> None:
        """Take note of what a hook's caller is answered now; None: nothing."""
        actor = self.actors.get(caller)
        if actor is None:
            return
        for call in actor.asked:
            if call.request is request:
                call.said, call.said_at, call.lost = word, self.now, word is None
                self.seen[f"hook {call.hook.stage} {word or 'lost'}"] += 1
                self.tell(f"{actor.name}: {call.hook} says {word or 'nothing'}")

    def smoke_tested(self, caller: str, request: Request, became: Tried) -> None:
        """Take note of what became of an invocation of a new version."""
        actor = self.actors.get(caller)
        for each in actor.tested if actor else ():
            if each.request is request:
                each.became = became
                self.seen[f"smoke test {became}"] += 1

    def while_a_hook_is_asked(self, actor: Actor, what: str) -> None:
        """Take note that something happened while a call of a hook was under way."""
        if any(call.said is None and not call.lost for call in actor.asked):
            self.seen[f"{what} while a hook is asked"] += 1

    def can_still_land(self, actor: Actor) -> list[Write]:
        """Return the writes of a process that would still change an alias, if nobody wrote before."""
        return [
            write
            for write, caller in self.pending
            if caller == actor.name
            and write.at > self.now
            and (shown := self.show(write.function)) is not None
            and shown.revision_id == write.shown.revision_id
        ]

    def sent(self, actor: Actor, write: Write, outcome: str) -> None:
        """Take note of how a write of ours ended for its sender.

        No answer but success, and what holds for every delivery alike, says anything of another delivery of it.
        """
        if requests.is_request(actor, write.record):
            return
        spent = write.shown.revision_id in actor.refused
        if outcome == "PreconditionFailedException":
            actor.refused.add(write.shown.revision_id)
            actor.refused_on.add(write.function)
            self._as_if_written(actor, write)
        elif outcome not in {"ok", *WITHOUT_EFFECT}:
            actor.unconfirmed.append(write)
        if write.kind == "forward" and outcome not in WITHOUT_EFFECT:
            actor.touched.add(write.function)
            # After a 412 what bears no record of ours is somebody else's.
            if outcome not in {"ok", "PreconditionFailedException"} and not spent:
                actor.unanswered.setdefault(write.function, []).append(write.shown.routing)

    def _as_if_written(self, actor: Actor, write: Write) -> None:
        """What somebody else did may be to the letter what was to be written: nobody can tell the two apart."""
        there, asked = self.show(write.function), write.shown
        if there and (there.routing, there.description) == (asked.routing, asked.description):
            truth = self.truths[write.function]
            if truth.author == SOMEBODY:
                actor.since.setdefault(write.function, self.now)
                truth.author = actor.name

    def _as_if_one_of_us(self, function: str) -> None:
        for actor in self.actors.values():
            for write in actor.unconfirmed:
                if write.function == function:
                    self._as_if_written(actor, write)

    def handed_over(self, actor: Actor, saved_state: SavedState) -> None:
        """Take note of what was saved for the post stage."""
        actor.saved_states.append(saved_state)
        self._rules.handed_over(self, actor, saved_state)
        if saved_state.phase is Phase.CLEARING:
            actor.clearing_since = self.now
        if saved_state.phase is Phase.CLEARING and actor.role != "post":
            why = self._rules.not_passed(actor)
            if why is None:
                actor.earned = True
                self.cleared |= actor.rollout_ids
            else:
                self.blame("passed before clearing", f"{actor.name}: {why}")

    def said_missing(self, actor: Actor, function: str) -> None:
        """Take note that AWS has told an actor that there is no such alias."""
        if self.now - actor.missing_since.setdefault(function, self.now) >= MISSING_TWICE:
            actor.missing_twice.add(function)

    def told(self, actor: Actor, event: Event) -> None:
        """Take note of an event."""
        actor.events.append(event)
        if isinstance(event, Finished):
            actor.finished = event
            mode = (
                ""
                if actor.spec.inputs.mode is Mode.ROLLOUT or actor.role in {"post", "guardian"}
                else f" {actor.spec.inputs.mode}"
            )
            self.seen[f"{actor.role}{mode} {event.result}"] += 1
            self._close_to_main(actor)
            self.tell(f"{actor.name}: {event.result}: {event.reason}")
        self._rules.told(self, actor, event)


def _is_anothers(before: Shown, after: Shown) -> bool:
    rollout_ids = [each.record.rollout_id if each.record else "" for each in (before, after)]
    return rollout_ids[0] != rollout_ids[1]


def _routing(answer: Mapping[str, Any]) -> Routing:
    weights = (answer.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
    return Routing(answer.get("FunctionVersion", ""), dict(weights))


def _shown(answer: Mapping[str, Any]) -> Shown:
    return Shown(_routing(answer), answer.get("Description", ""), answer["RevisionId"])


def write_of(request: Request, at: float) -> Write:
    """Read an UpdateAlias as it was sent."""
    params = request.params
    shown = Shown(_routing(params), params.get("Description", ""), params.get("RevisionId", ""))
    return Write(request.function, shown, at)


def _states(answer: Mapping[str, Any]) -> dict[str, str]:
    kinds = ("MetricAlarms", "CompositeAlarms", "LogAlarms")
    return {a["AlarmName"]: a["StateValue"] for kind in kinds for a in answer.get(kind, ())}


def _evaluations(answer: Mapping[str, Any]) -> dict[str, str | None]:
    kinds = ("MetricAlarms", "CompositeAlarms", "LogAlarms")
    return {
        a["AlarmName"]: a.get("EvaluationState") for kind in kinds for a in answer.get(kind, ())
    }
