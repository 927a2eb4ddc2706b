"""Whether what is watched is in the account of what is rolled out."""

from __future__ import annotations

from collections.abc import Iterator

from lambda_rollout.inputs.names import account_of, account_of_function
from lambda_rollout.preflight.facts import Facts
from lambda_rollout.preflight.finding import Code, Finding, Level


def one_account_for_all(facts: Facts) -> Iterator[Finding]:
    """A function may let another account move its alias; CloudWatch shows that account nothing of it.

    https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html
    """
    for each in facts.targets:
        account = account_of(each.alias_arn) or account_of_function(each.target.function)
        if account and facts.account not in {"", account}:
            yield Finding(
                Level.WARNING,
                Code.OTHER_ACCOUNT,
                f"The function is in account {account}, and the credentials are of account {facts.account}: the alarms and "
                "metrics that are read are those of the latter.",
                f"Use a role of account {account}. If this is meant, let alarms of account {facts.account} watch the "
                "function's metrics (CloudWatch cross-account observability).",
                each.target,
            )
