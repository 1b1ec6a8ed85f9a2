"""Renders action filters: `${variable}`, and functions such as `~{CreatedDate}~` that stand for the bookmark.

Owns what the functions mean. Never reads a clock: the moment is passed in. Which filter names an action accepts is
looked at by `agent.engine.check`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, UTC, datetime, timedelta
from typing import Final

from agent.connectors.contract import SentClause
from agent.domain.errors import ConfigurationError
from agent.domain.processflow import Clause, FilterPlace
from agent.engine.dotnet_dates import write_dotnet
from agent.engine.moments import write_moment

_PLACEHOLDER = re.compile(r"~\{(?P<call>.*?)\}~|\$\{(?P<variable>[^}]*)\}", re.DOTALL)
_CALL = re.compile(r"\s*(?P<name>[A-Za-z]\w*)\s*(?:\(\s*(?P<arguments>.*?)\s*\))?\s*", re.DOTALL)
_FORMAT_AND_NUMBER = re.compile(r"'(?P<format>.*)'\s*,\s*'?\s*(?P<number>[+-]?[0-9]{1,6})\s*'?", re.DOTALL)
_NUMBER = re.compile(r"'?\s*(?P<number>[+-]?[0-9]{1,6})\s*'?")
_FORMAT = re.compile(r"'(?P<format>.*)'", re.DOTALL)
_SECRET_HEADER = re.compile(r"auth|token|key|secret|password|cookie|session", re.IGNORECASE)
_SECRET_QUERY = re.compile(r"token|secret|password|api[_-]?key|signature", re.IGNORECASE)

_LONE_NUMBER_UNITS: Final[Mapping[str, str]] = {
    "CreatedDate": "days",
    "CreatedDateWithParams": "hours",
    "ReadDate": "hours",
    "ReadDateTime": "hours",
}
FUNCTIONS: Final = tuple(_LONE_NUMBER_UNITS)
RECORD_ID: Final = "{$}"
"""In a retry filter, the id of the record."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """The clauses that are sent, and the same as one line for the log, without secrets."""

    clauses: tuple[SentClause, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong in a clause's value, and the offset at which."""

    message: str
    code: str
    offset: int
    suggestion: str = ""


@dataclass(frozen=True, slots=True)
class _Call:
    """A date function: how the moment is moved and written."""

    shift: timedelta
    date_format: str | None

    def render(self, moment: datetime | None, start_from: datetime | None) -> str | None:
        if moment is not None:
            moment = _moved(moment.astimezone(UTC), self.shift)
        elif start_from is not None:
            moment = start_from.astimezone(UTC)
        else:
            return None
        # Apps count in whole seconds. Rounding down reads a little twice, and misses nothing.
        moment = moment.replace(microsecond=0)
        return write_moment(moment) if self.date_format is None else write_dotnet(moment, self.date_format)


def render(
    clauses: Sequence[Clause],
    *,
    moment: datetime | None,
    start_from: datetime | None,
    variables: Mapping[str, str],
) -> Rendered:
    """The clauses as they are sent.

    Args:
        clauses: The action filter of a GET node.
        moment: How far the source has been read, aware; None before the first run.
        start_from: Stands in for a missing moment, unmoved. Without it, clauses that need a moment are left out.
        variables: The processflow's variables.

    Raises:
        ConfigurationError: code `filter-function` or `unknown-variable`.
    """
    sent: list[SentClause] = []
    left_out: list[str] = []
    for clause in clauses:
        value = _rendered(clause, moment, start_from, variables)
        if value is None:
            left_out.append(clause.key)
        else:
            sent.append(SentClause(clause.key, clause.operator, value, clause.place is FilterPlace.HEADER))
    return Rendered(tuple(sent), _text(sent, left_out))


def reads_bookmark(value: str) -> bool:
    """Whether a clause's value stands for how far the source was read."""
    return any(found["call"] is not None for found in _PLACEHOLDER.finditer(value))


def faults(value: str, variables: Mapping[str, str]) -> Iterator[Fault]:
    """Everything wrong with the placeholders in a clause's value."""
    for found in _PLACEHOLDER.finditer(value):
        fault = _variable_fault(found, variables) if found["call"] is None else _call_fault(found)
        if fault is not None:
            yield fault
    rest = _PLACEHOLDER.sub(lambda found: " " * len(found[0]), value)
    for opening, closing in (("~{", "}~"), ("${", "}")):
        if (offset := rest.find(opening)) >= 0:
            yield Fault(f"“{opening}” is not closed.", "filter-function", offset, f"Close it with “{closing}”.")


def _rendered(
    clause: Clause, moment: datetime | None, start_from: datetime | None, variables: Mapping[str, str]
) -> str | None:
    parts: list[str] = []
    end = 0
    for found in _PLACEHOLDER.finditer(clause.value):
        fault = _variable_fault(found, variables) if found["call"] is None else _call_fault(found)
        if fault is not None:
            raise ConfigurationError(
                f"The filter {clause.key} cannot be rendered: {fault.message}",
                code=fault.code,
                remedy=fault.suggestion or "Correct the action filter, then deploy the processflow again.",
                field=clause.key,
            )
        text = (
            variables[found["variable"].strip()]
            if found["call"] is None
            else _parsed(found["call"]).render(moment, start_from)
        )
        if text is None:
            return None
        parts += (clause.value[end : found.start()], text)
        end = found.end()
    return "".join([*parts, clause.value[end:]])


def _variable_fault(found: re.Match[str], variables: Mapping[str, str]) -> Fault | None:
    name = found["variable"].strip()
    if name in variables:
        return None
    close = difflib.get_close_matches(name, variables, n=1)
    suggestion = f"Did you mean ${{{close[0]}}}?" if close else "Add it under variables."
    return Fault(f"There is no variable “{name}”.", "unknown-variable", found.start(), suggestion)


def _call_fault(found: re.Match[str]) -> Fault | None:
    call = _CALL.fullmatch(found["call"])
    if call is None:
        return Fault(
            f"“{found[0]}” is not a function call.", "filter-function", found.start(), "Write ~{CreatedDate}~."
        )
    if call["name"] not in FUNCTIONS:
        close = difflib.get_close_matches(call["name"], FUNCTIONS, n=1)
        suggestion = f"Did you mean ~{{{close[0]}}}~?" if close else f"Known are {', '.join(FUNCTIONS)}."
        return Fault(f"There is no function “{call['name']}”.", "filter-function", found.start(), suggestion)
    try:
        _parsed(found["call"]).render(datetime(2026, 1, 31, tzinfo=UTC), None)
    except ValueError as error:
        return Fault(
            f"“{found[0]}” has wrong arguments: {error}.",
            "filter-function",
            found.start(),
            "Write ~{CreatedDate}~, ~{CreatedDate(-10)}~ (days) or ~{CreatedDate('yyyy-MM-dd','-6')}~ (hours).",
        )
    return None


def _parsed(text: str) -> _Call:
    """A known function and its arguments. Raises ValueError where these make no sense."""
    call = _CALL.fullmatch(text)
    assert call is not None
    arguments = call["arguments"]
    if not arguments:
        return _Call(timedelta(), None)
    if both := _FORMAT_AND_NUMBER.fullmatch(arguments):
        return _Call(timedelta(hours=int(both["number"])), both["format"])
    if lone := _NUMBER.fullmatch(arguments):
        number = int(lone["number"])
        unit = _LONE_NUMBER_UNITS[call["name"]]
        return _Call(timedelta(days=number) if unit == "days" else timedelta(hours=number), None)
    if only := _FORMAT.fullmatch(arguments):
        return _Call(timedelta(), only["format"])
    raise ValueError("a number, or a date format between quotes, is expected")


def _moved(moment: datetime, shift: timedelta) -> datetime:
    try:
        return moment + shift
    except OverflowError:
        year = MINYEAR if shift < timedelta() else MAXYEAR
        return datetime(year, 1, 1, tzinfo=UTC)


def _text(sent: Sequence[SentClause], left_out: Sequence[str]) -> str:
    shown = [_shown(clause) for clause in sent]
    text = " & ".join(shown) if shown else "no filter"
    if left_out:
        text += f" (left out, as nothing has been read before: {', '.join(left_out)})"
    return " ".join(text.split())


def _shown(clause: SentClause) -> str:
    secret = _SECRET_HEADER if clause.header else _SECRET_QUERY
    value = "••••" if secret.search(clause.key) else clause.value
    return f"{'header ' if clause.header else ''}{clause.key} {clause.operator} {value}".rstrip()
