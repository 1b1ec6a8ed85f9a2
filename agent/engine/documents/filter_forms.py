"""The form of a filter in a document: clauses, and groups of which all (`&&`) or any (`||`) have to hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from agent.domain.clauses import (
    MOST_CLAUSES,
    MOST_LEVELS,
    OPERATORS,
    Clause,
    FilterPart,
    FilterPlace,
    Group,
    Join,
    all_clauses,
)
from agent.domain.meant import meant
from agent.engine.documents.fields import Fields
from agent.engine.documents.report import Place, Report, quoted
from agent.engine.documents.tree import Branch, Items, Leaf, Tree

GROUP_MEMBERS: Final = ("any", "all", "children")
"""The names under which a group holds its members."""

_ALIASES = {
    "==": "=", "equal": "=", "not_equal": "!=", "less": "<", "less_or_equal": "<=", "greater": ">",
    "greater_or_equal": ">=", "=>": ">=",
}  # fmt: skip
_OFTEN_MEANT = {
    "equals": "=", "eq": "=", "<>": "!=", "ne": "!=", "lt": "<", "=<": "<=", "le": "<=", "gt": ">", "ge": ">=",
    "not in": "not_in", "nin": "not_in",
}  # fmt: skip
_JOINS = {"&&": Join.ALL, "||": Join.ANY}


def filter_parts(fields: Fields, member: str, report: Report) -> tuple[FilterPart, ...]:
    """The filter in a member of a node; empty where there is none."""
    items = fields.items(member)
    parts = _parts(items, 1, report)
    if sum(1 for _ in all_clauses(parts)) > MOST_CLAUSES:
        report.add(items.place, "too-large", f"The filter has more than {MOST_CLAUSES} clauses.",
                   "Use the operator in, or several GETs.")  # fmt: skip
    return parts


def _parts(items: Items, level: int, report: Report) -> tuple[FilterPart, ...]:
    found = [_part(member, level, report) for member in items.members]
    return tuple(part for part in found if part is not None)


def _part(tree: Tree, level: int, report: Report) -> FilterPart | None:
    if not isinstance(tree, Branch):
        report.add(tree.place, "wrong-type", "A filter clause must be a mapping.", "Write {key: …, value: …}.")
        return None
    if any(name in tree.members for name in GROUP_MEMBERS):
        return _group(tree, level, report)
    return _clause(tree, report)


def _group(branch: Branch, level: int, report: Report) -> Group | None:
    named = [name for name in branch.members if name in GROUP_MEMBERS]
    if "key" in branch.members or len(named) > 1:
        report.add(branch.keys[named[-1]], "wrong-value", "A filter clause is either a key with its value, or a group.",
                   "Write {any: […]} or {all: […]}, and clauses beside it as members of the list.")  # fmt: skip
        return None
    if level > MOST_LEVELS:
        report.add(branch.place, "too-deep", f"Groups of clauses stand more than {MOST_LEVELS} levels deep.")
        return None
    fields = Fields(branch, "the group of clauses", report)
    items = fields.items(named[0], required=True)
    join = Join.ANY if named[0] == "any" else Join.ALL
    if named[0] == "children":
        join = _join(fields.leaf("join", required=True), report)
    fields.finish()
    members = _parts(items, level + 1, report)
    if not items.members:
        report.add(items.place, "missing-key", f"“{named[0]}” holds no clause.")
    _look_at_places(members, items.place, report)
    return Group(join, members) if members else None


def _join(leaf: Leaf | None, report: Report) -> Join:
    if leaf is not None and leaf.text.strip() not in _JOINS:
        report.add(leaf.place, "wrong-value", f"“join” must be && or ||, not {quoted(leaf.text)}.")
    return _JOINS.get(leaf.text.strip(), Join.ALL) if leaf is not None else Join.ALL


def _look_at_places(members: Sequence[FilterPart], place: Place, report: Report) -> None:
    places = {clause.place for clause in all_clauses(members)}
    if FilterPlace.HEADER in places:
        report.add(place, "wrong-value", "A header is no condition: it cannot stand in a group.",
                   "Put the clause into the list itself.")  # fmt: skip
    elif len(places) > 1:
        report.add(place, "wrong-value", "The clauses of a group have to go to the same place, query or body.")


def _clause(branch: Branch, report: Report) -> Clause:
    fields = Fields(branch, "the filter clause", report)
    key = fields.text("key", required=True)
    operator = fields.leaf("operator")
    value = fields.leaf("value")
    where = fields.leaf("in")
    if "join" in branch.members:
        fields.tree("join")
        report.add(branch.keys["join"], "unknown-key", "Clauses are joined by the group that they stand in.",
                   "Write {any: […]} for ||, {all: […]} for &&.")  # fmt: skip
    fields.finish()
    return Clause(key, _operator(operator, report), value.text if value is not None else "", _place(where, report))


def _place(leaf: Leaf | None, report: Report) -> FilterPlace:
    if leaf is None:
        return FilterPlace.QUERY
    try:
        return FilterPlace(leaf.text.strip().casefold())
    except ValueError:
        report.add(leaf.place, "wrong-value", "“in” must be query, header or body.")
        return FilterPlace.QUERY


def _operator(leaf: Leaf | None, report: Report) -> str:
    if leaf is None:
        return "="
    name = leaf.text.strip()
    if name in OPERATORS:
        return name
    if name.casefold() in _ALIASES:
        return _ALIASES[name.casefold()]
    close = _OFTEN_MEANT.get(name.casefold())
    suggestion = f"Did you mean “{close}”?" if close else meant(name, OPERATORS)
    report.add(leaf.place, "unknown-operator", f"There is no operator {quoted(name)}.", suggestion)
    return name
