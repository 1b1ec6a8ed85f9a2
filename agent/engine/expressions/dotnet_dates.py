"""Writes and reads moments in a .NET custom date format such as `yyyy-MM-dd'T'HH:mm:ss`, as action filters use them.

Names of days and months are English.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache

_TOKEN = re.compile(
    r"(?P<literal>'[^']*'|\"[^\"]*\")|\\(?P<escaped>.)|%(?P<single>[a-zA-Z])"
    r"|(?P<letters>y+|M+|d+|H+|h+|m+|s+|f+|F+|t+|z+|K)|(?P<other>.)",
    re.DOTALL,
)
_MONTHS = ("Jan|uary", "Feb|ruary", "Mar|ch", "Apr|il", "May|", "Jun|e", "Jul|y", "Aug|ust", "Sep|tember", "Oct|ober",
           "Nov|ember", "Dec|ember")  # fmt: skip
_DAYS = ("Mon|day", "Tue|sday", "Wed|nesday", "Thu|rsday", "Fri|day", "Sat|urday", "Sun|day")
_STANDARD: Mapping[str, str] = {
    "o": "yyyy-MM-dd'T'HH:mm:ss.fffffffK",
    "O": "yyyy-MM-dd'T'HH:mm:ss.fffffffK",
    "s": "yyyy-MM-dd'T'HH:mm:ss",
    "u": "yyyy-MM-dd HH:mm:ss'Z'",
    "r": "ddd, dd MMM yyyy HH:mm:ss 'GMT'",
    "R": "ddd, dd MMM yyyy HH:mm:ss 'GMT'",
}
_WRITERS: Mapping[str, Callable[[datetime], str]] = {
    "yyyy": lambda at: f"{at.year:04}",
    "yy": lambda at: f"{at.year % 100:02}",
    "MMMM": lambda at: _MONTHS[at.month - 1].replace("|", ""),
    "MMM": lambda at: _MONTHS[at.month - 1][:3],
    "MM": lambda at: f"{at.month:02}",
    "M": lambda at: str(at.month),
    "dddd": lambda at: _DAYS[at.weekday()].replace("|", ""),
    "ddd": lambda at: _DAYS[at.weekday()][:3],
    "dd": lambda at: f"{at.day:02}",
    "d": lambda at: str(at.day),
    "HH": lambda at: f"{at.hour:02}",
    "H": lambda at: str(at.hour),
    "hh": lambda at: f"{(at.hour + 11) % 12 + 1:02}",
    "h": lambda at: str((at.hour + 11) % 12 + 1),
    "mm": lambda at: f"{at.minute:02}",
    "m": lambda at: str(at.minute),
    "ss": lambda at: f"{at.second:02}",
    "s": lambda at: str(at.second),
    "tt": lambda at: "AM" if at.hour < 12 else "PM",
    "t": lambda at: "A" if at.hour < 12 else "P",
    "zzz": lambda at: _offset(at, "{:02}:{:02}"),
    "zz": lambda at: _offset(at, "{:02}"),
    "z": lambda at: _offset(at, "{}"),
    "K": lambda at: _offset(at, "{:02}:{:02}") if at.utcoffset() else "Z",
}
_READERS: Mapping[str, tuple[str, str]] = {
    "yyyy": ("year", "[0-9]{4}"),
    "yy": ("short_year", "[0-9]{2}"),
    "MMMM": ("month_name", "[A-Za-z]{3,9}"),
    "MMM": ("month_name", "[A-Za-z]{3}"),
    "MM": ("month", "[0-9]{2}"),
    "M": ("month", "[0-9]{1,2}"),
    "dddd": ("", "[A-Za-z]{6,9}"),
    "ddd": ("", "[A-Za-z]{3}"),
    "dd": ("day", "[0-9]{2}"),
    "d": ("day", "[0-9]{1,2}"),
    "HH": ("hour", "[0-9]{2}"),
    "H": ("hour", "[0-9]{1,2}"),
    "hh": ("half_hour", "[0-9]{2}"),
    "h": ("half_hour", "[0-9]{1,2}"),
    "mm": ("minute", "[0-9]{2}"),
    "m": ("minute", "[0-9]{1,2}"),
    "ss": ("second", "[0-9]{2}"),
    "s": ("second", "[0-9]{1,2}"),
    "tt": ("half", "[AaPp][Mm]"),
    "t": ("half", "[AaPp]"),
    "zzz": ("offset", "[+-][0-9]{2}:[0-9]{2}"),
    "zz": ("offset", "[+-][0-9]{2}"),
    "z": ("offset", "[+-][0-9]{1,2}"),
    "K": ("offset", "Z|[+-][0-9]{2}:[0-9]{2}"),
}
"""What letters stand for, and how it may be written."""


def write_dotnet(moment: datetime, date_format: str) -> str:
    """The aware moment in the given format. Raises ValueError where the format makes no sense."""
    return "".join(_written(moment, token) for token in _TOKEN.finditer(_spelled_out(date_format)))


def read_dotnet(text: str, date_format: str) -> datetime:
    """The moment that a text in the given format stands for; without a zone where the format has no offset.

    Raises ValueError where the text is none, or the format makes no sense.
    """
    pattern, names = _pattern(date_format)
    found = pattern.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"“{text.strip()[:60]}” is not a date of the form {date_format}")
    parts = dict(zip(names, found.groups(), strict=True))
    try:
        return datetime(
            _year(parts), _month(parts), int(parts.get("day", 1)), _hour(parts), int(parts.get("minute", 0)),
            int(parts.get("second", 0)), int(parts.get("fraction", "").ljust(6, "0")[:6]),
            tzinfo=_read_offset(parts.get("offset")),
        )  # fmt: skip
    except (ValueError, OverflowError) as error:
        raise ValueError(f"“{text.strip()[:60]}” is not a date that exists") from error


@lru_cache(maxsize=64)
def _pattern(date_format: str) -> tuple[re.Pattern[str], tuple[str, ...]]:
    """What a text of the format looks like, and what its groups stand for."""
    pattern, names = "", []
    for token in _TOKEN.finditer(_spelled_out(date_format)):
        letters = token["letters"] or token["single"]
        if letters is None:
            pattern += re.escape(_plain(token))
            continue
        if letters[0] in "fF" and len(letters) <= 7:
            name, allowed = "fraction", f"[0-9]{{{len(letters) if letters[0] == 'f' else f'0,{len(letters)}'}}}"
        elif letters in _READERS:
            name, allowed = _READERS[letters]
        else:
            raise ValueError(f"“{letters}” has no meaning in a date format")
        if name in names:
            raise ValueError(f"“{letters}” stands for what the date format has already")
        pattern += f"({allowed})" if name else f"(?:{allowed})"
        names += [name] if name else []
    return re.compile(pattern), tuple(names)


def _year(parts: Mapping[str, str]) -> int:
    if "short_year" in parts:
        # As .NET does it: 00 to 49 are of this century.
        return int(parts["short_year"]) + (2000 if int(parts["short_year"]) < 50 else 1900)
    return int(parts["year"]) if "year" in parts else 1970


def _month(parts: Mapping[str, str]) -> int:
    if "month_name" in parts:
        name = parts["month_name"].casefold()
        for number, one in enumerate(_MONTHS, 1):
            if name in (one.replace("|", "").casefold(), one[:3].casefold()):
                return number
        raise ValueError("there is no such month")
    return int(parts.get("month", 1))


def _hour(parts: Mapping[str, str]) -> int:
    if "half_hour" not in parts:
        return int(parts.get("hour", 0))
    hour = int(parts["half_hour"])
    if not 1 <= hour <= 12:
        raise ValueError("there is no such hour")
    return hour % 12 + (12 if parts.get("half", "A")[0] in "Pp" else 0)


def _read_offset(text: str | None) -> tzinfo | None:
    if text is None:
        return None
    if text == "Z":
        return UTC
    hours, _, minutes = text[1:].partition(":")
    shift = timedelta(hours=int(hours), minutes=int(minutes or 0))
    return timezone(-shift if text[0] == "-" else shift)


def _offset(moment: datetime, form: str) -> str:
    shift = moment.utcoffset() or timedelta()
    minutes = round(abs(shift).total_seconds()) // 60
    return ("-" if shift < timedelta() else "+") + form.format(minutes // 60, minutes % 60)


def _spelled_out(date_format: str) -> str:
    date_format = _STANDARD.get(date_format, date_format)
    if not date_format:
        raise ValueError("the date format is empty")
    return date_format


def _written(moment: datetime, token: re.Match[str]) -> str:
    letters = token["letters"] or token["single"]
    if letters is None:
        return _plain(token)
    if letters[0] in "fF" and len(letters) <= 7:
        digits = f"{moment.microsecond:06}0"[: len(letters)]
        return digits if letters[0] == "f" else digits.rstrip("0")
    writer = _WRITERS.get(letters)
    if writer is None:
        raise ValueError(f"“{letters}” has no meaning in a date format")
    return writer(moment)


def _plain(token: re.Match[str]) -> str:
    if token["literal"]:
        return token["literal"][1:-1]
    if token["escaped"]:
        return token["escaped"]
    if token["other"].isalpha() and token["other"] != "T":
        raise ValueError(f"“{token['other']}” has no meaning in a date format; put text between quotes")
    if token["other"] in "'\"\\":
        raise ValueError("a quote in the date format is not closed")
    return token["other"]
