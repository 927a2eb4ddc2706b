"""Guards judged: what breaks, what holds, what does not tell, and in which words."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from lambda_rollout.alias.routing import Target
from lambda_rollout.analysis.guards.outcome import Outcome
from lambda_rollout.analysis.guards.verdict import (
    GuardVerdict,
    judge_guards,
    what_failed,
    what_is_missing,
)
from lambda_rollout.analysis.metrics import Comparison, Minute, StepStart, VersionMetrics
from lambda_rollout.inputs.guards import parse_guards

BEGAN = datetime(2026, 11, 23, 5, tzinfo=UTC)
CHECKOUT, CART = Target("checkout", "live"), Target("cart", "live")
TEN, HALF, WHOLE = Decimal(10), Decimal(50), Decimal(100)
Counts = tuple[int, int]
NOTHING = (0, 0)


def at(minute: float) -> datetime:
    return BEGAN + timedelta(minutes=minute)


def compared(
    new: Sequence[Counts],
    old: Sequence[Counts],
    new_p99: Sequence[float] = (),
    old_p99: Sequence[float] = (),
    target: Target = CHECKOUT,
) -> Comparison:
    return Comparison(
        VersionMetrics(target, "8", tuple(minutes(new, new_p99))),
        VersionMetrics(target, "7", tuple(minutes(old, old_p99))),
        throttles=0,
        until=at(len(new)),
    )


def minutes(counts: Sequence[Counts], p99: Sequence[float]) -> Iterable[Minute]:
    for number, (invocations, errors) in enumerate(counts):
        durations = {"p99": p99[number]} if number < len(p99) and invocations else {}
        yield Minute(at(number), invocations, errors, durations)


def judge(guard: str, comparison: Comparison, *steps: tuple[float, Decimal]) -> GuardVerdict:
    start = [StepStart(at(minute), percent) for minute, percent in steps or [(0, TEN)]]
    (verdict,) = judge_guards(parse_guards(guard), [comparison], start)
    return verdict


class TestErrorRateBesideTheBaseline:
    def test_many_more_errors_break_it(self) -> None:
        verdict = judge("error-rate <= baseline", compared([(100, 10)] * 2, [(900, 9)] * 2))
        assert verdict.outcome is Outcome.BROKEN
        assert str(verdict) == (
            "guard error-rate <= baseline is broken on checkout:live: "
            "new 10% (20 of 200), old 1% (18 of 1,800); "
            "by chance in less than 1 of 1,000,000 rollouts"
        )

    def test_the_noise_of_a_few_invocations_does_not(self) -> None:
        assert judge("error-rate <= baseline", compared([(5, 1)], [(45, 0)])).outcome is (
            Outcome.INCONCLUSIVE
        )
        assert judge("error-rate <= baseline", compared([(200, 4)], [(1800, 18)])).outcome is (
            Outcome.HOLDS
        )

    def test_as_good_on_enough_holds(self) -> None:
        verdict = judge("error-rate <= baseline", compared([(100, 1)] * 3, [(900, 9)] * 3))
        assert verdict.outcome is Outcome.HOLDS
        assert verdict.why == "new 1% (3 of 300), old 1% (27 of 2,700)"

    def test_no_error_on_too_few_is_no_pass(self) -> None:
        verdict = judge("error-rate <= baseline", compared([(5, 0)] * 3, [(45, 0)] * 3))
        assert verdict.outcome is Outcome.INCONCLUSIVE
        assert "about 27 of the new version are needed" in verdict.why

    @pytest.mark.parametrize(
        ("guard", "outcome"),
        [
            ("error-rate <= baseline", Outcome.BROKEN),
            ("error-rate <= baseline + 1%", Outcome.BROKEN),
            ("error-rate <= baseline + 4%", Outcome.HOLDS),
            ("error-rate <= baseline * 2", Outcome.BROKEN),
            ("error-rate <= baseline * 5", Outcome.HOLDS),
        ],
    )
    def test_a_margin_is_allowed(self, guard: str, outcome: Outcome) -> None:
        comparison = compared([(1000, 45)] * 2, [(9000, 90)] * 2)
        assert judge(guard, comparison).outcome is outcome

    def test_what_hits_both_alike_is_no_difference(self) -> None:
        # Summed up, the new version looks five times as bad: most of its traffic came with the outage.
        comparison = compared([(100, 1)] * 5 + [(500, 100)] * 2, [(900, 9)] * 5 + [(500, 100)] * 2)
        verdict = judge("error-rate <= baseline", comparison, (0, TEN), (5, HALF))
        assert verdict.outcome is Outcome.HOLDS

    def test_a_version_that_turns_bad_late_is_found(self) -> None:
        comparison = compared([(100, 1)] * 20 + [(500, 25)] * 3, [(900, 9)] * 20 + [(500, 5)] * 3)
        verdict = judge("error-rate <= baseline", comparison, (0, TEN), (20, HALF))
        assert verdict.outcome is Outcome.BROKEN

    def test_once_broken_it_is_broken(self) -> None:
        comparison = compared([(100, 10)] * 2 + [(100, 0)] * 20, [(900, 9)] * 22)
        assert judge("error-rate <= baseline", comparison).outcome is Outcome.BROKEN

    def test_each_step_needs_numbers_of_its_own(self) -> None:
        comparison = compared([(100, 0)] * 5 + [(5, 0)], [(900, 0)] * 5 + [(5, 0)])
        assert judge("error-rate <= baseline", comparison).outcome is Outcome.HOLDS
        second = judge("error-rate <= baseline", comparison, (0, TEN), (5, HALF))
        assert second.outcome is Outcome.INCONCLUSIVE

    def test_minutes_of_only_one_version_are_no_comparison(self) -> None:
        for comparison in (
            compared([NOTHING] * 5, [(900, 9)] * 5),
            compared([(900, 9)] * 5, [NOTHING] * 5),
            compared([], []),
        ):
            verdict = judge("error-rate <= baseline", comparison)
            assert verdict.outcome is Outcome.INCONCLUSIVE
            assert verdict.why == "there was no minute with invocations of both versions"

    def test_a_minute_in_which_the_weight_changed_is_left_out(self) -> None:
        comparison = compared([(100, 50), (500, 0), (500, 0)], [(900, 0), (500, 0), (500, 0)])
        assert judge("error-rate <= baseline", comparison, (0, TEN)).outcome is Outcome.BROKEN
        later = judge("error-rate <= baseline", comparison, (0.1, TEN))
        assert later.outcome is Outcome.HOLDS
        changed = judge("error-rate <= baseline", comparison, (-5, TEN), (0.9, HALF))
        assert changed.outcome is Outcome.HOLDS

    def test_more_errors_than_invocations_are_as_many(self) -> None:
        verdict = judge("error-rate <= baseline", compared([(100, 101)], [(900, 9)]))
        assert verdict.why.startswith("new 100% (100 of 100)")

    def test_a_bound_of_a_hundred_percent_holds(self) -> None:
        comparison = compared([(100, 100)] * 3, [(900, 90)] * 3)
        assert judge("error-rate <= baseline + 100%", comparison).outcome is Outcome.HOLDS
        assert judge("error-rate <= baseline * 10", comparison).outcome is Outcome.HOLDS

    def test_a_few_failures_of_the_old_version_are_no_such_bound(self) -> None:
        comparison = compared([(100, 100)], [(3, 3)])
        assert judge("error-rate <= baseline", comparison).outcome is Outcome.INCONCLUSIVE


class TestErrorRateAtWhole:
    SPLIT = ([(1000, 10)] * 5, [(1000, 10)] * 5)
    STEPS = ((0, HALF), (5, WHOLE))

    def after_split(self, *new: Counts) -> Comparison:
        return compared([*self.SPLIT[0], *new], [*self.SPLIT[1], *[NOTHING] * len(new)])

    def test_nothing_is_compared_there_and_nothing_is_waited_for(self) -> None:
        for new in (NOTHING, (9, 0), (2000, 20), (2000, 2000)):
            comparison = self.after_split(*[new] * 10)
            verdict = judge("error-rate <= baseline", comparison, *self.STEPS)
            assert verdict.outcome is Outcome.HOLDS

    def test_what_was_seen_is_told(self) -> None:
        verdict = judge("error-rate <= baseline", self.after_split((2000, 20)), *self.STEPS)
        assert verdict.why == (
            "new 1% (50 of 5,000), old 1% (50 of 5,000); "
            "1% (20 of 2,000) at 100%, where there is no old version to compare with"
        )

    def test_the_split_before_still_breaks_it(self) -> None:
        # Its last minutes were not all in when the weight went up.
        comparison = compared([(1000, 10)] * 4 + [(1000, 200)], [(1000, 10)] * 5)
        assert judge("error-rate <= baseline", comparison, *self.STEPS).outcome is Outcome.BROKEN

    def test_a_fixed_bound_is_judged_there(self) -> None:
        comparison = self.after_split((2000, 120), (2000, 120))
        assert judge("error-rate < 2%", comparison, *self.STEPS).outcome is Outcome.BROKEN
        assert judge("error-rate < 2%", self.after_split(), *self.STEPS).outcome is (
            Outcome.INCONCLUSIVE
        )


class TestErrorRateBelowAFixedOne:
    def test_without_invocations_it_lacks_those_of_the_new_version(self) -> None:
        verdict = judge("error-rate < 1%", compared([NOTHING] * 3, [(45, 0)] * 3))
        assert verdict.outcome is Outcome.INCONCLUSIVE
        assert verdict.why == (
            "no invocations; no data of the new version in this step's full minutes yet"
        )

    def test_a_bound_near_everything_holds_on_a_few(self) -> None:
        for failed, outcome in ((4, Outcome.HOLDS), (5, Outcome.INCONCLUSIVE)):
            few = compared([(5, failed)] * 3, [(45, 0)] * 3)
            assert judge("error-rate < 95%", few).outcome is outcome

    @pytest.mark.parametrize(
        ("guard", "counts", "outcome"),
        [
            ("error-rate < 1%", (1000, 30), Outcome.BROKEN),
            ("error-rate < 1%", (1000, 16), Outcome.INCONCLUSIVE),
            ("error-rate < 1%", (1000, 11), Outcome.HOLDS),
            ("error-rate <= 1%", (1000, 10), Outcome.HOLDS),
            ("error-rate < 1%", (1000, 9), Outcome.HOLDS),
            ("error-rate < 1%", (20, 1), Outcome.INCONCLUSIVE),
            ("error-rate < 1%", (20, 0), Outcome.INCONCLUSIVE),
            ("error-rate < 1%", (100, 0), Outcome.HOLDS),
            ("error-rate <= 0%", (60, 0), Outcome.HOLDS),
            ("error-rate <= 0%", (20, 0), Outcome.INCONCLUSIVE),
            ("error-rate <= 0%", (1000, 1), Outcome.BROKEN),
            ("error-rate <= 100%", (60, 60), Outcome.HOLDS),
            ("error-rate < 1%", NOTHING, Outcome.INCONCLUSIVE),
        ],
    )
    def test_one_minute(self, guard: str, counts: Counts, outcome: Outcome) -> None:
        verdict = judge(guard, compared([counts], [NOTHING]))
        assert verdict.outcome is outcome

    def test_it_is_judged_by_the_present_step_unless_it_is_broken(self) -> None:
        comparison = compared([(100, 2)] + [(500, 1)] * 2, [(900, 0)] + [(500, 0)] * 2)
        assert judge("error-rate < 1%", comparison, (0, TEN), (1, HALF)).outcome is Outcome.HOLDS


class TestDurationBesideTheBaseline:
    SERVED = 1000, 0

    def verdict(
        self, guard: str, new: Sequence[float], old: Sequence[float], *steps: tuple[float, Decimal]
    ) -> GuardVerdict:
        counts = [self.SERVED] * len(new)
        return judge(guard, compared(counts, counts, new, old), *(steps or [(0, HALF)]))

    def test_slower_in_every_minute_breaks_it_after_nine(self) -> None:
        slow, fast = [300.0] * 9, [200.0] * 9
        assert self.verdict("p99-duration <= baseline", slow, fast).outcome is Outcome.BROKEN
        verdict = self.verdict("p99-duration <= baseline", slow[:8], fast[:8])
        assert verdict.outcome is Outcome.INCONCLUSIVE
        assert verdict.why == "slower than allowed in 8 of 8 minutes; at least 9 minutes are needed"

    def test_now_slower_now_faster_holds(self) -> None:
        new, old = [200.0, 180.0] * 5, [190.0] * 10
        verdict = self.verdict("p99-duration <= baseline", new, old)
        assert (verdict.outcome, verdict.why) == (
            Outcome.HOLDS,
            "slower than allowed in 5 of 10 minutes",
        )

    @pytest.mark.parametrize(
        ("guard", "outcome"),
        [
            ("p99-duration <= baseline + 99ms", Outcome.BROKEN),
            ("p99-duration <= baseline + 100ms", Outcome.HOLDS),
            ("p99-duration <= baseline * 1.4", Outcome.BROKEN),
            ("p99-duration <= baseline * 1.5", Outcome.HOLDS),
        ],
    )
    def test_a_margin_is_allowed(self, guard: str, outcome: Outcome) -> None:
        assert self.verdict(guard, [300.0] * 10, [200.0] * 10).outcome is outcome

    def test_at_whole_it_is_held_against_the_slowest_minute_of_the_last_split_step(self) -> None:
        old = [200.0] * 9 + [250.0]
        for duration, outcome in ((251.0, Outcome.BROKEN), (250.0, Outcome.HOLDS)):
            new = [200.0] * 10 + [duration] * 17
            counts = [self.SERVED] * 27
            comparison = compared(counts, [self.SERVED] * 10 + [NOTHING] * 17, new, old)
            verdict = judge("p99-duration <= baseline", comparison, (0, HALF), (10, WHOLE))
            assert verdict.outcome is outcome
            assert "those at 100% compared with the last split step's" in verdict.why

    def test_minutes_without_invocations_of_both_do_not_count(self) -> None:
        comparison = compared(
            [self.SERVED, NOTHING] * 8, [self.SERVED] * 16, [300.0] * 16, [200.0] * 16
        )
        verdict = judge("p99-duration <= baseline", comparison, (0, HALF))
        assert verdict.why.startswith("slower than allowed in 8 of 8 minutes")

    def test_each_step_needs_a_minute_of_its_own(self) -> None:
        flat = [200.0] * 12
        steps = (0, TEN), (12, HALF)
        verdict = self.verdict("p99-duration <= baseline", flat, flat, *steps)
        assert verdict.outcome is Outcome.INCONCLUSIVE


class TestDurationBelowAFixedOne:
    @pytest.mark.parametrize(
        ("durations", "outcome"),
        [
            ([700, 700], Outcome.INCONCLUSIVE),
            ([700, 700, 700], Outcome.HOLDS),
            ([900, 900], Outcome.INCONCLUSIVE),
            ([900, 900, 900], Outcome.INCONCLUSIVE),
            ([900] * 14, Outcome.BROKEN),
            ([800] * 14, Outcome.BROKEN),
            ([900, 900, 700, 900], Outcome.INCONCLUSIVE),
            ([900, 900, 700, 700], Outcome.HOLDS),
            ([900] * 14 + [700] * 20, Outcome.BROKEN),
        ],
    )
    def test_minutes(self, durations: list[float], outcome: Outcome) -> None:
        counts = [(100, 0)] * len(durations)
        verdict = judge("p99-duration < 800ms", compared(counts, counts, durations))
        assert verdict.outcome is outcome

    def test_at_most_allows_the_bound_itself(self) -> None:
        counts = [(100, 0)] * 3
        comparison = compared(counts, counts, [800.0] * 3)
        assert judge("p99-duration <= 800ms", comparison).outcome is Outcome.HOLDS


class TestManyAtOnce:
    GUARDS = parse_guards("error-rate <= baseline\nerror-rate < 1%")
    STEPS = (StepStart(at(0), TEN),)

    def test_each_guard_is_judged_on_each_target(self) -> None:
        good = compared([(500, 1)], [(4500, 9)])
        bad = compared([(500, 50)], [(4500, 9)], target=CART)
        verdicts = judge_guards(self.GUARDS, [good, bad], self.STEPS)
        assert [(str(v.guard), v.target, v.outcome) for v in verdicts] == [
            ("error-rate <= baseline", CHECKOUT, Outcome.HOLDS),
            ("error-rate < 1%", CHECKOUT, Outcome.HOLDS),
            ("error-rate <= baseline", CART, Outcome.BROKEN),
            ("error-rate < 1%", CART, Outcome.BROKEN),
        ]
        assert what_failed(verdicts).startswith(
            "guard error-rate <= baseline is broken on cart:live"
        )
        assert what_failed(verdicts).endswith("(and 1 more)")
        assert what_is_missing(verdicts) == ""

    def test_the_level_is_shared_out(self) -> None:
        # Evidence that is just enough for one guard on one function.
        comparison = compared([(100, 7)], [(900, 4)])
        guard = self.GUARDS[:1]
        (alone,) = judge_guards(guard, [comparison], self.STEPS)
        assert alone.outcome is Outcome.BROKEN
        targets = [Target(f"f{number}", "live") for number in range(20)]
        others = [compared([(500, 0)], [(4500, 0)], target=target) for target in targets]
        among_many = judge_guards(guard, [comparison, *others], self.STEPS)
        assert not what_failed(among_many)

    def test_what_lacks_is_told(self) -> None:
        verdicts = judge_guards(self.GUARDS, [compared([NOTHING], [NOTHING])], self.STEPS)
        assert what_failed(verdicts) == ""
        assert what_is_missing(verdicts) == (
            "guard error-rate <= baseline cannot be judged yet on checkout:live: "
            "there was no minute with invocations of both versions (and 1 more)"
        )

    def test_no_guards_no_verdicts(self) -> None:
        assert judge_guards((), [compared([(5, 0)], [(5, 0)])], self.STEPS) == ()
