"""The functions of action filters, `~{CreatedDate(…)}~` and its kin: which there are, and what each stands for.

Never reads a clock: moments are passed in. What stands around the calls is `agent.engine.filters.placeholders`'
business.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, UTC, datetime, timedelta
from typing import Final

from agent.engine.expressions.dotnet_dates import write_dotnet
from agent.engine.expressions.moments import write_moment

_CALL = re.compile(r"\s*(?P<name>(?:gen:)?[A-Za-z]\w*)\s*(?:\(\s*(?P<arguments>.*?)\s*\))?\s*", re.DOTALL)
_FORMAT_AND_NUMBER = re.compile(r"'(?P<format>.*)'\s*,\s*'?\s*(?P<number>[+-]?[0-9]{1,6})\s*'?", re.DOTALL)
_NUMBER = re.compile(r"'?\s*(?P<number>[+-]?[0-9]{1,6})\s*'?")
_FORMAT = re.compile(r"'(?P<format>.*)'", re.DOTALL)

_LONE_NUMBER_UNITS: Final[Mapping[str, str]] = {
    "CreatedDate": "days",
    "CreatedDateWithParams": "hours",
    "ReadDate": "hours",
    "ReadDateTime": "hours",
    "LastOrderDate": "days",
    "GetLastDate": "days",
    "GetLastCreatedDate": "days",
    "MaxDateLimit": "days",
}
FUNCTIONS: Final = tuple(_LONE_NUMBER_UNITS)
UPPER_LIMIT: Final = "MaxDateLimit"
"""The one that stands for the end of what is to be read, not for the bookmark."""

_REFUSED: Final[Mapping[str, tuple[str, str]]] = {
    "GetPageInfo": ("The agent reads all pages by itself", "Remove the clause."),
    "GetOrganizationUrl": (
        "The address of the app comes from its App Configuration",
        "Remove it; the App Configuration is chosen when the processflow is deployed.",
    ),
    "gen:FirstOf": (
        "An action filter has no packet to look into",
        "Add a variable with this as its expression, and write ${variable} here.",
    ),
    "gen:LastOf": (
        "An action filter has no packet to look into",
        "Add a variable with this as its expression, and write ${variable} here.",
    ),
}


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a source that a run reads.

    Args:
        moment: How far the source has been read, aware; None before the first run.
        start_from: Stands in for a missing moment, unmoved.
        until: Where the run is to end, aware; None for a run that reads up to the present.
    """

    moment: datetime | None
    start_from: datetime | None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A date function: how the moment is moved and written."""

    name: str
    shift: timedelta
    date_format: str | None

    def render(self, window: Window) -> str | None:
        """The text that is sent; None where there is no such moment, and with it nothing to ask for."""
        moment = window.until if self.name == UPPER_LIMIT else window.moment
        if moment is not None:
            moment = _moved(moment.astimezone(UTC), self.shift)
        elif window.start_from is not None and self.name != UPPER_LIMIT:
            moment = window.start_from.astimezone(UTC)
        else:
            return None
        # Apps count in whole seconds. Rounding down reads a little twice, and misses nothing; at the end, up.
        if self.name == UPPER_LIMIT and moment.microsecond:
            moment += timedelta(seconds=1)
        moment = moment.replace(microsecond=0)
        return write_moment(moment) if self.date_format is None else write_dotnet(moment, self.date_format)


def call_fault(text: str) -> tuple[str, str] | None:
    """What is wrong with a call, and what to do; None where nothing is. `text` is what stands between `~{` and `}~`."""
    call = _CALL.fullmatch(text)
    if call is None:
        return f"“~{{{text}}}~” is not a function call.", "Write ~{CreatedDate}~."
    name = call["name"]
    if name in _REFUSED:
        reason, remedy = _REFUSED[name]
        return f"“{name}” cannot be used here: {reason[:1].lower()}{reason[1:]}.", remedy
    if name not in FUNCTIONS:
        close = difflib.get_close_matches(name, FUNCTIONS, n=1)
        known = f"Did you mean ~{{{close[0]}}}~?" if close else f"Known are {', '.join(FUNCTIONS)}."
        return f"There is no function “{name}”.", known
    some_day = datetime(2026, 1, 31, tzinfo=UTC)
    try:
        parsed(text).render(Window(some_day, None, some_day))
    except ValueError as error:
        return (
            f"“~{{{text}}}~” has wrong arguments: {error}.",
            "Write ~{CreatedDate}~, ~{CreatedDate(-10)}~ (days) or ~{CreatedDate('yyyy-MM-dd','-6')}~ (hours).",
        )
    return None


def parsed(text: str) -> Call:
    """A known function and its arguments. Raises ValueError where these make no sense."""
    call = _CALL.fullmatch(text)
    assert call is not None
    name, arguments = call["name"], call["arguments"]
    if not arguments:
        return Call(name, timedelta(), None)
    if both := _FORMAT_AND_NUMBER.fullmatch(arguments):
        return Call(name, timedelta(hours=int(both["number"])), both["format"])
    if lone := _NUMBER.fullmatch(arguments):
        number = int(lone["number"])
        unit = _LONE_NUMBER_UNITS[name]
        return Call(name, timedelta(days=number) if unit == "days" else timedelta(hours=number), None)
    if only := _FORMAT.fullmatch(arguments):
        return Call(name, timedelta(), only["format"])
    raise ValueError("a number, or a date format between quotes, is expected")


def _moved(moment: datetime, shift: timedelta) -> datetime:
    try:
        return moment + shift
    except OverflowError:
        year = MINYEAR if shift < timedelta() else MAXYEAR
        return datetime(year, 1, 1, tzinfo=UTC)
