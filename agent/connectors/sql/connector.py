"""The connector's front: what the engine and the service see of SQL databases. The work is done by its neighbours."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from types import TracebackType
from typing import Self

from agent.connectors.contract import CheckReport, LookUp, Prepared, Present, ReadRequest, Seal, WriteTarget
from agent.connectors.sql.bookkeeping import Bookkeeping
from agent.connectors.sql.check import check
from agent.connectors.sql.client import Client
from agent.connectors.sql.credentials import SqliteAddress, address, prepare
from agent.connectors.sql.described import described
from agent.connectors.sql.dialect import Dialect, Patience
from agent.connectors.sql.fields import MYSQL, SQL_SERVER
from agent.connectors.sql.postgresql.dialect import PostgresDialect
from agent.connectors.sql.presence import Presence
from agent.connectors.sql.procedures import CALLS, Caller
from agent.connectors.sql.reading import Reader
from agent.connectors.sql.schema import APP, CALL, GET, WRITES, schema
from agent.connectors.sql.sqlite.dialect import SqliteDialect
from agent.connectors.sql.writing import Writer
from agent.domain.app import App, Schema
from agent.domain.errors import ConfigurationError
from agent.domain.packet import Batch, Packet, WriteReport
from agent.domain.secret import Secret
from agent.domain.sent import Observer

_RECORDS = 2_500
"""Measured by tests/benchmarks/bench_sql.py: more gain little and keep locks for longer."""


class SqlConnector:
    """SQL databases: SQLite, PostgreSQL, MariaDB, MySQL and SQL Server."""

    app: App = APP

    def __init__(self, patience: Patience | None = None) -> None:
        self._patience = patience or Patience()

    def prepare(self, values: Mapping[str, str], secrets: Mapping[str, Secret]) -> Prepared:
        """Tidy what people paste."""
        return prepare(values, secrets)

    def schema(self, name: str, values: Mapping[str, str] | None) -> Schema | None:
        """Any name may be a table's."""
        return schema(name)

    def open(self, values: Mapping[str, str], secrets: Mapping[str, Secret]) -> SqlConnection:
        """A connection for prepared values."""
        place = address(values, secrets)
        if isinstance(place, SqliteAddress):
            return SqlConnection(SqliteDialect(place.path, self._patience))
        if place.kind == MYSQL:
            from agent.connectors.sql.mysql.dialect import MysqlDialect

            return SqlConnection(MysqlDialect(place, self._patience))
        if place.kind == SQL_SERVER:
            from agent.connectors.sql.mssql.dialect import MssqlDialect

            return SqlConnection(MssqlDialect(place, self._patience))
        return SqlConnection(PostgresDialect(place, self._patience))


class SqlConnection:
    """A connection to one database. It is opened by the first thing that is done with it."""

    keeps_receipts = True

    def __init__(self, dialect: Dialect) -> None:
        self._client = Client(dialect)
        self._bookkeeping = Bookkeeping(self._client)
        self._writer = Writer(self._client, self._bookkeeping)
        self._caller = Caller(self._client, self._bookkeeping)
        self._reader = Reader(self._client)
        self._presence = Presence(self._client)

    def __repr__(self) -> str:
        return f"<SqlConnection {self._client.dialect.place}>"

    def tell(self, observer: Observer) -> None:
        """Tell of every statement that reads or writes records, from now on."""
        self._client.observer = observer

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.close()

    async def check(self, progress: Callable[[str], None]) -> CheckReport:
        """Prove the credentials."""
        return await check(self._client, progress)

    async def schemas(self) -> Sequence[Schema]:
        """The tables and views that are there."""
        dialect = self._client.dialect
        if not dialect.exists():
            return []
        return await self._client.read(lambda connection: described(connection, dialect))

    async def read(self, request: ReadRequest) -> AsyncIterator[Packet]:
        """Read a table, a view or a query."""
        if request.action.upper() != GET:
            raise _no_action(request.action, GET)
        stream = self._reader.packets(request)
        try:
            async for packet in stream:
                yield packet
        finally:
            await stream.aclose()

    def packet_records(self, schema: str, action: str) -> int:
        """What is fastest."""
        return CALLS if action.upper() == CALL else _RECORDS

    async def write(self, target: WriteTarget, batch: Batch, seal: Seal) -> WriteReport:
        """Insert, update or delete rows, and commit that with its receipt."""
        if target.action.upper() == CALL:
            return await self._caller.call(target, batch, seal)
        if target.action.upper() not in WRITES:
            raise _no_action(target.action, ", ".join((*WRITES, CALL)))
        return await self._writer.write(target, batch, seal)

    async def look_up(self, target: WriteTarget, batch: Batch) -> LookUp:
        """Not needed: receipts tell."""
        return LookUp()

    async def present(self, target: WriteTarget, batch: Batch) -> Present:
        """What the tables hold of a batch."""
        if target.action.upper() == CALL:
            return await self._caller.present(target, batch)
        if target.action.upper() not in WRITES:
            raise _no_action(target.action, ", ".join((*WRITES, CALL)))
        return await self._presence.present(target, batch)

    async def receipt(self, target: WriteTarget) -> bytes | None:
        """The last receipt that was committed."""
        return await self._bookkeeping.receipt(target.ledger_key)


def _no_action(action: str, offered: str) -> ConfigurationError:
    return ConfigurationError(
        f"A database offers no action {action} here.",
        code="unknown-action",
        remedy=f"Use {offered}.",
        field="action",
    )
