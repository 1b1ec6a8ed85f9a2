"""Holds the sandbox to the OpenAPI files of the real store: every operation and every status that it can give."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, replace

import pytest
from openapi_core.validation.response.exceptions import InvalidData

from agent.sandbox.application import _instead
from agent.sandbox.faults import Fault, FaultKind
from agent.sandbox.gateway import Gateway
from agent.sandbox.options import SandboxOptions
from agent.sandbox.requests import Answer, Request
from agent.sandbox.routes import LEGACY_ROUTES, TOKEN_ROUTES
from agent.sandbox.routing import Router
from agent.sandbox.store import Store
from tests.helpers.store_contract import LEGACY_ACCOUNT, ORIGIN, TOKEN_ACCOUNT, Contract, contract

OPTIONS = SandboxOptions(orders=600, customers=120, products=60, quota=None, legacy_quota=None, long_order_every=20)
TOKEN_HEADERS = {"x-auth-token": OPTIONS.access_token}
BASIC = base64.b64encode(f"{OPTIONS.username}:{OPTIONS.access_token}".encode()).decode()
BASIC_HEADERS = {"authorization": f"Basic {BASIC}"}
JSON = {"content-type": "application/json"}


@dataclass(frozen=True)
class Call:
    """One request, what it has to give, and why the request itself may break the contract."""

    target: str
    status: int = 200
    method: str = "GET"
    body: object = None
    breaks_contract_on_purpose: str = ""

    def __str__(self) -> str:
        return f"{self.method} {self.target} {self.status}"


TOO_LONG = "asks for more than the maximum"
NO_SENSE = "has a value that makes no sense"
UNKNOWN = "has a parameter that the operation does not have"
ITEM = {"location_id": 1, "sku": "SKU-000001", "quantity": 4}

SHIPMENT = {"order_address_id": 30, "tracking_number": "T-1", "items": [{"order_product_id": 3001, "quantity": 1}]}
PERSON = {"first_name": "Ann", "last_name": "New"}
ADDRESS = {"first_name": "Ann", "last_name": "New", "address1": "1 Mill Lane", "city": "York",
           "state_or_province": "Yorkshire", "postal_code": "YO1", "country_code": "GB"}  # fmt: skip
ADDRESS_V2 = {"first_name": "Ann", "last_name": "New", "street_1": "1 Mill Lane", "city": "York", "state": "Yorkshire",
              "zip": "YO1", "country": "United Kingdom", "phone": "1"}  # fmt: skip
HOOK = {"scope": "store/order/created", "destination": "https://agent.example/hook", "headers": {"x-secret": "s"}}

V2_CALLS = [
    Call("/time"),
    Call("/store"),
    Call("/orders"),
    Call("/orders?limit=250&sort=id:asc&min_date_modified=2024-01-01T00:00:00Z"),
    Call("/orders?limit=250&include=consignments"),
    Call("/orders?limit=250&include=consignments.line_items&consignment_structure=object"),
    Call("/orders?limit=250&page=2&include=consignments.line_items,fees&consignment_structure=object"),
    Call("/orders?sort=date_modified:desc&status_id=11&min_total=10&customer_id=7", 204),
    Call("/orders?sort=customer_id&limit=5&status_id=10"),
    Call("/orders?min_id=602", 204),
    Call("/orders?page=99", 204),
    Call("/orders?limit=251", 413, breaks_contract_on_purpose=TOO_LONG),
    Call("/orders?foo=1", 400, breaks_contract_on_purpose=UNKNOWN),
    Call("/orders?min_id=abc", 400, breaks_contract_on_purpose=NO_SENSE),
    Call("/orders?sort=shoe_size", 400, breaks_contract_on_purpose=NO_SENSE),
    Call("/orders?min_date_created=yesterday", 400),
    Call("/orders/count"),
    Call("/orders/count?status_id=11"),
    Call("/orders/count?foo=1", 400, breaks_contract_on_purpose=UNKNOWN),
    Call("/orders/20"),
    Call("/orders/20?include=consignments.line_items,fees&consignment_structure=object"),
    Call("/orders/602", 404),
    Call("/orders/20/products"),
    Call("/orders/20/products?limit=250"),
    Call("/orders/20/products?page=9", 204),
    Call("/orders/602/products", 404),
    Call("/orders/20/products?limit=251", 413, breaks_contract_on_purpose=TOO_LONG),
    Call("/orders/20/shipping_addresses"),
    Call("/orders/20/shipping_addresses?page=2", 204),
    Call("/orders/20/coupons?page=2", 204),
    Call("/orders/20/fees", 204),
    Call("/order_statuses"),
    Call("/customers"),
    Call("/customers?limit=250&min_id=3&max_date_modified=2030-01-01T00:00:00Z"),
    Call("/customers?email=nobody@shopper.example", 204),
    Call("/customers?limit=251", 413, breaks_contract_on_purpose=TOO_LONG),
    Call("/customers?sort=id", 400, breaks_contract_on_purpose=UNKNOWN),
    Call("/customers/count"),
    Call("/customers/50"),
    Call("/customers/999", 404),
    Call("/customers/50/addresses"),
    Call("/customers/50/addresses?page=2", 204),
    Call("/customers/999/addresses", 404),
    Call("/orders/20/taxes?details=true"),
    Call("/orders/20/messages?limit=250"),
    Call("/orders/21/messages", 204),
    Call("/orders/602/taxes", 404),
    Call("/orders/20", method="PUT", body={"status_id": 11, "staff_notes": "Packed", "billing_address": {"zip": "1"}}),
    Call("/orders/602", 404, "PUT", {"status_id": 11}),
    Call("/orders/20", 400, "PUT", {"status_id": 99}),
    Call("/orders/30/shipments", 204),
    Call("/orders/30/shipments", 201, "POST", SHIPMENT),
    Call("/orders/30/shipments"),
    Call("/orders/30/shipments", 400, "POST", {"order_address_id": 30, "items": []}),
    Call("/orders/602/shipments", 404, "POST", SHIPMENT),
    Call("/customers", method="POST", body=PERSON | {"email": "new@shopper.example"}),
    Call("/customers", 400, "POST", {"first_name": "No", "last_name": "Mail"}),
    Call("/customers/7", method="PUT", body={"company": "Fern & Field"}),
    Call("/customers/999", 404, "PUT", {"company": "Nobody"}),
    Call("/customers/7/addresses", method="POST", body=ADDRESS_V2),
    Call("/customers/7/addresses", 400, "POST", {**ADDRESS_V2, "city": ""}, NO_SENSE),
    Call("/customers/50/addresses/5001"),
    Call("/customers/50/addresses/5099", 404),
    Call("/customers/50/addresses/5001", method="PUT", body={**ADDRESS_V2, "city": "Bristol"}),
    Call("/customers/50/addresses/5099", 404, "PUT", ADDRESS_V2),
    Call("/customer_groups"),
    Call("/customer_groups?name=staff&is_default=false&date_modified:min=2024-01-01T00:00:00Z"),
    Call("/customer_groups?name=Nobody", 204),
    Call("/customer_groups/1"),
    Call("/customer_groups/99", 404),
    Call("/customer_groups", method="POST", body={"name": "Trade"}),
    Call("/customer_groups", 400, "POST", {"name": "Trade"}),
    Call("/customer_groups/2", method="PUT", body={"is_group_for_guests": True}),
    Call("/customer_groups/99", 404, "PUT", {"name": "None"}),
]

V3_CALLS = [
    Call("/customers"),
    Call("/customers?limit=250&include=addresses,storecredit,attributes,formfields"),
    Call("/customers?id:in=1,2,3&name:like=a&date_modified:min=2024-01-01T00:00:00Z"),
    Call("/customers?page=2&limit=10&sort=last_name:desc"),
    Call("/customers?after=eyJpZCI6NX0&limit=2"),
    Call("/customers?before=eyJpZCI6NX0&limit=2"),
    Call("/customers?id:in=999"),
    Call("/customers?foo=1", 422, breaks_contract_on_purpose=UNKNOWN),
    Call("/customers?limit=251", 422, breaks_contract_on_purpose=TOO_LONG),
    Call("/customers?after=eyJpZCI6NX0&before=eyJpZCI6NX0", 422),
    Call("/customers/addresses"),
    Call("/customers/addresses?customer_id:in=50&limit=250"),
    Call("/customers/addresses?foo=1", 422, breaks_contract_on_purpose=UNKNOWN),
    Call("/customers", method="POST", body=[PERSON | {"email": "v3@shopper.example", "addresses": [ADDRESS]}]),
    Call("/customers", 422, "POST", [PERSON | {"email": "v3@shopper.example"}]),
    Call("/customers", 422, "POST", [PERSON], NO_SENSE),
    Call("/customers", 413, "POST", [PERSON | {"email": f"{one}@x.example"} for one in range(11)], TOO_LONG),
    Call("/customers", method="PUT", body=[{"id": 3, "notes": "Calls often"}]),
    Call("/customers", 422, "PUT", [{"id": 999, "notes": "Nobody"}]),
    Call("/customers/addresses", method="POST", body=[ADDRESS | {"customer_id": 3}, ADDRESS | {"customer_id": 3}]),
    Call("/customers/addresses", 422, "POST", [ADDRESS | {"customer_id": 999}]),
    Call("/customers/addresses", method="PUT", body=[{"id": 5001, "city": "Leeds"}]),
    Call("/customers/addresses", 422, "PUT", [{"id": 5099, "city": "Leeds"}]),
    Call("/orders/22/transactions"),
    Call("/orders/602/transactions", 404),
    Call("/orders/payment_actions/refunds"),
    Call("/orders/payment_actions/refunds?order_id:in=1,2,3&limit=250&page=1"),
    Call("/hooks", method="POST", body=HOOK),
    Call("/hooks", method="POST", body={**HOOK, "scope": "store/order/*", "is_active": False, "headers": None}),
    Call("/hooks", 422, "POST", HOOK),
    Call("/hooks", 422, "POST", {"scope": "store/order/created"}, "lacks the destination"),
    Call("/hooks", 422, "POST", HOOK | {"destination": "https://agent.example:8443/"}),
    Call("/hooks", 422, "POST", HOOK | {"destination": "http://agent.example"}),
    Call("/hooks", 422, "POST", HOOK | {"scope": "orders"}),
    Call("/hooks"),
    Call("/hooks?scope=store/order/created&is_active=true&page=1&limit=10"),
    Call("/hooks?foo=1", 422, breaks_contract_on_purpose=UNKNOWN),
    Call("/hooks/2"),
    Call("/hooks/9", 404),
    Call("/hooks/2", method="PUT", body={"is_active": True}),
    Call("/hooks/2", 422, "PUT", {"scope": "store/order/created"}),
    Call("/hooks/9", 404, "PUT", {"is_active": True}),
    Call("/hooks/1", method="DELETE"),
    Call("/hooks/1", 404, "DELETE"),
    Call("/catalog/products"),
    Call("/catalog/products?limit=250&include=variants,images,custom_fields,bulk_pricing_rules"),
    Call("/catalog/products?include=options,modifiers,videos,channels,reviews,parent_relations,primary_image"),
    Call("/catalog/products?id:greater=3&sort=id&direction=desc&include_fields=name,sku"),
    Call("/catalog/products?sku:in=SKU-000001,SKU-000002&inventory_level:min=0"),
    Call("/catalog/products?foo=1", 422, breaks_contract_on_purpose=UNKNOWN),
    Call("/catalog/products?limit=251", 422, breaks_contract_on_purpose=TOO_LONG),
    Call("/catalog/products/5"),
    Call("/catalog/products/5?include=variants,options"),
    Call("/catalog/products/61", 404),
    Call("/catalog/products/5?foo=1", 422, breaks_contract_on_purpose=UNKNOWN),
    Call("/catalog/products", method="PUT", body=[{"id": 1, "price": 12.5}, {"id": 2, "inventory_level": 5}]),
    Call("/catalog/products", 404, "PUT", [{"id": 61, "price": 1}]),
    Call("/catalog/products", 409, "PUT", [{"id": 1, "sku": "SKU-000002"}]),
    Call("/catalog/products", 413, "PUT", [{"id": one} for one in range(1, 12)], TOO_LONG),
    Call("/catalog/products", 422, "PUT", [{"price": 1}], NO_SENSE),
    Call("/catalog/products", 422, "PUT", [{"id": 1, "price": -1}], NO_SENSE),
    Call("/catalog/products/3", method="PUT", body={"inventory_level": 9, "name": "Renamed"}),
    Call("/catalog/products/61", 404, "PUT", {"price": 1}),
    Call("/catalog/products/3", 409, "PUT", {"sku": "SKU-000002"}),
    Call("/catalog/products/3", 422, "PUT", {"inventory_level": -1}, NO_SENSE),
    Call("/catalog/variants"),
    Call("/catalog/variants?product_id:in=5,10&limit=250"),
    Call("/catalog/variants?sku=SKU-000005"),
    Call("/catalog/variants?foo=1", 422, breaks_contract_on_purpose=UNKNOWN),
    Call("/catalog/variants", method="PUT", body=[{"id": 51, "inventory_level": 5}, {"id": 52, "price": 3.5}]),
    Call("/catalog/variants", 404, "PUT", [{"id": 999, "price": 1}]),
    Call("/catalog/variants", 413, "PUT", [{"id": one} for one in range(1, 52)], TOO_LONG),
    Call("/catalog/variants", 422, "PUT", [{"id": 51, "price": -1}], NO_SENSE),
    Call("/inventory/items"),
    Call("/inventory/items?limit=1000&location_id:in=1"),
    Call("/inventory/items?sku:in=SKU-000001,SKU-000005&variant_id:in=10,51"),
    Call("/inventory/items?sku:in=UNKNOWN"),
    Call("/inventory/items?foo=1", 422, breaks_contract_on_purpose=UNKNOWN),
    Call("/inventory/items?limit=1001", 422, breaks_contract_on_purpose=TOO_LONG),
    Call("/inventory/locations"),
    Call("/inventory/locations?is_default=true&type_id:in=PHYSICAL"),
    Call("/inventory/locations?location_id:in=2"),
    Call("/inventory/locations?foo=1", 422, breaks_contract_on_purpose=UNKNOWN),
    Call("/inventory/adjustments/absolute", method="PUT", body={"reason": "count", "items": [ITEM]}),
    Call("/inventory/adjustments/absolute", 422, "PUT", {"items": [{**ITEM, "sku": "UNKNOWN"}]}),
    Call("/inventory/adjustments/absolute", 422, "PUT", {"items": [{**ITEM, "location_id": 9}]}),
    Call("/inventory/adjustments/absolute", 422, "PUT", {"items": [{**ITEM, "variant_id": 10}]}, NO_SENSE),
    Call("/inventory/adjustments/absolute", 422, "PUT", {"items": [ITEM] * 2001}),
    Call("/inventory/adjustments/relative", method="POST", body={"items": [{**ITEM, "quantity": 1}]}),
    Call("/inventory/adjustments/relative", 422, "POST", {"items": [{**ITEM, "quantity": -9999}]}),
    Call("/catalog/products", method="POST", body={"name": "Cup", "type": "physical", "weight": 1, "price": 2.5}),
    Call("/catalog/products", 409, "POST", {"name": "Cup", "type": "physical", "weight": 1, "price": 2.5}),
    Call("/catalog/products", 422, "POST", {"name": "Mug"}, NO_SENSE),
]

LEGACY_CALLS = [
    *V2_CALLS,
    Call("/products"),
    Call("/products?sku=SKU-000003&min_id=1&min_date_modified=2024-01-01T00:00:00Z"),
    Call("/products?min_id=61", 204),
    Call("/products?limit=251", 413, breaks_contract_on_purpose=TOO_LONG),
    Call("/products?foo=1", 400, breaks_contract_on_purpose=UNKNOWN),
    Call("/products/3"),
    Call("/products/61", 404),
    Call("/products/3", method="PUT", body={"inventory_level": 7, "price": "4.5"}),
    Call("/products/3", 400, "PUT", {"inventory_level": -7}),
    Call("/products/61", 404, "PUT", {"inventory_level": 7}),
    Call("/products/5/skus"),
    Call("/products/3/skus", 204),
    Call("/products/61/skus", 404),
    Call("/products/5/skus/51"),
    Call("/products/5/skus/99", 404),
    Call("/products/5/skus/51", method="PUT", body={"inventory_level": 7}),
    Call("/products/5/skus/99", 404, "PUT", {"inventory_level": 7}),
]
GATEWAY_CALLS = [
    *(Call(f"/stores/demo1/v2{one.target}", one.status, one.method, one.body, one.breaks_contract_on_purpose)
      for one in V2_CALLS),
    *(Call(f"/stores/demo1/v3{one.target}", one.status, one.method, one.body, one.breaks_contract_on_purpose)
      for one in V3_CALLS),
]  # fmt: skip


@pytest.fixture(scope="module")
def gateway() -> Gateway:
    return made_gateway()


@pytest.fixture(scope="module")
def legacy_gateway() -> Gateway:
    return made_gateway()


def made_gateway() -> Gateway:
    store = Store(OPTIONS)
    store.touch_orders(5, first_id=100)
    store.edit_order(101, total_inc_tax="99.5", staff_notes="Call first")
    store.add_order(customer_message="Hello")
    return Gateway(store, origin=ORIGIN)


@pytest.fixture(scope="module")
def token_contract() -> Contract:
    return contract(TOKEN_ACCOUNT)


@pytest.fixture(scope="module")
def legacy_contract() -> Contract:
    return contract(LEGACY_ACCOUNT)


def request_of(call: Call, headers: dict[str, str], prefix: str = "") -> Request:
    path, _, query = (prefix + call.target).partition("?")
    body = b"" if call.body is None else json.dumps(call.body).encode()
    return Request(call.method, path, query, headers | (JSON if call.body is not None else {}), body)


@pytest.mark.parametrize("call", GATEWAY_CALLS, ids=str)
def test_a_token_account_gets_what_the_contract_says(call: Call, gateway: Gateway, token_contract: Contract) -> None:
    request = request_of(call, TOKEN_HEADERS)
    answer = gateway.answer(request)
    assert answer.status == call.status, answer.body[:500]
    token_contract.hold(request, answer, answer_only=bool(call.breaks_contract_on_purpose))


@pytest.mark.parametrize("call", LEGACY_CALLS, ids=str)
def test_a_legacy_account_gets_what_the_contract_says(
    call: Call, legacy_gateway: Gateway, legacy_contract: Contract
) -> None:
    request = request_of(call, BASIC_HEADERS, "/api/v2")
    answer = legacy_gateway.answer(request)
    assert answer.status == call.status, answer.body[:500]
    legacy_contract.hold(request, answer, answer_only=bool(call.breaks_contract_on_purpose))


@pytest.fixture(scope="module")
def closed_gateways() -> tuple[Gateway, Gateway]:
    """A store that permits nothing, and one whose quotas are used up."""
    forbidding = Gateway(Store(SandboxOptions(orders=30, scopes=frozenset())), origin=ORIGIN)
    exhausted = Gateway(Store(SandboxOptions(orders=30, quota=1, legacy_quota=1)), origin=ORIGIN)
    exhausted.answer(Request("GET", "/stores/demo1/v2/time", "", TOKEN_HEADERS))
    exhausted.answer(Request("GET", "/api/v2/time", "", BASIC_HEADERS))
    return forbidding, exhausted


def paths(calls: list[Call]) -> list[Call]:
    """One call per path and method."""
    return list({(call.method, call.target.partition("?")[0]): call for call in calls}.values())


@pytest.mark.parametrize("call", paths(GATEWAY_CALLS), ids=str)
def test_every_trouble_of_a_token_account_has_the_shape_of_the_contract(
    call: Call, closed_gateways: tuple[Gateway, Gateway], token_contract: Contract
) -> None:
    request = request_of(call, TOKEN_HEADERS)
    forbidding, exhausted = closed_gateways
    answers = {
        401: forbidding.answer(Request(request.method, request.path, "", {"x-auth-token": "wrong"})),
        403: forbidding.answer(request),
        429: exhausted.answer(request),
        500: fault(500, request),
        503: fault(503, request),
    }
    if "/hooks" in request.path:  # they need no permission
        del answers[403]
    for status, answer in answers.items():
        assert answer.status == status
        token_contract.hold(request, answer, answer_only=True)
    token_contract.hold(request, _instead(Fault(FaultKind.RATE_LIMIT), request), answer_only=True)


@pytest.mark.parametrize("call", paths(LEGACY_CALLS), ids=str)
def test_every_trouble_of_a_legacy_account_has_the_shape_of_the_contract(
    call: Call, closed_gateways: tuple[Gateway, Gateway], legacy_contract: Contract
) -> None:
    request = request_of(call, BASIC_HEADERS, "/api/v2")
    _, exhausted = closed_gateways
    answers = {
        401: exhausted.answer(Request(request.method, request.path)),
        509: exhausted.answer(request),
        503: fault(503, request),
    }
    if not request.path.startswith("/api/v2/products"):  # the contract has no 500 for these
        answers[500] = fault(500, request)
    for status, answer in answers.items():
        assert answer.status == status
        legacy_contract.hold(request, answer, answer_only=True)


def test_every_operation_of_the_sandbox_is_called() -> None:
    for routes, calls, prefix in ((TOKEN_ROUTES, GATEWAY_CALLS, "/stores/demo1"), (LEGACY_ROUTES, LEGACY_CALLS, "")):
        router = Router(routes)
        called = {
            router.match(call.method, path if prefix else f"/v2{path}").route
            for call in calls
            if call.status < 300
            for path in [call.target.partition("?")[0].removeprefix(prefix)]
        }
        assert {(one.method, one.template) for one in routes} - {
            (one.method, one.template) for one in called if one is not None
        } <= {
            ("GET", "/v2/orders/{id}/shippingaddresses"),  # the other spelling of shipping_addresses
            # The official files do not have these: see test_brands_and_categories.
            *((method, f"/v3/catalog/{name}{end}") for name in ("brands", "categories") for method, end in
              (("GET", ""), ("POST", ""), ("GET", "/{id}"), ("PUT", "/{id}"))),
        }  # fmt: skip


@pytest.mark.parametrize("version", ["v2", "v3"])
def test_another_store_is_not_found_in_the_words_of_the_contract(
    version: str, gateway: Gateway, token_contract: Contract
) -> None:
    path = {"v2": "/stores/other1/v2/orders", "v3": "/stores/other1/v3/customers"}[version]
    request = Request("GET", path, "", TOKEN_HEADERS)
    answer = gateway.answer(request)
    assert answer.status == 404
    token_contract.hold(request, answer)


def test_the_contract_is_not_blind(gateway: Gateway, token_contract: Contract) -> None:
    request = Request("GET", "/stores/demo1/v2/orders", "limit=1", TOKEN_HEADERS)
    answer = gateway.answer(request)
    broken = replace(answer, body=answer.body.replace(b'"items_total":', b'"items_total":"many","was":', 1))
    with pytest.raises(InvalidData):
        token_contract.hold(request, broken)


def fault(status: int, request: Request) -> Answer:
    return _instead(Fault(FaultKind.STATUS, status=status), request)
