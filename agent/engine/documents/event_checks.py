"""What has to be right about events in a graph: who may answer them, and who may ask for the ids that they name."""

from __future__ import annotations

from collections.abc import Iterable

from agent.domain.clauses import RECORD_ID
from agent.domain.processflow import EventSource, GetNode, MergerNode, ReturnNode, Stage
from agent.engine.documents.graph import Graph
from agent.engine.documents.report import Report, quoted
from agent.engine.filters.record_ids import names_events


def look_at_events(graph: Graph, stages: Iterable[Stage], report: Report) -> None:
    """Note what cannot work in a graph that is right otherwise."""
    stages = tuple(stages)
    _look_at_ids(graph, stages, report)
    responses = [node.node for node in graph.nodes.values() if isinstance(node.node, ReturnNode)]
    if not graph.waits_for_events:
        for node in responses:
            report.add(graph.nodes[node.id].place, "no-event",
                       f"{quoted(node.id)} has nobody to answer: the start does not wait for events.",
                       "Write trigger: event at the start, or remove the node.")  # fmt: skip
        return
    at_once = [node for node in responses if node.text is not None]
    for node in at_once[:1] if len(responses) > 1 else ():
        report.add(graph.nodes[node.id].place, "several-responses",
                   f"{quoted(node.id)} answers at once, so no other node can answer.",
                   "Keep one of them, or give all of them output: true.")  # fmt: skip
    able = {node.id for stage in stages if _can_answer(stage) for node in stage.nodes.values()}
    for node in responses:
        if node.text is None and node.id not in able:
            report.add(graph.nodes[node.id].place, "response-apart",
                       f"The records that reach {quoted(node.id)} cannot be told to belong to one event.",
                       "Put it behind the start without a Merger and without another GET between, "
                       "or answer with a text.")  # fmt: skip


def _can_answer(stage: Stage) -> bool:
    """Whether packets of the stage belong to one event each."""
    named = isinstance(stage.source, EventSource) or (stage.source.by_event and names_events(stage.source))
    return named and not any(isinstance(node, MergerNode) for node in stage.nodes.values())


def _look_at_ids(graph: Graph, stages: Iterable[Stage], report: Report) -> None:
    by_event = {stage.source.id for stage in stages if stage.source.by_event}
    for node in graph.nodes.values():
        if isinstance(node.node, GetNode) and names_events(node.node) and node.id not in by_event:
            report.add(node.place, "no-event",
                       f"The filter of {quoted(node.id)} has {RECORD_ID}, but no event names a record for it.",
                       "Link it to a start with trigger: event.")  # fmt: skip
