"""The sample processflows and the JSON Schema that is published with them: they agree with what the agent accepts."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it ships no types
import pytest
from ruamel.yaml import YAML

from agent.connectors.bigcommerce import schema as bigcommerce
from agent.connectors.files import schema as files
from agent.connectors.rest import schema as rest
from agent.connectors.rest.sap import connector as sap
from agent.connectors.tryton import schema as tryton
from agent.domain.app import DataType
from agent.domain.errors import ConfigurationError
from agent.domain.packet import Packet
from agent.domain.processflow import NodeType
from agent.engine.checking.check import check
from agent.engine.documents.document import parse
from agent.engine.documents.loading import load
from agent.engine.mapping.mapper import Mapper
from agent.engine.previewing.flow_tests import run_flow_tests
from agent.engine.walking.walking import Walker
from tests.benchmarks.bench_mapping import order
from tests.helpers.sample_apps import APPS
from tests.helpers.sample_flow import GOOD, mapper_of, spoiled

RESOURCES = Path(__file__).resolve().parent.parent.parent / "resources"
SAMPLES = sorted((RESOURCES / "processflows").glob("*.yaml"))
SCHEMA = json.loads((RESOURCES / "processflow.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def plain(content: bytes) -> Any:
    """A document as an editor sees it."""
    return _texts(YAML(typ="safe", pure=True).load(content.decode()))


def _texts(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _texts(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_texts(member) for member in value]
    return value.isoformat() if isinstance(value, datetime) else value


def test_the_schema_is_a_json_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_schema_knows_every_node_type() -> None:
    known = {type_.value for type_ in NodeType if type_ is not NodeType.SELF_LOOP}
    assert set(SCHEMA["$defs"]["node"]["properties"]["type"]["enum"]) == known


def test_there_are_samples() -> None:
    assert {"customers-to-database", "orders-to-database", "stock-to-store"} <= {sample.stem for sample in SAMPLES}


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.stem)
def test_a_sample_is_a_good_document(sample: Path) -> None:
    document = parse(sample.read_bytes(), file=sample.name)
    assert document.problems == ()
    assert document.flow is not None
    assert document.flow.name == sample.stem
    assert document.flow.title
    assert document.flow.description
    for stage in document.flow.all_stages:
        Walker(stage)
    assert list(VALIDATOR.iter_errors(plain(sample.read_bytes()))) == []


@pytest.mark.parametrize(
    "name",
    [
        "customers-to-tryton",
        "orders-to-tryton",
        "tryton-shipments-to-store",
        "products-to-rest-service",
        "orders-to-sap-business-one",
    ],
)
def test_a_sample_passes_its_own_tests(name: str) -> None:
    flow = parse((RESOURCES / "processflows" / f"{name}.yaml").read_bytes(), file=name).flow
    assert flow is not None
    assert [one.differences for one in run_flow_tests(flow) if one.differences] == []


def test_the_sample_for_orders_maps_an_order() -> None:
    document = parse((RESOURCES / "processflows" / "orders-to-database.yaml").read_bytes(), file="orders")
    assert document.flow is not None
    mapped = Mapper(mapper_of(document.flow)).map_packet(Packet(["5"], [order(5)], {}))
    assert not mapped.failures
    row = dict(zip([attribute.name for attribute in mapped.batch.attributes], mapped.batch.rows[0], strict=True))
    assert row["billing_name"] == "Greta Lindqvist"
    assert row["total"] == "5.1600"
    assert row["date_shipped"] is None
    assert row["lines"] == [
        (50, "SKU-5-0", "Canvas tote bag", 2, "15.1300", "30.2600"),
        (51, "SKU-5-1", "Canvas tote bag", 2, "15.1300", "30.2600"),
    ]


def test_the_sample_for_orders_maps_the_lines_of_all_consignments() -> None:
    document = parse((RESOURCES / "processflows" / "orders-to-database.yaml").read_bytes(), file="orders")
    assert document.flow is not None
    source = json.loads(order(5))
    lines = source["consignments"]["shipping"][0]["line_items"]
    source["consignments"] = {
        "shipping": [{"id": 5, "line_items": lines[:1]}],
        "pickups": [{"id": 6, "line_items": [{**lines[0], "id": 52}]}],
        "downloads": [{"recipient_email": "a@b.example", "line_items": lines[1:]}],
        "email": {"gift_certificates": [{"recipient_email": "a@b.example", "line_items": [{**lines[0], "id": 53}]}]},
    }
    packet = Packet(["5"], [json.dumps(source).encode()], {})
    row: tuple[Any, ...] = Mapper(mapper_of(document.flow)).map_packet(packet).batch.rows[0]
    lines_of_row, addresses_of_row = row[-2:]
    assert [line[0] for line in lines_of_row] == [50, 52, 51, 53]
    assert [address[0] for address in addresses_of_row] == [5]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.stem)
def test_a_sample_fits_the_store(sample: Path) -> None:
    document = parse(sample.read_bytes(), file=sample.name)
    apps = {
        **APPS, "bigcommerce": bigcommerce.APP, "files": files.APP, "tryton": tryton.APP, "rest": rest.APP,
        "sap-business-one": sap.APP,
    }  # fmt: skip
    assert [str(problem) for problem in check(document, apps)] == []


def test_loading_gives_types_and_refuses_a_broken_document() -> None:
    flow = load(GOOD.encode(), file="flow.yaml", apps=APPS)
    assert mapper_of(flow).mappings[0].type is DataType.INTEGER
    with pytest.raises(ConfigurationError) as raised:
        load(spoiled("type: get\n", "type: gte\n").replace(b"title", b"titel"), file="flow.yaml", apps=APPS)
    assert raised.value.code == "processflow-invalid"
    assert "flow.yaml:3:1" in raised.value.message
    assert "Problems besides this one: 1." in raised.value.message


def test_the_schema_accepts_the_good_document() -> None:
    assert list(VALIDATOR.iter_errors(plain(GOOD.encode()))) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("schema_version: 1", "schema_version: 2"),
        ("schema_version: 1\n", ""),
        ("name: orders-to-database", "name: Orders to DB"),
        ("title: Orders to database", "titel: Orders"),
        ("type: get\n", "type: gte\n"),
        ("    credential: store\n", ""),
        ("    action: GET\n", "    action: [GET]\n"),
        ('operator: "="', 'operator: "~="'),
        ("in: header}", "in: path}"),
        ("type: datetime", "type: date"),
        ("key: true}\n      total", "key: 1}\n      total"),
        ("total: total_inc_tax", "total:"),
        ("each: consignments.shipping.line_items\n        ", ""),
        ("each: consignments.shipping.line_items", "each: []"),
        ("each: consignments.shipping.line_items", "each: [a, [b]]"),
        ("{type: end}", "end"),
        ("  - [start", "  - [start]\n  - [start"),
        ("end: {type: end}", "end: {type: end, colour: red}"),
    ],
)
def test_the_schema_catches_what_is_wrong_in_form(old: str, new: str) -> None:
    content = spoiled(old, new)
    assert list(VALIDATOR.iter_errors(plain(content)))
    assert parse(content, file="flow.yaml").problems


GRAPH = """\
  cut: {type: splitter, size: 100}
  join: {type: merger, packets: 3}
  wait: {type: delay, for: 00:05:00, description: Five minutes}
  wait-for: {type: delay, expression: pause & " min"}
  which: {type: decision, when: total_inc_tax > 10, then: map-orders, otherwise: end}
  stop: {type: halt}
  get-more:
    type: get
    credential: store
    schema: orders
    action: GET
    loop: {until: no-data, times: 5, for: 2 h}
    filter: [{key: status_id, operator: in, value: "7"}]
  map-more: {type: mapper, attributes: {id: {value: id, key: true}}}
  post-more: {type: post, credential: database, schema: more, action: UPSERT}
  go-on: {type: resume, halt: stop}
  end: {type: end}
links:
  - [start, get-orders, cut, join, wait, wait-for, which]
  - [map-orders, stop, get-more, map-more, post-more, go-on, post-orders, end]
"""
WITH_EVERY_NODE = (
    GOOD[: GOOD.index("  end: {type: end}")].replace("{type: start}", "{type: start, trigger: polling}") + GRAPH
)


def test_a_document_with_every_node_is_good_and_the_schema_agrees() -> None:
    document = parse(WITH_EVERY_NODE.encode(), file="flow.yaml")
    assert [str(problem) for problem in check(document, APPS)] == []
    assert list(VALIDATOR.iter_errors(plain(WITH_EVERY_NODE.encode()))) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("trigger: polling", "trigger: weekly"),
        ("trigger: polling", "trigger: polling, verify: {prefix: a}"),
        ("size: 100", "size: 0"),
        ("size: 100", "size: 1000001"),
        ("size: 100", "size: many"),
        ("size: 100", "sise: 100"),
        ("packets: 3", "packets: 1000"),
        ("packets: 3", "packets: 1.5"),
        ("{type: merger, packets: 3}", "{type: merger}"),
        ("for: 00:05:00", "for: soon"),
        ("for: 00:05:00", "for: -5"),
        ("for: 00:05:00", "for: 00:05:00, expression: pause"),
        ("for: 00:05:00, ", ""),
        ("when: total_inc_tax > 10, ", ""),
        ("then: map-orders, ", ""),
        ("otherwise: end", "else: end"),
        ("{type: halt}", "{type: halt, until: 5}"),
        ("{type: resume, halt: stop}", "{type: resume}"),
        ("until: no-data, times: 5, for: 2 h", ""),
        ("until: no-data", "until: bored"),
        ("times: 5", "times: 0"),
        ("for: 2 h", "for: 2 weeks"),
        ("filter: [{key: status_id", "filters: [{key: status_id"),
        ("operator: in, ", "operator: one_of, "),
    ],
)
def test_the_schema_catches_what_is_wrong_in_the_form_of_any_node(old: str, new: str) -> None:
    assert WITH_EVERY_NODE.count(old) == 1
    content = WITH_EVERY_NODE.replace(old, new).encode()
    assert list(VALIDATOR.iter_errors(plain(content)))
    assert parse(content, file="flow.yaml").problems


@pytest.mark.parametrize(
    "length", ["90", "1.5", "90 s", "15 min", "15MIN", "2 h", "30 d", "250 ms", "0:0:5", "120:00:00", "00:00:01.250"]
)
def test_a_length_of_time_is_written_in_many_ways(length: str) -> None:
    content = WITH_EVERY_NODE.replace("for: 00:05:00", f"for: {length}").encode()
    assert parse(content, file="flow.yaml").problems == ()
    assert list(VALIDATOR.iter_errors(plain(content))) == []


def test_a_self_loop_is_no_node_and_the_agent_says_what_to_write() -> None:
    content = spoiled("end: {type: end}", "end: {type: self-loop}")
    assert list(VALIDATOR.iter_errors(plain(content)))
    (problem,) = parse(content, file="flow.yaml").problems
    assert (problem.line, problem.column, problem.code) == (31, 15, "self-loop")
    assert "loop: {until: no-data}" in problem.suggestion
