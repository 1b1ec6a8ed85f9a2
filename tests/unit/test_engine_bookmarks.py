"""Bookmarks that people move: the next run reads from there, nothing is written twice, the trail says who and why."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from agent.domain.errors import ConflictError
from agent.domain.packet import BY_HAND, Bookmark
from agent.store.databases.database import Database
from agent.store.records.audit import Audit
from agent.store.runs.acknowledgement import Acknowledgement, acknowledged_at
from agent.store.runs.bookmarks import BookmarkRow, BookmarkStore
from tests.helpers.agent_database import BOTH_KINDS, opened
from tests.helpers.flow_rig import Rig
from tests.helpers.scripted_apps import clauses_of

MOMENT = datetime(2026, 1, 31, 9, 15, tzinfo=UTC)


@pytest.fixture(params=BOTH_KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    with opened(request, tmp_path) as made:
        yield made


@pytest.fixture
def rig(database: Database) -> Rig:
    made = Rig(database)
    made.source.fill(3)
    return made


def move(rig: Rig, moment: datetime | None) -> BookmarkRow:
    return BookmarkStore(rig.database).move(
        flow=rig.flow, node="get", moment=moment, reason="Lost at the destination", by="greta", at=rig.clock.utc()
    )


def test_a_bookmark_says_by_which_run_it_was_moved_there(rig: Rig) -> None:
    run = rig.execute()
    row = next(row for row in BookmarkStore(rig.database).all(rig.flow) if row.node == "get")
    assert (row.bookmark, row.run, row.set_by, row.since) == (rig.bookmark(), run.id, "", rig.clock.utc())


def test_a_cleared_bookmark_lets_everything_be_read_and_nothing_unchanged_be_written(rig: Rig) -> None:
    rig.execute()
    assert move(rig, None).bookmark is None
    run = rig.execute()
    assert (run.counts.read, run.counts.unchanged, run.counts.written) == (3, 3, 0)
    assert set(rig.destination.carried_out.values()) == {1}


def test_a_set_bookmark_is_what_the_next_run_asks_from_and_what_it_then_moves_on(rig: Rig) -> None:
    rig.execute()
    moved = move(rig, MOMENT)
    assert (moved.bookmark, moved.set_by, moved.run) == (Bookmark(MOMENT, {BY_HAND: True}), "greta", "")
    rig.clock.now += 60
    run = rig.execute()
    request = rig.source.reads[-1]
    assert request.bookmark == moved.bookmark
    assert [clause.value for clause in clauses_of(request) if clause.key == "since"] == ["2026-01-31T09:15:00Z"]
    row = next(row for row in BookmarkStore(rig.database).all(rig.flow) if row.node == "get")
    assert (row.run, row.set_by) == (run.id, "")


def test_the_audit_trail_has_who_why_and_what_it_was(rig: Rig) -> None:
    rig.execute()
    before = rig.bookmark()
    assert before is not None
    move(rig, MOMENT)
    move(rig, None)
    cleared, moved = Audit(rig.database).page(limit=10)
    assert (moved.who, moved.what, moved.flow, moved.node, moved.reason) == (
        "greta", "bookmark-set", "flow", "get", "Lost at the destination",
    )  # fmt: skip
    assert moved.before is not None
    assert moved.before["detail"] == dict(before.detail)
    assert (cleared.what, cleared.before, cleared.after) == ("bookmark-clear", moved.after, None)


def test_a_bookmark_stays_while_a_run_has_not_ended(rig: Rig) -> None:
    run_id = rig.queue()
    with pytest.raises(ConflictError) as caught:
        move(rig, MOMENT)
    assert caught.value.code == "already-running"
    assert Audit(rig.database).page(limit=10) == []
    rig.execute(run_id)
    move(rig, MOMENT)


def test_a_write_of_an_ended_run_that_is_found_later_does_not_undo_it(rig: Rig) -> None:
    rig.execute()
    (key,) = rig.destination.kept
    late = Acknowledgement.unpack(rig.destination.kept[key])
    assert late.move is not None
    run_id = rig.queue()
    rig.ledger.cursor(run=run_id, stream=rig.stream)
    rig.ledger.cursor(run=run_id, stream=rig.source_stream)
    rig.runs.request_cancel(run_id, at=rig.clock.utc())
    late = msgspec.structs.replace(
        late, run=run_id, move=msgspec.structs.replace(late.move, before=0, number=1), number=1,
        at=acknowledged_at(rig.clock.utc() - timedelta(seconds=5)),
    )  # fmt: skip
    moved = move(rig, MOMENT)
    assert rig.ledger.acknowledge(late)
    assert rig.bookmark() == moved.bookmark
