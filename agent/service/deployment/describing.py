"""A processflow for people: its nodes in running order, each with a line that says what it does."""

from __future__ import annotations

from collections.abc import Iterator

from agent.api import flow_models
from agent.domain.app import DataType
from agent.domain.clauses import FilterPart, Group
from agent.domain.processflow import (
    DecisionNode,
    DelayNode,
    EventSource,
    FlowNode,
    GetNode,
    HaltNode,
    MapperNode,
    MergerNode,
    PostNode,
    Processflow,
    ResumeNode,
    ReturnNode,
    SplitterNode,
    Stage,
)


def nodes(flow: Processflow) -> list[flow_models.Node]:
    """The nodes in running order; one that several chains share is named once."""
    found = {node.id: node for node in _nodes(flow)}
    return list(found.values())


def _nodes(flow: Processflow) -> Iterator[flow_models.Node]:
    waits = "When events arrive" if flow.starts_by_events else "When it is executed"
    yield _node(flow.start.id, "start", "Start", flow.start.description, waits)
    for stage in flow.stages:
        yield from _stage(stage)
    yield flow_models.Node(id="end", type="end", title="End", detail="")


def _stage(stage: Stage) -> Iterator[flow_models.Node]:
    get = stage.source
    if not isinstance(get, EventSource):
        yield _node(get.id, "get", f"GET {get.schema}", get.description, _reading(get))
    for node in stage.nodes.values():
        yield _flow_node(node)
        for inner in stage.inner.get(node.id, ()):
            yield from _stage(inner)


def _flow_node(node: FlowNode) -> flow_models.Node:
    match node:
        case MapperNode():
            kind, title, fallback = "mapper", "Mapper", _mapping(node)
        case PostNode():
            kind, title, fallback = "post", f"POST {node.schema}", _writing(node)
        case SplitterNode():
            kind, title, fallback = "splitter", "Splitter", f"Packets of at most {node.size:,} records"
        case MergerNode():
            kind, title, fallback = "merger", "Merger", f"Waits for {node.packets:,} packets"
        case DelayNode():
            length = f"{node.seconds:g} s" if not node.expression else node.expression
            kind, title, fallback = "delay", "Delay", f"Holds packets back: {length}"
        case DecisionNode():
            kind, title, fallback = "decision", "Decision", node.condition
        case HaltNode():
            kind, title, fallback = "halt", "Halt", "Holds packets back until what follows has run"
        case ResumeNode():
            kind, title, fallback = "resume", "Resume", f"Packets of {node.halt} go on"
        case ReturnNode():
            waits = f"The packet that gets here, within {node.wait_seconds} s" if node.text is None else "At once"
            kind, title, fallback = "return-response", "Return Response", f"Answers the sender: {waits}"
    return _node(node.id, kind, title, node.description, fallback)


def _node(node_id: str, kind: str, title: str, description: str, fallback: str) -> flow_models.Node:
    return flow_models.Node(id=node_id, type=kind, title=title, detail=description or fallback)


def _reading(node: GetNode) -> str:
    clauses = ", ".join(_clause(clause) for clause in node.filters)
    return f"{node.schema} {node.action} from {node.credential}{f' where {clauses}' if clauses else ''}"


def _writing(node: PostNode) -> str:
    return f"{node.schema} {node.action} to {node.credential}"


def _mapping(node: MapperNode) -> str:
    plain = sum(mapping.type is not DataType.COLLECTION for mapping in node.mappings)
    collections = [mapping.attribute for mapping in node.mappings if mapping.type is DataType.COLLECTION]
    more = f" and the collections {', '.join(collections)}" if collections else ""
    return f"{plain} attribute{'' if plain == 1 else 's'}{more}"


def _clause(part: FilterPart) -> str:
    if isinstance(part, Group):
        return f"({f' {part.join.value} '.join(_clause(member) for member in part.members)})"
    return f"{part.key} {part.operator} {part.value}"
