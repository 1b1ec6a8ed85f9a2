"""The connector against a real HTTP server on loopback: the sandbox store, its quotas, permissions and troubles."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import socket
import traceback
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from agent.connectors.bigcommerce.connector import BigCommerceConnection, BigCommerceConnector, Surroundings
from agent.connectors.contract import CheckReport, ReadRequest, SentClause, WriteTarget
from agent.domain.app import Attribute, DataType
from agent.domain.errors import (
    AgentError,
    AmbiguousWriteError,
    ConfigurationError,
    CredentialsError,
    NotFoundError,
    TransientError,
)
from agent.domain.packet import Batch, Packet, Position
from agent.domain.secret import Secret
from agent.http.retry import RetryPolicy, Sleep
from agent.sandbox import Fault, FaultKind, RunningSandbox, SandboxOptions, running_sandbox

TOKEN = "unmistakable-5ecret-token-7f3a"
USERNAME = "op-agent"
QUICK = RetryPolicy(first_wait_seconds=0.01)
STOCK = (Attribute("sku"), Attribute("inventory_level", DataType.INTEGER))
PUT = WriteTarget("products", "PUT", {}, "ledger")
Make = Callable[..., RunningSandbox]


@pytest.fixture
def store_of() -> Iterator[Make]:
    """Makes stores of one's own, and closes them."""
    with ExitStack() as stores:

        def make(**options: object) -> RunningSandbox:
            given: dict[str, object] = {"quota": None, "token": TOKEN, "username": USERNAME, **options}
            return stores.enter_context(running_sandbox(SandboxOptions(**given)))  # type: ignore[arg-type]  # by name

        yield make


async def no_time(_: float) -> None:
    """Waits for nothing."""
    await asyncio.sleep(0)


def opened(
    sandbox: RunningSandbox,
    *,
    api_path: str | None = None,
    token: str = TOKEN,
    read_seconds: float = 30.0,
    sleep: Sleep = asyncio.sleep,
) -> BigCommerceConnection:
    """A connection of a process of its own: it knows nothing yet of the store's quota."""
    connector = BigCommerceConnector(Surroundings(policy=QUICK, read_seconds=read_seconds, sleep=sleep))
    values = {"api_path": api_path or sandbox.api_path, "username": USERNAME}
    prepared = connector.prepare(values, {"api_token": Secret(token)})
    return connector.open(prepared.values, prepared.secrets)


async def check(connection: BigCommerceConnection) -> CheckReport:
    async with connection:
        return await connection.check(lambda _: None)


def request(
    schema: str, *clauses: SentClause, position: Position | None = None, packet_records: int = 500
) -> ReadRequest:
    return ReadRequest(schema, "GET", clauses, {}, None, position, packet_records)


async def read(connection: BigCommerceConnection, wanted: ReadRequest) -> list[Packet]:
    async with connection:
        return [packet async for packet in connection.read(wanted)]


def ids(packets: Sequence[Packet]) -> list[int]:
    return [int(one) for packet in packets for one in packet.source_ids]


def levels(first: int, count: int, quantity: int) -> Batch:
    rows = [(f"SKU-{number:06}", quantity) for number in range(first, first + count)]
    return Batch(STOCK, [sku for sku, _ in rows], rows)


# -- Validate ----------------------------------------------------------------------------------------------------


async def test_validate_describes_the_store_and_what_the_token_may_do(store_of: Make) -> None:
    sandbox = store_of(orders=10, quota=150)

    report = await check(opened(sandbox))

    facts = dict(report.facts)
    assert (facts["Store"], facts["Store ID"]) == ("Sandbox Store", "demo1")
    assert facts["API quota"] == "150 requests in 30 seconds, for all its apps"
    assert {facts[name] for name in facts if name.startswith(("Read", "Write"))} == {"yes"}
    assert report.warnings == ()
    assert sandbox.store.stats()["applied_adjustments"] == 0


@dataclass(frozen=True)
class Case:
    """What is done to the store or the form, and the error that it leads to."""

    code: str
    kind: type[AgentError]
    field: str | None
    says: str
    fault: Fault | None = None
    scopes: frozenset[str] | None = None
    path: str | None = None
    token: str = TOKEN
    read_seconds: float = 30.0


CASES = {
    "wrong path": Case("not-found", NotFoundError, "api_path", "No store found", path="{origin}/stores/other1/v3"),
    "wrong token": Case(
        "credentials-rejected", CredentialsError, "api_token", "rejected the API Token", token="wrong-but-5ecret"
    ),
    "nothing permitted": Case(
        "all-refused", CredentialsError, "api_path", "refuses all requests", scopes=frozenset()
    ),
    "TLS": Case("tls", TransientError, None, "secure connection", path="https://127.0.0.1:{port}/stores/demo1/v3"),
    "rate limited": Case(
        "rate-limited", TransientError, None, "quota is used up", fault=Fault(FaultKind.RATE_LIMIT, count=2)
    ),
    "time-out": Case(
        "read-timeout", TransientError, None, "Credentials were not tested",
        fault=Fault(FaultKind.HANG_BEFORE, count=1), read_seconds=0.2,
    ),
    "maintenance": Case(
        "unavailable", TransientError, None, "maintenance", fault=Fault(FaultKind.STATUS, status=503, count=1)
    ),
    "server": Case(
        "server-error", TransientError, None, "not tested", fault=Fault(FaultKind.STATUS, status=502, count=1)
    ),
    "not JSON": Case(
        "not-the-api", ConfigurationError, "api_path", "got text/html", fault=Fault(FaultKind.HTML, count=1)
    ),
    "reset": Case("connection-lost", TransientError, None, "broke off", fault=Fault(FaultKind.RESET, count=1)),
    "cut short": Case("protocol", TransientError, None, "not proper HTTP", fault=Fault(FaultKind.TRUNCATE, count=1)),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
async def test_each_failure_of_validate_says_what_to_do_and_then_it_works(case: Case, store_of: Make) -> None:
    sandbox = store_of(orders=10)
    path = None if case.path is None else case.path.format(origin=sandbox.origin, port=sandbox.port)
    if case.fault is not None:
        sandbox.store.add_fault(case.fault)
    if case.scopes is not None:
        sandbox.store.set_scopes(case.scopes)

    with pytest.raises(AgentError) as caught:
        await check(opened(sandbox, api_path=path, token=case.token, read_seconds=case.read_seconds, sleep=no_time))

    error = caught.value
    assert (error.code, type(error), error.field) == (case.code, case.kind, case.field)
    assert case.says in error.message
    assert error.remedy
    assert case.token not in f"{error!r}{error}{error.detail}"

    sandbox.store.set_scopes(sandbox.options.scopes)
    assert ("Store", "Sandbox Store") in (await check(opened(sandbox))).facts


async def test_nobody_listens_and_then_somebody_does(store_of: Make) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        sandbox = store_of(orders=10)
        with pytest.raises(TransientError) as caught:
            await check(opened(sandbox, api_path=f"http://127.0.0.1:{port}/stores/demo1"))

    assert caught.value.code == "connection-refused"
    assert "127.0.0.1" in caught.value.message
    assert (await check(opened(sandbox))).facts


@pytest.mark.parametrize(
    ("lacking", "label", "permission"),
    [
        ("store_v2_orders", "Read orders", "Orders: read-only"),
        ("store_v2_customers", "Read customers", "Customers: read-only"),
        ("store_v2_products", "Read products", "Products: read-only"),
        ("store_locations", "Read stock locations", "Store Locations: read-only"),
        ("store_inventory", "Write stock", "Store Inventory: modify"),
    ],
)
async def test_a_missing_permission_is_named_and_gone_once_it_is_given(
    lacking: str, label: str, permission: str, store_of: Make
) -> None:
    sandbox = store_of(orders=10)
    sandbox.store.set_scopes(sandbox.options.scopes - {lacking})

    report = await check(opened(sandbox))
    assert dict(report.facts)[label] == "no"
    assert any(permission in warning for warning in report.warnings)

    sandbox.store.set_scopes(sandbox.options.scopes)
    assert (await check(opened(sandbox))).warnings == ()


async def test_a_token_that_may_only_read_stock_is_told_apart_from_one_that_may_write_it(store_of: Make) -> None:
    sandbox = store_of(orders=10)
    sandbox.store.set_scopes(sandbox.options.scopes - {"store_inventory"} | {"store_inventory_read_only"})

    facts = dict((await check(opened(sandbox))).facts)

    assert (facts["Read stock"], facts["Write stock"]) == ("yes", "no")


async def test_what_people_paste_opens_the_store(store_of: Make) -> None:
    sandbox = store_of(orders=10)
    for pasted in ("{o}/stores/demo1", "{o}/stores/demo1/v2", " {o}/stores/demo1/v3/ ", '"{o}/stores/store-demo1/v3"'):
        report = await check(opened(sandbox, api_path=pasted.format(o=sandbox.origin), token=f" {TOKEN}\n"))
        assert ("Store ID", "demo1") in report.facts


async def test_a_legacy_account_is_validated(store_of: Make) -> None:
    sandbox = store_of(orders=10)

    report = await check(opened(sandbox, api_path=sandbox.legacy_api_path))
    assert dict(report.facts)["Read orders"] == "yes"

    with pytest.raises(ConfigurationError) as caught:
        await check(opened(sandbox, api_path=sandbox.legacy_api_path, token="wrong-but-5ecret"))
    assert (caught.value.code, caught.value.field) == ("credentials-rejected", "username")


async def test_cancelling_validate_drops_the_request_in_flight(store_of: Make) -> None:
    sandbox = store_of(orders=10)
    sandbox.store.add_fault(Fault(FaultKind.HANG_BEFORE, count=1))
    task = asyncio.ensure_future(check(opened(sandbox)))
    await until(lambda: sandbox.store.stats()["faults_struck"] == 1)

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: sandbox.store.stats()["given_up"] == 1)
    assert (await check(opened(sandbox))).facts


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that another thread does."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - the sandbox runs in a thread and sets no event
            await asyncio.sleep(0.001)


# -- reading -----------------------------------------------------------------------------------------------------


def reads_with_lines(sandbox: RunningSandbox) -> int:
    routes: dict[str, int] = sandbox.store.stats()["by_route"]
    return routes.get("GET /v2/orders/{id}/products", 0)


async def test_orders_come_with_all_lines_in_one_request_for_250_and_one_for_each_long_one(store_of: Make) -> None:
    sandbox = store_of(orders=5_000, long_order_every=1_000)

    packets = await read(opened(sandbox), request("orders"))

    assert ids(packets) == list(range(1, 5_001))
    stats = sandbox.store.stats()
    # Twenty pages, the empty one, the closing pass, the highest id, and the products of five orders.
    assert stats["requests"] == 28
    assert stats["by_route"] == {"GET /v2/orders": 23, "GET /v2/orders/{id}/products": 5}
    for packet in packets:
        for document in packet.documents:
            order = json.loads(document)
            parts = [*order["consignments"]["shipping"], *order["consignments"]["downloads"]]
            lines = [line for part in parts for line in part["line_items"]]
            assert order["items_total"] == sum(line["quantity"] for line in lines)
            assert len(lines) == 64 or order["id"] % 1_000
            assert order["order_is_digital"] or order["consignments"]["shipping"][0]["street_1"]


async def test_orders_that_change_while_they_are_read_are_all_there_in_their_latest_state(store_of: Make) -> None:
    sandbox = store_of(orders=8_000)
    edited: dict[int, int] = {}
    stop = asyncio.Event()

    async def edit() -> None:
        """Somebody works on the oldest orders, and shoppers order, all the time."""
        number = 0
        while not stop.is_set():
            number += 1
            status_id = 2 + number % 9
            await asyncio.to_thread(sandbox.store.edit_order, number, status_id=status_id)
            edited[number] = status_id
            if number % 7 == 0:
                edited[await asyncio.to_thread(sandbox.store.add_order, status_id=7)] = 7
            await asyncio.sleep(0)

    latest: dict[int, bytes] = {}
    bookmark = None
    editor = asyncio.ensure_future(edit())
    async with opened(sandbox) as connection:
        async for packet in connection.read(request("orders", packet_records=250)):
            latest.update(zip(map(int, packet.source_ids), packet.documents, strict=True))
            bookmark = packet.bookmark
            # Let the editor work between packets, too.
            await asyncio.sleep(0)
    stop.set()
    await editor
    assert bookmark is not None
    assert bookmark.moment is not None
    assert len(edited) > 20

    since = SentClause("min_date_modified", "=", bookmark.moment.strftime("%Y-%m-%dT%H:%M:%SZ"))
    for packet in await read(opened(sandbox), request("orders", since)):
        latest.update(zip(map(int, packet.source_ids), packet.documents, strict=True))

    assert set(latest) == set(range(1, 8_001)) | set(edited)
    assert {number: json.loads(latest[number])["status_id"] for number in edited} == edited


async def test_only_what_changed_is_read_the_next_time_in_one_request(store_of: Make) -> None:
    sandbox = store_of(orders=2_000)
    (*_, last) = await read(opened(sandbox), request("orders"))
    assert last.bookmark is not None
    assert last.bookmark.moment is not None
    since = SentClause("min_date_modified", "=", last.bookmark.moment.strftime("%Y-%m-%dT%H:%M:%SZ"))
    sandbox.store.reset_stats()

    assert ids(await read(opened(sandbox), request("orders", since))) == []
    sandbox.store.touch_orders(100, first_id=700)
    assert ids(await read(opened(sandbox), request("orders", since))) == list(range(700, 800))

    assert sandbox.store.stats()["requests"] == 2


async def test_customers_come_with_all_their_addresses(store_of: Make) -> None:
    sandbox = store_of(orders=10, customers=620)

    packets = await read(opened(sandbox), request("customers"))

    assert ids(packets) == list(range(1, 621))
    for packet in packets:
        for document in packet.documents:
            customer = json.loads(document)
            assert len(customer["addresses"]) == customer["address_count"]
    # Three pages, the closing pass, and the addresses of those who have more than ten: five, five and two of them.
    assert sandbox.store.stats()["by_route"] == {"GET /v3/customers": 4, "GET /v3/customers/addresses": 3}


async def test_a_legacy_account_reads_orders_and_customers(store_of: Make) -> None:
    sandbox = store_of(orders=1_300, customers=300, long_order_every=500)

    orders = await read(opened(sandbox, api_path=sandbox.legacy_api_path), request("orders"))
    customers = await read(opened(sandbox, api_path=sandbox.legacy_api_path), request("customers"))

    assert ids(orders) == list(range(1, 1_301))
    assert ids(customers) == list(range(1, 301))
    assert reads_with_lines(sandbox) == 2


@pytest.mark.parametrize(
    "clause",
    [
        SentClause("status_id", "=", "11"),
        SentClause("min_total", "=", "150"),
        SentClause("customer_id", "=", "7"),
        SentClause("max_date_created", "=", "2024-01-01T12:00:00Z"),
        SentClause("id", ">=", "900"),
        SentClause("email", "=", "nobody@shopper.example"),
        SentClause("include", "=", "fees"),
    ],
    ids=lambda clause: clause.key,
)
async def test_the_store_takes_every_filter_as_it_is_sent(clause: SentClause, store_of: Make) -> None:
    sandbox = store_of(orders=1_000)

    await read(opened(sandbox), request("orders", clause))

    assert set(sandbox.store.stats()["by_status"]) <= {"200", "204"}


async def test_a_filter_of_the_other_generation_is_refused_unsent_with_the_right_name(store_of: Make) -> None:
    sandbox = store_of(orders=10)

    for schema, key, name in (
        ("customers", "min_date_created", "date_created:min"),
        ("orders", "date_created:min", "min_date_created"),
    ):
        with pytest.raises(ConfigurationError) as caught:
            await read(opened(sandbox), request(schema, SentClause(key, "=", "2026-01-01T00:00:00Z")))
        assert (caught.value.field, caught.value.remedy) == (key, f"Its name is {name} here.")
    assert sandbox.store.stats()["requests"] == 0


@pytest.mark.parametrize(
    "kind", [FaultKind.RESET, FaultKind.TRUNCATE, FaultKind.STATUS, FaultKind.DROP_AFTER, FaultKind.RATE_LIMIT]
)
async def test_troubles_on_the_way_cost_time_and_no_order(kind: FaultKind, store_of: Make) -> None:
    sandbox = store_of(orders=3_000)
    connection = opened(sandbox)
    seen: list[int] = []
    async with connection:
        async for packet in connection.read(request("orders", packet_records=250)):
            if not seen:
                sandbox.store.add_fault(Fault(kind, count=2))
            seen += ids([packet])

    assert sorted(set(seen)) == list(range(1, 3_001))
    assert sandbox.store.stats()["faults_struck"] == 2


async def test_the_quota_is_used_and_never_exceeded(store_of: Make) -> None:
    sandbox = store_of(orders=15_000, quota=20, window_ms=300)

    packets = await read(opened(sandbox), request("orders"))

    assert ids(packets) == list(range(1, 15_001))
    stats = sandbox.store.stats()
    assert (stats["requests"], stats["rate_limited"]) == (63, 0)


async def test_several_connections_keep_to_the_quota_together(store_of: Make) -> None:
    sandbox = store_of(orders=3_000, customers=2_000, quota=20, window_ms=300)
    connector = BigCommerceConnector(Surroundings(policy=QUICK))
    prepared = connector.prepare({"api_path": sandbox.api_path}, {"api_token": Secret(TOKEN)})

    def another() -> BigCommerceConnection:
        return connector.open(prepared.values, prepared.secrets)

    orders, customers, again = await asyncio.gather(
        read(another(), request("orders")), read(another(), request("customers")), read(another(), request("orders"))
    )

    assert ids(orders) == ids(again) == list(range(1, 3_001))
    assert ids(customers) == list(range(1, 2_001))
    assert sandbox.store.stats()["rate_limited"] == 0


async def test_an_app_that_uses_up_the_quota_is_waited_for(store_of: Make) -> None:
    sandbox = store_of(orders=1_000, quota=10, window_ms=100)
    connection = opened(sandbox)
    seen: list[int] = []
    async with connection:
        async for packet in connection.read(request("orders", packet_records=250)):
            seen += ids([packet])
            # The other app takes what is left of this window.
            while sandbox.store.quota.take()[0]:
                pass

    assert seen == list(range(1, 1_001))


# -- writing -----------------------------------------------------------------------------------------------------


async def test_two_thousand_levels_arrive_in_one_request(store_of: Make) -> None:
    sandbox = store_of(orders=10, products=2_500)
    async with opened(sandbox) as connection:
        report = await connection.write(PUT, levels(1, 2_000, 77), lambda _: b"")

    assert report.failures == {}
    stats = sandbox.store.stats()
    assert stats["by_route"] == {"GET /v3/inventory/locations": 1, "PUT /v3/inventory/adjustments/absolute": 1}
    assert stats["most_items_per_inventory_request"] == 2_000
    assert {sandbox.store.stock(f"SKU-{number:06}") for number in range(1, 2_001)} == {77}
    assert set(stats["writes"].values()) == {1}


@pytest.mark.parametrize("kind", [FaultKind.HANG_AFTER, FaultKind.DROP_AFTER, FaultKind.TRUNCATE])
async def test_an_answer_that_is_lost_after_the_write_does_not_write_twice(kind: FaultKind, store_of: Make) -> None:
    sandbox = store_of(orders=10, products=2_500)
    rows = levels(1, 2_000, 201)
    sandbox.store.add_fault(Fault(kind, count=1, method="PUT"))
    async with opened(sandbox, read_seconds=0.5) as connection:
        with pytest.raises(AmbiguousWriteError):
            await connection.write(PUT, rows, lambda _: b"")
        found = await connection.look_up(PUT, rows)

    assert set(found.written) == set(range(2_000))
    assert set(sandbox.store.stats()["writes"].values()) == {1}


async def test_a_request_that_was_lost_before_the_write_is_found_not_to_be_written(store_of: Make) -> None:
    sandbox = store_of(orders=10, products=100)
    rows = levels(1, 100, 201)
    sandbox.store.add_fault(Fault(FaultKind.RESET, count=1, method="PUT"))

    async with opened(sandbox, sleep=no_time) as connection:
        with pytest.raises(AmbiguousWriteError):
            await connection.write(PUT, rows, lambda _: b"")
        assert (await connection.look_up(PUT, rows)).written == {}
        assert (await connection.write(PUT, rows, lambda _: b"")).failures == {}

    assert set(sandbox.store.stats()["writes"].values()) == {1}


async def test_items_that_cannot_take_stock_fail_alone_and_say_why(store_of: Make) -> None:
    sandbox = store_of(orders=10, products=100)
    names = (Attribute("sku"), Attribute("variant_id"), Attribute("product_id"), Attribute("inventory_level"))
    rows = [
        ("SKU-000001", None, None, 5),
        ("UNKNOWN", None, None, 5),
        (None, 101, None, 5),
        (None, None, 5, 5),
        ("SKU-000010-2", None, None, 5),
        (None, 51, None, 6),
        (None, None, 10, 7),
    ]
    async with opened(sandbox) as connection:
        report = await connection.write(PUT, Batch(names, [str(row) for row in rows], rows), lambda _: b"")

    assert sorted(report.failures) == [1, 2, 3, 4]
    remedies = [report.failures[row].remedy for row in (1, 2, 3, 4)]
    assert [remedy.partition(" ")[0] for remedy in remedies] == ["Check", "Map", "Map", "Map"]
    assert "product_id" in remedies[1]
    assert "variant" in remedies[2]
    store = sandbox.store
    assert [store.stock(sku) for sku in ("SKU-000001", "SKU-000005", "SKU-000010")] == [5, 6, 7]


async def test_every_sku_of_the_demo_takes_stock_with_both_kinds_of_account(store_of: Make) -> None:
    sandbox = store_of(orders=10)
    for path, quantity in ((sandbox.api_path, 41), (sandbox.legacy_api_path, 42)):
        async with opened(sandbox, api_path=path) as connection:
            report = await connection.write(PUT, levels(1, 200, quantity), lambda _: b"")
        assert report.failures == {}
        assert {sandbox.store.stock(f"SKU-{number:06}") for number in range(1, 201)} == {quantity}


# -- secrets -----------------------------------------------------------------------------------------------------


async def test_no_failure_and_no_log_line_carries_the_token(store_of: Make, caplog: pytest.LogCaptureFixture) -> None:
    sandbox = store_of(orders=300, products=10)
    caplog.set_level(logging.DEBUG)
    told: list[str] = []
    for path in (sandbox.api_path, sandbox.legacy_api_path):
        for kind in FaultKind:
            sandbox.store.add_fault(Fault(kind, status=500, latency_ms=1))
            connection = opened(sandbox, api_path=path, read_seconds=0.05, sleep=no_time)
            attempts = (check(connection), read(connection, request("orders")), write(connection, levels(1, 3, 5)))
            errors = [await failure(attempt) for attempt in attempts]
            told += [text for error in errors if error is not None for text in everything(error)]
            told.append(repr(connection))
            sandbox.store.clear_faults()

    told += [f"{record.getMessage()} {record.__dict__}" for record in caplog.records]
    # As it is, and as it travels in Basic authentication.
    hidden = [TOKEN, base64.b64encode(f"{USERNAME}:{TOKEN}".encode()).decode()]
    assert len(told) > 100
    assert [text for text in told if any(secret in text for secret in hidden)] == []


async def write(connection: BigCommerceConnection, rows: Batch) -> None:
    async with connection:
        await connection.write(PUT, rows, lambda _: b"")


async def failure(attempt: Awaitable[object]) -> AgentError | None:
    try:
        await attempt
    except AgentError as error:
        return error
    return None


def everything(error: AgentError) -> list[str]:
    """What a log, a screen or a crash report can make of an error: the values of its frames, too."""
    trace = traceback.TracebackException.from_exception(error, capture_locals=True)
    return [str(error), repr(error), error.detail, *trace.format()]
