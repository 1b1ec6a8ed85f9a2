"""Lists are read to their end, whatever changes meanwhile and however a store pages."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import httpx
import pytest

from agent.connectors.bigcommerce.connector import BigCommerceConnection, BigCommerceConnector, Surroundings
from agent.connectors.contract import ReadRequest, SentClause, WriteTarget
from agent.domain.app import Attribute
from agent.domain.packet import Batch, Packet, Position
from agent.domain.secret import Secret
from agent.sandbox import RunningSandbox, SandboxOptions, running_sandbox

Handler = Callable[[httpx.Request], httpx.Response]


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with ExitStack() as stack:
        yield stack.enter_context(
            running_sandbox(SandboxOptions(orders=10, customers=10, products=600, quota=None, token="t0ken"))
        )


def opened(api_path: str, handler: Handler | None = None) -> BigCommerceConnection:
    transport = httpx.MockTransport(handler) if handler is not None else None
    connector = BigCommerceConnector(Surroundings(transport=transport))
    prepared = connector.prepare({"api_path": api_path}, {"api_token": Secret("t0ken")})
    return connector.open(prepared.values, prepared.secrets)


async def read(
    connection: BigCommerceConnection, schema: str, *clauses: SentClause, position: Position | None = None
) -> list[Packet]:
    async with connection:
        request = ReadRequest(schema, "GET", clauses, {}, None, position, 250)
        return [packet async for packet in connection.read(request)]


def ids(packets: list[Packet]) -> list[int]:
    return [int(one) for packet in packets for one in packet.source_ids]


class PagedStore:
    """A store that has products and variants alone, and pages them as it is told."""

    def __init__(self, count: int, *, by_id: bool = True) -> None:
        self.ids = list(range(1, count + 1))
        self.by_id = by_id
        self.requests = 0
        self.before: Callable[[int], None] = lambda _: None

    def answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/time"):
            return httpx.Response(200, json={"time": 1_700_000_000})
        self.requests += 1
        self.before(self.requests)
        params = dict(request.url.params)
        found = self.ids
        if "date_modified:min" in params:
            found = []
        if (after := params.get("id:greater")) is not None:
            found = [one for one in found if one > int(after)] if self.by_id else []
        page, limit = int(params.get("page", "1")), int(params["limit"])
        some = found[(page - 1) * limit : page * limit]
        pages = {"total": len(found), "count": len(some), "current_page": page, "total_pages": -(-len(found) // limit)}
        return httpx.Response(200, json={"data": [{"id": one} for one in some], "meta": {"pagination": pages}})


PATH = "http://127.0.0.1:9/stores/demo1"


async def test_products_that_change_while_they_are_read_come_again(sandbox: RunningSandbox) -> None:
    async with opened(sandbox.api_path) as connection:
        packets = []
        async for packet in connection.read(ReadRequest("products", "GET", (), {}, None, None, 250)):
            packets.append(packet)
            if len(packets) == 1:
                async with opened(sandbox.api_path) as other:
                    batch = Batch((Attribute("id"), Attribute("name")), ["1"], [(3, "New name")])
                    await other.write(WriteTarget("products", "PUT", {}, "x"), batch, lambda _: b"")

    found = ids(packets)
    assert set(found) == set(range(1, 601))
    assert found.count(3) == 2
    assert any(json.loads(one).get("name") == "New name" for packet in packets for one in packet.documents)


async def test_reading_products_goes_on_where_it_stopped(sandbox: RunningSandbox) -> None:
    packets = await read(opened(sandbox.api_path), "products")
    for count, packet in enumerate(packets, 1):
        position = json.loads(json.dumps(dict(packet.position)))
        again = await read(opened(sandbox.api_path), "products", position=position)
        assert set(ids([*packets[:count], *again])) == set(range(1, 601))


async def test_products_changed_since_a_bookmark_are_read_alone(sandbox: RunningSandbox) -> None:
    since = sandbox.store.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    async with opened(sandbox.api_path) as connection:
        batch = Batch((Attribute("id"), Attribute("price")), ["1", "2"], [(7, "3.5"), (9, "4")])
        await connection.write(WriteTarget("products", "PUT", {}, "x"), batch, lambda _: b"")

    assert ids(await read(opened(sandbox.api_path), "products", SentClause("date_modified:min", "=", since))) == [7, 9]


async def test_products_with_options_come_ten_to_a_page_and_none_is_lost(sandbox: RunningSandbox) -> None:
    clauses = [SentClause("include", "=", "variants,options"), SentClause("id:max", "=", "45")]

    packets = await read(opened(sandbox.api_path), "products", *clauses)

    assert ids(packets) == list(range(1, 46))
    documents = [json.loads(one) for packet in packets for one in packet.documents]
    assert [len(one["variants"]) for one in documents[:5]] == [1, 1, 1, 1, 3]


async def test_a_store_that_finds_nothing_behind_an_id_is_walked_by_number() -> None:
    store = PagedStore(600, by_id=False)

    packets = await read(opened(PATH, store.answer), "products")

    assert set(ids(packets)) == set(range(1, 601))


async def test_variants_that_are_deleted_between_pages_hide_no_others() -> None:
    store = PagedStore(600)

    def delete(request: int) -> None:
        if request == 2:
            del store.ids[:10]

    store.before = delete
    packets = await read(opened(PATH, store.answer), "variants")

    assert set(ids(packets)) >= set(range(11, 601))
    assert packets[-1].bookmark is not None


async def test_what_is_saved_in_part_alone_is_told_with_the_record_that_it_happened_to() -> None:
    sent: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        records = json.loads(request.content)
        sent.append(len(records))
        body = {"data": records, "meta": {}}
        if all(one["id"] != 3 for one in records):
            return httpx.Response(200, json=body)
        errors = {"status": 207, "title": "Multi-status", "errors": {"custom_url": "the URL is taken"}}
        return httpx.Response(207, json={**body, "errors": errors})

    batch = Batch((Attribute("id"), Attribute("price")), list("1234"), [(one, "2") for one in (1, 2, 3, 4)])
    async with opened(PATH, answer) as connection:
        report = await connection.write(WriteTarget("products", "PUT", {}, "x"), batch, lambda _: b"")

    assert report.destination_ids == ["1", "2", "", "4"]
    assert report.failures[2].code == "partly-written"
    message = "The product with id 3 was saved, but not all of it: custom_url: the URL is taken."
    assert report.failures[2].message == message
    assert sent == [4, 2, 2, 1, 1]
