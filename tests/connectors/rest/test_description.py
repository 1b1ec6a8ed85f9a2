"""Service descriptions: what is wrong in one is told with its place, and hostile ones cost nothing."""

from __future__ import annotations

import json
import time

import pytest
from ruamel.yaml import YAML

from agent.connectors.rest.description import Description, parse
from agent.domain.app import MOST_DOCUMENT_CHARACTERS
from agent.domain.errors import ConfigurationError
from tests.connectors.rest.shop import DESCRIPTION

SMALL = "service: 1\nschemas:\n  orders:\n    key: id\n    actions:\n      GET: {path: /orders}\n"


def made(more: str) -> str:
    """An action that creates."""
    return f"{{create: {{method: POST, path: /orders, {more}}}, find: {{path: '/orders/{{id}}', single: true}}}}"


def refusal(text: str) -> str:
    with pytest.raises(ConfigurationError) as raised:
        parse(text)
    assert (raised.value.code, raised.value.field) == ("description", "description")
    return raised.value.message


def test_yaml_and_json_say_the_same() -> None:
    tree = YAML(typ="safe").load(DESCRIPTION)
    assert parse(json.dumps(tree)) == parse(DESCRIPTION)
    assert parse(json.dumps(tree, indent="\t")) == parse(DESCRIPTION)


def test_a_short_one_is_enough() -> None:
    assert isinstance(parse(SMALL), Description)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("service: 1", "service: 2", "at service"),
        ("key: id", "key: id\n    colour: red", "at schemas → orders → colour: there is no such key"),
        ("    key: id\n", "", "at schemas → orders → key: it is missing"),
        ("/orders", "orders", "GET"),
        ("/orders", "/../orders", "must not lead upwards"),
        ("/orders", "https://elsewhere.test/orders", "GET"),
        ("/orders", '"/orders/{id}"', "read without a record"),
        ("/orders}", "/orders, paging: {style: page}}", "paging by page needs “parameter”"),
        ("/orders}", "/orders, paging: {style: cursor, parameter: c}}", "needs “next”"),
        ("/orders}", "/orders, pageing: {}}", "pageing: there is no such key"),
        ("{path: /orders}", "{create: {method: POST, path: /orders}}", "needs find"),
        ("{path: /orders}", "{update: {method: POST, path: '/orders/{id'}}", "update"),
        ("{path: /orders}", "{path: /orders, headers: {'a b': c}}", "headers"),
        ("{path: /orders}", "{path: /orders, by_id: {path: /orders}}", "by_id needs {id}"),
        ("{path: /orders}", "{path: '/orders/{id!r}'}", "no name of an attribute"),
        ("{path: /orders}", made("id: 'a ==='"), "create → id: “a ===” is neither a place nor JMESPath"),
        ("{path: /orders}", made("id: 'a.nosuch(b)'"), "create → id: “nosuch” is no function"),
        ("{path: /orders}", made("id: '[length(a, b)]'"), "create → id: “length” is no function"),
        ("{path: /orders}", made("id: '" + "(" * 400 + "'"), "id"),
        ("{path: /orders}", made("batch: {size: 1}"), "create → batch → size"),
        ("{path: /orders}", made("batch: {index: a}"), "need “results”"),
        ("{path: /orders}", made("id: a, batch: {results: a, index: b, match: {c: d}}"), "not by both"),
        ("{path: /orders}", made("batch: {results: a}"), "results need “success” or “refused”"),
        ("{path: /orders}", made("batch: {besides: {a: 1}}"), "needs “wrap”"),
        ("{path: /orders}", made("batch: {}").replace("path: /orders", "path: '/orders/{id}'"), "go to one address"),
        ("orders:", "orders: *all", "aliases"),
        ("service: 1", "service: 1\nservice: 1", "line 2"),
        ("service: 1", "service: [", "line"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(old: str, new: str, said: str) -> None:
    message = refusal(SMALL.replace(old, new))
    assert said in message


@pytest.mark.parametrize(
    "hostile",
    [
        "",
        "- a\n- b",
        "[" * 100_000,
        "a: &a [x]\nb: &b [*a, *a]\nc: &c [*b, *b]",
        "x" * (MOST_DOCUMENT_CHARACTERS + 1),
        "!!python/object/apply:os.system [ls]",
        "service: 1\nschemas: !!python/name:os.system",
    ],
)
def test_hostile_ones_are_refused_quickly(hostile: str) -> None:
    begun = time.process_time()
    assert refusal(hostile)
    assert time.process_time() - begun < 20
