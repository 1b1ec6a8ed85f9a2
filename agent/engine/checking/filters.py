"""Checks a filter against what the action takes: names, how clauses are combined, where they go, what stands in them.

The same for filters of documents and for one that somebody gives a single run: faults tell their clause by a path.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from agent.domain.app import Action, Combining
from agent.domain.clauses import Clause, FilterPart, FilterPlace, Group, Join
from agent.domain.meant import closest, meant
from agent.engine.documents.document import Document
from agent.engine.documents.filter_forms import GROUP_MEMBERS
from agent.engine.documents.report import Report, quoted
from agent.engine.documents.tree import Branch, Leaf
from agent.engine.filters.placeholders import Fault, faults, key_faults


@dataclass(frozen=True, slots=True)
class FilterFault:
    """What is wrong with a part of a filter.

    `path` are the numbers of the part among its neighbours, from the outermost list inwards. `member` is the member of
    the clause at fault, with the offset in it; empty for a part as a whole.
    """

    path: tuple[int, ...]
    member: str
    offset: int
    code: str
    message: str
    suggestion: str = ""


@dataclass(frozen=True, slots=True)
class Filtered:
    """What a filter is for: an action, and the names of app and schema for people."""

    app: str
    schema: str
    action: Action


def filter_faults(
    parts: Sequence[FilterPart], filtered: Filtered | None, variables: Collection[str]
) -> Iterator[FilterFault]:
    """Everything wrong with a filter.

    Args:
        parts: The filter.
        filtered: What it is for; None where that is not known, for what no action could take.
        variables: The names of the variables that there are.
    """
    for number, part in enumerate(parts):
        yield from _part_faults(part, (number,), filtered, variables, above=())


def check_filter(
    document: Document,
    path: tuple[str, ...],
    parts: Sequence[FilterPart],
    report: Report,
    *,
    filtered: Filtered | None,
    variables: Collection[str],
) -> None:
    """Note what is wrong with the filter that stands at a path of a document."""
    for fault in filter_faults(parts, filtered, variables):
        here = _document_path(document, path, fault.path)
        if not fault.member:
            report.add(document.place(*here), fault.code, fault.message, fault.suggestion)
            continue
        leaf = document.find(*here, fault.member)
        place = leaf.place_at(fault.offset) if isinstance(leaf, Leaf) else document.place(*here)
        report.add(place, fault.code, fault.message, fault.suggestion)


def _document_path(document: Document, path: tuple[str, ...], numbers: tuple[int, ...]) -> tuple[str | int, ...]:
    """Where a part stands in a document: groups name their members in several ways."""
    here: tuple[str | int, ...] = (*path, numbers[0])
    for number in numbers[1:]:
        tree = document.find(*here)
        members = tree.members if isinstance(tree, Branch) else {}
        name = next((one for one in GROUP_MEMBERS if one in members), GROUP_MEMBERS[0])
        here = (*here, name, number)
    return here


def _part_faults(
    part: FilterPart,
    path: tuple[int, ...],
    filtered: Filtered | None,
    variables: Collection[str],
    *,
    above: tuple[Join, ...],
) -> Iterator[FilterFault]:
    if isinstance(part, Clause):
        yield from _clause_faults(part, path, filtered, variables)
        return
    # Members of a group that is joined like the one around it stand in that one.
    around = above[-1] if above else Join.ALL
    inward = above if part.join is around else (*above, part.join)
    if filtered is not None and inward is not above and (fault := _combining_fault(part, inward, filtered)):
        yield FilterFault(path, "", 0, "filter-combining", *fault)
    for number, member in enumerate(part.members):
        yield from _part_faults(member, (*path, number), filtered, variables, above=inward)


def _combining_fault(group: Group, levels: tuple[Join, ...], filtered: Filtered) -> tuple[str, str] | None:
    combining = filtered.action.combining
    if combining is Combining.TREE or (combining is Combining.ANY and len(levels) == 1):
        return None
    if combining is Combining.ANY:
        # Once, for the outermost of them.
        message = f"{filtered.app} takes no groups of clauses in other groups."
        return (message, "Write it with fewer levels, or use two GETs.") if len(levels) == 2 else None
    message = (
        f"{filtered.app} cannot combine filters by {group.join.value} in {filtered.action.name} of {filtered.schema}."
    )
    return (message, "Use the operator in, or two GETs.") if len(levels) == 1 else None


def _clause_faults(
    clause: Clause, path: tuple[int, ...], filtered: Filtered | None, variables: Collection[str]
) -> Iterator[FilterFault]:
    foreign = list(key_faults(clause.key))
    for fault in foreign:
        yield _at(path, "key", fault)
    if filtered is not None:
        yield from _unsuited(clause, path, filtered, known=bool(foreign))
    for fault in faults(clause.value, variables):
        yield _at(path, "value", fault)


def _unsuited(clause: Clause, path: tuple[int, ...], filtered: Filtered, *, known: bool) -> Iterator[FilterFault]:
    """What this action does not take. `known` means that the key was found fault with already."""
    action = filtered.action
    where = f"The action {quoted(action.name)} of {quoted(filtered.schema)}"
    takes = {FilterPlace.HEADER: action.header_filters, FilterPlace.BODY: action.body_filters}
    if not takes.get(clause.place, True):
        message = f"{where} takes no filter in the {clause.place.value}."
        yield FilterFault(
            path, "in", 0, "filter-place", message, f"Remove the clause, or its in: {clause.place.value}."
        )
    elif clause.place is FilterPlace.QUERY and not known and not _is_accepted(clause.key, action):
        message = f"{where} does not accept the filter {quoted(clause.key)}."
        yield FilterFault(path, "key", 0, "unknown-filter", message, _right_filter(clause.key, action))


def _at(path: tuple[int, ...], member: str, fault: Fault) -> FilterFault:
    return FilterFault(path, member, fault.offset, fault.code, fault.message, fault.suggestion)


def _is_accepted(key: str, action: Action) -> bool:
    return action.any_filter or key in action.filters


def _right_filter(key: str, action: Action) -> str:
    renamed = action.renamed_filters.get(key)
    if renamed is not None:
        return f"Did you mean “{renamed}”? “{key}” belongs to another version of the app's API."
    name = key.partition("=")[0].strip()
    if name != key and _is_accepted(name, action):
        return f"Write the name as key, “{name}”, and what follows it as value."
    close = closest(key, action.filters)
    return f"Did you mean “{close}”?" if close else meant(key, action.filters, otherwise="It accepts no filters.")
