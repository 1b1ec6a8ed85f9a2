"""How far an incremental read goes back from the highest value that it has seen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation

from agent.connectors.sql.dialect import Column, Family
from agent.domain.packet import JsonValue

USUAL_OVERLAP_SECONDS = 60


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
        return bound.isoformat(), bound
    if column.family is Family.INTEGER:
        return str(int(highest) - (usual if overlap is None else overlap)), None
    if column.family in (Family.DECIMAL, Family.FLOAT) and overlap:
        try:
            return format(Decimal(highest) - overlap, "f"), None
        except InvalidOperation:
            return highest, None
    return highest, None


def _moment(text: str) -> datetime | None:
    if text == "infinity" or text[:5].isdecimal():  # a year that Python does not have
        return datetime.max.replace(tzinfo=UTC)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
