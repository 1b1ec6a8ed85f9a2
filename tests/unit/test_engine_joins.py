"""Joining texts without JSONata gives what JSONata gives, for every record."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent.domain.app import DataType
from agent.domain.packet import Packet
from agent.domain.processflow import AttributeMapping, MapperNode
from agent.engine.mapping.joins import plain_join
from agent.engine.mapping.mapper import Mapped, Mapper

FULL_NAME = '$trim(person.first & " " & person.last)'


def mapped(expressions: list[str], documents: list[Any]) -> Mapped:
    # An attribute below `person` beside them: so it is known to be an object.
    known = AttributeMapping("city", "person.city", DataType.TEXT)
    mappings = tuple(AttributeMapping(f"x{n}", text, DataType.TEXT) for n, text in enumerate(expressions))
    texts = [json.dumps(document).encode() for document in documents]
    packet = Packet([str(n) for n in range(len(texts))], texts, {})
    return Mapper(MapperNode("map", (known, *mappings))).map_packet(packet)


@pytest.mark.parametrize(
    ("expression", "template", "paths", "trimmed"),
    [
        ('a & "-" & b.c', "%s-%s", (("a",), ("b", "c")), False),
        (" $trim ( first_name & ' ' & `last name` ) ", "%s %s", (("first_name",), ("last name",)), True),
        ("$trim(a)", "%s", (("a",),), True),
        ("'100 % ' & a", "100 %% %s", (("a",),), False),
        ('"a & b" & c', "a & b%s", (("c",),), False),
        ('a & ""', "%s", (("a",),), False),
    ],
)
def test_a_join_is_recognised(
    expression: str, template: str, paths: tuple[tuple[str, ...], ...], trimmed: bool
) -> None:
    join = plain_join(expression)
    assert join is not None
    assert (join.template, join.paths, join.trimmed) == (template, paths, trimmed)


@pytest.mark.parametrize(
    "expression",
    [
        "a", "a.b", '"text"', '"a" & "b"', "a & 1", "a & b + c", "a = b & c", "a & (b)", "a & b[0]", "a & $$.b", "a &",
        "& a", "$trim()", "$trim(a) & b", "$trim(a) & $trim(b)", "$trim(a, b)", "$uppercase(a) & b", '"\\n" & a',
        "a and b & c", "true & a", "a & null", "a.$x & b", "a ~> $trim", 'a."b" & c', "a & b ? c : d", "a & /* x */ b",
        "a & %.b", "a & *",
    ],
)  # fmt: skip
def test_everything_else_is_left_to_jsonata(expression: str) -> None:
    assert plain_join(expression) is None


def test_names_are_joined() -> None:
    people: list[Any] = [
        {"first": "Ann", "last": "Lee"},
        {"first": " Ann  Mary", "last": "Lee "},
        {"first": "", "last": "Lee"},
        {"first": "Åsa\u00a0", "last": "Ö\tB"},
        {"last": "Lee"},
        {"first": None, "last": "Lee"},
        {"first": 12.50, "last": True},
        {},
    ]
    found = mapped([FULL_NAME, 'id & "%s"'], [{"id": "7", "person": person} for person in people])
    assert [row[1:] for row in found.batch.rows] == [
        ("Ann Lee", "7%s"), ("Ann Mary Lee", "7%s"), ("Lee", "7%s"), ("Åsa\u00a0 Ö B", "7%s"), ("Lee", "7%s"),
        ("null Lee", "7%s"), ("12.5 true", "7%s"), ("", "7%s"),
    ]  # fmt: skip


def test_a_record_that_jsonata_refuses_fails_alone() -> None:
    found = mapped(["$trim(name)"], [{"name": " a "}, {"name": 5}, {"name": "b"}])
    assert [row[1] for row in found.batch.rows] == ["a", "b"]
    assert {index: (error.code, error.field) for index, error in found.failures.items()} == {
        1: ("mapping-expression", "x0")
    }


def test_lists_on_the_way_are_jsonatas_business() -> None:
    documents: list[Any] = [{"tags": [{"name": "a"}, {"name": "b"}]}, {"tags": {"name": "c"}}, {"tags": "d"}]
    found = mapped(['tags.name & "!"'], documents)
    assert [row[1] for row in found.batch.rows] == ['["a","b"]!', "c!", "!"]


_LEAVES = (
    st.text(alphabet='ab \t\n\u00a0\u2003é\x0b\x1f%&"', max_size=4) | st.none() | st.integers(-9, 9) | st.booleans()
)
_MEMBERS = st.dictionaries(st.sampled_from(["a", "b", "city"]), _LEAVES, max_size=3)
_DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "a": _LEAVES | st.lists(_LEAVES, max_size=2),
        "person": _MEMBERS | st.lists(_MEMBERS, max_size=2) | _LEAVES,
    },
)
_OPERANDS = st.sampled_from(["a", "person.a", "person.b", "c", '"-"', "' '", '"%s"'])
_JOINS = st.tuples(st.lists(_OPERANDS, min_size=2, max_size=4).map(" & ".join), st.booleans()).map(
    lambda pair: f"$trim({pair[0]})" if pair[1] else pair[0]
)


@given(st.lists(_DOCUMENTS, min_size=1, max_size=5), _JOINS)
@example([{"a": "\u00a0x\u00a0"}], "$trim(a & a)")
@settings(deadline=None, max_examples=400)
def test_a_join_gives_what_jsonata_gives(documents: list[Any], expression: str) -> None:
    """`(a & b)` means what `a & b` means, but is no plain join."""
    assert plain_join(f"({expression})") is None
    joined, computed = mapped([expression], documents), mapped([f"({expression})"], documents)
    assert list(joined.batch.rows) == list(computed.batch.rows)
    assert list(joined.batch.source_ids) == list(computed.batch.source_ids)
    assert list(joined.failures) == list(computed.failures)
