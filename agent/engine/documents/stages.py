"""From a graph to the stages of a run: each GET with everything that its packets pass.

A stage ends where a GET begins another one. A later stage runs once all that lead to it have run; among those that may,
link order decides. What is between a Halt and its Resume makes stages of its own, inside the one that is held back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from agent.domain.app import Action, ActionKind
from agent.domain.processflow import (
    DecisionNode,
    EventSource,
    FlowNode,
    GetNode,
    HaltNode,
    Loop,
    MapperNode,
    NodeType,
    PostNode,
    ResumeNode,
    Stage,
    StartNode,
    Way,
)
from agent.engine.documents.event_checks import look_at_events
from agent.engine.documents.graph import Graph
from agent.engine.documents.node_forms import EndNode
from agent.engine.documents.report import Report, quoted
from agent.engine.filters.record_ids import names_events


def stages(graph: Graph, report: Report) -> tuple[Stage, ...]:
    """The stages in running order. What would be ambiguous is noted in the report."""
    maker = _Maker(graph, report)
    sources = _event_sources(graph) or _sources_after(graph, [graph.start.id], barred=())
    found = maker.ordered(sources, barred=())
    if graph.whole and not found:
        report.add(graph.start.place, "open-end", "The path ends at the start: something must follow.", "Link a GET.")
    if graph.whole:
        look_at_events(graph, found, report)
    return found


# Under steady load a run would never end, and nobody would see how it went.
_UNTIL_NONE_WAITS = Loop(seconds=300.0)
_RECEIVE = Action("receive", ActionKind.READ, by_id=True, windowed_by="received")


class _Maker:
    """Makes stages, and looks at what only shows in them."""

    def __init__(self, graph: Graph, report: Report) -> None:
        self._graph, self._report = graph, report
        self._owner: dict[str, str] = {}

    def ordered(self, sources: Iterable[str], barred: Iterable[str]) -> tuple[Stage, ...]:
        """The stages that begin at these GETs and at all that follow them, in running order."""
        barred = tuple(barred)
        waiting = list(dict.fromkeys(sources))
        followers = {}
        while unseen := [one for one in waiting if one not in followers]:
            for source in unseen:
                followers[source] = _sources_after(self._graph, [source], barred)
                waiting += [one for one in followers[source] if one not in waiting]
        made: list[Stage] = []
        done: set[str] = set()
        while len(done) < len(waiting):
            for source in waiting:
                before = [one for one in waiting if source in followers[one] and one != source]
                if source not in done and done.issuperset(before):
                    done.add(source)
                    node = self._source(source)
                    if node is not None:
                        made.append(self.stage(node, barred))
                    break
        return tuple(made)

    def _source(self, node_id: str) -> GetNode | None:
        """The source of a stage: a GET, or a Start that waits for events."""
        node = self._graph.nodes[node_id].node
        if isinstance(node, StartNode):
            return _event_source(node)
        if not isinstance(node, GetNode):
            return None
        if self._graph.waits_for_events and node_id in self._graph.after(self._graph.start.id):
            # Where it fetches what events name, those that arrive meanwhile are as good as data.
            return replace(node, by_event=True, loop=_UNTIL_NONE_WAITS if names_events(node) else node.loop)
        return node

    def stage(self, source: GetNode, barred: Iterable[str]) -> Stage:
        """The stage of one source. Its packets do not pass the nodes in `barred`."""
        inside, inner = self._inside(source.id, tuple(barred))
        nodes = {node_id: node for node_id in inside if (node := self._flow_node(node_id)) is not None}
        ways = {
            node_id: kept
            for node_id in (source.id, *nodes)
            if (kept := tuple(way for way in self._ways(node_id) if way.target in nodes))
        }
        stage = Stage(source, nodes, ways, inner)
        self._look_at(stage)
        return stage

    def _inside(self, source: str, barred: tuple[str, ...]) -> tuple[list[str], dict[str, tuple[Stage, ...]]]:
        """The nodes that packets of the source pass, and the stages inside each Halt among them."""
        found: dict[str, None] = {}
        inner: dict[str, tuple[Stage, ...]] = {}
        waiting = [way.target for way in reversed(self._graph.ways.get(source, ()))]
        while waiting:
            node_id = waiting.pop()
            node = self._graph.nodes[node_id].node
            if node_id in found or node_id in barred or isinstance(node, GetNode):
                continue
            found[node_id] = None
            waiting += [way.target for way in reversed(self._ways(node_id))]
            if isinstance(node, HaltNode):
                resume = self._resume_of(node)
                until = (*barred, *([resume] if resume else []))
                inner[node_id] = self.ordered(self._graph.after(node_id), until)
        return list(found), inner

    def _ways(self, node_id: str) -> tuple[Way, ...]:
        """The ways out of a node as packets go them: from a Halt straight on to its Resume."""
        node = self._graph.nodes[node_id].node
        if isinstance(node, HaltNode):
            resume = self._resume_of(node)
            return (Way(resume),) if resume else ()
        return self._graph.ways.get(node_id, ())

    def _resume_of(self, halt: HaltNode) -> str | None:
        for one in self._graph.nodes.values():
            if isinstance(one.node, ResumeNode) and one.node.halt == halt.id:
                return one.id
        return None

    def _flow_node(self, node_id: str) -> FlowNode | None:
        node = self._graph.nodes[node_id].node
        return None if node is None or isinstance(node, StartNode | GetNode | EndNode) else node

    def _look_at(self, stage: Stage) -> None:
        if not self._graph.whole:
            return
        self._look_at_mapping(stage)
        self._look_at_posts(stage)

    def _look_at_mapping(self, stage: Stage) -> None:
        """What a POST writes was made by a Mapper, whichever way the packet came."""
        waiting = [(stage.source.id, False)]
        seen: set[tuple[str, bool]] = set()
        while waiting:
            node_id, mapped = waiting.pop()
            if (node_id, mapped) in seen:
                continue
            seen.add((node_id, mapped))
            for way in stage.ways.get(node_id, ()):
                node = stage.nodes[way.target]
                if isinstance(node, PostNode) and not mapped:
                    self._report.add(
                        self._graph.nodes[node.id].place, "unmapped-post",
                        f"Packets reach {quoted(node.id)} without having passed a Mapper.",
                        "Put a Mapper before it.",
                    )  # fmt: skip
                waiting.append((node.id, isinstance(node, MapperNode) or (mapped and not isinstance(node, PostNode))))

    def _look_at_posts(self, stage: Stage) -> None:
        """A record must not reach the same POST twice, nor two sources the same one: ids would mix."""
        for post in stage.posts:
            owner = self._owner.setdefault(post.id, stage.source.id)
            if owner != stage.source.id:
                message = f"Records of {quoted(owner)} and of {quoted(stage.source.id)} reach {quoted(post.id)}."
                self._shared(post.id, message)
        for node_id, ways in stage.ways.items():
            if len(ways) < 2 or isinstance(stage.nodes.get(node_id), DecisionNode):
                continue
            reached: dict[str, str] = {}
            for way in ways:
                for target in _reached_in(stage, way.target):
                    first = reached.setdefault(target, way.target)
                    if first != way.target and isinstance(stage.nodes[target], PostNode):
                        message = f"Every record reaches {quoted(target)} twice, on both ways out of {quoted(node_id)}."
                        self._shared(target, message)

    def _shared(self, post_id: str, message: str) -> None:
        place = self._graph.nodes[post_id].place
        self._report.add(place, "shared-post", message, "Give each of them a POST node of its own.")


def _event_sources(graph: Graph) -> list[str]:
    """What takes events off the queue: the Start where its records go on, and the GETs that follow it at once."""
    if not graph.waits_for_events:
        return []
    after = graph.after(graph.start.id)
    gets = [node_id for node_id in after if graph.nodes[node_id].type is NodeType.GET]
    return gets if len(gets) == len(after) else [graph.start.id, *gets]


def _event_source(start: StartNode) -> EventSource:
    return EventSource(
        start.id, credential="", schema="events", action=_RECEIVE.name, description=start.description,
        options={_RECEIVE.windowed_by: "received_at"}, loop=_UNTIL_NONE_WAITS, offered=_RECEIVE, by_event=True,
    )  # fmt: skip


def _sources_after(graph: Graph, node_ids: Iterable[str], barred: Iterable[str]) -> list[str]:
    """The GETs that are reached from these nodes without passing another GET, in link order."""
    barred = frozenset(barred)
    found: dict[str, None] = {}
    seen: set[str] = set()
    waiting = [target for node_id in node_ids for target in _onward(graph, node_id)][::-1]
    while waiting:
        node_id = waiting.pop()
        if node_id in seen or node_id in barred:
            continue
        seen.add(node_id)
        if graph.nodes[node_id].type is NodeType.GET:
            found[node_id] = None
        else:
            waiting += _onward(graph, node_id)[::-1]
    return list(found)


def _onward(graph: Graph, node_id: str) -> tuple[str, ...]:
    """What follows a node in the course of the run: after a Halt, what follows its Resume."""
    node = graph.nodes[node_id].node
    if isinstance(node, HaltNode):
        return tuple(
            one.id for one in graph.nodes.values() if isinstance(one.node, ResumeNode) and one.node.halt == node.id
        )
    return graph.after(node_id)


def _reached_in(stage: Stage, node_id: str) -> list[str]:
    found: dict[str, None] = {}
    waiting = [node_id]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found[one] = None
            waiting += [way.target for way in stage.ways.get(one, ())]
    return list(found)


def posts_by_mapper(stage: Stage) -> Mapping[str, tuple[PostNode, ...]]:
    """The POSTs that write what each Mapper makes, with no other Mapper in between."""
    found = {}
    for node in stage.nodes.values():
        if isinstance(node, MapperNode):
            posts: dict[str, PostNode] = {}
            waiting, seen = [node.id], {node.id}
            while waiting:
                for way in stage.ways.get(waiting.pop(), ()):
                    target = stage.nodes[way.target]
                    if target.id in seen:
                        continue
                    seen.add(target.id)
                    if isinstance(target, PostNode):
                        posts[target.id] = target
                    if not isinstance(target, MapperNode):
                        waiting.append(target.id)
            found[node.id] = tuple(posts.values())
    return found


def fed_by_source(stage: Stage) -> frozenset[str]:
    """The nodes that every packet reaches as the source gave it: no Mapper and no POST before them."""
    plain: set[str] = set()
    changed: set[str] = set()
    waiting = [(stage.source.id, False)]
    while waiting:
        node_id, made = waiting.pop()
        for way in stage.ways.get(node_id, ()):
            here = changed if made else plain
            if way.target not in here:
                here.add(way.target)
                waiting.append((way.target, made or isinstance(stage.nodes[way.target], MapperNode | PostNode)))
    return frozenset(plain - changed)
