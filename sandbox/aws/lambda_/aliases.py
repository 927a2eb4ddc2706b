"""Operations on aliases, with the rules for what an alias may route to.

Sources: API reference of CreateAlias and UpdateAlias; "Implement Lambda canary
deployments using a weighted alias" in the developer guide; the texts are recorded
answers of AWS.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping

from sandbox.aws.lambda_.constraints import (
    ALIAS_NAME,
    VERSION,
    check_length,
    check_pattern,
    check_weights,
)
from sandbox.aws.lambda_.naming import LATEST
from sandbox.aws.lambda_.region import (
    Answer,
    Params,
    Region,
    check_revision,
    conflict,
    invalid,
    not_found,
    page,
)
from sandbox.aws.lambda_.things import Alias, Function


class AliasOperations(Region):
    """Operations on aliases."""

    def create_alias(self, params: Params) -> Answer:
        """CreateAlias."""
        function = self._checked(params)
        name, version = params["Name"], params["FunctionVersion"]
        weights = _weights(params) or {}
        self._version(function, version)
        if name in function.aliases:
            raise conflict(f"Alias already exists: {function.arn}:{name}")
        self._check_routing(function, version, weights)
        function.aliases[name] = Alias(
            name=name,
            arn=f"{function.arn}:{name}",
            version=version,
            description=params.get("Description", ""),
            weights=dict(weights),
            revision_id=self.revision_id(),
        )
        return function.aliases[name].answer()

    def get_alias(self, params: Params, *, stale: bool = False) -> Answer:
        """GetAlias. stale: as it was before the last write, as a replica may answer."""
        function = self._checked(params)
        alias = self._alias(function, params["Name"])
        if not stale:
            return alias.answer()
        if alias.before is None:
            raise not_found(f"Cannot find alias arn: {alias.arn}")
        return copy.deepcopy(alias.before)

    def update_alias(self, params: Params) -> Answer:
        """UpdateAlias; what the request leaves out is kept, RoutingConfig included."""
        function = self._checked(params)
        alias = self._alias(function, params["Name"])
        check_revision(params.get("RevisionId"), alias.revision_id)
        version = params.get("FunctionVersion", alias.version)
        given = _weights(params)
        weights = alias.weights if given is None else given
        self._version(function, version)
        self._check_routing(function, version, weights)
        alias.before = alias.answer()
        alias.version = version
        alias.weights = dict(weights)
        described = params.get("Description", alias.description)
        if described or not self.keeps_descriptions:
            alias.description = described
        alias.revision_id = self.revision_id()
        return alias.answer()

    def delete_alias(self, params: Params) -> Answer:
        """DeleteAlias; one that is not there is no error."""
        self._checked(params).aliases.pop(params["Name"], None)
        return {}

    def list_aliases(self, params: Params) -> Answer:
        """ListAliases, of one version if asked."""
        function = self._function(params)
        version = params.get("FunctionVersion")
        aliases = [
            alias.answer()
            for alias in sorted(function.aliases.values(), key=lambda alias: alias.name)
            if version is None or version in {alias.version, *alias.weights}
        ]
        shown, more = page(aliases, params)
        return {"Aliases": list(shown), **more}

    def _checked(self, params: Params) -> Function:
        """The function, after what AWS's front door looks at."""
        check_pattern(params["Name"], "name", ALIAS_NAME)
        check_length(params["Name"], "name", 128)
        check_length(params.get("Description", ""), "description", 256)
        if "FunctionVersion" in params:
            check_pattern(params["FunctionVersion"], "functionVersion", VERSION)
        check_weights(_weights(params) or {})
        return self._function(params)

    def _check_routing(
        self, function: Function, version: str, weights: Mapping[str, float]
    ) -> None:
        if len(weights) > 1:
            raise invalid("Number of items in AdditionalVersionWeights cannot be greater than 1")
        for additional in weights:
            if additional == version:
                raise invalid(
                    f"Invalid function version {version}. Function version {version} is already "
                    "included in routing configuration."
                )
            if version == LATEST:
                raise invalid(
                    "$LATEST is not supported for an alias pointing to more than 1 version"
                )
            one = self._version(function, version).settings
            other = self._version(function, additional).settings
            if one.get("Role") != other.get("Role"):
                raise invalid("Specified versions must be associated with the same execution role")
            if one.get("DeadLetterConfig") != other.get("DeadLetterConfig"):
                raise invalid(
                    "Specified versions must be associated with the same dead letter queue "
                    "configuration"
                )


def _weights(params: Params) -> dict[str, float] | None:
    """The weights given, {} for "none", None where the request does not speak of routing."""
    if params.get("RoutingConfig") is None:
        return None
    return params["RoutingConfig"].get("AdditionalVersionWeights") or {}
