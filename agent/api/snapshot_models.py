"""The contract's models of snapshots: what a run did, node by node, record by record, packet by packet."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from agent.api.base_models import Model
from agent.api.run_models import Run
from agent.domain.packet import SyncState


class NodeState(StrEnum):
    """How a node of a run stands. A run that ended before a node was done leaves it Stopped."""

    NOT_REACHED = "Not reached"
    RUNNING = "Running"
    WAITING = "Waiting"
    OK = "OK"
    SOME_FAILED = "Some failed"
    FAILED = "Failed"
    STOPPED = "Stopped"


class NodeEntry(Model):
    """What a node did: all of it, or in one pass of a loop, or in one leg of a Delay.

    `worked_seconds` is how long it was at work, of a Delay how long it waits; packets that pass at the same time count
    for each of their nodes.
    """

    number: int
    began_at: datetime
    last_at: datetime
    worked_seconds: float
    packets_in: int
    records_in: int
    packets_out: int
    records_out: int
    unchanged: int
    failed: int
    skipped: int


class SnapshotNode(Model):
    """One node of a run. `entries` are the passes of a loop or the legs of a Delay; `total` is None where it was not
    reached. `fault` is what stopped it."""

    id: str
    type: str
    description: str
    state: NodeState
    fault: str
    total: NodeEntry | None
    entries: list[NodeEntry]


class Snapshot(Model):
    """What a run did. `records` is how many lines its data log has, `packets` how many packets and requests are kept.

    `complete` is false where a part of it is over the budget and was removed.
    """

    run: Run
    nodes: list[SnapshotNode]
    records: int
    packets: int
    complete: bool


class LoggedRecord(Model):
    """What became of one record at one node in one run."""

    run_id: str
    node: str
    source_id: str
    destination_id: str
    state: SyncState
    message: str
    remedy: str
    tries: int
    at: datetime


class DataLogPage(Model):
    """A page of a data log; `next` leads to the page after it."""

    items: list[LoggedRecord]
    next: str | None = None


class KeptKind(StrEnum):
    """What was kept: a packet before or after a node, records that failed there, or a request as it was sent."""

    BEFORE = "before"
    AFTER = "after"
    FAILED = "failed"
    REQUEST = "request"


class KeptPacket(Model):
    """A packet or a request that was kept. `shown` of its `records` are in the content; for a request both are 0.

    `number` counts the packets of the source, `piece` what came out of that packet at this place. `file` is where it
    lies as a plain file, in Diagnosis Mode.
    """

    id: str
    node: str
    kind: KeptKind
    number: int
    piece: int
    records: int
    shown: int
    at: datetime
    bytes: int
    file: str = ""


class KeptPacketContent(Model):
    """A packet or a request with its content, which is JSON, secrets taken out."""

    packet: KeptPacket
    content: str
