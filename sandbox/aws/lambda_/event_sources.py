"""Operations on event source mappings: who polls a queue or a stream and invokes what.

Source: API reference of CreateEventSourceMapping and ListEventSourceMappings. Nothing is polled
here; a mapping only says which qualifier its source would invoke. Whether a list asked for by the
bare name also holds mappings of the function's aliases is unconfirmed; here it does not, so that
nobody relies on it.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sandbox.aws.lambda_.naming import LATEST, is_number
from sandbox.aws.lambda_.region import Answer, Params, Region, conflict, not_found, page


@dataclass
class EventSourceMapping:
    """One mapping. function_arn: with a qualifier if it was made with one."""

    uuid: str
    source: str
    function_arn: str
    enabled: bool
    batch_size: int
    last_modified: datetime

    def answer(self) -> Answer:
        """EventSourceMappingConfiguration."""
        return {
            "UUID": self.uuid,
            "EventSourceArn": self.source,
            "FunctionArn": self.function_arn,
            "State": "Enabled" if self.enabled else "Disabled",
            "StateTransitionReason": "USER_INITIATED",
            "BatchSize": self.batch_size,
            "LastModified": self.last_modified,
        }


class EventSourceOperations(Region):
    """Operations on event source mappings."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.event_sources: dict[str, EventSourceMapping] = {}

    def create_event_source_mapping(self, params: Params) -> Answer:
        """CreateEventSourceMapping; it is in force at once."""
        arn = self._target_arn(params)
        source = params["EventSourceArn"]
        for each in self.event_sources.values():
            if (each.source, each.function_arn) == (source, arn):
                raise conflict(
                    f"An event source mapping with event source ({source}) and function "
                    f"({arn}) already exists. Please update or delete the existing mapping "
                    f"with UUID {each.uuid}"
                )
        mapping = EventSourceMapping(
            uuid=str(uuid.UUID(int=self.random.getrandbits(128), version=4)),
            source=source,
            function_arn=arn,
            enabled=params.get("Enabled", True),
            batch_size=params.get("BatchSize", 10),
            last_modified=self.clock.now(),
        )
        self.event_sources[mapping.uuid] = mapping
        return mapping.answer()

    def list_event_source_mappings(self, params: Params) -> Answer:
        """ListEventSourceMappings, of one source or of exactly what FunctionName names."""
        arn = self._target_arn(params) if "FunctionName" in params else None
        mappings = [
            each.answer()
            for each in self.event_sources.values()
            if arn in {None, each.function_arn}
            and params.get("EventSourceArn", each.source) == each.source
        ]
        # "Returns a maximum of 100 items in each response, even if you set the number higher."
        shown, more = page(mappings, params, most=100)
        return {"EventSourceMappings": list(shown), **more}

    def delete_event_source_mapping(self, params: Params) -> Answer:
        """DeleteEventSourceMapping."""
        mapping = self.event_sources.pop(params["UUID"], None)
        if mapping is None:
            raise not_found("The resource you requested does not exist.")
        return {**mapping.answer(), "State": "Deleting"}

    def _target_arn(self, params: Params) -> str:
        _, qualifier = self._resolve(params)
        function = self._function(params)
        if qualifier is None:
            return function.arn
        if qualifier == LATEST or is_number(qualifier):
            self._version(function, qualifier)
        else:
            self._alias(function, qualifier)
        return f"{function.arn}:{qualifier}"
