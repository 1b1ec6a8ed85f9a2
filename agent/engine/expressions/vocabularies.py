"""From a deployment to what its expressions may name: pinned versions of functions, and lookup tables as they are now.

Tables are kept in memory as long as their revision stays, so that a slice need not read them again.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from agent.domain.errors import ConfigurationError
from agent.domain.processflow import Processflow
from agent.engine.checking.names import Known
from agent.engine.documents.document import parse
from agent.engine.documents.written_expressions import flow_expressions
from agent.engine.expressions.names import named
from agent.engine.expressions.vocabulary import PLAIN, Definition, Lookup, Vocabulary, in_order
from agent.store.flows.deployments import Deployment
from agent.store.library.functions import FunctionRow, FunctionStore
from agent.store.library.lookups import LookupStore, Revision

_MOST_KEPT_ROWS: Final = 500_000


@dataclass(frozen=True, slots=True)
class Pins:
    """What a deployment keeps: the versions of the functions that it uses, and the table behind each lookup."""

    functions: Mapping[str, int]
    lookups: Mapping[str, str]


class Pinned(Protocol):
    """What has pins: a deployment, or `Pins` by themselves."""

    @property
    def functions(self) -> Mapping[str, int]:
        """The versions of library functions."""
        ...

    @property
    def lookups(self) -> Mapping[str, str]:
        """The table behind each lookup."""
        ...


def pins(flow: Processflow, lookups: Mapping[str, str], known: Known) -> Pins:
    """What a deployment of this processflow keeps, with what is known at that time."""
    definitions = known.functions
    wanted = frozenset().union(*map(named, flow_expressions(flow)))
    used = in_order(wanted, lambda name: definitions[name].names if name in definitions else None)
    return Pins({name: definitions[name].version for name in used}, dict(lookups))


class Vocabularies:
    """The functions and lookups of this agent, as processflows use them. Thread-safe."""

    def __init__(self, functions: FunctionStore, lookups: LookupStore) -> None:
        self._functions, self._lookups = functions, lookups
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[Revision, Mapping[str, object]]] = OrderedDict()

    def of(self, pins: Pinned) -> Vocabulary:
        """What expressions may name with these pins: those of a deployment, or of one that is to be made.

        Raises:
            ConfigurationError: code `function-missing` or `lookup-not-found`: something was lost since it was deployed.
        """
        if not pins.functions and not pins.lookups:
            return PLAIN
        functions = {row.name: definition(row) for row in self._functions.pinned(pins.functions)}
        lost = sorted(pins.functions.keys() - functions.keys())
        if lost:
            raise ConfigurationError(
                f"Version {pins.functions[lost[0]]} of the function ${lost[0]} is not in the library.",
                code="function-missing",
                remedy="Save the function, then deploy the processflow again.",
            )
        return Vocabulary(functions, self._tables(pins.lookups))

    def known(self) -> Known:
        """What there is now."""
        functions = {name: definition(row) for name, row in self._functions.current().items()}
        return Known(functions, frozenset(table.name for table in self._lookups.tables()))

    def chosen(self, flow: Processflow, asked: Mapping[str, str], before: Deployment | None) -> Mapping[str, str]:
        """The table of each lookup: what was asked for; else the document's, or what was chosen for it before.

        Args:
            flow: What is to be deployed.
            asked: Tables by lookup.
            before: The version that is active now.

        Raises:
            ConfigurationError: code `lookup-unknown`: a table was chosen for a lookup that the document does not name.
        """
        if stranger := next((name for name in asked if name not in flow.lookups), None):
            raise ConfigurationError(
                f"The processflow names no lookup “{stranger}”.",
                code="lookup-unknown",
                remedy=f"Its lookups are {', '.join(flow.lookups)}." if flow.lookups else "It uses none.",
                field=stranger,
            )
        tables = {table.name for table in self._lookups.tables()}
        written = _written_lookups(before)
        chosen = {}
        for name, table in flow.lookups.items():
            kept = before.lookups.get(name, "") if before is not None and written.get(name) == table else ""
            chosen[name] = asked.get(name) or (kept if kept in tables else table)
        return chosen

    def clear(self, *, dry_run: bool) -> tuple[int, int]:
        """Forget the tables in memory; returns how many, and about how many bytes their values have."""
        with self._lock:
            tables = [values for _, values in self._kept.values()]
            if not dry_run:
                self._kept.clear()
        return len(tables), sum(len(source) + len(str(value)) for values in tables for source, value in values.items())

    def _tables(self, lookups: Mapping[str, str]) -> dict[str, Lookup]:
        revisions = self._lookups.revisions(set(lookups.values()))
        for name, table in lookups.items():
            if table not in revisions:
                raise ConfigurationError(
                    f"The lookup table “{table}”, to which the lookup “{name}” is bound, was removed.",
                    code="lookup-not-found",
                    remedy=f"Import it again under Lookups (“opagent lookup import {table} FILE”), or take another.",
                )
        return {name: Lookup(table, self._values(table, revisions[table])) for name, table in lookups.items()}

    def _values(self, table: str, revision: Revision) -> Mapping[str, object]:
        with self._lock:
            if table in self._kept and self._kept[table][0] == revision:
                self._kept.move_to_end(table)
                return self._kept[table][1]
        # A change that comes in between is in the rows but not in the revision: the next slice reads them again.
        values = self._lookups.values(table)
        with self._lock:
            self._kept[table] = (revision, values)
            self._kept.move_to_end(table)
            while len(self._kept) > 1 and sum(len(kept) for _, kept in self._kept.values()) > _MOST_KEPT_ROWS:
                self._kept.popitem(last=False)
        return values


def _written_lookups(deployment: Deployment | None) -> Mapping[str, str]:
    """The lookups as the document of a deployment has them."""
    if deployment is None or not deployment.lookups:
        return {}
    flow = parse(deployment.document.encode(), file=deployment.file).flow
    return flow.lookups if flow is not None else {}


def definition(row: FunctionRow) -> Definition:
    """A version of a function as the engine has it."""
    return Definition(row.name, row.parameters, row.body, row.version)
