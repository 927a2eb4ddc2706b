"""One seed with GitHub as drawn, with GitHub well, and with no pull request at all: to AWS it is the same.

This is what "GitHub changes nothing about when and whether the alias is shifted or rolled back" means here:
every request of ours, with its time and everything in it, every effect, every answer, every result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import zip_longest

from tests.simulation.github_scenario import OFF, WELL, Drawn
from tests.simulation.scenario import Scenario, draw
from tests.simulation.simulate import Outcome, Simulation

Drawing = Callable[[int], Scenario]


def compared(
    seed: int, drawn: Drawing = draw, others: Sequence[Drawn | None] = (WELL, OFF)
) -> Outcome:
    """Play a seed with its own GitHub, and again with others; whatever differs for AWS is a broken promise.

    None among ``others`` is the seed's own GitHub once more.
    """
    first = Simulation(drawn(seed))
    outcome = first.play()
    told = aws_story(first)
    for github in others:
        other = Simulation(drawn(seed), github=github)
        other.play()
        now = aws_story(other)
        if now != told:
            pairs = zip_longest(told, now, fillvalue="nothing")
            was, instead = next((a, b) for a, b in pairs if a != b)
            as_what = f"with GitHub as {other.hub.drawn.pull}"
            outcome.violations.append(f"same for AWS: {as_what}: {instead!r}, and not {was!r}")
    return outcome


def aws_story(played: Simulation) -> list[str]:
    """Everything that concerns AWS, of a simulation that was played."""
    happened = [line for line in played.observer.story if " github: " not in line]
    requests = [
        f"{each.at} {each.caller} {each.operation} {sorted(each.params.items())}"
        for each in played.stage.world.log
    ]
    return [*happened, *requests]
