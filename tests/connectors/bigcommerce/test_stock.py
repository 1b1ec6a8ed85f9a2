"""Setting stock: in as few requests as the API allows, each record with an answer of its own, and never twice."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

import httpx
import pytest

from agent.connectors.bigcommerce.connector import BigCommerceConnection
from agent.connectors.contract import LookUp, Present, WriteTarget
from agent.domain.app import Attribute, DataType
from agent.domain.errors import AmbiguousWriteError, ConfigurationError, TransientError
from agent.domain.packet import Batch, Value, WriteReport
from tests.helpers.fake_store import LEGACY_PATH, Disturbance, FakeStore, invalid, scope_missing

ABSOLUTE = "/v3/inventory/adjustments/absolute"
ITEMS = "/v3/inventory/items"
LOCATIONS = "/v3/inventory/locations"
Rows = Sequence[tuple[Value, ...]]


def target(action: str = "PUT", schema: str = "products", **options: str) -> WriteTarget:
    return WriteTarget(schema, action, options, "ledger")


def batch(rows: Rows, *names: str) -> Batch:
    attributes = tuple(Attribute(name, DataType.TEXT) for name in names or ("sku", "inventory_level"))
    return Batch(attributes, [f"r{number}" for number in range(len(rows))], rows)


async def write(connection: BigCommerceConnection, rows: Batch, to: WriteTarget | None = None) -> WriteReport:
    async with connection:
        return await connection.write(to or target(), rows, lambda _: b"")


async def look_up(connection: BigCommerceConnection, rows: Batch) -> LookUp:
    async with connection:
        return await connection.look_up(target(), rows)


@pytest.fixture
def store() -> FakeStore:
    fake = FakeStore()
    fake.stock = {f"SKU-{number:06}": 0 for number in range(1, 5_001)}
    return fake


def levels(count: int, quantity: int = 7) -> list[tuple[Value, ...]]:
    return [(f"SKU-{number:06}", quantity) for number in range(1, count + 1)]


def sizes(store: FakeStore) -> list[int]:
    """How many items each update that was sent had, carried out or not."""
    return [len(body["items"]) for body in store.bodies]


async def test_two_thousand_levels_take_one_request(store: FakeStore) -> None:
    assert store.connection().packet_records("products", "PUT") == 2_000

    report = await store.clock.run(write(store.connection(), batch(levels(2_000))))

    store.settle()
    assert set(list(store.stock.values())[:2_000]) == {7}
    assert store.paths() == [LOCATIONS, ABSOLUTE]
    assert (report.failures, report.skipped) == ({}, {})
    assert report.destination_ids == [f"SKU-{number:06}" for number in range(1, 2_001)]


async def test_more_than_the_api_takes_at_once_is_cut(store: FakeStore) -> None:
    await store.clock.run(write(store.connection(), batch(levels(4_500))))

    assert sizes(store) == [2_000, 2_000, 500]


async def test_updates_are_sent_one_after_the_other(store: FakeStore) -> None:
    under_way, most = 0, 0

    async def slow(_: int, __: httpx.Request) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await store.clock.sleep(1.0)
        under_way -= 1

    store.disturb = slow
    await store.clock.run(write(store.connection(), batch(levels(4_500))))

    assert most == 1


async def test_the_default_location_is_asked_for_once_and_a_given_one_never(store: FakeStore) -> None:
    async def twice() -> None:
        async with store.connection() as connection:
            for _ in range(2):
                await connection.write(target(), batch(levels(1)), lambda _: b"")
            await connection.write(target(location_id="3"), batch(levels(1)), lambda _: b"")

    await store.clock.run(twice())

    assert store.paths() == [LOCATIONS, ABSOLUTE, ABSOLUTE, ABSOLUTE]
    assert [body["items"][0]["location_id"] for body in store.bodies] == [1, 1, 3]


async def test_an_item_can_be_named_in_four_ways(store: FakeStore) -> None:
    accepted = {"transaction_id": "t1"}
    store.disturb = lambda _, sent: httpx.Response(200, json=accepted) if sent.url.path.endswith("absolute") else None
    rows: Rows = [
        ("A", None, None, None, 1),
        (None, 21, None, None, 2),
        (None, None, "31", None, "3"),
        (None, None, None, 41, "4.0"),
        ("", None, "", 51, 5),
    ]

    report = await store.clock.run(
        write(store.connection(), batch(rows, "sku", "variant_id", "product_id", "id", "inventory_level"))
    )

    assert report.failures == {}
    assert [
        {name: value for name, value in item.items() if name != "location_id"} for item in store.bodies[0]["items"]
    ] == [
        {"sku": "A", "quantity": 1},
        {"variant_id": 21, "quantity": 2},
        {"product_id": 31, "quantity": 3},
        {"product_id": 41, "quantity": 4},
        {"product_id": 51, "quantity": 5},
    ]


@pytest.mark.parametrize("quantity", [-1, 1.5, "1.5", "many", None, "", True, "NaN", "1e99", 2_147_483_648])
async def test_a_level_that_is_none_fails_alone_and_is_never_sent(store: FakeStore, quantity: Value) -> None:
    report = await store.clock.run(
        write(store.connection(), batch([("SKU-000001", 3), ("SKU-000002", quantity), ("SKU-000003", 4)]))
    )

    assert {row: (error.code, error.field) for row, error in report.failures.items()} == {
        1: ("quantity", "inventory_level")
    }
    assert sizes(store) == [2]
    store.settle()
    assert [store.stock[f"SKU-00000{number}"] for number in (1, 2, 3)] == [3, 0, 4]


async def test_a_record_that_names_nothing_fails_alone(store: FakeStore) -> None:
    report = await store.clock.run(write(store.connection(), batch([("SKU-000001", 3), (None, 1), ("", 1)])))

    assert [report.failures[row].code for row in (1, 2)] == ["identity", "identity"]
    assert report.destination_ids == ["SKU-000001", "", ""]


async def test_nothing_that_can_be_sent_sends_nothing(store: FakeStore) -> None:
    report = await store.clock.run(write(store.connection(), batch([(None, 1)])))

    assert len(report.failures) == 1
    assert store.requests == []


async def test_of_two_levels_for_one_item_the_later_one_is_sent(store: FakeStore) -> None:
    report = await store.clock.run(
        write(store.connection(), batch([("SKU-000001", 3), ("SKU-000002", 5), ("SKU-000001", 4)]))
    )

    assert sizes(store) == [2]
    assert list(report.skipped) == [0]
    assert "later record" in report.skipped[0]
    store.settle()
    assert (store.stock["SKU-000001"], store.stock["SKU-000002"]) == (4, 5)


@pytest.mark.parametrize("bad", [{7}, {0, 1_999}, {3, 4, 5, 900, 901}])
async def test_unknown_items_fail_alone_even_if_the_store_does_not_name_them(store: FakeStore, bad: set[int]) -> None:
    rows = [("NOBODY" + str(number), 7) if number in bad else row for number, row in enumerate(levels(2_000))]

    report = await store.clock.run(write(store.connection(), batch(rows)))

    assert set(report.failures) == bad
    assert {error.code for error in report.failures.values()} == {"stock-refused"}
    assert all(f"NOBODY{row}" in error.message and error.remedy for row, error in report.failures.items())
    store.settle()
    assert sum(store.stock.values()) == 7 * (2_000 - len(bad))
    assert len(store.requests) <= 110


async def test_hundreds_of_unknown_items_are_looked_up_instead_of_tried_one_by_one(store: FakeStore) -> None:
    rows = [(f"NOBODY{number}", 7) if number % 4 == 0 else row for number, row in enumerate(levels(2_000))]

    report = await store.clock.run(write(store.connection(), batch(rows)))

    assert set(report.failures) == set(range(0, 2_000, 4))
    store.settle()
    assert sum(store.stock.values()) == 7 * 1_500
    # Fifty refusals, some small updates that went through among them, and look-ups of forty items each.
    assert len(store.requests) <= 130


async def test_named_items_are_taken_out_at_once(store: FakeStore) -> None:
    def naming(_: int, sent: httpx.Request) -> httpx.Response | None:
        if not sent.url.path.endswith("absolute"):
            return None
        for item in json.loads(sent.content)["items"]:
            if item["sku"] not in store.stock:
                return invalid(f"[Item with sku {item['sku']} was not found]")
        return None

    store.disturb = naming
    report = await store.clock.run(write(store.connection(), batch([*levels(1_999), ("NO (SUCH) ITEM", 1)])))

    assert list(report.failures) == [1_999]
    assert "was not found" in report.failures[1_999].message
    assert sizes(store) == [2_000, 1_999, 1]


async def test_a_request_that_is_too_large_is_halved(store: FakeStore) -> None:
    store.disturb = lambda _, sent: (
        httpx.Response(413)
        if sent.url.path.endswith("absolute") and len(json.loads(sent.content)["items"]) > 600
        else None
    )

    report = await store.clock.run(write(store.connection(), batch(levels(2_000))))

    assert report.failures == {}
    assert sizes(store) == [2_000, 1_000, 500, 500, 1_000, 500, 500]


@pytest.mark.parametrize(
    ("title", "remedy"),
    [
        ("[Item with variant_id 106 is tracked by product, please update stock by product id]", "Map product_id"),
        ("[Item with product_id 106 is tracked by variant, please update stock by variant id]", "Map sku or variant"),
    ],
)
async def test_the_right_identity_is_proposed(store: FakeStore, title: str, remedy: str) -> None:
    store.disturb = lambda _, sent: invalid(title) if sent.url.path.endswith("absolute") else None

    report = await store.clock.run(write(store.connection(), batch([(106, 1)], "variant_id", "inventory_level")))

    assert remedy in report.failures[0].remedy


@pytest.mark.parametrize(("option", "asks"), [("9", False), ("", True)])
async def test_a_wrong_location_stops_the_run(store: FakeStore, option: str, asks: bool) -> None:
    store.disturb = lambda _, sent: (
        invalid("Location not found, identities: [9]") if sent.url.path.endswith("absolute") else None
    )

    with pytest.raises(ConfigurationError) as caught:
        await store.clock.run(write(store.connection(), batch(levels(2)), target(location_id=option)))

    assert (caught.value.code, caught.value.field) == ("location", "location_id")
    assert (LOCATIONS in store.paths()) is asks
    store.disturb = None
    assert (await store.clock.run(write(store.connection(), batch(levels(2))))).failures == {}


async def test_a_location_that_is_no_number_is_refused_unsent(store: FakeStore) -> None:
    with pytest.raises(ConfigurationError):
        await store.clock.run(write(store.connection(), batch(levels(1)), target(location_id="main")))

    assert store.requests == []


@pytest.mark.parametrize("answer", [scope_missing(), httpx.Response(200, json={"data": []})])
async def test_without_a_default_location_the_operator_is_told_to_set_one(
    store: FakeStore, answer: httpx.Response
) -> None:
    store.disturb = lambda _, sent: answer if sent.url.path.endswith("locations") else None

    with pytest.raises(ConfigurationError) as caught:
        await store.clock.run(write(store.connection(), batch(levels(1))))

    assert caught.value.field == "location_id"
    assert "location_id" in caught.value.remedy


async def test_a_token_that_may_not_write_stops_the_run(store: FakeStore) -> None:
    store.disturb = lambda _, sent: scope_missing() if sent.url.path.endswith("absolute") else None

    with pytest.raises(ConfigurationError) as caught:
        await store.clock.run(write(store.connection(), batch(levels(1))))

    assert (caught.value.code, caught.value.field) == ("not-permitted", "api_token")


@pytest.mark.parametrize(
    ("answer", "waited"),
    [
        (httpx.Response(429, headers={"X-Rate-Limit-Requests-Left": "0", "X-Rate-Limit-Time-Reset-Ms": "5000"}), 5.0),
        (httpx.Response(429), 1.0),
        (httpx.Response(423), 1.0),
    ],
)
async def test_an_update_that_was_refused_for_the_moment_is_repeated(
    store: FakeStore, answer: httpx.Response, waited: float
) -> None:
    store.disturb = lambda count, _: answer if count == 2 else None

    report = await store.clock.run(write(store.connection(), batch(levels(3))))

    assert report.failures == {}
    assert len(store.applied) == 1
    assert store.clock.now == pytest.approx(waited, abs=0.1)


def lost(kind: str) -> Disturbance:
    def disturb(_: int, sent: httpx.Request) -> httpx.Response | None:
        if not sent.url.path.endswith("absolute"):
            return None
        if kind == "time-out":
            raise httpx.ReadTimeout("late")
        if kind == "reset":
            raise httpx.ReadError("reset")
        return httpx.Response(502)

    return disturb


@pytest.mark.parametrize("kind", ["time-out", "reset", "bad gateway"])
async def test_an_unanswered_update_is_never_repeated_unasked(store: FakeStore, kind: str) -> None:
    store.disturb = lost(kind)

    with pytest.raises(AmbiguousWriteError):
        await store.clock.run(write(store.connection(), batch(levels(3))))

    assert store.paths().count(ABSOLUTE) == 1


@pytest.mark.parametrize("delay", [0.0, 10.0])
async def test_a_look_up_finds_what_an_unanswered_update_has_written(store: FakeStore, delay: float) -> None:
    store.application_delay = delay
    rows = batch([*levels(100), ("NOBODY", 3), ("SKU-000001", 7)])
    store.pending = [(delay, f"SKU-{number:06}", 7) for number in range(1, 101)]

    found = await store.clock.run(look_up(store.connection(), rows))

    assert set(found.written) == {*range(100), 101}
    assert found.written[5] == "SKU-000006"
    assert ABSOLUTE not in store.paths()


async def test_a_look_up_finds_what_was_written_of_an_update_in_parts(store: FakeStore) -> None:
    for number in range(1, 1_001):
        store.stock[f"SKU-{number:06}"] = 7

    found = await store.clock.run(look_up(store.connection(), batch(levels(2_000))))

    assert set(found.written) == set(range(1_000))


async def test_of_two_levels_for_one_item_at_one_place_the_later_one_is_sent_however_they_name_it(
    store: FakeStore,
) -> None:
    store.stock["sku-000002"] = 0
    rows: Rows = [("SKU-000001", None, 1), ("SKU-000002", None, 4), ("SKU-000001", "1", 2), ("sku-000002", 1, 5)]

    report = await store.clock.run(write(store.connection(), batch(rows, "sku", "location_id", "inventory_level")))

    sent = [[(item["sku"], item["quantity"]) for item in body["items"]] for body in store.bodies]
    assert sent == [[("SKU-000002", 4), ("SKU-000001", 2)], [("sku-000002", 5)]]
    assert (list(report.skipped), report.failures) == ([0], {})


async def test_an_item_that_is_not_at_its_location_fails_alone(store: FakeStore) -> None:
    def disturb(_: int, request: httpx.Request) -> httpx.Response | None:
        if request.url.path.endswith("absolute"):
            items = json.loads(request.content)["items"]
            if any(item["sku"] == "SKU-000002" for item in items):
                return invalid("Item with sku SKU-000002 at location 1 was not found")
        return None

    store.disturb = disturb

    report = await store.clock.run(write(store.connection(), batch(levels(3))))

    assert list(report.failures) == [1]
    assert store.stock["SKU-000001"] == 0
    store.settle()
    assert (store.stock["SKU-000001"], store.stock["SKU-000003"]) == (7, 7)


@pytest.mark.parametrize("title", ["Location 1 is disabled", "Location not found, identities: [1]"])
async def test_a_disabled_location_stops_the_run_whatever_the_items_are_called(store: FakeStore, title: str) -> None:
    store.disturb = lambda _, sent: invalid(title) if sent.url.path.endswith("absolute") else None

    with pytest.raises(ConfigurationError) as raised:
        await store.clock.run(write(store.connection(), batch([("1", 5), ("2", 6)])))

    assert raised.value.code == "location"


async def test_an_item_that_is_named_by_accident_is_written(store: FakeStore) -> None:
    store.stock |= {"1": 0, "tracked": 0}

    def disturb(_: int, request: httpx.Request) -> httpx.Response | None:
        if request.url.path.endswith("absolute"):
            items = json.loads(request.content)["items"]
            if any(item["sku"] == "B-7" for item in items):
                return invalid("1 item is not tracked: B-7")
        return None

    store.disturb = disturb

    report = await store.clock.run(write(store.connection(), batch([("1", 5), ("tracked", 6), ("B-7", 7)])))
    store.settle()

    assert list(report.failures) == [2]
    assert (store.stock["1"], store.stock["tracked"]) == (5, 6)


async def test_a_preview_does_not_take_the_stock_of_one_variant_for_that_of_the_product(store: FakeStore) -> None:
    held = [
        {"identity": {"sku": f"V{number}", "variant_id": number, "product_id": 5},
         "locations": [{"location_id": 1, "total_inventory_onhand": number}]}
        for number in (51, 52)
    ]  # fmt: skip
    store.disturb = lambda _, sent: httpx.Response(200, json={"data": held}) if "items" in sent.url.path else None

    async def present() -> Present:
        async with store.connection() as one:
            return await one.present(target(), batch([(5, 7)], "product_id", "inventory_level"))

    found = await store.clock.run(present())

    assert list(found.failures) == [0]
    assert "by variant" in found.failures[0].message


async def test_that_nothing_was_written_is_found_out_with_few_requests(store: FakeStore) -> None:
    found = await store.clock.run(look_up(store.connection(), batch(levels(2_000))))

    assert found.written == {}
    # Forty at a time once, then a sample for half a minute.
    assert store.paths().count(ITEMS) == 50 + 5
    assert store.clock.now == 30.0


async def test_a_look_up_of_nothing_asks_nothing(store: FakeStore) -> None:
    assert (await store.clock.run(look_up(store.connection(), batch([(None, 1)])))).written == {}
    assert store.requests == []


async def test_cancelling_drops_the_request_in_flight(store: FakeStore) -> None:
    started, cancelled = asyncio.Event(), []

    async def hang(_: int, sent: httpx.Request) -> None:
        if sent.url.path.endswith("absolute"):
            started.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.append(True)
                raise

    store.disturb = hang
    task = asyncio.ensure_future(write(store.connection(), batch(levels(3))))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert cancelled == [True]
    store.disturb = None
    assert (await store.clock.run(write(store.connection(), batch(levels(3))))).failures == {}


async def test_other_actions_do_not_exist(store: FakeStore) -> None:
    for to in (target("DELETE"), target(schema="locations")):
        with pytest.raises(ConfigurationError) as caught:
            await store.clock.run(write(store.connection(), batch(levels(1)), to))
        assert caught.value.code == "unknown-action"


# -- legacy accounts ---------------------------------------------------------------------------------------------


@pytest.fixture
def legacy() -> FakeStore:
    fake = FakeStore()
    for number in range(1, 6):
        fake.products[number] = {
            "id": number, "sku": f"P{number}", "inventory_level": 0, "inventory_tracking": "simple",
        }  # fmt: skip
    fake.products[4]["inventory_tracking"] = "none"
    fake.products[5]["inventory_tracking"] = "sku"
    fake.variants[5] = [{"id": 50 + place, "sku": f"P5-{place}", "inventory_level": 0} for place in range(1, 4)]
    return fake


async def test_a_legacy_account_sets_stock_by_sku_or_id_and_each_failure_stands_alone(legacy: FakeStore) -> None:
    connection = legacy.connection(LEGACY_PATH)
    assert connection.packet_records("products", "PUT") == 50
    rows: Rows = [("P1", None, 3), (None, 2, 4), ("NOBODY", None, 1), (None, 99, 1), ("P4", None, 1), ("P5", None, 1)]

    report = await legacy.clock.run(write(connection, batch(rows, "sku", "product_id", "inventory_level")))

    assert report.destination_ids == ["1", "2", "", "", "", ""]
    assert (legacy.products[1]["inventory_level"], legacy.products[2]["inventory_level"]) == (3, 4)
    assert sorted(report.failures) == [2, 3, 4, 5]
    assert "not tracked" in report.failures[4].message
    assert all("v3" not in path for path in legacy.paths())


async def test_a_legacy_account_sets_the_stock_of_a_variant_by_its_sku(legacy: FakeStore) -> None:
    legacy.products[5]["sku"] = "P5-2"

    report = await legacy.clock.run(write(legacy.connection(LEGACY_PATH), batch([("P5-2", 8)])))

    assert report.destination_ids == ["52"]
    assert legacy.variants[5][1]["inventory_level"] == 8


async def test_a_product_that_was_saved_without_its_stock_is_a_failure(legacy: FakeStore) -> None:
    legacy.disturb = lambda _, sent: (
        httpx.Response(207, json=[{"status": 207, "message": "The stock was not saved."}])
        if sent.method == "PUT"
        else None
    )

    report = await legacy.clock.run(write(legacy.connection(LEGACY_PATH), batch([("P1", 3)])))

    assert "The stock was not saved." in report.failures[0].message


async def test_a_legacy_account_sets_no_stock_of_a_product_that_has_another_sku(legacy: FakeStore) -> None:
    legacy.ignored = frozenset({"sku"})

    report = await legacy.clock.run(write(legacy.connection(LEGACY_PATH), batch([("NOBODY", 3)])))

    assert list(report.failures) == [0]
    assert legacy.applied == []


async def test_a_legacy_account_sets_the_stock_of_a_product_by_no_variants_sku(legacy: FakeStore) -> None:
    product = {"id": 70, "sku": "SHIRT", "inventory_level": 9, "inventory_tracking": "simple"}
    legacy.products[70] = product
    legacy.disturb = lambda _, sent: (
        httpx.Response(200, json=[product]) if sent.method == "GET" and sent.url.params.get("sku") else None
    )

    report = await legacy.clock.run(write(legacy.connection(LEGACY_PATH), batch([("SHIRT-RED", 3), ("shirt", 4)])))

    assert list(report.failures) == [0]
    assert product["inventory_level"] == 4
    assert "SHIRT-RED" in report.failures[0].message


async def test_a_legacy_account_looks_an_unanswered_update_up(legacy: FakeStore) -> None:
    def after_the_write(count: int, sent: httpx.Request) -> None:
        if sent.method == "PUT" and count == 4:
            legacy.products[2] |= json.loads(sent.content)
            raise httpx.ReadTimeout("late")

    legacy.disturb = after_the_write
    rows = batch([("P1", 3), ("P2", 4), ("P3", 5), ("NOBODY", 5)])
    with pytest.raises(AmbiguousWriteError):
        await legacy.clock.run(write(legacy.connection(LEGACY_PATH), rows))

    legacy.disturb = None
    found = await legacy.clock.run(look_up(legacy.connection(LEGACY_PATH), rows))

    assert found.written == {0: "1", 1: "2"}


async def test_a_legacy_account_that_is_out_of_requests_stops_for_later(legacy: FakeStore) -> None:
    legacy.disturb = lambda count, _: httpx.Response(509) if count == 3 else None

    with pytest.raises(TransientError) as caught:
        await legacy.clock.run(write(legacy.connection(LEGACY_PATH), batch([("P1", 3), ("P2", 4)])))

    assert caught.value.code == "quota-used-up"
    legacy.disturb = None
    assert (await legacy.clock.run(write(legacy.connection(LEGACY_PATH), batch([("P1", 3), ("P2", 4)])))).failures == {}
