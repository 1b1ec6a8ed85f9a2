"""What the clock on the wall of a time zone shows, and when. Wall times are naive datetimes, moments are in UTC.

Twice a year the two disagree: in spring some wall times do not exist, in autumn some exist twice.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo


def wall_time(zone: ZoneInfo, moment: datetime) -> datetime:
    """What the clock shows at a moment."""
    return moment.astimezone(zone).replace(tzinfo=None)


def moments(zone: ZoneInfo, wall: datetime) -> tuple[datetime, ...]:
    """Every moment at which the clock shows a wall time, in order: one, none, or two."""
    candidates = (_read(zone, wall, 0), _read(zone, wall, 1))
    return tuple(sorted({moment for moment in candidates if wall_time(zone, moment) == wall}))


def first_moment(zone: ZoneInfo, wall: datetime) -> datetime:
    """The first moment at which the clock shows a wall time, or the one at which it jumps over it."""
    shown = moments(zone, wall)
    if shown:
        return shown[0]
    # Read with what the clock shows before the jump it lies after it, and the other way round.
    return _change(zone, _read(zone, wall, 1), _read(zone, wall, 0))


def next_change(zone: ZoneInfo, after: datetime, until: datetime) -> datetime | None:
    """When the clock is put forward or back next, where it is between these moments. They are a few days apart."""
    if _offset(zone, after) == _offset(zone, until):
        return None
    return _change(zone, after, until)


def _change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The first moment of the new offset, by halving the time in between. Changes come at whole seconds."""
    old = _offset(zone, before)
    earlier, later = math.floor(before.timestamp()), math.ceil(after.timestamp())
    while later - earlier > 1:
        middle = (earlier + later) // 2
        if _offset(zone, datetime.fromtimestamp(middle, UTC)) == old:
            earlier = middle
        else:
            later = middle
    return datetime.fromtimestamp(later, UTC)


def _offset(zone: ZoneInfo, moment: datetime) -> timedelta | None:
    return moment.astimezone(zone).utcoffset()


def _read(zone: ZoneInfo, wall: datetime, fold: int) -> datetime:
    return wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)
