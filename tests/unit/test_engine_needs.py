"""Cutting documents down before expressions are evaluated never changes a result."""

from __future__ import annotations

import json
from typing import Any

import jsonatapy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.engine.expressions.jsonata import Expressions
from agent.engine.expressions.needs import Reduction, needed_names


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("a", {"a"}),
        ("a.b.c", {"a"}),
        ('a.first & " " & `b c`.last', {"a", "b c"}),
        ("$uppercase(a.b)", {"a"}),
        ("a[b > 1].c", {"a", "b"}),
        ("$sum(lines.(q * p))", None),
        ("a ? 'x' : b", {"a", "b"}),
        ("/* all */ a", {"a"}),
        ("'a.b'", set()),
        ("$sort(a.b)[-1]", {"a"}),
        ("$sort(a, function($x, $y) {$x > b})", None),
        ("a + $v", None),
        ("$", None),
        ("$$", None),
        ("$.a", None),
        ("*", None),
        ("a.*", None),
        ("%", None),
        ("$keys()", None),
        ("$string()", None),
        ("$keys($)", None),
        ("$lookup('a')", None),
        ("$each(a, $f)", None),
        ("a ~> $uppercase", None),
        ("($x := a; $x)", None),
        ("a{b: c}", None),
        ("a@$b.c", None),
        ("a#$i", None),
        ("|a|{}|", None),
        ("a /* open", None),
    ],
)
def test_needed_names_errs_on_the_safe_side(expression: str, names: set[str] | None) -> None:
    assert needed_names(expression) == names


def test_a_variable_looks_at_nothing_of_the_record() -> None:
    assert needed_names("a + $v & $string($v)", {"$v"}) == frozenset({"a"})
    assert needed_names("($v := $; $v.a)", {"$v"}) is None


def test_documents_are_cut_down_to_what_is_needed() -> None:
    reduction = Reduction(['a.x & "-" & b', "`c d`"])
    assert reduction.reduced([b'{"z": 1, "a": {"x": 1.50}, "c d": null}', b"{}"]) == [
        b'{"a":{"x": 1.50},"c d":null}',
        b"{}",
    ]


@pytest.mark.parametrize("documents", [[b"[1]"], [b'{"a":'], [b'{"a":1},{"a":2}'], [b"\xff"], [b"[" * 100_000]])
def test_documents_that_are_no_objects_are_left_as_they_are(documents: list[bytes]) -> None:
    assert Reduction(["a"]).reduced(documents) is documents


_NAMES = st.sampled_from("abc")
_LEAVES = st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["", "x", "b"])
_VALUES = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=3), max_leaves=8
)
_EXPRESSIONS = st.recursive(
    _NAMES | st.sampled_from(["1", "'x'", "a.b", "b.c.a", "`c`", "true", "null"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["&", "+", "=", "!=", "<", "and", "or", "in"]), inner).map(" ".join),
        st.tuples(st.sampled_from(["$uppercase", "$string", "$count", "$sum", "$not", "$exists"]), inner).map(
            lambda pair: f"{pair[0]}({pair[1]})"
        ),
        st.tuples(inner, inner, inner).map(lambda three: f"({three[0]} ? {three[1]} : {three[2]})"),
        st.tuples(_NAMES, inner).map(lambda pair: f"{pair[0]}[{pair[1]}]"),
        st.tuples(_NAMES, inner).map(lambda pair: f"{pair[0]}.({pair[1]})"),
        st.tuples(inner, inner).map(lambda pair: f"[{pair[0]}, {pair[1]}]"),
    ),
    max_leaves=6,
)


@given(_EXPRESSIONS, st.dictionaries(_NAMES | st.just("d"), _VALUES, max_size=4))
@settings(deadline=None, max_examples=300)
def test_a_result_is_the_same_with_and_without_cutting_down(expression: str, document: dict[str, Any]) -> None:
    text = json.dumps(document)
    found = Expressions({"x": expression}).evaluate([text.encode()])
    try:
        whole = json.loads(jsonatapy.compile(f'[$.{{"x":{expression}}}]').evaluate_json(f"[{text}]", timeout=1000))
    except ValueError:
        assert 0 in found.failures
    else:
        assert found.failures == {}
        assert found.results == whole
