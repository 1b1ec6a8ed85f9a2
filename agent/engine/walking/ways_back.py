"""What helps a record that failed to come again: that depends on whether it was read from an app or came in an event.

An app is asked again by the next run. What was delivered in an event is kept as it came, and nobody can ask for it.
"""

from __future__ import annotations

import msgspec

from agent.domain.error_classes import CLASSES, CuredAt, known_class
from agent.domain.errors import RecordError
from agent.domain.processflow import EventSource, Stage
from agent.store.runs.acknowledgement import RecordLine

MAPPED_AGAIN = "Correct the record in the source app: the next run fetches it again."
DECIDED_AGAIN = (
    f"{MAPPED_AGAIN} If the condition is at fault, correct it and deploy again; the record then comes with its next "
    "change."
)
EVENT_MAPPED_AGAIN = (
    "It came in an event: have its sender deliver it again, corrected. Where the mapping is at fault, correct that, "
    "deploy it, and retry the record, which is kept as it was delivered."
)
EVENT_DECIDED_AGAIN = (
    "It came in an event: have its sender deliver it again, corrected. If the condition is at fault, correct it and "
    "deploy again before."
)
_EVENT_REFUSED = (
    "The record came in an event and is not fetched again: correct and send it with “opagent correct”, or have its "
    "sender deliver it again."
)
GONE = RecordError(
    "The record is not at the source any more.",
    code="record-gone",
    remedy="If it was deleted there on purpose, skip it. Else look at the retry filter of the processflow.",
)
EVENT_GONE = RecordError(
    "The event that brought this record is not kept any more.",
    code="record-gone",
    remedy="Have its sender deliver it again; or skip it. Settings → Real Time says how long events are kept.",
)


def delivered(stage: Stage) -> bool:
    """Whether the records of a stage are those of the events themselves."""
    return isinstance(stage.source, EventSource)


def refused_of_event(index: int, error: RecordError) -> RecordLine:
    """A record of an event that a destination refused, with what helps besides what the destination says."""
    line = RecordLine.failed(index, error)
    if CLASSES[known_class(line.error_class)].cured_at is not CuredAt.RECORD:
        return line  # something else is mended, and the record retried as it was delivered
    return msgspec.structs.replace(line, remedy=f"{line.remedy} {_EVENT_REFUSED}".strip())
