"""Ways to break the asking of hooks, each of which the simulation must notice."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from lambda_rollout.analysis.hooks import HookAnswer, HookStatus, read_answer
from lambda_rollout.inputs.choices import HookStage
from lambda_rollout.rollout import hook_stages, hooks, rollout, watch
from lambda_rollout.rollout.events import Finished, Result
from lambda_rollout.rollout.hooks import HookRun
from lambda_rollout.rollout.rollout import Rollout
from lambda_rollout.rollout.step_hooks import StepHooks
from lambda_rollout.runtime.errors import RolloutError
from tests.simulation.hooks import draw_hooks
from tests.simulation.mutations import Mutation, Patch, search
from tests.simulation.scenario import Scenario, draw


def asked(seed: int) -> Scenario:
    """As drawn, with hooks in every seed."""
    return replace(draw(seed), hooks=draw_hooks(seed, 1.0))


YES = HookAnswer(HookStatus.SUCCEEDED)


def _not_asked_before_traffic() -> list[Patch]:
    return [(rollout, "before_traffic", lambda _spec, _ports, _rollouts: None)]


def _not_asked_at(*stages: HookStage) -> Callable[[], Sequence[Patch]]:
    asks = Rollout._hooks

    def mutated(self: Rollout, stage: HookStage, step: Any) -> Any:
        return None if stage in stages else asks(self, stage, step)

    return lambda: [(Rollout, "_hooks", mutated)]


def _no_is_yes() -> list[Patch]:
    read = read_answer

    def mutated(payload: bytes, function_error: str = "") -> HookAnswer:
        answer = read(payload, function_error)
        return YES if answer.status is HookStatus.FAILED else answer

    return [(hooks, "read_answer", mutated)]


def _errors_are_yes() -> list[Patch]:
    read = read_answer
    return [
        (hooks, "read_answer", lambda payload, error="": YES if error else read(payload, error))
    ]


def _too_late_is_yes() -> list[Patch]:
    return [(hooks._OneHook, "_too_late", lambda _self, _what: YES)]


def _unanswered_is_yes() -> list[Patch]:
    return [(hooks._OneHook, "_unanswered", lambda _self, _error, _now: YES)]


def _no_look_after_the_yes() -> list[Patch]:
    class Never:
        """What the watch takes of `math`, but that nothing is later."""

        inf = math.inf

        @staticmethod
        def nextafter(_moment: float, _towards: float) -> float:
            return -math.inf

    return [(watch, "math", Never)]


def _alarms_wait_for_the_hook() -> list[Patch]:
    wait = StepHooks.wait

    def mutated(self: StepHooks, seconds: float) -> None:
        wait(self, max(seconds, 300.0) if self.are_asked else seconds)

    return [(StepHooks, "wait", mutated)]


def _rollback_waits_for_the_hook() -> list[Patch]:
    def mutated(self: HookRun) -> None:
        if self._one is not None:
            self._one.wait(300.0)
            self._one.abandon()
            self._one = None

    return [(HookRun, "abandon", mutated)]


def _told_before_it_is_back() -> list[Patch]:
    bad_end = Rollout._bad_end

    def mutated(self: Rollout, cause: RolloutError, *, failed: bool) -> Finished:
        self._finisher.back = [each for each in self._rollouts if each.existing]
        self._finisher.rolling_back_since = self._ports.clock.monotonic()
        self._tell_of_rollback(Finished(result=Result.FAILED, reason=cause.what))
        self._finisher.back = ()
        return bad_end(self, cause, failed=failed)

    return [(Rollout, "_bad_end", mutated)]


def _resumed_has_its_hooks_again() -> list[Patch]:
    before = hook_stages.before_traffic

    def mutated(spec: Any, ports: Any, rollouts: Sequence[Any]) -> None:
        resumed = [each.resumed for each in rollouts]
        for each in rollouts:
            each.resumed = None
        try:
            before(spec, ports, rollouts)
        finally:
            for each, record in zip(rollouts, resumed, strict=True):
                each.resumed = record

    return [(rollout, "before_traffic", mutated)]


HOOK_MUTATIONS = [
    Mutation("ask no hook before traffic", _not_asked_before_traffic, (0,), drawn=asked),
    Mutation("ask no hook in a step", _not_asked_at(HookStage.EACH_STEP), (1,), drawn=asked),
    Mutation(
        "ask no hook after traffic", _not_asked_at(HookStage.AFTER_TRAFFIC), (33,), drawn=asked
    ),
    Mutation("take a hook's no for a yes", _no_is_yes, (24,), drawn=asked),
    Mutation("take a function's error for a yes", _errors_are_yes, (24,), drawn=asked),
    Mutation("take a hook that is too late for a yes", _too_late_is_yes, (5,), drawn=asked),
    Mutation("take an unanswered hook for a yes", _unanswered_is_yes, (23,), drawn=asked),
    Mutation("look at nothing after a hook's yes", _no_look_after_the_yes, (10,), drawn=asked),
    Mutation("read no alarms while a hook is asked", _alarms_wait_for_the_hook, (1,), drawn=asked),
    Mutation(
        "roll back when the hook has answered", _rollback_waits_for_the_hook, (1,), drawn=asked
    ),
    Mutation("tell of a rollback before it is done", _told_before_it_is_back, (2,), drawn=asked),
    Mutation(
        "ask a resumed rollout's hooks again", _resumed_has_its_hooks_again, (80,), drawn=asked
    ),
]


if __name__ == "__main__":
    search(HOOK_MUTATIONS, sys.argv[1:])
