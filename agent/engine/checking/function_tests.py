"""Looks at a library function before it is saved: whether it can work at all, and whether its examples come true."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from agent.domain.meant import closest
from agent.engine.checking.names import BUILT_IN, lookup_fault, unknown_functions
from agent.engine.documents.report import quoted
from agent.engine.expressions.host_functions import LOOKUP_FUNCTIONS
from agent.engine.expressions.jsonata import Expressions, syntax_fault
from agent.engine.expressions.names import uses
from agent.engine.expressions.vocabulary import CycleError, Definition, Vocabulary, in_order

NAME: Final = r"[A-Za-z][A-Za-z0-9_]{0,99}"
MOST_PARAMETERS: Final = 20
_RESULT: Final = "result"


@dataclass(frozen=True, slots=True)
class Example:
    """Arguments and the result that they have to give, as JSON values."""

    arguments: Sequence[Any]
    result: Any


@dataclass(frozen=True, slots=True)
class Tried:
    """What an example gave; `reason` says why it gave nothing."""

    example: Example
    got: Any = None
    reason: str = ""

    @property
    def passed(self) -> bool:
        """Whether it gave what it has to."""
        return not self.reason and _alike(self.got, self.example.result)


def faults(function: Definition, library: Mapping[str, Definition]) -> list[str]:
    """Why a function cannot be, as sentences; empty where nothing is wrong.

    Args:
        function: The function.
        library: The functions beside which it is to be; one of the same name is replaced by it.
    """
    found = []
    if not re.fullmatch(NAME, function.name) or function.name in {"eval", "function"}:
        found.append(f"The name {quoted(function.name)} must begin with a letter and consist of letters, digits and _.")
    elif function.name in BUILT_IN:
        found.append(f"${function.name} is there already: it is built in. Choose another name.")
    found += [
        f"The parameter {quoted(parameter)} must begin with a letter and consist of letters, digits and _, without $."
        for parameter in function.parameters
        if not re.fullmatch(NAME, parameter)
    ]
    if len(set(function.parameters)) < len(function.parameters):
        found.append("Two parameters have the same name.")
    if len(function.parameters) > MOST_PARAMETERS:
        found.append(f"A function may have {MOST_PARAMETERS} parameters.")
    fault = syntax_fault(function.body)
    if fault is not None:
        return [*found, f"The expression does not compile at character {fault.offset + 1}: {fault.message}."]
    return found + _wrong_names(function, library)


def _wrong_names(function: Definition, library: Mapping[str, Definition]) -> list[str]:
    found = []
    if "$$" in function.body:
        found.append("A function does not see the record: hand over what it needs as an argument instead of $$.")
    known = {*library, function.name}
    unknown = {use.name for use in unknown_functions(function.body, {*known, *function.parameters})}
    for use in uses(function.body):
        if use.name in LOOKUP_FUNCTIONS:
            fault = lookup_fault(use)
            found.append(fault or "A function cannot ask a lookup: hand over the value that was found.")
        elif use.name in unknown or use.name not in {*known, *function.parameters, *BUILT_IN}:
            close = closest(use.name, [*BUILT_IN, *library, *function.parameters])
            what = "function" if use.called else "parameter"
            found.append(
                f"There is no {what} ${use.name}, at character {use.offset + 1}."
                + (f" Did you mean ${close}?" if close else "")
            )
    calls = {**library, function.name: function}
    try:
        in_order([function.name], lambda name: calls[name].names if name in calls else None)
    except CycleError as error:
        found.append(f"Functions must not call each other in a circle: {error}.")
    return list(dict.fromkeys(found))


def tried(function: Definition, examples: Sequence[Example], library: Mapping[str, Definition]) -> list[Tried]:
    """What the examples of a function give."""
    vocabulary = Vocabulary({**library, function.name: function})
    return [_tried(function, example, vocabulary) for example in examples]


def callers(name: str, library: Mapping[str, Definition]) -> list[str]:
    """The functions that call this one, also by way of others."""
    found: dict[str, None] = {}
    pending = [name]
    while pending:
        called = pending.pop()
        for other, definition in library.items():
            if called in definition.names and other not in found and other != name:
                found[other] = None
                pending.append(other)
    return sorted(found)


def _tried(function: Definition, example: Example, vocabulary: Vocabulary) -> Tried:
    if len(example.arguments) > len(function.parameters):
        given, taken = len(example.arguments), len(function.parameters)
        return Tried(example, reason=f"it has {given} arguments for {taken} parameters")
    arguments = {f"a{number}": value for number, value in enumerate(example.arguments)}
    call = f"${function.name}({','.join(arguments)})"
    evaluated = Expressions({_RESULT: call}, vocabulary).evaluate([msgspec.json.encode(arguments)])
    if evaluated.failures:
        return Tried(example, reason=evaluated.failures[0].reason)
    return Tried(example, got=evaluated.results[0].get(_RESULT))


def _alike(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same; numbers may differ where a double cannot hold them."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=1e-12, abs_tol=1e-12)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_alike, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_alike(value, other[name]) for name, value in one.items())
    return bool(one == other)
