"""Variables in a document: what may be said of them, what is refused at its place, what the original's forms mean."""

from __future__ import annotations

import pytest

from agent.domain.app import DataType
from agent.domain.variables import Variable
from agent.engine.checking.check import check
from agent.engine.documents.document import parse
from agent.engine.documents.variable_forms import value_of
from agent.engine.expressions.jsonata import Expressions
from tests.helpers.sample_apps import APPS
from tests.helpers.sample_flow import GOOD

PACKET = [b'{"id": 1, "at": "b", "deep": {"x": 7}}', b'{"id": 2}', b'{"id": 3, "at": "a"}']


def with_variables(text: str, *changes: tuple[str, str]) -> bytes:
    lines = "".join(f"  {line}\n" for line in text.splitlines())
    document = GOOD.replace("variables: {shop: EU}\n", f"variables:\n  shop: EU\n{lines}")
    for old, new in changes:
        assert document.count(old) == 1, old
        document = document.replace(old, new)
    return document.encode()


def variable(text: str, name: str = "v") -> Variable:
    document = parse(with_variables(f"{name}: {text}"), file="flow.yaml")
    assert document.flow is not None, document.problems
    return document.flow.variables[name]


def faults_in(text: str, *changes: tuple[str, str]) -> dict[str, str]:
    problems = check(parse(with_variables(text, *changes), file="flow.yaml"), APPS)
    return {f"{problem.line}:{problem.column} {problem.code}": str(problem) for problem in problems}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("NO", Variable("v", default="NO")),
        ('""', Variable("v", default="")),
        ("{type: integer, default: 007}", Variable("v", DataType.INTEGER, 7)),
        ("{type: decimal, default: 1.50}", Variable("v", DataType.DECIMAL, "1.50")),
        ("{type: boolean, default: true}", Variable("v", DataType.BOOLEAN, True)),
        ("{type: datetime, default: 2020-01-01T02:00:00+02:00}",
         Variable("v", DataType.DATETIME, "2020-01-01T00:00:00Z")),
        ("{encrypted: true}", Variable("v", encrypted=True)),
        ("{type: integer, expression: $max(id), persistent: true, node: get-orders, scope: get-orders}",
         Variable("v", DataType.INTEGER, None, "$max(id)", "get-orders", "get-orders", persistent=True)),
        ("{expression: at, scope: Processflow}", Variable("v", expression="at")),
    ],
)  # fmt: skip
def test_a_variable_says_what_it_is(text: str, expected: Variable) -> None:
    assert variable(text) == expected


@pytest.mark.parametrize(
    ("text", "fault", "words"),
    [
        ("1v: x", "7:3 wrong-value", "letters, digits and _"),
        ("sum: x", "7:3 wrong-value", "there is a function $sum"),
        ("v: [x]", "7:6 wrong-type", "must be a text or a mapping"),
        ("v: {type: json}", "7:13 unknown-type", "Known are"),
        ("v: {type: integer, default: many}", "7:31 wrong-value", "a whole number"),
        ("v: {type: datetime, default: soon}", "7:32 wrong-value", "a date and time"),
        ("v: {expresion: id}", "7:7 unknown-key", "Did you mean “expression”?"),
        ("v: {expression: $max(id}", "7:26 expression-syntax", "does not compile"),
        ("v: {expression: '{//items/item/at}'}", "7:36 expression-syntax", "~{gen:FirstOf(//items/item/created_at)}~"),
        ("v: {persistent: true, default: x}", "7:6 missing-key", "needs an expression"),
        ("v: {encrypted: true, default: hush}", "7:33 secret-in-document", "opagent variable set … v"),
        ("v: {expression: '~{gen:Nonsense(x)}~'}", "7:19 variable-function", "there are ~{gen:FirstOf(…)}~"),
        ("v: {expression: '~{gen:LastOf(a[1])}~'}", "7:19 variable-function", "no simple path"),
        ("v: {expression: '~{gen:LastOf(//a/b/c/d)}~'}", "7:19 variable-function", "which of its steps is the record"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_at_its_place(text: str, fault: str, words: str) -> None:
    problems = parse(with_variables(text), file="flow.yaml").problems
    found = {f"{problem.line}:{problem.column} {problem.code}": str(problem) for problem in problems}
    assert fault in found
    assert words in found[fault]
    assert "hush" not in str(found)


@pytest.mark.parametrize(
    ("text", "changes", "fault", "words"),
    [
        ("v: {expression: id, node: get-order}", [], "7:29 unknown-node", "Did you mean “get-orders”?"),
        ("v: {expression: id, node: post-orders}", [], "7:29 variable-node", "no packet leaves it"),
        ("v: {default: x, scope: mapper}", [], "7:26 unknown-node", "Did you mean “map-orders”?"),
        ("v: {expression: '$max([$w, id])'}", [], "7:26 unknown-variable", "“w”"),
        ("v: x", [("sku: sku", "sku: sku & $w")], "31:22 unknown-variable", "assign it in the expression"),
        ("v: x", [("total: total_inc_tax", "total: {value: $shpo}")], "24:22 unknown-variable", "Did you mean $shop?"),
        ("v: {default: x, scope: map-orders}", [("${shop}", "${v}")], "16:7 variable-scope", "“map-orders” alone"),
        ("v: {default: x, scope: get-orders}", [("sku: sku", "sku: $v")], "31:16 variable-scope", "“get-orders” alone"),
        ("v: {default: x, scope: get-orders}", [("each: con", "each: $v.con")], "28:15 variable-scope", "alone"),
    ],
)  # fmt: skip
def test_what_names_a_variable_is_checked(text: str, changes: list[tuple[str, str]], fault: str, words: str) -> None:
    found = faults_in(text, *changes)
    assert fault in found
    assert words in found[fault]


def test_what_is_right_passes_the_check() -> None:
    text = (
        "high: {type: integer, expression: '$max([$high, id])', persistent: true}\n"
        "here: {default: x, scope: map-orders}\n"
        "where: {expression: '~{gen:GetContextualDataObject(''shop'')}~'}"
    )
    expression = "sku: ($x := $here; $map([1], function($one) {$string($one) & $x}); sku ~> $uppercase)"
    assert faults_in(text, ("${shop}", "${high}"), ("sku: sku", expression)) == {}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("~{gen:FirstOf(at)}~", "b"),
        ("~{gen:LastOf(//items/item/at)}~", "a"),
        ("~{gen:LastOf({//items/item/at})}~", "a"),
        ("~{ gen:FirstOf( deep.x ) }~", 7),
        ("~{gen:LastOf(nothing)}~", None),
        ("$max([~{gen:FirstOf(id)}~, ~{gen:LastOf(id)}~])", 3),
        ("$count($)", 3),
        ("$[0].id", 1),
    ],
)
def test_an_expression_sees_the_packet_as_a_list_of_records(expression: str, value: object) -> None:
    found = variable(f"{{expression: '{expression}'}}").expression
    assert Expressions({"v": found}).over_packet(PACKET) == value


def test_a_value_has_the_form_of_its_type_or_a_reason() -> None:
    assert value_of("12.30", DataType.DECIMAL) == "12.30"
    assert value_of(None, DataType.TEXT) is None
    text = DataType.TEXT
    for given, type_ in [([1], text), ({}, text), ("x", DataType.BOOLEAN), ("x" * 5_000, text)]:
        with pytest.raises(ValueError, match=r"\S"):
            value_of(given, type_)
