"""How fast the SQL connector writes and reads, beside the bare driver. Run by hand:

    .venv/bin/python tests/benchmarks/bench_sql.py [--orders 100000] [--rounds 3] [--batch 2500] [--only sqlite]

Each order has twelve columns and two lines. The bare scripts do the least that makes the same rows durable: inserts
into new tables with the driver's executemany, one commit for each batch, no lines replaced, no receipt.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from agent.connectors.contract import ReadRequest, WriteTarget
from agent.connectors.sql.connector import SqlConnection, SqlConnector
from agent.domain.app import Attribute, DataType
from agent.domain.packet import Batch, Row
from agent.domain.secret import Secret
from tests.helpers.mariadb_server import MariadbServer, running_mariadb
from tests.helpers.postgres_server import NoServerError, PostgresServer, running_server

_LINE = (
    Attribute("id", DataType.INTEGER, primary=True),
    Attribute("sku"),
    Attribute("quantity", DataType.INTEGER),
    Attribute("price", DataType.DECIMAL),
)
_ORDER = (
    Attribute("id", DataType.INTEGER, primary=True),
    Attribute("customer_id", DataType.INTEGER),
    Attribute("status"),
    Attribute("total", DataType.DECIMAL),
    Attribute("subtotal", DataType.DECIMAL),
    Attribute("tax", DataType.DECIMAL),
    Attribute("method"),
    Attribute("currency"),
    Attribute("name"),
    Attribute("email"),
    Attribute("is_deleted", DataType.BOOLEAN),
    Attribute("date_modified", DataType.DATETIME),
    Attribute("lines", DataType.COLLECTION, members=_LINE),
)
_NAMES = [one.name for one in _ORDER[:-1]]
_LINE_NAMES = ["order_id", *[one.name for one in _LINE]]
_TARGET = WriteTarget("orders", "UPSERT", {}, "bench/post")

Timed = tuple[str, Callable[[], float]]


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description="Measure the SQL connector.")
    parser.add_argument("--orders", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, nargs="+", default=[2_500])
    parser.add_argument("--only", choices=("sqlite", "postgresql", "mariadb"))
    arguments = parser.parse_args()
    rows = list(_rows(arguments.orders))
    _tell(f"{arguments.orders:,} orders of {len(_NAMES)} columns, with two lines each; median of {arguments.rounds}")
    _tell(f"{'database':12}{'what':28}{'batch':>8}{'seconds':>10}{'orders/s':>12}{'x bare':>8}")
    for batch in arguments.batch:
        if arguments.only in (None, "sqlite"):
            _table("SQLite", batch, arguments.rounds, rows, _sqlite)
        try:
            if arguments.only in (None, "postgresql"):
                with running_server(durable=True) as server:
                    _table("PostgreSQL", batch, arguments.rounds, rows, partial(_postgresql, server))
            if arguments.only in (None, "mariadb"):
                with running_mariadb(durable=True) as mariadb:
                    _table("MariaDB", batch, arguments.rounds, rows, partial(_mariadb, mariadb))
        except NoServerError as error:
            _tell(f"{error}")


def _table(
    database: str,
    batch: int,
    rounds: int,
    rows: Sequence[Row],
    timed: Callable[[Sequence[Row], int, Path], list[Timed]],
) -> None:
    taken: dict[str, list[float]] = {}
    for _ in range(rounds):
        with _folder() as folder:
            for what, measure in timed(rows, batch, folder):
                taken.setdefault(what, []).append(measure())
    bare = statistics.median(taken["bare driver"])
    for what, seconds in taken.items():
        median = statistics.median(seconds)
        _tell(f"{database:12}{what:28}{batch:>8,}{median:>10.2f}{len(rows) / median:>12,.0f}{median / bare:>8.2f}")


def _rows(count: int) -> Iterator[Row]:
    for number in range(1, count + 1):
        lines: list[Row] = [(number * 10 + line, f"SKU-{number % 977}-{line}", line + 1, "10.0000") for line in (1, 2)]
        yield (
            number, number % 9_973, "Shipped", f"{number % 500}.3400", "99.9900", "0.0000", "Credit card", "EUR",
            f"Ann Müller {number}", f"ann.{number}@example.com", number % 7 == 0,
            f"2026-01-{number % 28 + 1:02}T09:{number % 60:02}:00Z", lines,
        )  # fmt: skip


# The agent


def _agent(values: dict[str, str], secrets: dict[str, Secret], rows: Sequence[Row], batch: int) -> list[Timed]:
    def opened() -> SqlConnection:
        return SqlConnector().open(values, secrets)

    async def write() -> None:
        async with opened() as connection:
            for part in _parts(rows, batch):
                ids = [str(row[0]) for row in part]
                await connection.write(_TARGET, Batch(_ORDER, ids, part), lambda _: b"receipt" * 5_000)

    async def read(**options: str) -> None:
        found = 0
        async with opened() as connection:
            async for packet in connection.read(ReadRequest("orders", "GET", (), options, None, None, batch)):
                found += len(packet)
        assert found == len(rows)

    return [
        ("agent, first time", lambda: _seconds(lambda: asyncio.run(write()))),
        ("agent, all again", lambda: _seconds(lambda: asyncio.run(write()))),
        ("agent reads the table", lambda: _seconds(lambda: asyncio.run(read()))),
        (
            "agent reads by date_modified",
            lambda: _seconds(lambda: asyncio.run(read(incremental="date_modified"))),
        ),
    ]


# The bare drivers


def _sqlite(rows: Sequence[Row], batch: int, folder: Path) -> list[Timed]:
    path = folder / "agent.db"
    values = {"kind": "SQLite", "database": str(path)}
    return [
        ("bare driver", lambda: _seconds(lambda: _bare_sqlite(folder / "bare.db", rows, batch))),
        *_agent(values, {}, rows, batch),
    ]


def _bare_sqlite(path: Path, rows: Sequence[Row], batch: int) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as driver:
        driver.execute("PRAGMA journal_mode=WAL")
        driver.execute("PRAGMA synchronous=FULL")
        driver.execute(
            f"CREATE TABLE orders (id INTEGER PRIMARY KEY, {', '.join(f'{one} TEXT' for one in _NAMES[1:])})"
        )
        driver.execute(f"CREATE TABLE lines ({', '.join(_LINE_NAMES)}, PRIMARY KEY (order_id, id))")
        orders = f"INSERT INTO orders VALUES ({', '.join('?' * len(_NAMES))})"
        lines = f"INSERT INTO lines VALUES ({', '.join('?' * len(_LINE_NAMES))})"
        for part in _parts(rows, batch):
            driver.execute("BEGIN IMMEDIATE")
            driver.executemany(orders, [row[:-1] for row in part])
            driver.executemany(lines, _lines(part))
            driver.execute("COMMIT")


def _postgresql(server: PostgresServer, rows: Sequence[Row], batch: int, folder: Path) -> list[Timed]:
    agents, bare = server.database(), server.database()
    return [
        ("bare driver", lambda: _seconds(lambda: _bare_postgresql(server, bare, rows, batch))),
        *_agent(server.values(agents), server.secrets(), rows, batch),
    ]


def _bare_postgresql(server: PostgresServer, database: str, rows: Sequence[Row], batch: int) -> None:
    server.execute(
        database,
        "CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint, status text, total numeric, "
        "subtotal numeric, tax numeric, method text, currency text, name text, email text, "
        "is_deleted boolean, date_modified timestamptz)",
        "CREATE TABLE lines (order_id bigint, id bigint, sku text, quantity bigint, price numeric, "
        "PRIMARY KEY (order_id, id))",
    )
    with server.connect(database) as driver:
        orders = f"INSERT INTO orders VALUES ({', '.join(['%s'] * len(_NAMES))})".encode()
        lines = f"INSERT INTO lines VALUES ({', '.join(['%s'] * len(_LINE_NAMES))})".encode()
        for part in _parts(rows, batch):
            with driver.transaction(), driver.cursor() as cursor:
                cursor.executemany(orders, [row[:-1] for row in part])
                cursor.executemany(lines, _lines(part))


def _mariadb(server: MariadbServer, rows: Sequence[Row], batch: int, folder: Path) -> list[Timed]:
    agents = server.emptied_database()
    server.execute("mysql", "DROP DATABASE IF EXISTS bare", "CREATE DATABASE bare CHARACTER SET utf8mb4")
    return [
        ("bare driver", lambda: _seconds(lambda: _bare_mariadb(server, "bare", rows, batch))),
        *_agent(server.values(agents), server.secrets(), rows, batch),
    ]


def _bare_mariadb(server: MariadbServer, database: str, rows: Sequence[Row], batch: int) -> None:
    server.execute(
        database,
        "CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint, status varchar(255), total decimal(38, 10), "
        "subtotal decimal(38, 10), tax decimal(38, 10), method varchar(255), currency varchar(255), "
        "name varchar(255), email varchar(255), is_deleted boolean, date_modified varchar(30))",
        "CREATE TABLE `lines` (order_id bigint, id bigint, sku varchar(255), quantity bigint, price decimal(38, 10), "
        "PRIMARY KEY (order_id, id))",
    )
    with closing(server.connect(database)) as driver, closing(driver.cursor()) as cursor:
        orders = f"INSERT INTO orders VALUES ({', '.join(['%s'] * len(_NAMES))})"
        lines = f"INSERT INTO `lines` VALUES ({', '.join(['%s'] * len(_LINE_NAMES))})"
        for part in _parts(rows, batch):
            cursor.execute("START TRANSACTION")
            cursor.executemany(orders, [row[:-1] for row in part])
            cursor.executemany(lines, _lines(part))
            cursor.execute("COMMIT")


def _lines(rows: Sequence[Row]) -> list[tuple[Any, ...]]:
    return [(row[0], *line) for row in rows for line in row[-1]]  # type: ignore[union-attr]  # the lines


def _parts(rows: Sequence[Row], batch: int) -> Iterator[Sequence[Row]]:
    for start in range(0, len(rows), batch):
        yield rows[start : start + batch]


def _seconds(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="bench-sql-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
