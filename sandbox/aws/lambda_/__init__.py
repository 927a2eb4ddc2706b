"""Lambda: functions whose Python code really runs, versions, aliases that route by weight.

One operation is one method, named in snake_case, taking and returning what botocore's
shapes say; they are told apart by what they are about: functions, versions, aliases,
invocations, concurrency, event sources, policies, URLs. `Region` holds what they share.
"""

from sandbox.aws.lambda_.code import zip_of
from sandbox.aws.lambda_.concurrency import ConcurrencyOperations
from sandbox.aws.lambda_.durable import DurableOperations
from sandbox.aws.lambda_.event_sources import EventSourceOperations
from sandbox.aws.lambda_.functions import FunctionOperations
from sandbox.aws.lambda_.policies import PolicyOperations
from sandbox.aws.lambda_.region import Answer, Params
from sandbox.aws.lambda_.things import Alias, Fate, Function, Version
from sandbox.aws.lambda_.urls import UrlOperations


class Lambda(
    FunctionOperations,
    ConcurrencyOperations,
    EventSourceOperations,
    PolicyOperations,
    UrlOperations,
    DurableOperations,
):
    """The Lambda of one account and Region."""

    def get_function(self, params: Params) -> Answer:
        """GetFunction; what is reserved for a function is told of the function, and not of a version."""
        answer = super().get_function(params)
        name, qualifier = self._resolve(params)
        if qualifier is None and name in self.reserved:
            answer["Concurrency"] = self.get_function_concurrency(params)
        return answer


__all__ = ["Alias", "Fate", "Function", "Lambda", "Version", "zip_of"]
