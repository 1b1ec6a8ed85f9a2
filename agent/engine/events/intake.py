"""From the body of an event to its records: read once, at the door, so that nothing that was acknowledged fails later.

The numbers of records stay as they were written, but for records that a calculation selects: JSONata has doubles alone.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec

from agent.domain.errors import RecordError
from agent.domain.event_trigger import DELIVERY_HEADERS, EventTrigger
from agent.engine.expressions.jsonata import Expressions
from agent.engine.mapping.conversion import JsonNumber, json_text
from agent.engine.mapping.paths import children, plain_path

_DECODER = msgspec.json.Decoder(float_hook=JsonNumber)
_VALUE: Final = "value"
_LONGEST_NAME = 200
_MOST_RECORDS = 10_000
_MOST_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Received:
    """An event that was understood. `name` tells the delivery from others; `by_body` says that only the body named it.

    `records` are source ids with JSON objects; none where the trigger selects none.
    """

    name: str
    by_body: bool
    records: Sequence[tuple[str, bytes]]


class Intake:
    """Understands the events of one Start. Use it in one thread at a time.

    Args:
        trigger: What the Start says.
    """

    def __init__(self, trigger: EventTrigger) -> None:
        self._trigger = trigger
        self._path = plain_path(trigger.records)
        self._records = Expressions({_VALUE: trigger.records}) if trigger.records and self._path is None else None
        self._ids = Expressions({_VALUE: trigger.id}) if trigger.id else None
        self._names = Expressions({_VALUE: trigger.deduplicate}) if trigger.deduplicate else None

    def read(self, body: bytes, headers: Mapping[str, str], *, at: datetime) -> Received:
        """The records of a body.

        Args:
            body: What was sent.
            headers: The headers, their names in lower case.
            at: When it arrived, aware.

        Raises:
            RecordError: code `payload-unfit`: it is no JSON, or the Start's expressions do not fit it.
        """
        payload = _decoded(body)
        payloads = payload if isinstance(payload, list) else [payload]
        if not all(isinstance(one, dict) for one in payloads):
            raise _unfit("The payload is neither a JSON object nor a list of objects.")
        name, by_body = self._name(body, payload, headers)
        documents = [document for one in payloads for document in self._documents(one)]
        if len(documents) > _MOST_RECORDS:
            raise _unfit(f"The payload holds more than {_MOST_RECORDS:,} records.")
        return Received(name, by_body, list(zip(self._source_ids(name, documents, at=at), documents, strict=True)))

    def _documents(self, payload: Any) -> Sequence[bytes]:
        if self._path is not None:
            found = children(payload, self._path)
        elif self._records is not None:
            value = _evaluated(self._records, [json_text(payload).encode()], what="records")[0]
            found = value if isinstance(value, list) else [] if value is None else [value]
        else:
            found = [payload]
        if not all(isinstance(one, dict) for one in found):
            raise _unfit("The expression “records” of the start gives something that is no object.")
        return [json_text(one).encode() for one in found]

    def _source_ids(self, name: str, documents: Sequence[bytes], *, at: datetime) -> list[str]:
        if self._ids is not None:
            return [_id_text(value) for value in _evaluated(self._ids, documents, what="id")]
        plain = name.partition(":")[2]
        if name.startswith("body:"):
            # The same body may be sent again on another day, as another event.
            plain = f"{plain[:16]}-{at.timestamp():.3f}"
        return [plain] if len(documents) == 1 else [f"{plain}#{place}" for place in range(1, len(documents) + 1)]

    def _name(self, body: bytes, payload: Any, headers: Mapping[str, str]) -> tuple[str, bool]:
        given = ""
        if self._names is not None and isinstance(payload, dict):
            given = _id_text(_evaluated(self._names, [json_text(payload).encode()], what="deduplicate")[0])
        elif self._trigger.deduplicate_header:
            given = headers.get(self._trigger.deduplicate_header, "")
        elif self._names is None:
            given = next((headers[header] for header in DELIVERY_HEADERS if headers.get(header)), "")
        if not given:
            return f"body:{hashlib.sha256(body).hexdigest()}", True
        return f"id:{given if len(given) <= _LONGEST_NAME else hashlib.sha256(given.encode()).hexdigest()}", False


def _decoded(body: bytes) -> Any:
    try:
        return _DECODER.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise _unfit("The body is not JSON.") from error


def _evaluated(expressions: Expressions, documents: Sequence[bytes], *, what: str) -> list[Any]:
    evaluated = expressions.evaluate(documents, deadline=time.monotonic() + _MOST_SECONDS)
    if evaluated.failures:
        reason = next(iter(evaluated.failures.values())).reason
        raise _unfit(f"The expression “{what}” of the start cannot be evaluated for it: {reason}.")
    return [result.get(_VALUE) for result in evaluated.results]


def _id_text(value: Any) -> str:
    if isinstance(value, str) and value.strip():
        text = value.strip()
    elif isinstance(value, int | float) and not isinstance(value, bool):
        text = f"{value:.0f}" if isinstance(value, float) and value.is_integer() else str(value)
    else:
        raise _unfit("A record of it has no id: the expression of the start gives no text and no number.")
    if len(text) > _LONGEST_NAME:
        raise _unfit(f"A record of it has an id of more than {_LONGEST_NAME} characters.")
    return text


def _unfit(message: str) -> RecordError:
    return RecordError(message, code="payload-unfit", remedy="Correct the start of the processflow, or what is sent.")
