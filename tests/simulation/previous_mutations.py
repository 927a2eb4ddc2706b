"""Ways to break the alias that keeps the way back, each of which the simulation must notice."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

from lambda_rollout.alias import promotion
from lambda_rollout.alias.routing import HUNDRED, Alias, Target
from lambda_rollout.inputs.choices import Mode
from lambda_rollout.inputs.steps import Plan, Step
from lambda_rollout.rollout import finish, previous_alias, rollback
from lambda_rollout.rollout.alias_rollout import AliasRollout
from lambda_rollout.rollout.events import Finished, PreviousAliasSet
from lambda_rollout.rollout.finish import Finisher
from lambda_rollout.rollout.ports import Ports
from lambda_rollout.rollout.previous_alias import PreviousAlias, VersionLeft
from lambda_rollout.rollout.spec import RolloutSpec
from lambda_rollout.runtime.errors import RolloutError
from tests.simulation.between import Between
from tests.simulation.mutations import Mutation, Patch, search
from tests.simulation.previous import DrawnPrevious, draw_previous
from tests.simulation.scenario import (
    Fate,
    Follower,
    Scenario,
    Weather,
    draw,
    two_promotions,
)

setting: Any = previous_alias._Setting


def kept(seed: int) -> Scenario:
    """Draw a seed with an alias that keeps the way back."""
    usual = draw(seed)
    drawn = draw_previous(seed, usual.horizon, 1.0)
    assert drawn is not None
    scenario = replace(usual, previous=drawn)
    return two_promotions(scenario) if drawn.two_in_a_row else scenario


def overtaken(seed: int) -> Scenario:
    """A main that its runner lost, and that stands still once its record is removed; the next run is promoted."""
    usual, r = draw(seed), Random(f"overtaken {seed}")
    kinds = {"error": r.uniform(0, 0.5)} if r.random() < 0.5 else {}
    frozen = (r.uniform(2.0, 8.0), 60.0)
    return replace(
        usual,
        functions=1,
        plan=Plan((Step(HUNDRED, timedelta(seconds=2)),)),
        alarms={},
        changes=(),
        evaluations=(),
        deleted_alarm=None,
        foreign=(),
        weather=Weather(),
        between=Between(),
        main=Fate(latency=0.6, frozen=frozen),
        lost_at=2.0,
        post=None,
        following=Follower(r.uniform(5, 15), Fate(latency=0.02)),
        following_mode=Mode.ROLLOUT,
        following_builds=True,
        by_version=False,
        twin=None,
        hooks=(),
        numbers=None,
        smoke_test=None,
        held_before=None,
        credentials=None,
        previous=DrawnPrevious(there="owner's", chances=kinds),
    )


def _keeps_the_new_version() -> list[Patch]:
    def left(rollout: AliasRollout) -> VersionLeft:
        new = rollout.new or rollout.writer.old
        return VersionLeft(rollout.target, new, new)

    return [(finish, "_version_left", left)]


def _reads_after_clearing_and_asks_nobody() -> list[Patch]:
    usual = previous_alias.read_previous

    def unread(left: Any, identity: Any, ports: Ports) -> list[PreviousAlias]:
        return usual(left, identity, replace(ports, stop=_STOPPED))

    return [
        (finish, "read_previous", unread),
        (setting, "_see_that_no_later_one_was_promoted", lambda _: None),
    ]


class _Stopped:
    requested = True
    reason = "SIGINT"


_STOPPED: Any = _Stopped()


def _takes_every_other_promotion_for_an_older_one() -> list[Patch]:
    return [(setting, "_see_that_no_later_one_was_promoted", lambda _: None)]


def _takes_what_somebody_wrote_for_a_promotions() -> list[Patch]:
    def was_set(self: Any) -> bool:
        seen = self._aliases.read(self._previous.target)
        if self._previous.is_told_by(seen):
            return True
        self._previous.found = seen
        return False

    return [(setting, "_was_set", was_set)]


def _moves_a_split_one() -> list[Patch]:
    return [(previous_alias, "why_not", lambda _: "")]


def _waits_before_clearing() -> list[Patch]:
    return [(previous_alias, "BEFORE_CLEARING", 120.0)]


def _its_failure_fails_the_rollout() -> list[Patch]:
    usual = previous_alias.set_previous

    def set_or_fail(
        aliases: list[PreviousAlias], writers: Any, identity: Any, ports: Ports, limit: float
    ) -> None:
        done: list[object] = []

        def emit(event: Any) -> None:
            done.append(isinstance(event, PreviousAliasSet))
            ports.emit(event)

        usual(aliases, writers, identity, replace(ports, emit=emit), limit)
        if not all(done):
            raise RolloutError("the previous alias was not set")

    return [(finish, "set_previous", set_or_fail)]


def _said_to_be_set_unset() -> list[Patch]:
    return [(setting, "once", lambda _: None)]


def _says_nothing_of_it() -> list[Patch]:
    return [(finish, "set_previous", lambda *_: None)]


def _set_before_it_is_over() -> list[Patch]:
    usual = Finisher.complete

    def too_early(self: Any, *, all_read: bool = True) -> Finished:
        left = [finish._version_left(each) for each in self._tracked]
        previous = previous_alias.read_previous(left, self._identity, self._ports)
        writers = {each.target: each.writer for each in self._tracked}
        if self._saves and previous:
            previous_alias.set_previous(previous, writers, self._identity, self._ports)
        return usual(self, all_read=all_read)

    return [(Finisher, "complete", too_early)]


def _goes_forward_by_the_second_press() -> list[Patch]:
    def there_and_back(target: Target, alias: Alias, spec: RolloutSpec, ports: Ports) -> str | None:
        name = spec.inputs.previous_alias
        if name is None:
            return None
        told = promotion.promotion_of(ports.aliases.read(Target(target.function, name)))
        if told is None:
            return None
        return told.old if alias.routing.version == told.new else told.new

    return [(rollback, "version_left", there_and_back)]


PREVIOUS_MUTATIONS = [
    Mutation(name, patches, seeds=seeds, drawn=drawn)
    for name, patches, seeds, drawn in (
        ("keep the version that was promoted", _keeps_the_new_version, (0, 20), kept),
        (
            "set what was not read before, whoever came after",
            _reads_after_clearing_and_asks_nobody,
            (21, 83),
            overtaken,
        ),
        (
            "take every other promotion for an older one",
            _takes_every_other_promotion_for_an_older_one,
            (24, 69),
            overtaken,
        ),
        (
            "write over what somebody wrote",
            _takes_what_somebody_wrote_for_a_promotions,
            (150, 224),
            kept,
        ),
        ("move a split one", _moves_a_split_one, (11, 25), kept),
        ("let clearing wait for it", _waits_before_clearing, (143,), kept),
        ("fail if it cannot be set", _its_failure_fails_the_rollout, (11, 25), kept),
        ("say that it is set, unset", _said_to_be_set_unset, (0, 20), kept),
        ("say nothing of it", _says_nothing_of_it, (0, 20), kept),
        ("set it before the records are removed", _set_before_it_is_over, (0, 20), kept),
        ("go forward by the second press", _goes_forward_by_the_second_press, (311,), kept),
    )
]


if __name__ == "__main__":
    search(PREVIOUS_MUTATIONS, sys.argv[1:])
