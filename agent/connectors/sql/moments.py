"""How far an incremental read goes back from the highest value that it has seen, and which days a moment belongs to."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation

from agent.connectors.sql.tables import Column, Family
from agent.domain.packet import JsonValue

USUAL_OVERLAP_SECONDS = 60
_SHAPE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:(?P<middle>[T ])[0-9]{2}:[0-9]{2}(?P<seconds>:[0-9]{2})?)?").match


def bound_of(highest: datetime, *, overlap: int | None, now: datetime) -> datetime:
    """Where the next read begins: so many seconds before the highest moment, which counts no further than the present.

    Args:
        highest: Aware.
        overlap: In seconds; None for the usual one.
        now: The present, aware.
    """
    try:
        return min(highest, now) - timedelta(seconds=USUAL_OVERLAP_SECONDS if overlap is None else overlap)
    except OverflowError:  # the year 1, as some programs write “never”
        return datetime.min.replace(tzinfo=UTC)


def earlier(
    column: Column, highest: str, *, overlap: int | None, usual: int, now: datetime
) -> tuple[JsonValue, datetime | None]:
    """Where the next read of a server begins: somewhat before the highest value seen, never after the present."""
    if column.family in (Family.MOMENT, Family.DATE):
        moment = _moment(highest)
        if moment is None:
            return highest, None
        bound = bound_of(moment, overlap=overlap, now=now)
        return (first_day(bound).isoformat() if column.family is Family.DATE else bound.isoformat()), bound
    if column.family is Family.INTEGER:
        return str(int(highest) - (usual if overlap is None else overlap)), None
    if column.family in (Family.DECIMAL, Family.FLOAT) and overlap:
        try:
            return format(Decimal(highest) - overlap, "f"), None
        except InvalidOperation:
            return highest, None
    return earlier_text(highest, overlap=overlap, now=now)


def earlier_text(highest: str, *, overlap: int | None, now: datetime) -> tuple[str, datetime | None]:
    """The same of moments that are kept as texts, and compared as such; of other texts there is no earlier one.

    The bound ends with the whole second, or as early as the text does, so that it comes before every way to write that
    second, with a fraction or without.
    """
    shape, moment = _SHAPE(highest), _moment(highest)
    if shape is None or moment is None:
        return highest, None
    bound = bound_of(moment, overlap=overlap, now=now)
    if shape["middle"] is None:
        return first_day(bound).isoformat(), bound
    bound = bound.replace(microsecond=0)
    local = datetime.fromisoformat(highest.strip())
    ahead = local.replace(tzinfo=UTC) - moment if local.tzinfo is not None else timedelta()
    precision = "seconds" if shape["seconds"] is not None else "minutes"
    return (bound + ahead).replace(tzinfo=None).isoformat(shape["middle"], precision), bound


def first_day(moment: datetime) -> date:
    """The first day of which something may be later than a moment: by the clock of this computer, or in UTC."""
    return min(_days(moment))


def of_days(operator: str, text: str) -> tuple[str, str]:
    """A comparison with a column of days, in which a moment within a day stands for that day.

    What is dated today may be written after a moment of today, and before it: so the day is in it, either way.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return operator, text
    if moment.time() == time():
        return operator, text
    if operator in (">", ">="):
        return ">=", first_day(moment).isoformat()
    if operator in ("<", "<="):
        return "<=", max(_days(moment)).isoformat()
    return operator, text


def _days(moment: datetime) -> tuple[date, date]:
    """The day that it is at a moment, in UTC and by the clock of this computer."""
    day = moment.astimezone(UTC).date()
    try:
        return day, moment.astimezone().date()
    except (OverflowError, OSError):  # at the ends of the calendar
        return day, day


def _moment(text: str) -> datetime | None:
    if text == "infinity" or text[:5].isdecimal():  # a year that Python does not have
        return datetime.max.replace(tzinfo=UTC)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
