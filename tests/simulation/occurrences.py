"""What the seeds are about, and some of them that show it.

``python -m tests.simulation.occurrences`` looks for such seeds anew, after a change to what is drawn or done.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lambda_rollout.inputs.choices import HookStage
from tests.simulation import between, previous, requests
from tests.simulation.github_scenario import FOR_GOOD, KINDS
from tests.simulation.scenario import EVALUATIONS
from tests.simulation.simulate import simulate

SEARCHED = 3_000
"""Seeds within which everything has always occurred so far."""

SELDOM = {"error-after", "stale", "twice second"}
"""What the calls about requests or the previous alias meet, too, and not in so few seeds."""

MUST_OCCUR = {
    *(f"foreign {kind}" for kind in ("description", "same", "whole-old", "whole-new", "weight")),
    *("foreign delete-alias", "foreign delete-function", "foreign split"),
    *(f"killed {role}" for role in ("main", "post", "next", "twin")),
    *("SIGINT main", "SIGTERM main", "SIGINT next", "frozen", "lost"),
    *("alarm ALARM", "alarm OK", "alarm INSUFFICIENT_DATA", "alarm deleted"),
    *(f"evaluation {state}" for state in (*EVALUATIONS, None)),
    *(f"fault {kind}" for kind in ("throttle", "error", "error-after", "refuse", "unreachable")),
    *(f"fault {kind}" for kind in ("reset", "drop", "hang", "hang-after", "slow", "stale")),
    *("fault hang-late", "fault reset-late", "fault denied", "fault expired"),
    *("answer PreconditionFailedException", "answer ResourceNotFoundException"),
    *(f"main {result}" for result in ("promoted", "rolled-back", "held", "failed")),
    *(f"post {phase}" for phase in ("moving", "clearing", "holding", "rolling-back")),
    *(f"post {result}" for result in ("rolled-back", "held", "promoted", "failed")),
    *(f"next {result}" for result in ("promoted", "rolled-back", "failed", "unchanged")),
    *("next rollback rolled-back", "next promote promoted"),
    *("main promote promoted", "main promote rolled-back", "main promote held"),
    *("word OVER", "word IN_PROGRESS", "word UNKNOWN", "post with nothing to do"),
    *(f"github {fault}" for fault in (*KINDS, *FOR_GOOD)),
    *("github comment posted", "github comment edited", "github comment was deleted"),
    *("github double folded", "github verdict shown", "github killed before its last word"),
    *("github no pull request", "github given up for good", "post with a comment"),
    *("github hung at SIGINT", "github hung at rollback"),
    *(f"fault {kind}" for kind in (*between.KINDS, between.GONE)),
    *(f"answer page {status}" for status in (200, *between.STATUSES)),
    *("answer cut", "answer dripping", "answer ResourceConflictException"),
    *("renewals fail", "renewed again", "credentials at 0%: failed"),
    *(f"credentials at a split: {result}" for result in ("rolled-back", "held")),
    *(f"credentials at 100%: {result}" for result in ("rolled-back", "held")),
    *(f"hook {stage} {word}" for stage in HookStage for word in ("yes", "no", "again", "lost")),
    *(f"smoke test {became}" for became in ("yes", "no", "not run", "lost")),
    *(f"{what} while a hook is asked" for what in ("killed", "SIGINT", "alarm ALARM")),
    *(f"main with guards {result}" for result in ("promoted", "rolled-back")),
    *("numbers told late", "a guard is broken", "a step ends early"),
    *("previous alias set", "previous alias not set", "back by the previous alias"),
    *(f"killed {phase} a call for the previous alias" for phase in ("before", "after")),
    *(f"previous alias {kind}" for kind in {*previous.KINDS} - SELDOM),
    *(f"previous alias: somebody's {move}" for move in previous.MOVES),
    *("request written", "request taken off", "request refused", "killed requester"),
    *(f"requester promote {result}" for result in ("requested", "promoted", "failed")),
    *(f"asked one that {state}" for state in ("is well", "is dead", "stands still", "is over")),
    *(f"request {kind}" for kind in {*requests.KINDS} - SELDOM),
    *(f"guardian invoked: {how}" for how in ("scheduled", "alarm's", "late", "twice", "forged")),
    *(f"guardian {result}" for result in ("rolled-back", "unchanged", "failed")),
    *(f"guardian puts back: {what}" for what in ("held", "dead", "promoted")),
    *(f"guardian leaves alone: {what}" for what in ("at work", "no alarm has fired")),
    *("killed guardian", "guardian timed out", "guardian tried again", "two guardians at once"),
    *("split by hand at 100%", "a Date that is missing", "a Date that is wrong"),
}
"""What the seeds are about: each of these really happens in them."""

_KNOWN = """
16 17 30 76 77 80 89 93 104 110 113 119 143 144 177 196 201 215 231 295 412 433 530 531
550 558 560 589 596 644 653 698 770 791 800 853 856 907 942 963 1010 1011 1028 1041 1071
1089 1112 1123 1151 1158 1182 1197 1205 1227 1228 1256 1280 1286 1291 1331 1333 1343
1347 1357 1379 1404 1411 1418 1420 1440 1505 1516 1520 1522 1544 1606 1607 1617 1622
1634 1637 1681 1709 1733 1761 1782 1784 1788 1796 1802 1902 1937 1946 1957 1968 1979
1983 2001 2003 2080 2284 2302 2371 2449 2481 2585 2669
"""
SEEDS_KNOWN = tuple(map(int, _KNOWN.split()))
"""Between them they show everything, most of it twice: they stay enough when a few stories change."""


def missing_in(seeds: Iterable[int], wanted: Iterable[str] = MUST_OCCUR) -> set[str]:
    """Return what of ``wanted`` occurs in none of these seeds; plays no more of them than it takes."""
    missing = set(wanted)
    for seed in seeds:
        if not missing:
            break
        missing -= simulate(seed).seen.keys()
    return missing


def chosen(shown: Mapping[int, frozenset[str]], times: int) -> list[int]:
    """Choose few seeds that show everything ``times`` times, or as often as it occurs. shown: by seed."""
    left = {
        what: min(times, sum(what in all_of_it for all_of_it in shown.values()))
        for what in MUST_OCCUR
    }
    seeds: list[int] = []
    while any(left.values()):
        wanted = {what for what, many in left.items() if many}
        best = max(shown.keys() - set(seeds), key=lambda seed: (len(shown[seed] & wanted), -seed))
        seeds.append(best)
        for what in shown[best] & wanted:
            left[what] -= 1
    return sorted(seeds)


if __name__ == "__main__":
    seen = {seed: frozenset(simulate(seed).seen.keys() & MUST_OCCUR) for seed in range(SEARCHED)}
    print("Never seen:", *sorted(MUST_OCCUR - frozenset().union(*seen.values())))
    print(*chosen(seen, times=2))
