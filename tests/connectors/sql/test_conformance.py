"""What every connector has to show, of databases: a file, and a server behind a proxy."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from pathlib import Path

import pytest

from agent.connectors.conformance import Conformance, Credentials, Medium, NotOfferedError, Reading, Stand, Writing
from agent.connectors.conformance.stand import Address
from agent.connectors.contract import WriteTarget
from agent.connectors.sql.connector import SqlConnector
from agent.connectors.sql.dialect import Patience
from agent.domain.app import Attribute, DataType
from agent.domain.packet import Batch
from agent.domain.secret import Secret
from tests.connectors.sql.places import MariadbPlace, Place, PostgresPlace, SqlitePlace
from tests.helpers.mariadb_server import MariadbServer, running_mariadb
from tests.helpers.postgres_server import NoServerError, PostgresServer, running_server

HASTY = Patience(connect_seconds=0.5, busy_seconds=0.5, stop_seconds=0.2)
NUMBERS = [str(number) for number in range(1, 11)]
ATTRIBUTES = (
    Attribute("id", DataType.INTEGER, primary=True),
    Attribute("name"),
    Attribute("lines", DataType.COLLECTION, members=(Attribute("id", DataType.INTEGER, primary=True),)),
)
ORDERS = Batch(ATTRIBUTES, ["a", "b", "c"], [(number, f"Order {number}", [(1,), (2,)]) for number in (1, 2, 3)])


def filled(place: Place) -> None:
    """What the stands read, and a table that takes no order without a name."""
    place.run(
        "CREATE TABLE stock (id integer PRIMARY KEY, changed integer)",
        *(f"INSERT INTO stock VALUES ({number}, {number})" for number in NUMBERS),
        "CREATE TABLE orders (id integer PRIMARY KEY, name varchar(50) NOT NULL)",
    )


def readings(place: Place, word: bytes = b"") -> tuple[Reading, ...]:
    """A table as it is, and one that is read by what changed."""

    async def change() -> str:
        await asyncio.to_thread(place.run, "UPDATE stock SET changed = 11 WHERE id = 4")
        return "4"

    return (
        Reading("stock", NUMBERS, word=word),
        Reading("stock", NUMBERS, options={"incremental": "changed", "overlap": "0"}, word=word, change=change),
    )


def writing(place: Place, word: bytes = b"") -> Writing:
    """Orders with lines, of which one has no name."""

    async def held() -> int:
        rows = await asyncio.to_thread(place.rows, "SELECT count(*) FROM orders WHERE name LIKE 'Order %'")
        return int(rows[0][0])

    target = WriteTarget("orders", "UPSERT", {}, ledger_key="flow/post")
    return Writing(target, ORDERS, held, word, refused=(4, None, []))


def _letter(folder: Path) -> Path:
    """A file that is no database."""
    file = folder / "letter.txt"
    file.write_text("Dear Sir or Madam, " * 500, "utf-8")
    return file


class TestSqlite(Conformance):
    """A file."""

    @asynccontextmanager
    async def stand(self) -> AsyncIterator[Stand]:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            place = SqlitePlace(Path(folder, "shop.db"))
            filled(place)
            letter = _letter(Path(folder))
            yield Stand(
                connector=SqlConnector(HASTY),
                medium=Medium.FILES,
                credentials=lambda _: Credentials(place.values()),
                wrong=lambda _: {
                    "no such folder": Credentials({**place.values(), "database": str(Path(folder, "no", "shop.db"))}),
                    "no database": Credentials({**place.values(), "database": str(letter)}),
                },
                patient=True,
                readings=readings(place),
                writings=(writing(place),),
            )


@pytest.mark.postgres
class TestPostgres(Conformance):
    """A server."""

    server: PostgresServer | None = None

    @pytest.fixture(autouse=True)
    def _server(self, postgres_server: PostgresServer) -> None:
        self.server = postgres_server

    def stand(self) -> AbstractAsyncContextManager[Stand]:
        return postgres_stand(self.server)


@pytest.mark.mariadb
class TestMariadb(Conformance):
    """Another server."""

    server: MariadbServer | None = None

    @pytest.fixture(autouse=True)
    def _server(self, mariadb_server: MariadbServer) -> None:
        self.server = mariadb_server

    def stand(self) -> AbstractAsyncContextManager[Stand]:
        return mariadb_stand(self.server)


@asynccontextmanager
async def mariadb_stand(server: MariadbServer | None) -> AsyncIterator[Stand]:
    """The same in MariaDB."""
    with ExitStack() as stack:
        if server is None:
            try:
                server = stack.enter_context(running_mariadb())
            except NoServerError as error:
                raise NotOfferedError(str(error)) from error
        place = MariadbPlace(server, server.emptied_database())
        yield server_stand(place, (server.host, server.port), reads=b"FROM `shop`.`stock`", commits=b"\x03COMMIT")


@asynccontextmanager
async def postgres_stand(server: PostgresServer | None) -> AsyncIterator[Stand]:
    """A database of a server; of one that is started for it where there is none yet."""
    with ExitStack() as stack:
        if server is None:
            try:
                server = stack.enter_context(running_server())
            except NoServerError as error:
                raise NotOfferedError(str(error)) from error
        place = PostgresPlace(server, server.emptied_database())
        yield server_stand(place, (server.host, server.port), reads=b'FROM "public"."stock"', commits=b"COMMIT\0")


def server_stand(place: PostgresPlace | MariadbPlace, address: Address, *, reads: bytes, commits: bytes) -> Stand:
    """A database that is reached at an address, filled; by which words on the wire a read and a commit are known."""
    filled(place)

    def at(address: Address, *, password: str | None = None, **changed: str) -> Credentials:
        host, port = address
        # The proxy has to see what is said.
        values = {**place.values(), "host": host, "port": str(port), "tls": "Off", **changed}
        return Credentials(values, place.secrets() if password is None else {"password": Secret(password)})

    return Stand(
        connector=SqlConnector(HASTY),
        medium=Medium.SOCKET,
        address=address,
        credentials=at,
        wrong=lambda address: {
            "password": at(address, password="wrong-but-5ecret"),
            "user": at(address, username="nobody_here"),
            "database": at(address, database="no_such_shop"),
        },
        untrusted=lambda address: at(address, tls="Verified"),
        patient=True,
        readings=readings(place, reads),
        writings=(writing(place, commits),),
    )
