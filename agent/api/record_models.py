"""The contract's words for records of Sync Info: rows, groups, what is done to many at once, and how far that is."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from agent.api.base_models import Model, Name, Problem, Request, ShortText
from agent.domain.packet import SyncState

SourceId = Annotated[str, StringConstraints(max_length=10_000)]
GroupId = Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{16})?$")]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
MOST_IDS = 1_000


class SyncRecord(Model):
    """One row of Sync Info.

    Of a failed record, `error_class` is a stable name for the kind of trouble (see `docs/guide/errors.md`; empty where
    nobody recognises it), `error_title` and `cause` say it in words, and `target` is where it is cured:
    `processflow:<name>#<node>`, `app-configuration:<id>`, `lookup:<name>` or `guide:<page>#<heading>`. A record
    that was `skipped_by_operator` is not written in its present state. `tracked` has its tracked columns by header.
    """

    flow: str
    node: str
    source_id: str
    destination_id: str
    state: SyncState
    message: str
    remedy: str
    tries: int
    run_id: str
    updated_at: datetime
    error_class: str = ""
    error_title: str = ""
    cause: str = ""
    target: str = ""
    skipped_by_operator: bool = False
    tracked: dict[str, str] = Field(default_factory=dict)


class SyncPage(Model):
    """A page of Sync Info, newest first. `counts` has an entry for each state; `next` continues."""

    items: list[SyncRecord]
    counts: dict[SyncState, int]
    next: str | None


class RecordGroup(Model):
    """Records of one POST node with the same trouble. `group` filters for them; the rest is of the newest of them."""

    group: str
    records: int
    latest: datetime
    node: str
    state: SyncState
    message: str
    remedy: str
    error_class: str
    error_title: str
    cause: str
    target: str
    source_id: str


class RecordKey(Request):
    """One record."""

    node: Name
    source_id: SourceId


class Wanted(Request):
    """Only records that fit everything that is given."""

    state: SyncState | None = None
    search: ShortText = ""
    node: ShortText = ""
    error_class: ShortText = ""
    group: GroupId = ""


class RecordChoice(Request):
    """Which records: these, or all that fit `wanted`. A filter that leaves nothing out needs `everything` as well."""

    ids: list[RecordKey] = Field(default_factory=list, max_length=MOST_IDS)
    wanted: Wanted | None = None
    everything: bool = False


class SkipRequest(RecordChoice):
    """Do not write these records as they are now. The reason is kept with each."""

    reason: Reason


class RecordJobState(StrEnum):
    """How far it is."""

    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


class RecordJob(Model):
    """Something that is done to many records, in batches. What `changed` counts is done, even if cancelled."""

    id: str
    flow: str
    what: str
    state: RecordJobState
    changed: int = 0
    message: str = ""
    problem: Problem | None = None


class ExportFormat(StrEnum):
    """The kinds of files."""

    CSV = "csv"
    XLSX = "xlsx"
