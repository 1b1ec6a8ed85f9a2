"""What the variables of a processflow hold while a run goes on, and what is booked of it.

A variable begins with what is stored for it, else with its default. Its expression is asked about each packet that
leaves its node; what gives nothing changes nothing. The values count for the rest of that packet's way and for whatever
comes after. They are decided in the order of packets and booked with them, so that a run that was interrupted goes on
with what it had. An expression that fails ends the run: it stands for no record, and going on without its value could
let the next run ask for too little.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from agent.domain.app import DataType
from agent.domain.clauses import FilterPart, all_clauses
from agent.domain.errors import ConfigurationError
from agent.domain.variables import Variable, VariableValue
from agent.engine.documents.variable_forms import value_of
from agent.engine.expressions.jsonata import Expressions
from agent.engine.expressions.vocabulary import PLAIN, Vocabulary
from agent.engine.filters.placeholders import names_in
from agent.store.library.variables import StoredValue, VariableStore

_EXACT_BITS = 53


@dataclass(frozen=True, slots=True)
class Booked:
    """What a run has found for variables until some packet, as it is stored, and which of it the next run knows."""

    variables: Mapping[str, StoredValue] = field(default_factory=dict)
    kept: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class FilterTexts:
    """What `${…}` stands for in a filter, None for no value yet, and the names of those that are not shown."""

    texts: Mapping[str, str | None]
    secret: frozenset[str]


class VariableValues:
    """The values of one run, from where it is now.

    Args:
        variables: Those of the processflow.
        flow: The name that it is deployed under.
        run: The run's id.
        store: What is stored; needed where there are variables.
        vocabulary: What else the variables' expressions may name.

    Raises:
        ConfigurationError: code `variable-unset` or `variable-unfit`, or what is wrong with the vault.
    """

    def __init__(
        self,
        variables: Mapping[str, Variable],
        *,
        flow: str = "",
        run: str = "",
        store: VariableStore | None = None,
        vocabulary: Vocabulary = PLAIN,
    ) -> None:
        self._variables, self._flow, self._storage = variables, flow, store
        self._values: dict[str, VariableValue] = {}
        self._stored: dict[str, StoredValue] = {}
        self._own: set[str] = set()
        vocabulary = replace(vocabulary, variables=self)
        self._expressions = {
            one.name: Expressions({one.name: one.expression}, vocabulary)
            for one in self._variables.values()
            if one.expression
        }
        self._bindings: Mapping[str, object] | None = None
        if self._variables:
            self._load(run)

    def _load(self, run: str) -> None:
        before, own = self._store.all(self._flow), self._store.of_run(run)
        for name, variable in self._variables.items():
            stored = own.get(name, before[name].value if name in before else None)
            if name in own:
                self._own.add(name)
            if stored is not None:
                if variable.encrypted:
                    stored = self._store.protected(self._flow, name, stored, keep=bool(run))
                self._values[name] = _fitting(variable, self._store.opened(self._flow, name, stored))
                self._stored[name] = stored
            elif variable.default is not None:
                self._values[name] = self._stored[name] = variable.default
            elif not variable.expression:
                raise ConfigurationError(
                    f"The variable “{name}” has no value.",
                    code="variable-unset",
                    remedy="Set it under Data of this processflow, or with "
                    f"“opagent variable set {self._flow} {name}”; or give it a default.",
                    field=name,
                )

    @property
    def _store(self) -> VariableStore:
        assert self._storage is not None, "there are variables"
        return self._storage

    @property
    def names(self) -> frozenset[str]:
        """The names of all variables."""
        return frozenset(self._variables)

    @property
    def bindings(self) -> Mapping[str, object]:
        """What `$name` stands for in expressions."""
        if self._bindings is None:
            self._bindings = {name: _bound(self._variables[name], value) for name, value in self._values.items()}
        return self._bindings

    @property
    def booked(self) -> Booked:
        """What is to be booked of the values as they are now."""
        if not self._own:
            return _NOTHING
        own = {name: self._stored[name] for name in sorted(self._own)}
        return Booked(own, [name for name in own if self._variables[name].persistent])

    def follows(self, node: str, *, source: bool) -> bool:
        """Whether any variable looks at the packets that leave a node."""
        return any(self._looks_at(one, node, source=source) for one in self._variables.values())

    def leave(self, node: str, documents: Sequence[bytes], *, source: bool) -> None:
        """A packet leaves a node.

        Raises:
            ConfigurationError: code `variable-failed`: an expression failed, or gave what the variable cannot hold.
        """
        if not documents:
            return
        for variable in self._variables.values():
            if self._looks_at(variable, node, source=source):
                value = self._found(variable, node, documents)
                if value is not None:
                    self._set(variable, value)

    def texts(self, as_of: Mapping[str, StoredValue | None] | None = None) -> FilterTexts:
        """What `${…}` stands for. `as_of` are earlier values, from `remembered`, that count instead of those of now."""
        values: dict[str, VariableValue | None] = {name: self._values.get(name) for name in self._variables}
        for name, stored in (as_of or {}).items():
            if name in values:
                values[name] = None if stored is None else self._store.opened(self._flow, name, stored)
        secret = frozenset(name for name, one in self._variables.items() if one.encrypted)
        return FilterTexts({name: _text(value) for name, value in values.items()}, secret)

    def remembered(self, parts: Sequence[FilterPart]) -> dict[str, StoredValue | None]:
        """The values that a filter is about to be rendered with, of those that may change while it is read."""
        named = {name for clause in all_clauses(parts) for name in names_in(clause.value)}
        return {name: self._stored.get(name) for name in sorted(named & self._expressions.keys())}

    def _looks_at(self, variable: Variable, node: str, *, source: bool) -> bool:
        if not variable.expression:
            return False
        return variable.node == node if variable.node else source

    def _found(self, variable: Variable, node: str, documents: Sequence[bytes]) -> VariableValue | None:
        try:
            return value_of(self._expressions[variable.name].over_packet(documents), variable.type)
        except ValueError as error:
            reason = "" if variable.encrypted else f": {error}"
            raise ConfigurationError(
                f"The expression of the variable “{variable.name}” failed at {node}{reason}.",
                code="variable-failed",
                remedy="Correct the expression, then deploy the processflow again; the packet is read again.",
                field=variable.name,
            ) from None

    def _set(self, variable: Variable, value: VariableValue) -> None:
        name = variable.name
        if name not in self._values or self._values[name] != value or type(self._values[name]) is not type(value):
            self._values[name] = value
            self._stored[name] = self._store.sealed(self._flow, name, value) if variable.encrypted else value
            self._bindings = None
        self._own.add(name)


_NOTHING = Booked()
NO_VALUES = VariableValues({})
"""Those of a processflow without variables."""


def _fitting(variable: Variable, value: VariableValue) -> VariableValue:
    """A stored value in the form of the type that the variable has now."""
    try:
        found = value_of(value, variable.type)
    except ValueError:
        found = None
    if found is None:
        raise ConfigurationError(
            f"What is stored for the variable “{variable.name}” is no value of the type {variable.type.value}.",
            code="variable-unfit",
            remedy="Set it anew, or reset it, with “opagent variable”.",
            field=variable.name,
        )
    return found


def _bound(variable: Variable, value: VariableValue) -> Any:
    """A value as JSONata has it: decimals are its numbers, and whole numbers that these cannot hold are texts."""
    if variable.type is DataType.DECIMAL:
        return float(value)
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > _EXACT_BITS:
        return str(value)
    return value


def _text(value: VariableValue | None) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else str(value)
