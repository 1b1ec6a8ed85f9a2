"""Which wall times a cron expression names, by croniter's calendar. It knows no time zones; `schedule_times` does.

croniter takes more than cron has and reads some of it in ways of its own (`1-1` as every hour, `*/70` as once), so it
is only ever given plain lists, which `agent.domain.cron` has spelled out.
"""

from __future__ import annotations

import threading
from datetime import datetime
from functools import lru_cache

from croniter import CroniterBadDateError, croniter  # type: ignore[import-untyped]  # it ships no types

from agent.domain.cron import CronExpression

# 29 February is eight years away at most.
_YEARS = 9
# A calendar remembers where it was asked last.
_lock = threading.Lock()


def next_wall_time(expression: CronExpression, after: datetime) -> datetime | None:
    """The first naive wall time after another that the expression names; None where it never comes, as 30 February."""
    try:
        with _lock:
            found = _calendar(expression.spelled_out).get_next(datetime, start_time=after)
    except CroniterBadDateError:
        return None
    assert isinstance(found, datetime)
    return found


@lru_cache(maxsize=256)
def _calendar(spelled_out: str) -> croniter:
    return croniter(spelled_out, datetime(1970, 1, 1), max_years_between_matches=_YEARS)  # noqa: DTZ001 - a wall time
