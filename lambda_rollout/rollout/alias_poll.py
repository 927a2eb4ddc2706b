"""The aliases of one rollout while they are watched: read again and again, and their records renewed."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import timedelta

from lambda_rollout.alias.record import RENEW_AFTER, RENEW_IN_DOUBT, Record
from lambda_rollout.alias.writer import AliasWriter
from lambda_rollout.inputs.durations import readable_duration
from lambda_rollout.rollout.alarms import RETRY_EVERY, Rhythm
from lambda_rollout.rollout.analysis_failed import AnalysisFailed, give_up_if_expired
from lambda_rollout.rollout.events import Unreadable
from lambda_rollout.rollout.ports import Ports
from lambda_rollout.runtime.errors import CallFailed, NotFound, is_throttled
from lambda_rollout.runtime.parallel import MAX_WORKERS
from lambda_rollout.runtime.retry import THROTTLED_FOR, raise_if_stopped

LOOK_EVERY = 50.0
"""Seconds between two reads of the alias, so that with its answer's time it is read once a minute. Tools that
write without a RevisionId (Terraform) would otherwise take the canary away unseen."""

RENEW_LIMIT = 300.0
"""Seconds after the last confirmed record at which an unrenewable one ends the rollout: half the lease is
left for rolling back while nobody else may touch the alias."""


class AliasPoll:
    """When each alias was last read, and when its record was last renewed. Moments are monotonic seconds."""

    def __init__(
        self, ports: Ports, writers: Sequence[AliasWriter], record: Callable[[AliasWriter], Record]
    ) -> None:
        """Begin to count now; ``record`` makes one for a renewal."""
        self._clock, self._stop, self._emit = ports.clock, ports.stop, ports.emit
        self._parallel, self._aws_clock = ports.parallel, ports.aws_clock
        self._record = record
        self.writers = writers
        now = self._renewal_tried_at = self._clock.monotonic()
        self._looks = {writer.target: Rhythm(LOOK_EVERY, now) for writer in writers}
        self._renewed_at = {writer.target: now for writer in writers}
        self.may_still_move = True
        """Whether forward writes are still to come: only the last step has none."""

    def shifted(self, writer: AliasWriter) -> None:
        """Take note that a forward write was just confirmed. Its record's time began when it was first tried."""
        self._renewed_at[writer.target] = self._clock.monotonic() - writer.record_age

    def begin_step(self, *, may_still_move: bool, at_least_every: float = math.inf) -> None:
        """Forget what was read: it says nothing about the step that begins. Read at least every so many seconds."""
        self.may_still_move = may_still_move
        for rhythm in self._looks.values():
            rhythm.begin_step(min(LOOK_EVERY, at_least_every))

    # What is known -----------------------------------------------------------------------------

    @property
    def good_at(self) -> float:
        """When the oldest newest successful read of this step was sent; -inf if one was not read yet."""
        return min(look.good_at for look in self._looks.values())

    @property
    def failing_since(self) -> float | None:
        """When the first read was sent that failed with no success since; None while all can be read."""
        failing = (look.failing_since for look in self._looks.values())
        return min((since for since in failing if since is not None), default=None)

    def next_at(self, end: float) -> float:
        """Return when there is something to do next, if all are to be read once more at ``end``."""
        looks = [rhythm.next_at(end) for rhythm in self._looks.values()]
        renewal = min(at + self._renew_after for at in self._renewed_at.values())
        return min(*looks, max(renewal, self._clock.monotonic() + RETRY_EVERY))

    # Requests ----------------------------------------------------------------------------------

    @property
    def asked(self) -> Sequence[AliasWriter]:
        """Those whose record asks the rollout to go on, and was not answered yet."""
        return [writer for writer in self.writers if writer.asked_to_go_on]

    def refuse_requests(self) -> None:
        """Answer them with no: they are taken off with renewals, which are due now."""
        for writer in self.writers:
            writer.refuse_request()

    # Looking -----------------------------------------------------------------------------------

    def read_what_is_due(self, end: float, *, moving: bool) -> None:
        """Look at those whose turn it is, for a step that ends at ``end``; at all while AWS is ``moving`` them.

        Raises as `AliasWriter.look` what cannot wait, `AnalysisFailed` if the credentials have expired, `Cancelled` on
        stop.
        """
        self._parallel(self._look, self._looks_due(end, moving=moving))
        raise_if_stopped(self._stop)

    def _looks_due(self, end: float, *, moving: bool) -> Sequence[AliasWriter]:
        """Return whom to look at now; never so many that the next read of the alarms would come late for it.

        A hundred aliases take AWS's quota seven seconds. The others' turn is right after this one.
        """
        if moving:
            return self.writers
        now = self._clock.monotonic()
        due = [t for t in self.writers if now >= self._looks[t.target].next_at(end)]
        return sorted(due, key=lambda writer: self._looks[writer.target].tried_at)[:MAX_WORKERS]

    def _look(self, writer: AliasWriter) -> None:
        raise_if_stopped(self._stop)
        look = self._looks[writer.target]
        sent = self._clock.monotonic()
        try:
            writer.look(may_still_move=self.may_still_move)
        except NotFound:
            raise
        except CallFailed as error:
            # A hundred aliases are more than AWS answers at once: one that it had no time for is read a moment later.
            if look.bad(sent, THROTTLED_FOR if is_throttled(error) else 0.0):
                self._emit(Unreadable(what=f"alias {writer.target}", why=str(error)))
            else:
                give_up_if_expired(error)
        else:
            look.good(sent)

    # Renewing ----------------------------------------------------------------------------------

    def renew_what_is_due(self) -> None:
        """Renew the records that are due, one try each; a failed one is tried again a little later.

        Raises as `AliasWriter.renew`, and `AnalysisFailed` if one could not be renewed for too long.
        """
        now = self._clock.monotonic()
        if now - self._renewal_tried_at < RETRY_EVERY:
            return
        due = [writer for writer in self.writers if self._renewal_is_due(writer, now)]
        if due:
            self._renewal_tried_at = now
            # No more than a few in a row, as for the looks: the others follow with the next tries.
            due = sorted(due, key=lambda writer: self._renewed_at[writer.target])[:MAX_WORKERS]
            self._parallel(lambda writer: self._renew_one(writer, now), due)

    def _renewal_is_due(self, writer: AliasWriter, now: float) -> bool:
        age = now - self._renewed_at[writer.target]
        is_refused = writer.bears_request and not writer.asked_to_go_on
        return age >= self._renew_after or not writer.bears_record or is_refused

    @property
    def _renew_after(self) -> float:
        """Seconds until a record is renewed."""
        after = RENEW_AFTER if self._aws_clock.believed else RENEW_IN_DOUBT
        return after.total_seconds()

    def _renew_one(self, writer: AliasWriter, now: float) -> None:
        raise_if_stopped(self._stop)
        age = now - self._renewed_at[writer.target]
        record = self._record(writer)
        if writer.renew(record, self._stop, may_still_move=self.may_still_move):
            self._renewed_at[writer.target] = now
        elif age >= RENEW_LIMIT:
            raise AnalysisFailed(
                f"the record on {writer.target} could not be renewed for {readable_duration(timedelta(seconds=age))}"
            )
