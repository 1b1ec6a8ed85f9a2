"""Tests inside a processflow as frozen values: records as a source gives them, and what has to become of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from agent.domain.variables import VariableValue


@dataclass(frozen=True, slots=True)
class Given:
    """A record from the source: its id, and the record as a JSON object."""

    source_id: str
    document: bytes


@dataclass(frozen=True, slots=True)
class Expected:
    """What a POST node has to write: JSON objects with the attributes that matter, in order unless told otherwise."""

    records: Sequence[bytes]
    any_order: bool = False


@dataclass(frozen=True, slots=True)
class FlowTest:
    """One test. POST nodes that `expected` does not name are not looked at.

    Attributes:
        source: The GET node that the records come from.
        expected: By POST node.
        failures: The ids of records that have to fail, with a part of the message each; empty for any.
        variables: What variables hold at the beginning; the others hold their defaults.
        line: Where it stands in the document, counted from 1.
    """

    name: str
    source: str
    records: Sequence[Given]
    expected: Mapping[str, Expected] = field(default_factory=dict)
    failures: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, VariableValue] = field(default_factory=dict)
    line: int = 1
