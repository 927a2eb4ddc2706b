"""The embedded metric format: what a function prints as JSON is counted by CloudWatch.

Source: "Specification: Embedded metric format" in the CloudWatch User Guide. The moment is that of the invocation's
start, whatever the document says: a function's own clock is not the sandbox's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple


class Value(NamedTuple):
    """One value of one metric, under one of its sets of dimensions."""

    namespace: str
    name: str
    dimensions: dict[str, str]
    value: float
    unit: str


def embedded(line: str) -> Iterator[Value]:
    """Yield the values in a line of a function's log; what is no such document has none, and nobody is told."""
    try:
        document = json.loads(line)
        yield from list(_values(document, document["_aws"]["CloudWatchMetrics"]))
    except (ValueError, TypeError, KeyError, AttributeError):
        return


def _values(document: Mapping[str, Any], directives: Any) -> Iterator[Value]:
    for directive in directives:
        for names in directive["Dimensions"]:
            dimensions = {name: str(document[name]) for name in names}
            for metric in directive["Metrics"]:
                given = document[metric["Name"]]
                for value in given if isinstance(given, list) else [given]:
                    yield Value(
                        directive["Namespace"],
                        metric["Name"],
                        dimensions,
                        float(value),
                        metric.get("Unit", "None"),
                    )
