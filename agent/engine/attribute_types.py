"""Gives every mapped attribute its type: the one in the document, else that of the source attribute behind a plain
path, else that of the destination attribute, else text."""

from __future__ import annotations

from dataclasses import replace

from agent.domain.app import Attribute, DataType, Schema
from agent.domain.processflow import AttributeMapping, Chain, Processflow
from agent.engine.catalogue import Catalogue, attribute_at
from agent.engine.paths import plain_path


def with_types(flow: Processflow, catalogue: Catalogue) -> Processflow:
    """The processflow with the types looked up that its document does not name. Call it before a run."""
    return replace(flow, chains=tuple(_typed(chain, catalogue) for chain in flow.chains))


def _typed(chain: Chain, catalogue: Catalogue) -> Chain:
    source = _attributes(catalogue.schema(chain.get))
    destination = _attributes(catalogue.schema(chain.post))
    mappings = tuple(_with_type(mapping, source, destination) for mapping in chain.mapper.mappings)
    return replace(chain, mapper=replace(chain.mapper, mappings=mappings))


def _attributes(schema: Schema | None) -> tuple[Attribute, ...]:
    return schema.attributes if schema is not None else ()


def _with_type(
    mapping: AttributeMapping, source: tuple[Attribute, ...], destination: tuple[Attribute, ...]
) -> AttributeMapping:
    paths = [path for path in map(plain_path, mapping.selections) if path is not None]
    every = [found for path in paths if (found := attribute_at(source, path)[0]) is not None]
    found = every[0] if every else None
    target = next((attribute for attribute in destination if attribute.name == mapping.attribute), None)
    if mapping.members:
        # Where the child records come from several places, the first that has an attribute tells its type.
        below = tuple(member for one in every for member in one.members)
        members = tuple(_with_type(member, below, target.members if target else ()) for member in mapping.members)
        return replace(mapping, members=members)
    if mapping.typed:
        return mapping
    type_ = next((one.type for one in (found, target) if one is not None), DataType.TEXT)
    # A whole collection in one attribute can only be JSON text.
    return replace(mapping, type=DataType.JSON if type_ is DataType.COLLECTION else type_, typed=True)
