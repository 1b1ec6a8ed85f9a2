"""Whatever the connector sends, and whatever the sandbox answers it, is as the OpenAPI files of the real store say."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field, replace

import httpx
import pytest

from agent.connectors.bigcommerce.connector import BigCommerceConnection, BigCommerceConnector, Surroundings
from agent.connectors.bigcommerce.credentials import AccountKind
from agent.connectors.bigcommerce.filter_names import TAKEN
from agent.connectors.contract import ReadRequest, SentClause, WriteTarget
from agent.domain.app import Attribute
from agent.domain.errors import AgentError
from agent.domain.packet import Batch, Value
from agent.domain.secret import Secret
from agent.sandbox.gateway import Gateway
from agent.sandbox.options import SandboxOptions
from agent.sandbox.requests import Request
from agent.sandbox.store import Store
from tests.helpers.store_contract import LEGACY_ACCOUNT, ORIGIN, TOKEN_ACCOUNT, Contract, contract

OPTIONS = SandboxOptions(orders=1_100, customers=300, products=120, quota=None, long_order_every=400)
NAMES = tuple(Attribute(name) for name in ("sku", "variant_id", "product_id", "inventory_level"))
ROWS: list[tuple[Value, ...]] = [
    ("SKU-000001", None, None, 5), ("SKU-000005", None, None, 6), (None, None, 10, 7), (None, 51, None, 8),
    (None, None, 3, 9), ("UNKNOWN", None, None, 5), (None, None, 9_999, 5), ("P-000005", None, None, 5),
]  # fmt: skip
VALUES = {
    "id:in": "1,2,3", "customer_id": "7", "status_id": "11", "channel_id": "1", "customer_group_id": "1",
    "customer_group_id:in": "1,2", "min_total": "10", "max_total": "500.5", "min_id": "5", "max_id": "900",
    "email": "a@shopper.example", "email:in": "a@shopper.example,b@shopper.example", "store_credit": "0.0000",
    "cart_id": "00000000-0000-4000-8000-000000000001", "include": "", "type": "physical", "availability": "available",
    "condition": "new", "keyword_context": "shopper", "include_fields": "name", "exclude_fields": "name",
    "type_id:in": "PHYSICAL", "scope": "store/order/updated", "destination": "https://agent.example/hook",
    "sku": "SKU-000001", "sku:in": "SKU-000001,SKU-000002",
    **dict.fromkeys(
        ("is_default", "is_group_for_guests", "is_visible", "is_active", "storefront_visibility",
         "managed_by_external_source"), "true"),
    **dict.fromkeys(("is_free_shipping", "is_featured", "inventory_low", "out_of_stock"), "1"),
    **dict.fromkeys(
        ("id", "id:not_in", "id:min", "id:max", "id:greater", "id:less", "parent_id", "parent_id:in", "customer_id:in",
         "product_id:in", "variant_id:in",
         "location_id:in", "channel_id:in", "categories", "categories:in", "price", "weight", "brand_id", "total_sold",
         *(f"inventory_level{end}" for end in ("", ":in", ":not_in", ":min", ":max", ":greater", ":less"))), "3"),
}  # fmt: skip
UNPUBLISHED = frozenset({"brands", "categories"})
"""The schemas of which BigCommerce has published no file."""


@dataclass
class HeldStore:
    """A sandbox without sockets whose traffic is held to the contract, request and answer."""

    api: Contract
    options: SandboxOptions = OPTIONS
    seen: Counter[tuple[str, int]] = field(default_factory=Counter)
    strict: bool = True

    def __post_init__(self) -> None:
        self.store = Store(self.options)
        self._gateway = Gateway(self.store, origin=ORIGIN)

    def answer(self, sent: httpx.Request) -> httpx.Response:
        headers = {name.lower(): value for name, value in sent.headers.items()}
        query = sent.url.query.decode()
        request = Request(sent.method, sent.url.path, query, headers, sent.content)
        answer = self._gateway.answer(request)
        # An update without items is only a question: may this token write? The store is to refuse it.
        # The official file knows no empty list of webhooks.
        no_hooks = request.path.endswith("/v3/hooks") and b'"data":[]' in answer.body
        if self.strict and not no_hooks:
            self.api.hold(request, answer, answer_only=sent.content.endswith(b'"items":[]}'))
        self.seen[f"{sent.method} {sent.url.path.rpartition('/')[2]}", answer.status] += 1
        return httpx.Response(
            answer.status, headers=[*answer.headers, ("content-type", answer.content_type)], content=answer.body
        )

    def connection(self, path: str, *, token: str = OPTIONS.access_token) -> BigCommerceConnection:
        connector = BigCommerceConnector(Surroundings(transport=httpx.MockTransport(self.answer), sleep=_no_time))
        values = {"api_path": f"{ORIGIN}{path}", "username": OPTIONS.username}
        prepared = connector.prepare(values, {"api_token": Secret(token)})
        return connector.open(prepared.values, prepared.secrets)


async def _no_time(_: float) -> None:
    await asyncio.sleep(0)


PATHS = {AccountKind.OAUTH: f"/stores/{OPTIONS.store_hash}", AccountKind.LEGACY: "/api/v2"}
FILES = {AccountKind.OAUTH: TOKEN_ACCOUNT, AccountKind.LEGACY: LEGACY_ACCOUNT}


@pytest.fixture(scope="module", params=list(AccountKind))
def kind(request: pytest.FixtureRequest) -> AccountKind:
    assert isinstance(request.param, AccountKind)
    return request.param


@pytest.fixture(scope="module")
def api(kind: AccountKind) -> Contract:
    return contract(FILES[kind])


async def read(connection: BigCommerceConnection, schema: str, *clauses: SentClause) -> int:
    wanted = ReadRequest(schema, "GET", clauses, {}, None, None, 500)
    async with connection:
        return sum([len(packet) async for packet in connection.read(wanted)])


async def test_validating_keeps_to_the_contract(kind: AccountKind, api: Contract) -> None:
    held = HeldStore(api)
    async with held.connection(PATHS[kind]) as connection:
        await connection.check(lambda _: None)
    with pytest.raises(AgentError):
        async with held.connection(PATHS[kind], token="wrong") as connection:
            await connection.check(lambda _: None)
    assert held.seen["GET time", 200] == held.seen["GET time", 401] == 1
    assert held.seen["GET orders", 200] == 1
    if kind is AccountKind.OAUTH:
        held.store.set_scopes(frozenset())
        with pytest.raises(AgentError):
            async with held.connection(PATHS[kind]) as connection:
                await connection.check(lambda _: None)
        assert held.seen["PUT absolute", 422] == held.seen["PUT absolute", 403] == 1


async def test_reading_keeps_to_the_contract(kind: AccountKind, api: Contract) -> None:
    held = HeldStore(api)

    assert await read(held.connection(PATHS[kind]), "orders") == 1_100
    assert await read(held.connection(PATHS[kind]), "customers") == 300

    assert held.seen["GET products", 200] == 2
    held.store.edit_order(7, total_inc_tax="9.5", customer_message="Hello")
    held.store.edit_customer(7, last_name="Renamed")
    held.store.add_order()
    held.store.add_customer(first_name="Zed")
    since = OPTIONS.clock().strftime("%Y-%m-%dT00:00:00Z")
    names = {AccountKind.OAUTH: "date_modified:min", AccountKind.LEGACY: "min_date_modified"}
    assert await read(held.connection(PATHS[kind]), "orders", SentClause("min_date_modified", "=", since)) == 2
    assert await read(held.connection(PATHS[kind]), "customers", SentClause(names[kind], "=", since)) == 2


@pytest.mark.parametrize("schema", sorted({schema for schema, _ in TAKEN}))
async def test_every_filter_keeps_to_the_contract(schema: str, kind: AccountKind, api: Contract) -> None:
    for key in sorted(TAKEN.get((schema, kind), ())):
        held = HeldStore(api, replace(OPTIONS, orders=30, customers=30, products=20))
        held.strict = schema not in UNPUBLISHED
        value = VALUES.get(key, "2024-02-03T10:00:00Z" if "date" in key else "x")
        await read(held.connection(PATHS[kind]), schema, SentClause(key, "=", value))
        assert {status for _, status in held.seen} <= {200, 204}, key


async def test_setting_stock_keeps_to_the_contract(kind: AccountKind, api: Contract) -> None:
    held = HeldStore(api)
    target, batch = WriteTarget("products", "PUT", {}, "ledger"), Batch(NAMES, [str(row) for row in ROWS], ROWS)

    async with held.connection(PATHS[kind]) as connection:
        report = await connection.write(target, batch, lambda _: b"")
        found = await connection.look_up(target, batch)

    assert 0 not in report.failures
    assert 5 in report.failures
    assert 0 in found.written
    assert held.store.stock("SKU-000001") == 5
    assert len({status for _, status in held.seen}) > 1
