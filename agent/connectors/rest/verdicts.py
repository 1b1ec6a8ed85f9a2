"""What an answer to a write, or the result of one record in it, says of the record: written, refused, or nothing."""

from __future__ import annotations

import msgspec

from agent.connectors.rest.client import Answer
from agent.connectors.rest.description import Sending, Writing
from agent.connectors.rest.expressions import is_so, said
from agent.connectors.rest.places import word
from agent.domain.error_classes import ErrorClass
from agent.domain.errors import RecordError

_CLASSES = {404: ErrorClass.DEPENDENT_MISSING, 409: ErrorClass.DUPLICATE, 410: ErrorClass.DEPENDENT_MISSING}
_LONGEST_REASON = 300


class UntoldError(Exception):
    """Nothing is said of the record: it may have been written."""


class Verdicts:
    """Reads what is said by the expressions of one action.

    Args:
        host: The service, as messages call it.
        action: Says where success, reason and id lie.
    """

    def __init__(self, host: str, action: Writing) -> None:
        self._host, self._action = host, action

    def written(self, content: bytes | msgspec.Raw, sending: Sending, *, known: str, status: int) -> str:
        """The id of the record that this says was written; empty where none is told and none was known.

        Args:
            content: What the service says of this record alone.
            sending: The request.
            known: The id that the record had before; empty where it was to be made.
            status: That of the whole answer.

        Raises:
            RecordError: it was refused.
            UntoldError: it may have been written.
            msgspec.MsgspecError: it is no JSON.
        """
        self._raise_refusal(content, status)
        made = word(said(content, sending.id)) if sending.id else known
        if not made and not known and sending.id:
            raise UntoldError
        return made or known

    def refused(self, answer: Answer) -> RecordError:
        """The error where an answer refuses what was sent by its status."""
        return self._refusal(self._reason(answer.content), answer.status)

    def _raise_refusal(self, content: bytes | msgspec.Raw, status: int) -> None:
        if self._action.refused:
            found = said(content, self._action.refused)
            if is_so(found):
                raise self._refusal(word(found) or self._reason(content), status)
        if self._action.success:
            found = said(content, self._action.success)
            if found is None:
                raise UntoldError
            if not is_so(found):
                raise self._refusal(self._reason(content), status)

    def _reason(self, content: bytes | msgspec.Raw) -> str:
        try:
            return word(said(content, self._action.reason)) if self._action.reason else ""
        except msgspec.MsgspecError:
            return ""

    def _refusal(self, reason: str, status: int) -> RecordError:
        why = " ".join(reason.split())[:_LONGEST_REASON].rstrip(".") or f"status {status}"
        return RecordError(
            f"{self._host} refuses the record: {why}.", code="refused",
            remedy="Correct the record in the source app, or the mapping.",
            detail=f"{self._host} → {status}",
            error_class=_CLASSES.get(status, ErrorClass.VALIDATION_FAILED),
        )  # fmt: skip
