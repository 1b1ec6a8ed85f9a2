"""What runs did, for front ends: nodes with their states, the data log, and the packets that are kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import reduce

from agent.api import snapshot_models as shown
from agent.domain.errors import AgentError, ConfigurationError, NotFoundError
from agent.domain.packet import SyncState
from agent.domain.processflow import (
    DecisionNode,
    DelayNode,
    EventSource,
    FlowNode,
    GetNode,
    HaltNode,
    MapperNode,
    MergerNode,
    NodeType,
    PostNode,
    ResumeNode,
    ReturnNode,
    SplitterNode,
    Stage,
)
from agent.domain.run import RunState
from agent.service import answers
from agent.service.deployment.compiled import CompiledFlows
from agent.service.upkeep.diagnosis import Diagnosis
from agent.store.flows.deployments import DeploymentStore
from agent.store.looks.kept import KeptRow
from agent.store.looks.node_work import NodeEntry, NodeWork
from agent.store.looks.packets import StoredPacket
from agent.store.looks.snapshots import LoggedRecord
from agent.store.looks.snapshots import Snapshots as SnapshotStore
from agent.store.moments import from_milliseconds, to_milliseconds
from agent.store.runs.runs import RunRow, RunStore

_TYPES: Mapping[type[GetNode | FlowNode], NodeType] = {
    GetNode: NodeType.GET,
    EventSource: NodeType.START,
    MapperNode: NodeType.MAPPER,
    PostNode: NodeType.POST,
    SplitterNode: NodeType.SPLITTER,
    MergerNode: NodeType.MERGER,
    DelayNode: NodeType.DELAY,
    DecisionNode: NodeType.DECISION,
    HaltNode: NodeType.HALT,
    ResumeNode: NodeType.RESUME,
    ReturnNode: NodeType.RETURN_RESPONSE,
}
_BROKEN_OFF = (RunState.FAILED, RunState.CANCELLED)


class Snapshots:
    """The snapshots of this agent's runs."""

    def __init__(
        self,
        *,
        store: SnapshotStore,
        runs: RunStore,
        deployments: DeploymentStore,
        compiled: CompiledFlows,
        diagnosis: Diagnosis,
        clock: Callable[[], datetime],
    ) -> None:
        self._store, self._runs, self._deployments = store, runs, deployments
        self._compiled, self._diagnosis, self._clock = compiled, diagnosis, clock

    def get(self, run_id: str) -> shown.Snapshot:
        """What a run did, node by node. Raises NotFoundError."""
        # The run first: what is read after it is no older, so that no node of an ended run seems to be at work.
        run = self._runs.get(run_id)
        entries: dict[str, list[NodeEntry]] = {}
        for entry in self._store.nodes(run_id):
            entries.setdefault(entry.work.node, []).append(entry)
        nodes = [
            self._node(run, node, entries.pop(node.id, []), done=done)
            for node, done in self._nodes(run, {node: _is_done(found) for node, found in entries.items()})
        ]
        # Of a version that cannot be read any more, at least what has happened is told.
        nodes += [_unknown(node, found) for node, found in entries.items()]
        records = self._store.logged(run_id)
        told = sum(node.total.records_in for node in nodes if node.type == NodeType.POST and node.total is not None)
        return shown.Snapshot(
            run=answers.run(run), nodes=nodes, records=records, packets=len(self.packets(run_id)),
            complete=records >= told and (bool(nodes) or run.started_at is None),
        )  # fmt: skip

    def records(
        self, run_id: str, *, node: str, state: SyncState | None, search: str, after: str, limit: int
    ) -> shown.DataLogPage:
        """A run's data log, in the order in which it was written.

        Raises:
            NotFoundError: there is no such run.
            ConfigurationError: code `page-unknown`.
        """
        self._runs.get(run_id)
        _refuse_strange(after, parts=2)
        found = self._store.records(run_id, node=node, state=state, search=search, after=after, limit=limit + 1)
        following = found[limit - 1].key if len(found) > limit else None
        return shown.DataLogPage(items=[_logged(one) for one in found[:limit]], next=following)

    def runs_of(self, flow: str, source_id: str, *, after: str, limit: int) -> shown.DataLogPage:
        """What became of a record of a processflow, run by run, the newest first.

        Raises:
            NotFoundError: code `flow-not-found`.
            ConfigurationError: code `page-unknown`.
        """
        self._deployments.require_kept(flow)
        _refuse_strange(after, parts=1)
        found = self._store.runs_of(flow, source_id, before=int(after) if after else None, limit=limit)
        following = found[-1].key.partition(":")[0] if len(found) >= limit else None
        return shown.DataLogPage(items=[_logged(one) for one in found], next=following)

    def packets(self, run_id: str, *, node: str = "") -> list[shown.KeptPacket]:
        """The packets and requests that are kept of a run, the oldest first."""
        kept = [_sample(row) for row in self._diagnosis.samples.rows(run_id)]
        kept += [_file(packet) for packet in self._diagnosis.packets.packets(run_id)]
        return sorted((one for one in kept if node in ("", one.node)), key=lambda one: (one.at, one.number))

    def packet(self, run_id: str, packet_id: str) -> shown.KeptPacketContent:
        """A packet or a request with its content.

        Raises:
            NotFoundError: code `packet-gone`.
        """
        packets = self._diagnosis.packets
        for packet in packets.packets(run_id):
            if _file_id(packet) == packet_id:
                return shown.KeptPacketContent(packet=_file(packet), content=packets.read(packet).decode())
        row, content = self._diagnosis.samples.content(run_id, packet_id)
        return shown.KeptPacketContent(packet=_sample(row), content=content.decode())

    def _nodes(self, run: RunRow, done: Mapping[str, bool]) -> Iterator[tuple[GetNode | FlowNode, bool]]:
        """The nodes of the version that the run is tied to, and whether their stage has come to its end."""
        try:
            stages = self._compiled.get(self._deployments.version(run.flow, run.version)).stages
        except (NotFoundError, AgentError):
            return
        yield from _walked(stages, done)

    def _node(
        self, run: RunRow, node: GetNode | FlowNode, entries: Sequence[NodeEntry], *, done: bool
    ) -> shown.SnapshotNode:
        fault = next((entry.fault for entry in reversed(entries) if entry.fault), "")
        waits = isinstance(node, DelayNode) and any(
            entry.work.last_at > to_milliseconds(self._clock()) for entry in entries
        )
        several = len(entries) > 1 or isinstance(node, DelayNode) or (isinstance(node, GetNode) and node.loop)
        total = _total(entries)
        return shown.SnapshotNode(
            id=node.id, type=_TYPES[type(node)].value, description=node.description,
            state=_state(run, total, fault=fault, done=done, waits=waits), fault=fault,
            total=_entry(total) if total is not None else None,
            entries=[_entry(entry.work) for entry in entries] if several else [],
        )  # fmt: skip


def _walked(stages: Sequence[Stage], done: Mapping[str, bool]) -> Iterator[tuple[GetNode | FlowNode, bool]]:
    """The nodes as packets pass them, those inside a Halt after it."""
    for stage in stages:
        ended = done.get(stage.source.id, False)
        yield stage.source, ended
        for node in stage.nodes.values():
            yield node, ended
            yield from _walked(stage.inner.get(node.id, ()), done)


def _is_done(entries: Sequence[NodeEntry]) -> bool:
    return any(entry.work.done for entry in entries)


def _state(run: RunRow, total: NodeWork | None, *, fault: str, done: bool, waits: bool) -> shown.NodeState:
    states = shown.NodeState
    if total is None:
        return states.NOT_REACHED
    if not run.state.ended:
        if waits or (fault and run.state is RunState.WAITING):
            return states.WAITING
        if not done:
            return states.RUNNING
    elif fault and run.state in _BROKEN_OFF:
        return states.FAILED
    elif not done and run.state in _BROKEN_OFF:
        return states.STOPPED
    if not total.failed:
        return states.OK
    return states.SOME_FAILED if total.records_out or total.skipped or total.unchanged else states.FAILED


def _total(entries: Sequence[NodeEntry]) -> NodeWork | None:
    return reduce(_added, (entry.work for entry in entries)) if entries else None


def _added(one: NodeWork, other: NodeWork) -> NodeWork:
    return NodeWork(
        one.node, one.entry, min(one.began_at, other.began_at), max(one.last_at, other.last_at),
        one.milliseconds + other.milliseconds, one.packets_in + other.packets_in, one.records_in + other.records_in,
        one.packets_out + other.packets_out, one.records_out + other.records_out, one.unchanged + other.unchanged,
        one.failed + other.failed, one.skipped + other.skipped, one.done or other.done,
    )  # fmt: skip


def _entry(work: NodeWork) -> shown.NodeEntry:
    return shown.NodeEntry(
        number=work.entry, began_at=from_milliseconds(work.began_at), last_at=from_milliseconds(work.last_at),
        worked_seconds=work.milliseconds / 1000, packets_in=work.packets_in, records_in=work.records_in,
        packets_out=work.packets_out, records_out=work.records_out, unchanged=work.unchanged, failed=work.failed,
        skipped=work.skipped,
    )  # fmt: skip


def _unknown(node: str, entries: Sequence[NodeEntry]) -> shown.SnapshotNode:
    total = _total(entries)
    return shown.SnapshotNode(
        id=node, type="", description="", state=shown.NodeState.STOPPED, fault="",
        total=_entry(total) if total is not None else None, entries=[],
    )  # fmt: skip


def _logged(one: LoggedRecord) -> shown.LoggedRecord:
    message = one.message
    if one.state is SyncState.SUCCESS and not message:
        message = f"Written as {one.destination_id}." if one.destination_id else "Written."
    return shown.LoggedRecord(
        run_id=one.run, node=one.node, source_id=one.source_id, destination_id=one.destination_id, state=one.state,
        message=message, remedy=one.remedy, tries=one.tries, at=one.at,
    )  # fmt: skip


def _sample(row: KeptRow) -> shown.KeptPacket:
    return shown.KeptPacket(
        id=row.id, node=row.node, kind=shown.KeptKind(row.kind.value), number=row.number, piece=row.piece,
        records=row.records, shown=row.shown, at=row.at, bytes=row.bytes,
    )  # fmt: skip


def _file(packet: StoredPacket) -> shown.KeptPacket:
    return shown.KeptPacket(
        id=_file_id(packet), node=packet.node, kind=shown.KeptKind(packet.kind.value), number=packet.number,
        piece=packet.piece, records=0, shown=0, at=packet.at, bytes=packet.bytes, file=str(packet.path),
    )  # fmt: skip


def _file_id(packet: StoredPacket) -> str:
    return f"file-{packet.path.stem}"


def _refuse_strange(key: str, *, parts: int) -> None:
    found = key.split(":")
    if key and not (
        len(found) == parts and all(part.isascii() and part.isdecimal() and len(part) < 19 for part in found)
    ):
        raise ConfigurationError(
            "There is no such page.", code="page-unknown", remedy="Begin at the first page.", field="after"
        )
