"""Library functions and lookups in expressions, and how names are found."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from agent.domain.app import DataType
from agent.domain.packet import Packet
from agent.domain.processflow import AttributeMapping, DecisionNode, MapperNode
from agent.engine.expressions.jsonata import Expressions
from agent.engine.expressions.names import named, uses
from agent.engine.expressions.needs import needed_names
from agent.engine.expressions.vocabulary import CycleError, Definition, Lookup, Vocabulary, in_order
from agent.engine.mapping.mapper import Mapper
from agent.engine.walking.decisions import Condition
from agent.engine.walking.load import Load

NET = Definition("net", ("gross", "rate"), "$round($gross / (1 + $rate), 2)")
LABEL = Definition("label", ("gross",), '"net " & $net($gross, 0.19)')
VOCABULARY = Vocabulary(
    {"net": NET, "label": LABEL}, {"country": Lookup("countries", {"DE": "Germany", "5": 1.5, "true": "yes"})}
)


def results(expression: str, *documents: Any, vocabulary: Vocabulary = VOCABULARY) -> list[Any]:
    """What an expression gives for each record; the reason where it fails."""
    evaluated = Expressions({"a": expression}, vocabulary).evaluate([msgspec.json.encode(one) for one in documents])
    failures = {index: failure.reason for index, failure in evaluated.failures.items()}
    return [failures.get(index, found.get("a")) for index, found in enumerate(evaluated.results)]


def test_a_library_function_is_called_like_any_other() -> None:
    assert results("$net(total, 0.19)", {"total": 119}, {"total": 238}) == [100, 200]
    assert results("$label(total)", {"total": 119}) == ["net 100"]
    assert results("$map(totals, $label)", {"totals": [119, 238]}) == [["net 100", "net 200"]]
    assert results("total ~> $net(0.19)", {"total": 119}) == [100]


def test_a_library_function_may_be_used_beside_the_whole_record() -> None:
    assert results("$net($$.total, rate)", {"total": 119, "rate": 0.19}, {"total": 10, "rate": 0}) == [100, 10]


def test_a_library_function_sees_nothing_but_its_arguments() -> None:
    peeping = Vocabulary({"peep": Definition("peep", ("a",), "[$a, total, $string($)]")})
    assert results("$peep(1)", {"total": 5}, {"total": 6}, vocabulary=peeping) == [[1, "{}"], [1, "{}"]]


def test_one_record_at_which_a_library_function_fails_spoils_no_other() -> None:
    found = results("$net(total, 0.19)", {"total": 119}, {"total": "much"}, {"total": 238})
    assert found[0] == 100
    assert found[2] == 200
    assert "number" in found[1]


def test_a_lookup_gives_the_destination_value() -> None:
    code = '$lookupValue("country", code)'
    assert results(code, {"code": "DE"}, {"code": 5}, {"code": 5.0}, {"code": True}) == ["Germany", 1.5, 1.5, "yes"]
    assert results(code, {}, {"code": None}) == [None, None]


def test_a_value_that_a_lookup_does_not_have_fails_or_is_replaced_or_stays() -> None:
    assert results('$lookupValue("country", code)', {"code": "XX"}) == ["the lookup “country” has no “XX”"]
    assert results('$lookupValue("country", code, "?")', {"code": "XX"}, {}, {"code": "DE"}) == ["?", "?", "Germany"]
    assert results('$lookupOrSame("country", code)', {"code": "XX"}, {"code": "DE"}) == ["XX", "Germany"]


def test_a_lookup_takes_single_values_only() -> None:
    assert "single value" in results('$lookupValue("country", codes)', {"codes": ["DE", "FR"]})[0]


def test_a_record_with_a_value_that_a_lookup_does_not_have_fails_with_the_way_to_the_table() -> None:
    mapping = AttributeMapping("country", '$lookupValue("country", code)', DataType.TEXT)
    packet = Packet(["1", "2"], [b'{"code":"DE"}', b'{"code":"XX"}'], {})
    mapped = Mapper(MapperNode("map", (mapping,)), VOCABULARY).map_packet(packet)
    assert mapped.batch.rows == [("Germany",)]
    assert mapped.failures[1].message == "country: its expression failed: the lookup “country” has no “XX”."
    assert "Add “XX” to the lookup table “countries”" in mapped.failures[1].remedy


def test_child_records_use_functions_and_lookups_too() -> None:
    lines = AttributeMapping(
        "lines", "lines", DataType.COLLECTION,
        members=(
            AttributeMapping("net", "$net(total, 0.19)", DataType.DECIMAL),
            AttributeMapping("origin", '$lookupValue("country", from, $$.home)', DataType.TEXT),
        ),
    )  # fmt: skip
    packet = Packet(["1"], [b'{"home":"here","lines":[{"total":119,"from":"DE"},{"total":238,"from":"XX"}]}'], {})
    mapped = Mapper(MapperNode("map", (lines,)), VOCABULARY).map_packet(packet)
    assert not mapped.failures
    assert mapped.batch.rows == [([("100", "Germany"), ("200", "here")],)]


def test_a_decision_uses_functions_and_lookups_too() -> None:
    node = DecisionNode("which", '$net(total, 0.19) > 150 or $lookupValue("country", code) = "Germany"')
    documents = [b'{"total":238,"code":5}', b'{"total":119,"code":"DE"}', b'{"total":1,"code":5}', b'{"code":"XX"}']
    decided = Condition(node, VOCABULARY).decide(Load(list("abcd"), [0] * 4, documents))
    assert list(decided.otherwise) == [2]
    assert "Add “XX” to the lookup table" in decided.errors[3].remedy


def test_an_expression_is_put_behind_the_functions_that_it_needs_and_no_others() -> None:
    assert VOCABULARY.prelude(["total", '"$net(1, 2)"']) == ""
    assert "$label" not in VOCABULARY.prelude(["$net(1, 2)"])
    both = VOCABULARY.prelude(["$label(1)"])
    assert both.index("$net:=") < both.index("$label:=")


def test_functions_that_call_each_other_in_a_circle_are_found() -> None:
    calls = {"a": ["b", "sum"], "b": ["c"], "c": ["b"]}
    with pytest.raises(CycleError) as found:
        in_order(["a"], calls.get)
    assert found.value.circle == ("b", "c", "b")
    assert in_order(["a"], {"a": ["b", "c"], "b": ["c"], "c": []}.get) == ["c", "b", "a"]


def test_calls_of_a_million_functions_in_a_row_are_put_in_order_without_going_deep() -> None:
    chain = {f"f{number}": [f"f{number + 1}"] for number in range(5_000)}
    assert len(in_order(["f0"], chain.get)) == 5_000


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("$f(a) & $g", {"f", "g"}),
        ("\"$f(1)\" & '$g' & `$h` /* $i */", set()),
        ("($x := $f(1); $x & $y)", {"f", "y"}),
        ("$map(a, function($v, $i) { $v & $f($i) })", {"map", "f"}),
        ("λ($v){ $v }", set()),
        ("$replace(a, /$f(x)/, $g)", {"replace", "g"}),
        ("a / $f(b) / c", {"f"}),
        ("a[b = 2] / $f(b)", {"f"}),
        ("$$.a & $.b", set()),
        ('$f("a\\"$g") & a.$h()', {"f", "h"}),
        ("orders@$o.lines#$i.{ 'a': $o.id & $f($i) }", {"f"}),
        ("$contains(a, /[/$f(]/) and $g", {"contains", "g"}),
    ],
)
def test_names_with_a_dollar_are_found_where_they_are_not_defined(expression: str, names: set[str]) -> None:
    assert named(expression) == names


def test_a_use_says_where_it_stands_and_what_its_first_argument_is() -> None:
    (first, second, third) = uses('$lookupValue("coun\\u0074ry", a) & $f(b, "c") & (d ~> $g("e" & "f"))')
    assert (first.name, first.offset, first.first, first.first_offset) == ("lookupValue", 0, "country", 13)
    assert (second.called, second.first, second.chained) == (True, None, False)
    assert (third.called, third.first, third.chained) == (True, None, True)


def test_functions_look_at_their_arguments_alone() -> None:
    assert needed_names("$net(total, 0.19)") is None
    assert needed_names("$net(total, 0.19)", {"$net"}) == frozenset({"total"})
