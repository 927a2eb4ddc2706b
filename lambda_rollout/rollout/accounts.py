"""In which account the aliases are, and whether that is the one that was meant. Pure.

An alias's ARN says so in every answer, so it costs no call.
"""

from __future__ import annotations

from collections.abc import Sequence

from lambda_rollout.alias.routing import Target
from lambda_rollout.analysis.alarms import AlarmReading
from lambda_rollout.inputs.names import account_of, account_of_function
from lambda_rollout.runtime.errors import RolloutError


def check_account(target: Target, arn: str, role: str) -> None:
    """Raise `RolloutError` if ``arn``, an alias's as AWS answered, is of another account than was asked for.

    That is the one in the function's ARN; of a function that is given by its name alone, the one of the ``role`` that
    was assumed, an ARN or empty.
    """
    named = account_of_function(target.function)
    meant, found = named or account_of(role), account_of(arn)
    if meant and found and found != meant:
        by = "function-name" if named else "role-to-assume"
        raise RolloutError(
            f"{target} is in account {found}, and `{by}` names account {meant}.",
            "Nothing was changed. Check `function-name`, `role-to-assume` and, if it is set, AWS_ENDPOINT_URL.",
        )


def account_of_credentials(role: str, alarms: Sequence[AlarmReading]) -> str:
    """Return whose the credentials are, as far as it is known without asking; empty if it is not.

    CloudWatch shows alarms of the caller's own account only.
    """
    return account_of(role) or next(
        filter(None, (account_of(reading.arn) for reading in alarms)), ""
    )
