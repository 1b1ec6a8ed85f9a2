"""Maps a row of JSON documents with one list of attributes: the records of a packet, or the child records in them.

Values at plain paths come from `agent.engine.extraction`, exactly as they are in the source; all others from
`agent.engine.expressions`. A child record that cannot be mapped fails the record that it belongs to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from agent.domain.app import DataType
from agent.domain.packet import Row, Value
from agent.domain.processflow import AttributeMapping
from agent.engine.child_records import Trouble, blame, computed_children, given_columns, joined
from agent.engine.conversion import Column, convert
from agent.engine.expressions import Evaluated, Expressions, names_root
from agent.engine.extracted import Collection, Extracted, Scalar, ShapeError, extract_by_walking
from agent.engine.extraction import Plan, harmonious
from agent.engine.paths import plain_path


@dataclass(slots=True)
class Found:
    """A row for each document, meaningless where the document failed."""

    rows: list[Row]
    failures: dict[int, Trouble] = field(default_factory=dict)


def required(mapping: AttributeMapping) -> bool:
    """Whether an attribute must have a value. A key without one identifies nothing."""
    return mapping.required or mapping.key


class RecordMapping:
    """Maps documents to rows.

    Args:
        mappings: The attributes; every expression compiles.
        given: The numbers of attributes whose values the caller brings.
    """

    def __init__(self, mappings: Sequence[AttributeMapping], given: frozenset[int] = frozenset()) -> None:
        self._mappings = mappings
        self._scalars: dict[int, Scalar] = {}
        self._collections: dict[int, Collection] = {}
        self._selections: dict[int, range] = {}
        self._children: dict[int, RecordMapping] = {}
        self._rooted: dict[int, Mapping[int, str]] = {}
        expressions: dict[str, str] = {}
        self._named: dict[str, str] = {}
        for number, mapping in enumerate(mappings):
            path = plain_path(mapping.expression)
            if number in given:
                continue
            if mapping.members:
                self._plan_collection(number, mapping, expressions)
            elif path is None:
                expressions[_computed_name(number)] = mapping.expression
                self._named[_computed_name(number)] = mapping.attribute
            else:
                self._scalars[number] = _scalar(mapping)
        self._plan = Plan(self._scalars, self._collections)
        together = {name: text for name, text in expressions.items() if not names_root(text)}
        alone = {name: text for name, text in expressions.items() if names_root(text)}
        self._expressions = [Expressions(some) for some in (together, alone) if some]

    def _plan_collection(self, number: int, mapping: AttributeMapping, expressions: dict[str, str]) -> None:
        members = dict(enumerate(mapping.members))
        rooted = {place: _computed_name(place) for place, one in members.items() if names_root(one.expression)}
        fields = ",".join(f'"{name}":{members[place].expression}' for place, name in rooted.items())
        self._rooted[number] = rooted
        self._children[number] = RecordMapping(mapping.members, frozenset(rooted))
        plain = {place: _scalar(member) for place, member in members.items() if _is_plain(member)}
        # Behind those of the attributes: a plan tells what is asked for by its number alone.
        first = len(self._mappings) + sum(map(len, self._selections.values()))
        self._selections[number] = range(first, first + len(mapping.selections))
        for selection, expression in zip(self._selections[number], mapping.selections, strict=True):
            self._named[_selected_name(selection)] = self._named[_rooted_name(selection)] = mapping.attribute
            if rooted:
                expressions[_rooted_name(selection)] = f"[({expression}).{{{fields}}}]"
            path = plain_path(expression)
            if path is None:
                expressions[_selected_name(selection)] = f"[{expression}]"
                continue
            together = Collection(path, plain)
            fits = len(plain) == len(members) and harmonious(together)
            self._collections[selection] = together if fits else Collection(path, None)

    def map(self, documents: Sequence[bytes], given: Mapping[int, Column] | None = None, *, deadline: float) -> Found:
        """Map every document.

        Args:
            documents: JSON objects.
            given: The columns that the caller brings.
            deadline: When the expressions have taken too long, by `time.monotonic`.
        """
        found = Found([()] * len(documents))
        computed = [expressions.evaluate(documents, deadline=deadline) for expressions in self._expressions]
        for evaluated in computed:
            for index, (name, reason) in evaluated.failures.items():
                found.failures.setdefault(index, self._uncomputed(name, reason))
        for indices, extracted in self._parts(documents, found.failures):
            extracted.columns.update({
                number: [column[index] for index in indices] for number, column in (given or {}).items()
            })  # fmt: skip
            part = self._rows(indices, extracted, computed, deadline)
            for index, row in zip(indices, part.rows, strict=True):
                found.rows[index] = row
            for place, trouble in part.failures.items():
                found.failures.setdefault(indices[place], trouble)
        return found

    def _parts(
        self, documents: Sequence[bytes], failures: dict[int, Trouble]
    ) -> Iterator[tuple[Sequence[int], Extracted]]:
        """All documents at once where their shape is as expected; else those that are, and the others one by one."""
        try:
            yield range(len(documents)), self._plan.extract(documents)
        except ShapeError:
            pass
        else:
            return
        fitting = []
        for index, document in enumerate(documents):
            if self._fits(document):
                fitting.append(index)
                continue
            try:
                yield [index], extract_by_walking(document, self._scalars, self._collections)
            except ShapeError as error:
                failures[index] = Trouble("", f"The record cannot be read: {error}.", "mapping-unreadable")
        yield fitting, self._plan.extract([documents[index] for index in fitting])

    def _fits(self, document: bytes) -> bool:
        try:
            self._plan.extract([document])
        except ShapeError:
            return False
        return True

    def _rows(
        self, indices: Sequence[int], extracted: Extracted, computed: Sequence[Evaluated], deadline: float
    ) -> Found:
        failures: dict[int, Trouble] = {}
        columns: list[list[Value]] = []
        for number, mapping in enumerate(self._mappings):
            if mapping.members:
                columns.append(self._child_rows(number, indices, extracted, computed, failures, deadline=deadline))
                continue
            values = extracted.columns.get(number)
            if values is None:
                values = _results(computed, _computed_name(number), indices)
            columns.append(_converted(mapping, values, failures))
        return Found(list(zip(*columns, strict=True)), failures)

    def _child_rows(
        self,
        number: int,
        indices: Sequence[int],
        extracted: Extracted,
        computed: Sequence[Evaluated],
        failures: dict[int, Trouble],
        *,
        deadline: float,
    ) -> list[Value]:
        name = self._mappings[number].attribute
        mapping = self._children[number]
        parts: list[list[list[Row]]] = []
        for selection in self._selections[number]:
            children = extracted.children.get(selection)
            if children is None:
                children = computed_children(name, _results(computed, _selected_name(selection), indices), failures)
            if children.columns:
                of_all = range(sum(children.counts))
                found = mapping._rows(of_all, Extracted(children.columns), (), deadline)  # noqa: SLF001 - ours
            else:
                rooted = _results(computed, _rooted_name(selection), indices) if self._rooted[number] else []
                given = given_columns(name, self._rooted[number], rooted, children.counts, failures)
                found = mapping.map(children.documents, given, deadline=deadline)
            if found.failures:
                before = [sum(map(len, lists)) for lists in zip(*parts, strict=True)] or [0] * len(indices)
                blame(name, children.counts, found.failures, failures, before)
            rows = iter(found.rows)
            parts.append([list(islice(rows, count)) for count in children.counts])
        return list(joined(parts))

    def _uncomputed(self, name: str, reason: str) -> Trouble:
        attribute = self._named.get(name, "")
        where = f"{attribute}: its expression failed" if attribute else "The mapping failed"
        return Trouble(attribute, f"{where}: {reason}.", "mapping-expression")


def _computed_name(number: int) -> str:
    return f"a{number}"


def _selected_name(selection: int) -> str:
    return f"s{selection}"


def _rooted_name(selection: int) -> str:
    return f"r{selection}"


def _is_plain(member: AttributeMapping) -> bool:
    return not member.members and plain_path(member.expression) is not None


def _scalar(mapping: AttributeMapping) -> Scalar:
    path = plain_path(mapping.expression)
    assert path is not None
    return Scalar(path, raw=mapping.type is DataType.JSON)


def _results(computed: Sequence[Evaluated], name: str, indices: Sequence[int]) -> Column:
    """The results of one expression. Only one of the groups knows its name."""
    for evaluated in computed:
        if name in evaluated.names:
            return [evaluated.results[index].get(name) for index in indices]
    return [None] * len(indices)


def _converted(mapping: AttributeMapping, values: Column, failures: dict[int, Trouble]) -> list[Value]:
    column, unfit = convert(values, mapping.type)
    name = mapping.attribute
    for index, reason in unfit.items():
        failures.setdefault(index, Trouble(name, f"{name}: {reason}.", "mapping-type"))
    # Only text is left blank by its conversion: blanks of all other types have become None.
    if required(mapping) and (mapping.type is DataType.TEXT or None in column):
        for index, value in enumerate(column):
            if value is None or (value.__class__ is str and not value.strip()):
                message = f"{name}: a value is required, but the record has none."
                failures.setdefault(index, Trouble(name, message, "mapping-required"))
    return column
