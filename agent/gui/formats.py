"""How values are written for people: local times, relative times, numbers with separators, sizes. No Qt."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from agent.api import run_models
from agent.domain.errors import AgentError

DASH = "–"
_TELLING_SECONDS = 3


def number(value: int) -> str:
    """1234567 as "1,234,567"."""
    return f"{value:,}"


def plural(count: int, one: str, many: str = "") -> str:
    """ "1 record", "1,204 records"."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def size(count: int) -> str:
    """A number of bytes, in the largest unit that keeps it readable."""
    if count < 1024:
        return plural(count, "byte")
    amount = float(count)
    for unit in ("KB", "MB", "GB", "TB"):
        amount /= 1024
        if amount < 1024 or unit == "TB":
            break
    return f"{amount:,.1f} {unit}"


def local(moment: datetime) -> str:
    """A moment in the machine's time zone, to the second."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}"


def local_precise(moment: datetime) -> str:
    """A moment in the machine's time zone, to the millisecond."""
    there = moment.astimezone()
    return f"{there:%Y-%m-%d %H:%M:%S}.{there.microsecond // 1000:03d}"


def utc(moment: datetime) -> str:
    """The tooltip of a time."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def moment_tip(moment: datetime | None) -> str:
    """Local time with its UTC, for a tooltip."""
    return f"{local(moment)}\n{utc(moment)}" if moment else ""


def relative(moment: datetime | None, now: datetime) -> str:
    """ "2 min ago", "in 5 min", "yesterday 06:14"; a dash where there is none."""
    if moment is None:
        return DASH
    seconds = (moment - now).total_seconds()
    if abs(seconds) < 10:
        return "now" if seconds > 0 else "just now"
    if abs(seconds) >= 86_400:
        return _day(moment, now)
    text = duration(timedelta(seconds=abs(seconds)))
    return f"in {text}" if seconds > 0 else f"{text} ago"


def duration(length: timedelta) -> str:
    """A length of time in its largest unit or two: "8 s", "5 min", "2 h 10 min"."""
    seconds = int(length.total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    minutes, hours = seconds // 60 % 60, seconds // 3600
    if hours == 0:
        return f"{minutes} min"
    if hours >= 24:
        return f"{hours // 24} d {hours % 24} h"
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def took(length: timedelta) -> str:
    """How long something took: to a tenth of a second while that says something."""
    seconds = length.total_seconds()
    return f"{max(seconds, 0.1):.1f} s" if seconds < 10 else duration(length)


def counts(found: run_models.Counts) -> str:
    """What a run did to its records, without the parts that are zero."""
    parts = [f"{number(found.read)} read"]
    for amount, word in (
        (found.written, "written"),
        (found.unchanged, "unchanged"),
        (found.skipped, "skipped"),
        (found.failed, "failed"),
    ):
        if amount:
            parts.append(f"{number(amount)} {word}")
    return " · ".join(parts)


def progress(run: run_models.Run, now: datetime) -> str:
    """How far a run is: its counts, for how long, and how fast once that can be told."""
    parts = [counts(run.counts)]
    seconds = (now - run.started_at).total_seconds() if run.started_at else 0
    if seconds >= 1:
        parts.append(duration(timedelta(seconds=seconds)))
    if seconds >= _TELLING_SECONDS and run.counts.read:
        parts.append(f"{number(round(run.counts.read / seconds))} a second")
    return " · ".join(parts)


def problem(error: AgentError) -> str:
    """What failed and what to do, in one line."""
    return f"{error.message} {error.remedy}".strip()


def _day(moment: datetime, now: datetime) -> str:
    there, today = moment.astimezone(), now.astimezone().date()
    days = (there.date() - today).days
    if days == -1:
        return f"yesterday {there:%H:%M}"
    if days == 1:
        return f"tomorrow {there:%H:%M}"
    if abs(days) < 7:
        return f"in {days} days" if days > 0 else f"{-days} days ago"
    return f"{there:%Y-%m-%d %H:%M}"
