"""Operations on versions: publish and list."""

from __future__ import annotations

import copy
from functools import partial

from sandbox.aws.lambda_.constraints import check_length
from sandbox.aws.lambda_.managed import ManagedOperations
from sandbox.aws.lambda_.region import (
    Answer,
    Params,
    check_revision,
    conflict,
    invalid,
    page,
)
from sandbox.aws.lambda_.things import CREATING, Fate, Function, Version

# A list shows a configuration without its state (recorded from AWS).
NOT_LISTED = ("State", "StateReason", "StateReasonCode", "LastUpdateStatus",
              "LastUpdateStatusReason", "LastUpdateStatusReasonCode")  # fmt: skip


class VersionOperations(ManagedOperations):
    """Operations on versions."""

    def publish_version(self, params: Params) -> Answer:
        """PublishVersion; with nothing new the last version comes back as it is."""
        function = self._function(params)
        latest = function.latest
        check_length(params.get("Description", ""), "description", 256)
        check_revision(params.get("RevisionId"), latest.revision_id)
        asked = params.get("CodeSha256")
        if asked and asked != latest.code.sha256:
            raise invalid(
                f"CodeSHA256 ({asked}) is different from current CodeSHA256 in $LATEST "
                f"({latest.code.sha256}). Please try again with the CodeSHA256 in $LATEST."
            )
        self._check_idle(function)
        return self._publish(function, params.get("Description")).answer()

    def list_versions_by_function(self, params: Params) -> Answer:
        """ListVersionsByFunction, ``$LATEST`` first."""
        function = self._function(params)
        versions = [function.latest, *function.published.values()]
        shown, more = page(versions, params)
        answers = [v.answer(f"{v.arn}:{v.number}") for v in shown]
        return {
            "Versions": [{k: a[k] for k in a if k not in NOT_LISTED} for a in answers],
            **more,
        }

    def _publish(self, function: Function, description: str | None) -> Version:
        latest = function.latest
        last = function.published.get(str(function.last_number))
        source = function.last_published_from
        if last and source and source.same_as(latest):
            return last
        self._check_room(function)
        function.last_number += 1
        version = copy.copy(latest)
        version.number = str(function.last_number)
        version.settings = copy.deepcopy(latest.settings)
        # Modules of its own, so that two versions share none.
        version.code = type(latest.code)(latest.code.data)
        version.state, version.reason = "Pending", CREATING
        version.update_status, version.optimization = "Successful", "Off"
        version.revision_id = self.revision_id()
        function.last_published_from = copy.copy(version)
        if description is not None:
            version.settings = {**version.settings, "Description": description}
        function.published[version.number] = version
        latest.revision_id = self.revision_id()
        fate = function.fates.pop(0) if function.fates else Fate()
        after = self.activation_delay if fate.after is None else fate.after
        self._later(after, partial(self._settle, version, fate))
        return version

    def _check_idle(self, function: Function) -> None:
        if function.latest.state == "Pending":
            raise conflict(
                "The operation cannot be performed at this time. The function is currently in "
                "the following state: Pending"
            )
        if function.latest.update_status == "InProgress":
            raise conflict(
                "The operation cannot be performed at this time. An update is in progress for "
                f"resource: {function.arn}"
            )
