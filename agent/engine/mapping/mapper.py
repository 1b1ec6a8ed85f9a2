"""The Mapper node at work: a packet of source records in, a batch of destination records out.

A record that cannot be mapped is reported by its index and spoils no other. A mapper may be used in any thread, by one
at a time; what JSONata needs for each thread is kept by `agent.engine.expressions.jsonata`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.domain.app import Attribute, DataType
from agent.domain.error_classes import ErrorClass
from agent.domain.errors import ConfigurationError, RecordError
from agent.domain.packet import Batch, Packet, Row
from agent.domain.processflow import AttributeMapping, MapperNode
from agent.engine.expressions.jsonata import packet_deadline, syntax_fault
from agent.engine.expressions.vocabulary import PLAIN, Vocabulary
from agent.engine.mapping.child_records import Trouble
from agent.engine.mapping.record_mapping import RecordMapping, required
from agent.engine.mapping.tracking import Tracked, Tracking
from agent.engine.walking.ways_back import MAPPED_AGAIN

# What is decoded of so many records still lies in the processor's cache when it is converted and put into rows. Whole
# packets do not: with orders of 7.5 kB, 1,250 at once took a fifth longer. See tests/benchmarks/bench_mapping.py.
_SLICE_RECORDS = 100
_LOOKUP = re.compile(r"the lookup “(?P<name>[^”]+)” has no “")
_CLASSES: Mapping[str, ErrorClass] = {
    "mapping-expression": ErrorClass.EXPRESSION_FAILED,
    "mapping-type": ErrorClass.TYPE_MISMATCH,
    "mapping-children": ErrorClass.TYPE_MISMATCH,
    "mapping-required": ErrorClass.DATA_MISSING,
    "mapping-unreadable": ErrorClass.PARSE_ERROR,
}


@dataclass(frozen=True, slots=True)
class Mapped:
    """What became of a packet: the records that could be mapped, and why others could not, by their packet index."""

    batch: Batch
    failures: Mapping[int, RecordError]


class Mapper:
    """Maps packets as a Mapper node says, with the functions and lookups of the vocabulary.

    Args:
        node: The node.
        vocabulary: What its expressions may name.
        again: What helps a record that failed to come again.

    Raises:
        ConfigurationError: code `expression-syntax`: an expression does not compile.
    """

    def __init__(self, node: MapperNode, vocabulary: Vocabulary = PLAIN, *, again: str = MAPPED_AGAIN) -> None:
        self._again = again
        _compile(node, node.mappings)
        _compile(node, [AttributeMapping(header, text, DataType.TEXT) for header, text in node.track.items()])
        self._node = node.id
        self._mapping = RecordMapping(node.mappings, vocabulary=vocabulary)
        self._attributes = tuple(_attribute(mapping) for mapping in node.mappings)
        self._tracking = Tracking(node.track, vocabulary) if node.track else None

    def tracked(self, documents: Sequence[bytes]) -> Tracked | None:
        """The tracked columns of records; None where nothing is tracked."""
        return self._tracking.of(documents) if self._tracking is not None else None

    def map_packet(self, packet: Packet) -> Mapped:
        """Map every record of the packet."""
        rows, troubles = self._found(packet)
        if not troubles:
            return Mapped(Batch(self._attributes, packet.source_ids, rows), {})
        failures = {
            index: RecordError(
                trouble.message,
                code=trouble.code,
                error_class=_class(trouble),
                cure=_cure(trouble) or f"node:{self._node}",
                remedy=trouble.remedy or self._again,
                field=trouble.attribute or None,
            )
            for index, trouble in sorted(troubles.items())
        }
        kept = [index for index in range(len(packet)) if index not in failures]
        source_ids = [packet.source_ids[index] for index in kept]
        return Mapped(Batch(self._attributes, source_ids, [rows[index] for index in kept]), failures)

    def _found(self, packet: Packet) -> tuple[list[Row], dict[int, Trouble]]:
        rows: list[Row] = []
        troubles: dict[int, Trouble] = {}
        deadline = packet_deadline()
        for start in range(0, len(packet), _SLICE_RECORDS):
            found = self._mapping.map(packet.documents[start : start + _SLICE_RECORDS], deadline=deadline)
            rows += found.rows
            troubles.update({start + index: trouble for index, trouble in found.failures.items()})
        return rows, troubles


def _class(trouble: Trouble) -> ErrorClass:
    return ErrorClass.LOOKUP_MISSING if _cure(trouble) else _CLASSES.get(trouble.code, ErrorClass.UNKNOWN)


def _cure(trouble: Trouble) -> str:
    """The lookup that lacks a value. What a function says comes out of JSONata as a text alone."""
    found = _LOOKUP.search(trouble.message) if trouble.code == "mapping-expression" else None
    return f"lookup:{found['name']}" if found is not None else ""


def _compile(node: MapperNode, mappings: Sequence[AttributeMapping]) -> None:
    for mapping in mappings:
        fault = next((fault for text in mapping.selections if (fault := syntax_fault(text)) is not None), None)
        if fault is not None:
            raise ConfigurationError(
                f"The expression of “{mapping.attribute}” in {node.id} does not compile: {fault.message}.",
                code="expression-syntax",
                remedy="Correct it in the processflow, then deploy it again.",
                field=mapping.attribute,
            )
        _compile(node, mapping.members)


def _attribute(mapping: AttributeMapping) -> Attribute:
    return Attribute(
        name=mapping.attribute,
        type=DataType.COLLECTION if mapping.members else mapping.type,
        required=required(mapping),
        primary=mapping.key,
        members=tuple(_attribute(member) for member in mapping.members),
    )
