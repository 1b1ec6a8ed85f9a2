"""Databases as tests see them: where they are, what is in them, and short ways to write and read through the agent."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from agent.connectors.contract import ReadRequest, SentPart, WriteTarget
from agent.connectors.sql.connector import SqlConnection, SqlConnector
from agent.domain.app import Attribute, DataType
from agent.domain.packet import Batch, Bookmark, Packet, Position, Row, WriteReport
from agent.domain.secret import Secret
from tests.helpers.mariadb_server import MariadbServer
from tests.helpers.postgres_server import PostgresServer


@dataclass(frozen=True, slots=True)
class SqlitePlace:
    """A SQLite file."""

    path: Path
    kind: str = "sqlite"

    def values(self) -> dict[str, str]:
        return {"kind": "SQLite", "database": str(self.path)}

    def secrets(self) -> dict[str, Secret]:
        return {}

    def run(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.path)) as connection, connection:
            for statement in statements:
                connection.execute(statement)

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.path)) as connection:
            return connection.execute(statement).fetchall()


@dataclass(frozen=True, slots=True)
class PostgresPlace:
    """A database on a PostgreSQL server."""

    server: PostgresServer
    database: str
    kind: str = "postgresql"

    def values(self) -> dict[str, str]:
        return self.server.values(self.database)

    def secrets(self) -> dict[str, Secret]:
        return self.server.secrets()

    def run(self, *statements: str) -> None:
        self.server.execute(self.database, *statements)

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        return self.server.rows(self.database, statement)


@dataclass(frozen=True, slots=True)
class MariadbPlace:
    """A database on a MariaDB server."""

    server: MariadbServer
    database: str
    kind: str = "mariadb"

    def values(self) -> dict[str, str]:
        return self.server.values(self.database)

    def secrets(self) -> dict[str, Secret]:
        return self.server.secrets()

    def run(self, *statements: str) -> None:
        self.server.execute(self.database, *map(_in_its_words, statements))

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        return self.server.rows(self.database, statement)


def _in_its_words(statement: str) -> str:
    """A statement with moments as MariaDB takes them: without a zone, and with fractions only where it is said."""
    statement = re.sub(r"'(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d(?:\.\d+)?)(?:Z|\+00:00)?'", r"'\1 \2'", statement)
    if statement.startswith("CREATE TABLE"):
        return re.sub(r"\b(?:timestamp|DATETIME)\b(?!\()", "datetime(6)", statement)
    return statement


_WAITING = {
    "postgresql": "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'",
    "mariadb": "SELECT count(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'",
}

Place = SqlitePlace | PostgresPlace | MariadbPlace


def opened(place: Place) -> SqlConnection:
    """A connection to a place, as the engine gets it."""
    return SqlConnector().open(place.values(), place.secrets())


ID = Attribute("id", DataType.INTEGER, primary=True)


def batch(attributes: Sequence[Attribute], rows: Iterable[Row]) -> Batch:
    """A batch of rows."""
    rows = list(rows)
    return Batch(tuple(attributes), [f"source-{number}" for number in range(len(rows))], rows)


def target(table: str, /, **options: str) -> WriteTarget:
    """Where to write."""
    return WriteTarget(table, "UPSERT", options, ledger_key="flow/post")


async def write(
    connection: SqlConnection, table: str, attributes: Sequence[Attribute], rows: Iterable[Row], /, **options: str
) -> WriteReport:
    """Write rows with a receipt that tells nothing."""
    return await connection.write(target(table, **options), batch(attributes, rows), lambda _: b"receipt")


def read_request(
    table: str,
    *clauses: SentPart,
    options: Mapping[str, str] | None = None,
    bookmark: Bookmark | None = None,
    position: Position | None = None,
    records: int = 100,
) -> ReadRequest:
    """A read of a table."""
    return ReadRequest(table, "GET", clauses, options or {}, bookmark, position, records)


async def read(connection: SqlConnection, request: ReadRequest) -> list[Packet]:
    """All packets of a read."""
    return [packet async for packet in connection.read(request)]


def documents(packets: Iterable[Packet]) -> list[dict[str, Any]]:
    """The documents of packets, decoded."""
    return [msgspec.json.decode(document) for packet in packets for document in packet.documents]


def ids(packets: Iterable[Packet]) -> list[str]:
    """The source ids of packets."""
    return [source_id for packet in packets for source_id in packet.source_ids]


def until_somebody_waits(place: Place, asking: asyncio.Task[Any]) -> None:
    """No event tells of it: the server says that somebody waits, or there is an answer already."""
    while not asking.done() and place.rows(_WAITING[place.kind]) == [(0,)]:
        time.sleep(0.005)
