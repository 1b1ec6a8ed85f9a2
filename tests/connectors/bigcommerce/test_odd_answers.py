"""Answers that are not what the API promises: none of them is taken for an end, or for a record that was written."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

import httpx
import pytest

from agent.connectors.contract import LookUp, ReadRequest, WriteTarget
from agent.domain.app import Attribute
from agent.domain.errors import AgentError, AmbiguousWriteError, TransientError
from agent.domain.packet import Batch, Packet, Value, WriteReport
from tests.helpers.fake_store import LEGACY_PATH, FakeStore

CUSTOMERS = "/v3/customers"
PERSON: dict[str, Value] = {"email": "a@new.example", "first_name": "A", "last_name": "B"}
Records = Sequence[Mapping[str, Value]]


async def read(store: FakeStore, schema: str, path: str | None = None) -> list[Packet]:
    async with store.connection(path) if path else store.connection() as one:
        return [packet async for packet in one.read(ReadRequest(schema, "GET", (), {}, None, None, 500))]


def documents(packets: Sequence[Packet]) -> list[dict[str, object]]:
    return [json.loads(document) for packet in packets for document in packet.documents]


def batch(records: Records) -> Batch:
    names = list(dict.fromkeys(name for record in records for name in record))
    rows = [tuple(record.get(name) for name in names) for record in records]
    return Batch(tuple(Attribute(name) for name in names), [str(row) for row in range(len(rows))], rows)


async def write(store: FakeStore, schema: str, action: str, *records: Mapping[str, Value]) -> WriteReport:
    async with store.connection() as one:
        return await one.write(WriteTarget(schema, action, {}, "ledger"), batch(records), lambda _: b"")


async def look_up(store: FakeStore, schema: str, action: str, *records: Mapping[str, Value]) -> LookUp:
    async with store.connection() as one:
        return await one.look_up(WriteTarget(schema, action, {}, "ledger"), batch(records))


def answering(method: str, path: str, answer: Callable[[], httpx.Response], store: FakeStore) -> None:
    """Have the store answer so from now on."""

    def disturb(_: int, request: httpx.Request) -> httpx.Response | None:
        meant = request.method == method and request.url.path.endswith(path)
        return answer() if meant else None

    store.disturb = disturb


@pytest.mark.parametrize(
    ("schema", "path"), [("customers", CUSTOMERS), ("orders", "/v2/orders"), ("brands", "/brands")]
)
async def test_an_answer_without_a_body_is_no_end_of_a_list(schema: str, path: str) -> None:
    store = FakeStore()
    answering("GET", path, lambda: httpx.Response(200), store)

    with pytest.raises(TransientError) as raised:
        await store.clock.run(read(store, schema))

    assert raised.value.code == "answer-not-understood"


async def test_an_empty_list_of_the_second_generation_has_no_body() -> None:
    store = FakeStore()

    (packet,) = await store.clock.run(read(store, "orders"))

    assert packet.documents == []
    assert packet.bookmark is not None


async def test_a_full_page_that_does_not_say_what_follows_is_not_the_last_one() -> None:
    store = FakeStore(cursors=False)
    for number in range(1, 301):
        store.add_customer(number)

    def disturb(_: int, request: httpx.Request) -> httpx.Response | None:
        if request.url.path.endswith(CUSTOMERS):
            body = json.loads(store._answer(request, CUSTOMERS).content)
            return httpx.Response(200, json={"data": body["data"], "meta": {}})
        return None

    store.disturb = disturb

    found = documents(await store.clock.run(read(store, "customers")))

    assert {one["id"] for one in found} == set(range(1, 301))


async def test_ten_addresses_are_not_taken_for_all_where_their_number_is_not_told() -> None:
    store = FakeStore()
    store.add_customer(1, addresses=13)
    store.add_customer(2, addresses=3)
    for one in store.customers.values():
        del one["address_count"]

    first, second = documents(await store.clock.run(read(store, "customers")))

    assert (len(first["addresses"]), len(second["addresses"])) == (13, 3)  # type: ignore[arg-type]  # lists
    assert store.paths().count("/v3/customers/addresses") == 1


async def test_lists_of_addresses_that_come_in_smaller_pages_come_whole() -> None:
    store = FakeStore()
    store.add_customer(1, addresses=70)

    def disturb(_: int, request: httpx.Request) -> httpx.Response | None:
        if not request.url.path.endswith("/customers/addresses"):
            return None
        return store._v3_owned(store.addresses, {**dict(request.url.params), "limit": "50"})

    store.disturb = disturb

    (customer,) = documents(await store.clock.run(read(store, "customers")))

    assert len(customer["addresses"]) == 70  # type: ignore[arg-type]  # a list


@pytest.mark.parametrize(
    ("schema", "action", "record", "path"),
    [
        ("customers", "POST", PERSON, CUSTOMERS),
        ("customers", "PUT", {"id": 1, "notes": "new"}, CUSTOMERS),
        ("customer_groups", "POST", {"name": "Dealers"}, "/v2/customer_groups"),
        ("orders", "PUT", {"id": 1, "staff_notes": "new"}, "/v2/orders/1"),
        ("products", "PUT", {"id": 1, "price": "2"}, "/v3/catalog/products"),
        ("brands", "POST", {"name": "Acme"}, "/v3/catalog/brands"),
        ("inventory", "PUT", {"sku": "A", "inventory_level": 1}, "/v3/inventory/adjustments/absolute"),
    ],
)
@pytest.mark.parametrize("body", [b"{}", b'{"data":{}}', b"", b"[]", b"null", b'{"data":null}'])
async def test_an_answer_without_the_record_does_not_say_that_it_was_written(
    schema: str, action: str, record: dict[str, Value], path: str, body: bytes
) -> None:
    store = FakeStore()
    store.add_customer(1)
    headers = {"content-type": "application/json"}

    def disturb(_: int, request: httpx.Request) -> httpx.Response | None:
        if request.method != "GET" and request.url.path.endswith(path):
            return httpx.Response(200, content=body, headers=headers)
        return httpx.Response(200, json=[] if "/v2/" in path else {"data": []}) if "inventory" not in path else None

    store.disturb = disturb

    with pytest.raises(AmbiguousWriteError):
        await store.clock.run(write(store, schema, action, record))


async def test_a_change_that_the_store_leaves_out_of_its_answer_fails_unless_it_is_there() -> None:
    store = FakeStore()
    store.addresses[1] = [{"id": 1000, "customer_id": 1, "city": "Berlin"}, {"id": 1001, "customer_id": 1, "city": "X"}]

    def disturb(_: int, request: httpx.Request) -> httpx.Response | None:
        if request.method == "GET":
            return httpx.Response(200, json={"data": store.addresses[1]})
        return httpx.Response(200, json={"data": []})

    store.disturb = disturb

    report = await store.clock.run(
        write(store, "customer_addresses", "PUT", {"id": 1000, "city": "Berlin"}, {"id": 1001, "city": "Bonn"})
    )

    assert report.destination_ids == ["1000", ""]
    assert list(report.failures) == [1]
    assert report.failures[1].code == "not-taken"


async def test_a_web_page_in_answer_to_a_write_does_not_say_that_nothing_was_written() -> None:
    store = FakeStore()
    answering("POST", CUSTOMERS, lambda: httpx.Response(200, html="<html>Welcome</html>"), store)

    with pytest.raises(AmbiguousWriteError):
        await store.clock.run(write(store, "customers", "POST", PERSON))


async def test_customers_of_whom_a_part_was_made_are_not_sent_again_unasked() -> None:
    store = FakeStore()
    answering(
        "POST", CUSTOMERS,
        lambda: httpx.Response(207, json={"data": [], "errors": {"status": 500, "title": "Some failed"}}), store,
    )  # fmt: skip

    with pytest.raises(AmbiguousWriteError):
        await store.clock.run(write(store, "customers", "POST", PERSON, {**PERSON, "email": "b@new.example"}))

    assert [method for method, _, _ in store.requests].count("POST") == 1


async def test_a_look_up_of_a_webhook_that_is_told_without_its_data_is_an_error_of_ours() -> None:
    store = FakeStore()
    answering("GET", "/v3/hooks/5", lambda: httpx.Response(200, json={}), store)

    with pytest.raises(AgentError):
        await store.clock.run(look_up(store, "webhooks", "PUT", {"id": 5, "is_active": True}))


async def test_a_legacy_account_does_not_take_an_empty_object_for_stock_that_was_set() -> None:
    store = FakeStore()
    store.products[5] = {"id": 5, "sku": "A", "inventory_level": 0, "inventory_tracking": "simple"}
    answering("PUT", "/products/5", lambda: httpx.Response(200, json={}), store)

    async def set_it() -> None:
        async with store.connection(LEGACY_PATH) as one:
            rows = batch([{"product_id": 5, "inventory_level": 3}])
            await one.write(WriteTarget("products", "PUT", {}, "ledger"), rows, lambda _: b"")

    with pytest.raises(AmbiguousWriteError):
        await store.clock.run(set_it())


async def test_a_store_that_takes_note_of_forty_ids_alone_gives_all_that_are_asked_for() -> None:
    store = FakeStore()
    for number in range(1, 91):
        store.add_customer(number)

    def disturb(_: int, request: httpx.Request) -> httpx.Response | None:
        wanted = [int(one) for one in request.url.params["id:in"].split(",")]
        some = [store.customers[one] for one in wanted[:40] if one in store.customers]
        return httpx.Response(200, json={"data": some, "meta": {}})

    store.disturb = disturb

    async def read_them() -> list[Packet]:
        wanted = ReadRequest("customers", "GET", (), {}, None, None, 500, ids=[str(one) for one in range(1, 101)])
        async with store.connection() as one:
            return [packet async for packet in one.read(wanted)]

    (packet,) = await store.clock.run(read_them())

    assert sorted(map(int, packet.source_ids)) == list(range(1, 91))


async def test_an_order_that_is_gone_when_its_lines_are_fetched_is_not_told_as_a_wrong_path() -> None:
    store = FakeStore()
    store.add_order(1, lines=60)
    answering("GET", "/orders/1/products", lambda: httpx.Response(404, json=[]), store)

    with pytest.raises(AgentError) as raised:
        await store.clock.run(read(store, "orders"))

    assert "orders/1/products" in raised.value.message
    assert "API Path" not in raised.value.remedy
