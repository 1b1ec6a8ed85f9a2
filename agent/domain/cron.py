"""Cron expressions of five fields, read strictly: what is not understood without doubt is refused, and named.

A field is `*`, numbers, ranges and lists of them, with steps: `*/15`, `1-5`, `8-18/2`, `0,30`. Months and days of the
week also have names (`jan`, `mon`), Sunday is 0 or 7, and `L` is the last day of the month. Where day of month and day
of week are both restricted, either is enough, as cron has always had it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from agent.domain.errors import ConfigurationError

_LONGEST = 200
_ITEM = re.compile(r"(?:(?P<any>\*)|(?P<first>[0-9a-z]+)(?:-(?P<last>[0-9a-z]+))?)(?:/(?P<step>[0-9]{1,3}))?")
_LAST_DAY = "l"


@dataclass(frozen=True, slots=True)
class CronExpression:
    """A cron expression and what it means. `days` and `weekdays` are empty where they are not restricted."""

    text: str
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    last_day: bool
    months: tuple[int, ...]
    weekdays: tuple[int, ...]

    @property
    def every_hour(self) -> bool:
        """Whether it has times in each of the 24 hours."""
        return len(self.hours) == 24

    @property
    def spelled_out(self) -> str:
        """The same as plain lists of numbers, which leave nothing to interpret."""
        days = [*map(str, self.days), *([_LAST_DAY] if self.last_day else [])]
        fields = [
            map(str, self.minutes), map(str, self.hours), days or ["*"], map(str, self.months),
            map(str, self.weekdays) if self.weekdays else ["*"],
        ]  # fmt: skip
        return " ".join(",".join(field) for field in fields)


def parse_cron(text: str) -> CronExpression:
    """Read an expression.

    Raises:
        ConfigurationError: code `schedule-invalid`, field `cron`; the message names the part of the expression.
    """
    parts = text.split()
    if len(text) > _LONGEST or len(parts) != len(_FIELDS):
        raise _refused(
            f"A cron expression has five fields, not {len(parts)}."
            if len(text) <= _LONGEST
            else "The cron expression is too long."
        )
    minutes, hours, days, months, weekdays = (
        field.read(part.lower()) for field, part in zip(_FIELDS, parts, strict=True)
    )
    last_day = any(item == _LAST_DAY for item in parts[2].lower().split(","))
    return CronExpression(
        text=" ".join(parts), minutes=minutes, hours=hours, days=() if len(days) == 31 else days,
        last_day=last_day and len(days) < 31, months=months,
        weekdays=() if len(set(weekdays)) == 7 else weekdays,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Field:
    label: str
    least: int
    most: int
    names: Mapping[str, int]
    last_day: bool = False

    def read(self, text: str) -> tuple[int, ...]:
        """Every value, in order."""
        found: set[int] = set()
        for item in text.split(","):
            if not (self.last_day and item == _LAST_DAY):
                found.update(self._values(item))
        return tuple(sorted(found))

    def _values(self, item: str) -> list[int]:
        match = _ITEM.fullmatch(item)
        if match is None:
            raise self._refused(item, "cannot be read")
        step = int(match["step"] or 1)
        if match["any"]:
            first, last = self.least, self._largest
        else:
            first = self._number(match["first"])
            last = self._number(match["last"]) if match["last"] else self._largest if match["step"] else first
            if self.most == 7 and match["last"] and last == 0 < first:
                last = 7  # fri-sun
            if match["last"] and last <= first:
                raise self._refused(item, "does not end after it begins")
        if not 1 <= step <= self._largest - self.least + 1:
            raise self._refused(item, "has a step that is too small or too large")
        return [value % 7 if self.most == 7 else value for value in range(first, last + 1, step)]

    def _number(self, text: str) -> int:
        if text in self.names:
            return self.names[text]
        if not text.isdecimal() or not self.least <= int(text) <= self.most:
            raise self._refused(text, f"is not between {self.least} and {self.most}")
        return int(text)

    @property
    def _largest(self) -> int:
        """The last value of `*`: Sunday is not counted twice."""
        return 6 if self.most == 7 else self.most

    def _refused(self, item: str, why: str) -> ConfigurationError:
        return _refused(f"In the cron expression, “{item[:20]}” in the field {self.label} {why}.")


_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS = (
    _Field("minute", 0, 59, {}),
    _Field("hour", 0, 23, {}),
    _Field("day of month", 1, 31, {}, last_day=True),
    _Field("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, 1)}),
    _Field("day of week", 0, 7, {name: number for number, name in enumerate(_WEEKDAYS)}),
)


def _refused(message: str) -> ConfigurationError:
    return ConfigurationError(
        message,
        code="schedule-invalid",
        remedy="Write minute, hour, day of month, month and day of week, such as “30 6 * * mon-fri”.",
        field="cron",
    )
