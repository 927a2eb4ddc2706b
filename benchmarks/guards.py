"""Guards: how often they are wrong of equal versions, how soon they see a worse one, and what small services get."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import median

from benchmarks.flow import End, Ended, Steps, roll_out
from benchmarks.sequences import enough, naive, power, shown
from benchmarks.table import Figure, Row
from benchmarks.traffic import Version

COMPARED = "error-rate <= baseline"
TENTHS: Steps = ((10, 10), (50, 10), (100, 10))
DEFAULT: Steps = ((10, 5), (100, 5))
SCHEDULES: dict[str, Steps] = {
    "`10% 5m` (default)": DEFAULT,
    "`10% 5m, 50% 10m, 100% 10m`": ((10, 5), (50, 10), (100, 10)),
    "`10% 30m, 100% 10m`": ((10, 30), (100, 10)),
    "`25% 10m, 100% 10m`": ((25, 10), (100, 10)),
    "`50% 5m, 100% 5m`": ((50, 5), (100, 5)),
}
TRAFFIC = (5, 10, 20, 50, 100, 1000, 10_000)
MANY, SOME, FEW, OUTAGES = 200, 60, 30, 1000
AT_WHOLE = 9
"""A minute in which a rollout with the default steps is at 100%."""


def run() -> list[Row]:
    return [
        *_equal(),
        *naive(),
        *_hidden(),
        *_small(),
        *power(),
        *enough(),
        *shown(),
        *_clumps(),
        *_durations(),
        *_duration_level(),
        *_fixed_durations(),
        *_at_whole(),
        *_longer(),
    ]


def always(rate: float, **more: float) -> Version:
    return Version(lambda _: rate, **more)  # type: ignore[arg-type] # what Version takes


def outage(rate: float, first: int, minutes: int = 3, worse: float = 0.3) -> Version:
    """A dependency of both versions fails for some minutes."""
    return Version(lambda minute: worse if first <= minute < first + minutes else rate)


def _ends(  # one argument for each thing that a rollout is made of
    case: str,
    guards: str,
    new: Version,
    old: Version,
    a_minute: float,
    steps: Steps,
    count: int,
    **more: float,
) -> list[Ended]:
    return [
        roll_out(f"{case} {number}", guards, new, old, a_minute, steps, **more)  # type: ignore[arg-type] # as above
        for number in range(count)
    ]


def _share(ends: Sequence[Ended], *how: End) -> str:
    return f"{sum(one.how in how for one in ends) / len(ends):.1%}"


def _broken(ends: Sequence[Ended]) -> str:
    return _share(ends, End.ROLLED_BACK)


def _equal() -> Iterator[Row]:
    guards = (COMPARED, "error-rate <= baseline + 0.5%", "error-rate <= baseline * 2")
    weights = {1: ((1, 20), (100, 0)), 50: ((50, 20), (100, 0))}
    cases: dict[str, tuple[Version, float, Steps]] = {
        "both 0.01%, 10,000 a minute": (always(0.0001), 10_000, TENTHS),
        "both 0.1%, 1,000 a minute": (always(0.001), 1000, TENTHS),
        "both 1%, 20 a minute": (always(0.01), 20, TENTHS),
        "both 1%, 1,000 a minute": (always(0.01), 1000, TENTHS),
        "both 1%, 100,000 a minute": (always(0.01), 100_000, TENTHS),
        "both 20%, 1,000 a minute": (always(0.2), 1000, TENTHS),
        "both 1%, 1% of 10,000 a minute": (always(0.01), 10_000, weights[1]),
        "both 1%, 50% of 1,000 a minute": (always(0.01), 1000, weights[50]),
        "both 1%, a dependency fails for 3 minutes": (outage(0.01, 8), 1000, TENTHS),
        "both from 0.2% to 4% and back": (
            Version(lambda minute: 0.002 + 0.038 * abs((minute % 40) / 20 - 1)),
            1000,
            TENTHS,
        ),
        "both 1%, traffic only in every third minute": (
            always(0.01, every=3),
            1000,
            TENTHS,
        ),
        "both 1%, what failed is tried again twice": (
            always(0.01, retries=2),
            1000,
            TENTHS,
        ),
        "both 1%, 12 h at 10%": (always(0.01), 200, ((10, 720), (100, 0))),
    }
    for case, (version, a_minute, steps) in cases.items():
        with_margins = case in {"both 0.1%, 1,000 a minute", "both 1%, 1,000 a minute"}
        count = FEW if "12 h" in case else MANY
        figures = {
            f"`{text}`": _broken(_ends(case, text, version, version, a_minute, steps, count))
            for text in (guards if with_margins else guards[:1])
        }
        yield Row(
            f"Rolled back in error: equal versions, {MANY} rollouts each ({FEW} of 12 h)",
            case,
            {f"`{text}`": figures.get(f"`{text}`", "") for text in guards},
        )


def _hidden() -> Iterator[Row]:
    """Numbers that come late: what is not told yet, and what is told too late."""
    table = "Numbers that come late: share rolled back, and how many minutes after the first shift"
    slow = {"lasts": 240.0, "timeout": 900.0}
    cases: dict[str, tuple[str, Version, Version, float, float]] = {
        **{
            f"30% hang until the timeout of {timeout} s": (
                COMPARED,
                always(0.0, hangs=0.3, timeout=timeout),
                always(0.0, timeout=timeout),
                100,
                0.0,
            )
            for timeout in (60, 240, 300, 600, 900)
        },
        "equal: median of 240 s, 5% fail at once, `error-rate < 10%`": (
            "error-rate < 10%",
            always(0.05, **slow),
            always(0.05, **slow),
            100,
            0.0,
        ),
        "equal: the same, beside the baseline": (
            COMPARED,
            always(0.05, **slow),
            always(0.05, **slow),
            100,
            0.0,
        ),
        "twice as slow: 20 s become 40 s, 5% fail at once": (
            COMPARED,
            always(0.05, lasts=40.0, timeout=900.0),
            always(0.05, lasts=20.0, timeout=900.0),
            100,
            0.0,
        ),
        "twice as slow: 240 s become 480 s, 5% fail at once": (
            COMPARED,
            always(0.05, lasts=480.0, timeout=900.0),
            always(0.05, **slow),
            100,
            0.0,
        ),
        "equal: 1% of all datapoints a minute late or more, 10,000 a minute": (
            COMPARED,
            always(0.01),
            always(0.01),
            10_000,
            0.01,
        ),
        "1% → 3%, 1% of all datapoints a minute late or more": (
            COMPARED,
            always(0.03),
            always(0.01),
            1000,
            0.01,
        ),
    }
    for case, (text, new, old, a_minute, late) in cases.items():
        count = 2 * FEW // 3 if new.lasts else FEW
        figures = {}
        for name, steps in (("default steps", DEFAULT), ("`10% 10m, 50% 10m, 100% 10m`", TENTHS)):
            ends = _ends(case, text, new, old, a_minute, steps, count, late=late)
            figures[name] = _when(ends)
        yield Row(table, case, dict(figures))


def _when(ends: Sequence[Ended]) -> str:
    minutes = [one.minutes for one in ends if one.how is End.ROLLED_BACK]
    return _broken(ends) + (f", {median(minutes):.0f} min" if minutes else "")


def _small() -> Iterator[Row]:
    for rate in (0.0, 0.01):
        for a_minute in TRAFFIC:
            count = SOME if a_minute <= 100 else FEW
            yield Row(
                f"`{COMPARED}`, both versions at {rate:.0%}: promoted / rolled back as worse / rolled back for want of "
                "evidence, in percent",
                f"{a_minute:,} invocations a minute",
                {
                    name: _three(
                        _ends(
                            f"small {rate} {a_minute} {name}",
                            COMPARED,
                            always(rate),
                            always(rate),
                            a_minute,
                            steps,
                            MANY if a_minute == 20 and steps is DEFAULT else count,
                        )
                    )
                    for name, steps in SCHEDULES.items()
                },
            )


def _three(ends: Sequence[Ended]) -> str:
    found = Counter(one.how for one in ends)
    return " / ".join(f"{100 * found[how] / len(ends):.0f}" for how in End)


def _clumps() -> Iterator[Row]:
    guards = (COMPARED, "error-rate <= baseline + 0.5%", "error-rate <= baseline * 2")
    for rate in (0.001, 0.01, 0.05):
        for clump in (3, 10, 30):
            version, case = always(rate, clump=clump), f"both {rate:.1%}, errors in {clump}s"
            yield Row(
                f"Rolled back in error where errors come in clumps: {SOME} rollouts each",
                case,
                {
                    f"`{text}`": _broken(_ends(case, text, version, version, 1000, TENTHS, SOME))
                    for text in guards
                },
            )


def _durations() -> Iterator[Row]:
    for text in ("p50-duration <= baseline", "p99-duration <= baseline"):
        for slower in (0, 10, 30, 60, 100):
            figures = {}
            for a_minute in (100, 1000):
                for name, counts in (("counted", True), ("minutes", False)):
                    ends = _ends(
                        f"{text} {slower} {a_minute}",
                        text,
                        Version(slowness=1 + slower / 100, cold=True),
                        Version(cold=True),
                        a_minute,
                        TENTHS,
                        SOME if counts else FEW,
                        counts=counts,
                    )
                    figures[f"{a_minute:,} a minute, {name}"] = _when(ends)
            yield Row(
                f"Durations, cold starts included: share rolled back by `{text}`, and after how many minutes",
                f"{slower}% slower" if slower else "just as fast",
                dict(figures),
            )


def _duration_level() -> Iterator[Row]:
    cases = {
        "cold starts": {"cold": True},
        "cold starts, minutes drift by 10%": {"cold": True, "drift": 0.1},
        "cold starts, hosts differ by 10%": {"cold": True, "hosts": 0.1},
    }
    guards = (
        "p50-duration <= baseline",
        "p50-duration <= baseline * 1.2",
        "p99-duration <= baseline",
        "p99-duration <= baseline * 1.2",
    )
    for case, more in cases.items():
        version = Version(**more)  # type: ignore[arg-type] # what Version takes
        yield Row(
            f"Durations rolled back in error: equal versions at 1,000 a minute, {SOME} rollouts each",
            case,
            {
                f"`{text}`": _broken(_ends(case, text, version, version, 1000, TENTHS, SOME))
                for text in guards
            },
        )


FIXED = (
    "p50-duration < 120ms",
    "p90-duration < 427ms",
    "p95-duration < 612ms",
    "p99-duration < 1200ms",
)
"""A fifth over the truth, each."""
TOO_LOW = ("p50-duration < 80ms", "p99-duration < 800ms")
"""A fifth under it."""


def _fixed_durations() -> Iterator[Row]:
    name = "`10% 5m, 50% 10m, 100% 10m`"
    shares = "promoted / rolled back as worse / rolled back for want of evidence, in percent"
    for text in FIXED:
        yield Row(
            f"A fixed bound 20% over the truth, cold starts included, {name}: {shares}",
            f"`{text}`",
            _by_traffic(text, 1.0, SCHEDULES[name], MANY),
        )
    slow = {
        **{f"`{text}`, 20% under the truth": (text, 1.0) for text in TOO_LOW},
        **{f"`{text}`, twice as slow": (text, 2.0) for text in FIXED[::3]},
    }
    for case, (text, slowness) in slow.items():
        yield Row(
            f"A fixed bound that is not kept, cold starts included, {name}: {shares}",
            case,
            _by_traffic(text, slowness, SCHEDULES[name], SOME),
        )


def _by_traffic(text: str, slowness: float, steps: Steps, count: int) -> dict[str, Figure]:
    return {
        f"{a_minute:,} a minute": _three(
            _ends(
                f"{text} {slowness} {a_minute}",
                text,
                Version(slowness=slowness, cold=True),
                Version(cold=True),
                a_minute,
                steps,
                count if a_minute <= 20 else FEW,
            )
        )
        for a_minute in TRAFFIC
    }


def _at_whole() -> Iterator[Row]:
    table = f"At 100%: share rolled back, {OUTAGES:,} rollouts each, {MANY} of those with durations"
    down, slow = outage(0.01, AT_WHOLE, 1), ((90, 10), (100, 10))
    cases = {
        "an outage of one minute at 100%, 30% errors, `error-rate <= baseline`": (
            COMPARED,
            down,
            DEFAULT,
            OUTAGES,
        ),
        "the same, `error-rate <= baseline * 2`": (
            "error-rate <= baseline * 2",
            down,
            DEFAULT,
            OUTAGES,
        ),
        "equal, `90% 10m, 100% 10m`, `p99-duration <= baseline`": (
            "p99-duration <= baseline",
            Version(cold=True),
            slow,
            MANY,
        ),
    }
    for case, (text, version, steps, count) in cases.items():
        figures = {}
        for name, counts in (("durations counted", True), ("durations by minutes", False)):
            if counts or "duration" in text:
                ends = _ends(case, text, version, version, 1000, steps, count, counts=counts)
                figures[name] = _broken(ends)
        yield Row(table, case, {"durations by minutes": "", **figures})


def _longer() -> Iterator[Row]:
    for timeout in (3, 30, 60, 300, 900):
        version = always(0.0, timeout=timeout)
        figures = {}
        for name, steps in SCHEDULES.items():
            (one,) = _ends("longer", COMPARED, version, version, 1000, steps, 1)
            planned = sum(minutes for _, minutes in steps)
            figures[name] = f"{planned:.0f} → {one.minutes:.1f}"
        yield Row(
            f"Minutes that a rollout takes, planned and with `{COMPARED}`, at 1,000 a minute",
            f"timeout of {timeout} s",
            dict(figures),
        )
