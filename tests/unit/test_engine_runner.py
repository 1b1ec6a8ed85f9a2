"""Runs: how they end, how they wait, how they are stopped, and that they go on where they stood."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import sqlalchemy as sa

from agent.domain.errors import ConfigurationError, FatalError, NotFoundError, TransientError
from agent.domain.packet import Bookmark, SyncState
from agent.domain.run import Counts, RunState
from agent.engine.running.control import RunControl
from agent.engine.running.runner import Then
from agent.store.databases.database import Database
from tests.helpers.flow_rig import DOCUMENT, QuickControl, RecordingJournal, Rig
from tests.helpers.scripted_apps import Crash, clauses_of, moment_of, outage, unanswered

SEVERAL = """\
  get-2: {type: get, credential: from, schema: records, action: GET}
  map-2: {type: mapper, attributes: {id: {value: id, type: text, key: true}}}
  post-2: {type: post, credential: to, schema: others, action: PUT}
  end: {type: end}
links:
  - [start, get-2, map-2, post-2, end]
"""


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database.at(tmp_path / "agent.db")
    yield database
    database.close()


@pytest.fixture(params=[True, False], ids=["receipts", "intents"])
def rig(database: Database, request: pytest.FixtureRequest) -> Rig:
    return Rig(database, receipts=request.param)


@pytest.fixture
def plain(database: Database) -> Rig:
    return Rig(database)


# -- how runs end ------------------------------------------------------------------------------------------------------


def test_every_record_arrives_and_the_run_says_how_many(rig: Rig) -> None:
    rig.source.fill(23)
    run = rig.execute()
    assert (run.state, run.message, run.remedy) == (RunState.SUCCESS, "23 records written.", "")
    assert run.counts == Counts(read=23, written=23)
    assert (run.started_at, run.ended_at, run.activity) == (rig.clock.utc(), rig.clock.utc(), "")
    assert rig.at_destination() == rig.expected()
    assert rig.bookmark() == Bookmark(moment_of(23), {"change": 23})
    assert rig.journal.lines[-1].message == "flow ended: Success. 23 records written."


def test_the_next_run_reads_what_changed_and_nothing_else(rig: Rig) -> None:
    rig.source.fill(8)
    rig.execute()
    assert rig.execute().message == "Nothing new at the source."
    rig.source.put("r3", total=33)
    run = rig.execute()
    assert (run.message, run.counts) == ("1 record written.", Counts(read=1, written=1))
    assert rig.at_destination() == rig.expected()
    sent = [clause.value for read in rig.source.reads for clause in clauses_of(read)]
    assert sent == ["2026-11-24T09:00:08Z"] * 2


def test_the_filter_that_was_sent_is_in_the_log(rig: Rig) -> None:
    rig.source.fill(1)
    rig.execute()
    rig.execute()
    lines = [line.detail for line in rig.journal.lines if line.message.startswith("Starting data pulling")]
    assert lines[1] == "Action Filter records GET: since = 2026-11-24T09:00:01Z"


def test_records_that_fail_make_the_run_partial_and_say_why(rig: Rig) -> None:
    rig.source.fill(10)
    rig.source.put("r4", total="many")
    rig.destination.refused = {"r7": "No e-mail."}
    rig.destination.skipped = {"r8": "Not wanted."}
    run = rig.execute()
    assert run.state is RunState.PARTIAL
    assert run.message == "7 records written, 2 failed, 1 skipped."
    assert "Sync Info" in run.remedy
    assert run.counts == Counts(read=10, written=7, failed=2, skipped=1)
    rows = rig.rows(SyncState.FAILED)
    assert {identity: row.message for identity, row in rows.items()} == {
        "r4": "total: “many” is not a whole number.", "r7": "No e-mail.",
    }  # fmt: skip
    assert rows["r7"].remedy == "Correct it."
    told = {line.record: line.message for line in rig.journal.lines if line.level == "warning" and line.record}
    assert told == {identity: row.message for identity, row in (rows | rig.rows(SyncState.SKIPPED)).items()}
    assert rig.journal.lines[-1].level == "warning"


def test_a_record_that_failed_is_tried_again_when_it_comes_again(rig: Rig) -> None:
    rig.source.fill(3)
    rig.destination.refused = {"r1": "Refused."}
    rig.execute()
    rig.destination.refused = {}
    assert rig.execute().counts == Counts()  # it stays Failed until it changes or somebody resyncs it
    assert rig.rows()["r1"].state is SyncState.FAILED
    rig.source.put("r1", total=1)
    assert rig.execute().state is RunState.SUCCESS
    assert (rig.rows()["r1"].state, rig.rows()["r1"].tries) == (SyncState.SUCCESS, 2)
    assert rig.sync_info.failed() == {}


def test_a_run_in_which_every_record_fails_has_failed(rig: Rig) -> None:
    rig.source.fill(3)
    rig.destination.refused = dict.fromkeys(rig.source.records, "Refused.")
    run = rig.execute()
    assert (run.state, run.message) == (RunState.FAILED, "0 records written, 3 failed.")


def test_too_many_failures_stop_the_run_and_nothing_is_left_behind_after_the_correction(rig: Rig) -> None:
    rig.source.fill(1_000)
    rig.destination.packet_size = 100
    rig.destination.refused = dict.fromkeys(rig.source.records, "Refused.")
    run = rig.execute()
    assert run.state is RunState.FAILED
    assert run.message == "Stopped: 500 of 500 records failed."
    assert run.counts == Counts(read=500, failed=500)
    rig.destination.refused = {}
    assert rig.execute().counts == Counts(read=1_000, written=1_000)
    assert rig.at_destination() == rig.expected()
    assert rig.sync_info.failed() == {}


def test_too_many_failures_in_the_last_packet_do_not_move_the_bookmark(rig: Rig) -> None:
    rig.source.fill(600)
    rig.destination.packet_size = 1_000
    rig.destination.refused = dict.fromkeys(rig.source.records, "Refused.")
    assert rig.execute().message == "Stopped: 600 of 600 records failed."
    assert rig.bookmark() is None
    rig.destination.refused = {}
    assert rig.execute().counts == Counts(read=600, written=600)


def test_what_nobody_expected_ends_the_run_with_its_place_and_no_data(rig: Rig) -> None:
    rig.source.fill(3)
    rig.steps.at("write", RuntimeError("customer jane@example.com"))
    run = rig.execute()
    assert run.state is RunState.FAILED
    assert run.message == "Something unexpected went wrong (RuntimeError)."
    (line,) = [line for line in rig.journal.lines if line.message.startswith("Something unexpected")]
    assert "RuntimeError at" in line.detail
    assert "jane" not in str(rig.journal.lines)
    assert rig.execute().state is RunState.SUCCESS
    assert rig.at_destination() == rig.expected()


def test_what_a_person_has_to_mend_ends_the_run_with_the_remedy(rig: Rig) -> None:
    rig.source.fill(3)
    error = ConfigurationError("The token is wrong.", code="wrong-token", remedy="Enter it again.")
    rig.steps.at("open source", error)
    run = rig.execute()
    assert (run.state, run.message, run.remedy) == (RunState.FAILED, "The token is wrong.", "Enter it again.")
    assert any("[wrong-token]" in line.detail for line in rig.journal.lines)
    assert rig.execute().state is RunState.SUCCESS


def test_an_app_configuration_that_was_removed_is_named(plain: Rig) -> None:
    plain.configurations.remove("flow-source")
    run = plain.execute()
    assert run.state is RunState.FAILED
    assert run.message.startswith("Source Application Not Found")


def test_a_source_that_ends_without_a_bookmark_does_not_run_for_ever(plain: Rig) -> None:
    plain.source.fill(3)
    plain.source.ends = False
    run = plain.execute()
    assert (run.state, run.message) == (RunState.FAILED, "The source ended without saying how far it was read.")
    assert plain.bookmark() is None


def test_an_unknown_run_is_refused(plain: Rig) -> None:
    with pytest.raises(NotFoundError):
        plain.runner().run_slice("nowhere", RunControl(), budget_seconds=1)


def test_several_chains_run_one_after_the_other_each_with_a_bookmark_of_its_own(plain: Rig) -> None:
    plain.deploy(DOCUMENT.replace("  end: {type: end}\nlinks:\n", SEVERAL))
    plain.source.fill(12)
    run = plain.execute(budget_seconds=0)
    assert run.counts == Counts(read=24, written=24)
    streams = [plain.ledger.stream(flow="flow", node=node) for node in ("get", "get-2")]
    assert [plain.ledger.bookmark(stream) for stream in streams] == [Bookmark(moment_of(12), {"change": 12})] * 2
    assert plain.execute().counts == Counts()


def test_another_version_writes_what_it_reads_anew(rig: Rig) -> None:
    rig.source.fill(4)
    rig.execute()
    rig.deploy()
    assert rig.execute().counts == Counts()  # the bookmark stays
    rig.source.put("r1", total=5)
    assert rig.execute().counts == Counts(read=1, written=1)


# -- slices ------------------------------------------------------------------------------------------------------------


def test_a_slice_ends_between_packets_and_the_next_one_goes_on_there(rig: Rig) -> None:
    rig.source.fill(23)
    run_id, runner = rig.queue(), rig.runner()
    thens = [runner.run_slice(run_id, RunControl(), budget_seconds=0) for _ in range(5)]
    assert thens == [Then.GO_ON] * 4 + [Then.ENDED]
    assert [read.position for read in rig.source.reads] == [None, *({"change": change} for change in (5, 10, 15, 20))]
    assert rig.destination.batches == [5, 5, 5, 5, 3]
    assert rig.journal.said("Starting data pulling") == 1
    assert runner.run_slice(run_id, RunControl(), budget_seconds=0) is Then.ENDED


def test_progress_is_told_with_every_packet(rig: Rig) -> None:
    rig.source.fill(25)
    rig.execute()
    assert rig.journal.progress >= 5 + 2


# -- faults that pass --------------------------------------------------------------------------------------------------


def test_a_source_that_fails_in_the_middle_is_waited_for_and_nothing_is_read_twice(rig: Rig) -> None:
    rig.source.fill(23)
    rig.steps.at("read", None, None, outage(), outage())
    run_id, runner, control = rig.queue(), rig.runner(), QuickControl()
    assert runner.run_slice(run_id, control, budget_seconds=60) is Then.GO_ON
    waiting = rig.runs.get(run_id)
    assert (waiting.state, waiting.activity) == (RunState.WAITING, "Trying again in 5 s")
    assert (waiting.message, waiting.remedy) == ("The app does not answer.", "Wait.")
    assert waiting.counts.written == 10  # what came before the fault is written
    assert runner.run_slice(run_id, control, budget_seconds=60) is Then.GO_ON
    assert runner.run_slice(run_id, control, budget_seconds=60) is Then.ENDED
    assert control.slept == [5, 15]
    assert rig.journal.said("The app does not answer.") == 1
    assert rig.journal.said("It works again.") == 1
    run = rig.runs.get(run_id)
    assert (run.state, run.message, run.counts) == (RunState.SUCCESS, "23 records written.", Counts(23, 0, 23))


def test_a_destination_that_is_away_is_waited_for(rig: Rig) -> None:
    rig.source.fill(8)
    rig.steps.at("open destination", outage())
    rig.steps.at("write", None, outage())
    run = rig.execute()
    assert (run.state, run.counts) == (RunState.SUCCESS, Counts(read=8, written=8))
    assert set(rig.destination.carried_out.values()) == {1}


def test_who_says_when_to_come_back_is_believed(plain: Rig) -> None:
    plain.steps.at("read", outage(retry_after_seconds=240))
    control = QuickControl()
    run_id = plain.queue()
    plain.runner().run_slice(run_id, control, budget_seconds=60)
    assert control.slept == [240]
    assert plain.runs.get(run_id).activity == "Trying again in 4 min"


def test_waiting_in_vain_ends_after_about_forty_minutes(plain: Rig) -> None:
    plain.source.fill(1)
    plain.steps.at("read", *[outage() for _ in range(20)])
    run_id, runner, control = plain.queue(), plain.runner(), QuickControl()
    while runner.run_slice(run_id, control, budget_seconds=60) is not Then.ENDED:
        pass
    assert control.slept == [5, 15, 30, 60, 120, 300, 600, 600, 600]
    run = plain.runs.get(run_id)
    assert (run.state, run.message, run.remedy) == (RunState.FAILED, "The app does not answer.", "Wait.")
    plain.steps.actions.clear()
    assert plain.execute().state is RunState.SUCCESS


def test_progress_in_between_starts_the_count_anew(plain: Rig) -> None:
    plain.source.fill(200)
    for _ in range(20):
        plain.steps.at("read", None, outage())
    run_id, runner, control = plain.queue(), plain.runner(), QuickControl()
    while runner.run_slice(run_id, control, budget_seconds=60) is not Then.ENDED:
        pass
    assert plain.runs.get(run_id).state is RunState.SUCCESS
    assert control.slept == [5] * 20


def test_an_unanswered_write_is_not_repeated_blindly(rig: Rig) -> None:
    rig.source.fill(20)
    rig.destination.script.extend(["done", "", "half", "lost", ""])
    run = rig.execute()
    assert run.counts == Counts(read=20, written=20)
    assert rig.at_destination() == rig.expected()
    assert set(rig.destination.carried_out.values()) == {1}


def test_a_write_that_is_never_answered_is_waited_for_and_settled_later(rig: Rig) -> None:
    rig.source.fill(5)
    rig.destination.script.extend(["lost"] * 7 + ["done"])
    run = rig.execute()
    assert (run.state, run.counts) == (RunState.SUCCESS, Counts(read=5, written=5))
    assert set(rig.destination.carried_out.values()) == {1}


def test_a_look_up_that_fails_is_tried_again_before_anything_is_sent(database: Database) -> None:
    rig = Rig(database, receipts=False)
    rig.source.fill(5)
    rig.destination.script.append("done")
    rig.steps.at("look up", outage(), unanswered())
    assert rig.execute().counts == Counts(read=5, written=5)
    assert rig.destination.batches == [5]


# -- the agent's own disk ----------------------------------------------------------------------------------------------


def _limit_size(database: Database, pages: list[int]) -> None:
    """From now on the database may not grow beyond `pages[0]` pages; 0 is no limit."""

    @sa.event.listens_for(database.engine, "begin")
    def _small(connection: sa.Connection) -> None:
        limit = pages[0] or 1_000_000_000
        connection.exec_driver_sql(f"PRAGMA max_page_count={limit}")


def test_a_full_disk_loses_nothing_and_the_run_goes_on_when_there_is_room(rig: Rig) -> None:
    rig.destination.packet_size = 200
    rig.source.fill(3_000)
    pages = [0]
    with rig.database.read() as connection:
        used = int(str(connection.exec_driver_sql("PRAGMA page_count").scalar()))
    pages[0] = used + 20
    _limit_size(rig.database, pages)
    run_id, runner, control = rig.queue(), rig.runner(), QuickControl()
    for _ in range(15):  # longer than any other fault is waited for
        assert runner.run_slice(run_id, control, budget_seconds=60) is Then.GO_ON
    assert control.slept[:5] == [5, 15, 30, 60, 60]
    assert max(control.slept) == 60
    assert rig.journal.said("The disk that holds the agent's data is full.") == 1
    before = rig.runs.get(run_id)
    assert not before.state.ended
    assert 0 < before.counts.written < 3_000
    pages[0] = 0
    assert runner.run_slice(run_id, control, budget_seconds=60) is Then.ENDED
    assert rig.runs.get(run_id).counts == Counts(read=3_000, written=3_000)
    assert rig.at_destination() == rig.expected()
    assert set(rig.destination.carried_out.values()) == {1}
    assert rig.journal.said("It works again.") == 1


def test_when_not_even_the_runs_row_can_be_written_the_run_waits(plain: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    plain.source.fill(3)
    full = TransientError("The disk is full.", code="disk-full", remedy="Make room.")
    run_id, runner, control = plain.queue(), plain.runner(), QuickControl()
    whole = plain.runs.start

    def fails(*_: object, **__: object) -> object:
        raise full

    monkeypatch.setattr(plain.runs, "start", fails)
    assert [runner.run_slice(run_id, control, budget_seconds=60) for _ in range(3)] == [Then.GO_ON] * 3
    assert control.slept == [5, 15, 30]
    assert plain.journal.said("The disk is full.") == 1
    control.pause()
    assert runner.run_slice(run_id, control, budget_seconds=60) is Then.PAUSED
    monkeypatch.setattr(plain.runs, "start", whole)
    assert plain.execute(run_id).state is RunState.SUCCESS


def test_a_locked_database_is_waited_for(plain: Rig, tmp_path: Path) -> None:
    plain.source.fill(3)

    @sa.event.listens_for(plain.database.engine, "checkout")
    def _impatient(connection: sqlite3.Connection, _record: object, _proxy: object) -> None:
        connection.execute("PRAGMA busy_timeout=1")

    run_id, runner, control = plain.queue(), plain.runner(), QuickControl()
    other = sqlite3.connect(tmp_path / "agent.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert runner.run_slice(run_id, control, budget_seconds=60) is Then.GO_ON
    other.execute("ROLLBACK")
    other.close()
    assert plain.execute(run_id).state is RunState.SUCCESS


# -- cancelling and pausing --------------------------------------------------------------------------------------------


def test_a_run_that_was_cancelled_before_it_started_does_nothing(rig: Rig) -> None:
    rig.source.fill(3)
    run_id = rig.queue()
    rig.runs.request_cancel(run_id, at=rig.clock.utc())
    assert rig.runner().run_slice(run_id, RunControl(), budget_seconds=60) is Then.ENDED
    assert rig.runs.get(run_id).message == "Cancelled before it started."
    assert rig.steps.seen == []


def test_a_run_cancelled_at_work_keeps_what_was_booked_and_the_next_one_brings_the_rest(rig: Rig) -> None:
    rig.source.fill(23)
    control = QuickControl()
    run_id = rig.queue()
    rig.steps.at("booked", None, control.cancel)
    assert rig.runner().run_slice(run_id, control, budget_seconds=60) is Then.ENDED
    run = rig.runs.get(run_id)
    assert (run.state, run.message) == (RunState.CANCELLED, "Cancelled by the operator.")
    assert run.counts == Counts(read=10, written=10)
    assert len(rig.destination.rows) == 10
    assert rig.bookmark() is None
    assert rig.execute().counts == Counts(read=23, unchanged=10, written=13)
    assert rig.at_destination() == rig.expected()
    assert set(rig.destination.carried_out.values()) == {1}


def test_cancelling_drops_a_request_to_the_source_at_once(rig: Rig) -> None:
    rig.source.fill(3)
    control = QuickControl()

    async def never() -> None:
        control.cancel()
        await asyncio.Event().wait()

    rig.source.gate = never
    run_id = rig.queue()
    assert rig.runner().run_slice(run_id, control, budget_seconds=60) is Then.ENDED
    assert rig.runs.get(run_id).state is RunState.CANCELLED
    rig.source.gate = None
    assert rig.execute().counts == Counts(read=3, written=3)


def test_a_write_in_flight_may_end_and_a_run_that_is_complete_then_is_no_cancelled_one(rig: Rig) -> None:
    rig.source.fill(3)
    control = QuickControl()

    async def cancelled_meanwhile() -> None:
        control.cancel()
        await asyncio.sleep(0)

    rig.destination.gate = cancelled_meanwhile
    run_id = rig.queue()
    assert rig.runner().run_slice(run_id, control, budget_seconds=60) is Then.ENDED
    assert rig.runs.get(run_id).state is RunState.SUCCESS
    assert rig.at_destination() == rig.expected()


def test_a_run_to_be_cancelled_ends_when_it_is_taken_up_after_a_crash(rig: Rig) -> None:
    rig.source.fill(20)
    run_id = rig.queue()
    rig.steps.revive(crash_after=9)
    with suppress(Crash):
        rig.runner().run_slice(run_id, RunControl(), budget_seconds=60)
    rig.runs.request_cancel(run_id, at=rig.clock.utc())
    rig.steps.revive()
    assert rig.runner().run_slice(run_id, RunControl(), budget_seconds=60) is Then.ENDED
    assert rig.runs.get(run_id).state is RunState.CANCELLED
    assert rig.execute().state is RunState.SUCCESS
    assert rig.at_destination() == rig.expected()
    assert set(rig.destination.carried_out.values()) == {1}


class _Listening(RecordingJournal):
    """Whoever watches the run, and does something at each progress."""

    def __init__(self, heard: Callable[[], None]) -> None:
        super().__init__()
        self._heard = heard

    def progressed(self, run: str) -> None:
        super().progressed(run)
        self._heard()


def test_a_waiting_run_is_cancelled_at_once(plain: Rig) -> None:
    plain.steps.at("read", outage())
    control, run_id = RunControl(), plain.queue()

    def heard() -> None:
        if plain.runs.get(run_id).state is RunState.WAITING:
            control.cancel()

    plain.journal = _Listening(heard)
    assert plain.runner().run_slice(run_id, control, budget_seconds=60) is Then.ENDED
    assert plain.runs.get(run_id).state is RunState.CANCELLED


def test_an_error_of_a_run_that_is_being_cancelled_is_no_reason_to_wait(plain: Rig) -> None:
    plain.source.fill(3)
    control = QuickControl()

    async def breaks() -> None:
        control.cancel()
        await asyncio.sleep(0)
        raise outage()

    plain.destination.gate = breaks
    run_id = plain.queue()
    assert plain.runner().run_slice(run_id, control, budget_seconds=60) is Then.ENDED
    assert (plain.runs.get(run_id).state, control.slept) == (RunState.CANCELLED, [])


def test_a_paused_run_stops_at_its_next_checkpoint_and_goes_on(rig: Rig) -> None:
    rig.source.fill(200)
    control = QuickControl()
    run_id = rig.queue()
    rig.steps.at("booked", control.pause)
    assert rig.runner().run_slice(run_id, control, budget_seconds=60) is Then.PAUSED
    run = rig.runs.get(run_id)
    assert run.state is RunState.RUNNING
    assert 5 <= run.counts.written <= 40
    assert rig.runner().run_slice(run_id, control, budget_seconds=60) is Then.PAUSED
    assert rig.execute(run_id).counts == Counts(read=200, written=200)
    assert set(rig.destination.carried_out.values()) == {1}


def test_a_pause_does_not_wait_for_a_source_that_hangs(rig: Rig) -> None:
    rig.source.fill(12)
    control = QuickControl()
    waits = iter([False, False, True])

    async def hangs() -> None:
        if next(waits, False):
            control.pause()
            await asyncio.Event().wait()

    rig.source.gate = hangs
    run_id = rig.queue()
    assert rig.runner().run_slice(run_id, control, budget_seconds=60) is Then.PAUSED
    assert rig.runs.get(run_id).counts.written == 10  # what was fetched is still written
    assert rig.execute(run_id).counts == Counts(read=12, written=12)


def test_a_waiting_run_is_paused_at_once(plain: Rig) -> None:
    plain.steps.at("read", outage())
    control = QuickControl()
    plain.steps.at("open source", control.pause)
    run_id = plain.queue()
    assert plain.runner().run_slice(run_id, control, budget_seconds=60) is Then.PAUSED
    assert plain.execute(run_id).state is RunState.SUCCESS


# -- two workers on one run --------------------------------------------------------------------------------------------


def test_a_worker_whose_run_was_taken_over_stops_without_a_trace(rig: Rig) -> None:
    rig.source.fill(23)
    run_id = rig.queue()
    place = "before booking" if rig.receipts else "before announcing"

    def take_over() -> None:
        rig.steps.actions.clear()
        assert rig.execute(run_id).state is RunState.SUCCESS

    rig.steps.at(place, None, take_over)
    assert rig.runner().run_slice(run_id, RunControl(), budget_seconds=60) is Then.ENDED
    run = rig.runs.get(run_id)
    assert (run.state, run.counts) == (RunState.SUCCESS, Counts(read=23, written=23))
    assert rig.at_destination() == rig.expected()
    assert rig.journal.said("ended:") == 1
    assert rig.journal.said("Another worker") == 1
    assert rig.bookmark() == Bookmark(moment_of(23), {"change": 23})


def test_a_fatal_error_of_a_worker_that_was_not_left_behind_ends_the_run(plain: Rig) -> None:
    plain.steps.at("open source", FatalError("Broken.", code="broken"))
    assert plain.execute().state is RunState.FAILED


def test_a_run_ends_with_the_version_that_it_began_with(rig: Rig) -> None:
    """Another version is deployed in the middle of it, and after every slice of it."""
    rig.source.fill(9)
    rig.destination.packet_size = 2
    run_id, runner = rig.queue(), rig.runner()
    assert runner.run_slice(run_id, QuickControl(rig.clock), budget_seconds=0) is Then.GO_ON
    doubled = DOCUMENT.replace("{value: total,", "{value: total * 2,")
    while (then := runner.run_slice(run_id, QuickControl(rig.clock), budget_seconds=0)) is not Then.ENDED:
        assert then is Then.GO_ON
        rig.deploy(doubled)
    assert rig.runs.get(run_id).version == 1
    assert rig.at_destination() == rig.expected()
    rig.source.put("r1", total=5)
    assert rig.execute().version > 1
    assert rig.at_destination() == {**rig.expected(), "r1": (10, 10)}
