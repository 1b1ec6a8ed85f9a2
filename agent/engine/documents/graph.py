"""How the nodes of a document hang together: links, which node may follow which, and what can never run.

The links are read here once, with everything that is wrong about them at its place; `agent.engine.documents.stages`
makes the stages of a run out of what this module found right.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from agent.domain.processflow import GetNode, HaltNode, NodeType, Output, ResumeNode, StartNode, Way
from agent.engine.documents.node_forms import Formed
from agent.engine.documents.report import Place, Report, quoted
from agent.engine.documents.tree import Branch, Items, Leaf, Tree

_STEERING = frozenset({
    NodeType.SPLITTER, NodeType.MERGER, NodeType.DELAY, NodeType.DECISION, NodeType.HALT, NodeType.RETURN_RESPONSE,
})  # fmt: skip
_ON = _STEERING | {NodeType.MAPPER, NodeType.POST, NodeType.RESUME, NodeType.END}
_MAY_FOLLOW: Mapping[NodeType, frozenset[NodeType]] = {
    NodeType.START: frozenset({NodeType.GET}),
    NodeType.GET: _ON,
    NodeType.MAPPER: _ON,
    NodeType.POST: _ON | {NodeType.GET},
    NodeType.SPLITTER: _ON,
    NodeType.MERGER: _ON,
    NodeType.DELAY: _ON,
    NodeType.DECISION: _ON,
    NodeType.HALT: frozenset({NodeType.GET}),
    NodeType.RESUME: frozenset({NodeType.GET, NodeType.MAPPER, NodeType.POST, NodeType.DECISION, NodeType.END}),
    NodeType.RETURN_RESPONSE: frozenset({NodeType.END}),
    NodeType.END: frozenset(),
}
# What waits for events has records of its own, which go straight on.
_AFTER_EVENTS = (_ON | {NodeType.GET}) - {NodeType.POST, NodeType.RESUME, NodeType.END}
_NAMES: Mapping[NodeType, str] = {
    NodeType.START: "Start",
    NodeType.GET: "GET",
    NodeType.MAPPER: "a Mapper",
    NodeType.POST: "POST",
    NodeType.SPLITTER: "a Splitter",
    NodeType.MERGER: "a Merger",
    NodeType.DELAY: "a Delay",
    NodeType.DECISION: "a Decision",
    NodeType.HALT: "a Halt",
    NodeType.RESUME: "a Resume",
    NodeType.RETURN_RESPONSE: "Return Response",
    NodeType.END: "End",
}


class _End(NamedTuple):
    """One end of a link as it was written."""

    text: str
    place: Place


@dataclass(frozen=True, slots=True)
class Edge:
    """A link from one node to another."""

    source: str
    target: str
    output: Output
    place: Place


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes and links that were found right, with the nodes that are missing because they were refused left out.

    `whole` is False where something is missing: what would follow from that is not worth a message.
    """

    nodes: Mapping[str, Formed]
    ways: Mapping[str, tuple[Way, ...]]
    places: Mapping[tuple[str, str], Place]
    start: Formed
    whole: bool

    @property
    def waits_for_events(self) -> bool:
        """Whether events start it."""
        return isinstance(self.start.node, StartNode) and self.start.node.event is not None

    def after(self, node_id: str) -> tuple[str, ...]:
        """The nodes that follow a node, in link order."""
        return tuple(way.target for way in self.ways.get(node_id, ()))

    def reached(self, *node_ids: str, without: Iterable[str] = ()) -> list[str]:
        """These nodes and all that packets from them can reach, each once, in link order; `without` are not entered."""
        barred = frozenset(without)
        found: dict[str, None] = {}
        waiting = list(reversed(node_ids))
        while waiting:
            node_id = waiting.pop()
            if node_id not in found and node_id not in barred:
                found[node_id] = None
                waiting += reversed(self.after(node_id))
        return list(found)


def graph(
    document: Branch, nodes: Mapping[str, Formed], links: Items, report: Report, *, complete: bool
) -> Graph | None:
    """The graph of a document; None where it cannot run at all. What keeps it from running is noted in the report.

    Args:
        document: The whole document, for the outputs of Decisions.
        nodes: The nodes by id.
        links: The member `links` of the document.
        report: Gets the problems.
        complete: False where some nodes are missing because they were refused.
    """
    edges, known = _edges(document, nodes, links, report, complete=complete)
    complete = complete and known
    if _has_cycle(edges, report):
        return None
    start = _start(nodes, links.place, report, complete=complete)
    if start is None:
        return None
    ways: dict[str, tuple[Way, ...]] = {}
    for edge in edges:
        ways[edge.source] = (*ways.get(edge.source, ()), Way(edge.target, edge.output))
    found = Graph(nodes, ways, {(edge.source, edge.target): edge.place for edge in edges}, start, complete)
    if complete:
        _look_at_reach(found, report)
        _look_at_pairs(found, report)
    return found


def _edges(
    document: Branch, nodes: Mapping[str, Formed], links: Items, report: Report, *, complete: bool
) -> tuple[list[Edge], bool]:
    """The links, and whether all of them lead to nodes that there are."""
    edges: dict[tuple[str, str, Output], Edge] = {}
    known = True
    for source, target, output in _pairs(document, nodes, links, report):
        for end in (source, target):
            if end.text not in nodes:
                known = False
                if complete:
                    message = f"There is no node {quoted(end.text)}."
                    report.add_unknown(end.place, "unknown-node", message, name=end.text, known=nodes)
        if source.text not in nodes or target.text not in nodes:
            continue
        first, second = nodes[source.text], nodes[target.text]
        if first.id == second.id:
            _look_at_loop(first, target.place, report)
            continue
        if first.type is NodeType.DECISION and output is Output.ONLY:
            message = f"The ways out of the decision {quoted(first.id)} are its “then” and “otherwise”."
            report.add(target.place, "wrong-order", message, "Remove the link.")
            continue
        key = (first.id, second.id, output)
        if key not in edges:
            edges[key] = Edge(*key, target.place)
            _look_at_order(first, second, target.place, report)
    lead_on = {edge.source for edge in edges.values() if edge.output is Output.THEN}
    # What a Decision leads to was not written right: that is worth a message, what would follow from it is not.
    known = known and all(node.id in lead_on for node in nodes.values() if node.type is NodeType.DECISION)
    return list(edges.values()), known


def _pairs(
    document: Branch, nodes: Mapping[str, Formed], links: Items, report: Report
) -> Iterator[tuple[_End, _End, Output]]:
    """Every two ends of a link: those of Decisions stand in the nodes, all others under `links`."""
    for path in links.members:
        members = path.members if isinstance(path, Items) else []
        ends = [_End(member.text, member.place) for member in members if isinstance(member, Leaf)]
        if len(ends) < max(2, len(members)):
            report.add(path.place, "wrong-type", "A link must be a list of two or more node ids.", "Write [start, …].")
            continue
        for source, target in pairwise(ends):
            yield source, target, Output.ONLY
    forms = document.members.get("nodes")
    for node in nodes.values():
        form: Tree | None = forms.members.get(node.id) if isinstance(forms, Branch) else None
        if node.type is not NodeType.DECISION or not isinstance(form, Branch):
            continue
        for output in (Output.THEN, Output.OTHERWISE):
            leaf = form.members.get(output.value)
            if isinstance(leaf, Leaf) and leaf.text.strip():
                yield _End(node.id, node.place), _End(leaf.text.strip(), leaf.place), output


def _look_at_loop(node: Formed, place: Place, report: Report) -> None:
    """A link from a node to itself is the loop of a GET; elsewhere packets pass by themselves."""
    if isinstance(node.node, GetNode) and node.node.loop is not None:
        return
    if node.type is NodeType.GET:
        message = f"{quoted(node.id)} is linked to itself, but does not say how often it repeats."
        report.add(place, "cycle", message, "Add loop: {until: no-data} to the node.")
        return
    name = _capital(_NAMES[node.type])
    message = f"{name} needs no loop: every packet passes it."
    report.add(place, "cycle", message, "Remove the link from the node to itself.")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _look_at_order(source: Formed, target: Formed, place: Place, report: Report) -> None:
    if source.node is None or target.node is None:
        return
    allowed = _may_follow(source)
    if target.type not in allowed:
        may = ", ".join(_NAMES[type_] for type_ in NodeType if type_ in allowed) or "nothing"
        message = f"{_capital(_NAMES[target.type])} cannot follow {_NAMES[source.type]}."
        report.add(place, "wrong-order", message, f"It may be followed by {may}.")


def _may_follow(source: Formed) -> frozenset[NodeType]:
    if isinstance(source.node, StartNode) and source.node.event is not None:
        return _AFTER_EVENTS
    return _MAY_FOLLOW[source.type]


def _has_cycle(edges: Sequence[Edge], report: Report) -> bool:
    """Remove what nothing leads to, again and again: what remains goes in circles."""
    remaining = list(edges)
    while remaining:
        targets = {edge.target for edge in remaining}
        kept = [edge for edge in remaining if edge.source in targets]
        if len(kept) == len(remaining):
            closing = next(edge for edge in reversed(kept) if _leads(kept, edge.target, edge.source))
            message = f"The links go in a circle: {quoted(closing.target)} is reached from itself."
            report.add(closing.place, "cycle", message, "Only a GET can repeat: give it a “loop”.")
            return True
        remaining = kept
    return False


def _leads(edges: Sequence[Edge], source: str, target: str) -> bool:
    reached, waiting = {source}, [source]
    while waiting:
        node_id = waiting.pop()
        for edge in edges:
            if edge.source == node_id and edge.target not in reached:
                reached.add(edge.target)
                waiting.append(edge.target)
    return target in reached


def _start(nodes: Mapping[str, Formed], place: Place, report: Report, *, complete: bool) -> Formed | None:
    starts = [node for node in nodes.values() if node.type is NodeType.START]
    if not starts:
        if complete:
            report.add(place, "no-start", "There is no start node.", "Add start: {type: start} to the nodes.")
        return None
    for other in starts[1:]:
        report.add(other.place, "several-starts", "There is more than one start node.", "Keep one of them.")
    return starts[0]


def _look_at_reach(found: Graph, report: Report) -> None:
    reached = set(found.reached(found.start.id))
    # Packets get to a Resume from its Halt, whether or not a link leads there.
    for node in found.nodes.values():
        if isinstance(node.node, ResumeNode) and node.node.halt in reached:
            reached.update(found.reached(node.id))
    for node in found.nodes.values():
        if node.id not in reached:
            message = f"No path leads from {quoted(found.start.id)} to the node {quoted(node.id)}."
            report.add(node.place, "node-not-reached", message, "Link it or remove it.")
    for node_id in reached:
        node = found.nodes[node_id]
        ends = node.type in {NodeType.END, NodeType.POST, NodeType.RETURN_RESPONSE}
        if not ends and node.id not in found.ways:
            may = ", ".join(_NAMES[type_] for type_ in NodeType if type_ in _may_follow(node))
            message = f"The path ends at {quoted(node.id)}: something must follow."
            report.add(node.place, "open-end", message, f"It may be followed by {may}.")


def _look_at_pairs(found: Graph, report: Report) -> None:
    """A Halt and its Resume belong together: exactly one of each, and the one leads to the other."""
    partners: dict[str, list[Formed]] = {}
    for node in found.nodes.values():
        if isinstance(node.node, ResumeNode) and node.node.halt:
            halt = found.nodes.get(node.node.halt)
            if halt is None or not isinstance(halt.node, HaltNode):
                message = f"The resume {quoted(node.id)} names no halt: {quoted(node.node.halt)}."
                report.add(node.place, "unknown-halt", message, "Write the id of its halt node under “halt”.")
            elif node.id not in found.reached(halt.id):
                message = f"No path leads from the halt {quoted(halt.id)} to its resume {quoted(node.id)}."
                report.add(node.place, "node-not-reached", message, "Link the end of the path after the halt to it.")
            else:
                partners.setdefault(halt.id, []).append(node)
    for node in found.nodes.values():
        if isinstance(node.node, HaltNode) and len(partners.get(node.id, ())) != 1:
            message = f"The halt {quoted(node.id)} needs exactly one resume."
            report.add(node.place, "unpaired-halt", message, f"Add a node {{type: resume, halt: {node.id}}}.")
