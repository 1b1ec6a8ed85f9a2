"""Every JSONata expression of a document, with where it is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from agent.domain.processflow import AttributeMapping, DecisionNode, DelayNode, MapperNode, Processflow
from agent.engine.documents.document import Document
from agent.engine.documents.report import Place
from agent.engine.documents.tree import Branch, Items, Leaf, Tree


@dataclass(frozen=True, slots=True)
class Written:
    """An expression of a document. `leaf` is None where it is not clear which value holds it: `place` is near then."""

    text: str
    place: Place
    leaf: Leaf | None = None
    node: str = ""
    """Where it is evaluated; empty for that of a variable."""

    def place_at(self, offset: int) -> Place:
        """Where one of its characters stands."""
        return self.leaf.place_at(offset) if self.leaf is not None else self.place


def flow_expressions(flow: Processflow) -> Iterator[str]:
    """The expressions of a processflow."""
    for _, expression in _expressions(flow):
        yield expression


def written_expressions(document: Document) -> Iterator[Written]:
    """The expressions of a document whose form is right."""
    if document.flow is None:
        return
    leaves: dict[tuple[str, ...], list[Leaf]] = {}
    for path, expression in _expressions(document.flow):
        if path not in leaves:
            leaves[path] = _leaves(document.find(*path))
        leaf = next((one for one in leaves[path] if one.text == expression), None)
        place = leaf.place if leaf is not None else document.place(*path)
        yield Written(expression, place, leaf, path[1] if path[0] == "nodes" else "")


def _expressions(flow: Processflow) -> Iterator[tuple[tuple[str, ...], str]]:
    """Each with the path of what it belongs to; every node once, also where stages share it."""
    nodes = {node.id: node for stage in flow.all_stages for node in stage.nodes.values()}
    for node in nodes.values():
        if isinstance(node, MapperNode):
            for mapping in node.mappings:
                yield from _mapped(mapping, ("nodes", node.id, "attributes", mapping.attribute))
            for header, expression in node.track.items():
                yield ("nodes", node.id, "track", header), expression
        elif isinstance(node, DecisionNode):
            yield ("nodes", node.id, "when"), node.condition
        elif isinstance(node, DelayNode) and node.expression:
            yield ("nodes", node.id, "expression"), node.expression
    for variable in flow.variables.values():
        if variable.expression:
            yield ("variables", variable.name, "expression"), variable.expression


def _mapped(mapping: AttributeMapping, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    for expression in mapping.selections:
        yield path, expression
    for member in mapping.members:
        yield from _mapped(member, (*path, "attributes", member.attribute))


def _leaves(tree: Tree | None) -> list[Leaf]:
    """The texts at a place: its value, or `value` or `each` of the long form."""
    if isinstance(tree, Branch):
        tree = tree.members.get("each") or tree.members.get("value")
    members = tree.members if isinstance(tree, Items) else [tree]
    return [member for member in members if isinstance(member, Leaf)]
