"""The heart: killed at any boundary and started again, a run ends with every record where it belongs, written once."""

from __future__ import annotations

import itertools
import sqlite3
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import pytest
import sqlalchemy as sa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent.domain.packet import Bookmark, SyncState
from agent.domain.run import Counts, RunState
from agent.engine.running.runner import Then
from agent.store.databases.database import Database
from tests.helpers.flow_rig import QuickControl, Rig
from tests.helpers.scripted_apps import Crash, moment_of
from tests.helpers.snapshot_facts import check_snapshot, whole_log

_MOST_STARTS = 300
_names = itertools.count()


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """One for all examples, each of which has a processflow of its own."""
    database = Database.at(tmp_path_factory.mktemp("crashes") / "agent.db")

    @sa.event.listens_for(database.engine, "connect")
    def _hasten(connection: sqlite3.Connection, _record: object) -> None:
        # These crashes are of the process, not of the machine: the file's content is the same without waiting for it.
        connection.execute("PRAGMA synchronous=OFF")

    database.close()
    yield database
    database.close()


@dataclass(frozen=True)
class Story:
    """A run and its mishaps.

    `crashes` are the steps after which the process dies, one for each start. `fates` are what becomes of writes that
    are never answered. `changes` are records that change at the source while the process is down.
    """

    records: int
    packet_size: int
    crashes: tuple[int, ...]
    fates: tuple[str, ...] = ()
    refused: frozenset[int] = frozenset()
    skipped: frozenset[int] = frozenset()
    unmappable: frozenset[int] = frozenset()
    changes: tuple[int, ...] = ()
    empty_end: bool = False
    slices: bool = False


_SOME = st.frozensets(st.integers(0, 24), max_size=4)
_STORIES = st.builds(
    Story,
    records=st.integers(0, 24),
    packet_size=st.integers(1, 8),
    crashes=st.lists(st.integers(0, 30), max_size=8).map(tuple),
    fates=st.lists(st.sampled_from(["", "", "lost", "done", "half"]), max_size=6).map(tuple),
    refused=_SOME,
    skipped=_SOME,
    unmappable=_SOME,
    changes=st.lists(st.integers(0, 24), max_size=5).map(tuple),
    empty_end=st.booleans(),
    slices=st.booleans(),
)


def tell(database: Database, story: Story, *, receipts: bool) -> Rig:
    """Run the story to its end, in as many processes as it takes."""
    rig = Rig(database, flow=f"flow-{next(_names)}", receipts=receipts)
    rig.destination.packet_size = story.packet_size
    rig.destination.script = deque(story.fates)
    rig.destination.refused = {f"r{number}": "Refused." for number in story.refused}
    rig.destination.skipped = {f"r{number}": "Not wanted." for number in story.skipped - story.refused}
    rig.source.empty_end = story.empty_end
    for number in range(story.records):
        rig.source.put(f"r{number}", total="many" if number in story.unmappable else number)
    run_id = rig.queue()
    crashes, changes = deque(story.crashes), deque(story.changes)
    for _ in range(_MOST_STARTS):
        rig.steps.revive(crashes.popleft() if crashes else None)
        runner = rig.runner()
        with suppress(Crash):
            while runner.run_slice(run_id, QuickControl(), budget_seconds=0 if story.slices else 60) is not Then.ENDED:
                pass
            return rig
        if changes and (changed := f"r{changes.popleft()}") in rig.source.records:
            _, document = rig.source.records[changed]
            rig.source.put(changed, total=document["total"])
    raise AssertionError("The run does not end.")


def check(rig: Rig, story: Story) -> None:
    """Everything is where it belongs."""
    rig.steps.revive()
    (run,) = rig.runs.page(flow=rig.flow, before="", limit=9)
    check_snapshot(rig.database, run, sources={"get"}, posts={"post"})
    if not story.changes:
        tried = {one.source_id for one in whole_log(rig.database, run.id)}
        assert tried == set(rig.source.records)
    if story.changes:
        rig.execute()  # what changed after the last packet was read is for the next run
    bad = {f"r{number}" for number in story.refused | story.skipped | story.unmappable}
    assert rig.at_destination() == rig.expected(lambda identity: identity not in bad)
    twice = {key for key, times in rig.destination.carried_out.items() if times > 1}
    assert twice == set()
    rows = rig.rows()
    assert set(rows) == set(rig.source.records)
    states = {
        identity: SyncState.FAILED
        if int(identity[1:]) in story.unmappable | story.refused
        else SyncState.SKIPPED
        if int(identity[1:]) in story.skipped
        else SyncState.SUCCESS
        for identity in rig.source.records
    }
    assert {identity: row.state for identity, row in rows.items()} == states
    assert {identity: row.destination_id for identity, row in rows.items()} == {
        identity: f"d{identity}" if state is SyncState.SUCCESS else "" for identity, state in states.items()
    }
    totals = Counter(states.values())
    assert rig.sync_info.counts(rig.flow) == {state: totals[state] for state in SyncState}
    change = rig.source.changes
    expected = Bookmark(moment_of(change), {"change": change})
    assert rig.bookmark() == expected
    assert rig.ledger.intent(rig.stream) is None
    fine, failed, skipped = (totals[state] for state in (SyncState.SUCCESS, SyncState.FAILED, SyncState.SKIPPED))
    if not story.changes:
        outcome = RunState.SUCCESS
        if failed:
            outcome = RunState.PARTIAL if fine or skipped else RunState.FAILED
        assert run.state is outcome
        assert run.counts == Counts(read=story.records, written=fine, failed=failed, skipped=skipped)
        assert all(row.tries == 1 for row in rows.values())
    again = rig.execute()
    assert again.counts == Counts()
    assert rig.bookmark() == expected


@given(story=_STORIES)
@example(story=Story(records=9, packet_size=3, crashes=tuple(range(30)), fates=("half", "lost", "done")))
@settings(max_examples=120, deadline=None)
def test_a_destination_that_keeps_receipts_ends_up_exact(database: Database, story: Story) -> None:
    check(tell(database, story, receipts=True), story)


@given(story=_STORIES)
@example(story=Story(records=9, packet_size=3, crashes=tuple(range(40)), fates=("half", "lost", "done")))
@settings(max_examples=120, deadline=None)
def test_a_destination_that_is_looked_up_ends_up_exact(database: Database, story: Story) -> None:
    check(tell(database, story, receipts=False), story)


@pytest.mark.parametrize("receipts", [True, False])
def test_killed_at_each_single_step_of_a_run(database: Database, receipts: bool) -> None:
    story = Story(records=11, packet_size=4, crashes=())
    steps = len(tell(database, story, receipts=receipts).steps.seen)
    for step in range(steps):
        killed = Story(records=11, packet_size=4, crashes=(step,), refused=frozenset({2}), unmappable=frozenset({5}))
        check(tell(database, killed, receipts=receipts), killed)
