"""What expressions may name besides JSONata's own functions: those of the function library, lookups and variables.

A library function is a JSONata definition that is put in front of the expressions that use it, and of no others. Inside
it there is no record: what it works on comes in through its parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

from agent.engine.expressions.names import named


@dataclass(frozen=True)
class Definition:
    """One version of a library function. `parameters` are without `$`; `body` is a JSONata expression over them."""

    name: str
    parameters: tuple[str, ...]
    body: str
    version: int = 1

    @cached_property
    def names(self) -> frozenset[str]:
        """What the body names with a `$`, without its parameters."""
        return named(self.body) - set(self.parameters)

    @property
    def text(self) -> str:
        """The definition in JSONata."""
        parameters = ",".join(f"${parameter}" for parameter in self.parameters)
        # Defined on an empty object, as a body sees what surrounds its definition: all records of a packet.
        return f"${self.name}:=({{}}).(function({parameters}){{({self.body})}});"


class Values(Protocol):
    """The destination values of a lookup table."""

    def get(self, source: str, /) -> object | None:
        """The value for a source value; None where there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Lookup:
    """A lookup as a processflow names it: the table behind it, and its values."""

    table: str
    values: Values


class Variables(Protocol):
    """The variables of one run, as expressions see them."""

    @property
    def names(self) -> frozenset[str]:
        """The names of all of them."""
        ...

    @property
    def bindings(self) -> Mapping[str, object]:
        """The values as they are now, by name, of those that have one."""
        ...


class _NoVariables:
    """Those of a processflow that has none."""

    names: frozenset[str] = frozenset()
    bindings: Mapping[str, object] = {}


@dataclass(frozen=True)
class Vocabulary:
    """The functions, lookups and variables of one processflow."""

    functions: Mapping[str, Definition] = field(default_factory=dict)
    lookups: Mapping[str, Lookup] = field(default_factory=dict)
    variables: Variables = field(default_factory=_NoVariables)

    def prelude(self, expressions: Iterable[str]) -> str:
        """The definitions that these expressions need, each after those that it calls; empty where they need none."""
        if not self.functions:
            return ""
        wanted = frozenset().union(*map(named, expressions))
        return "".join(self.functions[name].text for name in in_order(wanted, self._calls))

    def _calls(self, name: str) -> Iterable[str] | None:
        definition = self.functions.get(name)
        return definition.names if definition is not None else None


PLAIN = Vocabulary()
"""JSONata with the generic functions alone."""


class CycleError(ValueError):
    """Functions call each other in a circle; `circle` begins and ends with the same name."""

    def __init__(self, circle: Sequence[str]) -> None:
        super().__init__(" → ".join(f"${name}" for name in circle))
        self.circle = tuple(circle)


def in_order(names: Iterable[str], calls: Callable[[str], Iterable[str] | None]) -> list[str]:
    """These functions and all that they need, each after those that it calls.

    Args:
        names: Where to begin.
        calls: What a function calls; None where the name is no library function: it is left out.

    Raises:
        CycleError: they call each other in a circle.
    """
    done: dict[str, None] = {}
    for first in sorted(names):
        path: dict[str, Iterator[str]] = {}
        if first not in done and (called := calls(first)) is not None:
            path[first] = iter(sorted(called))
        while path:
            current = next(reversed(path))
            following = next((name for name in path[current] if name not in done), None)
            if following is None:
                done[current] = None
                del path[current]
            elif following in path:
                circle = list(path)
                raise CycleError([*circle[circle.index(following) :], following])
            elif (called := calls(following)) is not None:
                path[following] = iter(sorted(called))
    return list(done)
