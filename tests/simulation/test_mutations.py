"""Every way in which we break the safety code is noticed: so the simulation does look."""

from __future__ import annotations

import pytest

from tests.simulation.ending_mutations import ENDING_MUTATIONS
from tests.simulation.github_mutations import GITHUB_MUTATIONS
from tests.simulation.guard_mutations import GUARD_MUTATIONS
from tests.simulation.guardian_mutations import GUARDIAN_MUTATIONS
from tests.simulation.hook_mutations import HOOK_MUTATIONS
from tests.simulation.mutations import MUTATIONS, SEARCHED, Mutation
from tests.simulation.previous_mutations import PREVIOUS_MUTATIONS
from tests.simulation.request_mutations import REQUEST_MUTATIONS
from tests.simulation.smoke_mutations import SMOKE_MUTATIONS

ALL = [
    *MUTATIONS,
    *ENDING_MUTATIONS,
    *GITHUB_MUTATIONS,
    *HOOK_MUTATIONS,
    *GUARD_MUTATIONS,
    *SMOKE_MUTATIONS,
    *PREVIOUS_MUTATIONS,
    *REQUEST_MUTATIONS,
    *GUARDIAN_MUTATIONS,
]


@pytest.mark.parametrize("mutation", ALL, ids=lambda mutation: str(mutation.name))
def test_it_is_caught(mutation: Mutation) -> None:
    caught_by = mutation.caught_by(mutation.seeds)
    if caught_by is None:
        # What is drawn has changed since these seeds were found; the search is slow, so note what it finds.
        caught_by = mutation.caught_by(range(SEARCHED))
    assert caught_by is not None, f"{mutation.name}: not noticed in {SEARCHED} seeds"
    # What catches it is the mutation, and not the seed by itself.
    assert not mutation.play(caught_by, drawn=mutation.drawn).violations


def test_there_are_enough_of_them() -> None:
    assert len({mutation.name for mutation in ALL}) == len(ALL) >= 15
