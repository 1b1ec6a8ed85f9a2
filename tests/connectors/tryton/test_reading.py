"""Reading what changed in a real Tryton, also where a change appears later than its moment says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import pytest

from agent.connectors.contract import ReadRequest, SentClause
from agent.connectors.tryton.connector import TrytonConnection, TrytonConnector
from agent.domain.packet import Bookmark
from tests.helpers.tryton_server import TrytonServer
from tests.helpers.tryton_warehouse import Warehouse

pytestmark = pytest.mark.tryton
_WAITING = (
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'UPDATE \"party_party\"%'"
)


@pytest.fixture
def people(tryton_server: TrytonServer) -> Iterator[Warehouse]:
    with Warehouse(tryton_server) as warehouse:
        yield warehouse


@asynccontextmanager
async def connection(server: TrytonServer) -> AsyncIterator[TrytonConnection]:
    connector = TrytonConnector()
    prepared = connector.prepare(server.values(), server.secrets())
    async with connector.open(prepared.values, prepared.secrets) as one:
        yield one


async def read(
    one: TrytonConnection, schema: str, clauses: list[SentClause], bookmark: Bookmark | None
) -> tuple[list[dict[str, Any]], Bookmark]:
    """What changed since a bookmark, and the next one."""
    if bookmark is not None and bookmark.moment is not None:
        clauses = [*clauses, SentClause("changed_since", ">=", bookmark.moment.strftime("%Y-%m-%dT%H:%M:%SZ"))]
    packets = [packet async for packet in one.read(ReadRequest(schema, "GET", clauses, {}, bookmark, None, 100))]
    last = packets[-1].bookmark
    assert last is not None
    return [json.loads(document) for packet in packets for document in packet.documents], last


async def test_a_change_that_appears_behind_the_bookmark_is_not_missed(
    tryton_server: TrytonServer, people: Warehouse
) -> None:
    codes = [tryton_server.unique(name) for name in ("LATE", "EARLY")]
    late, early = people.call("party.party.create", [{"name": code, "code": code} for code in codes])
    with (
        tryton_server.postgres.connect(tryton_server.database) as holding,
        Warehouse(tryton_server) as somebody,
        ThreadPoolExecutor(1) as thread,
    ):
        async with connection(tryton_server) as one:
            clauses = [SentClause("code", "in", ",".join(codes))]
            _, first = await read(one, "parties", clauses, None)
            with holding.transaction():
                # Tryton's transaction has begun, and waits.
                holding.execute(f"SELECT id FROM party_party WHERE id = {late} FOR UPDATE".encode())
                saved = thread.submit(somebody.call, "party.party.write", [late], {"name": "Late"})
                while not tryton_server.rows(_WAITING)[0][0]:
                    assert not saved.done(), saved.result()
                await asyncio.to_thread(people.call, "party.party.write", [early], {"name": "Early"})
                changed, second = await read(one, "parties", clauses, first)
                assert [record["name"] for record in changed] == ["Early"]
            await asyncio.to_thread(saved.result, 30)
            # As if it had taken minutes.
            moved = f"UPDATE party_party SET write_date = write_date - interval '3 minutes' WHERE id = {late}"
            await asyncio.to_thread(tryton_server.execute, moved)

            appeared, third = await read(one, "parties", clauses, second)
            nothing, _ = await read(one, "parties", clauses, third)

    moments = tryton_server.rows(f"SELECT write_date FROM party_party WHERE id IN ({late}, {early}) ORDER BY name DESC")
    assert moments[0] < moments[1], "the late change says that it was before the bookmark"
    assert [record["name"] for record in appeared] == ["Late"]
    assert nothing == []


async def test_a_shipment_of_two_sales_is_a_record_for_each(tryton_server: TrytonServer, people: Warehouse) -> None:
    customer = tryton_server.rows(
        "SELECT address.party, address.id, product.id, template.default_uom FROM party_address address "
        "JOIN party_party party ON party.id = address.party, product_product product "
        "JOIN product_template template ON template.id = product.template "
        "WHERE party.code = 'C1' AND product.code = 'CUP-1'"
    )
    party, address, product, unit = customer[0]
    references = [tryton_server.unique(name) for name in ("BC", "PHONE")]
    line = {"type": "line", "product": product, "unit": unit, "unit_price": {"__class__": "Decimal", "decimal": "9.5"}}
    sales = people.call(
        "sale.sale.create",
        [
            {"reference": reference, "party": party, "invoice_address": address, "shipment_address": address,
             "lines": [["create", [{**line, "quantity": quantity}]]]}
            for reference, quantity in zip(references, (2.0, 3.0), strict=True)
        ],
    )  # fmt: skip
    people.confirm(sales)
    shipment, other = people.waiting()
    people.join(shipment, other)
    people.ship([shipment], tracking={shipment: "T-1"})
    async with connection(tryton_server) as one:
        records, _ = await read(one, "sale_shipments", [SentClause("state", "=", "done")], None)
        (again,) = [
            packet async for packet in one.read(
                ReadRequest("sale_shipments", "GET", [], {}, None, None, 10, ids=[f"{shipment}@{sales[1]}", "7", "x@1"])
            )
        ]  # fmt: skip

    assert {record["id"]: (record["sale_reference"], record["tracking_number"]) for record in records} == {
        f"{shipment}@{sale}": (reference, "T-1") for sale, reference in zip(sales, references, strict=True)
    }
    assert [[(one["product_code"], one["quantity"]) for one in record["lines"]] for record in records] == [
        [("CUP-1", 2.0)], [("CUP-1", 3.0)],
    ]  # fmt: skip
    assert [json.loads(document) for document in again.documents] == records[1:]
