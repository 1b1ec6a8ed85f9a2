"""Reading orders: nothing skipped, nothing asked twice, whatever happens to the store meanwhile."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import timedelta

import httpx
import msgspec
import pytest

from agent.connectors.bigcommerce.connector import BigCommerceConnection
from agent.connectors.bigcommerce.order_lines import is_cut, with_lines
from agent.connectors.contract import ReadRequest, SentClause
from agent.domain.clauses import FilterPlace
from agent.domain.errors import ConfigurationError, TransientError
from agent.domain.packet import Packet, Position
from tests.helpers.fake_store import LEGACY_PATH, FakeStore
from tests.helpers.virtual_clock import START


def request(
    *clauses: SentClause, position: Position | None = None, packet_records: int = 250, schema: str = "orders"
) -> ReadRequest:
    return ReadRequest(schema, "GET", clauses, {}, None, position, packet_records)


async def read(connection: BigCommerceConnection, wanted: ReadRequest) -> list[Packet]:
    async with connection:
        return [packet async for packet in connection.read(wanted)]


def ids(packets: Sequence[Packet]) -> list[int]:
    return [int(one) for packet in packets for one in packet.source_ids]


def seconds(text: str) -> float:
    return (START - START.fromisoformat(text)).total_seconds()


@pytest.fixture
def store() -> FakeStore:
    fake = FakeStore()
    for number in range(1, 1001):
        fake.add_order(number)
    fake.clock.now = 3600.0
    return fake


async def test_a_thousand_orders_come_in_order_with_lines_and_addresses(store: FakeStore) -> None:
    packets = await store.clock.run(read(store.connection(), request(packet_records=500)))

    assert ids(packets) == list(range(1, 1001))
    assert [len(packet) for packet in packets] == [500, 500, 0]
    first = json.loads(packets[0].documents[0])
    assert first["consignments"]["shipping"][0]["line_items"][0]["sku"] == "S0"
    assert first["total_inc_tax"] == "12.3400"
    assert [packet.bookmark is not None for packet in packets] == [False, False, True]
    # Four full pages, the empty one after them, the closing pass, and what the highest id is.
    (highest,) = [params for _, _, params in store.requests if params["sort"] == "id:desc"]
    assert highest == {"sort": "id:desc", "limit": "1"}
    pages = [params for _, _, params in store.requests if params is not highest]
    assert len(pages) == 6
    assert all(params["include"] == "consignments.line_items" for params in pages)
    assert all(params["limit"] == "250" and params["sort"] == "id:asc" for params in pages)


async def test_nothing_changed_costs_one_request(store: FakeStore) -> None:
    since = SentClause("min_date_modified", "=", "2026-11-24T09:30:00Z")

    packets = await store.clock.run(read(store.connection(), request(since)))

    assert [len(packet) for packet in packets] == [0]
    assert packets[0].bookmark is not None
    assert len(store.requests) == 1


async def test_a_hundred_changed_cost_one_request(store: FakeStore) -> None:
    for number in range(100, 200):
        store.touch_order(number)
    since = SentClause("min_date_modified", "=", "2026-11-24T09:30:00Z")

    packets = await store.clock.run(read(store.connection(), request(since)))

    assert ids(packets) == list(range(100, 200))
    assert len(store.requests) == 1


async def test_orders_that_change_between_pages_come_again_and_none_is_skipped(store: FakeStore) -> None:
    def edit(count: int, _: httpx.Request) -> None:
        store.clock.now += 1.0
        if count == 3:
            for number in range(1, 101):
                store.touch_order(number, status_id=10)
            store.add_order(1001)
            del store.orders[300]

    store.disturb = edit
    packets = await store.clock.run(read(store.connection(), request()))

    latest = {
        key: json.loads(document)
        for packet in packets
        for key, document in zip(packet.source_ids, packet.documents, strict=True)
    }
    assert set(map(int, latest)) >= set(store.orders)
    assert all(latest[str(number)]["status_id"] == 10 for number in range(1, 101))
    assert len(store.requests) == 7
    bookmark = packets[-1].bookmark
    assert bookmark is not None
    assert bookmark.moment is not None
    # Whatever changes once the last pass has begun, the next read sees.
    assert bookmark.moment <= START + timedelta(seconds=store.clock.now - 1)


async def test_orders_edited_all_the_time_do_not_keep_the_reader_forever(store: FakeStore) -> None:
    def edit(_: int, __: httpx.Request) -> None:
        store.clock.now += 1.0
        for number in range(1, 501):
            store.touch_order(number)

    store.disturb = edit
    packets = await store.clock.run(read(store.connection(), request(packet_records=5000)))

    assert packets[-1].bookmark is not None
    assert len(store.requests) < 30
    assert set(ids(packets)) == set(store.orders)


async def test_reading_goes_on_from_every_position_without_losing_anything(store: FakeStore) -> None:
    def edit(count: int, _: httpx.Request) -> None:
        store.clock.now += 1.0
        if count == 2:
            store.touch_order(5, status_id=10)

    store.disturb = edit
    packets = await store.clock.run(read(store.connection(), request()))
    store.disturb = None
    store.clock.now += 3600.0
    store.touch_order(7, status_id=9)

    for count, packet in enumerate(packets, 1):
        position = json.loads(json.dumps(dict(packet.position)))
        again = await store.clock.run(read(store.connection(), request(position=position)))
        before = packets[:count]
        assert set(ids([*before, *again])) == set(store.orders)
        assert again[-1].bookmark is not None
        assert sum(packet.bookmark is not None for packet in again) == 1
        # What was read before is not read again, except for what changed since.
        assert len(ids(again)) <= max(0, 1000 - len(ids(before))) + 5


async def test_the_bookmark_never_passes_what_the_first_page_could_not_see() -> None:
    store = FakeStore()
    store.add_order(1)

    async def slow(_: int, __: httpx.Request) -> None:
        # The store takes 4 s to answer; the answer is dated when it is sent.
        await store.clock.sleep(4.0)

    store.disturb = slow
    begun = store.clock.now
    packets = await store.clock.run(read(store.connection(), request()))

    bookmark = packets[-1].bookmark
    assert bookmark is not None
    assert bookmark.moment is not None
    assert bookmark.moment <= START + timedelta(seconds=begun)
    assert bookmark.moment >= START + timedelta(seconds=begun - 3)


async def test_without_a_date_the_store_is_asked_for_its_time(store: FakeStore) -> None:
    store.dates = False

    packets = await store.clock.run(
        read(store.connection(), request(SentClause("min_id", "=", "991"), packet_records=250))
    )

    assert ids(packets) == list(range(991, 1001))
    assert store.paths() == ["/v2/orders", "/v2/time"]
    assert packets[-1].bookmark is not None


async def test_lines_beyond_fifty_are_fetched_for_those_orders_only() -> None:
    store = FakeStore()
    for number in range(1, 41):
        store.add_order(number, lines={7: 51, 20: 600, 30: 50}.get(number, 2))
    at_once, most = 0, 0

    async def count(_: int, sent: httpx.Request) -> None:
        nonlocal at_once, most
        if sent.url.path.endswith("/products"):
            at_once += 1
            most = max(most, at_once)
            await store.clock.sleep(0.1)
            at_once -= 1

    store.disturb = count
    packets = await store.clock.run(read(store.connection(), request()))

    documents = {
        int(key): json.loads(one) for key, one in zip(packets[0].source_ids, packets[0].documents, strict=True)
    }
    for number, document in documents.items():
        shipping = document["consignments"]["shipping"][0]
        assert shipping["line_items"] == store.lines[number]
        assert "__warning__" not in shipping
        assert shipping["city"] == "Berlin"
        assert document["total_inc_tax"] == "12.3400"
    extra = sorted(path for path in store.paths() if path.endswith("/products"))
    assert extra == ["/v2/orders/20/products"] * 3 + ["/v2/orders/30/products", "/v2/orders/7/products"]
    assert 1 <= most <= 3


def test_a_gift_certificate_stays_where_it_is_when_the_other_lines_are_completed() -> None:
    parcel = [{"id": number, "order_address_id": 7, "type": "physical"} for number in range(60)]
    certificate = {"id": 99, "order_address_id": 0, "type": "giftcertificate"}
    consignments = {
        "shipping": [{"id": 7, "line_items": parcel[:50], "__warning__": {"message": "Use /products."}}],
        "pickups": [],
        "downloads": [],
        "email": {"gift_certificates": [{"recipient_email": "a@b.example", "line_items": [certificate]}]},
    }
    every = [msgspec.Raw(json.dumps(line).encode()) for line in (*parcel, certificate)]

    completed = json.loads(with_lines(json.dumps({"id": 1, "consignments": consignments}).encode(), every))

    assert completed["consignments"]["shipping"] == [{"id": 7, "line_items": parcel}]
    assert completed["consignments"]["email"] == consignments["email"]


def test_fifty_gift_certificates_may_have_been_more() -> None:
    line = {"id": 1, "name": "x" * 250}
    consignments = {"email": {"gift_certificates": [{"line_items": [line] * 50}]}}
    assert is_cut(json.dumps({"consignments": consignments}).encode())
    assert not is_cut(json.dumps({"consignments": {"email": []}, "staff_notes": "x" * 20_000}).encode())


async def test_the_next_page_is_fetched_while_a_packet_is_processed(store: FakeStore) -> None:
    async def first_packet() -> list[str | None]:
        async with store.connection() as connection:
            packets = connection.read(request())
            await anext(packets)
            for _ in range(20):
                await asyncio.sleep(0)
            asked = [params.get("min_id") for _, _, params in store.requests if params["limit"] == "250"]
            await packets.aclose()
        return asked

    assert await store.clock.run(first_packet()) == [None, "251"]


async def test_closing_the_reader_cancels_the_request_in_flight(store: FakeStore) -> None:
    cancelled = []

    async def hang(count: int, _: httpx.Request) -> None:
        if count == 2:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.append(count)
                raise

    store.disturb = hang

    async def first_packet() -> None:
        async with store.connection() as connection:
            packets = connection.read(request())
            await anext(packets)
            for _ in range(20):
                await asyncio.sleep(0)
            await packets.aclose()

    await store.clock.run(first_packet())
    assert cancelled == [2]

    store.disturb = None
    assert len(ids(await store.clock.run(read(store.connection(), request())))) == 1000


async def test_cancelling_the_task_cancels_the_request_in_flight(store: FakeStore) -> None:
    started, cancelled = asyncio.Event(), []

    async def hang(_: int, __: httpx.Request) -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    store.disturb = hang
    task = asyncio.ensure_future(read(store.connection(), request()))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert cancelled == [True]


async def test_a_store_that_stumbles_is_asked_for_less_and_everything_arrives(store: FakeStore) -> None:
    def stumble(count: int, _: httpx.Request) -> httpx.Response | None:
        if count == 2:
            raise httpx.ReadError("reset")
        return httpx.Response(500) if count == 3 else None

    store.disturb = stumble
    packets = await store.clock.run(read(store.connection(), request()))

    assert sorted(set(ids(packets))) == list(range(1, 1001))
    limits = [int(params["limit"]) for _, _, params in store.requests]
    assert limits[:6] == [250, 250, 125, 62, 124, 248]


async def test_a_lasting_outage_rises_and_reading_goes_on_where_it_stopped(store: FakeStore) -> None:
    store.disturb = lambda count, _: httpx.Response(500) if count > 2 else None
    seen: list[Packet] = []

    async def broken() -> None:
        async with store.connection() as connection:
            async for packet in connection.read(request()):
                seen.append(packet)  # noqa: PERF401 - what came before the failure is kept

    with pytest.raises(TransientError) as caught:
        await store.clock.run(broken())
    assert caught.value.code == "server-error"

    store.disturb = None
    rest = await store.clock.run(read(store.connection(), request(position=seen[-1].position)))
    assert ids([*seen, *rest]) == list(range(1, 1001))


async def test_clauses_and_headers_are_sent_as_given(store: FakeStore) -> None:
    clauses = [
        SentClause("min_date_created", "=", "2026-01-31T09:15:00+01:00"),
        SentClause("status_id", "=", "11"),
        SentClause("include", "=", "fees"),
        SentClause("X-Trace", "=", "42", FilterPlace.HEADER),
    ]

    await store.clock.run(read(store.connection(), request(*clauses)))

    _, _, params = store.requests[0]
    assert params["min_date_created"] == "2026-01-31T09:15:00+01:00"
    assert params["status_id"] == "11"
    assert params["include"] == "consignments.line_items,fees"
    assert store.seen[0].headers["X-Trace"] == "42"
    assert b"min_date_created=2026-01-31T09:15:00%2B01:00" in store.seen[0].url.query


async def test_the_operators_bounds_hold_in_every_pass(store: FakeStore) -> None:
    clauses = [SentClause("min_id", "=", "300"), SentClause("min_date_modified", "=", "2026-11-24T08:00:00Z")]

    packets = await store.clock.run(read(store.connection(), request(*clauses)))

    assert ids(packets) == list(range(300, 1001))
    assert store.requests[-1][2]["min_id"] == "300"
    assert store.requests[-1][2]["min_date_modified"] == "2026-11-24T09:59:58Z"


async def test_an_unknown_filter_is_refused_before_anything_is_sent(store: FakeStore) -> None:
    with pytest.raises(ConfigurationError) as caught:
        await store.clock.run(read(store.connection(), request(SentClause("date_created:min", "=", "x"))))

    assert caught.value.field == "date_created:min"
    assert "min_date_created" in caught.value.remedy
    assert store.requests == []


async def test_an_unknown_action_is_refused(store: FakeStore) -> None:
    with pytest.raises(ConfigurationError) as caught:
        await store.clock.run(read(store.connection(), request(schema="shipments")))

    assert caught.value.code == "unknown-action"


async def test_a_filter_that_the_store_refuses_is_named(store: FakeStore) -> None:
    store.disturb = lambda _, __: httpx.Response(
        400, json=[{"status": 400, "message": "The field 'min_id' is not supported by this resource."}]
    )

    with pytest.raises(ConfigurationError) as caught:
        await store.clock.run(read(store.connection(), request()))

    assert caught.value.field == "min_id"


async def test_a_legacy_account_reads_orders_and_customers_by_id(store: FakeStore) -> None:
    for number in range(1, 301):
        store.add_customer(number)
    store.clock.now += 60.0

    orders = await store.clock.run(read(store.connection(LEGACY_PATH), request()))
    customers = await store.clock.run(read(store.connection(LEGACY_PATH), request(schema="customers")))

    assert ids(orders) == list(range(1, 1001))
    assert ids(customers) == list(range(1, 301))
    assert "sort" not in store.requests[-1][2]
    assert all("x-auth-token" not in sent.headers for sent in store.seen)
