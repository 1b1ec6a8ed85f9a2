"""Packets on their way through a stage: what each node makes of them, as a list of things to do, in link order.

A walk has no effect: it maps, cuts, decides and waits for more packets, and says what is to be written and waited for.
Whoever walks does these things in the order in which they come.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from agent.domain.errors import RecordError
from agent.domain.packet import Packet
from agent.domain.processflow import (
    DecisionNode,
    DelayNode,
    HaltNode,
    MapperNode,
    MergerNode,
    Output,
    PostNode,
    ReturnNode,
    SplitterNode,
    Stage,
)
from agent.engine.expressions.vocabulary import PLAIN, Vocabulary
from agent.engine.mapping.mapper import Mapper
from agent.engine.walking.decisions import Condition
from agent.engine.walking.load import Load, alike, joined
from agent.engine.walking.variable_values import NO_VALUES, VariableValues
from agent.engine.walking.watch import Watch
from agent.engine.walking.ways_back import (
    DECIDED_AGAIN,
    EVENT_DECIDED_AGAIN,
    EVENT_MAPPED_AGAIN,
    MAPPED_AGAIN,
    delivered,
)


@dataclass(frozen=True, slots=True)
class Write:
    """Deliver a load to a POST. With `onward`, what succeeded walks on: see `Walker.onward`."""

    post: PostNode
    load: Load
    onward: bool = False


@dataclass(frozen=True, slots=True)
class Hold:
    """Wait before going on: for a time, or until what is inside a Halt has run."""

    node: DelayNode | HaltNode
    load: Load


@dataclass(frozen=True, slots=True)
class Drop:
    """Records that end without having been written anywhere: those with errors count as failed."""

    node: str
    load: Load


@dataclass(frozen=True, slots=True)
class Respond:
    """Records that end as the answer to the sender of their event."""

    node: ReturnNode
    load: Load


# What a POST writes and how long a Delay waits is booked when it happens; the watch need not count it.
_COUNTED_ELSEWHERE = (PostNode, DelayNode)

Action: TypeAlias = Write | Hold | Drop | Respond


class Walker:
    """Walks the packets of one stage, one after the other. Holds what Mergers wait with.

    Args:
        stage: The stage; its mappers have types.
        vocabulary: What the expressions of its nodes may name.
        values: The variables, which packets change on their way.
        watch: Sees every packet that passes a node.

    Raises:
        ConfigurationError: code `expression-syntax`: an expression does not compile.
    """

    def __init__(
        self,
        stage: Stage,
        vocabulary: Vocabulary = PLAIN,
        values: VariableValues = NO_VALUES,
        watch: Watch | None = None,
    ) -> None:
        self.vocabulary = vocabulary = replace(vocabulary, variables=values)
        self.values = values
        self._followed = {node for node in stage.nodes if values.follows(node, source=False)}
        self._stage = stage
        self.watch = watch or Watch()
        nodes, of_event = stage.nodes.values(), delivered(stage)
        mapped, decided = (
            (EVENT_MAPPED_AGAIN, EVENT_DECIDED_AGAIN) if of_event else (MAPPED_AGAIN, DECIDED_AGAIN)
        )  # fmt: skip
        self._mappers = {
            node.id: Mapper(node, vocabulary, again=mapped) for node in nodes if isinstance(node, MapperNode)
        }
        self._conditions = {
            node.id: Condition(node, vocabulary, again=decided) for node in nodes if isinstance(node, DecisionNode)
        }
        self._held: dict[str, list[Load]] = {}

    @property
    def holds(self) -> bool:
        """Whether a Merger waits with records."""
        return any(self._held.values())

    def let_go(self, source_ids: Collection[str]) -> list[str]:
        """Drop these records where Mergers wait with them: newer states come. Returns those that were there."""
        dropped: list[str] = []
        for node_id, loads in self._held.items():
            kept = []
            for load in loads:
                indices = [index for index, one in enumerate(load.source_ids) if one not in source_ids]
                dropped += [one for one in load.source_ids if one in source_ids]
                kept.append(load.picked(indices) if len(indices) < len(load) else load)
            self._held[node_id] = [load for load in kept if len(load)]
        return dropped

    def walk(self, load: Load, *, read: Sequence[bytes] | None = None) -> Iterator[Action]:
        """What is to be done with a packet from the source. `read` are the records as they were read, where some of
        them do not walk any more."""
        if len(load):
            self.watch.sent_on(self._stage.source.id, load)
        self.values.leave(self._stage.source.id, load.documents if read is None else read, source=True)
        yield from self._onward(self._stage.source.id, Output.ONLY, load)

    def enter(self, post: PostNode, load: Load) -> Iterator[Action]:
        """What is to be done with what is brought straight to a POST."""
        yield from self._pass(post.id, load)

    def onward(self, post: PostNode, load: Load) -> Iterator[Action]:
        """What is to be done with what was written."""
        self.watch.sent_on(post.id, load)
        yield from self._onward(post.id, Output.ONLY, load)

    def flush(self) -> Iterator[Action]:
        """The read has ended: what Mergers wait with goes on. Call it until nothing comes."""
        # One at a time: what it sends on may reach another Merger, which has to wait for it.
        for node_id in self._stage.nodes:
            if self._held.get(node_id):
                yield from self._release(node_id)
                return

    def _onward(self, node_id: str, output: Output, load: Load) -> Iterator[Action]:
        if node_id in self._followed:
            self.values.leave(node_id, _fine(load), source=False)
        targets = [way.target for way in self._stage.ways.get(node_id, ()) if way.output is output]
        if not targets and len(load) and not isinstance(self._stage.nodes.get(node_id), PostNode):
            yield Drop(node_id, load)
        for target in targets:
            yield from self._pass(target, load)

    def _pass(self, node_id: str, load: Load) -> Iterator[Action]:
        if not len(load):
            return
        node = self._stage.nodes[node_id]
        if isinstance(node, _COUNTED_ELSEWHERE):
            self.watch.arrived(node_id, load)
        else:
            self.watch.came(node_id, load)
        match node:
            case PostNode():
                yield Write(node, load, onward=node_id in self._stage.ways)
            case ReturnNode():
                yield Respond(node, load)
            case MapperNode():
                yield from self._go(node_id, Output.ONLY, self._mapped(node_id, load))
            case SplitterNode():
                for piece in load.cut(node.size):
                    yield from self._go(node_id, Output.ONLY, piece)
            case MergerNode():
                yield from self._merge(node, load)
            case DecisionNode():
                yield from self._decide(node, load)
            case DelayNode() | HaltNode():
                yield Hold(node, load)
                yield from self._go(node_id, Output.ONLY, load)
            case _:
                yield from self._go(node_id, Output.ONLY, load)

    def _go(self, node_id: str, output: Output, load: Load) -> Iterator[Action]:
        """Let a load leave a node that was at work on it."""
        if len(load):
            elsewhere = isinstance(self._stage.nodes[node_id], _COUNTED_ELSEWHERE)
            (self.watch.sent_on if elsewhere else self.watch.went)(node_id, load)
        yield from self._onward(node_id, output, load)

    def _mapped(self, node_id: str, load: Load) -> Load:
        """The load after a Mapper. Records that failed before are not mapped."""
        fine = [index for index in range(len(load)) if index not in load.errors] if load.errors else range(len(load))
        documents = load.as_documents()
        source_ids: Sequence[str] = load.source_ids
        if load.errors:
            documents, source_ids = [documents[index] for index in fine], [source_ids[index] for index in fine]
        mapper = self._mappers[node_id]
        with self.watch.at_work(node_id):
            found = mapper.map_packet(Packet(source_ids, documents, {}))
        self.watch.failed(node_id, load, [fine[place] for place in found.failures])
        tracked = load.tracked
        if (columns := mapper.tracked(documents)) is not None:
            for one in columns.failures:
                self.watch.untracked(node_id, one.header, record=source_ids[one.index], reason=one.reason)
            of_fine = dict(zip(fine, columns.texts, strict=True))
            tracked = [of_fine.get(index) or (tracked[index] if tracked else "") for index in range(len(load))]
        if not found.failures and not load.errors:
            return Load(
                load.source_ids, load.fingerprints, (), found.batch.attributes, found.batch.rows, tracked=tracked
            )
        errors: dict[int, RecordError] = dict(load.errors)
        errors.update({fine[place]: error for place, error in found.failures.items()})
        rows = iter(found.batch.rows)
        filled = [None if index in errors else next(rows) for index in range(len(load))]
        return Load(load.source_ids, load.fingerprints, (), found.batch.attributes, filled, errors, tracked)

    def _merge(self, node: MergerNode, load: Load) -> Iterator[Action]:
        held = self._held.setdefault(node.id, [])
        if held and not alike(held[0], load):
            yield from self._release(node.id)
            held = self._held.setdefault(node.id, [])
        held.append(load)
        if len(held) >= node.packets:
            yield from self._release(node.id)

    def _release(self, node_id: str) -> Iterator[Action]:
        yield from self._go(node_id, Output.ONLY, joined(self._held.pop(node_id)))

    def _decide(self, node: DecisionNode, load: Load) -> Iterator[Action]:
        with self.watch.at_work(node.id):
            decided = self._conditions[node.id].decide(load)
        self.watch.failed(node.id, load, decided.errors)
        load = load.failed(decided.errors)
        yield from self._go(node.id, Output.THEN, load.picked(decided.then))
        yield from self._go(node.id, Output.OTHERWISE, load.picked(decided.otherwise))


def _fine(load: Load) -> Sequence[bytes]:
    """The records that have not failed."""
    documents = load.as_documents()
    return [document for index, document in enumerate(documents) if index not in load.errors]
