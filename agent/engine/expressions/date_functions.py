"""Generic functions for dates and times, for expressions.

A date comes in as ISO 8601, RFC 2822 or Unix milliseconds, as JSONata's own functions give and take them; without an
offset it is taken as UTC. Moments go out as ISO 8601. Zones are IANA names such as Europe/Berlin, with their daylight
saving; where none is given, it is UTC. Formats are .NET's, as in action filters.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from agent.engine.documents.report import quoted
from agent.engine.expressions.dotnet_dates import read_dotnet, write_dotnet
from agent.engine.expressions.moments import read_moment, write_moment
from agent.engine.expressions.signature import Function, RefusedError, as_text, as_whole, one_of

_MOST_MILLISECONDS: Final = 253_402_300_799_999
_MOST_AMOUNT: Final = 1_000_000_000
_FIXED: Final[Mapping[str, timedelta]] = {
    "milliseconds": timedelta(milliseconds=1),
    "seconds": timedelta(seconds=1),
    "minutes": timedelta(minutes=1),
    "hours": timedelta(hours=1),
    "days": timedelta(days=1),
    "weeks": timedelta(weeks=1),
}
_MONTHS: Final[Mapping[str, int]] = {"months": 1, "years": 12}
_UNITS: Final = (*_FIXED, *_MONTHS)
_PARTS: Final[Mapping[str, Callable[[datetime], int]]] = {
    "year": lambda at: at.year,
    "quarter": lambda at: (at.month + 2) // 3,
    "month": lambda at: at.month,
    "week": lambda at: at.isocalendar().week,
    "day": lambda at: at.day,
    "yearday": lambda at: at.timetuple().tm_yday,
    "weekday": lambda at: at.isoweekday(),
    "hour": lambda at: at.hour,
    "minute": lambda at: at.minute,
    "second": lambda at: at.second,
    "millisecond": lambda at: at.microsecond // 1_000,
}


def _local_date_time(zone: object, date_format: object = None) -> object:
    local = datetime.now(UTC).astimezone(_zone(zone))
    return _iso(local.replace(microsecond=0)) if date_format is None else _written(local, date_format)


def _to_zone(date: object, zone: object) -> object:
    return None if date is None else _iso(_moment(date).astimezone(_zone(zone)))


def _format_date(date: object, date_format: object, zone: object = None) -> object:
    return None if date is None else _written(_moment(date).astimezone(_zone(zone)), date_format)


def _parse_date(text: object, date_format: object, zone: object = None) -> object:
    if text is None:
        return None
    text, date_format = as_text(text, "the date", most=200), as_text(date_format, "the date format", most=200)
    found = read_dotnet(text, date_format)
    return _utc(found if found.tzinfo is not None else _in_zone(found, _zone(zone)))


def _is_date(value: object, date_format: object = None) -> object:
    try:
        if date_format is None:
            _moment(value)
        elif isinstance(value, str):
            read_dotnet(value[:1_000], as_text(date_format, "the date format", most=200))
        else:
            return False
    except (ValueError, OverflowError):
        return False
    return True


def _date_difference(start: object, end: object, unit: object) -> object:
    if start is None or end is None:
        return None
    unit = one_of(unit, "the unit", _UNITS)
    first, last = _moment(start), _moment(end)
    if unit in _FIXED:
        whole = abs(last - first) // _FIXED[unit]
        return whole if last >= first else -whole
    earlier, later = sorted((first, last))
    months = (later.year - earlier.year) * 12 + later.month - earlier.month
    if _months_later(earlier, months) > later:
        months -= 1
    whole = months // _MONTHS[unit]
    return whole if last >= first else -whole


def _add_to_date(date: object, amount: object, unit: object, zone: object = None) -> object:
    if date is None:
        return None
    unit = one_of(unit, "the unit", _UNITS)
    amount = as_whole(amount, "the amount", least=-_MOST_AMOUNT, most=_MOST_AMOUNT)
    moment, place = _moment(date), _zone(zone)
    try:
        if unit in {"milliseconds", "seconds", "minutes", "hours"}:
            return _utc(moment + amount * _FIXED[unit])
        # From days on it is the calendar of the zone that counts: a day later it is the same time of day there.
        local = moment.astimezone(place).replace(tzinfo=None)
        days = amount * _FIXED[unit] if unit in _FIXED else None
        return _utc(_in_zone(local + days if days is not None else _months_later(local, amount * _MONTHS[unit]), place))
    except OverflowError as error:
        raise RefusedError("the date is out of range") from error


def _date_part(date: object, part: object, zone: object = None) -> object:
    if date is None:
        return None
    return _PARTS[one_of(part, "the part", tuple(_PARTS))](_moment(date).astimezone(_zone(zone)))


def _date_from_parts(year: object, month: object, day: object) -> object:
    if None in (year, month, day):
        return None
    year = as_whole(year, "the year", least=1, most=9999)
    month = as_whole(month, "the month", least=1, most=12)
    day = as_whole(day, "the day", least=1, most=monthrange(year, month)[1])
    return f"{year:04}-{month:02}-{day:02}"


def _time_from_parts(hour: object, minute: object, second: object = 0) -> object:
    if None in (hour, minute, second):
        return None
    parts = (
        as_whole(hour, "the hour", least=0, most=23),
        as_whole(minute, "the minute", least=0, most=59),
        as_whole(second, "the second", least=0, most=59),
    )
    return ":".join(f"{part:02}" for part in parts)


FUNCTIONS: Final[Sequence[Function]] = (
    Function("localDateTime", "(zone [, format])", _local_date_time),
    Function("toZone", "(date, zone)", _to_zone),
    Function("formatDate", "(date, format [, zone])", _format_date),
    Function("parseDate", "(text, format [, zone])", _parse_date),
    Function("isDate", "(value [, format])", _is_date),
    Function("dateDifference", "(from, to, unit)", _date_difference),
    Function("addToDate", "(date, amount, unit [, zone])", _add_to_date),
    Function("datePart", "(date, part [, zone])", _date_part),
    Function("dateFromParts", "(year, month, day)", _date_from_parts),
    Function("timeFromParts", "(hour, minute [, second])", _time_from_parts),
)


def _moment(value: object) -> datetime:
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _MOST_MILLISECONDS:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=value)
    if isinstance(value, str):
        try:
            return read_moment(as_text(value, "the date", most=200))
        except (ValueError, OverflowError) as error:
            raise RefusedError(f"{quoted(value)} is not a date") from error
    raise RefusedError("a date must be a text, or Unix milliseconds")


@lru_cache(maxsize=64)
def _zone_named(name: str) -> tzinfo:
    if name.upper() in {"UTC", "Z"}:
        return UTC
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError) as error:
        raise RefusedError(f"there is no time zone {quoted(name)}; write one like Europe/Berlin") from error


def _zone(zone: object) -> tzinfo:
    return UTC if zone is None else _zone_named(as_text(zone, "the time zone", most=100))


def _in_zone(local: datetime, zone: tzinfo) -> datetime:
    """What a clock there shows. Of two such moments in autumn the first; what spring leaves out, later."""
    return local.replace(tzinfo=zone, fold=0).astimezone(UTC)


def _months_later(moment: datetime, months: int) -> datetime:
    month = moment.year * 12 + moment.month - 1 + months
    year, month = month // 12, month % 12 + 1
    if not 1 <= year <= 9999:
        raise OverflowError
    return moment.replace(year=year, month=month, day=min(moment.day, monthrange(year, month)[1]))


def _written(moment: datetime, date_format: object) -> str:
    return write_dotnet(moment, as_text(date_format, "the date format", most=200))


def _utc(moment: datetime) -> str:
    return write_moment(moment.astimezone(UTC))


def _iso(moment: datetime) -> str:
    text = moment.isoformat()
    return f"{text[:-6]}Z" if moment.tzinfo is UTC else text
