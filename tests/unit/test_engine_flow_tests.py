"""Tests inside processflows: their form, what they compare, how differences read, and that they end."""

from __future__ import annotations

from typing import Any

import pytest

from agent.domain.app import App
from agent.domain.errors import ConfigurationError
from agent.engine.documents.document import parse
from agent.engine.documents.loading import load
from agent.engine.previewing.flow_tests import run_flow_tests
from tests.helpers.scripted_apps import scripted_app

APPS: dict[str, App] = {app: scripted_app(app) for app in ("source", "destination")}
FLOW = """\
schema_version: 1
name: sizes
credentials: {from: source, to: destination}
nodes:
  start: {type: start}
  get: {type: get, credential: from, schema: records, action: GET}
  map:
    type: mapper
    attributes:
      id: {value: id, type: text, key: true}
      total: {value: total, type: decimal, required: true}
      at: {value: at, type: datetime}
      lines: {each: lines, attributes: {sku: sku, count: {value: count, type: integer}}}
  large: {type: decision, when: total > 100, then: big, otherwise: small}
  big: {type: post, credential: to, schema: big, action: PUT}
  small: {type: post, credential: to, schema: small, action: PUT}
  note: {type: mapper, attributes: {id: id, big: destination_id}}
  noted: {type: post, credential: to, schema: notes, action: PUT}
links: [[start, get, map, large], [big, note, noted]]
tests:
"""
RECORDS = """\
    records:
      - {id: a, total: 12.50, at: 2026-01-31T10:15:00+01:00, lines: [{sku: X1, count: 2}]}
      - {id: b, total: 250}
      - {id: c}
"""
FINE = """\
  - name: Large ones go to big
    source: get
RECORDS    expect:
      small:
        - {id: a, total: "12.5", at: 2026-01-31T09:15:00Z, lines: [{sku: X1, count: 2}]}
      big: [{id: b, total: 250.00}]
      noted: [{id: b, big: b}]
    failures: {c: total}
"""


def differing(test: str) -> list[str]:
    """The differences of a test."""
    document = FLOW + test.replace("RECORDS", RECORDS)
    flow = load(document.encode(), file="flow.yaml", apps=APPS)
    return [difference for one in run_flow_tests(flow) for difference in one.differences]


def problems(test: str) -> list[tuple[str, str]]:
    document = FLOW + test.replace("RECORDS", RECORDS)
    return [(one.code, one.message) for one in parse(document.encode(), file="flow.yaml").problems]


def test_what_comes_out_as_expected_passes() -> None:
    assert problems(FINE) == []
    assert differing(FINE) == []


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("250.00", "250.01", ["big: record 1: “total” is 250, expected 250.01"]),
        ("count: 2}]}\n      big", "count: 3}]}\n      big", ["small: record 1: “lines[1].count” is 2, expected 3"]),
        (
            "09:15:00Z",
            "10:15:00Z",
            ['small: record 1: “at” is "2026-01-31T09:15:00Z", expected "2026-01-31T10:15:00Z"'],
        ),
        ("[{id: b, big: b}]", "[]", ['noted: record 1 is one too many: {"id":"b","big":"b"}']),
        ("big: b}", "bigger: b}", ['noted: record 1: “bigger” is not written at all, expected "b"']),
        ("[{id: b, total: 250.00}]", "[{id: b}, {id: d}]", ['big: record 2 is missing: {"id":"d"}']),
        ("{c: total}", "{c: weight}", ["record c failed with “"]),
        ("    failures: {c: total}\n", "", ["record c failed: "]),
        ("{c: total}", "{c: '', a: ''}", ["record a was to fail, and did not"]),
    ],
)
def test_what_differs_is_said_in_a_sentence(right: str, wrong: str, said: list[str]) -> None:
    assert right in FINE
    found = differing(FINE.replace(right, wrong))
    assert len(found) == len(said)
    for one, start in zip(found, said, strict=True):
        assert one.startswith(start)


def test_where_order_does_not_matter_each_expected_record_needs_one_of_its_own() -> None:
    test = """\
  - name: Any order
    source: get
    records: [{id: a, total: 1}, {id: b, total: 2}, {id: c, total: 2}]
    expect: {small: {any_order: true, records: [{total: 2}, {id: a}, {total: 2}]}}
"""
    assert differing(test) == []
    assert differing(test.replace("{id: a}", "{total: 2}")) == [
        'small: no record is as expected: {"total":2}',
        'small: a record is one too many: {"id":"a","total":1,"at":null,"lines":[]}',
    ]


def test_posts_that_are_not_named_are_not_looked_at_but_failures_are() -> None:
    assert differing("  - {name: x, source: get, records: [{id: a, total: 1}]}\n") == []
    (found,) = differing("  - {name: x, source: get, records: [{id: a}]}\n")
    assert found.startswith("record a failed: ")


def test_records_keep_numbers_to_the_last_digit_and_texts_as_texts() -> None:
    test = """\
  - name: Numbers
    source: get
    records: [{id: 007, total: 12345678901234567890.123456789}]
    expect: {big: [{id: "007", total: 12345678901234567890.123456789}]}
"""
    assert differing(test) == []
    assert len(differing(test.replace("123456789}]}", "123456788}]}"))) == 1


@pytest.mark.parametrize(
    ("test", "code"),
    [
        ("  - just text\n", "wrong-type"),
        ("  - {source: get, records: []}\n", "missing-key"),
        ("  - {name: x, source: get}\n", "missing-key"),
        ("  - {name: x, source: nowhere, records: []}\n", "unknown-node"),
        ("  - {name: x, source: map, records: []}\n", "unknown-node"),
        ("  - {name: x, source: get, records: [{total: 1}]}\n", "missing-key"),
        ("  - {name: x, source: get, records: [{id: 1}, {id: 1}]}\n", "duplicate-key"),
        ("  - {name: x, source: get, records: [], expect: {map: []}}\n", "unknown-node"),
        ("  - {name: x, source: get, records: [], expect: {big: text}}\n", "wrong-type"),
        ("  - {name: x, source: get, records: [], expect: {big: [text]}}\n", "wrong-type"),
        ("  - {name: x, source: get, records: [], expect: {big: {any_order: maybe, records: []}}}\n", "wrong-type"),
        ("  - {name: x, source: get, records: [], failures: [a]}\n", "wrong-type"),
        ("  - {name: x, source: get, records: [], expects: {}}\n", "unknown-key"),
        ("  - {name: x, records: []}\n  - {name: x, records: []}\n", "wrong-value"),
        ("".join(f"  - {{name: t{n}, records: []}}\n" for n in range(101)), "too-large"),
    ],
)
def test_a_test_that_is_not_written_right_is_a_problem_of_the_document(test: str, code: str) -> None:
    assert [found for found, _ in problems(test)] == [code]


def test_with_a_single_source_it_need_not_be_named_and_another_key_can_be() -> None:
    assert differing("  - {name: x, key: number, records: [{number: 5, id: a, total: 1}]}\n") == []
    (found,) = differing("  - {name: x, key: number, records: [{number: 5, id: a}]}\n")
    assert found.startswith("record 5 failed")


VARIABLES = """\
variables:
  greeting: Hello
  known: {type: integer, default: 3}
  latest: {type: integer, expression: $max(id)}
  key: {encrypted: true}
"""


def test_variables_hold_their_defaults_what_the_test_says_and_what_packets_bring() -> None:
    flow = FLOW.replace("nodes:", VARIABLES + "nodes:", 1).replace(
        "id: {value: id, type: text, key: true}",
        "id: {value: '$greeting & $known & $latest & $key', type: text, key: true}",
    )
    test = """\
  - name: Values
    records: [{id: 5, total: 1}]
    variables: {known: 4, key: secret}
    expect: {small: [{id: Hello45secret}]}
"""
    loaded = load((flow + test).encode(), file="flow.yaml", apps=APPS)
    assert [one.differences for one in run_flow_tests(loaded)] == [()]
    unset = load((flow + test.replace(", key: secret", "")).encode(), file="flow.yaml", apps=APPS)
    ((difference,),) = [one.differences for one in run_flow_tests(unset)]
    assert difference.startswith("a run would end here: The variable “key” has no value.")
    for wrong, code in (("{unknown: 4}", "unknown-variable"), ("{known: many}", "wrong-value")):
        document = flow + test.replace("{known: 4, key: secret}", wrong)
        assert [one.code for one in parse(document.encode(), file="flow.yaml").problems] == [code]


def test_tests_end_when_nobody_waits_or_the_time_is_up() -> None:
    flow = load((FLOW + FINE.replace("RECORDS", RECORDS)).encode(), file="flow.yaml", apps=APPS)
    for limits in ({"stopped": lambda: True}, {"seconds": -1.0}):
        given: dict[str, Any] = limits
        with pytest.raises(ConfigurationError) as caught:
            run_flow_tests(flow, **given)
        assert caught.value.code == "tests-too-long"
