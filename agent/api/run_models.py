"""The contract's words for runs."""

from __future__ import annotations

from datetime import datetime

from agent.api.base_models import Model
from agent.domain.run import RunState, Trigger


class Counts(Model):
    """How many records were read, were unchanged, and what became of the rest."""

    read: int = 0
    unchanged: int = 0
    written: int = 0
    failed: int = 0
    skipped: int = 0


class Run(Model):
    """One execution. `message` and `remedy` are for the operator.

    `planned_for` is the time of its schedule that it stands for; none where it was started otherwise. `plan` says what
    it does where it does not simply read on: "Retry of 12 records".

    Where it failed as a whole, `error_class` says what kind of trouble that was, `error_title` and `cause` say it in
    words, and `target` is where it is cured, as that of a record.
    """

    id: str
    flow: str
    version: int
    trigger: Trigger
    state: RunState
    queued_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    counts: Counts
    activity: str
    message: str
    remedy: str
    requested_by: str
    planned_for: datetime | None = None
    plan: str = ""
    error_class: str = ""
    error_title: str = ""
    cause: str = ""
    target: str = ""


class RunPage(Model):
    """A page of runs, newest first."""

    items: list[Run]
    next: str | None
