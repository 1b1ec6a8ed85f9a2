"""Checking a document against what the apps offer: each fault at its line and column, with what was meant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

import pytest

from agent.connectors.contract import Connector
from agent.domain.app import App, DataType, Schema
from agent.domain.processflow import AttributeMapping, MapperNode
from agent.engine.checking.check import check
from agent.engine.documents.attribute_types import with_types
from agent.engine.documents.catalogue import Catalogue
from agent.engine.documents.document import parse
from agent.engine.expressions.jsonata import syntax_fault
from tests.helpers.sample_apps import APPS, CUSTOMERS, ORDERS, STORE
from tests.helpers.sample_flow import GOOD, spoiled


@dataclass(frozen=True)
class Configuration:
    app: str
    name: str = "My configuration"
    values: Mapping[str, str] = field(default_factory=dict)


def found(content: bytes, bindings: Mapping[str, Configuration] | None = None) -> dict[str, str]:
    problems = check(parse(content, file="flow.yaml"), APPS, bindings)
    return {f"{problem.line}:{problem.column} {problem.code}": str(problem) for problem in problems}


def test_a_good_document_has_no_problems() -> None:
    assert found(GOOD.encode()) == {}


def test_a_document_of_bad_form_is_reported_as_that() -> None:
    assert list(found(b"name: x")) == ["1:1 missing-key"]


@pytest.mark.parametrize(
    ("old", "new", "fault", "words"),
    [
        ("store: bigcommerce", "store: bigcomerce", "4:22 unknown-app", "Did you mean “bigcommerce”?"),
        ("credential: store", "credential: shop", "10:17 unknown-credential", "Known are database, store."),
        ("schema: orders\n", "schema: order\n", "11:13 unknown-schema", "Did you mean “orders”?"),
        ("action: GET", "action: FETCH", "12:13 unknown-action", "Known are GET."),
        ("action: UPSERT", "action: upsrt", "30:75 unknown-action", "Did you mean “UPSERT”?"),
        ("action: UPSERT", "action: GET", "30:75 wrong-action", "cannot be used in a POST node. Known are UPSERT."),
        ("{sort: id}", "{srot: id}", "17:15 unknown-option", "Did you mean “sort”?"),
        ("key: min_date_modified", "key: min_date_modifed", "14:15 unknown-filter", "mean “min_date_modified”?"),
        ('"~{CreatedDate}~"', '"x ~{CreatedDat}~"', "14:59 filter-function", "Did you mean ~{CreatedDate}~?"),
        ('"~{CreatedDate}~"', "\"~{CreatedDate('q')}~\"", "14:57 filter-function", "wrong arguments"),
        ("${shop}", "${shpo}", "15:31 unknown-variable", "Did you mean ${shop}?"),
        ("total: total_inc_tax", "total: total_inc_tx", "22:14 unknown-attribute", "Did you mean “total_inc_tax”?"),
        ("total: total_inc_tax", "total: billing_address.mail", "22:30 unknown-attribute", "Did you mean “email”?"),
        ("total: total_inc_tax", "total: status.x", "22:21 unknown-attribute", "no attribute “status.x”"),
        ("sku: sku", "sku: skuu", "29:16 unknown-attribute", "Did you mean “sku”?"),
        ("total: total_inc_tax", "total: (total_inc_tax", "22:28 expression-syntax", "does not compile"),
        ("total: total_inc_tax", "total: total_inc_tax + * 2 3", "22:32 expression-syntax", "“2” is not expected"),
        ("sku: sku", 'sku: "$uppercase(sku))"', "29:32 expression-syntax", "does not compile"),
        ("value: id, key: true}\n      total", "value: id}\n      total", "20:5 missing-key-attribute", "as key"),
    ],
)  # fmt: skip
def test_a_fault_is_found_at_its_line_and_column(old: str, new: str, fault: str, words: str) -> None:
    problems = found(spoiled(old, new))
    assert fault in problems
    assert words in problems[fault]


def test_an_expression_in_a_block_of_its_own_is_placed_in_that_block() -> None:
    content = spoiled("total: total_inc_tax", "total: |\n        status &\n        ) 5")
    assert list(found(content)) == ["24:9 expression-syntax"]


def test_a_filter_of_another_version_of_the_api_is_answered_with_the_right_one() -> None:
    content = spoiled("schema: orders\n    action: GET", "schema: customers\n    action: GET")
    content = content.replace(b"min_date_modified", b"min_date_created").replace(b"    options: {sort: id}\n", b"")
    problem = found(content)["14:15 unknown-filter"]
    assert "Did you mean “date_created:min”?" in problem
    assert "another version" in problem


def test_a_destination_with_fixed_attributes_refuses_others() -> None:
    content = spoiled(
        "post-orders: {type: post, credential: database, schema: orders, action: UPSERT}",
        "post-orders: {type: post, credential: store, schema: products, action: PUT}",
    ).replace(b"total: total_inc_tax", b"inventory_levle: id")
    problem = found(content)["22:7 unknown-destination-attribute"]
    assert "Did you mean “inventory_level”?" in problem
    assert "needs the attribute “inventory_level”" in found(content)["20:5 missing-attribute"]


def test_anything_may_be_below_an_attribute_of_type_json() -> None:
    assert found(spoiled("total: total_inc_tax", "total: form_fields.deep.inside")) == {}


def test_bindings_are_checked_when_there_are_some() -> None:
    store, database = Configuration("bigcommerce"), Configuration("sql")
    assert found(GOOD.encode(), {"store": store, "database": database}) == {}
    missing = found(GOOD.encode(), {"store": store})
    assert list(missing) == ["4:45 unbound-credential"]
    wrong = found(GOOD.encode(), {"store": database, "database": database})
    assert "the App Configuration “My configuration” belongs to “sql”" in wrong["4:22 wrong-app"]


class _PickyConnector:
    """A store whose configuration decides which filters there are."""

    app = STORE

    def schema(self, name: str, values: Mapping[str, str] | None) -> Schema | None:
        return CUSTOMERS if values == {"version": "v3"} else ORDERS if name == "orders" else None


def test_the_bound_configuration_decides_about_the_schema() -> None:
    apps: dict[str, Connector | App] = {**APPS, "bigcommerce": cast("Connector", _PickyConnector())}
    document = parse(GOOD.encode(), file="flow.yaml")
    database = Configuration("sql")
    assert check(document, apps, {"store": Configuration("bigcommerce"), "database": database}) == []
    problems = check(
        document, apps, {"store": Configuration("bigcommerce", values={"version": "v3"}), "database": database}
    )
    assert "unknown-filter" in [problem.code for problem in problems]


def _types(content: bytes) -> dict[str, DataType]:
    flow = parse(content, file="flow.yaml").flow
    assert flow is not None
    mapper = with_types(flow, Catalogue(flow, APPS)).stages[0].nodes["map-orders"]
    assert isinstance(mapper, MapperNode)
    mappings: tuple[AttributeMapping, ...] = mapper.mappings
    members = next((mapping.members for mapping in mappings if mapping.members), ())
    return {mapping.attribute: mapping.type for mapping in (*mappings, *(m for m in members if m.attribute != "id"))}


def test_a_type_comes_from_the_document_then_the_source_then_the_destination() -> None:
    types = _types(GOOD.encode())
    assert types["id"] is DataType.INTEGER
    assert types["total"] is DataType.DECIMAL
    assert types["paid_at"] is DataType.DATETIME
    assert types["name"] is DataType.TEXT
    assert types["sku"] is DataType.TEXT
    content = spoiled(
        "post-orders: {type: post, credential: database, schema: orders, action: UPSERT}",
        "post-orders: {type: post, credential: store, schema: products, action: PUT}",
    ).replace(b"total: total_inc_tax", b"inventory_level: $count(status)")
    assert _types(content)["inventory_level"] is DataType.INTEGER
    assert _types(spoiled("total: total_inc_tax", "total: consignments.shipping"))["total"] is DataType.JSON
    assert (
        _types(spoiled("total: total_inc_tax", "total: {value: total_inc_tax, type: text}"))["total"] is DataType.TEXT
    )


@pytest.mark.parametrize(
    ("expression", "offset"),
    [
        ("a +", 3),
        ("a b", 2),
        ("(a", 2),
        ("a ) b", 2),
        ("$sum(x y)", 7),
        ("", 0),
        ("a & $eval(b)", 4),
        ('"abc', 4),
    ],
)
def test_the_place_of_a_syntax_fault_is_found(expression: str, offset: int) -> None:
    fault = syntax_fault(expression)
    assert fault is not None
    assert fault.offset == offset
    assert syntax_fault("a + b") is None
