"""The contract's words for alerts: what needs a person."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import StringConstraints

from agent.api.base_models import Model, Request


class AlertCode(StrEnum):
    """What is wrong."""

    CONFIGURATION_TRIPPED = "configuration-tripped"
    SCHEDULE_HELD = "schedule-held"
    RETRY_HELD = "retry-held"
    RUN_FAILED = "run-failed"
    RECORDS_FAILED = "records-failed"
    DATABASE = "database"
    DISK = "disk"


class Alert(Model):
    """Something that needs a person. It goes away by itself when its cause does.

    `target` is where to look: `app-configuration:<id>`, `schedule:<flow>`, `retry:<flow>`, `run:<id>` or
    `sync-info:<flow>`; empty for what is outside the agent. An acknowledgement holds until the cause changes: another
    run fails, or more records do.
    """

    id: str
    code: AlertCode
    flow: str
    since: datetime
    text: str
    remedy: str
    target: str
    acknowledged_by: str = ""
    acknowledged_at: datetime | None = None


class Alerts(Model):
    """All of them, those that nobody has acknowledged first, the latest first; and how many these are."""

    items: list[Alert]
    unacknowledged: int


class Acknowledgement(Request):
    """I have seen it."""

    id: Annotated[str, StringConstraints(min_length=1, max_length=1_000)]
