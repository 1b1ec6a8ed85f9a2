"""What the app's refusals mean: who has to act, and what about a single record is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
from agent.domain.error_classes import ErrorClass
from agent.domain.errors import AgentError, AmbiguousWriteError, ConfigurationError, RecordError
from agent.http.failures import made_error, status_failure

from opagent_acme.credentials import ADDRESS, API_TOKEN

RECORD_STATUSES: Final = frozenset({409, 422})
"""The statuses that are about the record that was sent."""

_FIELDS = {401: API_TOKEN, 404: ADDRESS}
_CLASSES = {409: ErrorClass.DUPLICATE, 422: ErrorClass.VALIDATION_FAILED}


class _Refusal(msgspec.Struct):
    reason: str = ""
    attribute: str | None = None


def answer_failure(*, host: str, status: int, headers: Mapping[str, str], writing: bool) -> AgentError | None:
    """The error that an answer stands for, by the table that all connectors share; None where it is none."""
    line = status_failure(status)
    if line is None:
        return None
    return made_error(
        line,
        host=host,
        writing=writing,
        reason=f"status {status}",
        detail=f"{host} → {status}",
        field=_FIELDS.get(status),
        retry_after_seconds=_seconds(headers.get("Retry-After", "")),
    )


def nonsense(*, host: str, writing: bool) -> AgentError:
    """The error for an answer that is not what this app would say."""
    if writing:
        return AmbiguousWriteError(
            f"{host} gave an answer to a write that makes no sense.",
            code="not-the-api",
            remedy="The agent finds out whether it was written, and goes on by itself.",
        )
    return ConfigurationError(
        f"What answers at {host} is not Acme.",
        code="not-the-api",
        remedy="Check the address, and whether a proxy or a sign-in page answers in its place.",
        field=ADDRESS,
    )


def record_error(status: int, content: bytes) -> RecordError:
    """Why one record was refused. The app's reason is for people; nothing else of its answer is shown."""
    try:
        said = msgspec.json.decode(content, type=_Refusal)
    except msgspec.DecodeError:
        said = _Refusal()
    return RecordError(
        f"Acme refuses the record: {said.reason or f'status {status}'}.",
        code="refused",
        remedy="Correct the record in the source app.",
        field=said.attribute,
        error_class=_CLASSES.get(status, ErrorClass.UNKNOWN),
    )


def _seconds(text: str) -> float | None:
    return float(text) if text.isdecimal() else None
