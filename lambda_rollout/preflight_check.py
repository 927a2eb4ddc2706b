"""The preflight in the story: look before the first write, tell what was found, refuse what must not begin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from lambda_rollout.choices import Mode, Preflight
from lambda_rollout.errors import RolloutError
from lambda_rollout.events import PreflightFound, Warned
from lambda_rollout.lookout import LATEST, Passage, Question, look
from lambda_rollout.order import Order, Parts
from lambda_rollout.package import CodeStorage
from lambda_rollout.preflight.checks import examine
from lambda_rollout.preflight.finding import Finding, blocking
from lambda_rollout.routing import Target
from lambda_rollout.traffic import Traffic


def preflight(
    order: Order,
    parts: Parts,
    traffics: Sequence[tuple[Target, Traffic | None]],
    storages: Mapping[Target, CodeStorage],
) -> None:
    """Look at all targets (without a `Traffic`: an alias still to be created) and tell what was found.

    ``storages`` is how the code is kept of those to which code is to be uploaded.

    Raises `RolloutError` for what AWS would refuse, with ``preflight: strict`` also for what would make the
    watch blind. ``mode: plan`` only says that it would.
    """
    # A number that the alias is on already leaves nothing to move, and nothing to look at.
    moving = [(target, t) for target, t in traffics if not (t and t.old == order.version)]
    if parts.lookout is None or not moving:
        return
    there = [traffic for _, traffic in moving if traffic is not None]
    question = Question(
        now=parts.aws_clock.now(),
        passages=tuple(
            _passage(order, target, traffic, storages.get(target)) for target, traffic in moving
        ),
        plan=order.plan,
        guards=order.guards,
        needs_numbers=bool(order.guards or order.min_invocations),
        writes=tuple(_writes(order, there, moving)) if order.mode is Mode.PLAN else (),
    )
    findings = examine(look(question, parts.lookout, parts.clock, parts.stop))
    parts.emit(PreflightFound(at=parts.clock.now(), findings=findings))
    refused = blocking(findings, strict=order.preflight is Preflight.STRICT)
    if not refused:
        return
    if order.mode is Mode.PLAN:
        text = f"A rollout would be refused: {_reason(refused)}"
        parts.emit(Warned(at=parts.clock.now(), text=text))
        return
    raise RolloutError(f"preflight: {_reason(refused)}", refused[0].remedy)


def _passage(
    order: Order, target: Target, traffic: Traffic | None, storage: CodeStorage | None
) -> Passage:
    return Passage(
        target=target,
        alias_arn=traffic.found.arn if traffic else "",
        old=traffic.old if traffic else None,
        new=order.version or order.version_alias or LATEST,
        by_reference=storage is not None and storage.by_reference,
    )


def _writes(
    order: Order, there: Sequence[Traffic], moving: Sequence[tuple[Target, Traffic | None]]
) -> Iterator[str]:
    if order.package is not None:
        yield "lambda:UpdateFunctionCode"
    if order.version is None and order.version_alias is None:
        yield "lambda:PublishVersion"
    if len(there) < len(moving):
        yield "lambda:CreateAlias"
    if there:
        yield "lambda:UpdateAlias"


def _reason(refused: Sequence[Finding]) -> str:
    first = refused[0]
    about = f"alarm {first.alarm}" if first.alarm else str(first.target or "the rollout")
    more = f" (and {len(refused) - 1} more)" if refused[1:] else ""
    return f"{about}: {first.seen}{more}"
