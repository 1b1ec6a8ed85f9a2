"""How far an incremental read goes back from the highest moment that it has seen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

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
