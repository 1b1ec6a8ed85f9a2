"""Where the sources of a new version begin that have never taken an event off the queue: where those before them ended.

Bookmarks go by the names of nodes, so a source that was renamed has none. It begins behind what every source of the
version that ran last has processed, which is written down here before anything is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from agent.domain.errors import AgentError
from agent.domain.processflow import GetNode, Processflow
from agent.engine.events.source import event_number
from agent.store.flows.deployments import Deployment, DeploymentStore
from agent.store.inbox.events import EventStore
from agent.store.runs.ledger import Ledger
from agent.store.runs.runs import RunStore


@dataclass(frozen=True, slots=True)
class EventSuccession:
    """Settles it for any processflow."""

    events: EventStore
    ledger: Ledger
    runs: RunStore
    deployments: DeploymentStore
    parse: Callable[[Deployment], Processflow]

    def reached(self, flow: str, sources: Iterable[GetNode]) -> list[int]:
        """Up to which number each of these sources has processed the events, or behind which it is going to begin."""
        numbers = self._numbers(flow, sources)
        if None in numbers:
            self._settle(flow)
        begin = self.events.processed(flow) if None in numbers else 0
        return [begin if number is None else number for number in numbers]

    def _settle(self, flow: str) -> None:
        last = self.runs.latest(flow)
        if last is None:
            return
        try:
            sources = self.parse(self.deployments.version(flow, last.version)).event_sources
        except AgentError:
            return  # nobody can tell any more; what was noted before counts
        numbers = [number for number in self._numbers(flow, sources) if number is not None]
        if numbers and len(numbers) == len(sources):
            self.events.note_processed(flow, min(numbers))

    def _numbers(self, flow: str, sources: Iterable[GetNode]) -> list[int | None]:
        return [event_number(self.ledger.bookmark(self.ledger.stream(flow=flow, node=source.id))) for source in sources]
