"""The records that a retry tries, by POST node: chosen out of Sync Info by the database, however many there are.

They are written in the transaction in which the run is, and removed when it ends: Sync Info says what became of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from agent.domain.errors import ConfigurationError
from agent.domain.packet import SyncState
from agent.store.moments import to_milliseconds
from agent.store.records.sync_filter import found_by
from agent.store.runs.acknowledgement import STATE_NUMBERS
from agent.store.tables.runs import PLAN_RECORDS
from agent.store.tables.streams import STREAMS
from agent.store.tables.sync_info import SYNC_INFO

NOTHING_TO_RETRY = "nothing-to-retry"
"""The code of the error of a retry that would try nothing."""
_IDS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Choice:
    """Which records of a processflow to try again.

    Args:
        flow: The processflow.
        nodes: The POST nodes whose records may be chosen.
        ids: These records; empty: all that fit the rest.
        states: Only records in these states; empty: in any.
        search: Only what this text is found in; empty: everything.
        ripe: Only records that were tried so often, and not since that moment; None: all.
        most: At most so many, those first that have waited longest; None: all.
    """

    flow: str
    nodes: Sequence[str]
    ids: Sequence[str] = ()
    states: Sequence[SyncState] = ()
    search: str = ""
    ripe: Mapping[int, datetime] | None = field(default=None)
    most: int | None = None


def choose(connection: sa.Connection, run: str, choice: Choice) -> dict[str, int]:
    """Write down which records a run tries; returns how many by POST node, those with none left out."""
    found: dict[str, int] = {}
    left = choice.most
    for stream, node in _streams(connection, choice):
        count = 0
        for condition in _conditions(stream, choice):
            query = sa.select(sa.literal(run), SYNC_INFO.c.source_id, sa.literal(node)).where(condition)
            if left is not None:
                query = query.order_by(SYNC_INFO.c.updated_at, SYNC_INFO.c.source_id).limit(left - count)
            # Without the option, PostgreSQL's driver does not say how many there were.
            written = PLAN_RECORDS.insert().from_select(["run", "source_id", "node"], query)
            count += connection.execute(written, execution_options={"preserve_rowcount": True}).rowcount
        if count:
            found[node] = count
        if left is not None:
            left -= count
    return found


def unknown(connection: sa.Connection, choice: Choice) -> list[str]:
    """Those ids of a choice that none of its nodes knows."""
    known: set[str] = set()
    for stream, _ in _streams(connection, choice):
        for some in _parts(choice.ids):
            query = sa.select(SYNC_INFO.c.source_id).where(
                SYNC_INFO.c.stream == stream, SYNC_INFO.c.source_id.in_(some)
            )
            known.update(connection.execute(query).scalars())
    return [one for one in choice.ids if one not in known]


def waiting(connection: sa.Connection, choice: Choice) -> bool:
    """Whether there is any record that a choice would find."""
    return any(
        connection.execute(sa.select(sa.literal(1)).where(condition).limit(1)).first() is not None
        for stream, _ in _streams(connection, choice)
        for condition in _conditions(stream, choice)
    )


def page(connection: sa.Connection, run: str, nodes: Sequence[str], *, after: str, limit: int) -> list[str]:
    """The ids that a run tries at any of these nodes, in order, behind the id `after`."""
    query = (
        sa.select(PLAN_RECORDS.c.source_id)
        .where(PLAN_RECORDS.c.run == run, PLAN_RECORDS.c.node.in_(list(nodes)), PLAN_RECORDS.c.source_id > after)
        .distinct()
        .order_by(PLAN_RECORDS.c.source_id)
        .limit(limit)
    )
    return list(connection.execute(query).scalars())


def at_node(connection: sa.Connection, run: str, node: str, source_ids: Sequence[str]) -> frozenset[str]:
    """Those of these ids that a run tries at this node."""
    found: set[str] = set()
    for some in _parts(source_ids):
        query = sa.select(PLAN_RECORDS.c.source_id).where(
            PLAN_RECORDS.c.run == run, PLAN_RECORDS.c.node == node, PLAN_RECORDS.c.source_id.in_(some)
        )
        found.update(connection.execute(query).scalars())
    return frozenset(found)


def nothing_to_retry() -> ConfigurationError:
    """The error of a retry that would try nothing."""
    return ConfigurationError(
        "There is no record to try again.",
        code=NOTHING_TO_RETRY,
        remedy="Look in Sync Info which records there are, and choose some of them.",
    )


def _streams(connection: sa.Connection, choice: Choice) -> Sequence[tuple[int, str]]:
    query = (
        sa.select(STREAMS.c.id, STREAMS.c.node)
        .where(STREAMS.c.flow == choice.flow, STREAMS.c.node.in_(list(choice.nodes)))
        .order_by(STREAMS.c.id)
    )
    return [(row.id, row.node) for row in connection.execute(query)]


def _conditions(stream: int, choice: Choice) -> list[sa.ColumnElement[bool]]:
    """What a record has to fulfil: one condition, or with many ids one for each part of them."""
    # What an operator skipped is not tried: that has to be taken back first.
    shared: list[sa.ColumnElement[bool]] = [SYNC_INFO.c.stream == stream, SYNC_INFO.c.skipped.is_(False)]
    if choice.states:
        numbers = [STATE_NUMBERS[state] for state in choice.states]
        # One state is asked for as such, so that the index on troubled records is used in its order.
        shared.append(SYNC_INFO.c.state == numbers[0] if len(numbers) == 1 else SYNC_INFO.c.state.in_(numbers))
        if SyncState.SUCCESS not in choice.states:
            shared.append(sa.text("sync_info.state <> 1"))  # type: ignore[arg-type]  # bare, for the partial index
    if choice.search:
        shared.append(found_by(choice.search))
    if choice.ripe is not None:
        shared.append(
            sa.or_(
                *(
                    sa.and_(SYNC_INFO.c.tries == tries, SYNC_INFO.c.updated_at <= to_milliseconds(moment))
                    for tries, moment in choice.ripe.items()
                )
            )
        )
    if not choice.ids:
        return [sa.and_(*shared)]
    return [sa.and_(*shared, SYNC_INFO.c.source_id.in_(some)) for some in _parts(choice.ids)]


def _parts(source_ids: Sequence[str]) -> list[list[str]]:
    return [list(source_ids[start : start + _IDS_AT_ONCE]) for start in range(0, len(source_ids), _IDS_AT_ONCE)]
