"""A processflow for people: its nodes in running order, each with a line that says what it does."""

from __future__ import annotations

from collections.abc import Iterator

from agent.api import models
from agent.domain.app import DataType
from agent.domain.processflow import AppNode, Clause, GetNode, MapperNode, PostNode, Processflow


def nodes(flow: Processflow) -> list[models.Node]:
    """The nodes in running order; one that several chains share is named once."""
    found = {node.id: node for node in _nodes(flow)}
    return list(found.values())


def _nodes(flow: Processflow) -> Iterator[models.Node]:
    yield models.Node(id="start", type="start", title="Start", detail="When it is executed")
    for chain in flow.chains:
        yield _node(chain.get, "get", f"GET {chain.get.schema}", _reading(chain.get))
        yield _node(chain.mapper, "mapper", "Mapper", _mapping(chain.mapper))
        yield _node(chain.post, "post", f"POST {chain.post.schema}", _writing(chain.post))
    yield models.Node(id="end", type="end", title="End", detail="")


def _node(node: AppNode | MapperNode, kind: str, title: str, fallback: str) -> models.Node:
    return models.Node(id=node.id, type=kind, title=title, detail=node.description or fallback)


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


def _clause(clause: Clause) -> str:
    return f"{clause.key} {clause.operator} {clause.value}"
