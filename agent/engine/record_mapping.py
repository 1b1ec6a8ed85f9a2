"""Maps a row of JSON documents with one list of attributes: the records of a packet, or the child records in them.

Values at plain paths come from `agent.engine.extraction`, exactly as they are in the source; all others from
`agent.engine.expressions`. A child record that cannot be mapped fails the record that it belongs to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice

from agent.domain.app import DataType
from agent.domain.packet import Row, Value
from agent.domain.processflow import AttributeMapping
from agent.engine.conversion import Column, convert, json_text
from agent.engine.expressions import Evaluated, Expressions, names_root
from agent.engine.extracted import Children, Collection, Extracted, Scalar, ShapeError, extract_by_walking
from agent.engine.extraction import Plan, harmonious
from agent.engine.paths import opened, plain_path


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why one record cannot be mapped."""

    attribute: str
    message: str
    code: str


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
        self._children: dict[int, RecordMapping] = {}
        self._rooted: dict[int, frozenset[int]] = {}
        expressions: dict[str, str] = {}
        for number, mapping in enumerate(mappings):
            path = plain_path(mapping.expression)
            if number in given:
                continue
            if mapping.members:
                self._plan_collection(number, mapping, expressions)
            elif path is None:
                expressions[_computed_name(number)] = mapping.expression
            else:
                self._scalars[number] = _scalar(mapping)
        self._plan = Plan(self._scalars, self._collections)
        together = {name: text for name, text in expressions.items() if not names_root(text)}
        alone = {name: text for name, text in expressions.items() if names_root(text)}
        self._expressions = [Expressions(some) for some in (together, alone) if some]

    def _plan_collection(self, number: int, mapping: AttributeMapping, expressions: dict[str, str]) -> None:
        members = dict(enumerate(mapping.members))
        rooted = {place: member.expression for place, member in members.items() if names_root(member.expression)}
        if rooted:
            fields = ",".join(f'"{_computed_name(place)}":{text}' for place, text in rooted.items())
            expressions[_rooted_name(number)] = f"[({mapping.expression}).{{{fields}}}]"
        self._rooted[number] = frozenset(rooted)
        self._children[number] = RecordMapping(mapping.members, self._rooted[number])
        path = plain_path(mapping.expression)
        if path is None:
            expressions[_computed_name(number)] = f"[{mapping.expression}]"
            return
        plain = {place: _scalar(member) for place, member in members.items() if _is_plain(member)}
        together = Collection(path, plain)
        fits = len(plain) == len(members) and harmonious(together)
        self._collections[number] = together if fits else Collection(path, None)

    def map(self, documents: Sequence[bytes], given: Mapping[int, Column] | None = None) -> Found:
        """Map every document. `given` are the columns that the caller brings."""
        found = Found([()] * len(documents))
        computed = [expressions.evaluate(documents) for expressions in self._expressions]
        for evaluated in computed:
            for index, (name, reason) in evaluated.failures.items():
                found.failures.setdefault(index, self._uncomputed(name, reason))
        for indices, extracted in self._parts(documents, found.failures):
            extracted.columns.update({
                number: [column[index] for index in indices] for number, column in (given or {}).items()
            })  # fmt: skip
            part = self._rows(indices, extracted, computed)
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

    def _rows(self, indices: Sequence[int], extracted: Extracted, computed: Sequence[Evaluated]) -> Found:
        failures: dict[int, Trouble] = {}
        columns: list[list[Value]] = []
        for number, mapping in enumerate(self._mappings):
            if mapping.members:
                columns.append(self._child_rows(number, indices, extracted, computed, failures))
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
    ) -> list[Value]:
        name = self._mappings[number].attribute
        children = extracted.children.get(number)
        if children is None:
            children = _computed_children(name, _results(computed, _computed_name(number), indices), failures)
        mapping = self._children[number]
        if children.columns:
            found = mapping._rows(range(sum(children.counts)), Extracted(children.columns), ())  # noqa: SLF001 - ours
        else:
            rooted = _results(computed, _rooted_name(number), indices) if self._rooted[number] else []
            given = _given(name, self._rooted[number], rooted, children.counts, failures)
            found = mapping.map(children.documents, given)
        if found.failures:
            _blame(name, children.counts, found.failures, failures)
        rows = iter(found.rows)
        return [list(islice(rows, count)) for count in children.counts]

    def _uncomputed(self, name: str, reason: str) -> Trouble:
        attribute = self._mappings[int(name[1:])].attribute if name else ""
        where = f"{attribute}: its expression failed" if attribute else "The mapping failed"
        return Trouble(attribute, f"{where}: {reason}.", "mapping-expression")


def _computed_name(number: int) -> str:
    return f"a{number}"


def _rooted_name(number: int) -> str:
    return f"r{number}"


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
    if required(mapping):
        for index, value in enumerate(column):
            if value is None or (value.__class__ is str and not value.strip()):
                message = f"{name}: a value is required, but the record has none."
                failures.setdefault(index, Trouble(name, message, "mapping-required"))
    return column


def _computed_children(name: str, found: Column, failures: dict[int, Trouble]) -> Children:
    counts: list[int] = []
    documents: list[bytes] = []
    for index, value in enumerate(found):
        items = opened(value)
        if not all(isinstance(item, dict) for item in items):
            message = f"{name}: child records are expected, but its expression gave plain values."
            failures.setdefault(index, Trouble(name, message, "mapping-children"))
            items = []
        counts.append(len(items))
        documents += [json_text(item).encode() for item in items]
    return Children(counts, documents=documents)


def _given(
    name: str, places: frozenset[int], rooted: Column, counts: Sequence[int], failures: dict[int, Trouble]
) -> dict[int, Column]:
    """The columns of child records that were computed with the whole record at hand."""
    results: list[Mapping[str, object]] = []
    for index, (value, count) in enumerate(zip(rooted, counts, strict=bool(places))):
        items = opened(value)
        if len(items) != count:
            message = f"{name}: an expression that names $$ gave {len(items)} values for {count} child records."
            failures.setdefault(index, Trouble(name, message, "mapping-children"))
            items = [{}] * count
        results += [item if isinstance(item, dict) else {} for item in items]
    return {place: [result.get(_computed_name(place)) for result in results] for place in places}


def _blame(
    name: str, counts: Sequence[int], child_failures: Mapping[int, Trouble], failures: dict[int, Trouble]
) -> None:
    """Say of each record which of its child records failed first."""
    owners = list(chain.from_iterable([(record, place) for place in range(n)] for record, n in enumerate(counts)))
    for child, trouble in sorted(child_failures.items()):
        record, place = owners[child]
        attribute = f"{name}.{trouble.attribute}" if trouble.attribute else name
        message = f"{name}, record {place + 1}: {trouble.message}"
        failures.setdefault(record, Trouble(attribute, message, trouble.code))
