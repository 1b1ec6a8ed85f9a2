"""What every connector has to show, of a real Tryton."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import pytest

from agent.connectors.conformance import Conformance, Credentials, Medium, Reading, Stand, Writing
from agent.connectors.conformance.stand import Address
from agent.connectors.contract import SentClause, WriteTarget
from agent.connectors.tryton.connector import TrytonConnector
from agent.connectors.tryton.credentials import ADDRESS, DATABASE, PASSWORD, USERNAME
from agent.domain.app import Attribute, DataType
from agent.domain.packet import Batch, Row
from agent.domain.secret import Secret
from agent.http.retry import RetryPolicy
from tests.helpers.tryton_server import USER_PASSWORD, TrytonServer

CUSTOMERS = [f"C{number}" for number in range(1, 10)]
TEXT, DECIMAL = DataType.TEXT, DataType.DECIMAL
LINES = Attribute(
    "lines",
    DataType.COLLECTION,
    members=(Attribute("product_code"), Attribute("quantity", DECIMAL), Attribute("unit_price", DECIMAL)),
)
ADDRESSES = Attribute("addresses", DataType.COLLECTION, members=(Attribute("city"), Attribute("country")))


@pytest.mark.tryton
class TestTryton(Conformance):
    """One server and one database for all cases: each makes records of its own."""

    server: TrytonServer

    @pytest.fixture(autouse=True)
    def _server(self, tryton_server: TrytonServer) -> None:
        self.server = tryton_server

    @asynccontextmanager
    async def stand(self) -> AsyncIterator[Stand]:
        server = self.server
        policy = RetryPolicy(first_wait_seconds=0.01, longest_wait_seconds=0.1)
        yield Stand(
            # The answers of a real server on a busy machine take their time.
            connector=TrytonConnector(policy, read_seconds=1.2, late_seconds=0.1),
            medium=Medium.HTTP,
            address=(server.host, server.port),
            credentials=lambda address: entered(server, address),
            wrong=lambda address: {
                "another password": entered(server, address, password="some-password-or-other"),
                "another user": entered(server, address, user="nobody"),
                "another database": entered(server, address, database="nowhere"),
            },
            untrusted=lambda address: entered(server, address, scheme="https"),
            readings=(parties(server), stock(server)),
            writings=(new_parties(server, "UPSERT"), new_sales(server)),
        )


def entered(
    server: TrytonServer,
    address: Address,
    *,
    user: str = "agent",
    password: str = USER_PASSWORD,
    database: str = "",
    scheme: str = "http",
) -> Credentials:
    """What an operator enters to reach Tryton at an address."""
    values = {
        ADDRESS: f"{scheme}://{address[0]}:{address[1]}", DATABASE: database or server.database, USERNAME: user,
    }  # fmt: skip
    return Credentials(values, {PASSWORD: Secret(password)})


def parties(server: TrytonServer) -> Reading:
    """The customers that were there from the beginning, by what changed."""
    ids = [str(one) for (one,) in server.rows("SELECT id FROM party_party WHERE code ~ '^C[1-9]$' ORDER BY id")]

    async def change() -> str:
        statement = f"UPDATE party_party SET write_date = clock_timestamp() AT TIME ZONE 'UTC' WHERE id = {ids[3]}"
        await asyncio.to_thread(server.execute, statement)
        return ids[3]

    def since(moment: datetime) -> SentClause:
        return SentClause("changed_since", ">=", moment.strftime("%Y-%m-%dT%H:%M:%SZ"))

    return Reading(
        "parties", ids, clauses=[SentClause("code", "in", ",".join(CUSTOMERS))],
        word=b"model.party.party.search_read", since=since, change=change, packet_records=5,
    )  # fmt: skip


def stock(server: TrytonServer) -> Reading:
    """What is in the warehouse: of all products, each time."""
    warehouse = server.rows("SELECT id FROM stock_location WHERE code = 'WH'")[0][0]
    products = server.rows("SELECT id FROM product_product WHERE code LIKE 'CUP-%' ORDER BY id")
    ids = [f"{product}@{warehouse}" for (product,) in products]
    return Reading("stock", ids, word=b"model.product.product.search_read", missing="999999@1", packet_records=6)


def new_parties(server: TrytonServer, action: str) -> Writing:
    """Three customers that are not there, and one with a country that there is not."""
    prefix = server.unique("N")

    async def held() -> int:
        rows = await asyncio.to_thread(server.rows, f"SELECT count(*) FROM party_party WHERE code LIKE '{prefix}-%'")
        return int(rows[0][0])

    def row(name: str, country: str = "GB") -> Row:
        return f"{prefix}-{name}", name, f"{name}@shop.test", [("Leeds", country)]

    attributes = (Attribute("code"), Attribute("name"), Attribute("email"), ADDRESSES)
    return Writing(
        WriteTarget("parties", action, {}, ledger_key=prefix),
        Batch(attributes, ["a", "b", "c"], [row("ann"), row("bob"), row("cid")]),
        held,
        word=b"model.party.party.create",
        refused=row("dan", "XX"),
    )


def new_sales(server: TrytonServer) -> Writing:
    """Three orders with two lines each, and one of a product that there is not."""
    prefix = server.unique("S")

    async def held() -> int:
        statement = (
            f"SELECT count(*) FROM sale_sale WHERE reference LIKE '{prefix}-%' AND id IN (SELECT sale FROM sale_line)"
        )
        return int((await asyncio.to_thread(server.rows, statement))[0][0])

    def row(name: str, product: str = "CUP-1") -> Row:
        return f"{prefix}-{name}", "C1", [("CUP-2", "2", "9.99"), (product, "1", "12.50")]

    return Writing(
        WriteTarget("sales", "POST", {}, ledger_key=prefix),
        Batch(
            (Attribute("reference"), Attribute("party_code"), LINES), ["a", "b", "c"], [row("1"), row("2"), row("3")]
        ),
        held,
        word=b"model.sale.sale.create",
        refused=row("4", "NO-SUCH-CUP"),
    )
