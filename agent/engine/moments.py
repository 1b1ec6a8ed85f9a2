"""Reads points in time as apps write them, quickly in the usual forms, and writes them in ours: ISO 8601 in UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache

_TIME = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]").fullmatch
_DATE_FIRST = re.compile(r"[0-9]{4}-[0-9]{2}").match
_DIGITS = re.compile(r"[0-9]+").fullmatch


def parse_moment(text: str) -> str:
    """The moment in the form `2026-01-31T09:15:00Z`. Without an offset it is taken as UTC.

    Accepts ISO 8601 and RFC 2822. Raises ValueError or OverflowError for anything else.
    """
    if len(text) == 31 and text.endswith(" +0000") and text[16] == " " and _TIME(text[17:25]):
        return f"{_rfc_date(text[5:16])}T{text[17:25]}Z"
    if text[10:11] == "T" and text[19:] in _UTC_ENDS and _TIME(text[11:19]):
        return f"{_iso_date(text[:10])}T{text[11:19]}Z"
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
    return parsedate_to_datetime(f"{text} 00:00:00 +0000").date().isoformat()


@lru_cache(maxsize=4096)
def _iso_date(text: str) -> str:
    if not _DATE_FIRST(text):
        raise ValueError
    return datetime.fromisoformat(text).date().isoformat()


_UTC_ENDS = frozenset({"Z", "+00:00", ""})
