"""A program that writes batch after batch until it is killed, or ends itself just before a commit.

Reads one line of JSON: {"values": …, "password": …, "batches": n, "die_at": n or null}. Says the number of each batch
that was written. Every batch brings 50 records with two lines each, and a new name for the record 0.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys

from agent.connectors.contract import WriteTarget
from agent.connectors.sql.connector import SqlConnector
from agent.domain.app import Attribute, DataType
from agent.domain.packet import Batch, Row, WriteReport
from agent.domain.secret import Secret

RECORDS = 50
ID = Attribute("id", DataType.INTEGER, primary=True)
ORDER = (ID, Attribute("name"), Attribute("lines", DataType.COLLECTION, members=(ID, Attribute("sku"))))
TARGET = WriteTarget("orders", "UPSERT", {}, "flow/post")


def rows(number: int) -> list[Row]:
    """The records of a batch."""
    name = str(number)
    first = 1 + number * RECORDS
    changed: Row = (0, name, [(line, name) for line in range(number % 3)])
    new: list[Row] = [(one, name, [(1, name), (2, name)]) for one in range(first, first + RECORDS)]
    return [changed, *new]


async def main() -> None:
    """Write."""
    wanted = json.loads(sys.stdin.readline())
    async with SqlConnector().open(wanted["values"], {"password": Secret(wanted["password"])}) as connection:
        for number in range(wanted["batches"]):
            batch = Batch(ORDER, [str(row[0]) for row in rows(number)], rows(number))

            def seal(_: WriteReport, number: int = number) -> bytes:
                if number == wanted["die_at"]:
                    os._exit(9)
                return str(number).encode()

            await connection.write(TARGET, batch, seal)
            sys.stdout.write(f"{number}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
