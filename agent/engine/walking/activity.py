"""What the log says of the nodes of a stage: that each one begins, and what it has done when the stage has ended.

One line for the beginning and one for the end of each node, however many packets there are. What the snapshot knows of
the run tells which nodes have begun in an earlier slice.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import assert_never

from agent.domain.processflow import (
    DecisionNode,
    DelayNode,
    FlowNode,
    GetNode,
    HaltNode,
    MapperNode,
    MergerNode,
    PostNode,
    ResumeNode,
    ReturnNode,
    SplitterNode,
    Stage,
)
from agent.engine.walking.journal import RunJournal
from agent.engine.walking.packet_look import PacketLook
from agent.engine.walking.request_look import RequestLook
from agent.engine.walking.watch import Watch
from agent.store.looks.node_work import NodeWork
from agent.store.moments import to_milliseconds
from agent.store.runs.ledger import Ledger


class StageActivity:
    """What happens at the nodes of one stage of one run.

    Args:
        stage: The stage.
        run: The run's id.
        ledger: Knows what the nodes did in earlier slices.
        journal: Hears of beginnings and ends.
        clock: Gives the present, aware.
        number: How many packets of the stage the run has carried.
        warned: The nodes and tracked columns that the run has warned of.
    """

    def __init__(
        self,
        *,
        stage: Stage,
        run: str,
        ledger: Ledger,
        journal: RunJournal,
        clock: Callable[[], datetime],
        number: int,
        warned: set[tuple[str, str]],
    ) -> None:
        self._warned = warned
        self._stage, self._run, self._ledger = stage, run, ledger
        self._journal, self._clock, self._number = journal, clock, number
        self._known = frozenset(work.node for work in ledger.entries(run))

    def begins(self) -> None:
        """The source begins to work."""
        source = self._stage.source.id
        if source not in self._known:
            now = to_milliseconds(self._clock())
            self._ledger.note_work(self._run, [NodeWork(source, 1, now, now)])

    def watch(self, *, number: int) -> Watch:
        """A watch over packets of this stage, of which so many have been carried before."""
        look = PacketLook(self._journal, number=number, sampled=self._known)
        return Watch(
            clock=self._clock, look=look, begun=self._begun, untracked=self._tell_untracked, known=self._known
        )  # fmt: skip

    def _tell_untracked(self, node: str, header: str, record: str, reason: str) -> None:
        """Warn of each column once in a run: the record is an example."""
        if (node, header) not in self._warned:
            self._warned.add((node, header))
            self._journal.write(
                "warning",
                f"The tracked column “{header}” cannot be computed for {record}, and perhaps others: {reason}.",
                node=node, record=record, detail="It is left empty there; the record itself is written all the same.",
            )  # fmt: skip

    def requests(self, node: str) -> RequestLook:
        """Who looks at what a node sends."""
        return RequestLook(self._journal, node, self._number, sampled=node in self._known)

    def ended(self) -> None:
        """The stage has come to its end."""
        done = {node: _Sum() for node in (self._stage.source.id, *self._stage.nodes)}
        for work in self._ledger.entries(self._run):
            if work.node in done:
                done[work.node].add(work)
        for node, found in done.items():
            self._journal.write("debug", _ended(self._node(node), found), node=node)

    def _begun(self, node: str) -> None:
        self._journal.write("debug", _beginning(self._node(node)), node=node)

    def _node(self, node: str) -> GetNode | FlowNode:
        return self._stage.source if node == self._stage.source.id else self._stage.nodes[node]


class _Sum:
    """All entries of a node together."""

    def __init__(self) -> None:
        self.came = self.went = self.failed = self.skipped = self.unchanged = 0

    def add(self, work: NodeWork) -> None:
        self.came += work.records_in
        self.went += work.records_out
        self.failed += work.failed
        self.skipped += work.skipped
        self.unchanged += work.unchanged

    def text(self, what: str) -> str:
        parts = [f"{self.went:,} records {what}"]
        parts += [f"{self.failed:,} failed"] if self.failed else []
        parts += [f"{self.skipped:,} skipped"] if self.skipped else []
        parts += [f"{self.unchanged:,} unchanged"] if self.unchanged else []
        return ", ".join(parts)


def _beginning(node: GetNode | FlowNode) -> str:
    match node:
        case GetNode():
            return "Starting data pulling from source application."
        case MapperNode():
            return "Starting data transformation."
        case PostNode():
            return "Data sending to destination application is starting."
        case SplitterNode() | MergerNode() | DecisionNode() | DelayNode() | HaltNode() | ResumeNode() | ReturnNode():
            return f"Starting {node.id}."
        case _:
            assert_never(node)


def _ended(node: GetNode | FlowNode, done: _Sum) -> str:
    match node:
        case GetNode():
            return f"Finished data pulling from source application: {done.text('read')}."
        case MapperNode():
            return f"Finished data transformation: {done.text('mapped')}."
        case PostNode() if not done.came:
            return f"Nothing to post: {done.text('written')}."
        case PostNode():
            return f"Data sending to destination application finished: {done.text('written')}."
        case _:
            return f"Finished {node.id}: {done.text('went on')}."
