"""The functions that expressions have besides JSONata's own: the generic ones, and those that ask a lookup.

They are ordinary functions of ours that the library calls; each is limited in what it takes and gives. What a function
says when it refuses its arguments is meant for the operator.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, Protocol, TypeVar

from agent.engine.documents.report import quoted
from agent.engine.expressions import date_functions, id_functions, number_functions, text_functions
from agent.engine.expressions.names import named
from agent.engine.expressions.signature import REMEDY, Function, RefusedError
from agent.engine.expressions.vocabulary import Lookup

LOOKUP_FUNCTIONS: Final = frozenset({"lookupValue", "lookupOrSame"})
_threads = threading.local()
Compiled = TypeVar("Compiled", bound="Registers")


class Registers(Protocol):
    """A compiled expression of the library."""

    def register(self, name: str, func: Callable[..., Any]) -> object:
        """Let it call a function."""
        ...


@contextmanager
def looking_up(lookups: Mapping[str, Lookup]) -> Iterator[None]:
    """Let the functions of this thread ask these lookups."""
    before = getattr(_threads, "lookups", {})
    _threads.lookups = lookups
    try:
        yield
    finally:
        _threads.lookups = before


def _lookup_value(name: object, value: object, *default: object) -> object:
    found = _found(name, value)
    if found is not None:
        return found
    if default:
        return default[0]
    if value is None:
        return None
    lookup = _lookup(name)
    raise RefusedError(
        f"the lookup {quoted(str(name))} has no {quoted(_source(value))}{REMEDY}"
        f"Add {quoted(_source(value))} to the lookup table {quoted(lookup.table)}; "
        "the record is then mapped when it is fetched again."
    )


def _lookup_or_same(name: object, value: object) -> object:
    found = _found(name, value)
    return value if found is None else found


def _found(name: object, value: object) -> object:
    lookup = _lookup(name)
    return None if value is None else lookup.values.get(_source(value))


def _lookup(name: object) -> Lookup:
    lookups: Mapping[str, Lookup] = getattr(_threads, "lookups", {})
    lookup = lookups.get(name) if isinstance(name, str) else None
    if lookup is None:
        raise RefusedError(f"there is no lookup {quoted(str(name))}")
    return lookup


def _source(value: object) -> str:
    """A value as it stands in a lookup table."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        return str(int(value))
    if isinstance(value, float):
        return repr(value)
    raise RefusedError("a lookup takes a single value, not a list or an object")


HOST_FUNCTIONS: Final[Mapping[str, Function]] = {
    function.name: function
    for function in (
        *date_functions.FUNCTIONS,
        *number_functions.FUNCTIONS,
        *text_functions.FUNCTIONS,
        *id_functions.FUNCTIONS,
        Function("lookupValue", "(lookup, value [, default])", _lookup_value),
        Function("lookupOrSame", "(lookup, value)", _lookup_or_same),
    )
}
"""By name, without `$`."""


def registered(compiled: Compiled, expression: str) -> Compiled:
    """Let a compiled expression call those of our functions that it names."""
    for name in named(expression) & HOST_FUNCTIONS.keys():
        compiled.register(name, HOST_FUNCTIONS[name].call)
    return compiled
