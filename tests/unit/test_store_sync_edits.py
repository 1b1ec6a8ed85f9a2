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
from agent.store.database import Database
from agent.store.ledger import Ledger
from agent.store.plan_records import Choice, choose, page
from agent.store.sync_edits import Chosen, Deed, SyncEdits
from agent.store.sync_filter import RecordFilter
from agent.store.sync_info import SyncInfo
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
