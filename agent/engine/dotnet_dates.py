"""Writes a moment in a .NET custom date format such as `yyyy-MM-dd'T'HH:mm:ss`, as action filters use them.

Names of days and months are English. The moment is always in UTC.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime

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
    "zzz": lambda at: "+00:00",
    "zz": lambda at: "+00",
    "z": lambda at: "+0",
    "K": lambda at: "Z",
}


def write_dotnet(moment: datetime, date_format: str) -> str:
    """The moment, which is in UTC, in the given format. Raises ValueError where the format makes no sense."""
    date_format = _STANDARD.get(date_format, date_format)
    if not date_format:
        raise ValueError("the date format is empty")
    return "".join(_written(moment, token) for token in _TOKEN.finditer(date_format))


def _written(moment: datetime, token: re.Match[str]) -> str:
    if token["literal"]:
        return token["literal"][1:-1]
    if token["escaped"]:
        return token["escaped"]
    letters = token["letters"] or token["single"]
    if letters is None:
        if token["other"].isalpha() and token["other"] != "T":
            raise ValueError(f"“{token['other']}” has no meaning in a date format; put text between quotes")
        if token["other"] in "'\"\\":
            raise ValueError("a quote in the date format is not closed")
        return token["other"]
    if letters[0] in "fF" and len(letters) <= 7:
        digits = f"{moment.microsecond:06}0"[: len(letters)]
        return digits if letters[0] == "f" else digits.rstrip("0")
    writer = _WRITERS.get(letters)
    if writer is None:
        raise ValueError(f"“{letters}” has no meaning in a date format")
    return writer(moment)
