"""Dates as the store writes and reads them: RFC 2822 in V2, ISO 8601 in V3, whole seconds of the Unix clock inside."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache

FIRST_MOMENT = 1_704_067_200  # 2024-01-01T00:00:00Z: the oldest base records
_SECONDS_PER_DAY = 86_400
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_HOURS_AND_MINUTES = tuple(b"%02d:%02d:" % divmod(minute, 60) for minute in range(1440))
_SECONDS = tuple(b"%02d +0000" % second for second in range(60))
_UNIX = re.compile(r"\d{9,11}")
_DATE_ONLY = re.compile(r"\d{4}-\d{2}-\d{2}")


def rfc2822(moment: int) -> bytes:
    """`Wed, 10 Jan 2018 21:05:30 +0000`. Built from tables, since a page holds five hundred of them."""
    day, second = divmod(moment, _SECONDS_PER_DAY)
    minute, second = divmod(second, 60)
    return _day(day) + _HOURS_AND_MINUTES[minute] + _SECONDS[second]


def iso8601(moment: int) -> str:
    """`2018-01-10T21:05:30Z`."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def seconds(moment: datetime) -> int:
    """The whole second that a moment lies in."""
    return int(moment.timestamp())


def parse(text: str, *, now: datetime) -> int:
    """Read a date of a filter. Without an offset it is UTC; a bare date takes the time of day of now, as products do.

    Raises ValueError when it is none of RFC 2822, ISO 8601 and Unix seconds.
    """
    text = text.strip()
    if _UNIX.fullmatch(text):
        return int(text)
    if _DATE_ONLY.fullmatch(text):
        return seconds(datetime.combine(datetime.fromisoformat(text).date(), now.astimezone(UTC).timetz()))
    parsed = _parse_with_time(text)
    return seconds(parsed if parsed.tzinfo is not None else parsed.replace(tzinfo=UTC))


def parse_midnight(text: str, *, now: datetime) -> int:
    """Like parse, but a bare date begins at midnight UTC, as orders and customers do."""
    return parse(f"{text}T00:00:00Z" if _DATE_ONLY.fullmatch(text.strip()) else text, now=now)


def _parse_with_time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return parsedate_to_datetime(text)


@lru_cache(maxsize=1024)
def _day(day: int) -> bytes:
    date = datetime.fromtimestamp(day * _SECONDS_PER_DAY, UTC)
    return f"{_WEEKDAYS[date.weekday()]}, {date.day:02} {_MONTHS[date.month - 1]} {date.year} ".encode()
