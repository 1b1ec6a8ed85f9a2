"""Checks what expressions name: functions that there are, and lookups that the document names and that have a table."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from agent.domain.meant import closest
from agent.engine.documents.document import Document
from agent.engine.documents.report import Report, quoted
from agent.engine.documents.written_expressions import Written, written_expressions
from agent.engine.expressions.host_functions import HOST_FUNCTIONS, LOOKUP_FUNCTIONS
from agent.engine.expressions.jsonata_functions import JSONATA_FUNCTIONS
from agent.engine.expressions.names import Use, named, uses
from agent.engine.expressions.vocabulary import Definition, in_order

BUILT_IN: Final = JSONATA_FUNCTIONS | HOST_FUNCTIONS.keys()


@dataclass(frozen=True, slots=True)
class Known:
    """What there is here besides what is built in: library functions, and the names of lookup tables."""

    functions: Mapping[str, Definition] = field(default_factory=dict)
    tables: Collection[str] = ()


def check_names(document: Document, known: Known, report: Report, *, bound: Mapping[str, str] | None = None) -> None:
    """Note what expressions name that there is not.

    Args:
        document: A document whose form is right.
        known: What there is.
        report: Gets the problems.
        bound: The table of each lookup, where others than those of the document were chosen.
    """
    if document.flow is None:
        return
    for name, table in {**document.flow.lookups, **(bound or {})}.items():
        if table not in known.tables:
            close = closest(table, known.tables)
            import_it = f"mport it under Lookups (“opagent lookup import {table} FILE”), or deploy with another table."
            report.add(
                document.place("lookups", name), "unknown-lookup-table",
                f"There is no lookup table {quoted(table)}, which the lookup {quoted(name)} needs.",
                f"Did you mean “{close}”? Otherwise i{import_it}" if close else f"I{import_it}",
            )  # fmt: skip
    _check_clashes(document, document.flow.variables, known, report)
    for written in written_expressions(document):
        for use in uses(written.text):
            _check_use(use, written, document.flow.lookups, known, report)


def _check_clashes(document: Document, variables: Collection[str], known: Known, report: Report) -> None:
    """Note variables of the same name as a function that is used, perhaps by another function."""
    wanted = frozenset().union(*(named(written.text) for written in written_expressions(document)))
    functions = known.functions
    used = in_order(wanted, lambda name: functions[name].names if name in functions else None)
    for name in set(used).intersection(variables):
        report.add(
            document.key_place("variables", name), "name-clash",
            f"The function library has ${name}, too: which of the two an expression means is not clear.",
            "Give the variable another name.",
        )  # fmt: skip


def unknown_functions(expression: str, known: Collection[str]) -> list[Use]:
    """The calls of functions that there are not."""
    return [use for use in uses(expression) if use.called and use.name not in BUILT_IN and use.name not in known]


def lookup_fault(use: Use) -> str | None:
    """What is wrong with how a lookup is asked: which one it is has to be seen before anything runs."""
    if use.name not in LOOKUP_FUNCTIONS or (use.called and not use.chained and use.first is not None):
        return None
    return f"${use.name} has to be called with the name of a lookup between quotes as its first argument."


def _check_use(use: Use, written: Written, lookups: Mapping[str, str], known: Known, report: Report) -> None:
    if use.name in LOOKUP_FUNCTIONS:
        fault = lookup_fault(use)
        if fault is not None:
            report.add(written.place_at(use.offset), "lookup-unclear", fault, f'Write ${use.name}("country", …).')
        elif use.first not in lookups:
            name = use.first or ""
            message = f"The document names no lookup {quoted(name)}."
            close = closest(name, lookups)
            suggestion = f"Did you mean “{close}”?" if close else f"Add it: lookups: {{{name}: {name}}}."
            report.add(written.place_at(use.first_offset), "unknown-lookup", message, suggestion)
    elif use.called and use.name not in BUILT_IN and use.name not in known.functions:
        close = closest(use.name, [*BUILT_IN, *known.functions])
        report.add(
            written.place_at(use.offset), "unknown-function", f"There is no function {quoted(f'${use.name}')}.",
            f"Did you mean “${close}”?" if close else "Save it in the function library first.",
        )  # fmt: skip
