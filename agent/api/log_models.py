"""The contract's words for the log."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from agent.api.base_models import Model, Request, ShortText


class LogLevel(StrEnum):
    """How much a log line matters."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogEntry(Model):
    """One log line: a short text for people, a detail for support."""

    id: int
    at: datetime
    level: LogLevel
    flow: str
    run: str
    node: str
    record: str
    message: str
    detail: str


class LogBounds(Model):
    """The first and last id of the log; ids are dense. Both are 0 when it is empty."""

    first: int
    last: int


class LogSearch(Request):
    """What to look for in the whole log. `level` is the least that is shown; empty fields do not filter."""

    level: LogLevel | None = None
    flow: ShortText = ""
    run: ShortText = ""
    text: ShortText = ""
    since: datetime | None = None
    until: datetime | None = None


class LogHits(Model):
    """A finished search: rows 0 … count-1 are in log order, read by row number. `last` is the newest id seen."""

    id: str
    count: int
    last: int


class LogPage(Model):
    """Consecutive log lines, oldest first."""

    items: list[LogEntry]
