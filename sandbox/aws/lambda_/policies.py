"""Operations on resource policies: who outside the account's own IAM may invoke a function.

Source: API reference of AddPermission, GetPolicy and PutResourcePolicy, and "Working with resource-based
IAM policies in Lambda"; shapes and texts of the first two are recorded answers of AWS. A function and each
of its versions and aliases have a policy of their own, and none of them is asked for another's. The sandbox
does not check callers against them. That GetPolicy also shows what PutResourcePolicy wrote is unconfirmed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from sandbox.aws.lambda_.naming import LATEST, is_number
from sandbox.aws.lambda_.region import (
    Answer,
    Params,
    Region,
    check_revision,
    conflict,
    invalid,
    not_found,
)


@dataclass
class Policy:
    """The statements on one ARN."""

    revision_id: str
    statements: list[dict[str, Any]] = field(default_factory=list)

    def find(self, sid: str) -> dict[str, Any] | None:
        """The statement with that Sid; one without cannot be found."""
        return next((each for each in self.statements if each.get("Sid") == sid), None)


class PolicyOperations(Region):
    """Operations on resource policies."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.policies: dict[str, Policy] = {}

    def add_permission(self, params: Params) -> Answer:
        """AddPermission, on the function or on the Qualifier."""
        arn = self._policy_arn(params)
        policy = self.policies.get(arn) or Policy(self.revision_id())
        check_revision(params.get("RevisionId"), policy.revision_id)
        sid = params["StatementId"]
        if policy.find(sid) is not None:
            raise conflict(
                f"The statement id ({sid}) provided already exists. Please provide a new "
                "statement id, or remove the existing statement."
            )
        policy.statements.append(_statement(params, arn))
        policy.revision_id = self.revision_id()
        self.policies[arn] = policy
        return {"Statement": json.dumps(policy.find(sid))}

    def remove_permission(self, params: Params) -> Answer:
        """RemovePermission; with its last statement the policy is gone."""
        arn = self._policy_arn(params)
        policy = self.policies.get(arn)
        sid = params["StatementId"]
        found = policy.find(sid) if policy else None
        if policy is None or found is None:
            raise not_found(f"Statement {sid} is not found in resource policy.")
        check_revision(params.get("RevisionId"), policy.revision_id)
        policy.statements.remove(found)
        policy.revision_id = self.revision_id()
        if not policy.statements:
            del self.policies[arn]
        return {}

    def get_policy(self, params: Params) -> Answer:
        """GetPolicy, of the function or of the Qualifier."""
        return self._answer(self._policy_arn(params))

    def put_resource_policy(self, params: Params) -> Answer:
        """PutResourcePolicy: a whole policy document, with anything that IAM knows."""
        arn = self._known_arn(params)
        before = self.policies.get(arn)
        check_revision(params.get("RevisionId"), before.revision_id if before else "")
        given = json.loads(params["Policy"])["Statement"]
        given = list(given) if isinstance(given, list) else [given]
        self.policies[arn] = Policy(self.revision_id(), given)
        return self._answer(arn)

    def get_resource_policy(self, params: Params) -> Answer:
        """GetResourcePolicy, of a function, a version or an alias."""
        return self._answer(self._known_arn(params))

    def delete_resource_policy(self, params: Params) -> Answer:
        """DeleteResourcePolicy."""
        arn = self._known_arn(params)
        self._answer(arn)
        del self.policies[arn]
        return {}

    def _known_arn(self, params: Params) -> str:
        return self._policy_arn({"FunctionName": params["ResourceArn"]})

    def _answer(self, arn: str) -> Answer:
        policy = self.policies.get(arn)
        if policy is None:
            raise not_found("The resource you requested does not exist.")
        document = {"Version": "2012-10-17", "Id": "default", "Statement": policy.statements}
        return {"Policy": json.dumps(document), "RevisionId": policy.revision_id}

    def _policy_arn(self, params: Params) -> str:
        _, qualifier = self._resolve(params)
        function = self._function(params)
        if qualifier is None:
            return function.arn
        if qualifier == LATEST:
            raise invalid("We currently do not support adding policies for $LATEST.")
        if is_number(qualifier):
            self._version(function, qualifier)
        else:
            self._alias(function, qualifier)
        return f"{function.arn}:{qualifier}"


def _statement(params: Params, arn: str) -> dict[str, Any]:
    condition: dict[str, dict[str, str]] = {}
    if "SourceArn" in params:
        condition["ArnLike"] = {"AWS:SourceArn": params["SourceArn"]}
    if "SourceAccount" in params:
        condition.setdefault("StringEquals", {})["AWS:SourceAccount"] = params["SourceAccount"]
    if "FunctionUrlAuthType" in params:
        condition.setdefault("StringEquals", {})["lambda:FunctionUrlAuthType"] = params[
            "FunctionUrlAuthType"
        ]
    if params.get("InvokedViaFunctionUrl"):
        condition["Bool"] = {"lambda:InvokedViaFunctionUrl": "true"}
    for member, key in (
        ("PrincipalOrgID", "aws:PrincipalOrgID"),
        ("EventSourceToken", "lambda:EventSourceToken"),
    ):
        if member in params:
            condition.setdefault("StringEquals", {})[key] = params[member]
    statement: dict[str, Any] = {
        "Sid": params["StatementId"],
        "Effect": "Allow",
        "Principal": _principal(params["Principal"]),
        "Action": params["Action"],
        "Resource": arn,
    }
    return {**statement, "Condition": condition} if condition else statement


def _principal(given: str) -> str | dict[str, str]:
    if given == "*":
        return given
    if given.isdigit():
        return {"AWS": f"arn:aws:iam::{given}:root"}
    return {"AWS": given} if given.startswith("arn:") else {"Service": given}
