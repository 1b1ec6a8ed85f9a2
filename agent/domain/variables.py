"""The variables of a processflow: what they are called, what they hold, where they count and what becomes of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from agent.domain.app import DataType

VARIABLE_TYPES: Final = (
    DataType.TEXT,
    DataType.INTEGER,
    DataType.DECIMAL,
    DataType.BOOLEAN,
    DataType.DATETIME,
)
MOST_VARIABLES: Final = 100
MOST_VALUE_CHARACTERS: Final = 4_000

VariableValue: TypeAlias = str | int | bool
"""A value in the form of its type: see `agent.domain.packet`."""


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable.

    `expression` is JSONata over a packet as a list of records: those that leave `node`, or any GET where that is empty.
    `scope` is the only node in which the variable counts; empty for the processflow. A `persistent` one is known to the
    next run, an `encrypted` one is sealed wherever it is stored and never shown.
    """

    name: str
    type: DataType = DataType.TEXT
    default: VariableValue | None = None
    expression: str = ""
    node: str = ""
    scope: str = ""
    persistent: bool = False
    encrypted: bool = False
