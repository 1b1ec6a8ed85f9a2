"""The ledger: a packet is booked as a whole, once, and by one worker. Sync Info and its counts follow exactly."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.domain.errors import FatalError
from agent.domain.packet import Bookmark, SyncState
from agent.domain.run import Counts, RunState
from agent.store.databases.database import Database
from agent.store.flows.flow_history import FlowHistory
from agent.store.looks.snapshot_budget import SnapshotBudget, SnapshotKeeper
from agent.store.looks.snapshots import Snapshots
from agent.store.records.sync_filter import RecordFilter
from agent.store.records.sync_info import SyncInfo, SyncRow
from agent.store.records.sync_rows import Known
from agent.store.runs.acknowledgement import (
    STATE_NUMBERS,
    Acknowledgement,
    Move,
    RecordLine,
    StoredBookmark,
    acknowledged_at,
)
from agent.store.runs.ledger import Ledger
from agent.store.runs.runs import RunStore, new_run_id
from tests.helpers.agent_database import BOTH_KINDS, opened
from tests.helpers.queued_runs import queue_run

NOW = datetime(2026, 11, 24, 9, 30, 15, 123_000, tzinfo=UTC)
FAILED, SKIPPED = STATE_NUMBERS[SyncState.FAILED], STATE_NUMBERS[SyncState.SKIPPED]


@dataclass
class Books:
    """A ledger with one run in it."""

    database: Database
    flow: str = "orders"
    ledger: Ledger = field(init=False)
    run: str = field(init=False)
    stream: int = field(init=False)
    source: int = field(init=False)

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.database)
        self.stream = self.ledger.stream(flow=self.flow, node="post")
        self.source = self.ledger.stream(flow=self.flow, node="get")
        self.run = self.new_run()

    def new_run(self) -> str:
        run_id = new_run_id(NOW)
        runs = RunStore(self.database)
        for run in runs.active():
            if run.flow == self.flow:
                runs.request_cancel(run.id, at=NOW)
        queue_run(self.database, run_id, flow=self.flow, at=NOW)
        for stream in (self.source, self.stream):
            self.ledger.cursor(run=run_id, stream=stream)
        return run_id

    def move(self, number: int, **more: Any) -> Move:
        values: dict[str, Any] = {
            "stream": self.source, "before": number - 1, "number": number, "position": {"page": number},
            "bookmark": None, "finished": False,
        }  # fmt: skip
        return Move(**values | more)

    def packet(self, number: int, ids: list[str], **more: Any) -> Acknowledgement:
        values: dict[str, Any] = {
            "run": self.run, "stream": self.stream, "number": number, "move": self.move(number, read=len(ids)),
            "source_ids": ids, "destination_ids": [f"d{one}" for one in ids],
            "fingerprints": [hash(one) for one in ids], "troubled": [], "at": acknowledged_at(NOW) + number,
        }  # fmt: skip
        return Acknowledgement(**values | more)

    def rows(self) -> dict[str, SyncRow]:
        page = SyncInfo(self.database).page(self.flow, limit=10_000)
        return {row.source_id: row for row in page}

    def counts(self) -> Counts:
        return RunStore(self.database).get(self.run).counts


@pytest.fixture(params=BOTH_KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    with opened(request, tmp_path) as database:
        yield database


@pytest.fixture
def books(database: Database) -> Books:
    return Books(database)


def test_a_stream_keeps_its_number(books: Books) -> None:
    ledger = books.ledger
    assert ledger.stream(flow="orders", node="post") == books.stream
    assert (
        len({ledger.stream(flow=flow, node=node) for flow in "ab" for node in "cd"} | {books.stream, books.source}) == 6
    )


def test_a_new_run_stands_at_the_beginning(books: Books) -> None:
    cursor = books.ledger.cursor(run=books.run, stream=books.stream)
    assert (cursor.number, cursor.position, cursor.finished) == (0, None, False)
    assert books.ledger.bookmark(books.stream) is None
    assert not books.ledger.has_records(books.stream)
    assert books.ledger.booked(run=books.run, stream=books.stream) == 0
    assert books.ledger.booked(run="unheard of", stream=books.stream) is None


def test_a_packet_moves_everything_together(books: Books) -> None:
    bookmark = StoredBookmark(NOW + timedelta(microseconds=5), {"after": ["x", 1]})
    troubled = [RecordLine(1, FAILED, "No e-mail.", "Correct it."), RecordLine(3, SKIPPED, "Not wanted.", "")]
    packet = books.packet(
        1, ["a", "b", "c", "d"], troubled=troubled, destination_ids=["A", "", "C", ""],
        move=books.move(1, read=9, unchanged=5, bookmark=bookmark, finished=True, memory={"pass": 2}),
    )  # fmt: skip
    assert books.ledger.acknowledge(packet)
    cursor = books.ledger.cursor(run=books.run, stream=books.source)
    assert (cursor.number, cursor.position, cursor.finished) == (1, {"page": 1}, True)
    assert cursor.memory == {"pass": 2}
    assert books.ledger.booked(run=books.run, stream=books.stream) == 1
    assert books.ledger.bookmark(books.source) == Bookmark(bookmark.moment, bookmark.detail)
    assert books.ledger.bookmark(books.stream) is None
    assert books.ledger.has_records(books.stream)
    assert books.counts() == Counts(read=9, unchanged=5, written=2, failed=1, skipped=1)
    rows = books.rows()
    assert {one: row.state for one, row in rows.items()} == {
        "a": SyncState.SUCCESS, "b": SyncState.FAILED, "c": SyncState.SUCCESS, "d": SyncState.SKIPPED,
    }  # fmt: skip
    assert (rows["b"].message, rows["b"].remedy, rows["b"].destination_id) == ("No e-mail.", "Correct it.", "")
    assert (rows["a"].destination_id, rows["a"].run, rows["a"].tries) == ("A", books.run, 1)
    assert rows["a"].updated_at == NOW + timedelta(milliseconds=1)


def test_a_packet_offered_twice_is_booked_once(books: Books) -> None:
    first, second = books.packet(1, ["a"]), books.packet(2, ["a", "b"])
    assert books.ledger.acknowledge(first)
    assert books.ledger.acknowledge(second)
    before = books.rows()
    assert not books.ledger.acknowledge(first)
    assert not books.ledger.acknowledge(second)
    assert books.rows() == before
    assert books.counts() == Counts(read=3, written=3)


def test_a_worker_that_was_left_behind_is_fenced_and_changes_nothing(books: Books) -> None:
    books.ledger.acknowledge(books.packet(1, ["a"]))
    for packet in (books.packet(3, ["c"]), books.packet(1, ["z"], run="another run")):
        with pytest.raises(FatalError) as caught:
            books.ledger.acknowledge(packet)
        assert caught.value.code == "fenced"
        with pytest.raises(FatalError) as caught:
            books.ledger.announce(packet, b"payload", at=NOW)
        assert caught.value.code == "fenced"
    with pytest.raises(FatalError):
        books.ledger.announce(books.packet(1, ["a"]), b"payload", at=NOW)
    assert set(books.rows()) == {"a"}
    assert books.ledger.intent(books.stream) is None


def test_the_bookmark_moves_only_with_the_packet_that_carries_it(books: Books) -> None:
    last = books.move(1, bookmark=StoredBookmark(None, {"id": 7}), finished=True)
    books.ledger.acknowledge(books.packet(1, ["a"], move=last))
    run = books.run
    books.run = books.new_run()
    books.ledger.acknowledge(books.packet(1, ["b"]))
    assert books.ledger.bookmark(books.source) == Bookmark(None, {"id": 7})
    assert books.ledger.cursor(run=run, stream=books.source).finished
    assert not books.ledger.cursor(run=books.run, stream=books.source).finished


def test_tries_count_from_the_last_success(books: Books) -> None:
    fails = [RecordLine(0, FAILED, "No.", "")]
    expected = [(None, 1), (None, 1), (fails, 1), (fails, 2), (None, 3), (None, 1)]
    for number, (troubled, tries) in enumerate(expected, 1):
        books.ledger.acknowledge(books.packet(number, ["a"], troubled=troubled or []))
        assert books.rows()["a"].tries == tries


def test_a_record_that_fails_later_keeps_where_it_went_before(books: Books) -> None:
    books.ledger.acknowledge(books.packet(1, ["a"]))
    books.ledger.acknowledge(
        books.packet(2, ["a"], destination_ids=[""], troubled=[RecordLine(0, FAILED, "No.", "Look.")])
    )
    assert (books.rows()["a"].destination_id, books.rows()["a"].state) == ("da", SyncState.FAILED)


def test_only_records_whose_last_try_succeeded_count_as_known(books: Books) -> None:
    books.ledger.acknowledge(books.packet(1, ["a", "b", "c"], fingerprints=[1, 2, 3]))
    books.ledger.acknowledge(
        books.packet(2, ["b", "c"], fingerprints=[22, 33], troubled=[RecordLine(0, FAILED, "No.", "")])
    )
    known = books.ledger.acknowledged_fingerprints(books.stream, ["a", "b", "c", "d"])
    assert known == {"a": 1, "c": 33}


def test_fingerprints_of_any_number_of_strange_ids_are_found(books: Books) -> None:
    strange = ["", "'", '"', "\\", "Ölçü", "\U0001f600", "%s", "?", "1e5", "null", "[1]", "x" * 5_000]
    if books.database.engine.dialect.name == "sqlite":
        strange.append("a\x00b")  # PostgreSQL has no such texts
    ids = strange + [str(number) for number in range(40_000)]
    books.ledger.acknowledge(books.packet(1, ids, fingerprints=list(range(len(ids)))))
    known = books.ledger.acknowledged_fingerprints(books.stream, ids)
    assert known == {one: number for number, one in enumerate(ids)}
    assert books.ledger.acknowledged_fingerprints(books.stream, []) == {}


def test_a_packet_without_records_moves_on(books: Books) -> None:
    books.ledger.move(books.run, books.move(1, read=7, unchanged=7), at=NOW)
    assert books.counts() == Counts(read=7, unchanged=7)
    assert books.ledger.cursor(run=books.run, stream=books.source).number == 1
    assert books.ledger.booked(run=books.run, stream=books.stream) == 0


def test_many_posts_book_for_themselves_and_the_progress_is_noted_once(books: Books) -> None:
    other = books.ledger.stream(flow="orders", node="post-lines")
    books.ledger.cursor(run=books.run, stream=other)
    books.ledger.acknowledge(books.packet(1, ["a", "b"], move=None))
    books.ledger.acknowledge(books.packet(1, ["a"], move=None, stream=other))
    books.ledger.acknowledge(books.packet(2, ["b"], move=None, stream=other))
    assert books.counts() == Counts(written=4)
    assert books.ledger.cursor(run=books.run, stream=books.source).number == 0
    move = books.move(3, before=0, read=7, unchanged=2, failed=1, skipped=2, bookmark=StoredBookmark(NOW, {"k": 1}))
    books.ledger.move(books.run, move, at=NOW)
    assert books.counts() == Counts(read=7, unchanged=2, written=4, failed=1, skipped=2)
    assert books.ledger.cursor(run=books.run, stream=books.source).number == 3
    assert books.ledger.bookmark(books.source) == Bookmark(NOW, {"k": 1})


def test_progress_that_another_worker_has_noted_is_refused_and_changes_nothing(books: Books) -> None:
    books.ledger.move(books.run, books.move(2, before=0, read=5), at=NOW)
    for move in (books.move(2, before=0), books.move(1), books.move(4, before=3)):
        refused = msgspec.structs.replace(move, read=9, bookmark=StoredBookmark(NOW, {}))
        with pytest.raises(FatalError) as caught:
            books.ledger.move(books.run, refused, at=NOW)
        assert caught.value.code == "fenced"
        with pytest.raises(FatalError):
            books.ledger.acknowledge(books.packet(1, ["a"], move=refused))
    assert books.counts() == Counts(read=5)
    assert (books.rows(), books.ledger.bookmark(books.source)) == ({}, None)
    assert books.ledger.booked(run=books.run, stream=books.stream) == 0


def test_what_became_of_records_is_known_with_the_run_and_where_they_went(books: Books) -> None:
    first = books.run
    books.ledger.acknowledge(books.packet(1, ["a", "b"], fingerprints=[1, 2]))
    books.run = books.new_run()
    failed = [RecordLine(0, FAILED, "No.", "")]
    books.ledger.acknowledge(
        books.packet(1, ["b", "c"], fingerprints=[22, 3], troubled=failed, destination_ids=["", "dc"])
    )
    known = books.ledger.known(books.stream, ["a", "b", "c", "d"])
    assert known == {
        "a": Known(1, 1, first, "da"), "b": Known(22, FAILED, books.run, "db"), "c": Known(3, 1, books.run, "dc"),
    }  # fmt: skip
    assert [one for one, what in known.items() if what.succeeded] == ["a", "c"]


def test_what_another_stream_has_written_over_is_known_no_more(books: Books) -> None:
    other = books.ledger.stream(flow="orders", node="post-too")
    far = books.ledger.stream(flow="orders", node="post-elsewhere")
    for stream in (other, far):
        books.ledger.cursor(run=books.run, stream=stream)
        books.ledger.acknowledge(books.packet(1, ["a", "b", "c"], stream=stream, fingerprints=[1, 2, 3], move=None))
    same_b = books.packet(1, ["a", "b"], fingerprints=[11, 2], move=None)
    assert books.ledger.acknowledge(same_b, rivals=[other])
    assert books.ledger.acknowledged_fingerprints(other, ["a", "b", "c"]) == {"a": -1, "b": 2, "c": 3}
    assert books.ledger.acknowledged_fingerprints(far, ["a", "b", "c"]) == {"a": 1, "b": 2, "c": 3}
    assert books.ledger.acknowledged_fingerprints(books.stream, ["a", "b"]) == {"a": 11, "b": 2}
    row = next(row for row in SyncInfo(books.database).page("orders", limit=99)
               if (row.node, row.source_id) == ("post-too", "a"))  # fmt: skip
    assert (row.state, row.tries, row.destination_id) == (SyncState.SUCCESS, 1, "da")


def test_until_when_a_packet_is_held_back_is_decided_once_and_forgotten_when_the_run_ends(books: Books) -> None:
    later = NOW + timedelta(hours=1)

    def hold(node: str, packet: str, until: datetime) -> datetime:
        return books.ledger.hold(run=books.run, node=node, packet=packet, until=until, at=NOW, records=1)

    assert hold("delay", "0.0", later) == later
    assert hold("delay", "0.0", later + timedelta(minutes=5)) == later
    assert hold("delay", "0.1", NOW) == NOW
    assert hold("other", "0.0", NOW) == NOW
    RunStore(books.database).end(books.run, state=RunState.SUCCESS, message="", remedy="", at=NOW)
    assert hold("delay", "0.0", NOW) == NOW


def test_an_intent_is_kept_until_its_packet_is_booked(books: Books) -> None:
    packet = books.packet(1, ["a"])
    books.ledger.announce(packet, b"payload", at=NOW)
    intent = books.ledger.intent(books.stream)
    assert intent is not None
    assert (intent.run, intent.number, intent.payload) == (books.run, 1, b"payload")
    books.ledger.announce(packet, b"again", at=NOW)
    books.ledger.acknowledge(packet)
    assert books.ledger.intent(books.stream) is None


def test_an_intent_whose_packet_is_booked_already_goes_when_it_is_offered_again(books: Books) -> None:
    packet = books.packet(1, ["a"])
    books.ledger.announce(packet, b"payload", at=NOW)
    with books.database.write() as connection:
        connection.exec_driver_sql("UPDATE cursors SET number = 1")
    assert not books.ledger.acknowledge(packet)
    assert books.ledger.intent(books.stream) is None


def test_an_intent_of_no_use_is_dropped_and_no_other(books: Books) -> None:
    other = Books(books.database, flow="customers")
    other.ledger.announce(other.packet(1, ["x"]), b"other", at=NOW)
    books.ledger.announce(books.packet(1, ["a"]), b"payload", at=NOW)
    intent = books.ledger.intent(books.stream)
    assert intent is not None
    books.ledger.drop_intent(intent, stream=books.stream)
    assert books.ledger.intent(books.stream) is None
    assert other.ledger.intent(other.stream) is not None


def test_a_receipt_is_the_whole_acknowledgement(books: Books) -> None:
    packet = books.packet(
        7, ["a", "Ö"], troubled=[RecordLine(1, FAILED, "No.", "Look.")],
        move=books.move(
            8, bookmark=StoredBookmark(NOW, {"k": [1, None, "x"]}), finished=True, unchanged=3, memory={"pass": 2}
        ),
    )  # fmt: skip
    assert Acknowledgement.unpack(packet.pack()) == packet
    alone = msgspec.structs.replace(packet, move=None)
    assert Acknowledgement.unpack(alone.pack()) == alone
    assert len(books.packet(1, [str(number) for number in range(2_500)]).pack()) < 100_000


# -- Sync Info ---------------------------------------------------------------------------------------------------------


def pages(database: Database, flow: str, limit: int, **wanted: Any) -> list[SyncRow]:
    found: list[SyncRow] = []
    asked = RecordFilter(**wanted)
    while page := SyncInfo(database).page(flow, asked, after=found[-1].key if found else "", limit=limit):
        assert len(page) <= limit
        found += page
    return found


@pytest.fixture
def two_streams(books: Books) -> Books:
    """One processflow with two POST nodes, 24 records each, several with the same time."""
    other = books.ledger.stream(flow="orders", node="post-lines")
    books.ledger.cursor(run=books.run, stream=other)
    for number in range(1, 7):
        ids = [f"{number}:{one}" for one in range(4)]
        troubled = [RecordLine(number % 4, FAILED, f"Failed in packet {number}.", "Look.")]
        for stream in (books.stream, other):
            at = acknowledged_at(NOW) + number // 2
            books.ledger.acknowledge(books.packet(number, ids, troubled=troubled, stream=stream, at=at, move=None))
    Books(books.database, flow="others").ledger.acknowledge(Books(books.database, flow="others").packet(1, ["z"]))
    return books


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
def test_pages_hold_every_record_once_the_latest_first(two_streams: Books, limit: int) -> None:
    rows = pages(two_streams.database, "orders", limit)
    assert len(rows) == len({(row.node, row.source_id) for row in rows}) == 48
    assert {row.node for row in rows} == {"post", "post-lines"}
    moments = [row.updated_at for row in rows]
    assert moments == sorted(moments, reverse=True)
    failed = pages(two_streams.database, "orders", limit, state=SyncState.FAILED)
    assert failed == [row for row in rows if row.state is SyncState.FAILED]
    assert len(failed) == 12
    fine = pages(two_streams.database, "orders", limit, state=SyncState.SUCCESS)
    assert fine == [row for row in rows if row.state is SyncState.SUCCESS]
    assert pages(two_streams.database, "orders", limit, state=SyncState.UNPROCESSED) == []


def test_searching_looks_into_ids_and_messages_in_any_case(two_streams: Books) -> None:
    assert {row.source_id for row in pages(two_streams.database, "orders", 100, search="PACKET 3")} == {"3:3"}
    assert {row.source_id for row in pages(two_streams.database, "orders", 5, search="d5:2")} == {"5:2"}
    assert pages(two_streams.database, "orders", 100, search="100%") == []
    assert pages(two_streams.database, "orders", 100, search="_") == []


def test_counts_are_those_of_one_processflow(two_streams: Books) -> None:
    sync_info = SyncInfo(two_streams.database)
    assert sync_info.counts("orders") == {
        SyncState.UNPROCESSED: 0, SyncState.SUCCESS: 36, SyncState.SKIPPED: 0, SyncState.FAILED: 12,
    }  # fmt: skip
    assert sync_info.counts("others")[SyncState.SUCCESS] == 1
    assert set(sync_info.counts("nowhere").values()) == {0}
    assert sync_info.failed() == {"orders": 12}


def test_the_newest_records_are_found_without_sorting_all(tmp_path: Path) -> None:
    Database.at(tmp_path / "agent.db").close()
    order = "ORDER BY updated_at DESC, source_id DESC LIMIT 100"
    queries = {
        "sync_info_by_time": f"SELECT * FROM sync_info WHERE stream = 1 AND updated_at <= 5 {order}",
        "sync_info_troubled": f"SELECT * FROM sync_info WHERE stream = 1 AND state = 3 AND state <> 1 {order}",
    }
    with closing(sqlite3.connect(tmp_path / "agent.db")) as connection:
        for index, query in queries.items():
            plan = str(connection.execute(f"EXPLAIN QUERY PLAN {query}").fetchall())
            assert index in plan
            assert "TEMP B-TREE" not in plan


_PACKETS = st.lists(
    st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from([1, SKIPPED, FAILED])), max_size=8), max_size=6
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    database = Database.at(tmp_path_factory.mktemp("shared") / "agent.db")
    yield database
    database.close()


@given(packets=_PACKETS)
@settings(max_examples=150, deadline=None)
def test_whatever_is_booked_each_record_ends_as_its_last_try_and_the_counts_add_up(
    shared: Database, packets: list[list[tuple[str, int]]]
) -> None:
    books = Books(shared, flow=f"flow of {new_run_id(NOW)}")
    expected: dict[str, int] = {}
    read: Counter[int] = Counter()
    for number, packet in enumerate(packets, 1):
        troubled = [RecordLine(index, state, "No.", "") for index, (_, state) in enumerate(packet) if state != 1]
        books.ledger.acknowledge(books.packet(number, [one for one, _ in packet], troubled=troubled))
        expected |= dict(packet)
        read.update(state for _, state in packet)
    assert {one: STATE_NUMBERS[row.state] for one, row in books.rows().items()} == expected
    totals = Counter(expected.values())
    assert SyncInfo(shared).counts(books.flow) == {state: totals[number] for state, number in STATE_NUMBERS.items()}
    assert SyncInfo(shared).failed().get(books.flow, 0) == totals[FAILED]
    assert books.counts() == Counts(read=read.total(), written=read[1], failed=read[FAILED], skipped=read[SKIPPED])


def test_a_booked_packet_leads_from_its_records_to_the_run_and_counts_at_its_node(books: Books) -> None:
    first = books.run
    books.ledger.acknowledge(books.packet(1, ["a", "b/c", "ü"]))
    books.run = books.new_run()
    books.ledger.acknowledge(books.packet(1, ["b/c", "d"]))
    snapshots = Snapshots(books.database)
    found = [one.run for one in snapshots.runs_of("orders", "b/c", before=None, limit=9)]
    assert found == [books.run, first]
    assert [one.run for one in snapshots.runs_of("orders", "ü", before=None, limit=9)] == [first]
    assert snapshots.runs_of("orders", "e", before=None, limit=9) == []
    assert (snapshots.logged(first), snapshots.logged(books.run)) == (3, 2)
    (entry,) = snapshots.nodes(first)
    assert (entry.work.node, entry.work.records_in, entry.work.records_out) == ("post", 3, 3)
    page = snapshots.records(first, node="post", state=SyncState.SUCCESS, search="B/", after="", limit=9)
    assert [one.source_id for one in page] == ["b/c"]
    keeper = SnapshotKeeper(books.database, budget=SnapshotBudget(bytes=0))
    assert keeper.enforce().packets == 2
    assert snapshots.logged(first) == 0


def test_a_number_that_is_given_again_after_a_history_was_deleted_is_of_its_new_node(tmp_path: Path) -> None:
    database = Database.at(tmp_path / "agent.db")
    ledger = Ledger(database)
    nodes = []
    for flow, node in (("old", "first"), ("new", "second")):
        stream = ledger.stream(flow=flow, node=node)
        run = queue_run(database, new_run_id(NOW), flow=flow, at=NOW).id
        ledger.cursor(run=run, stream=stream)
        ledger.acknowledge(
            Acknowledgement(
                run=run, stream=stream, number=1, move=None, source_ids=["a"], destination_ids=[""], fingerprints=[1],
                troubled=[], at=acknowledged_at(NOW),
            )
        )  # fmt: skip
        nodes.append((stream, ledger.entries(run)[0].node))
        RunStore(database).end(run, state=RunState.SUCCESS, message="", remedy="", at=NOW)
        FlowHistory(database).forget(flow, by="greta", at=NOW)
    assert nodes == [(1, "first"), (1, "second")]
    database.close()
