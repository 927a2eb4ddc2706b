"""The traffic of one alias, and the only two ways in which we ever change it.

*Forward* writes (more weight, promotion) carry the RevisionId read before publishing, then those
that our own writes answered. Whoever wrote in between makes them fail, and the rollout stops.

*Settling* writes (rolling back, restoring, clearing the record) look at the routing only: while it is still
ours they go through with the newest RevisionId and keep what somebody did to the description.

No answer but success settles a write; what else AWS says may be said to the second delivery of it, because
whatever stands between us and AWS may repeat a PUT (RFC 9110, section 9.2.2; nginx does by default). So it is
decided by reading. The record in the description has an id and a time: an alias that shows exactly what we sent
was written by us. One that shows another RevisionId than the write carried is beyond its reach, and until then it
may still land: the next confirmed write makes it useless.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from lambda_rollout.alias import record as lease
from lambda_rollout.alias.aws_clock import AwsClock
from lambda_rollout.alias.calls import Aliases
from lambda_rollout.alias.ownership import Claim, PendingWrite, is_taken_back
from lambda_rollout.alias.reader import AliasReader
from lambda_rollout.alias.record import Record
from lambda_rollout.alias.routing import Alias, Routing, Target
from lambda_rollout.alias.settlement import ChangedByOther, Deleted, Settled, Settlement, Unsettled
from lambda_rollout.runtime.clock import Clock, Stop
from lambda_rollout.runtime.errors import (
    Busy,
    CallFailed,
    NotFound,
    NotSent,
    RevisionMismatch,
    RolloutError,
    Unanswered,
)
from lambda_rollout.runtime.retry import raise_if_stopped, retrying

NO_TEXT_LEFT = "-"
"""Written in place of an empty description if AWS should take "" for "leave it" (unconfirmed)."""
OLD_NEWS = 60.0
"""Seconds after which an alias is looked at again before its weight is raised."""

SEEN_TWICE = 5.0
"""Seconds for which a read may be stale (for how long AWS's are, if ever, is not published)."""


class Conflict(RolloutError):
    """Somebody else wrote the alias. ``found`` is what it shows now, ``expected`` what we left."""

    def __init__(self, target: Target, expected: Routing, found: Alias, old: str = "") -> None:
        """``target`` is the alias in question, ``old`` the version that it came from; empty if it came from none."""
        remedy = "Find out who writes this alias, and start again."
        if found.routing == expected:
            what = f"somebody else edited {target} during the rollout (its description or settings)"
        elif is_taken_back(found, old):
            what = f"{target} was taken back by somebody else: it sends 100% to version {old} again"
            remedy = "Nothing has to be repaired. Find out who took it back, and why, before you roll out again."
        else:
            what = f"somebody else changed the routing of {target}: it was {expected}, it is {found.routing}"
        super().__init__(what, remedy)
        self.target = target
        self.expected = expected
        self.found = found


class CannotShift(RolloutError):
    """A forward write could not be confirmed in time."""


def _seen_once(why: str) -> Unsettled:
    """Say that a read is to be made again before it is believed."""
    return Unsettled(Unanswered("GetAlias", "SeenOnce", why))


class AliasWriter:
    """One alias in the hands of one rollout."""

    def __init__(
        self,
        target: Target,
        found: Alias,
        aliases: Aliases,
        clock: Clock,
        aws_clock: AwsClock,
        rollout_id: str,
        old: str | None = None,
        *,
        shared: bool = False,
    ) -> None:
        """Begin with the alias as ``found``. ``old`` is the version to go back to, if not the one found.

        ``shared`` says that another process may be writing for the same rollout right now: a main that its
        runner lost, or the live run that ``mode: rollback`` ends. Its record then speaks for ours.
        """
        self.target = target
        self.found = found
        self.old = old or found.routing.version
        self.known = found
        """The newest good answer, to a write of ours or to a look."""
        self.routing = found.routing
        """What we last wrote, and AWS confirmed; ``found.routing`` before that."""
        self.text = lease.owners_text(found.description)
        """The owner's text, whole, to be restored at the end."""
        self.confirmed = False
        """Whether any write of ours was confirmed."""
        self._aliases = aliases
        self._reader = AliasReader(target, aliases, clock)
        self._clock = clock
        self.aws_clock = aws_clock
        self._answered_at = clock.monotonic()
        self.lost_record = False
        """Whether its record was found to be gone when it was to be settled: it was over, or somebody struck it out."""
        self.rollout_id = rollout_id
        self._shared = shared
        self.ends_with_record = False
        """See `Claim`."""
        self._forward_since = aws_clock.now()
        """When the newest forward write was first tried, with a record that was made then."""
        self._until: datetime | None = None
        """When the newest record that we sent runs out, on AWS's clock."""
        self._weight_since: tuple[Routing, datetime] | None = None
        self._past: set[str] = set()
        """RevisionIds before the newest: a read that shows one is stale."""
        self._spent: set[str] = set()
        """RevisionIds that AWS refused once (412): what is sent with them later has no effect, and a read that shows
        one is stale."""
        self._pending: list[PendingWrite] = []
        self._seen_since: dict[str, float] = {}
        """RevisionIds of what a read showed that may be our doing or older than it, and since when."""
        self.looks_first = False
        """Whether it is to be read again before a settling write."""
        self.was_asked = False
        """Whether it was ever seen to ask this rollout to go on early."""
        self._refused = False
        """Whether the request that stands there was refused, and is still to be taken off."""

    # What is known -----------------------------------------------------------------------------

    @property
    def touched(self) -> bool:
        """Whether the alias is, or may be, or may yet become other than it was found, by our doing."""
        return self.confirmed or any(write.answer.may_have_effect for write in self._pending)

    @property
    def may_be_elsewhere(self) -> bool:
        """Whether a pending write may have given the alias another routing than it was last seen with."""
        return any(
            write.answer.may_have_effect and write.routing != self.known.routing
            for write in self._pending
        )

    @property
    def bears_record(self) -> bool:
        """Whether the alias, as last seen, carries our record."""
        _, record = lease.parse(self.known.description)
        return record is not None and record.rollout_id == self.rollout_id

    @property
    def bears_request(self) -> bool:
        """Whether the alias, as last seen, asks this rollout to go on early, or did and was refused."""
        _, record = lease.parse(self.known.description)
        return self.bears_record and record is not None and record.requested

    @property
    def asked_to_go_on(self) -> bool:
        """Whether that is still to be answered: by all of the traffic, or by `refuse_request`."""
        return self.bears_request and not self._refused

    def refuse_request(self) -> None:
        """Answer it with no: the next record that is written goes without it."""
        self._refused = self.bears_request

    @property
    def record_age(self) -> float:
        """Seconds since the record that the newest forward write carried was made, on AWS's clock.

        It is tried for up to a minute with the record that it began with.
        """
        return max(0.0, (self.aws_clock.now() - self._forward_since).total_seconds())

    def weight_since(self, routing: Routing) -> datetime:
        """When a routing was first to be written, on AWS's clock, to the second.

        It is kept for as long as no other one is asked for, even if somebody strikes out the record that says it.
        """
        if self._weight_since is None or self._weight_since[0] != routing:
            since = lease.weight_since(self.known, routing, self.aws_clock.now())
            self._weight_since = routing, since.replace(microsecond=0)
        return self._weight_since[1]

    def is_ours(self, alias: Alias) -> bool:
        """Whether this routing is our doing: see `Claim`."""
        return self._claim.is_ours(alias, self.aws_clock.now())

    @property
    def _claim(self) -> Claim:
        return Claim(
            rollout_id=self.rollout_id,
            old=self.old,
            found=self.found,
            known=self.known,
            routing=self.routing,
            text=self.text,
            pending=self._pending,
            until=self._until,
            confirmed=self.confirmed,
            shared=self._shared,
            ends_with_record=self.ends_with_record,
        )

    # Looking -----------------------------------------------------------------------------------

    def look(self, *, may_still_move: bool) -> None:
        """Read the alias and compare it with what we left; one try.

        ``may_still_move`` says that forward writes are still to come. Then any change by somebody else is a
        `Conflict`, and so is a change of the routing at any time. Without it an edit of the description
        is taken over and kept. Raises `CallFailed` if the read failed.
        """
        self._take_news(self._read(), may_still_move=may_still_move)

    def ignore(self, revision_id: str) -> None:
        """Take a RevisionId for one from before ``found``: a read that shows it is stale."""
        self._past.add(revision_id)

    def _read(self) -> Alias:
        """Read the alias, one try. Raises `Unanswered` if the answer is older than what we know."""
        seen = self._reader.read()
        if seen.revision_id in self._past or seen.revision_id in self._spent:
            # GetAlias right after UpdateAlias may show the state before (unconfirmed).
            raise Unanswered("GetAlias", "StaleAnswer", "the answer is older than our last write")
        return seen

    def _take_news(self, seen: Alias, *, may_still_move: bool) -> None:
        """Take over what a read shows, or raise `Conflict` if it is somebody else's doing."""
        claim = self._claim
        if claim.is_as_written(seen):
            # Our record and our routing, and at most a word more: nobody's edit.
            self.routing, self.confirmed = seen.routing, True
        elif claim.changed_since_read(seen) and not claim.matches_pending_write(seen):
            if not self.is_ours(seen):
                # It is to be left as it is: a settling write would be refused, or, where nobody heeds the
                # RevisionId, overwrite it. So another look comes first.
                self.looks_first = True
                if self._seen_for(seen) >= SEEN_TWICE:
                    self._forget_what_is_overtaken(seen)
                raise Conflict(self.target, self.routing, seen, self.old)
            had_effect = any(write.routing == seen.routing for write in self._pending)
            if may_still_move and not had_effect and self._is_doubtful(seen):
                # It may be older than what we found. Nothing goes forward, and the way back looks again.
                self.looks_first = True
                raise Conflict(self.target, seen.routing, seen, self.old)
            self._take_text(seen.description)
            if had_effect:
                # A weight of ours, the record of which somebody has struck out: it did have its effect.
                self.routing, self.confirmed = seen.routing, True
            self._accept(seen)
            if may_still_move:
                raise Conflict(self.target, seen.routing, seen, self.old)
        self._accept(seen)

    def _take_text(self, description: str) -> None:
        """Keep what somebody wrote; the text we know, cut to make room for a record, is still that, and stays whole."""
        if not lease.is_cut_of(description, self.text):
            self.text = lease.owners_text(description)

    # Forward -----------------------------------------------------------------------------------

    def forward(self, routing: Routing, record: Record, stop: Stop | None) -> None:
        """Write a routing and the record, if nobody else has written since.

        Returns when it is confirmed. Raises `Conflict` if somebody else wrote, `CannotShift` if AWS gave no
        clear answer for a minute, `Cancelled` on stop, and what AWS refused as it came.
        """
        self._forward_since = self.aws_clock.now()
        try:
            retrying(self._clock, stop)(self._forward_from_news, routing, record, stop)
        except (Busy, Unanswered) as error:
            raise CannotShift(
                f"{self.target} could not be shifted to {routing}: {error}"
            ) from error

    def _forward_from_news(self, routing: Routing, record: Record, stop: Stop | None) -> None:
        """Look first if the news are old: a version was long in the making, or this machine stood still.

        The RevisionId would be refused all the same; but once a write of ours is unanswered, what others did
        meanwhile could be taken for it.
        """
        if self._clock.monotonic() - self._answered_at > OLD_NEWS:
            self.look(may_still_move=True)
        self._forward_once(routing, record, stop, may_still_move=True)

    def renew(self, record: Record, stop: Stop | None, *, may_still_move: bool) -> bool:
        """Write the same routing with a newer record; one try. Returns whether it was confirmed.

        Raises `Conflict` as `look` does, `Cancelled` on stop, and what AWS refused as it came.
        """
        try:
            self._forward_once(self.routing, record, stop, may_still_move=may_still_move)
        except (Busy, Unanswered):
            return False
        return True

    def _forward_once(
        self, routing: Routing, record: Record, stop: Stop | None, *, may_still_move: bool
    ) -> None:
        # Until it is answered, who asks is to see it, whatever else is written.
        asks = self.asked_to_go_on and not routing.is_unsplit
        description = lease.compose(self.text, replace(record, requested=asks))
        self._until = record.until
        if self.known.revision_id in self._spent:
            # Sent again with it, it would be refused again: what AWS has by now says how the last try ended.
            self.look(may_still_move=may_still_move)
            if self._shows(description, routing):
                return
        try:
            answer = self._send(routing, description)
        except Busy:
            # Sending it again tells as much as a look: if this one took effect, AWS refuses the next one.
            raise
        except CallFailed as error:
            # A call that hung has used up half of the time between SIGINT and SIGKILL.
            raise_if_stopped(stop)
            self._look_after(error, may_still_move=may_still_move)
            if self._shows(description, routing):
                return
            if isinstance(error, RevisionMismatch):
                raise Unanswered(error.operation, error.code, error.message) from error
            raise
        self._accept(answer)
        self.routing = routing

    def _look_after(self, error: CallFailed, *, may_still_move: bool) -> None:
        """Look what a write that was not confirmed has done. Raises as `look` does.

        AWS's no to every delivery alike stands if this one look does not tell otherwise.
        """
        try:
            self.look(may_still_move=may_still_move)
        except CallFailed:
            if error.may_have_effect:
                raise

    def _shows(self, description: str, routing: Routing) -> bool:
        """Whether the alias, as last seen, is what we sent."""
        known = self.known
        shown = {description, lease.with_request(description)}
        return known.description in shown and known.routing == routing

    def _with_aws_weights(self, routing: Routing) -> Routing:
        """Return what to send for ``routing``: while provisioned concurrency moves to it, AWS's own weights are kept.

        Not on the way back: there nothing is more wanted than that they go.
        """
        moves_there = self.known.moving and routing == self.known.routing
        return self.known.shown if moves_there and routing.version != self.old else routing

    # Settling ----------------------------------------------------------------------------------

    def restore_once(self, routing: Routing, record: Record | None = None) -> Settlement:
        """Try once to make the alias whole (or held).

        The first try sends nothing but the UpdateAlias, with the newest RevisionId known. A later one looks
        first if the one before was left in doubt.
        """
        if self.looks_first:
            seen = self._settled_already(routing, record)
            if seen is not None:
                return seen
        try:
            answer = self._send(routing, lease.compose(self.text, record))
        except CallFailed as error:
            self.looks_first = isinstance(error, RevisionMismatch | Unanswered | NotFound)
            return Unsettled(error)
        return self._settled(answer, routing, record)

    def _settled_already(self, routing: Routing, record: Record | None) -> Settlement | None:
        """Look, and decide whether anything is left to write (None: yes, with what was just learned)."""
        try:
            seen = self._read()
        except NotFound:
            return Deleted()
        except CallFailed as error:
            return Unsettled(error)
        is_new = seen.revision_id != self.known.revision_id
        is_echo, is_ours = self._claim.matches_pending_write(seen), self.is_ours(seen)
        if is_echo and is_new and seen.routing == routing and self._bears(seen, record):
            if self._may_be_as_before_the_rollout(seen, record):
                return _seen_once("the answer may be from before the rollout")
            return self._settled(seen, routing, record)
        if not is_ours:
            if self._may_be_old(seen) and self._seen_for(seen) < SEEN_TWICE:
                why = "the answer may be older than our last write, which may still land"
                return _seen_once(why)
            self._forget_what_is_overtaken(seen)
            return ChangedByOther(seen)
        if is_new and not is_echo:
            if self._is_doubtful(seen):
                # Taken for the newest, a state from before what we found would have us give up a write that may land.
                why = "the answer may be older than what was found, and a write may still land"
                return _seen_once(why)
            self._take_text(seen.description)
            self.lost_record = lease.parse(seen.description)[1] is None
        if is_new:
            self._accept(seen)
        return None

    def _may_be_as_before_the_rollout(self, seen: Alias, record: Record | None) -> bool:
        """Whether it may be a stale read of the alias as it was before the rollout, which looks as after a rollback.

        Whoever began the rollout knows its RevisionId from then, if not those before that; a post stage knows none.
        It matters as long as a write that would make something else of it may land.
        """
        shown = seen.routing, seen.description
        lands = any((each.routing, each.description) != shown for each in self._may_land)
        if record is not None or not (self._shared or lands):
            return False
        return self._seen_for(seen) < SEEN_TWICE

    def _seen_for(self, seen: Alias) -> float:
        """Return for how many seconds a state was seen that is neither the newest that we know of nor our doing."""
        now = self._clock.monotonic()
        return now - self._seen_since.setdefault(seen.revision_id, now)

    def _may_be_old(self, seen: Alias) -> bool:
        """Whether somebody else's state may be from before all that we know: believed, it would stay split for that.

        It is not where AWS has refused the newest RevisionId that we know of, and nothing of ours can have replaced it.
        """
        if seen.revision_id == self.known.revision_id:
            return bool(self._may_land)
        is_refused = self.known.revision_id in self._spent
        return not is_refused or any(write.is_in_doubt for write in self._pending)

    @property
    def _may_land(self) -> list[PendingWrite]:
        """Our writes that may still land: their RevisionId is the newest that we know of, and was not refused."""
        known = self.known.revision_id
        if known in self._spent:
            return []
        return [w for w in self._pending if w.answer.may_have_effect and w.revision_id == known]

    def _is_doubtful(self, seen: Alias) -> bool:
        """Whether a read that shows something new may be stale, and hide that a write of ours is still to land."""
        return bool(self._may_land) and self._seen_for(seen) < SEEN_TWICE

    def _bears(self, seen: Alias, record: Record | None) -> bool:
        """Whether the record is as wished, or stays for want of another text: then one is written."""
        there = lease.parse(seen.description)[1]
        return there == record or (record is None and not self.text)

    def _settled(self, answer: Alias, routing: Routing, record: Record | None) -> Settlement:
        self._accept(answer)
        self.routing = routing
        self.looks_first = False
        is_left = lease.parse(answer.description)[1] is not None
        if record is None and is_left and not self.text:
            # AWS took "" for "leave it is": our record is still there, or that of the run we went on from. On a whole
            # alias it would read as an unfinished rollout, so it is worth a text that nobody asked for.
            self.text = NO_TEXT_LEFT
            return Unsettled(
                Busy("UpdateAlias", "DescriptionKept", "the empty description was not taken")
            )
        return Settled(answer)

    # The one place that writes ------------------------------------------------------------------

    def _send(self, routing: Routing, description: str) -> Alias:
        revision_id = self.known.revision_id
        is_spent = revision_id in self._spent
        try:
            sent = self._with_aws_weights(routing)
            answer = self._aliases.write(self.target, sent, description, revision_id)
        except CallFailed as error:
            if isinstance(error, RevisionMismatch):
                self._spent.add(revision_id)
            if not is_spent and not isinstance(error, NotSent):
                self._pending.append(PendingWrite(routing, description, revision_id, error))
            raise
        self._reader.is_there()
        self.confirmed = True
        return answer

    def _forget_what_is_overtaken(self, theirs: Alias) -> None:
        """Give up on pending writes: somebody wrote later, over their effect or before they could have any."""
        self._pending = [w for w in self._pending if w.revision_id == theirs.revision_id]

    def _accept(self, alias: Alias) -> None:
        """Take an answer as the newest state.

        With a new RevisionId, whatever of ours is still on its way carries an older one and is refused.
        """
        if alias.revision_id != self.known.revision_id:
            self._past.add(self.known.revision_id)
            for write in self._pending:
                if (alias.description, alias.routing) == (write.description, write.routing):
                    self.routing = write.routing
                    self.confirmed = True
            self._pending = [w for w in self._pending if w.revision_id == alias.revision_id]
        self.known = alias
        self.was_asked |= self.bears_request
        self._refused &= self.bears_request
        self._answered_at = self._clock.monotonic()
