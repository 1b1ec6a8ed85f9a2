"""Mapping packets: values stay exact, one bad record spoils no other, and both ways of reading a path agree."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.domain.app import Attribute, DataType
from agent.domain.errors import ConfigurationError
from agent.domain.packet import Packet
from agent.domain.processflow import AttributeMapping, MapperNode
from agent.engine.mapping.mapper import Mapped, Mapper
from agent.engine.mapping.record_mapping import RecordMapping
from tests.benchmarks.bench_mapping import order

TEXT, INTEGER, DECIMAL = DataType.TEXT, DataType.INTEGER, DataType.DECIMAL


def plain(expression: str, type_: DataType = TEXT, *, required: bool = False, key: bool = False) -> AttributeMapping:
    return AttributeMapping(expression.replace(".", "_"), expression, type_, required=required, key=key)


def collection(name: str, each: str, *members: AttributeMapping, further: tuple[str, ...] = ()) -> AttributeMapping:
    return AttributeMapping(name, each, DataType.COLLECTION, members=members, further=further)


def mapped(mappings: Sequence[AttributeMapping], *documents: Any) -> Mapped:
    texts = [document if isinstance(document, bytes) else json.dumps(document).encode() for document in documents]
    packet = Packet([f"r{number}" for number in range(len(texts))], texts, {})
    return Mapper(MapperNode("map", tuple(mappings))).map_packet(packet)


def rows(mappings: Sequence[AttributeMapping], *documents: Any) -> list[Any]:
    found = mapped(mappings, *documents)
    assert not found.failures, {index: error.message for index, error in found.failures.items()}
    return list(found.batch.rows)


def test_plain_paths_are_taken_as_they_are() -> None:
    document = {"id": 7, "billing": {"email": "a@b.c", "first name": "Ann"}, "total": "12.3400"}
    mappings = [plain("id", INTEGER), plain("billing.email"), plain("billing.`first name`"), plain("total", DECIMAL)]
    assert rows(mappings, document) == [(7, "a@b.c", "Ann", "12.3400")]


def test_the_batch_says_what_each_attribute_is() -> None:
    lines = collection("lines", "lines", plain("sku", key=True))
    batch = mapped([plain("id", INTEGER, key=True), lines], {"id": 1, "lines": [{"sku": "x"}]}).batch
    assert batch.attributes == (
        Attribute("id", INTEGER, required=True, primary=True),
        Attribute("lines", DataType.COLLECTION, members=(Attribute("sku", TEXT, required=True, primary=True),)),
    )
    assert batch.source_ids == ["r0"]


def test_numbers_keep_every_digit() -> None:
    document = b'{"id": 1234567890123456789, "big": 12345678901234567890, "price": 12.3400, "tiny": 1e-7, "s": 0.10}'
    mappings = [
        plain("id", INTEGER),
        plain("big", DECIMAL),
        plain("price", DECIMAL),
        plain("tiny", DECIMAL),
        plain("s"),
    ]
    assert rows(mappings, document) == [(1234567890123456789, "12345678901234567890", "12.3400", "0.0000001", "0.10")]


def test_numbers_stay_exact_where_the_document_has_another_shape_than_expected() -> None:
    document = b'{"a": [{"price": 12.3400, "id": 1234567890123456789}]}'
    assert rows([plain("a.price", DECIMAL), plain("a.id", INTEGER)], document) == [("12.3400", 1234567890123456789)]


def test_an_id_too_long_for_a_double_reaches_an_expression_as_text() -> None:
    document = b'{"id": 1234567890123456789, "list": [{"id": 9007199254740993}]}'
    mappings = [plain('"ORD-" & id'), plain("$string(list.id)")]
    assert rows(mappings, document) == [("ORD-1234567890123456789", "9007199254740993")]


def test_what_is_missing_or_null_is_none() -> None:
    mappings = [
        plain("a"),
        plain("b.c"),
        plain("d", DataType.JSON),
        plain("$uppercase(e)"),
        collection("l", "l", plain("x")),
    ]
    assert rows(mappings, {}, {"a": None, "b": None, "d": None, "l": None}) == [(None, None, None, None, [])] * 2


def test_expressions_are_evaluated() -> None:
    document = {"first": "Ann", "last": "Lee", "lines": [{"q": 2, "p": 0.1}, {"q": 1, "p": 0.1}]}
    mappings = [plain('first & " " & last'), plain("$sum(lines.(q * p))", DECIMAL), plain("$count(lines)", INTEGER)]
    assert rows(mappings, document) == [("Ann Lee", "0.3", 2)]


def test_lines_are_collected_through_lists_on_the_way() -> None:
    document = {"consignments": {"shipping": [
        {"line_items": [{"id": 1, "sku": "a"}, {"id": 2, "sku": "b"}]}, {}, {"line_items": [{"id": 3}]},
    ]}}  # fmt: skip
    lines = collection("lines", "consignments.shipping.line_items", plain("id", INTEGER), plain("sku"))
    assert rows(
        [lines], document, {"consignments": {"shipping": {"line_items": {"id": 4}}}}, {"consignments": None}
    ) == [
        ([(1, "a"), (2, "b"), (3, None)],),
        ([(4, None)],),
        ([],),
    ]


def test_lists_in_lists_are_opened_and_nulls_are_left_out() -> None:
    lines = collection("lines", "lines", plain("id", INTEGER))
    assert rows([lines], {"lines": [[{"id": 1}, None], {"id": 2}]}) == [([(1,), (2,)],)]


def test_a_collection_may_be_filtered_and_its_members_computed() -> None:
    document = {"id": 9, "items": [{"q": 1, "sku": "a"}, {"q": 0, "sku": "b"}, {"q": 3, "sku": "c"}]}
    lines = collection("lines", "items[q > 0]", plain("sku"), plain("$uppercase(sku)"), plain('$$.id & "-" & sku'))
    assert rows([lines], document) == [([("a", "A", "9-a"), ("c", "C", "9-c")],)]


def test_child_records_from_several_places_follow_each_other() -> None:
    parts = ("parcels.lines", "files.lines", "mail.cards.lines")
    lines = collection("lines", parts[0], plain("id", INTEGER), plain("sku"), further=parts[1:])
    digital = {"parcels": [], "files": [{"lines": [{"id": 1, "sku": "a"}]}], "mail": {"cards": []}}
    mixed = {
        "parcels": [{"lines": [{"id": 1}, {"id": 2, "sku": "b"}]}, {"lines": [{"id": 3}]}],
        "files": {"lines": {"id": 4}},
        "mail": {"cards": [{"lines": [{"id": 5, "sku": "e"}]}]},
    }
    empty_as_a_list = {"parcels": [{"lines": [{"id": 6}]}], "files": [], "mail": []}
    expected = [
        ([(1, "a")],),
        ([(1, None), (2, "b"), (3, None), (4, None), (5, "e")],),
        ([(6, None)],),
        ([],),
    ]
    assert rows([lines], digital, mixed, empty_as_a_list, {}) == expected
    assert rows([lines], {}, {}) == [([],), ([],)]
    # A document of another shape takes the slow path, and others with it do not.
    odd = {"parcels": {"lines": [[{"id": 7}], None]}, "mail": None}
    assert rows([lines], digital, odd, mixed) == [expected[0], ([(7, None)],), expected[1]]


def test_places_may_be_paths_and_expressions_side_by_side() -> None:
    document = {"n": 9, "a": [{"id": 1, "q": 2}], "b": [{"id": 2, "q": 0}, {"id": 3, "q": 4}], "c": {"id": 4}}
    lines = collection(
        "lines",
        "b[q > 0]",
        plain("id", INTEGER),
        plain("$string(q * 10)"),
        plain('$$.n & "-" & id'),
        further=("a", "c"),
    )
    assert rows([lines], document, {"n": 8}) == [
        ([(3, "40", "9-3"), (1, "20", "9-1"), (4, None, "9-4")],),
        ([],),
    ]


def test_collections_with_computed_members_leave_the_attributes_beside_them_alone() -> None:
    one = collection("one", "a", plain("$string(q)"), further=("b",))
    two = collection("two", "b", plain("q", INTEGER), plain("$string(q)"), further=("a", "c.d"))
    mappings = [plain("id", INTEGER), plain("name"), one, plain("x.y", INTEGER), two, plain("z")]
    document = {"id": 1, "name": "n", "x": {"y": 2}, "z": "z", "a": [{"q": 3}], "b": [{"q": 4}], "c": {"d": [{"q": 5}]}}
    assert rows(mappings, document) == [
        (1, "n", [("3",), ("4",)], 2, [(4, "4"), (3, "3"), (5, "5")], "z"),
    ]


def test_a_bad_child_record_is_counted_from_the_first_place_on() -> None:
    lines = collection("lines", "a", plain("q", INTEGER), further=("b", "(c)"))
    good, bad = {"q": 1}, {"q": "many"}
    found = mapped(
        [lines],
        {"a": [good, good], "b": [good, bad], "c": [bad]},
        {"a": [good], "b": [], "c": [good, bad]},
        {"a": [good], "b": [bad]},
        {"a": [good], "b": [good]},
    )
    assert {index: error.message for index, error in found.failures.items()} == {
        0: "lines, record 4: q: “many” is not a whole number.",
        1: "lines, record 3: q: “many” is not a whole number.",
        2: "lines, record 2: q: “many” is not a whole number.",
    }
    assert list(found.batch.rows) == [([(1,), (1,)],)]


def test_the_root_is_the_record_and_never_the_packet() -> None:
    assert rows([plain("$string($$.id)"), plain("$$.id & ''")], {"id": 1}, {"id": 2}) == [("1", "1"), ("2", "2")]


def test_collections_nest() -> None:
    inner = collection("tags", "tags", plain("name"))
    outer = collection("lines", "lines", plain("id", INTEGER), inner)
    document = {"lines": [{"id": 1, "tags": [{"name": "x"}, {"name": "y"}]}, {"id": 2}]}
    assert rows([outer], document) == [([(1, [("x",), ("y",)]), (2, [])],)]


def test_paths_that_are_the_beginning_of_others_are_no_trouble() -> None:
    document = {"a": {"b": {"c": 1}}}
    mappings = [plain("a", DataType.JSON), plain("a.b", DataType.JSON), plain("a.b.c", INTEGER), plain("a.b.c")]
    assert rows(mappings, document) == [('{"b": {"c": 1}}', '{"c": 1}', 1, "1")]
    lines = collection("lines", "a", plain("b", DataType.JSON), plain("b.c", INTEGER))
    assert rows([lines, plain("a.b.c", INTEGER)], document) == [([('{"c": 1}', 1)], 1)]


def test_bad_records_fail_alone_and_say_why() -> None:
    mappings = [
        plain("id", INTEGER, key=True),
        plain("total", DECIMAL),
        plain("email", required=True),
        plain("$uppercase(name)"),
        collection("lines", "lines", plain("q", INTEGER)),
    ]
    good = {"id": 1, "total": "1.50", "email": "a@b.c", "name": "x", "lines": [{"q": 1}]}
    found = mapped(
        mappings,
        good,
        {**good, "total": "1,234.50"},
        {**good, "email": "  "},
        {**good, "id": None},
        {**good, "name": 5},
        {**good, "lines": [{"q": 1}, {"q": "many"}]},
        b'{"id": 1',
        b"[1]",
        {**good, "lines": ["a"]},
        {**good, "id": 2},
    )
    assert list(found.batch.source_ids) == ["r0", "r9"]
    assert [row[0] for row in found.batch.rows] == [1, 2]
    assert {index: (error.code, error.field) for index, error in found.failures.items()} == {
        1: ("mapping-type", "total"),
        2: ("mapping-required", "email"),
        3: ("mapping-required", "id"),
        4: ("mapping-expression", "$uppercase(name)"),
        5: ("mapping-type", "lines.q"),
        6: ("mapping-unreadable", None),
        7: ("mapping-unreadable", None),
        8: ("mapping-unreadable", None),
    }
    assert found.failures[1].message == (
        "total: “1,234.50” is not a number such as 1234.50 (without thousands separators)."
    )
    assert found.failures[5].message == "lines, record 2: q: “many” is not a whole number."
    assert all(error.remedy for error in found.failures.values())


def test_in_a_long_packet_every_record_keeps_its_place() -> None:
    mappings = [plain("id", INTEGER, key=True), plain("$string(n)"), collection("lines", "lines", plain("q", INTEGER))]
    documents: list[Any] = [{"id": n, "n": n * 2, "lines": [{"q": n}] * (n % 3)} for n in range(351)]
    bad = {0: b"[1]", 99: {"id": None}, 100: {"id": "x"}, 250: {"id": 1, "lines": [{"q": "y"}]}, 350: b'{"id":'}
    for index, document in bad.items():
        documents[index] = document
    found = mapped(mappings, *documents)
    assert sorted(found.failures) == sorted(bad)
    good = [n for n in range(351) if n not in bad]
    assert list(found.batch.source_ids) == [f"r{n}" for n in good]
    assert list(found.batch.rows) == [(n, str(n * 2), [(n,)] * (n % 3)) for n in good]


def test_the_time_for_expressions_is_that_of_the_packet() -> None:
    mappings = [plain("id", INTEGER), collection("lines", "lines", plain("$string(q)"))]
    mapping = RecordMapping(mappings)
    documents = [b'{"id": 1, "lines": [{"q": 1}, {"q": 2}]}', b'{"id": 2}']
    in_time = mapping.map(documents, deadline=time.monotonic() + 60)
    assert (in_time.rows, in_time.failures) == ([(1, [("1",), ("2",)]), (2, [])], {})
    late = mapping.map(documents, deadline=time.monotonic() - 1)
    assert list(late.failures) == [0]
    assert "took too long" in late.failures[0].message
    assert late.rows[1] == (2, [])


def test_a_message_never_quotes_a_whole_document() -> None:
    found = mapped([plain("a", INTEGER)], {"a": {"secret": "x" * 500}}, {"a": "y" * 500})
    assert found.failures[0].message == "a: an object is not a whole number."
    assert len(found.failures[1].message) < 100


def test_an_endless_expression_costs_its_record_and_nothing_else() -> None:
    endless = plain("n > 1 ? ($f := function($x) { $f($x + 1) }; $f(1)) : n", INTEGER)
    found = mapped([endless], {"n": 1}, {"n": 2}, {"n": 0})
    assert list(found.failures) == [1]
    assert list(found.batch.rows) == [(1,), (0,)]


def test_an_expression_that_does_not_compile_is_refused_before_anything_is_mapped() -> None:
    for expression in ("a &", "$eval(a)", ""):
        for mapping in (
            AttributeMapping("x", expression, TEXT),
            collection("x", "a", plain("b"), further=(expression,)),
        ):
            with pytest.raises(ConfigurationError) as raised:
                Mapper(MapperNode("map", (mapping,)))
            assert (raised.value.code, raised.value.field) == ("expression-syntax", "x")


def test_a_mapper_works_in_several_threads() -> None:
    mapper = Mapper(MapperNode("map", (plain("$uppercase(a)"), plain("$$.a & '!'"))))
    packet = Packet(["1"], [b'{"a": "x"}'], {})
    results = [mapper.map_packet(packet).batch.rows]
    threads = [threading.Thread(target=lambda: results.append(mapper.map_packet(packet).batch.rows)) for _ in range(3)]
    for thread in threads:
        thread.start()
        thread.join()
    assert results == [[("X", "x!")]] * 4


def test_an_empty_packet_gives_an_empty_batch() -> None:
    mappings = [plain("a"), plain("$uppercase(a)"), plain("b.c"), collection("l", "l", plain("x"))]
    assert rows(mappings) == []


def test_documents_that_only_fit_together_fail() -> None:
    found = mapped([plain("id", INTEGER)], b'{"id":1},{"id":2}', b'{"id":3}', b'{"id":[4', b"5]}")
    assert list(found.batch.rows) == [(3,)]


def test_two_objects_in_one_document_are_not_taken_for_two_records() -> None:
    for mappings in ([plain("id", INTEGER)], [plain("id + 0", INTEGER)]):
        found = mapped(mappings, b'{"id":1},{"id":2}', b'{"id":3}')
        assert list(found.batch.rows) == [(3,)]
        assert list(found.failures) == [0]


def test_a_real_order_is_mapped() -> None:
    lines = collection(
        "lines", "consignments.shipping.line_items", plain("id", INTEGER), plain("total_inc_tax", DECIMAL)
    )
    mappings = [
        plain("id", INTEGER, key=True),
        plain("date_created", DataType.DATETIME),
        plain("date_shipped", DataType.DATETIME),
        lines,
    ]
    assert rows(mappings, order(5)) == [
        (5, "2018-01-10T21:05:30Z", None, [(50, "30.2600"), (51, "30.2600")]),
    ]


_NAMES = st.sampled_from("abc")
_LEAVES = st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["", "x", "é\n"]) | st.just(1.5)
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=3),
    max_leaves=12,
)
_DOCUMENTS = st.lists(st.dictionaries(_NAMES, _VALUES, max_size=3), min_size=1, max_size=4)
_PATHS = st.lists(_NAMES, min_size=1, max_size=3).map(".".join)


@given(_DOCUMENTS, st.lists(_PATHS, min_size=1, max_size=4))
@settings(deadline=None, max_examples=300)
def test_plain_paths_and_jsonata_agree(documents: list[Any], paths: list[str]) -> None:
    """`(a.b)` means what `a.b` means, but is no plain path: JSONata evaluates it."""
    for type_ in (DataType.JSON, TEXT):
        exact = rows([AttributeMapping(f"x{n}", path, type_) for n, path in enumerate(paths)], *documents)
        computed = rows([AttributeMapping(f"x{n}", f"({path})", type_) for n, path in enumerate(paths)], *documents)
        assert _read(exact) == _read(computed)


def _read(rows_: list[Any]) -> list[Any]:
    """Rows with JSON texts decoded: the blanks in them are the source's own."""
    return [tuple(_json_or_text(value) for value in row) for row in rows_]


def _json_or_text(value: Any) -> Any:
    try:
        return json.loads(value) if value is not None else None
    except ValueError:
        return value


_SELECTIONS = st.lists(st.lists(_PATHS, min_size=1, max_size=3), min_size=1, max_size=2)


@given(_DOCUMENTS, st.lists(_PATHS, max_size=2), _SELECTIONS, st.lists(_PATHS, min_size=1, max_size=3))
@settings(deadline=None, max_examples=300)
def test_collections_at_plain_paths_and_in_jsonata_agree(
    documents: list[Any], beside: list[str], collections: list[list[str]], paths: list[str]
) -> None:
    """Read by the decoder, evaluated by JSONata one by one, mixed, and evaluated together; with members that are read
    and with one that is evaluated; beside other attributes: always the same records."""

    def ways(each: list[str]) -> list[list[str]]:
        computed = [f"({path})" for path in each]
        return [each, computed, [computed[0], *each[1:]], [f"[{', '.join(computed)}]"]]

    def result(way: int, last: str) -> Mapped:
        members = tuple(AttributeMapping(f"x{n}", path, TEXT) for n, path in enumerate([*paths[:-1], last]))
        found = [
            collection(f"lines{n}", ways(each)[way][0], *members, further=tuple(ways(each)[way][1:]))
            for n, each in enumerate(collections)
        ]
        scalars = [AttributeMapping(f"s{n}", path, TEXT) for n, path in enumerate(beside)]
        return mapped([*scalars[:1], *found, *scalars[1:]], *documents)

    exact, *others = [result(way, last) for way in range(4) for last in (paths[-1], f"({paths[-1]})")]
    for other in others:
        assert list(exact.batch.source_ids) == list(other.batch.source_ids)
        assert list(exact.batch.rows) == list(other.batch.rows)
        assert list(exact.failures) == list(other.failures)


@given(st.lists(_VALUES, max_size=5), st.sampled_from(list(DataType)))
@settings(deadline=None)
def test_any_value_is_converted_or_reported(values: list[Any], type_: DataType) -> None:
    if type_ is DataType.COLLECTION:
        return
    found = mapped([plain("a", type_)], *({"a": value} for value in values))
    assert len(found.batch) + len(found.failures) == len(values)
