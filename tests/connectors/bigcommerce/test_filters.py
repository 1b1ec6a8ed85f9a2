"""Clauses: what is sent, and what is refused with the right name proposed."""

from __future__ import annotations

import pytest

from agent.connectors.bigcommerce.connector import BigCommerceConnector
from agent.connectors.bigcommerce.credentials import AccountKind
from agent.connectors.bigcommerce.filter_names import SHAPING
from agent.connectors.bigcommerce.filters import parameters
from agent.connectors.contract import SentClause
from agent.domain.clauses import FilterPlace
from agent.domain.errors import ConfigurationError

LEGACY = {"api_path": "https://shop.example.com/api/v2", "username": "anna"}


@pytest.mark.parametrize(
    ("schema", "kind", "key", "operator", "name"),
    [
        ("orders", AccountKind.OAUTH, "min_date_modified", "=", "min_date_modified"),
        ("orders", AccountKind.OAUTH, "date_modified", ">=", "min_date_modified"),
        ("orders", AccountKind.OAUTH, "id", "<=", "max_id"),
        ("customers", AccountKind.LEGACY, "date_created", "<=", "max_date_created"),
        ("customers", AccountKind.OAUTH, "date_modified:min", "=", "date_modified:min"),
        ("customers", AccountKind.OAUTH, "date_modified", ">=", "date_modified:min"),
        ("customers", AccountKind.OAUTH, "date_modified:min", ">=", "date_modified:min"),
        ("customers", AccountKind.OAUTH, "email", "in", "email:in"),
        ("customers", AccountKind.OAUTH, "email:in", "in", "email:in"),
    ],
)
def test_operators_are_written_as_the_api_does(
    schema: str, kind: AccountKind, key: str, operator: str, name: str
) -> None:
    query, headers = parameters([SentClause(key, operator, "7")], schema=schema, action="GET", kind=kind)

    assert (query, headers) == ([(name, "7")], [])


@pytest.mark.parametrize(
    ("schema", "kind", "key", "operator", "proposal"),
    [
        ("customers", AccountKind.OAUTH, "min_date_created", "=", "date_created:min"),
        ("customers", AccountKind.OAUTH, "max_date_modified", "=", "date_modified:max"),
        ("customers", AccountKind.OAUTH, "email", "=", "email:in"),
        ("customers", AccountKind.OAUTH, "id", "=", "id:in"),
        ("customers", AccountKind.LEGACY, "date_created:min", "=", "min_date_created"),
        ("customers", AccountKind.LEGACY, "email:in", "=", "email"),
        ("orders", AccountKind.OAUTH, "date_modified:min", "=", "min_date_modified"),
        ("orders", AccountKind.LEGACY, "date_modified:min", "=", "min_date_modified"),
        ("orders", AccountKind.OAUTH, "min_date_modifed", "=", "min_date_modified"),
        ("orders", AccountKind.OAUTH, "status", "=", "status_id"),
        ("orders", AccountKind.OAUTH, "id", "in", "max_id or min_id"),
        ("orders", AccountKind.OAUTH, "date_created", ">", "max_date_created or min_date_created"),
        ("customers", AccountKind.OAUTH, "date_modified", ">", "date_modified:min"),
        ("customers", AccountKind.OAUTH, "email", "!=", "email:in"),
        ("orders", AccountKind.OAUTH, "page", "=", "Remove"),
        ("orders", AccountKind.OAUTH, "include", "=", "fees"),
        ("products", AccountKind.OAUTH, "min_date_modified", "=", "date_modified:min"),
        ("products", AccountKind.OAUTH, "id:greater", "=", "id:min"),
        ("variants", AccountKind.OAUTH, "product_id", "=", "product_id:in"),
        ("unknown", AccountKind.OAUTH, "sku", "=", "no filters"),
    ],
)
def test_what_does_not_exist_is_refused_with_a_proposal(
    schema: str, kind: AccountKind, key: str, operator: str, proposal: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parameters([SentClause(key, operator, "nothing")], schema=schema, action="GET", kind=kind)

    assert caught.value.field == key
    assert proposal in caught.value.remedy


@pytest.mark.parametrize("kind", list(AccountKind))
def test_schemas_name_the_filters_that_are_taken(kind: AccountKind) -> None:
    values = LEGACY if kind is AccountKind.LEGACY else None
    for name in (schema.name for schema in BigCommerceConnector.app.schemas):
        schema = BigCommerceConnector().schema(name, values)
        if schema is None:
            assert kind is AccountKind.LEGACY  # which has fewer
            continue
        assert schema.primary_key == "id"
        for action in schema.actions:
            assert action.renamed_filters.keys().isdisjoint(action.filters)
            assert set(action.renamed_filters.values()) <= action.filters
            for key in action.filters:
                clause = SentClause(key, "=", "" if key in SHAPING else "1")
                query, headers = parameters([clause], schema=name, action=action.name, kind=kind)
                assert [*query, *headers]


def test_the_same_filter_cannot_be_given_twice() -> None:
    clauses = [SentClause("min_id", "=", "1"), SentClause("id", ">=", "2")]

    with pytest.raises(ConfigurationError) as caught:
        parameters(clauses, schema="orders", action="GET", kind=AccountKind.OAUTH)

    assert caught.value.code == "filter-twice"


@pytest.mark.parametrize(
    "clause",
    [
        SentClause("X-Auth-Token", "=", "x", FilterPlace.HEADER),
        SentClause("authorization", "=", "x", FilterPlace.HEADER),
        SentClause("Host", "=", "x", FilterPlace.HEADER),
        SentClause("X-Trace", "!=", "x", FilterPlace.HEADER),
        SentClause("X Trace", "=", "x", FilterPlace.HEADER),
        SentClause("X-Trace", "=", "a\r\nX-Auth-Token: b", FilterPlace.HEADER),
        SentClause("X-Trace", "=", "ä", FilterPlace.HEADER),
        SentClause("", "=", "x", FilterPlace.HEADER),
    ],
)
def test_headers_cannot_be_misused(clause: SentClause) -> None:
    with pytest.raises(ConfigurationError):
        parameters([clause], schema="orders", action="GET", kind=AccountKind.OAUTH)


def test_schemas_offer_line_items_and_addresses() -> None:
    orders = BigCommerceConnector().schema("orders", None)
    assert orders is not None
    for path in (
        "billing_address.email",
        "consignments.shipping.line_items.sku",
        "consignments.shipping.city",
        "total_tax",
    ):
        assert orders.attribute(path) is not None, path
    assert BigCommerceConnector().schema("nothing", None) is None
