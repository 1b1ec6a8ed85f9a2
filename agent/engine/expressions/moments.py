"""Reads points in time as apps write them, quickly in the usual forms, and writes them in ours: ISO 8601 in UTC."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache

_TIMES = re.compile(r"(?:(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9])*+").fullmatch
_RFC_DATE = re.compile(r"[0-9]{2} [A-Z][a-z]{2} [0-9]{4} ").fullmatch
_DATE_FIRST = re.compile(r"[0-9]{4}-[0-9]{2}").match
_DIGITS = re.compile(r"[0-9]+").fullmatch


def usual_moments(column: Sequence[str | None]) -> list[str | None] | None:
    """All moments of a column that is written throughout as BigCommerce does: `Wed, 10 Jan 2018 21:05:30 +0000` or
    `2018-01-10T21:05:30Z`, blanks allowed. None where it is not; `parse_moment` then says which one is at fault."""
    texts = [text for text in column if text]
    if not texts:
        return [None] * len(column)
    first = texts[0]
    if len(first) == 31:
        dates, times, read = slice(5, 17), slice(17, 25), _rfc_date
        usual = {text[25:] for text in texts} == {" +0000"}
    else:
        dates, times, read = slice(0, 11), slice(11, 19), _iso_date
        usual = {text[19:] for text in texts} <= _UTC_ENDS
    joined = "".join([text[times] for text in texts])
    if not usual or len(joined) != 8 * len(texts) or not _TIMES(joined):
        return None
    try:
        days = {date: read(date) for date in {text[dates] for text in texts}}
    except (ValueError, OverflowError):
        return None
    return [f"{days[text[dates]]}{text[times]}Z" if text else None for text in column]


def parse_moment(text: str) -> str:
    """The moment in the form `2026-01-31T09:15:00Z`. Without an offset it is taken as UTC.

    Accepts ISO 8601 and RFC 2822. Raises ValueError or OverflowError for anything else.
    """
    return write_moment(read_moment(text))


def read_moment(text: str) -> datetime:
    """The moment as an aware datetime in UTC. Raises ValueError or OverflowError where the text is none."""
    text = text.strip()
    if _DATE_FIRST(text):
        moment = datetime.fromisoformat(text)
    elif _DIGITS(text):
        raise ValueError
    else:
        try:
            moment = parsedate_to_datetime(text)
        except (TypeError, IndexError) as error:
            raise ValueError from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def write_moment(moment: datetime) -> str:
    """An aware moment in UTC as `2026-01-31T09:15:00Z`, with fractions of a second only where there are any."""
    text = moment.replace(tzinfo=None).isoformat()
    return f"{text.rstrip('0') if moment.microsecond else text}Z"


@lru_cache(maxsize=4096)
def _rfc_date(text: str) -> str:
    """`2018-01-10T` for `10 Jan 2018 `."""
    if text[11:] != " " or not _RFC_DATE(text):
        raise ValueError
    return f"{parsedate_to_datetime(f'{text}00:00:00 +0000').date().isoformat()}T"


@lru_cache(maxsize=4096)
def _iso_date(text: str) -> str:
    """`2018-01-10T` for `2018-01-10T`, if there is such a day."""
    if text[10:] != "T" or not _DATE_FIRST(text):
        raise ValueError
    return f"{datetime.fromisoformat(text[:10]).date().isoformat()}T"


_UTC_ENDS = frozenset({"Z", "+00:00", ""})
