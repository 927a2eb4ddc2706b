"""Lambda Managed Instances: scaling by version, and how many versions a capacity provider takes.

Sources: API reference of PutFunctionScalingConfig, GetFunctionScalingConfig and ListFunctionVersionsByCapacityProvider,
and "Lambda Managed Instances" in the developer guide. Nothing is scaled here; a version scaled to 0 is Deactivated, and
comes back when it is scaled up.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from sandbox.aws.errors import AwsError
from sandbox.aws.lambda_.region import Answer, Params, Region, page
from sandbox.aws.lambda_.things import Fate, Function, Version

DEFAULT = {"MinExecutionEnvironments": 3}
MOST_VERSIONS = 100


class ManagedOperations(Region):
    """Operations on functions that run on instances of their owner's."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.scaling: dict[tuple[str, str], dict[str, int]] = {}

    def put_function_scaling_config(self, params: Params) -> Answer:
        """PutFunctionScalingConfig, of one version."""
        function = self._function(params)
        version = self._version(function, params["Qualifier"])
        asked = dict(params.get("FunctionScalingConfig") or {})
        self.scaling[function.name, version.number] = asked
        if asked.get("MaxExecutionEnvironments") == 0:
            self._settle(version, Fate("Deactivated", "The function version was scaled to 0."))
        elif version.state == "Deactivated":
            self._settle(version, Fate("Pending", "The function is being restored.", "Restoring"))
            self._later(self.activation_delay, partial(self._settle, version, Fate()))
        return {"FunctionState": version.state}

    def get_function_scaling_config(self, params: Params) -> Answer:
        """GetFunctionScalingConfig; a version that nobody scaled has the default."""
        function = self._function(params)
        version = self._version(function, params["Qualifier"])
        asked = self.scaling.get((function.name, version.number))
        answer: Answer = {
            "FunctionArn": f"{function.arn}:{version.number}",
            "AppliedFunctionScalingConfig": {**DEFAULT, **(asked or {})},
        }
        return {**answer, "RequestedFunctionScalingConfig": asked} if asked else answer

    def list_function_versions_by_capacity_provider(self, params: Params) -> Answer:
        """ListFunctionVersionsByCapacityProvider."""
        name = params["CapacityProviderName"]
        arn = f"arn:aws:lambda:{self.region}:{self.account}:capacity-provider:{name}"
        versions = [
            {"FunctionArn": f"{version.arn}:{version.number}", "State": version.state}
            for version in self._on(arn)
        ]
        shown, more = page(versions, params)
        return {"CapacityProviderArn": arn, "FunctionVersions": list(shown), **more}

    def _check_room(self, function: Function) -> None:
        """Refuse another version on a capacity provider that is full."""
        provider = provider_of(function.latest)
        if provider and len(self._on(provider)) >= MOST_VERSIONS:
            raise AwsError(
                "FunctionVersionsPerCapacityProviderLimitExceededException",
                f"Capacity provider {provider} has {MOST_VERSIONS} function versions.",
            )

    def _on(self, provider: str) -> list[Version]:
        return [
            version
            for function in self.functions.values()
            for version in function.published.values()
            if provider_of(version) == provider
        ]


def provider_of(version: Version) -> str:
    """The ARN of a version's capacity provider, empty for a function that AWS runs by itself."""
    config = version.settings.get("CapacityProviderConfig") or {}
    inner = config.get("LambdaManagedInstancesCapacityProviderConfig") or {}
    return str(inner.get("CapacityProviderArn", ""))
