"""Reads records, a packet for each page. A position is where the next page begins: see `changes` and `stock`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, Final

import msgspec

from agent.connectors.contract import ReadRequest
from agent.connectors.tryton.changes import pages
from agent.connectors.tryton.clauses import asked, offered
from agent.connectors.tryton.client import Client
from agent.connectors.tryton.records import Parties, Products, Sales, Source, known
from agent.connectors.tryton.schema import PARTIES, PRODUCTS, SALE_SHIPMENTS, SALES, SHIPMENTS, STOCK
from agent.connectors.tryton.shipments import SaleShipments, Shipments
from agent.connectors.tryton.stock import stock_packets
from agent.connectors.tryton.wire import plain
from agent.domain.packet import Bookmark, Packet, Position

PACKET_RECORDS: Final = 200
"""So many parties with all that belongs to them take Tryton about a second."""


_SOURCES: Final[Mapping[str, Source]] = {
    PARTIES: Parties(),
    PRODUCTS: Products(),
    SALES: Sales(),
    SHIPMENTS: Shipments(),
    SALE_SHIPMENTS: SaleShipments(),
}
"""The sources by schema; stock is computed, not kept: see `stock`."""


async def packets(client: Client, request: ReadRequest) -> AsyncGenerator[Packet, None]:
    """All records that a request asks for."""
    offered(request.schema, request.action)
    records = max(min(request.packet_records, PACKET_RECORDS), 1)
    if request.schema == STOCK:
        stream = stock_packets(client, request, records)
    else:
        stream = _kept(client, request, _SOURCES[request.schema], records)
    try:
        async for packet in stream:
            yield packet
    finally:
        await stream.aclose()


async def _kept(client: Client, request: ReadRequest, source: Source, records: int) -> AsyncGenerator[Packet, None]:
    asking = asked(request, source.columns)
    names = [*dict.fromkeys((*await known(client, source.model, source.names), "create_date", "write_date"))]
    if request.ids:
        rows = await client.search_read(
            source.model, [["id", "in", source.row_ids(request.ids)]], names, context={"active_test": False}
        )
        yield await _packet(client, source, rows, {}, Bookmark(), only=frozenset(request.ids))
        return
    walk = pages(
        client, source.model, asking, names, records=records, bookmark=request.bookmark, position=request.position
    )
    position = request.position or {}
    try:
        async for page in walk:
            if isinstance(page, Bookmark):
                yield Packet([], [], position, page)
            else:
                position = page.position
                yield await _packet(client, source, page.rows, position, None)
    finally:
        await walk.aclose()


async def _packet(
    client: Client,
    source: Source,
    rows: Sequence[Mapping[str, Any]],
    position: Position,
    bookmark: Bookmark | None,
    *,
    only: frozenset[str] | None = None,
) -> Packet:
    composed = [one for one in await source.composed(client, rows) if only is None or str(one["id"]) in only]
    documents = [msgspec.json.encode(plain(one)) for one in composed]
    return Packet([str(one["id"]) for one in composed], documents, position, bookmark)
