"""The Mapper node at work: a packet of source records in, a batch of destination records out.

A record that cannot be mapped is reported by its index and spoils no other. A mapper may be used in any thread, by one
at a time; what JSONata needs for each thread is kept by `agent.engine.expressions`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from agent.domain.app import Attribute, DataType
from agent.domain.errors import ConfigurationError, RecordError
from agent.domain.packet import Batch, Packet
from agent.domain.processflow import AttributeMapping, MapperNode
from agent.engine.expressions import syntax_fault
from agent.engine.record_mapping import RecordMapping, required


@dataclass(frozen=True, slots=True)
class Mapped:
    """What became of a packet: the records that could be mapped, and why others could not, by their packet index."""

    batch: Batch
    failures: Mapping[int, RecordError]


class Mapper:
    """Maps packets as a Mapper node says.

    Raises:
        ConfigurationError: code `expression-syntax`: an expression does not compile.
    """

    def __init__(self, node: MapperNode) -> None:
        _compile(node, node.mappings)
        self._mapping = RecordMapping(node.mappings)
        self._attributes = tuple(_attribute(mapping) for mapping in node.mappings)

    def map_packet(self, packet: Packet) -> Mapped:
        """Map every record of the packet."""
        found = self._mapping.map(packet.documents)
        if not found.failures:
            return Mapped(Batch(self._attributes, packet.source_ids, found.rows), {})
        failures = {
            index: RecordError(
                trouble.message,
                code=trouble.code,
                remedy="Correct the record in the source app, or the mapping, then resync.",
                field=trouble.attribute or None,
            )
            for index, trouble in sorted(found.failures.items())
        }
        kept = [index for index in range(len(packet)) if index not in failures]
        source_ids = [packet.source_ids[index] for index in kept]
        return Mapped(Batch(self._attributes, source_ids, [found.rows[index] for index in kept]), failures)


def _compile(node: MapperNode, mappings: tuple[AttributeMapping, ...]) -> None:
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
