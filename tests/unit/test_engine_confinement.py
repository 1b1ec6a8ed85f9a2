"""Expressions that would need enormous memory or time cost their record, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from agent.engine.expressions.confinement import Confinement
from agent.engine.expressions.growth import can_grow
from agent.engine.expressions.jsonata import Expressions
from agent.engine.expressions.vocabulary import Definition, Lookup, Vocabulary

ENORMOUS = {
    "a text that doubles itself": '($f := function($s, $n) {$n = 0 ? $s : $f($s & $s, $n - 1)}; $length($f("x", 40)))',
    "a text that is filled up": '$length($pad("x", 2000000000))',
    "a fold that doubles": '$length($reduce([1..40], function($a, $b) {$a & $a}, "x"))',
    "assignments that double": "".join(["($a := $string($) & $string($); ", *["$a := $a & $a; "] * 40, "$length($a))"]),
    "texts in a range": '$count([1..900000].($pad("x", 100000)))',
}


@pytest.fixture
def confinement() -> Iterator[Confinement]:
    made = Confinement(most_bytes=256 * 1024 * 1024)
    yield made
    made.close()


@pytest.mark.parametrize("expression", ENORMOUS.values(), ids=ENORMOUS)
def test_an_enormous_expression_is_stopped_and_the_next_one_works(confinement: Confinement, expression: str) -> None:
    before = psutil.Process().memory_info().rss
    with pytest.raises(ValueError, match=r"memory|longer|time"):
        confinement.evaluate(expression, "{}")
    assert psutil.Process().memory_info().rss - before < 64 * 1024 * 1024
    assert confinement.evaluate("a & b", '{"a": "x", "b": "ÿ🙂"}') == '"xÿ🙂"'


def test_an_enormous_expression_costs_its_record_alone() -> None:
    documents = [b'{"id": %d, "width": %d}' % (number, 40 if number == 2 else 2) for number in range(4)]

    evaluated = Expressions({"text": '$reduce([0..width], function($a, $b) {$a & $a}, "x")'}).evaluate(documents)

    assert list(evaluated.failures) == [2]
    assert evaluated.failures[2].name == "text"
    assert [evaluated.results[number]["text"] for number in (0, 1, 3)] == ["x" * 8] * 3


@pytest.mark.parametrize("expression", [*ENORMOUS.values(), '$replace($replace(a, "b", c), "d", e)', "a ~> $f"])
def test_what_could_grow_is_seen(expression: str) -> None:
    assert can_grow(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "billing_address.email",
        '$trim(billing_address.first_name & " " & billing_address.last_name)',
        "$number(total_inc_tax) >= 100",
        '$replace(sku, "-", "")',
        '$join(products.sku, ", ")',
        '$string(id) & "/" & $string(line)',
        "$sum(lines.(quantity * price))",
        'status in ["Shipped", "Completed"]',
    ],
)
def test_what_people_write_every_day_is_evaluated_at_once(expression: str) -> None:
    assert not can_grow(expression)


@pytest.mark.parametrize(
    ("expression", "document", "result"),
    [
        ("($x := a + 1; $x * 2)", '{"a": 4}', "10"),
        ("$map(a, function($v) {$v & '!'})", '{"a": ["x", "y"]}', '["x!","y!"]'),
        ("nothing ~> $uppercase", '{"a": 1}', "null"),
    ],
)
def test_results_are_those_of_the_library(
    confinement: Confinement, expression: str, document: str, result: str
) -> None:
    assert confinement.evaluate(expression, document) == result


def test_an_error_keeps_its_reason(confinement: Confinement) -> None:
    with pytest.raises(ValueError, match="convert"):
        confinement.evaluate('($f := $number; $f("many"))', "{}")


def test_the_processes_end_with_the_one_that_started_them() -> None:
    program = (
        "import psutil, sys\n"
        "from agent.engine.expressions.confinement import Confinement\n"
        "assert Confinement().evaluate('1 + 1', '{}') == '2'\n"
        "print(psutil.Process().children()[0].pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    child.wait(20)
    assert not child.is_running()


def test_a_confined_expression_uses_our_functions_and_asks_lookups_back(confinement: Confinement) -> None:
    lookups = {"country": Lookup("countries", {"DE": "Germany", "5": 1.5})}
    expression = '$map(codes, function($c) { $lookupValue("country", $c, "?") & $titleCase(" ok") })'
    found = confinement.evaluate(expression, '{"codes": ["DE", 5, "XX", "DE"]}', lookups)
    assert found == '["Germany Ok","1.5 Ok","? Ok","Germany Ok"]'
    with pytest.raises(ValueError, match="the lookup “country” has no “YY”"):
        confinement.evaluate('$lookupValue("country", "YY")', "{}", lookups)
    assert confinement.evaluate('$lookupValue("country", "DE")', "{}", lookups) == '"Germany"'


def test_library_functions_that_double_again_and_again_cost_their_record_alone() -> None:
    doubling = {"f0": Definition("f0", ("a",), "$a & $a")}
    for number in range(1, 6):
        before = f"$f{number - 1}"
        doubling[f"f{number}"] = Definition(f"f{number}", ("a",), f"{before}({before}($a))")
    documents = [b'{"id": 1, "text": ""}', b'{"id": 2, "text": "enormous"}', b'{"id": 3, "text": ""}']
    evaluated = Expressions({"text": "$f5(text)"}, Vocabulary(doubling)).evaluate(documents)
    assert list(evaluated.failures) == [1]
    assert [result.get("text") for result in evaluated.results] == ["", None, ""]
