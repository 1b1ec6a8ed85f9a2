"""Gives every mapped attribute its type: the one in the document, else that of the source attribute behind a plain
path, else that of the destination attribute, else text."""

from __future__ import annotations

from dataclasses import replace

from agent.domain.app import Attribute, DataType, Schema
from agent.domain.processflow import AttributeMapping, MapperNode, Processflow, Stage
from agent.engine.documents.catalogue import Catalogue, attribute_at
from agent.engine.documents.stages import fed_by_source, posts_by_mapper
from agent.engine.mapping.paths import plain_path


def with_types(flow: Processflow, catalogue: Catalogue) -> Processflow:
    """The processflow with the types looked up that its document does not name. Call it before a run."""
    return replace(flow, stages=tuple(_typed(stage, catalogue) for stage in flow.stages))


def _typed(stage: Stage, catalogue: Catalogue) -> Stage:
    nodes = dict(stage.nodes)
    plain = fed_by_source(stage)
    source = _attributes(catalogue.schema(stage.source))
    for mapper_id, posts in posts_by_mapper(stage).items():
        mapper = nodes[mapper_id]
        if isinstance(mapper, MapperNode):
            destination = _attributes(catalogue.schema(posts[0])) if posts else ()
            mappings = tuple(
                _with_type(mapping, source if mapper_id in plain else (), destination) for mapping in mapper.mappings
            )
            nodes[mapper_id] = replace(mapper, mappings=mappings)
    inner = {halt: tuple(_typed(one, catalogue) for one in found) for halt, found in stage.inner.items()}
    return replace(stage, nodes=nodes, inner=inner)


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
