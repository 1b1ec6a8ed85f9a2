"""Schedules as operators see and change them. What follows from them is the scheduler's business."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agent.api import live_models, schedule_models
from agent.domain.errors import ConfigurationError
from agent.domain.plan_form import parse_plan, plan_form
from agent.domain.schedule import Plan, Progress
from agent.engine.schedules.look import begin, upcoming
from agent.engine.schedules.times import anchor_of
from agent.service.events import Hub
from agent.store.flows.deployments import DeploymentStore
from agent.store.runs.schedules import ScheduleRow, ScheduleStore, new_schedule

_SHOWN = 5
MANUAL = "Manual"


@dataclass(frozen=True, slots=True)
class Brief:
    """A schedule in short, for the list of processflows."""

    text: str = MANUAL
    next_at: datetime | None = None
    alert: str = ""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A change of a schedule that is still to be written.

    `plan` is None where the schedule is taken away, `row` where nothing is put: the plan goes on as it is, or goes.
    """

    text: str
    plan: Mapping[str, Any] | None
    row: ScheduleRow | None


class Schedules:
    """The schedules of this agent.

    Args:
        zone: The time zone where none is given.
        changed: Called when a schedule was changed, so that the scheduler looks at once.
        by_events: Whether events start a deployed processflow.
    """

    def __init__(
        self,
        *,
        store: ScheduleStore,
        deployments: DeploymentStore,
        hub: Hub,
        clock: Callable[[], datetime],
        zone: str,
        changed: Callable[[], None],
        by_events: Callable[[str], bool],
    ) -> None:
        self._store, self._deployments, self._hub, self._clock = store, deployments, hub, clock
        self._zone, self._changed, self._by_events = zone, changed, by_events

    def get(self, flow: str) -> schedule_models.Schedule:
        """The schedule of a processflow, deployed or not. Raises NotFoundError."""
        row = self._store.find(flow)
        if row is None:
            self._deployments.get(flow)
        return self._answer(flow, row)

    def put(self, flow: str, change: schedule_models.ScheduleChange, *, by: str) -> schedule_models.Schedule:
        """Change it, at once. What would have been before does not count; a plan that stays the same goes on as it is.

        Raises:
            NotFoundError: code `flow-not-found`.
            ConfigurationError: code `schedule-invalid`, `schedule-never` or `zone-unknown`, with the field at fault;
                `event-triggered` where events start it.
        """
        self._deployments.get(flow)
        prepared = self.prepare(flow, change, by=by, by_events=self._by_events(flow))
        if prepared.plan is None:
            return self.clear(flow)
        if prepared.row is not None:
            self._store.put(prepared.row)
            self.tell(flow)
        return self._answer(flow, self._store.find(flow))

    def prepare(self, flow: str, change: schedule_models.SchedulePlan, *, by: str, by_events: bool) -> Prepared:
        """A change that is to be written together with something else. The processflow need not be deployed yet.

        Args:
            flow: The processflow.
            change: The plan.
            by: Who asked for it.
            by_events: Whether events start it, and not a schedule.

        Raises:
            ConfigurationError: as `put`.
        """
        plan = self._plan(change)
        if plan is None:
            return Prepared(MANUAL, None, None)
        if by_events:
            raise ConfigurationError(
                f"{flow} has no schedule: it runs when an event arrives.",
                code="event-triggered",
                remedy="Send it events, or execute it by hand. For a schedule, deploy it with trigger: polling.",
            )
        row, now = self._store.find(flow), self._clock()
        if row is not None and _goes_on(row, plan):
            return Prepared(plan.text, row.plan, None)
        anchor, progress = self._begin(plan, row, now)
        new = new_schedule(flow=flow, plan=plan_form(plan), anchor=anchor, since=now, changed_by=by, progress=progress)
        return Prepared(plan.text, new.plan, new)

    def plan(self, flow: str) -> Mapping[str, Any] | None:
        """The plan that a processflow has now, as a form."""
        row = self._store.find(flow)
        return row.plan if row is not None else None

    def clear(self, flow: str) -> schedule_models.Schedule:
        """Take it away: the processflow is started by hand. Raises NotFoundError."""
        if self._store.remove(flow):
            self.tell(flow)
        else:
            self._deployments.get(flow)
        return self._answer(flow, None)

    def preview(self, request: schedule_models.SchedulePreviewRequest) -> schedule_models.SchedulePreview:
        """What a plan means, without changing anything.

        Raises:
            ConfigurationError: as `put`.
        """
        plan = self._plan(request.plan)
        if plan is None:
            return schedule_models.SchedulePreview(text=MANUAL, times=[])
        row, now = self._store.find(request.flow) if request.flow else None, self._clock()
        if row is not None and _goes_on(row, plan):
            anchor, progress = row.anchor, row.progress
        else:
            anchor, progress = self._begin(plan, row, now)
        return schedule_models.SchedulePreview(text=plan.text, times=upcoming(plan, anchor, progress, now, most=_SHOWN))

    def briefs(self) -> dict[str, Brief]:
        """Every schedule in short, by processflow."""
        return {row.flow: self.brief(row) for row in self._store.all()}

    def brief(self, row: ScheduleRow) -> Brief:
        """A schedule in short."""
        try:
            plan = stored_plan(row)
        except ConfigurationError as error:
            return Brief("Not usable", alert=str(error))
        following = upcoming(plan, row.anchor, row.progress, self._clock(), most=1)
        return Brief(plan.text, following[0] if following else None, row.progress.alert)

    def _plan(self, change: schedule_models.SchedulePlan) -> Plan | None:
        return parse_plan(change.model_dump(), default_zone=self._zone)

    def _begin(self, plan: Plan, before: ScheduleRow | None, now: datetime) -> tuple[datetime, Progress]:
        """Where a plan starts. Intervals stay where they were when something else was changed."""
        anchor = anchor_of(plan, now)
        if before is not None and _same_times(before, plan):
            anchor = before.anchor
        progress = begin(plan, anchor, now)
        if progress.next_at is None:
            raise ConfigurationError(
                "With this plan there is no time at which it would ever run.",
                code="schedule-never",
                remedy="Choose a later last day." if plan.end_on is not None else "Choose days that exist.",
                field="end_on" if plan.end_on is not None else "cron",
            )
        return anchor, progress

    def tell(self, flow: str) -> None:
        """A schedule was changed: the scheduler looks, and listeners hear of it."""
        self._changed()
        self._hub.publish(live_models.EventKind.FLOW, {"name": flow})

    def _answer(self, flow: str, row: ScheduleRow | None) -> schedule_models.Schedule:
        if row is None:
            return schedule_models.Schedule(flow=flow, plan=schedule_models.SchedulePlan(zone=self._zone), text=MANUAL)
        brief, progress = self.brief(row), row.progress
        try:
            times = upcoming(stored_plan(row), row.anchor, progress, self._clock(), most=_SHOWN)
        except ConfigurationError:
            times = []
        return schedule_models.Schedule(
            flow=flow, plan=schedule_models.SchedulePlan.model_validate(row.plan), text=brief.text, since=row.since,
            changed_by=row.changed_by, next_run_at=brief.next_at, next_times=times,
            over=progress.next_at is None and not progress.owed, runs=progress.runs, waiting=len(progress.owed),
            misfires=progress.misfires, misfires_in_a_row=progress.misfires_in_a_row, missed=progress.missed,
            alert=brief.alert,
        )  # fmt: skip


def stored_plan(row: ScheduleRow) -> Plan:
    """The plan of a row.

    Raises:
        ConfigurationError: this machine cannot use it any more, for instance as it does not know the time zone.
    """
    plan = parse_plan(row.plan, default_zone="UTC")
    assert plan is not None, "a plan without times has no row"
    return plan


def _goes_on(row: ScheduleRow, plan: Plan) -> bool:
    """Whether a plan is the one that is there, and not over."""
    return row.progress.next_at is not None and dict(row.plan) == plan_form(plan)


def _same_times(row: ScheduleRow, plan: Plan) -> bool:
    try:
        before = stored_plan(row)
    except ConfigurationError:
        return False
    return (before.recurrence, before.zone) == (plan.recurrence, plan.zone)
