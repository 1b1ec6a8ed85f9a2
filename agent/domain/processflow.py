"""A processflow as frozen values: what `agent.engine.documents.document` parses documents into, once, at the edge."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from agent.domain.app import Action, DataType
from agent.domain.clauses import FilterPart
from agent.domain.event_trigger import DEFAULT_WAIT_SECONDS, EventTrigger
from agent.domain.flow_test import FlowTest
from agent.domain.variables import Variable


class NodeType(StrEnum):
    """The node types of a processflow. A self-loop is known in order to be refused with the way to say it: `Loop`."""

    START = "start"
    GET = "get"
    MAPPER = "mapper"
    POST = "post"
    SPLITTER = "splitter"
    MERGER = "merger"
    SELF_LOOP = "self-loop"
    DELAY = "delay"
    DECISION = "decision"
    HALT = "halt"
    RESUME = "resume"
    RETURN_RESPONSE = "return-response"
    END = "end"


@dataclass(frozen=True, slots=True)
class AttributeMapping:
    """How one destination attribute comes about: a JSONata expression over one source record.

    `members` is set for a collection: `expression` then selects the source's child records and each member's expression
    is evaluated on one of them. `further` are expressions that select more of them, which follow. `typed` is False
    where the document names no type: `type` is then text until `agent.engine.documents.attribute_types` has looked the
    type up.
    """

    attribute: str
    expression: str
    type: DataType
    required: bool = False
    key: bool = False
    members: tuple[AttributeMapping, ...] = ()
    typed: bool = True
    further: tuple[str, ...] = ()

    @property
    def selections(self) -> tuple[str, ...]:
        """The expressions that select the child records of a collection, in the order of these records."""
        return self.expression, *self.further


@dataclass(frozen=True, slots=True)
class AppNode:
    """What GET and POST have in common: an action on a schema of the app behind a credential token."""

    id: str
    credential: str
    schema: str
    action: str
    description: str = ""
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Loop:
    """How often a GET reads: again and again, each time what changed since the pass before.

    A pass that finds nothing ends every loop. `passes` and `seconds` end it sooner; None is no limit.
    """

    passes: int | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class StartNode:
    """Where a run begins. `event` is set where events start it."""

    id: str
    description: str = ""
    event: EventTrigger | None = None


@dataclass(frozen=True, slots=True)
class GetNode(AppNode):
    """Fetches records.

    `start_from` is where the first run begins; None is the beginning. `retry_filters` fetch a record again by its id,
    for which `{$}` stands in their values. `offered` is what the app offers for its action, once that was looked up.
    `by_event` is set where it follows an event Start at once: it reads when events wait, and takes them off the queue.
    """

    filters: tuple[FilterPart, ...] = ()
    start_from: datetime | None = None
    loop: Loop | None = None
    retry_filters: tuple[FilterPart, ...] = ()
    offered: Action | None = None
    by_event: bool = False


@dataclass(frozen=True, slots=True)
class EventSource(GetNode):
    """An event Start as the source of a stage: its records are those of the payloads. It has no app."""


@dataclass(frozen=True, slots=True)
class MapperNode:
    """Maps one source record to one destination record. `track` has an expression for each column that Sync Info shows
    besides, by its header."""

    id: str
    mappings: tuple[AttributeMapping, ...]
    description: str = ""
    track: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PostNode(AppNode):
    """Writes records. What succeeded can flow on, with the destination's id as `destination_id`."""


@dataclass(frozen=True, slots=True)
class SplitterNode:
    """Cuts packets into packets of at most `size` records."""

    id: str
    size: int
    description: str = ""


@dataclass(frozen=True, slots=True)
class MergerNode:
    """Waits for `packets` packets and lets them go on as one; what has come when the read ends goes on as well."""

    id: str
    packets: int
    description: str = ""


@dataclass(frozen=True, slots=True)
class DelayNode:
    """Holds each packet back: for `seconds`, or for what the expression gives for the packet's first record."""

    id: str
    seconds: float = 0.0
    expression: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class DecisionNode:
    """Sends each record one of two ways, by a JSONata condition on that record."""

    id: str
    condition: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class HaltNode:
    """Holds packets back until what follows it, from its GET to its Resume, has run to its end."""

    id: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class ResumeNode:
    """Where the packets that a Halt held back go on."""

    id: str
    halt: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class ReturnNode:
    """Answers the sender of an event: at once with `text`, or, where that is None, with the packet that gets here."""

    id: str
    text: str | None = None
    content_type: str = "text/plain; charset=utf-8"
    status: int = 200
    wait_seconds: int = DEFAULT_WAIT_SECONDS
    description: str = ""


FlowNode = (
    MapperNode | PostNode | SplitterNode | MergerNode | DelayNode | DecisionNode | HaltNode | ResumeNode | ReturnNode
)
"""What packets pass after their source."""


class Output(StrEnum):
    """By which output of a node a record leaves it. Decision alone has two."""

    ONLY = ""
    THEN = "then"
    OTHERWISE = "otherwise"


@dataclass(frozen=True, slots=True)
class Way:
    """A link to another node of the same stage."""

    target: str
    output: Output = Output.ONLY


@dataclass(frozen=True, slots=True)
class Stage:
    """A GET and everything that its packets pass. The stages of a run follow each other.

    `nodes` are the nodes by id; `ways` lead from the source and from each node, in link order, without those to End and
    to other stages. `inner` holds the stages that run while a Halt holds packets back, by its id.
    """

    source: GetNode
    nodes: Mapping[str, FlowNode]
    ways: Mapping[str, tuple[Way, ...]]
    inner: Mapping[str, tuple[Stage, ...]] = field(default_factory=dict)

    @property
    def posts(self) -> tuple[PostNode, ...]:
        """The POST nodes, in the order of the document."""
        return tuple(node for node in self.nodes.values() if isinstance(node, PostNode))


@dataclass(frozen=True, slots=True)
class Processflow:
    """A processflow that passed the check of its form.

    `credentials` maps each credential token to the id of the app that it stands for, `lookups` each lookup that
    expressions name to its table; `stages` run in this order.
    """

    name: str
    title: str
    description: str
    credentials: Mapping[str, str]
    variables: Mapping[str, Variable]
    start: StartNode
    stages: tuple[Stage, ...]
    lookups: Mapping[str, str] = field(default_factory=dict)
    tests: tuple[FlowTest, ...] = ()

    @property
    def all_stages(self) -> tuple[Stage, ...]:
        """Every stage, those inside a Halt after the one that they belong to."""
        return tuple(unfolded(self.stages))

    @property
    def starts_by_events(self) -> bool:
        """Whether events start it, and no schedule does."""
        return self.start.event is not None

    @property
    def event_sources(self) -> tuple[GetNode, ...]:
        """The sources that take events off the queue; none where the processflow waits for no events."""
        return tuple(stage.source for stage in self.stages if stage.source.by_event)

    @property
    def responses(self) -> tuple[ReturnNode, ...]:
        """What answers the senders of events."""
        found = {n.id: n for stage in self.all_stages for n in stage.nodes.values() if isinstance(n, ReturnNode)}
        return tuple(found.values())


def unfolded(stages: Iterable[Stage]) -> Iterator[Stage]:
    """These stages and those inside their Halts, each after the one that it belongs to."""
    for stage in stages:
        yield stage
        for inner in stage.inner.values():
            yield from unfolded(inner)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong in a document, at its place. Lines and columns count from 1."""

    message: str
    file: str
    line: int
    column: int
    code: str
    suggestion: str = ""

    def __str__(self) -> str:
        hint = f" {self.suggestion}" if self.suggestion else ""
        return f"{self.file}:{self.line}:{self.column}: {self.message}{hint}"
