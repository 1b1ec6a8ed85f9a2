"""When a processflow tries failed records again by itself, and which of them. Read strictly, written back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from agent.domain.cron import CronExpression
from agent.domain.errors import ConfigurationError
from agent.domain.plan_form import parse_plan, plan_form
from agent.domain.schedule import Daily, Every, Plan, PlanKind, recurrence_text

DEFAULT_RETRIES, MOST_RETRIES = 3, 20
DEFAULT_BATCH, MOST_BATCH = 1_000, 100_000
"""1,000 records are one packet and a few requests. 10 would suit an app that is asked for each by itself."""
_LONGEST_LAPSE = timedelta(days=30)
DEFAULT_LAPSE_MINUTES, MOST_LAPSE_MINUTES = 20, 7 * 24 * 60
KINDS = (PlanKind.MANUAL, PlanKind.HOURS, PlanKind.DAILY)
"""How a policy says when; manual is none."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How a processflow retries by itself.

    Attributes:
        recurrence: Daily at a time, or every 1–23 hours.
        zone: The time zone of a time of day, an IANA name.
        lapse_minutes: How long after its first try a record is left alone; after each further one twice as long, up to
            30 days.
        batch: How many records one run tries at most.
        retries: How often a record is tried again after its first try.
    """

    recurrence: Every | Daily
    zone: str
    lapse_minutes: int = DEFAULT_LAPSE_MINUTES
    batch: int = DEFAULT_BATCH
    retries: int = DEFAULT_RETRIES

    def ripe(self, now: datetime) -> Mapping[int, datetime]:
        """By how often a failed record was tried, the latest moment of its last try at which its turn has come."""
        lapse = timedelta(minutes=self.lapse_minutes)
        return {tries: now - min(lapse * 2 ** (tries - 1), _LONGEST_LAPSE) for tries in range(1, self.retries + 1)}

    @property
    def plan(self) -> Plan:
        """Its times, as those of a schedule."""
        return Plan(self.recurrence, self.zone)

    @property
    def text(self) -> str:
        """For people: "Every 2 hours, at most 3 retries"."""
        zone = f", {self.zone}" if isinstance(self.recurrence, Daily) else ""
        retries = "1 retry" if self.retries == 1 else f"{self.retries} retries"
        return f"{recurrence_text(self.recurrence)}{zone}, at most {retries}"


def parse_retry_policy(form: Mapping[str, object], *, default_zone: str) -> RetryPolicy | None:
    """Read a policy; None is that of a processflow whose records are tried again by hand.

    Args:
        form: `kind` (manual, hours or daily), `every`, `at` ("HH:MM"), `zone` (empty: the default), `lapse_minutes`,
            `batch`, `retries`. All but `kind` may be missing.
        default_zone: Where no zone is given.

    Raises:
        ConfigurationError: code `retry-policy-invalid`, `schedule-invalid` or `zone-unknown`, with the field at fault.
    """
    if form.get("kind") not in [kind.value for kind in KINDS]:
        raise _refused("kind", "Records are tried again by hand, every so many hours, or daily.", "Choose one of them.")
    times = {name: form.get(name) for name in ("kind", "every", "at", "zone")}
    plan = parse_plan(times, default_zone=default_zone)
    if plan is None or isinstance(plan.recurrence, CronExpression):
        return None
    return RetryPolicy(
        plan.recurrence,
        plan.zone,
        lapse_minutes=_number(form, "lapse_minutes", 0, MOST_LAPSE_MINUTES, DEFAULT_LAPSE_MINUTES),
        batch=_number(form, "batch", 1, MOST_BATCH, DEFAULT_BATCH),
        retries=_number(form, "retries", 1, MOST_RETRIES, DEFAULT_RETRIES),
    )


def retry_policy_form(policy: RetryPolicy) -> dict[str, object]:
    """The fields of a policy as JSON has them; `parse_retry_policy` gives the policy back."""
    times = plan_form(policy.plan)
    form: dict[str, object] = {name: times[name] for name in ("kind", "every", "at", "zone") if name in times}
    return {**form, "lapse_minutes": policy.lapse_minutes, "batch": policy.batch, "retries": policy.retries}


_LABELS = {"lapse_minutes": "Time lapse in minutes", "batch": "Batch size", "retries": "Retries"}


def _number(form: Mapping[str, object], field: str, least: int, most: int, default: int) -> int:
    given = form.get(field)
    if given is None:
        return default
    if isinstance(given, bool) or not isinstance(given, int) or not least <= given <= most:
        raise _refused(
            field, f"“{_LABELS[field]}” has to be a whole number from {least:,} to {most:,}.", "Correct the number."
        )
    return given


def _refused(field: str, message: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(message, code="retry-policy-invalid", remedy=remedy, field=field)
