"""Received events as rows: in order and once, kept for a while, never removed before they are processed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.store.databases.database import Database
from agent.store.inbox.events import Delivery, EventStore, Outcome, Taken
from agent.store.inbox.inboxes import EventInboxes, Refusals

NOW = datetime(2026, 1, 31, 9, 15, tzinfo=UTC)
MUCH = 1 << 30


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A database with the inboxes a and b."""
    database = Database.at(tmp_path / "agent.db")
    for flow in ("a", "b"):
        EventInboxes(database).renew(flow, "hash", at=NOW, by="greta")
    yield database
    database.close()


def event(name: str, *source_ids: str, flow: str = "a", by_body: bool = False, at: datetime = NOW) -> Delivery:
    """A delivery of records of ten bytes each."""
    return Delivery(flow, name, by_body, [(one, b"0123456789") for one in source_ids or ("x",)], at)


def test_records_are_numbered_by_processflow_and_read_in_order(database: Database) -> None:
    store = EventStore(database)
    outcomes = store.put([event("1", "r1", "r2"), event("1", flow="b"), event("2", "r3")], most_bytes=MUCH)
    assert outcomes == [Outcome(Taken.STORED, 2), Outcome(Taken.STORED, 1), Outcome(Taken.STORED, 3)]
    assert store.upto("a", after=0, most=1) == 2, "whole events"
    rows = store.page("a", after=0, upto=3, most=9)
    assert [(row.number, row.ends, row.source_id) for row in rows] == [(1, 2, "r1"), (2, 2, "r2"), (3, 3, "r3")]
    assert [row.source_id for row in store.page("a", after=0, upto=3, most=9, one_event=True)] == ["r1", "r2"]
    assert store.page("a", after=3, upto=3, most=9) == []
    assert store.upto("a", after=3, most=9) == 3


def test_large_records_come_in_small_pages(database: Database) -> None:
    store = EventStore(database)
    large = Delivery("a", "1", False, [(str(number), b"x" * 900_000) for number in range(9)], NOW)
    store.put([large], most_bytes=MUCH)
    assert len(store.page("a", after=0, upto=9, most=9)) == 4


def test_a_repeated_delivery_is_dropped_and_counted_in_the_same_batch_and_later(database: Database) -> None:
    store = EventStore(database)
    taken = [one.taken for one in store.put([event("1"), event("1"), event("1", flow="b")], most_bytes=MUCH)]
    assert taken == [Taken.STORED, Taken.DUPLICATE, Taken.STORED]
    assert store.put([event("1", at=NOW + timedelta(days=6))], most_bytes=MUCH)[0].taken is Taken.DUPLICATE
    inbox = EventInboxes(database).find("a")
    assert inbox is not None
    assert (inbox.received, inbox.duplicates, inbox.waiting, inbox.last_received_at) == (1, 2, 1, NOW)


def test_a_body_counts_as_repeated_for_a_day(database: Database) -> None:
    store = EventStore(database)
    later = [NOW, NOW + timedelta(hours=23), NOW + timedelta(hours=25)]
    taken = [store.put([event("body", by_body=True, at=at)], most_bytes=MUCH)[0].taken for at in later]
    assert taken == [Taken.STORED, Taken.DUPLICATE, Taken.STORED]


def test_what_waits_is_never_removed_and_full_is_said(database: Database) -> None:
    store = EventStore(database)
    assert [one.taken for one in store.put([event("1"), event("2"), event("3")], most_bytes=25)] == [
        Taken.STORED, Taken.STORED, Taken.FULL,
    ]  # fmt: skip
    assert store.remove_processed(before=NOW + timedelta(days=9), most_bytes=0) == 0
    store.note_processed("a", 1)
    assert store.remove_processed(before=NOW, most_bytes=10) == 1
    assert [row.number for row in store.page("a", after=0, upto=9, most=9)] == [2]
    assert store.put([event("3")], most_bytes=25)[0] == Outcome(Taken.STORED, 3)


def test_processed_events_are_removed_after_their_days(database: Database) -> None:
    store = EventStore(database)
    store.put([event("1"), event("2", at=NOW + timedelta(days=2))], most_bytes=MUCH)
    store.note_processed("a", 2)
    store.note_processed("a", 1)
    assert store.processed("a") == 2, "it never goes back"
    assert store.remove_processed(before=NOW + timedelta(days=1), most_bytes=MUCH) == 1
    assert store.newest("a", ["x"])[0].number == 2


def test_the_newest_state_of_a_record_is_found_by_its_id(database: Database) -> None:
    store = EventStore(database)
    store.put([event("1", "r1", "r2"), event("2", "r1")], most_bytes=MUCH)
    assert [(row.number, row.source_id) for row in store.newest("a", ["r1", "r2", "gone"])] == [(2, "r2"), (3, "r1")]


def test_records_of_a_window_of_time_are_found(database: Database) -> None:
    store = EventStore(database)
    store.put([event(str(day), str(day), at=NOW + timedelta(days=day)) for day in range(4)], most_bytes=MUCH)
    window = (NOW + timedelta(days=1), NOW + timedelta(days=2))
    assert [row.source_id for row in store.page("a", after=0, upto=4, most=9, window=window)] == ["1", "2"]


def test_refusals_are_counted_and_a_new_secret_keeps_what_waits(database: Database) -> None:
    store, inboxes = EventStore(database), EventInboxes(database)
    store.put([event("1")], most_bytes=MUCH)
    inboxes.note_refused("a", Refusals(3, NOW, "401: wrong"))
    renewed = inboxes.renew("a", "other", at=NOW, by="max")
    assert (renewed.refused, renewed.last_refusal, renewed.waiting, renewed.secret_hash) == (
        3,
        "401: wrong",
        1,
        "other",
    )
