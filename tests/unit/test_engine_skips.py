"""What an operator skipped is not written as it is: not by the next run, not by another version, not by a retry. A
changed record is, and so is one whose skip was taken back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.domain.packet import SyncState
from agent.domain.run import RunState
from agent.store.databases.database import Database
from agent.store.records.sync_edits import Chosen, Deed, SyncEdits
from agent.store.records.sync_filter import RecordFilter
from tests.helpers.flow_rig import DOCUMENT, Rig

BRANCHED = DOCUMENT.replace(
    "  post: {type: post, credential: to, schema: rows, action: PUT}\n",
    "  split: {type: splitter, size: 2}\n  post: {type: post, credential: to, schema: rows, action: PUT}\n",
).replace("[start, get, map, post, end]", "[start, get, map, split, post, end]")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.at(tmp_path / "agent.db")
    yield opened
    opened.close()


@pytest.fixture(params=[DOCUMENT, BRANCHED], ids=["plain", "cut"])
def rig(database: Database, request: pytest.FixtureRequest) -> Rig:
    """Three records, of which the destination refuses one; every run reads all of them again."""
    made = Rig(database, document=request.param)
    made.source.fill(3)
    made.source.overlap = 1_000
    made.destination.refused = {"r1": "No."}
    made.execute()
    assert made.rows()["r1"].state is SyncState.FAILED
    return made


def do(rig: Rig, name: str, wanted: RecordFilter | None = None, *ids: str) -> int:
    """Do something to records; returns to how many."""
    rig.clock.now += 60
    deed = Deed("skip", reason="A test order.", by="greta") if name == "skip" else Deed("unskip", by="greta")
    chosen = Chosen(rig.flow, [("post", one) for one in ids], wanted)
    return sum(SyncEdits(rig.database).batches(chosen, deed, at=rig.clock.utc()))


def skip(rig: Rig) -> None:
    assert do(rig, "skip", None, "r1") == 1
    rig.destination.refused = {}


def test_a_skipped_record_is_not_tried_again_and_says_who_skipped_it_and_why(rig: Rig) -> None:
    skip(rig)
    run = rig.execute()
    assert (run.state, run.counts.written, run.counts.unchanged) == (RunState.SUCCESS, 0, 3)
    row = rig.rows()["r1"]
    assert (row.state, row.message, row.skipped_by_operator) == (
        SyncState.SKIPPED, "Skipped by greta: A test order.", True,
    )  # fmt: skip
    assert set(rig.at_destination()) == {"r0", "r2"}


def test_another_version_does_not_write_it_either(rig: Rig) -> None:
    skip(rig)
    rig.deploy()
    run = rig.execute()
    assert run.counts.written == 2
    assert set(rig.at_destination()) == {"r0", "r2"}


def test_a_changed_record_is_written(rig: Rig) -> None:
    skip(rig)
    rig.source.put("r1", total=7)
    assert rig.execute().counts.written == 1
    row = rig.rows()["r1"]
    assert (row.state, row.skipped_by_operator) == (SyncState.SUCCESS, False)
    assert rig.at_destination() == rig.expected()


def test_once_it_was_written_the_state_that_was_skipped_counts_like_any_other(rig: Rig) -> None:
    before = dict(rig.source.records["r1"][1])
    skip(rig)
    rig.source.put("r1", total=7)
    rig.execute()
    del before["id"]
    rig.source.put_exactly("r1", **before)
    assert rig.execute().counts.written == 1
    assert rig.at_destination() == rig.expected()


def test_a_skip_that_is_taken_back_leaves_the_record_as_it_was_and_it_is_tried_again(rig: Rig) -> None:
    before = rig.rows()["r1"]
    skip(rig)
    assert do(rig, "unskip", None, "r1") == 1
    row = rig.rows()["r1"]
    assert (row.state, row.message, row.tries) == (SyncState.FAILED, before.message, before.tries)
    rig.execute()
    assert rig.rows()["r1"].state is SyncState.SUCCESS
    assert rig.at_destination() == rig.expected()


def test_what_has_arrived_cannot_be_skipped(rig: Rig) -> None:
    assert do(rig, "skip", RecordFilter()) == 1
    assert {one: row.state for one, row in rig.rows().items()} == {
        "r0": SyncState.SUCCESS, "r1": SyncState.SKIPPED, "r2": SyncState.SUCCESS,
    }  # fmt: skip
    assert dict(rig.sync_info.counts(rig.flow)) == {
        SyncState.UNPROCESSED: 0, SyncState.SUCCESS: 2, SyncState.SKIPPED: 1, SyncState.FAILED: 0,
    }  # fmt: skip
