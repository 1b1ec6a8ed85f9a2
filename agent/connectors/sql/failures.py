"""Turns faults of a transaction into our errors. Messages are made from what a fault means, never from its text."""

from __future__ import annotations

from collections.abc import Mapping

from agent.connectors.sql.dialect import Dialect, Fault, StoppedError, cause
from agent.connectors.sql.triggers import on_one_line
from agent.domain.error_classes import ErrorClass
from agent.domain.errors import AgentError, AmbiguousWriteError, ConfigurationError, FatalError, TransientError

CHANGED = "table-changed"
"""The code of the error after which the same is tried again at once, as somebody may have changed a table just then."""
TRIES = 3
"""How often it is tried in all."""


def translated(dialect: Dialect, error: Exception, *, write: bool, committing: bool) -> AgentError:
    """What an error of the driver, raised in a transaction that was rolled back, means for a run."""
    original = cause(error)
    if isinstance(error, StoppedError):
        return TransientError("The work in the database was stopped.", code="stopped")
    fault, detail = dialect.fault(original), dialect.code(original)
    if committing and fault in _PERHAPS_COMMITTED:
        return AmbiguousWriteError(
            f"The connection to {dialect.place} was lost while a batch was being committed.",
            code="commit-unanswered",
            remedy="The agent finds out whether it was written, and goes on by itself.",
            detail=detail,
        )
    if fault is Fault.RECORD and not write:
        return ConfigurationError(
            f"A value could not be computed while reading from {dialect.place}.",
            code="query-failed",
            remedy="Try the query or view in a program of the database, and correct it.",
            detail=detail,
        )
    if fault is Fault.CHANGED:
        return ChangedError(dialect.place, on_one_line(dialect.complaint(original)), detail=detail)
    made = _MADE.get(fault)
    if made is not None:
        kind, code, message, remedy = made
        return kind(message.format(place=dialect.place), code=code, remedy=remedy, detail=detail)
    return FatalError(
        f"{dialect.name} reported an error that the agent does not know.",
        code="database-error",
        remedy="Look up the code in the detail of the log entry, or send the log to your support.",
        detail=detail,
    )


class ChangedError(TransientError):
    """Something is not there any more, or not as it was. `complaint` is what the database says of it."""

    def __init__(self, place: str, complaint: str, *, detail: str) -> None:
        super().__init__(
            f"A table in {place} was changed by someone while the agent worked on it.", code=CHANGED,
            remedy="The agent tries again by itself.", detail=detail,
        )  # fmt: skip
        self._place, self._complaint = place, complaint

    def lasting(self) -> ConfigurationError:
        """The same, once it is no passing change: a trigger, a view or the like refers to what is not there."""
        said = f": {self._complaint.rstrip('.')}." if self._complaint else "."
        return ConfigurationError(
            f"Something in {self._place} refers to what is not there{said}", code="reference-broken",
            remedy="Have what is missing brought back, or correct the trigger, view, procedure or query that uses it.",
            detail=self.detail,
        )  # fmt: skip


ERROR_CLASSES: Mapping[str, ErrorClass] = {
    "value-missing": ErrorClass.DATA_MISSING,
    "value-twice": ErrorClass.DUPLICATE,
    "row-missing": ErrorClass.DEPENDENT_MISSING,
    "row-in-use": ErrorClass.VALIDATION_FAILED,
    "reference-missing": ErrorClass.DEPENDENT_MISSING,
    "row-not-permitted": ErrorClass.ACCESS_NOT_GRANTED,
    "value-refused": ErrorClass.VALIDATION_FAILED,
    "trigger-refused": ErrorClass.VALIDATION_FAILED,
    "value-too-long": ErrorClass.DATA_TOO_LONG,
    "value-out-of-range": ErrorClass.DATA_TOO_LONG,
    "value-unfit": ErrorClass.TYPE_MISMATCH,
}
"""What kind of trouble a refusal of a record is, by its code."""

_PERHAPS_COMMITTED = frozenset({Fault.LOST, Fault.OTHER, Fault.STOPPED})
_MADE: dict[Fault, tuple[type[AgentError], str, str, str]] = {
    Fault.BUSY: (
        TransientError, "database-busy", "Another program holds a lock in {place} for too long.",
        "Close what has the table open, or wait for its work to end; the agent tries again by itself.",
    ),
    Fault.LOST: (
        TransientError, "connection-lost", "The connection to {place} was lost.",
        "Nothing is lost: the agent tries again by itself.",
    ),
    Fault.FULL: (
        TransientError, "disk-full", "There is no space left for {place}.",
        "Make room on that disk; the agent goes on by itself.",
    ),
    Fault.STOPPED: (
        TransientError, "statement-stopped", "The work in {place} was stopped.", "The agent tries again by itself.",
    ),
    Fault.DENIED: (
        ConfigurationError, "not-permitted", "The agent has no permission for this in {place}.",
        "Grant it to the user of the App Configuration, or make the file and its folder writable.",
    ),
    Fault.DAMAGED: (
        ConfigurationError, "not-a-database", "What is at {place} is no database, or it is damaged.",
        "Choose another file, or restore it from a backup.",
    ),
    Fault.STATEMENT: (
        ConfigurationError, "statement-refused", "A statement was not understood by {place}.",
        "Check the names of tables and columns, and the query, in the processflow.",
    ),
    Fault.RECORD: (
        ConfigurationError, "batch-refused", "A whole batch was refused by {place} when it was to be committed.",
        "A rule of the database is checked only then. Make it one that is checked at once, or correct the records.",
    ),
}  # fmt: skip
