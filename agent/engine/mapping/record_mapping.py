"""Maps a row of JSON documents with one list of attributes: the records of a packet, or the child records in them.

Values at plain paths come from `agent.engine.mapping.extraction`, exactly as they are in the source; all others from
`agent.engine.expressions.jsonata`. A child record that cannot be mapped fails the record that it belongs to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count, islice

from agent.domain.app import DataType
from agent.domain.packet import Row, Value
from agent.domain.processflow import AttributeMapping
from agent.engine.expressions.jsonata import Evaluated, Expressions, Failure, names_root, packet_deadline
from agent.engine.expressions.vocabulary import PLAIN, Vocabulary
from agent.engine.mapping.child_records import Trouble, blame, computed_children, given_columns, joined
from agent.engine.mapping.conversion import Column, convert
from agent.engine.mapping.extracted import Collection, Extracted, Scalar, ShapeError, extract_by_walking
from agent.engine.mapping.extraction import Plan, harmonious
from agent.engine.mapping.joins import Join, plain_join
from agent.engine.mapping.paths import plain_path


@dataclass(slots=True)
class Found:
    """A row for each document, meaningless where the document failed."""

    rows: list[Row]
    failures: dict[int, Trouble] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Joined:
    """A join, the numbers of its operands, and what is asked where it does not do."""

    join: Join
    operands: tuple[int, ...]
    otherwise: Expressions


@dataclass(frozen=True, slots=True)
class _Part:
    """Documents that were extracted together: those at `indices` of all `documents`, with what was found in them."""

    indices: Sequence[int]
    extracted: Extracted
    computed: Sequence[Evaluated]
    documents: Sequence[bytes]
    deadline: float


def required(mapping: AttributeMapping) -> bool:
    """Whether an attribute must have a value. A key without one identifies nothing."""
    return mapping.required or mapping.key


class RecordMapping:
    """Maps documents to rows.

    Args:
        mappings: The attributes; every expression compiles.
        given: The numbers of attributes whose values the caller brings.
        vocabulary: What the expressions may name.
    """

    def __init__(
        self,
        mappings: Sequence[AttributeMapping],
        given: frozenset[int] = frozenset(),
        *,
        vocabulary: Vocabulary = PLAIN,
    ) -> None:
        self._mappings, self._vocabulary = mappings, vocabulary
        self._scalars: dict[int, Scalar] = {}
        self._collections: dict[int, Collection] = {}
        self._selections: dict[int, Sequence[int]] = {}
        self._children: dict[int, RecordMapping] = {}
        self._rooted: dict[int, Mapping[int, str]] = {}
        self._joins: dict[int, _Joined] = {}
        # A plan tells what is asked for by its number alone: these come behind those of the attributes.
        self._numbers = count(len(mappings))
        expressions: dict[str, str] = {}
        self._named: dict[str, str] = {}
        asked = {number: mapping for number, mapping in enumerate(mappings) if number not in given}
        simple = {number: mapping for number, mapping in asked.items() if not mapping.members}
        self._scalars.update({number: _scalar(mapping) for number, mapping in simple.items() if _is_plain(mapping)})
        for number in simple.keys() - self._scalars.keys():
            self._plan_expression(number, simple[number], expressions)
        for number in asked.keys() - simple.keys():
            self._plan_collection(number, asked[number], expressions)
        self._plan = Plan(self._scalars, self._collections)
        together = {name: text for name, text in expressions.items() if not names_root(text)}
        alone = {name: text for name, text in expressions.items() if names_root(text)}
        self._expressions = [Expressions(some, vocabulary) for some in (together, alone) if some]

    def _plan_expression(self, number: int, mapping: AttributeMapping, expressions: dict[str, str]) -> None:
        name = _computed_name(number)
        self._named[name] = mapping.attribute
        join = plain_join(mapping.expression)
        # Where no other attribute comes from the same place, it may well be a list, which would slow everything down.
        known = {scalar.path[:-1] for scalar in self._scalars.values()}
        if join is None or any(path[:-1] and path[:-1] not in known for path in join.paths):
            expressions[name] = mapping.expression
            return
        operands = {next(self._numbers): Scalar(path) for path in join.paths}
        self._scalars.update(operands)
        self._joins[number] = _Joined(join, tuple(operands), Expressions({name: mapping.expression}))

    def _plan_collection(self, number: int, mapping: AttributeMapping, expressions: dict[str, str]) -> None:
        members = dict(enumerate(mapping.members))
        rooted = {place: _computed_name(place) for place, one in members.items() if names_root(one.expression)}
        fields = ",".join(f'"{name}":{members[place].expression}' for place, name in rooted.items())
        self._rooted[number] = rooted
        self._children[number] = RecordMapping(mapping.members, frozenset(rooted), vocabulary=self._vocabulary)
        plain = {place: _scalar(member) for place, member in members.items() if _is_plain(member)}
        self._selections[number] = [next(self._numbers) for _ in mapping.selections]
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

    def map(
        self, documents: Sequence[bytes], given: Mapping[int, Column] | None = None, *, deadline: float | None = None
    ) -> Found:
        """Map every document.

        Args:
            documents: JSON objects.
            given: The columns that the caller brings.
            deadline: When the expressions have taken too long, by `time.monotonic`; that of a packet begun now if None.
        """
        deadline = packet_deadline() if deadline is None else deadline
        found = Found([()] * len(documents))
        computed = [expressions.evaluate(documents, deadline=deadline) for expressions in self._expressions]
        for evaluated in computed:
            for index, failure in evaluated.failures.items():
                found.failures.setdefault(index, self._uncomputed(failure))
        for indices, extracted in self._parts(documents, found.failures):
            extracted.columns.update({
                number: [column[index] for index in indices] for number, column in (given or {}).items()
            })  # fmt: skip
            part = self._rows(_Part(indices, extracted, computed, documents, deadline))
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

    def _rows(self, part: _Part) -> Found:
        failures: dict[int, Trouble] = {}
        columns: list[list[Value]] = []
        for number, mapping in enumerate(self._mappings):
            if mapping.members:
                columns.append(self._child_rows(number, part, failures))
                continue
            values = part.extracted.columns.get(number)
            if number in self._joins:
                values = self._joined(number, part, failures)
            elif values is None:
                values = _results(part, _computed_name(number))
            columns.append(_converted(mapping, values, failures))
        return Found(list(zip(*columns, strict=True)), failures)

    def _joined(self, number: int, part: _Part, failures: dict[int, Trouble]) -> Column:
        """A column of joined texts; JSONata is asked about the records that cannot simply be joined."""
        joined = self._joins[number]
        column, rest = joined.join.joined([part.extracted.columns[operand] for operand in joined.operands])
        if rest:
            documents = [part.documents[part.indices[place]] for place in rest]
            evaluated = joined.otherwise.evaluate(documents, deadline=part.deadline)
            for place, result in zip(rest, evaluated.results, strict=True):
                column[place] = result.get(_computed_name(number))
            for index, failure in evaluated.failures.items():
                failures.setdefault(rest[index], self._uncomputed(failure))
        return column

    def _child_rows(self, number: int, part: _Part, failures: dict[int, Trouble]) -> list[Value]:
        name = self._mappings[number].attribute
        mapping = self._children[number]
        parts: list[list[list[Row]]] = []
        for selection in self._selections[number]:
            children = part.extracted.children.get(selection)
            if children is None:
                children = computed_children(name, _results(part, _selected_name(selection)), failures)
            if children.columns:
                below = _Part(range(sum(children.counts)), Extracted(children.columns), (), (), part.deadline)
                found = mapping._rows(below)  # noqa: SLF001 - ours
            else:
                rooted = _results(part, _rooted_name(selection)) if self._rooted[number] else []
                given = given_columns(name, self._rooted[number], rooted, children.counts, failures)
                found = mapping.map(children.documents, given, deadline=part.deadline)
            if found.failures:
                before = [sum(map(len, lists)) for lists in zip(*parts, strict=True)] or [0] * len(part.indices)
                blame(name, children.counts, found.failures, failures, before)
            rows = iter(found.rows)
            parts.append([list(islice(rows, count)) for count in children.counts])
        return list(joined(parts))

    def _uncomputed(self, failure: Failure) -> Trouble:
        attribute = self._named.get(failure.name, "")
        where = f"{attribute}: its expression failed" if attribute else "The mapping failed"
        return Trouble(attribute, f"{where}: {failure.reason}.", "mapping-expression", failure.remedy)


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


def _results(part: _Part, name: str) -> Column:
    """The results of one expression. Only one of the groups knows its name."""
    for evaluated in part.computed:
        if name in evaluated.names:
            return [evaluated.results[index].get(name) for index in part.indices]
    return [None] * len(part.indices)


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
