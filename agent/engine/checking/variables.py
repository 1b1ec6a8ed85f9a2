"""Checks the variables of a document: whether the nodes exist that they name, and whether what names them may.

A variable that is named and not there is found here and, in filters, by `agent.engine.checking.filters`.
"""

from __future__ import annotations

from collections.abc import Collection

from agent.domain.clauses import all_clauses
from agent.domain.meant import closest
from agent.domain.processflow import GetNode, MapperNode, MergerNode, PostNode, Processflow, SplitterNode
from agent.domain.variables import Variable
from agent.engine.documents.document import Document
from agent.engine.documents.report import Place, Report, quoted
from agent.engine.documents.written_expressions import Written, written_expressions
from agent.engine.expressions.host_functions import HOST_FUNCTIONS
from agent.engine.expressions.jsonata_functions import JSONATA_FUNCTIONS
from agent.engine.expressions.names import uses
from agent.engine.filters.placeholders import names_in

_FOLLOWED = (GetNode, MapperNode, SplitterNode, MergerNode, PostNode)


def check_variables(
    document: Document, flow: Processflow, report: Report, *, functions: Collection[str] = frozenset()
) -> None:
    """Note what is wrong with variables and with what names them.

    Args:
        document: The document.
        flow: The same, parsed.
        report: Gets the problems.
        functions: The names of library functions.
    """
    checker = _Checker(document, flow, report, frozenset({*JSONATA_FUNCTIONS, *HOST_FUNCTIONS, *functions}))
    for variable in flow.variables.values():
        checker.check_nodes(variable)
    for written in written_expressions(document):
        checker.check_expression(written)
    for stage in flow.all_stages:
        checker.check_filter(stage.source)


class _Checker:
    def __init__(self, document: Document, flow: Processflow, report: Report, functions: frozenset[str]) -> None:
        self._document, self._report, self._functions = document, report, functions
        self._variables = flow.variables
        stages = flow.all_stages
        self._nodes = {node.id: node for stage in stages for node in (stage.source, *stage.nodes.values())}
        self._lead_on = {node for stage in stages for node in stage.ways}

    def check_nodes(self, variable: Variable) -> None:
        """Whether the nodes exist that a variable names, and whether packets leave the one that it looks at."""
        for member, node_id in (("node", variable.node), ("scope", variable.scope)):
            if node_id and node_id not in self._nodes:
                self._report.add_unknown(
                    self._document.place("variables", variable.name, member), "unknown-node",
                    f"There is no node {quoted(node_id)} that a variable could have to do with.",
                    name=node_id, known=self._nodes,
                )  # fmt: skip
        node = self._nodes.get(variable.node)
        if node is None:
            return
        place = self._document.place("variables", variable.name, "node")
        if not isinstance(node, _FOLLOWED):
            self._report.add(
                place, "variable-node", f"A variable cannot look at the packets of {quoted(node.id)}.",
                "Name a get, mapper, splitter or merger, or a post that something follows.",
            )  # fmt: skip
        elif isinstance(node, PostNode) and node.id not in self._lead_on:
            self._report.add(place, "variable-node", f"Nothing follows {quoted(node.id)}: no packet leaves it.",
                             "Name another node, or let something follow.")  # fmt: skip

    def check_expression(self, written: Written) -> None:
        """Whether what an expression names is there, and counts in its node."""
        for use in uses(written.text):
            if use.called or use.chained or use.name in self._functions:
                continue
            if use.name in self._variables:
                self._check_scope(written.node, use.name, written.place_at(use.offset))
                continue
            close = closest(use.name, self._variables)
            self._report.add(
                written.place_at(use.offset), "unknown-variable", f"There is no variable {quoted(use.name)}.",
                f"Did you mean ${close}?" if close else "Add it under variables, or assign it in the expression.",
            )  # fmt: skip

    def check_filter(self, node: GetNode) -> None:
        """Whether the variables in a filter count in its node."""
        for member, parts in (("filter", node.filters), ("retry_filter", node.retry_filters)):
            for clause in all_clauses(parts):
                for name in names_in(clause.value):
                    if name in self._variables:
                        self._check_scope(node.id, name, self._document.place("nodes", node.id, member))

    def _check_scope(self, node: str, name: str, place: Place) -> None:
        scope = self._variables[name].scope
        if node and scope and scope != node:
            self._report.add(place, "variable-scope", f"The variable {quoted(name)} counts in {quoted(scope)} alone.",
                             "Remove its “scope”, or use another one.")  # fmt: skip
