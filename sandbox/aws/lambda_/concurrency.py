"""Reserved and provisioned concurrency.

Sources: "Configuring reserved concurrency", "Configuring provisioned concurrency" in the developer
guide and the API reference. That AWS writes temporary weights while an alias's provisioned
concurrency moves to another version, and leaves them if the version cannot start, is reported in
public issue threads. Their exact shares, whether the RevisionId changes when they go, and that a way
back has them too are unconfirmed; here is the least comfortable reading of each.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sandbox.aws.errors import AwsError
from sandbox.aws.lambda_.aliases import AliasOperations
from sandbox.aws.lambda_.invocations import InvokeOperations
from sandbox.aws.lambda_.naming import LATEST, is_number
from sandbox.aws.lambda_.region import Answer, Params, invalid
from sandbox.aws.lambda_.things import Alias, Function

THROTTLED = "Rate Exceeded."
UNRESERVED = 100
"""What an account keeps for all functions without a reservation."""
START_FAILED = "FUNCTION_ERROR_INIT_FAILURE"


@dataclass
class Provisioned:
    """Provisioned concurrency of one version or alias.

    serving: the version number whose environments are allocated. move: counts the moves, so that
    the end of one that was overtaken by another changes nothing.
    """

    requested: int
    serving: str
    last_modified: datetime
    status: str = "IN_PROGRESS"
    reason: str = ""
    move: int = 0

    def answer(self) -> Answer:
        """GetProvisionedConcurrencyConfig's answer."""
        allocated = self.requested if self.status == "READY" else 0
        answer: Answer = {
            "RequestedProvisionedConcurrentExecutions": self.requested,
            "AvailableProvisionedConcurrentExecutions": allocated,
            "AllocatedProvisionedConcurrentExecutions": allocated,
            "Status": self.status,
            "LastModified": self.last_modified.strftime("%Y-%m-%dT%H:%M:%S+0000"),
        }
        if self.reason:
            answer["StatusReason"] = self.reason
        return answer


class ConcurrencyOperations(AliasOperations, InvokeOperations):
    """Operations on concurrency, and what it does to aliases and invocations.

    provisioning_delay: seconds until provisioned concurrency is there. cannot_start: versions
    (function, number) whose environments fail to start. throttled: function -> share of its calls, 0 to 1,
    that come while too many others run; the sandbox's own take no time. concurrency: the account's quota; a new
    account may have 10.
    """

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.reserved: dict[str, int] = {}
        self.concurrency = 1000
        self.provisioned: dict[tuple[str, str], Provisioned] = {}
        self.provisioning_delay = 120.0
        self.cannot_start: set[tuple[str, str]] = set()
        self.throttled: dict[str, float] = {}

    # Reserved

    def put_function_concurrency(self, params: Params) -> Answer:
        """PutFunctionConcurrency; 0 throttles every invocation. Refused if too little is left for all others."""
        function, asked = self._function(params), params["ReservedConcurrentExecutions"]
        others = sum(n for name, n in self.reserved.items() if name != function.name)
        if asked and self.concurrency - others - asked < UNRESERVED:
            raise invalid(
                "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution "
                f"below its minimum value of [{UNRESERVED}]."
            )
        self.reserved[function.name] = asked
        return {"ReservedConcurrentExecutions": self.reserved[function.name]}

    def get_function_concurrency(self, params: Params) -> Answer:
        """GetFunctionConcurrency; empty where nothing is reserved."""
        name = self._function(params).name
        found = self.reserved.get(name)
        return {} if found is None else {"ReservedConcurrentExecutions": found}

    def delete_function_concurrency(self, params: Params) -> Answer:
        """DeleteFunctionConcurrency."""
        self.reserved.pop(self._function(params).name, None)
        return {}

    def invoke(self, params: Params) -> Answer:
        """Invoke; with nothing reserved for it, or too little, a function is throttled.

        A throttled call is neither an invocation nor an error ("Types of metrics for Lambda
        functions"); which version it was for is not told.
        """
        name, qualifier = self._resolve(params)
        share = 1.0 if self.reserved.get(name) == 0 else self.throttled.get(name, 0.0)
        if share == 0 or (share < 1 and self.random.random() >= share):
            return super().invoke(params)
        resource = f"{name}:{qualifier}" if qualifier else name
        for dimensions in (
            {},
            {"FunctionName": name},
            {"FunctionName": name, "Resource": resource},
        ):
            self.record("AWS/Lambda", "Throttles", dimensions, 1.0, "Count", self.clock.now())
        raise AwsError("TooManyRequestsException", THROTTLED, 429)

    # Provisioned

    def put_provisioned_concurrency_config(self, params: Params) -> Answer:
        """PutProvisionedConcurrencyConfig, on a version or an alias without weights."""
        function, qualifier = self._function(params), params["Qualifier"]
        if qualifier == LATEST:
            raise invalid(
                "Provisioned Concurrency Configs cannot be applied to unpublished function versions."
            )
        serving = self._serving(function, qualifier)
        if not is_number(qualifier) and self._alias(function, qualifier).weights:
            raise invalid("Alias with weights can not be used with Provisioned Concurrency")
        found = Provisioned(params["ProvisionedConcurrentExecutions"], serving, self.clock.now())
        self.provisioned[function.name, qualifier] = found
        self._begin_move(function, qualifier, found, serving)
        return found.answer()

    def get_provisioned_concurrency_config(self, params: Params) -> Answer:
        """GetProvisionedConcurrencyConfig."""
        function, qualifier = self._function(params), params["Qualifier"]
        self._serving(function, qualifier)
        found = self.provisioned.get((function.name, qualifier))
        if found is None:
            raise AwsError(
                "ProvisionedConcurrencyConfigNotFoundException",
                "No Provisioned Concurrency Config found for this function",
                404,
            )
        return found.answer()

    def delete_provisioned_concurrency_config(self, params: Params) -> Answer:
        """DeleteProvisionedConcurrencyConfig; one that is not there is no error."""
        function = self._function(params)
        self.provisioned.pop((function.name, params["Qualifier"]), None)
        return {}

    def update_alias(self, params: Params) -> Answer:
        """UpdateAlias; a new version first has to get the alias's provisioned concurrency.

        Until it has it, AWS keeps all traffic on the version before by a weight of its own.
        """
        function = self._checked(params)
        before = self._alias(function, params["Name"]).version
        answer = super().update_alias(params)
        alias = self._alias(function, params["Name"])
        found = self.provisioned.get((function.name, alias.name))
        if found is not None and alias.version != before:
            if alias.version == found.serving:
                found.move += 1
                found.status, found.reason = "READY", ""
            else:
                alias.weights = {found.serving: 1.0}
                self._begin_move(function, alias.name, found, alias.version)
        return answer

    def _serving(self, function: Function, qualifier: str) -> str:
        """The version number that a qualifier stands for."""
        if is_number(qualifier):
            return self._version(function, qualifier).number
        return self._alias(function, qualifier).version

    def _begin_move(
        self, function: Function, qualifier: str, found: Provisioned, version: str
    ) -> None:
        found.move += 1
        found.status, found.reason = "IN_PROGRESS", ""
        end = partial(self._end_move, function, qualifier, found, version, found.move)
        self._later(self.provisioning_delay, end)

    def _end_move(
        self, function: Function, qualifier: str, found: Provisioned, version: str, move: int
    ) -> None:
        if found.move != move or self.provisioned.get((function.name, qualifier)) is not found:
            return
        if (function.name, version) in self.cannot_start:
            found.status, found.reason = "FAILED", START_FAILED
            return
        before, found.serving = found.serving, version
        found.status = "READY"
        alias = function.aliases.get(qualifier)
        if alias is not None and alias.weights == {before: 1.0}:
            self._clear(alias)

    def _clear(self, alias: Alias) -> None:
        alias.before = alias.answer()
        alias.weights = {}
        alias.revision_id = self.revision_id()
