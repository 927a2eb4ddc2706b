"""botocore's service models, and the check that an answer is what they promise."""

from __future__ import annotations

from functools import cache
from typing import Any

import botocore.session
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StringShape, StructureShape
from botocore.validate import ParamValidator


class BadAnswer(AssertionError):
    """The sandbox was about to answer something AWS's model does not know."""


@cache
def model(service: str) -> ServiceModel:
    """The model of ``lambda``, ``cloudwatch`` or ``sts``."""
    return botocore.session.get_session().get_service_model(service)


AHEAD_OF_THE_MODEL = frozenset({"EvaluationState"})
"""Enums of which AWS's pages have values that botocore's model lacks (IN_WARM_UP)."""


def check(answer: Any, shape: Shape | None) -> None:
    """Raise `BadAnswer` unless `answer` is a value of `shape`, member by member."""
    if shape is None:
        if answer:
            raise BadAnswer(f"no answer is modelled, got {answer!r}")
        return
    report = ParamValidator().validate(answer, shape)
    if report.has_errors():
        raise BadAnswer(f"{shape.name}: {report.generate_report()}")
    _check_enums(answer, shape)


def _check_enums(value: Any, shape: Shape) -> None:
    """What botocore's validator leaves to the server."""
    if isinstance(shape, StructureShape):
        for name, member in value.items():
            _check_enums(member, shape.members[name])
    elif isinstance(shape, ListShape):
        for item in value:
            _check_enums(item, shape.member)
    elif isinstance(shape, MapShape):
        for item in value.values():
            _check_enums(item, shape.value)
    elif isinstance(shape, StringShape) and shape.enum and value not in shape.enum:
        if shape.name in AHEAD_OF_THE_MODEL:
            return
        raise BadAnswer(f"{value!r} is none of {shape.name}'s values: {shape.enum}")
