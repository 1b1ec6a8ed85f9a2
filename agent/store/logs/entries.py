"""What a line of the log is, what can be asked of the log, and how both look in SQL."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from agent.domain.settings import ERROR_AND_INFO, ERROR_ONLY

LONGEST_MESSAGE = 4_000
LONGEST_DETAIL = 64_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_NON_ASCII_WILDCARD = "_"


class LogLevel(StrEnum):
    """How much a line matters."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"

    @property
    def number(self) -> int:
        """What is stored, and compared."""
        return _NUMBERS[self]


_NUMBERS = {LogLevel.DEBUG: 10, LogLevel.INFO: 20, LogLevel.WARNING: 30, LogLevel.ERROR: 40}
_LEVELS = {number: level for level, number in _NUMBERS.items()}
_SEVERITIES = {"Critical": LogLevel.ERROR, "High": LogLevel.WARNING, "Medium": LogLevel.INFO}
_TARGETS = {ERROR_ONLY: LogLevel.ERROR, ERROR_AND_INFO: LogLevel.INFO}


def least_kept(log_target: str, severity_level: str) -> LogLevel:
    """The least level that is written with these two settings: the stricter of them counts."""
    asked = (_TARGETS.get(log_target, LogLevel.DEBUG), _SEVERITIES.get(severity_level, LogLevel.DEBUG))
    return max(asked, key=lambda level: level.number)


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line to be written: `message` is short and for people, `detail` long and for support."""

    at: datetime
    level: LogLevel
    message: str
    flow: str = ""
    run: str = ""
    node: str = ""
    record: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class LogEntry:
    """A line that was written. Ids are dense and ascend in the order of writing."""

    id: int
    at: datetime
    level: LogLevel
    flow: str
    run: str
    node: str
    record: str
    message: str
    detail: str


@dataclass(frozen=True, slots=True)
class LogFilter:
    """What to look for: `level` is the least, `text` is looked for in message, record and detail in any case."""

    level: LogLevel | None = None
    flow: str = ""
    run: str = ""
    text: str = ""
    since: datetime | None = None
    until: datetime | None = None


COLUMNS = "id, at, level, flow, run, node, record, message, detail"
Row = tuple[int, int, int, str, str, str, str, str, str]


def to_row(number: int, line: LogLine, redact: Callable[[str], str]) -> Row:
    """The row of a line, redacted first and then cut to what fits."""
    return (
        number,
        milliseconds(line.at),
        line.level.number,
        line.flow,
        line.run,
        line.node,
        _fit(redact(line.record), LONGEST_MESSAGE),
        _fit(redact(line.message), LONGEST_MESSAGE),
        _fit(redact(line.detail), LONGEST_DETAIL),
    )


def from_row(row: Row) -> LogEntry:
    """The entry of a row."""
    number, at, level, *texts = row
    return LogEntry(number, _EPOCH + at * _MILLISECOND, _LEVELS.get(level, LogLevel.ERROR), *texts)


def milliseconds(moment: datetime) -> int:
    """Milliseconds since 1970 in UTC."""
    return (moment - _EPOCH) // _MILLISECOND


def condition(wanted: LogFilter) -> tuple[str, list[str | int]]:
    """The filter as an SQL condition with its parameters. `add_functions` has to be called on the connection."""
    parts: list[str] = []
    values: list[str | int] = []
    if wanted.level is not None and wanted.level is not LogLevel.DEBUG:
        # A literal, not a parameter, so that the index of warnings and errors is found.
        parts.append(f"level >= {wanted.level.number}")
        if wanted.level.number > LogLevel.WARNING.number:
            parts.append(f"level >= {LogLevel.WARNING.number}")
    for column, text in (("flow", wanted.flow), ("run", wanted.run)):
        if text:
            parts.append(f"{column} = ?")
            values.append(text)
    for operator, moment in ((">=", wanted.since), ("<=", wanted.until)):
        if moment is not None:
            parts.append(f"at {operator} ?")
            values.append(milliseconds(moment))
    if wanted.text:
        clause, patterns = _contains(wanted.text)
        parts.append(clause)
        values += patterns
    return " AND ".join(parts) or "1", values


def add_functions(connection: sqlite3.Connection) -> None:
    """What the condition needs beyond SQL."""
    connection.create_function("contains_folded", 2, _contains_folded, deterministic=True)


def _contains(text: str) -> tuple[str, list[str | int]]:
    columns = ("message", "record", "detail")
    # LIKE ignores case in ASCII only. Other letters match anything at first, and what is left is looked at exactly.
    pattern = "".join(
        _NON_ASCII_WILDCARD if not letter.isascii() else f"\\{letter}" if letter in "\\%_" else letter
        for letter in text
    )
    if text.isascii():
        return f"({' OR '.join(map(_like, columns))})", [f"%{pattern}%"] * len(columns)
    each = (f"({_like(column)} AND contains_folded({column}, ?))" for column in columns)
    return f"({' OR '.join(each)})", [f"%{pattern}%", text.lower()] * len(columns)


def _like(column: str) -> str:
    return column + r" LIKE ? ESCAPE '\'"


def _contains_folded(value: str, text: str) -> bool:
    return text in value.lower()


def _fit(text: str, longest: int) -> str:
    if len(text) > longest:
        text = f"{text[: longest - 1]}…"
    # Half a character, as a broken answer can hold one, is not text for SQLite.
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
