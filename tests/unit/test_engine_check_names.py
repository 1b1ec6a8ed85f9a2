"""What expressions name: functions and lookups that there are not are reported where they stand."""

from __future__ import annotations

from collections.abc import Mapping

import jsonatapy
import pytest

from agent.domain.processflow import Problem
from agent.engine.checking.check import check
from agent.engine.checking.names import Known
from agent.engine.documents.document import parse
from agent.engine.expressions.jsonata_functions import JSONATA_FUNCTIONS
from agent.engine.expressions.vocabulary import Definition
from tests.helpers.flow_rig import TOKENS
from tests.helpers.scripted_apps import scripted_app

APPS = {app: scripted_app(app) for app in TOKENS.values()}
DOCUMENT = """\
schema_version: 1
name: rows
credentials: {from: source, to: destination}
lookups: {country: countries}
nodes:
  start: {type: start}
  get: {type: get, credential: from, schema: records, action: GET}
  which:
    type: decision
    when: CONDITION
    then: map
  map:
    type: mapper
    attributes:
      id: {value: id, type: text, key: true}
      version: {value: version, type: integer}
      total: {value: 'TOTAL', type: integer}
  post: {type: post, credential: to, schema: rows, action: PUT}
links:
  - [start, get, which]
  - [map, post]
"""
KNOWN = Known({"net": Definition("net", ("gross",), "$gross")}, {"countries", "currencies"})


def problems(
    total: str = "total",
    condition: str = "true",
    known: Known | None = KNOWN,
    more: Mapping[str, str] | None = None,
    **changed: str,
) -> list[Problem]:
    text = DOCUMENT.replace("TOTAL", total).replace("CONDITION", condition)
    for before, after in {**changed, **(more or {})}.items():
        text = text.replace(before, after)
    document = parse(text.encode(), file="rows.yaml")
    assert document.problems == ()
    return check(document, APPS, known=known)


def test_what_there_is_may_be_named() -> None:
    assert problems("$net($sum(a)) + $uniqueId(id)", '$lookupValue("country", c) = "Germany"') == []
    assert problems("($f := function($x) { $x }; $f(1))", "$map(a, function($g) { $g(1) })[0] = 1") == []


def test_an_unknown_function_is_reported_at_its_place_with_what_was_meant() -> None:
    (problem,) = problems("total + $nett(total)")
    assert (problem.code, problem.line, problem.column) == ("unknown-function", 17, 31)
    assert str(problem) == "rows.yaml:17:31: There is no function “$nett”. Did you mean “$net”?"
    (problem,) = problems(condition="$upperCase(name) = 'A'")
    assert (problem.code, problem.line, problem.column) == ("unknown-function", 10, 11)
    assert problem.suggestion == "Did you mean “$uppercase”?"
    assert problems("$completelyElse(1)")[0].suggestion == "Save it in the function library first."


def test_a_lookup_that_the_document_does_not_name_is_reported() -> None:
    (problem,) = problems('$lookupValue("county", code)')
    assert (problem.code, problem.line, problem.column) == ("unknown-lookup", 17, 36)
    assert problem.suggestion == "Did you mean “country”?"
    assert problems('$lookupOrSame("metal", c)')[0].suggestion == "Add it: lookups: {metal: metal}."


@pytest.mark.parametrize("how", ["$lookupValue(name, code)", "code ~> $lookupValue", "$map(a, $lookupValue)"])
def test_a_lookup_has_to_be_named_between_quotes(how: str) -> None:
    (problem,) = problems(how)
    assert problem.code == "lookup-unclear"


def test_a_missing_table_is_reported_with_the_way_to_it() -> None:
    (problem,) = problems(countries="colours")
    assert (problem.code, problem.line, problem.column) == ("unknown-lookup-table", 4, 20)
    assert problem.message == "There is no lookup table “colours”, which the lookup “country” needs."
    assert "opagent lookup import colours FILE" in problem.suggestion
    assert problems(countries="Currencies")[0].suggestion.startswith("Did you mean “currencies”?")


def test_a_variable_of_the_same_name_as_a_function_that_is_used_is_reported() -> None:
    variables = {"lookups:": "variables: {net: 1}\nlookups:"}
    assert problems("total", more=variables) == []
    clashing = problems("$net(total)", more=variables)
    assert [(problem.code, problem.line, problem.column) for problem in clashing] == [("name-clash", 4, 13)]


def test_the_expressions_of_variables_are_checked_too() -> None:
    variables = {"lookups:": "variables: {newest: {expression: $nett(1)}}\nlookups:"}
    (problem,) = problems(more=variables)
    assert (problem.code, problem.line, problem.column) == ("unknown-function", 4, 34)


def test_a_table_must_have_a_name() -> None:
    document = parse(DOCUMENT.replace("country: countries", "country: ''").encode(), file="rows.yaml")
    assert [(problem.code, problem.line) for problem in document.problems] == [("wrong-value", 4)]


def test_names_stay_unchecked_where_nobody_knows_what_there_is() -> None:
    assert problems('$nett(1) + $lookupValue("x", 1)', known=None, countries="colours") == []


def test_every_function_that_is_said_to_be_of_jsonata_is() -> None:
    for name in JSONATA_FUNCTIONS:
        with pytest.raises(ValueError, match=name):
            jsonatapy.compile("1").register(name, len)
