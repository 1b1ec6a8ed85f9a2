"""A processflow as frozen values: what `agent.engine.document` parses documents into, once, at the edge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from agent.domain.app import DataType


class NodeType(StrEnum):
    """The node types of a processflow. Those outside `RUNNABLE` are known but refused in this version."""

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


RUNNABLE = frozenset({NodeType.START, NodeType.GET, NodeType.MAPPER, NodeType.POST, NodeType.END})


class FilterPlace(StrEnum):
    """Where a filter clause is sent."""

    QUERY = "query"
    HEADER = "header"


OPERATORS = ("=", "!=", "<", "<=", ">", ">=", "in", "not_in")


@dataclass(frozen=True, slots=True)
class Clause:
    """One key-operator-value clause. `value` may hold `~{Function(…)}~` and `${variable}`."""

    key: str
    operator: str
    value: str
    place: FilterPlace = FilterPlace.QUERY


@dataclass(frozen=True, slots=True)
class AttributeMapping:
    """How one destination attribute comes about: a JSONata expression over one source record.

    `members` is set for a collection: `expression` then selects the source's child records and each member's
    expression is evaluated on one of them. `further` are expressions that select more of them, which follow. `typed`
    is False where the document names no type: `type` is then text until `agent.engine.attribute_types` has looked the
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
class GetNode(AppNode):
    """Fetches records. `start_from` is where the first run begins; None is the beginning."""

    filters: tuple[Clause, ...] = ()
    start_from: datetime | None = None


@dataclass(frozen=True, slots=True)
class MapperNode:
    """Maps one source record to one destination record."""

    id: str
    mappings: tuple[AttributeMapping, ...]
    description: str = ""


@dataclass(frozen=True, slots=True)
class PostNode(AppNode):
    """Writes records."""


@dataclass(frozen=True, slots=True)
class Chain:
    """One path through the graph: what is fetched, how it is mapped, where it is written."""

    get: GetNode
    mapper: MapperNode
    post: PostNode


@dataclass(frozen=True, slots=True)
class Processflow:
    """A processflow that passed the check of its form. `chains` run one after the other, in link order.

    `credentials` maps each credential token to the id of the app that it stands for.
    """

    name: str
    title: str
    description: str
    credentials: Mapping[str, str]
    variables: Mapping[str, str]
    chains: tuple[Chain, ...]


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
