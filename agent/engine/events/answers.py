"""What the senders of events are answered with: the packets of one event that reached a Return Response node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from agent.domain.processflow import ReturnNode, Stage
from agent.engine.events.source import ENDS, EVENT, INNER
from agent.engine.walking.load import Load

_MOST_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Answer:
    """What a sender gets."""

    content: bytes
    content_type: str
    status: int


class Answers(Protocol):
    """Those who wait for answers. Implementations are quick, thread-safe and never raise."""

    def processed(self, flow: str, ends: int, answer: Answer | None) -> None:
        """The event whose last record has that number was processed; None where nothing reached a Return Response."""
        ...


@dataclass(slots=True)
class Answering:
    """Gathers the answers of one stage, event by event.

    Args:
        answers: Gets them.
        flow: The processflow.
        position: Where the run stands in the source. Within an event, what came before is not known any more, and its
            sender waits no longer.
    """

    answers: Answers
    flow: str
    position: Mapping[str, object] | None
    _node: ReturnNode | None = None
    _documents: list[bytes] = field(default_factory=list)
    _whole: bool = field(init=False)

    def __post_init__(self) -> None:
        self._whole = not _within_event(self.position or {})

    def add(self, node: ReturnNode, load: Load) -> None:
        """Records have reached a Return Response."""
        if node.text is None:
            self._node = self._node or node
            self._documents += load.as_documents()

    def carried(self, position: Mapping[str, object]) -> None:
        """A packet was booked. Where it was the last of its event, the event has its answer."""
        if _within_event(position):
            return
        ends = position.get(EVENT)
        if isinstance(ends, int):
            self.answers.processed(self.flow, ends, self._answer())
        self._node, self._documents, self._whole = None, [], True

    def _answer(self) -> Answer | None:
        if self._node is None or not self._whole:
            return None
        content = b"[" + b",".join(self._documents) + b"]"
        return Answer(content, self._node.content_type, self._node.status) if len(content) <= _MOST_BYTES else None


def _within_event(position: Mapping[str, object]) -> bool:
    return INNER in position or (ENDS in position and position[ENDS] != position.get(EVENT))


def answers_by_event(stage: Stage) -> bool:
    """Whether packets of a stage must not hold records of several events: their senders wait for them."""
    return any(isinstance(node, ReturnNode) and node.text is None for node in stage.nodes.values())
