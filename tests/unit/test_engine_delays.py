"""Delays: short ones wait in place, long ones let go of the worker, and a restart changes nothing about the moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from agent.domain.run import Counts, RunState
from agent.engine.running.control import RunControl
from agent.engine.running.runner import Then
from agent.store.databases.database import Database
from tests.helpers.flow_pieces import STRICT, document, get
from tests.helpers.flow_rig import QuickControl, Rig
from tests.helpers.scripted_apps import Crash

HOUR = timedelta(hours=1)


@pytest.fixture(params=[True, False], ids=["receipts", "intents"])
def rig(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Rig]:
    database = Database.at(tmp_path / "agent.db")
    yield Rig(database, receipts=request.param)
    database.close()


def delayed(rig: Rig, form: str, path: str = "start get wait map post") -> str:
    """Deploy a flow with a Delay of this form, and queue a run."""
    more = {"strict": STRICT} if "strict" in path else {}
    rig.deploy(document(path, wait=f"{{type: delay, {form}}}", **more))
    return rig.queue()


def work(rig: Rig, run_id: str, control: RunControl | None = None) -> Then:
    """One slice of a new process."""
    return rig.runner().run_slice(run_id, control or QuickControl(rig.clock), budget_seconds=60)


def test_a_short_delay_is_waited_for_in_place_at_every_packet(rig: Rig) -> None:
    run_id = delayed(rig, "for: 1.5")
    rig.source.fill(12)
    control = QuickControl(rig.clock)
    assert work(rig, run_id, control) is Then.ENDED
    assert control.slept == [1.5, 1.5, 1.5]
    run = rig.runs.get(run_id)
    assert (run.counts, run.parks) == (Counts(read=12, written=12), 0)


def test_no_delay_at_all_is_no_trouble(rig: Rig) -> None:
    run_id = delayed(rig, "for: 0")
    rig.source.fill(12)
    control = QuickControl(rig.clock)
    assert work(rig, run_id, control) is Then.ENDED
    assert control.slept == []


def test_a_long_delay_lets_go_of_the_worker_until_its_moment(rig: Rig) -> None:
    run_id = delayed(rig, "for: 01:00:00")
    rig.source.fill(7)
    begin = rig.clock.utc()
    assert work(rig, run_id) is Then.PARKED
    run = rig.runs.get(run_id)
    assert (run.state, run.resume_at, run.parks) == (RunState.WAITING, begin + HOUR, 1)
    assert run.activity == "The delay wait goes on in 60 min"
    assert rig.destination.rows == {}
    steps = len(rig.steps.seen)
    rig.clock.now += 3_599
    assert work(rig, run_id) is Then.PARKED  # too early: nothing is touched
    assert (len(rig.steps.seen), rig.runs.get(run_id)) == (steps, run)
    rig.clock.now += 1
    assert work(rig, run_id) is Then.PARKED  # the second packet waits for itself
    run = rig.runs.get(run_id)
    assert (run.resume_at, run.parks, run.counts) == (begin + 2 * HOUR, 2, Counts(read=5, written=5))
    rig.wake(run_id)
    assert work(rig, run_id) is Then.ENDED
    run = rig.runs.get(run_id)
    assert (run.state, run.resume_at, run.counts) == (RunState.SUCCESS, None, Counts(read=7, written=7))
    assert rig.destination.batches == [5, 2]


@pytest.mark.parametrize("place", ["held", "before parking", "parked"])
def test_after_a_crash_the_moment_is_still_the_same(rig: Rig, place: str) -> None:
    run_id = delayed(rig, "for: 01:00:00")
    rig.source.fill(3)
    begin = rig.clock.utc()
    rig.steps.at(place, rig.steps.die)
    with suppress(Crash):
        work(rig, run_id)
    assert rig.steps.dead
    rig.steps.revive()
    rig.clock.now += 600
    assert work(rig, run_id) is Then.PARKED
    assert rig.runs.get(run_id).resume_at == begin + HOUR
    rig.wake(run_id)
    assert work(rig, run_id) is Then.ENDED
    assert rig.clock.utc() == begin + HOUR


def test_what_was_over_while_nobody_was_there_is_over(rig: Rig) -> None:
    run_id = delayed(rig, "for: 01:00:00")
    rig.source.fill(3)
    assert work(rig, run_id) is Then.PARKED
    rig.clock.now += 7_200
    assert work(rig, run_id) is Then.ENDED


def test_what_was_written_before_a_delay_is_not_written_again_after_it(rig: Rig) -> None:
    text = document("start get map post wait strict post-too", wait="{type: delay, for: 2 h}", strict=STRICT,
                    post_too="{type: post, credential: to, schema: too, action: PUT}")  # fmt: skip
    rig.deploy(text)
    too, _ = rig.add_destination("too", receipts=rig.receipts)
    rig.source.fill(7)
    run_id = rig.queue()
    assert work(rig, run_id) is Then.PARKED
    assert (rig.destination.batches, too.batches) == ([5], [])
    assert rig.execute(run_id).counts == Counts(read=7, written=14)
    assert (rig.destination.batches, too.batches) == ([5, 2], [5, 2])


def test_an_expression_says_how_long_for_each_packet_by_its_first_record(rig: Rig) -> None:
    run_id = delayed(rig, "expression: \"total = 0 ? '00:10:00' : total / 3\"", "start get cut wait map post")
    rig.deploy(document("start get cut wait map post", cut="{type: splitter, size: 1}",
                        wait='{type: delay, expression: "total = 0 ? \'00:10:00\' : total / 3"}'))  # fmt: skip
    rig.runs.request_cancel(run_id, at=rig.clock.utc())
    run_id = rig.queue()
    rig.source.fill(3)
    control = QuickControl(rig.clock)
    assert work(rig, run_id, control) is Then.PARKED
    assert rig.runs.get(run_id).resume_at == rig.clock.utc() + timedelta(minutes=10)
    rig.wake(run_id)
    assert work(rig, run_id, control) is Then.ENDED
    assert control.slept == [pytest.approx(1 / 3, abs=0.01), pytest.approx(2 / 3, abs=0.01)]


def test_a_record_that_has_failed_is_not_asked(rig: Rig) -> None:
    run_id = delayed(rig, "expression: 'total & \" s\"'", "start get strict wait post")
    for number, total in enumerate([None, None, 1, 2, 3, None]):
        rig.source.put(f"r{number}", total=total)  # the last one is alone in its packet
    control = QuickControl(rig.clock)
    assert work(rig, run_id, control) is Then.ENDED
    assert control.slept == [1.0]
    assert rig.runs.get(run_id).counts == Counts(read=6, written=3, failed=3)


@pytest.mark.parametrize("expression", ['"soon"', "-5", "missing", "total + true", "3000000", "true", '"31 d"'])
def test_an_expression_that_gives_no_length_of_time_ends_the_run_and_says_for_which_record(
    rig: Rig, expression: str
) -> None:
    run_id = delayed(rig, f"expression: '{expression}'")
    rig.source.fill(3)
    assert work(rig, run_id) is Then.ENDED
    run = rig.runs.get(run_id)
    assert run.state is RunState.FAILED
    assert run.message == "The expression of wait gives no length of time for the record r0."
    assert "00:05:00" in run.remedy
    assert rig.bookmark() is None


def test_a_parked_run_that_is_to_be_cancelled_does_not_wait(rig: Rig) -> None:
    run_id = delayed(rig, "for: 01:00:00")
    rig.source.fill(3)
    assert work(rig, run_id) is Then.PARKED
    rig.runs.request_cancel(run_id, at=rig.clock.utc())
    assert work(rig, run_id) is Then.ENDED
    assert rig.runs.get(run_id).state is RunState.CANCELLED
    rig.deploy()
    assert rig.execute().counts == Counts(read=3, written=3)


@pytest.mark.parametrize("wish", ["pause", "cancel"])
def test_a_wish_ends_a_short_wait(rig: Rig, wish: str) -> None:
    run_id = delayed(rig, "for: 1.9")
    rig.source.fill(3)
    control = QuickControl(rig.clock)
    rig.steps.at("held", getattr(control, wish))
    assert work(rig, run_id, control) is (Then.PAUSED if wish == "pause" else Then.ENDED)
    assert rig.destination.rows == {}
    if wish == "pause":
        assert rig.execute(run_id).counts == Counts(read=3, written=3)


def test_a_new_run_waits_anew_also_for_what_is_unchanged(rig: Rig) -> None:
    run_id = delayed(rig, "for: 01:00:00")
    rig.source.fill(3)
    rig.source.overlap = 3
    rig.execute(run_id)
    again = rig.queue()
    assert work(rig, again) is Then.PARKED
    assert rig.execute(again).counts == Counts(read=3, unchanged=3)


def test_what_changes_while_a_packet_is_held_back_goes_on_with_it(rig: Rig) -> None:
    """The packet is read again when its moment has come, and nothing is written that is old by then."""
    run_id = delayed(rig, "for: 01:00:00")
    rig.source.fill(3)
    assert work(rig, run_id) is Then.PARKED
    rig.source.put("r1", total=100)
    rig.wake(run_id)
    assert work(rig, run_id) is Then.ENDED
    assert rig.at_destination()["r1"] == (100,)
    assert set(rig.destination.carried_out.values()) == {1}


def test_a_delay_in_a_loop_waits_in_every_pass_that_has_a_packet(rig: Rig) -> None:
    rig.deploy(document("start get map post wait strict end", get=get(more="loop: {until: no-data}"),
                        wait="{type: delay, for: 1}", strict=STRICT))  # fmt: skip
    rig.source.fill(1)
    rig.steps.at("moved", lambda: rig.source.put("r9", total=9))
    control = QuickControl(rig.clock)
    assert work(rig, rig.queue(), control) is Then.ENDED
    assert control.slept == [1, 1]
