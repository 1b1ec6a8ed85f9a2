"""The contract's words for bookmarks, and for the audit trail that changes of them leave."""

from __future__ import annotations

from datetime import datetime

from pydantic import AwareDatetime

from agent.api.base_models import Model, Request
from agent.api.record_models import Reason


class Bookmark(Model):
    """How far one GET node has been read and acknowledged.

    `moment` is what a filter with ~{CreatedDate}~ asks from; None: the next run reads from the beginning. `detail` is
    what the connector keeps besides, as JSON text. `since` is when it was moved there: by the run `run_id`, or by the
    person `set_by`.
    """

    flow: str
    node: str
    moment: datetime | None
    detail: str
    since: datetime | None
    run_id: str
    set_by: str


class BookmarkChange(Request):
    """Where the next run begins to read; without a moment, at the beginning. The reason goes into the audit trail."""

    moment: AwareDatetime | None = None
    reason: Reason


class AuditEntry(Model):
    """A change that somebody made by hand. `before` and `after` are JSON texts; empty where there was or is nothing."""

    id: int
    at: datetime
    who: str
    what: str
    flow: str
    node: str
    reason: str
    before: str
    after: str


class AuditPage(Model):
    """A page of the audit trail, newest first. `next` continues."""

    items: list[AuditEntry]
    next: int | None
