"""Booking what was written: by receipt, by intent, after a crash, of an earlier run, of another installation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from agent.connectors.contract import WriteTarget
from agent.domain.app import Attribute, DataType
from agent.domain.errors import AmbiguousWriteError, FatalError
from agent.domain.packet import Batch, Row, SyncState
from agent.domain.run import Counts, RunState
from agent.engine.running.control import RunControl
from agent.engine.running.delivery import Delivery
from agent.engine.running.intended import Intended
from agent.engine.running.prepared import Prepared
from agent.engine.walking.journal import RunJournal
from agent.engine.walking.verdict import FailureLimit
from agent.store.databases.database import Database
from agent.store.runs.acknowledgement import Acknowledgement, Move, StoredBookmark
from tests.helpers.flow_rig import DOCUMENT, Rig
from tests.helpers.scripted_apps import Crash, ScriptedConnection, moment_of

TARGET = WriteTarget("rows", "PUT", {}, "flow/post")


@pytest.fixture
def open_rig(tmp_path: Path) -> Iterator[Callable[..., Rig]]:
    opened: list[Database] = []

    def make(name: str = "agent", **more: object) -> Rig:
        database = Database.at(tmp_path / f"{name}.db")
        opened.append(database)
        return Rig(database, **more)  # type: ignore[arg-type]  # receipts and document, by name

    yield make
    for database in opened:
        database.close()


def die(rig: Rig, run_id: str, place: str) -> None:
    """Run until this place, and die there."""

    def gone() -> None:
        rig.steps.dead = True
        raise Crash

    rig.steps.at(place, gone)
    with suppress(Crash):
        rig.runner().run_slice(run_id, RunControl(), budget_seconds=60)
    assert rig.steps.dead
    rig.steps.revive()


def cancel(rig: Rig, run_id: str) -> None:
    rig.runs.request_cancel(run_id, at=rig.clock.utc())
    rig.execute(run_id)


# -- receipts ----------------------------------------------------------------------------------------------------------


def test_a_packet_that_was_committed_is_booked_and_not_sent_again(open_rig: Callable[..., Rig]) -> None:
    rig = open_rig()
    rig.source.fill(8)
    run_id = rig.queue()
    die(rig, run_id, "committed")
    assert len(rig.destination.rows) == 5
    assert rig.rows() == {}
    rig.execute(run_id)
    assert rig.destination.batches == [5, 3]
    assert rig.journal.said("Booked a packet that had been written before.") == 1


def test_what_a_cancelled_run_had_committed_is_booked_by_the_next_one(open_rig: Callable[..., Rig]) -> None:
    rig = open_rig()
    rig.source.fill(8)
    first = rig.queue()
    die(rig, first, "committed")
    cancel(rig, first)
    run = rig.execute()
    assert run.counts == Counts(read=8, unchanged=5, written=3)
    assert rig.runs.get(first).counts == Counts(read=5, written=5)
    assert set(rig.destination.carried_out.values()) == {1}


def test_the_receipt_of_another_installation_is_left_alone(open_rig: Callable[..., Rig]) -> None:
    other, rig = open_rig("other"), open_rig()
    other.source.fill(4)
    other.execute()
    rig.destination.kept = dict(other.destination.kept)
    rig.source.fill(8)
    run = rig.execute()
    # Its bookmark would have hidden every record before it.
    assert run.counts == Counts(read=8, written=8)
    assert {row.run for row in rig.rows().values()} == {run.id}


def test_a_receipt_that_cannot_be_read_is_told_and_left_alone(open_rig: Callable[..., Rig]) -> None:
    rig = open_rig()
    rig.source.fill(3)
    rig.destination.kept = {"flow/post": b"written by a version that is not born yet"}
    assert rig.execute().counts == Counts(read=3, written=3)
    assert rig.journal.said("another version of the agent") == 1


# -- intents -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("place", "sent"), [("announced", [5, 3]), ("before booking", [5, 3])])
def test_after_a_crash_only_what_is_missing_is_sent(open_rig: Callable[..., Rig], place: str, sent: list[int]) -> None:
    rig = open_rig(receipts=False)
    rig.source.fill(8)
    run_id = rig.queue()
    die(rig, run_id, place)
    rig.execute(run_id)
    assert rig.destination.batches == sent
    assert set(rig.destination.carried_out.values()) == {1}
    assert rig.journal.said("Looking up what the destination holds.") == 1


def test_half_a_write_is_completed(open_rig: Callable[..., Rig]) -> None:
    rig = open_rig(receipts=False)
    rig.source.fill(5)
    run_id = rig.queue()
    rig.steps.at("row written", None)
    die(rig, run_id, "row written")
    rig.execute(run_id)
    assert rig.destination.batches == [5, 3]
    assert rig.rows()["r0"].destination_id == "dr0"
    assert rig.at_destination() == rig.expected()


def test_what_is_missing_of_a_cancelled_run_is_not_sent_but_read_again(open_rig: Callable[..., Rig]) -> None:
    rig = open_rig(receipts=False)
    rig.source.fill(8)
    first = rig.queue()
    rig.steps.at("row written", None)
    die(rig, first, "row written")
    cancel(rig, first)
    rig.source.put("r4", total=44)  # newer than what was to be sent
    run = rig.execute()
    assert run.counts == Counts(read=8, unchanged=2, written=6)
    assert rig.runs.get(first).counts == Counts(read=2, written=2)
    assert rig.at_destination() == rig.expected()
    assert set(rig.destination.carried_out.values()) == {1}


def test_the_intent_of_a_version_that_wrote_elsewhere_is_dropped(open_rig: Callable[..., Rig]) -> None:
    rig = open_rig(receipts=False)
    rig.source.fill(5)
    first = rig.queue()
    die(rig, first, "announced")
    cancel(rig, first)
    rig.deploy(DOCUMENT.replace("schema: rows", "schema: others"))
    assert rig.execute().counts == Counts(read=5, written=5)
    assert "look up" not in rig.steps.seen
    assert rig.ledger.intent(rig.stream) is None


def test_an_intent_of_an_unknown_run_stops_nothing(open_rig: Callable[..., Rig]) -> None:
    rig = open_rig(receipts=False)
    rig.source.fill(5)
    first = rig.queue()
    die(rig, first, "announced")
    cancel(rig, first)
    with rig.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM cursors")  # as when old runs are purged
    assert rig.execute().counts == Counts(read=5, written=5)
    assert rig.ledger.intent(rig.stream) is None


def test_refused_rows_stay_refused_when_the_rest_is_settled(open_rig: Callable[..., Rig]) -> None:
    rig = open_rig(receipts=False)
    rig.source.fill(5)
    rig.destination.refused, rig.destination.skipped = {"r3": "Refused."}, {"r1": "Not wanted."}
    run_id = rig.queue()
    die(rig, run_id, "row written")
    run = rig.execute(run_id)
    assert run.counts == Counts(read=5, written=3, failed=1, skipped=1)
    assert (rig.rows()["r3"].message, rig.rows()["r1"].message) == ("Refused.", "Not wanted.")
    assert rig.rows()["r0"].state is SyncState.SUCCESS


def test_an_intent_keeps_the_batch_exactly() -> None:
    attributes = (
        Attribute("id", DataType.TEXT, primary=True, required=True),
        Attribute("total", DataType.DECIMAL),
        Attribute("lines", DataType.COLLECTION, members=(Attribute("sku"), Attribute("bins", DataType.COLLECTION))),
    )
    rows: list[Row] = [
        ("a", "12.3400", [("x", [("1",), ("2",)]), ("y", [])]),
        ("Ö\x00\U0001f600", None, []),
        ("c", str(10**40), [(None, None)]),
    ]
    acknowledgement = Acknowledgement(
        run="r", stream=1, number=2, source_ids=["a", "z", "b", "c"], destination_ids=[""] * 4,
        fingerprints=[1, 2, 3, 2**63 - 1], troubled=[], at=5,
        move=Move(
            stream=2, before=4, number=5, position={"a": [1, None]}, read=7, unchanged=3, finished=True,
            bookmark=StoredBookmark(moment_of(1), {"b": "c"}), memory={"pass": 2},
        ),
    )  # fmt: skip
    prepared = Prepared(
        batch=Batch(attributes, ["a", "b", "c"], rows), places=[0, 2, 3], source_ids=["a", "z", "b", "c"],
        fingerprints=[1, 2, 3, 4], troubled=(),
    )  # fmt: skip
    target = WriteTarget("rows", "PUT", {"location": "7"}, "flow/post")
    again = Intended.unpack(Intended.of(prepared, acknowledgement, target).pack())
    assert again.batch() == prepared.batch
    assert (again.acknowledgement, again.target, again.places) == (acknowledgement, target, [0, 2, 3])


# -- single packets ----------------------------------------------------------------------------------------------------


def delivery(rig: Rig, *, before: Counts | None = None) -> tuple[Delivery, str]:
    run_id = rig.queue()
    for stream in (rig.stream, rig.source_stream):
        rig.ledger.cursor(run=run_id, stream=stream)
    return Delivery(
        destination=ScriptedConnection(rig.steps, destination=rig.destination), target=TARGET, ledger=rig.ledger,
        run=run_id, stream=rig.stream, number=0, journal=RunJournal(rig.journal, flow="flow", run=run_id),
        node="post", clock=rig.clock.utc, limit=FailureLimit(before or Counts()),
    ), run_id  # fmt: skip


def prepared(*keys: str) -> Prepared:
    batch = Batch((Attribute("id"), Attribute("total")), list(keys), [(key, 1) for key in keys])
    return Prepared(
        batch=batch, places=range(len(keys)), source_ids=list(keys), fingerprints=[1] * len(keys), troubled=[]
    )


def moved(rig: Rig, *, read: int) -> Move:
    """The first packet of the source, with so many records."""
    return Move(
        stream=rig.source_stream, before=0, number=1, position={}, bookmark=None, finished=False, read=read
    )  # fmt: skip


async def test_many_failures_of_one_packet_do_not_flood_the_log(open_rig: Callable[..., Rig]) -> None:
    rig = open_rig()
    keys = [f"r{number}" for number in range(200)]
    rig.destination.refused = dict.fromkeys(keys, "Refused.")
    one, _ = delivery(rig)
    await one.deliver(prepared(*keys), None)
    assert rig.journal.said("Refused.") == 50
    assert rig.journal.lines[-1].message == "150 more records of this packet: see Sync Info."


async def test_a_packet_that_somebody_else_has_booked_stops_this_worker(open_rig: Callable[..., Rig]) -> None:
    rig = open_rig()
    one, run_id = delivery(rig)
    await one.deliver(prepared("a"), moved(rig, read=1))
    one.continue_from(0)
    with pytest.raises(FatalError) as caught:
        await one.deliver(prepared("a"), moved(rig, read=1))
    assert caught.value.code == "fenced"
    assert rig.runs.get(run_id).counts == Counts(read=1, written=1)


@pytest.mark.parametrize("receipts", [True, False])
async def test_a_destination_that_never_answers_is_asked_three_times(
    open_rig: Callable[..., Rig], receipts: bool
) -> None:
    rig = open_rig(receipts=receipts)
    rig.destination.script.extend(["lost"] * 9)
    one, run_id = delivery(rig)
    with pytest.raises(AmbiguousWriteError) as caught:
        await one.deliver(prepared("a"), moved(rig, read=1))
    assert caught.value.code == "write-unanswered"
    assert len(rig.destination.batches) <= 4
    assert rig.runs.get(run_id).counts == Counts()
    rig.destination.script.clear()
    await one.settle()
    if receipts:
        await one.deliver(prepared("a"), moved(rig, read=1))
    assert rig.runs.get(run_id).counts == Counts(read=1, written=1)


def test_failures_of_an_earlier_run_do_not_count_against_this_one(open_rig: Callable[..., Rig]) -> None:
    rig = open_rig()
    rig.source.fill(600)
    rig.destination.packet_size = 600
    rig.destination.refused = dict.fromkeys(list(rig.source.records)[:499], "Refused.")
    first = rig.queue()
    die(rig, first, "committed")
    cancel(rig, first)
    for number in range(10):
        rig.source.put(f"s{number}", total=number)
        rig.destination.refused[f"s{number}"] = "Refused."
    second = rig.execute()
    assert rig.runs.get(first).counts == Counts(read=600, written=101, failed=499)
    assert (second.state, second.message) == (RunState.FAILED, "0 records written, 10 failed.")
