"""Groups of equal failures, and what is done to many records, on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from agent.domain.error_classes import ErrorClass
from agent.domain.errors import ConflictError
from agent.domain.packet import SyncState
from agent.domain.run import Trigger
from agent.store.databases.database import Database
from agent.store.records.sync_edits import Chosen, Deed, SyncEdits
from agent.store.records.sync_filter import RecordFilter
from agent.store.records.sync_info import SyncInfo, SyncRow
from agent.store.runs.acknowledgement import STATE_NUMBERS, Acknowledgement, RecordLine, acknowledged_at
from agent.store.runs.ledger import Ledger
from agent.store.runs.plan_records import Choice, choose, page
from tests.helpers.agent_database import BOTH_KINDS, opened
from tests.helpers.filled_records import FINGERPRINT, FLOW, MOMENT, VERSION, fill
from tests.helpers.queued_runs import queue_run

LATER = MOMENT + timedelta(hours=1)


@pytest.fixture(params=BOTH_KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    with opened(request, tmp_path) as made:
        yield made


def do(database: Database, deed: Deed, wanted: RecordFilter | None = None, *ids: tuple[str, str]) -> list[int]:
    return list(SyncEdits(database).batches(Chosen("orders", ids, wanted), deed, at=LATER))


SKIP = Deed("skip", reason="Tests.", by="greta")


def counts(database: Database) -> dict[SyncState, int]:
    return dict(SyncInfo(database).counts("orders"))


def test_equal_failures_are_one_group_with_its_number_and_its_newest_as_example(database: Database) -> None:
    fill(database, 30, packet=10)
    first, second = SyncInfo(database).groups("orders", limit=10)
    assert (first.records, second.records) == (10, 10)
    by_class = {one.example.error_class: one for one in (first, second)}
    customers = by_class[ErrorClass.DEPENDENT_MISSING]
    assert customers.example.message == "No customer order-28."
    assert customers.latest == MOMENT + timedelta(seconds=3)
    page = SyncInfo(database).page("orders", RecordFilter(group=customers.number), limit=100)
    assert [row.source_id for row in page] == [
        row.source_id
        for row in SyncInfo(database).page("orders", RecordFilter(error_class=ErrorClass.DEPENDENT_MISSING), limit=100)
    ]
    assert len(page) == 10
    assert SyncInfo(database).groups("orders", RecordFilter(search="order-28"), limit=10)[0].records == 1


def test_a_filter_over_many_batches_changes_what_fits_and_nothing_else(database: Database) -> None:
    fill(database, 3_000)
    fill(database, 30, node="other")
    failed = RecordFilter(state=SyncState.FAILED, node="post", error_class=ErrorClass.DATA_MISSING)
    assert do(database, SKIP, failed) == [500, 500, 0]
    assert counts(database) == {
        SyncState.UNPROCESSED: 0, SyncState.SUCCESS: 1_010, SyncState.SKIPPED: 1_000, SyncState.FAILED: 1_020,
    }  # fmt: skip
    assert do(database, SKIP, failed) == [0]
    assert sum(do(database, Deed("unskip"), RecordFilter(state=SyncState.SKIPPED))) == 1_000
    assert counts(database)[SyncState.FAILED] == 2_020
    row = SyncInfo(database).page("orders", RecordFilter(search="order-2"), limit=1)[0]
    assert (row.error_class, row.cure, row.skipped_by_operator) == (ErrorClass.DATA_MISSING, "node:map", False)


def test_chosen_records_are_skipped_with_the_state_that_is_meant(database: Database) -> None:
    fill(database, 9)
    assert do(database, SKIP, None, ("post", "order-1"), ("post", "order-0"), ("elsewhere", "order-2")) == [1]
    ledger = Ledger(database)
    stream = ledger.stream(flow="orders", node="post")
    assert ledger.has_skips(stream)
    assert ledger.skipped(stream, ["order-0", "order-1", "order-2"]) == {"order-1": (FINGERPRINT, VERSION)}


def test_a_retry_leaves_out_what_was_skipped_also_while_it_is_under_way(database: Database) -> None:
    fill(database, 9)
    do(database, SKIP, None, ("post", "order-1"))
    queue_run(database, "run-2", flow=FLOW, version=4, trigger=Trigger.RETRY, at=LATER)
    with database.write() as connection:
        assert choose(connection, "run-2", Choice(FLOW, ["post"], states=[SyncState.FAILED, SyncState.SKIPPED])) == {
            "post": 5
        }
    do(database, SKIP, None, ("post", "order-2"))
    with database.read() as connection:
        assert page(connection, "run-2", ["post"], after="", limit=9) == ["order-4", "order-5", "order-7", "order-8"]


def test_deleted_records_are_forgotten_and_counted_no_more(database: Database) -> None:
    fill(database, 30)
    do(database, SKIP, None, ("post", "order-1"))
    assert sum(do(database, Deed("delete", by="greta"), RecordFilter(state=SyncState.SUCCESS))) == 10
    assert sum(do(database, Deed("delete", by="greta"), None, ("post", "order-1"))) == 1
    assert counts(database) == {
        SyncState.UNPROCESSED: 0, SyncState.SUCCESS: 0, SyncState.SKIPPED: 0, SyncState.FAILED: 19,
    }  # fmt: skip
    ledger = Ledger(database)
    assert not ledger.has_skips(ledger.stream(flow="orders", node="post"))


def test_what_was_touched_after_the_beginning_is_left_alone(database: Database) -> None:
    fill(database, 30, packet=10)
    edits = SyncEdits(database).batches(
        Chosen("orders", wanted=RecordFilter(state=SyncState.FAILED)), SKIP, at=MOMENT + timedelta(seconds=2)
    )
    assert sum(edits) == 13
    assert counts(database)[SyncState.FAILED] == 7


def test_every_record_is_read_for_a_file(database: Database) -> None:
    fill(database, 2_500)
    rows = list(SyncInfo(database).every("orders"))
    assert len({row.source_id for row in rows}) == len(rows) == 2_500
    assert sum(1 for _ in SyncInfo(database).every("orders", RecordFilter(state=SyncState.FAILED))) == 1_666


def test_groups_are_counted_by_an_index(tmp_path: Path) -> None:
    database = Database.at(tmp_path / "agent.db")
    with database.read() as connection:
        plan = connection.exec_driver_sql(
            "EXPLAIN QUERY PLAN SELECT state, shape, count(*), max(updated_at) FROM sync_info "
            "WHERE stream = 1 AND sync_info.shape IS NOT NULL GROUP BY state, shape"
        ).all()
    assert "USING COVERING INDEX sync_info_alike" in plan[0][-1]
    database.close()


def test_a_deletion_ends_where_a_run_begins(database: Database) -> None:
    fill(database, 3_000)
    batches = SyncEdits(database).batches(Chosen(FLOW, (), RecordFilter()), Deed("delete", by="greta"), at=LATER)
    assert next(batches) == 500
    queue_run(database, "run-2", flow=FLOW, version=4, trigger=Trigger.SCHEDULE, at=LATER)
    with pytest.raises(ConflictError) as caught:
        next(batches)
    assert caught.value.code == "already-running"
    assert sum(counts(database).values()) == 2_500


def late(database: Database, troubled: list[RecordLine], *, minutes: int) -> Acknowledgement:
    """A receipt of a packet with order-1 and order-2, written so many minutes before both were skipped, and booked."""
    run = queue_run(database, f"run-late-{minutes}", flow=FLOW, at=MOMENT).id
    ledger = Ledger(database)
    stream = ledger.stream(flow=FLOW, node="post")
    ledger.cursor(run=run, stream=stream)
    packet = Acknowledgement(
        run=run, stream=stream, number=1, move=None, source_ids=["order-1", "order-2"], destination_ids=["", "d2"],
        fingerprints=[8, 8], troubled=troubled, at=acknowledged_at(LATER - timedelta(minutes=minutes)),
    )  # fmt: skip
    assert ledger.acknowledge(packet)
    return packet


def row_of(database: Database, source_id: str) -> SyncRow:
    (row,) = [one for one in SyncInfo(database).page(FLOW, limit=100) if one.source_id == source_id]
    return row


def test_a_receipt_that_comes_late_takes_no_skip_off_but_of_what_has_arrived(database: Database) -> None:
    fill(database, 3)
    do(database, SKIP, None, ("post", "order-1"), ("post", "order-2"))
    refused = RecordLine(0, STATE_NUMBERS[SyncState.FAILED], "No such town.", "Correct it.", "data-invalid", "node:map")
    late(database, [refused], minutes=5)
    skipped, arrived = row_of(database, "order-1"), row_of(database, "order-2")
    assert (skipped.state, skipped.message, skipped.skipped_by_operator) == (
        SyncState.SKIPPED, "Skipped by greta: Tests.", True,
    )  # fmt: skip
    assert (arrived.state, arrived.destination_id, arrived.skipped_by_operator) == (SyncState.SUCCESS, "d2", False)
    assert counts(database) == {
        SyncState.UNPROCESSED: 0, SyncState.SUCCESS: 2, SyncState.SKIPPED: 1, SyncState.FAILED: 0,
    }  # fmt: skip
    ledger = Ledger(database)
    stream = ledger.stream(flow=FLOW, node="post")
    assert ledger.skipped(stream, ["order-1", "order-2"]) == {"order-1": (8, 1)}, "the state that was refused"
    do(database, Deed("unskip"), None, ("post", "order-1"))
    taken_back = row_of(database, "order-1")
    assert (taken_back.state, taken_back.message, taken_back.remedy) == (
        SyncState.FAILED, "No such town.", "Correct it.",
    )  # fmt: skip


def test_what_is_tried_after_a_skip_is_told_as_it_went(database: Database) -> None:
    fill(database, 3)
    do(database, SKIP, None, ("post", "order-1"))
    late(database, [RecordLine(0, STATE_NUMBERS[SyncState.FAILED], "No.", "Look.")], minutes=-5)
    row = row_of(database, "order-1")
    assert (row.state, row.message, row.skipped_by_operator) == (SyncState.FAILED, "No.", False)
