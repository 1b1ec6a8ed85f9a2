"""Decides what the Schedule dialog does: show the plan, explain what is being chosen, save it. No Qt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from agent.api import schedule_models
from agent.domain.errors import AgentError
from agent.domain.schedule import PlanKind
from agent.gui.calls import Call, Calls


class ScheduleView(Protocol):
    """What the presenter needs of the dialog."""

    def show_schedule(self, schedule: schedule_models.Schedule) -> None:
        """Put the plan into the form, and say how far it has got."""

    def show_meaning(self, text: str, times: list[str]) -> None:
        """What the plan in the form means, with its next times."""

    def show_refused(self, error: AgentError) -> None:
        """What is wrong with the plan in the form; `field` of the error says where."""

    def show_busy(self, *, busy: bool) -> None:
        """Whether the plan is being saved."""

    def finish(self) -> None:
        """It is saved: close."""


class SchedulePresenter:
    """One dialog. `say` tells the operator in the window what was saved; `local` writes a moment as people read it."""

    def __init__(
        self,
        view: ScheduleView,
        calls: Calls,
        flow: str,
        *,
        say: Callable[[str], object],
        local: Callable[[schedule_models.SchedulePreview], list[str]],
    ) -> None:
        self._view, self._calls, self._flow, self._say, self._local = view, calls, flow, say, local
        self._explaining: Call | None = None

    def open(self) -> None:
        """Ask for the schedule as it is."""
        self._calls.start(lambda client: client.schedule(self._flow), self._view.show_schedule, self._refused)

    def explain(self, plan: schedule_models.ScheduleChange) -> None:
        """Say what a plan would mean. A newer question replaces one that is under way."""
        if self._explaining is not None:
            self._explaining.cancel()
            self._explaining = None
        if plan.kind is PlanKind.MANUAL:
            self._view.show_meaning("It runs when somebody executes it, and never by itself.", [])
            return
        flow = self._flow
        self._explaining = self._calls.start(
            lambda client: client.preview_schedule(plan, flow=flow), self._explained, self._view.show_refused
        )

    def save(self, plan: schedule_models.ScheduleChange) -> None:
        """Let it run so from now on."""
        self._view.show_busy(busy=True)
        flow = self._flow
        if plan.kind is PlanKind.MANUAL:
            self._calls.start(lambda client: client.clear_schedule(flow), self._saved, self._refused)
        else:
            self._calls.start(lambda client: client.set_schedule(flow, plan), self._saved, self._refused)

    def close(self) -> None:
        """Drop what is under way."""
        self._calls.cancel_all()

    def _explained(self, preview: schedule_models.SchedulePreview) -> None:
        self._view.show_meaning(preview.text, self._local(preview))

    def _saved(self, schedule: schedule_models.Schedule) -> None:
        self._say(f"Schedule saved: {schedule.text}")
        self._view.finish()

    def _refused(self, error: AgentError) -> None:
        self._view.show_busy(busy=False)
        self._view.show_refused(error)
