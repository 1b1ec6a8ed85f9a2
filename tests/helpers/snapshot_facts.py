"""What has to hold of every snapshot, whatever happened: it tells exactly what the ledger has booked."""

from __future__ import annotations

from collections import Counter, defaultdict

from agent.domain.packet import SyncState
from agent.store.databases.database import Database
from agent.store.looks.node_work import NodeWork
from agent.store.looks.snapshots import LoggedRecord, Snapshots
from agent.store.runs.runs import RunRow


def whole_log(database: Database, run: str) -> list[LoggedRecord]:
    """The data log of a run, page by page."""
    snapshots, found, after = Snapshots(database), list[LoggedRecord](), ""
    while page := snapshots.records(run, node="", state=None, search="", after=after, limit=7):
        found += page
        after = page[-1].key
    return found


def work_of(database: Database, run: str) -> dict[str, NodeWork]:
    """What each node did, all its entries together."""
    together: dict[str, NodeWork] = {}
    for entry in Snapshots(database).nodes(run):
        one = entry.work
        seen = together.get(one.node)
        together[one.node] = one if seen is None else added(seen, one)
    return together


def added(one: NodeWork, other: NodeWork) -> NodeWork:
    """Two entries of a node together."""
    return NodeWork(
        one.node, one.entry, min(one.began_at, other.began_at), max(one.last_at, other.last_at),
        one.milliseconds + other.milliseconds, one.packets_in + other.packets_in, one.records_in + other.records_in,
        one.packets_out + other.packets_out, one.records_out + other.records_out, one.unchanged + other.unchanged,
        one.failed + other.failed, one.skipped + other.skipped, one.done or other.done,
    )  # fmt: skip


def check_snapshot(database: Database, run: RunRow, *, sources: set[str], posts: set[str]) -> None:
    """The data log and the nodes of a run add up to what the run says of itself."""
    log, work = whole_log(database, run.id), work_of(database, run.id)
    assert len({one.key for one in log}) == len(log)
    by_node: dict[str, Counter[SyncState]] = defaultdict(Counter)
    for one in log:
        by_node[one.node][one.state] += 1
    written = sum(by_node[post][SyncState.SUCCESS] for post in posts)
    assert written == run.counts.written
    assert sum(work[source].records_out for source in sources if source in work) == run.counts.read
    for post in posts:
        did = work.get(post, NodeWork(post, 1, 0, 0))
        states = by_node[post]
        assert (did.records_out, did.failed, did.skipped) == (
            states[SyncState.SUCCESS], states[SyncState.FAILED], states[SyncState.SKIPPED],
        )  # fmt: skip
        assert did.records_in == sum(states.values())
