"""Writing records of a store: each gets its own answer, whatever the store says of all of them; none is made twice."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack

import httpx
import pytest

from agent.connectors.bigcommerce.connector import BigCommerceConnection, BigCommerceConnector, Surroundings
from agent.connectors.contract import LookUp, ReadRequest, WriteTarget
from agent.domain.app import Attribute, DataType
from agent.domain.error_classes import ErrorClass
from agent.domain.errors import AmbiguousWriteError, ConfigurationError
from agent.domain.packet import Batch, Value, WriteReport
from agent.domain.secret import Secret
from agent.http.retry import RetryPolicy
from agent.sandbox import Fault, FaultKind, RunningSandbox, SandboxOptions, running_sandbox

CUP: dict[str, Value] = {"name": "Cup", "sku": "CUP", "type": "physical", "weight": 1, "price": "2"}
QUICK = RetryPolicy(first_wait_seconds=0.01)
Records = Sequence[Mapping[str, Value]]


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with ExitStack() as stack:
        yield stack.enter_context(
            running_sandbox(SandboxOptions(orders=200, customers=200, products=100, quota=None, token="t0ken"))
        )


async def no_time(_: float) -> None:
    await asyncio.sleep(0)


def connection(sandbox: RunningSandbox, *, legacy: bool = False, read_seconds: float = 30.0) -> BigCommerceConnection:
    connector = BigCommerceConnector(Surroundings(policy=QUICK, sleep=no_time, read_seconds=read_seconds))
    path = sandbox.legacy_api_path if legacy else sandbox.api_path
    prepared = connector.prepare(
        {"api_path": path, "username": sandbox.options.username}, {"api_token": Secret("t0ken")}
    )
    return connector.open(prepared.values, prepared.secrets)


def batch(records: Records) -> Batch:
    names = list(dict.fromkeys(name for record in records for name in record))
    rows = [tuple(record.get(name) for name in names) for record in records]
    return Batch(tuple(Attribute(name) for name in names), [str(row) for row in range(len(rows))], rows)


async def write(
    sandbox: RunningSandbox, schema: str, action: str, records: Records, *, legacy: bool = False, **options: str
) -> WriteReport:
    async with connection(sandbox, legacy=legacy) as one:
        return await one.write(WriteTarget(schema, action, options, "ledger"), batch(records), lambda _: b"")


async def look_up(sandbox: RunningSandbox, schema: str, action: str, records: Records) -> LookUp:
    async with connection(sandbox) as one:
        return await one.look_up(WriteTarget(schema, action, {}, "ledger"), batch(records))


async def read(sandbox: RunningSandbox, schema: str) -> dict[str, dict[str, object]]:
    async with connection(sandbox) as one:
        request = ReadRequest(schema, "GET", (), {}, None, None, 500)
        packets = [packet async for packet in one.read(request)]
    documents = [json.loads(document) for packet in packets for document in packet.documents]
    return {str(document["id"]): document for document in documents}


def people(count: int, **more: Value) -> list[dict[str, Value]]:
    return [
        {"email": f"p{number}@new.example", "first_name": "P", "last_name": str(number), **more}
        for number in range(count)
    ]


def requests(sandbox: RunningSandbox, method_and_path: str) -> int:
    counted: dict[str, int] = sandbox.store.stats()["by_route"]
    return counted.get(method_and_path, 0)


def hang_after(method: str, path: str) -> Fault:
    return Fault(FaultKind.HANG_AFTER, path=path, method=method, count=1)


async def test_customers_go_ten_to_a_request(sandbox: RunningSandbox) -> None:
    report = await write(sandbox, "customers", "POST", people(25))

    assert report.failures == {}
    assert len(set(report.destination_ids)) == 25
    assert requests(sandbox, "POST /v3/customers") == 3
    made = await read(sandbox, "customers")
    assert made[report.destination_ids[7]]["email"] == "p7@new.example"


async def test_one_bad_customer_fails_alone(sandbox: RunningSandbox) -> None:
    records = people(10)
    records[4]["email"] = "no address"
    records[6]["first_name"] = ""

    report = await write(sandbox, "customers", "POST", records)

    assert set(report.failures) == {4, 6}
    assert report.failures[4].field == "email"
    assert "valid email address" in report.failures[4].message
    assert (report.failures[6].field, report.failures[6].error_class) == ("first_name", ErrorClass.DATA_MISSING)
    assert len(await read(sandbox, "customers")) == 208


async def test_customers_that_are_there_are_told_and_not_made_again(sandbox: RunningSandbox) -> None:
    first = await write(sandbox, "customers", "POST", people(3))

    report = await write(sandbox, "customers", "POST", people(5))

    assert {row: error.code for row, error in report.failures.items()} == dict.fromkeys(range(3), "exists-already")
    assert first.destination_ids[0] in report.failures[0].message
    assert "PUT" in report.failures[0].remedy
    assert len(await read(sandbox, "customers")) == 205


async def test_a_duplicate_that_the_store_does_not_name_is_found_by_halves(sandbox: RunningSandbox) -> None:
    records = people(10)
    records[9]["email"] = records[2]["email"]

    report = await write(sandbox, "customers", "POST", records)

    assert list(report.failures) == [9]
    assert report.failures[9].error_class is ErrorClass.DUPLICATE
    assert len(await read(sandbox, "customers")) == 209


async def test_customers_are_changed_by_their_email(sandbox: RunningSandbox) -> None:
    made = await write(sandbox, "customers", "POST", people(2))
    changes: Records = [
        {"email": "P1@new.example", "notes": "Calls often"}, {"email": "nobody@new.example", "notes": "x"}
    ]  # fmt: skip

    report = await write(sandbox, "customers", "PUT", changes)

    assert report.destination_ids == [made.destination_ids[1], ""]
    assert report.failures[1].code == "not-there"
    assert (await read(sandbox, "customers"))[made.destination_ids[1]]["notes"] == "Calls often"


@pytest.mark.parametrize(
    ("schema", "path", "records"),
    [
        ("customers", "/v3/customers", people(3)),
        ("customer_groups", "/v2/customer_groups", [{"name": "Trade"}]),
        ("products", "/v3/catalog/products", [CUP]),
        ("shipments", "/v2/orders/8/shipments", [{"order_id": 8, "tracking_number": "T-1"}]),
        ("webhooks", "/v3/hooks", [{"scope": "store/order/created", "destination": "https://a.example/x"}]),
    ],
)  # fmt: skip
async def test_what_was_made_without_an_answer_is_found_and_not_made_again(
    schema: str, path: str, records: list[dict[str, Value]], sandbox: RunningSandbox
) -> None:
    assert (await look_up(sandbox, schema, "POST", records)).written == {}
    sandbox.store.add_fault(hang_after("POST", path))
    async with connection(sandbox, read_seconds=0.3) as one:
        with pytest.raises(AmbiguousWriteError):
            await one.write(WriteTarget(schema, "POST", {}, "ledger"), batch(records), lambda _: b"")

    found = await look_up(sandbox, schema, "POST", records)

    assert list(found.written) == list(range(len(records)))
    assert all(found.written.values())


async def test_what_was_refused_as_it_is_there_is_not_taken_for_made(sandbox: RunningSandbox) -> None:
    """A product of that SKU was there before: the look-up after a lost answer must not swallow the refusal."""
    await write(sandbox, "products", "POST", [CUP])
    assert list((await look_up(sandbox, "products", "POST", [CUP])).written) == [0]
    assert (await look_up(sandbox, "products", "POST", [{**CUP, "price": "99.50"}])).written == {}


async def test_a_change_without_an_answer_is_compared(sandbox: RunningSandbox) -> None:
    changes: Records = [{"id": 3, "price": "19.95", "name": "New name"}, {"id": 4, "price": "7"}]
    assert (await look_up(sandbox, "products", "PUT", changes)).written == {}

    await write(sandbox, "products", "PUT", changes[:1])

    assert (await look_up(sandbox, "products", "PUT", changes)).written == {0: "3"}


async def test_products_are_changed_ten_at_a_time_and_the_bad_one_fails_alone(sandbox: RunningSandbox) -> None:
    changes: list[dict[str, Value]] = [
        {"sku": f"SKU-{number:06}", "price": "12.34"} for number in (1, 2, 3, 4, 6, 7, 8, 9, 11, 12, 13)
    ]
    changes[5]["price"] = "-1"
    changes.append({"sku": "NOBODY", "price": "1"})

    report = await write(sandbox, "products", "PUT", changes)

    assert {row: error.code for row, error in report.failures.items()} == {5: "record-refused", 11: "not-there"}
    assert report.failures[5].field == "price"
    products = await read(sandbox, "products")
    assert products["1"]["price"] == 12.34
    assert products["7"]["price"] != 12.34


async def test_price_and_stock_are_set_together(sandbox: RunningSandbox) -> None:
    changes: Records = [
        {"sku": "SKU-000001", "price": "5.50", "inventory_level": 17},
        {"sku": "P-000005", "price": "6.50", "inventory_level": 3},
        {"sku": "SKU-000002", "price": "7.50", "inventory_level": None},
    ]
    before = sandbox.store.stock("SKU-000002")

    report = await write(sandbox, "products", "PUT", changes)

    assert report.destination_ids == ["1", "", "2"]
    assert "tracked by variant" in report.failures[1].message
    assert (sandbox.store.stock("SKU-000001"), sandbox.store.stock("SKU-000002")) == (17, before)


async def test_variants_get_price_and_stock(sandbox: RunningSandbox) -> None:
    report = await write(
        sandbox, "variants", "PUT", [{"id": 51, "price": "9.99", "inventory_level": 12}, {"id": 59, "price": "1"}]
    )

    assert report.destination_ids == ["51", ""]
    assert report.failures[1].code == "not-there"
    assert (await read(sandbox, "variants"))["51"]["price"] == 9.99
    assert sandbox.store.stock("SKU-000005") == 12


async def test_stock_goes_to_the_location_that_the_record_names(sandbox: RunningSandbox) -> None:
    levels: Records = [
        {"sku": "SKU-000001", "location_id": 1, "inventory_level": 5},
        {"sku": "SKU-000002", "location_id": 9, "inventory_level": 6},
        {"sku": "SKU-000003", "location_id": None, "inventory_level": 7},
    ]

    report = await write(sandbox, "inventory", "PUT", levels)

    assert list(report.failures) == [1]
    assert "9" in report.failures[1].message
    assert [sandbox.store.stock(f"SKU-00000{number}") for number in (1, 3)] == [5, 7]


async def test_a_shipment_takes_what_is_left_of_the_order(sandbox: RunningSandbox) -> None:
    first = await write(sandbox, "shipments", "POST", [{"order_id": 1, "tracking_number": "T-1"}])
    second = await write(sandbox, "shipments", "POST", [{"order_id": 1, "tracking_number": "T-2"}])
    nothing = await write(sandbox, "shipments", "POST", [{"order_id": 2, "comments": "x"}, {"order_id": 999}])

    assert first.failures == {}
    assert second.failures[0].code == "nothing-to-ship"
    assert {row: error.code for row, error in nothing.failures.items()} == {0: "value-missing", 1: "value-missing"}
    assert (await read(sandbox, "orders"))["1"]["status_id"] == 2


async def test_the_items_of_a_shipment_may_be_named_by_sku(sandbox: RunningSandbox) -> None:
    async with connection(sandbox) as one:
        request = ReadRequest("orders", "GET", (), {}, None, None, 500)
        orders = [json.loads(text) async for packet in one.read(request) for text in packet.documents]
    order = next(
        order for order in orders
        if len(order["consignments"]["shipping"]) == 1 and order["consignments"]["shipping"][0]["line_items"][0]["sku"]
    )  # fmt: skip
    line = order["consignments"]["shipping"][0]["line_items"][0]
    members = (Attribute("sku"), Attribute("quantity"))
    attributes = (Attribute("order_id"), Attribute("items", DataType.COLLECTION, members=members))
    rows: list[tuple[Value, ...]] = [(order["id"], [(line["sku"], 1)]), (order["id"], [("NOBODY", 1)])]

    async with connection(sandbox) as one:
        target = WriteTarget("shipments", "POST", {}, "ledger")
        report = await one.write(target, Batch(attributes, ["1", "2"], rows), lambda _: b"")

    assert report.destination_ids[0] != ""
    assert "NOBODY" in report.failures[1].message


async def test_orders_that_are_not_there_fail_alone(sandbox: RunningSandbox) -> None:
    report = await write(
        sandbox, "orders", "PUT",
        [{"id": one, "status_id": status} for one, status in ((3, 2), (999, 2), (4, 77), ("x", 2))],
    )  # fmt: skip

    assert report.destination_ids == ["3", "", "", ""]
    assert [report.failures[row].code for row in (1, 2, 3)] == ["not-there", "record-refused", "value-unfit"]


async def test_an_address_that_is_there_already_is_left(sandbox: RunningSandbox) -> None:
    address: dict[str, Value] = {
        "customer_id": 3, "first_name": "A", "last_name": "B", "address1": "1 Mill Lane", "city": "York",
        "state_or_province": "Y", "postal_code": "YO1", "country_code": "GB",
    }  # fmt: skip

    first = await write(sandbox, "customer_addresses", "POST", [address])
    second = await write(sandbox, "customer_addresses", "POST", [address, {**address, "city": "Leeds"}])

    assert first.destination_ids[0] == second.destination_ids[0] != second.destination_ids[1]
    assert second.failures == {}


async def test_what_an_action_does_not_write_is_refused_before_anything_is_sent(sandbox: RunningSandbox) -> None:
    with pytest.raises(ConfigurationError) as caught:
        await write(sandbox, "customers", "PUT", [{"id": 1, "address_count": 4}])

    assert (caught.value.code, caught.value.field) == ("attribute-not-written", "address_count")
    assert requests(sandbox, "PUT /v3/customers") == 0


async def test_a_write_without_the_permission_stops_the_run(sandbox: RunningSandbox) -> None:
    sandbox.store.set_scopes(frozenset({"store_v2_orders_read_only"}))

    with pytest.raises(ConfigurationError) as caught:
        await write(sandbox, "orders", "PUT", [{"id": 3, "status_id": 2}])

    assert caught.value.code == "not-permitted"
    assert "“Orders: modify”" in caught.value.message


async def test_legacy_accounts_write_one_by_one(sandbox: RunningSandbox) -> None:
    report = await write(sandbox, "customers", "POST", [*people(2), *people(1)], legacy=True)

    assert [bool(one) for one in report.destination_ids] == [True, True, False]
    assert report.failures[2].error_class is ErrorClass.DUPLICATE


async def test_a_product_may_be_called_product(sandbox: RunningSandbox) -> None:
    report = await write(sandbox, "product", "PUT", [{"sku": "SKU-000001", "inventory_level": 5}])

    assert report.failures == {}
    assert sandbox.store.stock("SKU-000001") == 5
    schema = BigCommerceConnector().schema("product", None)
    assert schema is not None
    assert schema.action("PUT") is not None


async def test_writes_of_several_processflows_go_to_the_store_one_after_the_other() -> None:
    inside, most, asked = 0, 0, 0

    async def answer(request: httpx.Request) -> httpx.Response:
        nonlocal inside, most, asked
        inside, asked = inside + 1, asked + 1
        most = max(most, inside)
        for _ in range(50):
            await asyncio.sleep(0)
        inside -= 1
        given = json.loads(request.content)
        number = int(request.url.path.rpartition("/")[2]) if "/v2/" in request.url.path else None
        made = {"transaction_id": "t"} if isinstance(given, dict) else {"data": given}
        return httpx.Response(200, json={"id": number} if number else made)

    connector = BigCommerceConnector(Surroundings(transport=httpx.MockTransport(answer)))
    prepared = connector.prepare({"api_path": "http://127.0.0.1:9/stores/demo1"}, {"api_token": Secret("t0ken")})

    async def flow(number: int) -> None:
        changes: list[tuple[str, dict[str, Value]]] = [
            ("orders", {"id": number, "status_id": 2}), ("products", {"id": number, "price": "3"}),
            ("inventory", {"sku": "A", "location_id": 1, "inventory_level": number}),
        ]  # fmt: skip
        async with connector.open(prepared.values, prepared.secrets) as one:
            for schema, record in changes:
                await one.write(WriteTarget(schema, "PUT", {}, "x"), batch([record]), lambda _: b"")

    await asyncio.gather(*(flow(number) for number in (1, 2, 3)))

    assert (most, asked) == (1, 9)
