"""A plan as forms, command lines and the database have it: flat fields of plain values. Read strictly, written back.

`every` belongs to the kinds minutes and hours, `at` to daily, `cron` to cron, `end_after` and `end_on` to the ends
of the same name, `missed_cap` to all; what does not belong to the kind chosen is ignored, as forms keep it around.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, time
from enum import StrEnum
from typing import TypeVar
from zoneinfo import ZoneInfo

from agent.domain.cron import CronExpression, parse_cron
from agent.domain.errors import ConfigurationError
from agent.domain.schedule import (
    DEFAULT_CAP,
    LARGEST_CAP,
    LEAST_CAP,
    Daily,
    Every,
    MissedTimes,
    Plan,
    PlanEnd,
    PlanKind,
    Recurrence,
)

MOST_RUNS = 1_000_000
_LIMITS = {PlanKind.MINUTES: 59, PlanKind.HOURS: 23}
_TIME = re.compile(r"([0-9]{1,2}):([0-9]{2})")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_ZONE = re.compile(r"[A-Za-z0-9_+-]{1,40}(/[A-Za-z0-9_+-]{1,40}){0,2}")
# The database has them too, but they are no zones: what they mean depends on the machine, or nobody means it.
_NO_ZONES = re.compile(r"(posix|right)/.*|localtime|posixrules|Factory")
_Choice = TypeVar("_Choice", bound=StrEnum)


def parse_plan(form: Mapping[str, object], *, default_zone: str) -> Plan | None:
    """Read a plan; None is the plan of a processflow that is started by hand.

    Args:
        form: `kind`, `every`, `at` ("HH:MM"), `cron`, `zone` (empty: the default), `end`, `end_after`, `end_on`
            ("YYYY-MM-DD"), `missed`, `missed_cap`. All but `kind` may be missing.
        default_zone: Where no zone is given.

    Raises:
        ConfigurationError: code `schedule-invalid` or `zone-unknown`, with the field at fault.
    """
    kind = _choice(form, "kind", PlanKind, None)
    if kind is PlanKind.MANUAL:
        return None
    end = _choice(form, "end", PlanEnd, PlanEnd.NEVER)
    return Plan(
        recurrence=_recurrence(kind, form),
        zone=parse_zone(str(form.get("zone") or default_zone)),
        end_after=_number(form, "end_after", 1, MOST_RUNS) if end is PlanEnd.AFTER else None,
        end_on=_day(form) if end is PlanEnd.ON else None,
        missed=_choice(form, "missed", MissedTimes, MissedTimes.ONCE),
        missed_cap=_number(form, "missed_cap", LEAST_CAP, LARGEST_CAP, default=DEFAULT_CAP),
    )


def plan_form(plan: Plan) -> dict[str, object]:
    """The fields of a plan as JSON has them; `parse_plan` gives the plan back."""
    form: dict[str, object] = {"zone": plan.zone, "missed": plan.missed.value, "missed_cap": plan.missed_cap}
    match plan.recurrence:
        case Every(number=number, kind=kind):
            form |= {"kind": kind.value, "every": number}
        case Daily(at=at):
            form |= {"kind": PlanKind.DAILY.value, "at": f"{at:%H:%M}"}
        case CronExpression(text=text):
            form |= {"kind": PlanKind.CRON.value, "cron": text}
    if plan.end_after is not None:
        return form | {"end": PlanEnd.AFTER.value, "end_after": plan.end_after}
    if plan.end_on is not None:
        return form | {"end": PlanEnd.ON.value, "end_on": plan.end_on.isoformat()}
    return form | {"end": PlanEnd.NEVER.value}


def parse_zone(name: str) -> str:
    """The name of a time zone that this machine knows.

    Raises:
        ConfigurationError: code `zone-unknown`, field `zone`.
    """
    name = name.strip()
    known = _ZONE.fullmatch(name) is not None and _NO_ZONES.fullmatch(name) is None
    if known:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            known = False
    if not known:
        raise ConfigurationError(
            f"There is no time zone “{name[:60]}”.",
            code="zone-unknown",
            remedy="Use a name of the time zone database, such as Europe/Berlin or UTC.",
            field="zone",
        )
    return name


def _recurrence(kind: PlanKind, form: Mapping[str, object]) -> Recurrence:
    match kind:
        case PlanKind.DAILY:
            return Daily(_time(form))
        case PlanKind.CRON:
            return parse_cron(str(form.get("cron") or ""))
        case _:
            return Every(_number(form, "every", 1, _LIMITS[kind]), kind)


def _choice(form: Mapping[str, object], field: str, kind: type[_Choice], default: _Choice | None) -> _Choice:
    given = form.get(field)
    if default is not None and given in (None, ""):
        return default
    try:
        return kind(str(given))
    except ValueError:
        raise _refused(field, f"There is no such choice for “{field}”.", f"Choose one of: {', '.join(kind)}.") from None


def _number(form: Mapping[str, object], field: str, least: int, most: int, *, default: int | None = None) -> int:
    given = form.get(field)
    if given is None and default is not None:
        return default
    if isinstance(given, bool) or not isinstance(given, int) or not least <= given <= most:
        raise _refused(
            field,
            f"“{_LABELS[field]}” has to be a whole number from {least:,} to {most:,}.",
            "Correct the number.",
        )
    return given


def _time(form: Mapping[str, object]) -> time:
    match = _TIME.fullmatch(str(form.get("at") or "").strip())
    if match is None or int(match[1]) > 23 or int(match[2]) > 59:
        raise _refused("at", "The time of day cannot be read.", "Write it as hours and minutes, such as 02:30.")
    return time(int(match[1]), int(match[2]))


def _day(form: Mapping[str, object]) -> date:
    given = form.get("end_on")
    if isinstance(given, date):
        return given
    try:
        if _DATE.fullmatch(str(given)):
            return date.fromisoformat(str(given))
    except ValueError:
        pass
    raise _refused("end_on", "The last day cannot be read.", "Write it as year, month and day, such as 2026-12-31.")


_LABELS = {"every": "Every", "end_after": "End after", "missed_cap": "At most so many missed times"}


def _refused(field: str, message: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(message, code="schedule-invalid", remedy=remedy, field=field)
