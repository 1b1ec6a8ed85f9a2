"""What nodes did in a run, as it is booked: with the move of the run, so that it is counted once, whatever happens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
import sqlalchemy as sa

from agent.store.moments import to_milliseconds
from agent.store.tables.snapshots import NODE_ENTRIES

MOST_ENTRIES = 1_000
"""Passes and legs after this one are told together."""

_UPSERT = """
INSERT INTO node_entries
    (run, node, entry, began_at, last_at, milliseconds, packets_in, records_in, packets_out, records_out,
     unchanged, failed, skipped, done, fault)
VALUES ({0}, {0}, {0}, {0}, {0}, {0}, {0}, {0}, {0}, {0}, {0}, {0}, {0}, {0}, '')
ON CONFLICT (run, node, entry) DO UPDATE SET
    began_at = CASE WHEN excluded.began_at < node_entries.began_at THEN excluded.began_at
                    ELSE node_entries.began_at END,
    last_at = CASE WHEN excluded.last_at > node_entries.last_at THEN excluded.last_at ELSE node_entries.last_at END,
    milliseconds = node_entries.milliseconds + excluded.milliseconds,
    packets_in = node_entries.packets_in + excluded.packets_in,
    records_in = node_entries.records_in + excluded.records_in,
    packets_out = node_entries.packets_out + excluded.packets_out,
    records_out = node_entries.records_out + excluded.records_out,
    unchanged = node_entries.unchanged + excluded.unchanged,
    failed = node_entries.failed + excluded.failed,
    skipped = node_entries.skipped + excluded.skipped,
    done = CASE WHEN excluded.done = 1 THEN 1 ELSE node_entries.done END,
    fault = ''
"""
_FAULT = """
INSERT INTO node_entries
    (run, node, entry, began_at, last_at, milliseconds, packets_in, records_in, packets_out, records_out,
     unchanged, failed, skipped, done, fault)
VALUES ({0}, {0}, {0}, {0}, {0}, 0, 0, 0, 0, 0, 0, 0, 0, 0, {0})
ON CONFLICT (run, node, entry) DO UPDATE SET last_at = excluded.last_at, fault = excluded.fault
"""


class NodeWork(msgspec.Struct, frozen=True, array_like=True):
    """What a node did since it was told the last time.

    `entry` is 1 for most; of a GET it is the pass of its loop, of a Delay the number of the packet that it held back.
    `began_at` and `last_at` are in milliseconds since 1970; `milliseconds` is how long the node was at work.
    """

    node: str
    entry: int
    began_at: int
    last_at: int
    milliseconds: int = 0
    packets_in: int = 0
    records_in: int = 0
    packets_out: int = 0
    records_out: int = 0
    unchanged: int = 0
    failed: int = 0
    skipped: int = 0
    done: bool = False


def put(connection: sa.Connection, run: str, work: Sequence[NodeWork]) -> None:
    """Add to what the nodes of a run did, in the caller's transaction."""
    if not work:
        return
    rows = [
        (
            run, one.node, min(one.entry, MOST_ENTRIES), one.began_at, one.last_at, one.milliseconds, one.packets_in,
            one.records_in, one.packets_out, one.records_out, one.unchanged, one.failed, one.skipped, int(one.done),
        )
        for one in work
    ]  # fmt: skip
    connection.exec_driver_sql(_placed(connection, _UPSERT), rows)


def put_hold(connection: sa.Connection, run: str, node: str, *, at: datetime, until: datetime, records: int) -> None:
    """Note another leg of a Delay, in the transaction that decides it."""
    leg, began, ends = _last_entry(connection, run, node) + 1, to_milliseconds(at), to_milliseconds(until)
    held = NodeWork(
        node, leg, began, ends, milliseconds=ends - began, packets_in=1,
        records_in=records, packets_out=1, records_out=records, done=True,
    )  # fmt: skip
    put(connection, run, [held])


def put_fault(connection: sa.Connection, run: str, node: str, *, at: int, fault: str) -> None:
    """Note what stopped a node, in the caller's transaction. It is forgotten when the node has done something again."""
    row = (run, node, max(_last_entry(connection, run, node), 1), at, at, fault)
    connection.exec_driver_sql(_placed(connection, _FAULT), row)


@dataclass(frozen=True, slots=True)
class NodeEntry:
    """What a node did in a run until now, and what has stopped it."""

    work: NodeWork
    fault: str


def entries(connection: sa.Connection, run: str) -> list[NodeEntry]:
    """What the nodes of a run did until now."""
    query = sa.select(NODE_ENTRIES).where(NODE_ENTRIES.c.run == run)
    query = query.order_by(NODE_ENTRIES.c.node, NODE_ENTRIES.c.entry)
    return [
        NodeEntry(
            NodeWork(
                row.node, row.entry, row.began_at, row.last_at, row.milliseconds, row.packets_in, row.records_in,
                row.packets_out, row.records_out, row.unchanged, row.failed, row.skipped, bool(row.done),
            ),
            row.fault,
        )
        for row in connection.execute(query)
    ]  # fmt: skip


def _last_entry(connection: sa.Connection, run: str, node: str) -> int:
    """The number of the newest entry of a node; 0 where there is none."""
    newest = sa.select(sa.func.coalesce(sa.func.max(NODE_ENTRIES.c.entry), 0))
    return int(connection.execute(newest.where(NODE_ENTRIES.c.run == run, NODE_ENTRIES.c.node == node)).scalar_one())


def _placed(connection: sa.Connection, statement: str) -> str:
    return statement.format("?" if connection.dialect.name == "sqlite" else "%s")
