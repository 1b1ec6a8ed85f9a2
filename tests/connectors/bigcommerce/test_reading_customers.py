"""Reading customers: by cursor, by page number, and all addresses of each."""

from __future__ import annotations

import json
from collections.abc import Sequence

import httpx
import pytest

from agent.connectors.bigcommerce.connector import BigCommerceConnection
from agent.connectors.contract import ReadRequest, SentClause
from agent.domain.errors import ConfigurationError, CredentialsError
from agent.domain.packet import Packet, Position
from tests.helpers.fake_store import LEGACY_PATH, FakeStore, invalid


def request(*clauses: SentClause, position: Position | None = None, packet_records: int = 250) -> ReadRequest:
    return ReadRequest("customers", "GET", clauses, {}, None, position, packet_records)


async def read(connection: BigCommerceConnection, wanted: ReadRequest) -> list[Packet]:
    async with connection:
        return [packet async for packet in connection.read(wanted)]


def ids(packets: Sequence[Packet]) -> list[int]:
    return [int(one) for packet in packets for one in packet.source_ids]


def filled(*, cursors: bool = True) -> FakeStore:
    store = FakeStore(cursors=cursors)
    for number in range(1, 601):
        store.add_customer(number, addresses=number % 4)
    store.clock.now = 3600.0
    return store


@pytest.mark.parametrize("cursors", [True, False])
async def test_all_customers_come_with_their_addresses(cursors: bool) -> None:
    store = filled(cursors=cursors)

    packets = await store.clock.run(read(store.connection(), request()))

    assert ids(packets) == list(range(1, 601))
    assert len(json.loads(packets[0].documents[2])["addresses"]) == 3
    # Three pages and the closing pass.
    assert store.paths() == ["/v3/customers"] * 4
    assert ["after" in params for _, _, params in store.requests] == [False, cursors, cursors, False]
    assert ["page" in params for _, _, params in store.requests] == [False, not cursors, not cursors, False]
    assert all(params["include"] == "addresses" and "sort" not in params for _, _, params in store.requests)
    assert store.requests[-1][2]["date_modified:min"] == "2026-11-24T09:59:58Z"


async def test_a_hundred_changed_cost_one_request() -> None:
    store = filled()
    for number in range(1, 101):
        store.touch_customer(number)

    since = SentClause("date_modified:min", "=", "2026-11-24T09:30:00Z")
    packets = await store.clock.run(read(store.connection(), request(since)))

    assert ids(packets) == list(range(1, 101))
    assert len(store.requests) == 1
    assert b"date_modified:min=2026-11-24T09:30:00Z" in store.seen[0].url.query


@pytest.mark.parametrize("cursors", [True, False])
async def test_reading_goes_on_from_every_position(cursors: bool) -> None:
    store = filled(cursors=cursors)
    packets = await store.clock.run(read(store.connection(), request()))

    for count, packet in enumerate(packets, 1):
        position = json.loads(json.dumps(dict(packet.position)))
        again = await store.clock.run(read(store.connection(), request(position=position)))
        assert set(ids([*packets[:count], *again])) == set(store.customers)
        assert again[-1].bookmark is not None


async def test_customers_edited_between_pages_come_again() -> None:
    store = filled()

    def edit(count: int, _: httpx.Request) -> None:
        store.clock.now += 1.0
        if count == 2:
            store.touch_customer(3, email="new@example.com")
            store.add_customer(601)

    store.disturb = edit
    packets = await store.clock.run(read(store.connection(), request()))

    latest = {key: one for packet in packets for key, one in zip(packet.source_ids, packet.documents, strict=True)}
    assert set(map(int, latest)) == set(store.customers)
    assert json.loads(latest["3"])["email"] == "new@example.com"


async def test_customers_deleted_between_numbered_pages_hide_nobody() -> None:
    store = filled(cursors=False)

    def remove(count: int, _: httpx.Request) -> None:
        if count == 2:
            for number in range(1, 11):
                del store.customers[number]

    store.disturb = remove
    packets = await store.clock.run(read(store.connection(), request()))

    assert set(ids(packets)) >= set(store.customers)


async def test_more_than_ten_addresses_are_fetched_in_bulk() -> None:
    store = FakeStore()
    for number in range(1, 101):
        store.add_customer(number, addresses=12 if number <= 50 else 3)
    store.add_customer(101, addresses=300)

    packets = await store.clock.run(read(store.connection(), request()))

    for key, document in zip(packets[0].source_ids, packets[0].documents, strict=True):
        assert json.loads(document)["addresses"] == store.addresses[int(key)]
    # Forty customers with 480 addresses, then eleven with 420: two pages each.
    assert store.paths() == ["/v3/customers"] + ["/v3/customers/addresses"] * 4


async def test_further_includes_may_be_asked_for() -> None:
    store = filled()

    await store.clock.run(read(store.connection(), request(SentClause("include", "=", "formfields"))))

    assert store.requests[0][2]["include"] == "addresses,formfields"


async def test_the_other_generations_filter_is_refused_with_the_right_name() -> None:
    store = filled()

    with pytest.raises(ConfigurationError) as caught:
        await store.clock.run(read(store.connection(), request(SentClause("min_date_created", "=", "x"))))

    assert caught.value.field == "min_date_created"
    assert caught.value.remedy == "Its name is date_created:min here."
    assert store.requests == []


async def test_a_value_that_the_store_refuses_is_told() -> None:
    store = filled()
    store.disturb = lambda _, __: invalid("The filter(s): name:like are not valid filter parameter(s).")

    with pytest.raises(ConfigurationError) as caught:
        await store.clock.run(read(store.connection(), request(SentClause("name:like", "=", "x"))))

    assert (caught.value.code, caught.value.field) == ("filter-refused", "name:like")
    store.disturb = None
    assert len(ids(await store.clock.run(read(store.connection(), request())))) == 600


async def test_a_customer_with_many_attributes_comes_with_all_of_them() -> None:
    store = FakeStore()
    for number, count in ((1, 3), (2, 14), (3, 300)):
        store.add_customer(number)
        store.attributes[number] = [
            {"id": number * 1000 + index, "customer_id": number, "attribute_value": "x"} for index in range(count)
        ]
        store.customers[number]["attribute_count"] = count

    packets = await store.clock.run(read(store.connection(), request(SentClause("include", "=", "attributes"))))

    documents = [json.loads(one) for packet in packets for one in packet.documents]
    assert [len(one["attributes"]) for one in documents] == [3, 14, 300]
    assert store.paths().count("/v3/customers/attribute-values") == 2


async def test_addresses_of_a_legacy_account_come_customer_by_customer() -> None:
    store = filled()

    def addresses(_: int, sent: httpx.Request) -> httpx.Response | None:
        number, word = sent.url.path.split("/")[-2:]
        if word != "addresses":
            return None
        if number == "9":
            return httpx.Response(404, json={"errors": [{"status": 404, "message": "gone"}]})
        made = [{"id": int(number) * 10 + place, "customer_id": int(number)} for place in range(int(number) % 4)]
        return httpx.Response(200, json=made) if made else httpx.Response(204)

    store.disturb = addresses
    wanted = ReadRequest("customer_addresses", "GET", [SentClause("max_id", "=", "12")], {}, None, None, 250)
    packets = await store.clock.run(read(store.connection(LEGACY_PATH), wanted))

    wanted_ids = [number * 10 + place for number in range(1, 13) if number != 9 for place in range(number % 4)]
    assert ids(packets) == wanted_ids
    assert packets[-1].bookmark is not None


async def test_what_goes_wrong_with_addresses_of_a_legacy_account_is_told_as_it_is() -> None:
    store = filled()
    store.disturb = lambda _, sent: httpx.Response(401) if sent.url.path.endswith("/addresses") else None
    wanted = ReadRequest("customer_addresses", "GET", [SentClause("max_id", "=", "5")], {}, None, None, 250)
    with pytest.raises(CredentialsError):
        await store.clock.run(read(store.connection(LEGACY_PATH), wanted))
