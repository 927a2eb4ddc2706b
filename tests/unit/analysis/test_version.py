"""What a version's state means."""

from __future__ import annotations

import pytest

from lambda_rollout.analysis.version import NeverReady, Ready, VersionState, Waiting, readiness


@pytest.mark.parametrize(
    ("version", "verdict"),
    [
        (VersionState("Active", last_update="Successful"), Ready()),
        # Answers of long ago and of emulators say nothing of states.
        (VersionState(), Ready()),
        (VersionState("Pending"), Waiting("Pending")),
        (VersionState("Active", last_update="InProgress"), Waiting("update in progress")),
        (
            VersionState("Active", snap_start_applies=True),
            Waiting("SnapStart is still optimizing it"),
        ),
        (VersionState("Active", snap_start_applies=True, snap_start_optimized=True), Ready()),
        (
            VersionState("Failed", "The image is gone."),
            NeverReady("it is Failed: The image is gone."),
        ),
        (
            VersionState("Inactive", "Idle for too long."),
            NeverReady("it is Inactive: Idle for too long.", idle=True),
        ),
        (
            VersionState("Deactivated", "Scaled to 0."),
            NeverReady("it is Deactivated: Scaled to 0.", scaled_down=True),
        ),
        (
            VersionState("ActiveNonInvocable"),
            NeverReady("it is ActiveNonInvocable: no reason given"),
        ),
        (
            VersionState("Active", last_update="Failed", last_update_reason="No such key."),
            NeverReady("its last update failed: No such key."),
        ),
    ],
)
def test_what_a_versions_state_means(
    version: VersionState, verdict: Ready | Waiting | NeverReady
) -> None:
    assert readiness(version) == verdict
