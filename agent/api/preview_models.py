"""The contract's words for previews: what a run would do, before it does it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from agent.api.base_models import Model, Problem, Request, ShortText
from agent.api.flow_models import DocumentRequest
from agent.api.rerun_models import FilterClause, NodeId, ReplayWindow
from agent.domain.preview import Outcome

USUAL_LIMIT = 1_000


class PreviewRequest(Request):
    """What to preview: a deployed processflow by its name, or a document that is not deployed.

    Attributes:
        flow: The name of a deployed processflow; empty with a document.
        document: The document, with the bindings of its credential tokens.
        limit: How many records each GET reads at most; 0 for all.
        filter: A runtime filter. Without it and without a window: what changed since the bookmark.
        node: The GET that the filter is for; it may be left out where there is one.
        window: Read what changed in this window of time.
    """

    flow: ShortText = ""
    document: DocumentRequest | None = None
    limit: Annotated[int, Field(ge=0, le=10_000_000)] = USUAL_LIMIT
    filter: Annotated[list[FilterClause], Field(max_length=200)] | None = None
    node: NodeId = ""
    window: ReplayWindow | None = None


class PreviewState(StrEnum):
    """How far a preview is. An interrupted one ended with the service."""

    RUNNING = "Running"
    DONE = "Done"
    FAILED = "Failed"
    CANCELLED = "Cancelled"
    INTERRUPTED = "Interrupted"


class PreviewSource(Model):
    """A GET that was read, and its filter as it was sent, without secrets."""

    node: str
    filter: str


class PreviewTotals(Model):
    """What would become of the records at one node, in most cases a POST. `notes` say what else would happen there."""

    node: str
    title: str = ""
    created: int = 0
    changed: int = 0
    left: int = 0
    skipped: int = 0
    failed: int = 0
    notes: list[str] = Field(default_factory=list)


class Preview(Model):
    """A preview, going on or ended.

    Attributes:
        version: The deployed version; none for a document that is not deployed.
        limit: How many records each GET reads at most; 0 for all.
        read: How many records were read.
        more: Whether there are more records than the limit lets a GET read.
        totals: A line for each node, in running order.
        records: How many records can be looked at; fewer than there are where `all_kept` is false.
        activity: What it is doing, for people.
        message: How it ended, for people; `remedy` says what to do.
    """

    id: str
    flow: str
    title: str
    version: int | None
    state: PreviewState
    requested_by: str
    started_at: datetime
    ended_at: datetime | None = None
    limit: int
    read: int = 0
    more: bool = False
    sources: list[PreviewSource] = Field(default_factory=list)
    totals: list[PreviewTotals] = Field(default_factory=list)
    records: int = 0
    all_kept: bool = True
    activity: str = ""
    message: str = ""
    remedy: str = ""
    problem: Problem | None = None


class PreviewChange(Model):
    """A value that would change. `attribute` is a path such as `lines[7].quantity`; none is no value."""

    attribute: str
    old: str | None
    new: str | None


class PreviewedRecord(Model):
    """What would become of a record at a node.

    With `stand_in`, the destination makes the record's id when it is written: `destination_id` only stands for it.
    """

    number: int
    node: str
    source_id: str
    destination_id: str
    outcome: Outcome
    changes: list[PreviewChange]
    message: str = ""
    remedy: str = ""
    stand_in: bool = False


class PreviewPage(Model):
    """A page of records in the order in which they came; `next` continues."""

    items: list[PreviewedRecord]
    next: str | None
