"""From nodes and links to chains: looks at how the nodes of a document hang together, and in which order they run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from agent.domain.processflow import Chain, GetNode, MapperNode, NodeType, PostNode
from agent.engine.node_forms import Formed
from agent.engine.report import Place, Report, quoted
from agent.engine.tree import Items, Leaf

_NEXT: Mapping[NodeType, NodeType] = {
    NodeType.START: NodeType.GET,
    NodeType.GET: NodeType.MAPPER,
    NodeType.MAPPER: NodeType.POST,
    NodeType.POST: NodeType.END,
}
_NAMES: Mapping[NodeType, str] = {
    NodeType.START: "Start",
    NodeType.GET: "GET",
    NodeType.MAPPER: "a Mapper",
    NodeType.POST: "POST",
    NodeType.END: "End",
}
_ORDER = "A chain is Start, GET, Mapper, POST and, if you like, End."


@dataclass(frozen=True, slots=True)
class _Link:
    source: str
    target: str
    place: Place


def chains(nodes: Mapping[str, Formed], links: Items, report: Report, *, complete: bool) -> tuple[Chain, ...]:
    """The chains in link order. Whatever keeps the graph from running is noted in the report.

    Args:
        nodes: The nodes by id.
        links: The member `links` of the document.
        report: Gets the problems.
        complete: False where some nodes are missing because they were refused: what follows from that is not noted.
    """
    edges, known = _edges(nodes, links, report, complete=complete)
    complete = complete and known
    if _has_cycle(edges, report):
        return ()
    start = _start(nodes, links.place, report, complete=complete)
    if start is None:
        return ()
    followers = _followers(edges)
    reached = _reached(start.id, followers)
    if complete:
        for node in nodes.values():
            if node.id not in reached:
                message = f"No path leads from {quoted(start.id)} to the node {quoted(node.id)}."
                report.add(node.place, "node-not-reached", message, "Link it or remove it.")
        _look_at_ends([nodes[node_id] for node_id in nodes if node_id in reached], followers, report)
    return _found_chains(nodes, start, followers, report)


def _edges(nodes: Mapping[str, Formed], links: Items, report: Report, *, complete: bool) -> tuple[list[_Link], bool]:
    """The links, and whether all of them lead to nodes that there are."""
    edges: list[_Link] = []
    seen: set[tuple[str, str]] = set()
    known = True
    for path in links.members:
        leaves = [member for member in path.members if isinstance(member, Leaf)] if isinstance(path, Items) else []
        if not isinstance(path, Items) or len(leaves) < max(2, len(path.members)):
            known = False
            report.add(path.place, "wrong-type", "A link must be a list of two or more node ids.", "Write [start, …].")
            continue
        for leaf in leaves:
            known = known and leaf.text in nodes
            if leaf.text not in nodes and complete:
                message = f"There is no node {quoted(leaf.text)}."
                report.add_unknown(leaf.place, "unknown-node", message, name=leaf.text, known=nodes)
        for source, target in pairwise(leaves):
            pair = (source.text, target.text)
            if source.text in nodes and target.text in nodes and pair not in seen:
                seen.add(pair)
                edges.append(_Link(*pair, target.place))
                _look_at_order(nodes[source.text], nodes[target.text], target.place, report)
    return edges, known


def _look_at_order(source: Formed, target: Formed, place: Place, report: Report) -> None:
    if source.id == target.id:
        return
    if source.node is None or target.node is None:
        return
    if _NEXT.get(source.type) is not target.type and target.type is not NodeType.END:
        report.add(place, "wrong-order", f"{_NAMES[target.type]} cannot follow {_NAMES[source.type]}.", _ORDER)
    elif target.type is NodeType.END and source.type is not NodeType.POST:
        report.add(place, "wrong-order", f"End cannot follow {_NAMES[source.type]}.", _ORDER)


def _has_cycle(edges: Sequence[_Link], report: Report) -> bool:
    """Remove what nothing leads to, again and again: what remains goes in circles."""
    remaining = list(edges)
    while remaining:
        targets = {edge.target for edge in remaining}
        kept = [edge for edge in remaining if edge.source in targets]
        if len(kept) == len(remaining):
            followers = _followers(kept)
            closing = next(edge for edge in reversed(kept) if edge.source in _reached(edge.target, followers))
            message = f"The links go in a circle: {quoted(closing.target)} is reached from itself."
            report.add(closing.place, "cycle", message, "Self-loops come with a later version.")
            return True
        remaining = kept
    return False


def _start(nodes: Mapping[str, Formed], place: Place, report: Report, *, complete: bool) -> Formed | None:
    starts = [node for node in nodes.values() if node.type is NodeType.START]
    if not starts:
        if complete:
            report.add(place, "no-start", "There is no start node.", "Add start: {type: start} to the nodes.")
        return None
    for other in starts[1:]:
        report.add(other.place, "several-starts", "There is more than one start node.", "Keep one of them.")
    return starts[0]


def _followers(edges: Sequence[_Link]) -> dict[str, list[_Link]]:
    followers: dict[str, list[_Link]] = {}
    for edge in edges:
        followers.setdefault(edge.source, []).append(edge)
    return followers


def _reached(start: str, followers: Mapping[str, Sequence[_Link]]) -> set[str]:
    reached: set[str] = set()
    waiting = [start]
    while waiting:
        node = waiting.pop()
        if node not in reached:
            reached.add(node)
            waiting += [link.target for link in followers.get(node, ())]
    return reached


def _look_at_ends(nodes: Sequence[Formed], followers: Mapping[str, Sequence[_Link]], report: Report) -> None:
    for node in nodes:
        wanted = _NEXT.get(node.type)
        if wanted is not None and node.type is not NodeType.POST and node.id not in followers:
            message = f"The chain ends at {quoted(node.id)}: {_NAMES[wanted]} must follow."
            report.add(node.place, "open-end", message, _ORDER)


def _found_chains(
    nodes: Mapping[str, Formed], start: Formed, followers: Mapping[str, Sequence[_Link]], report: Report
) -> tuple[Chain, ...]:
    found: list[Chain] = []
    taken: set[str] = set()
    shared: set[str] = set()
    for first in followers.get(start.id, ()):
        for second in followers.get(first.target, ()):
            for third in followers.get(second.target, ()):
                get, mapper, post = (nodes[link.target].node for link in (first, second, third))
                if not (isinstance(get, GetNode) and isinstance(mapper, MapperNode) and isinstance(post, PostNode)):
                    continue
                if post.id not in taken:
                    found.append(Chain(get, mapper, post))
                elif post.id not in shared:
                    shared.add(post.id)
                    message = f"Two paths lead to {quoted(post.id)}."
                    report.add(third.place, "shared-post", message, "Give each of them a POST node of its own.")
                taken.add(post.id)
    return tuple(found)
