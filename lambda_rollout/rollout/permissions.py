"""What the role needs for these inputs, told by ``mode: plan``: the policy, and the trust policy for this very job.

It is told however the plan ends: who has no role yet, or one without rights, needs it most.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from lambda_rollout.alias.routing import Target
from lambda_rollout.inputs.names import account_of, account_of_function
from lambda_rollout.preflight.facts import LATEST, VersionRead
from lambda_rollout.preflight.policy import ACCOUNT, FunctionKinds, Place, policy_statements
from lambda_rollout.rollout.events import PermissionsNeeded
from lambda_rollout.rollout.ports import Ports
from lambda_rollout.rollout.spec import RolloutSpec
from lambda_rollout.runtime.errors import RolloutError
from lambda_rollout.runtime.trust import subject_of, trust_policy

Claims = Callable[[str], Mapping[str, Any]]
"""As `Ports.claims`."""

_ANY_ROLE = "arn:{}:iam::{}:role/any"
"""Tells the partition, on which the token's audience depends, where no role is named."""

_PARTITIONS = {
    "cn-": "aws-cn",
    "us-gov-": "aws-us-gov",
    "us-iso-": "aws-iso",
    "us-isob-": "aws-iso-b",
    "eu-isoe-": "aws-iso-e",
    "us-isof-": "aws-iso-f",
    "eusc-": "aws-eusc",
}


def tell_permissions(spec: RolloutSpec, ports: Ports) -> None:
    """Tell a plan's permissions, with what is seen of them in this run; nothing after a stop."""
    if ports.stop.requested:
        return
    place, kinds = _place(spec, _caller(spec, ports)), _kinds(spec, ports)
    ports.emit(permissions(spec, place, kinds, ports.rights(), ports.claims))


def without_credentials(spec: RolloutSpec, claims: Claims) -> PermissionsNeeded:
    """Return what the role needs where AWS could not be asked: there is no role yet, or it trusts another job."""
    return permissions(spec, _place(spec, ""), FunctionKinds(), {}, claims)


def permissions(
    spec: RolloutSpec,
    place: Place,
    kinds: FunctionKinds,
    rights: Mapping[str, bool],
    ask_claims: Claims | None,
) -> PermissionsNeeded:
    """Return what the role needs, asking for the job's token. ``rights``: as `Ports.rights`."""
    claims, why = _claims(spec, place, ask_claims)
    text = trust_policy(claims, place.partition, place.account)
    return PermissionsNeeded(
        statements=policy_statements(spec.inputs, spec.packages, place, kinds),
        trust_policy=text,
        subject=subject_of(claims) if text else "",
        why_unknown="" if text else why,
        allowed=tuple(sorted(action for action, allowed in rights.items() if allowed)),
        refused=tuple(sorted(action for action, allowed in rights.items() if not allowed)),
    )


def _claims(
    spec: RolloutSpec, place: Place, ask_claims: Claims | None
) -> tuple[Mapping[str, Any], str]:
    role = spec.inputs.role_to_assume or _ANY_ROLE.format(place.partition, place.account)
    if ask_claims is None:
        return {}, "this job has no OIDC token"
    try:
        return ask_claims(role), "its OIDC token names none"
    except RolloutError as error:
        return {}, " ".join(filter(None, (error.what, error.remedy)))


def _caller(spec: RolloutSpec, ports: Ports) -> str:
    """Return the ARN of whose credentials they are, empty if it is not known; it takes no permission."""
    if spec.inputs.role_to_assume or ports.caller is None:
        return ""
    with suppress(RolloutError):
        return ports.caller().arn
    return ""


def _place(spec: RolloutSpec, caller: str) -> Place:
    """Find out where the functions are: what names their account first is what they would be found by."""
    inputs = spec.inputs
    arns = [*inputs.functions, inputs.role_to_assume or "", caller]
    accounts = (account_of_function(arn) or account_of(arn) for arn in arns)
    partitions = (arn.split(":")[1] for arn in arns if arn.startswith("arn:"))
    return Place(
        partition=next(partitions, _partition_of(inputs.region)),
        account=next(filter(None, accounts), ACCOUNT),
        region=inputs.region,
    )


def _partition_of(region: str) -> str:
    """Tell it by how a Region's name begins; `aws` for most.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html, and botocore's ``partitions.json``.
    """
    return next((name for start, name in _PARTITIONS.items() if region.startswith(start)), "aws")


def _kinds(spec: RolloutSpec, ports: Ports) -> FunctionKinds:
    """Read what kinds of functions they are; of one that cannot be read nothing is said."""
    targets = spec.inputs.targets
    read = zip(targets, ports.parallel(lambda each: _version(each, ports), targets), strict=True)
    known = {target: each for target, each in read if each is not None}
    providers = dict.fromkeys(each.configuration.capacity_provider for each in known.values())
    return FunctionKinds(
        tuple(filter(None, providers)),
        durable=any(each.configuration.is_durable for each in known.values()),
        log_groups={target.function: each.state.log_group for target, each in known.items()},
    )


def _version(target: Target, ports: Ports) -> VersionRead | None:
    if ports.preflight_reader is None:
        return None
    with suppress(RolloutError):
        return ports.preflight_reader.version(target, LATEST)
    return None
