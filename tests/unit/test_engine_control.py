"""How runs are told to stop, and how long they wait."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from agent.domain.errors import FatalError, TransientError
from agent.domain.run import Counts, RunState
from agent.engine.running.control import RunControl
from agent.engine.running.patience import Patience
from agent.engine.walking.verdict import FailureLimit, conclusion
from tests.helpers.scripted_apps import outage


async def _forever() -> str:
    await asyncio.Event().wait()
    return "never"


async def _at_once() -> str:
    return "done"


@pytest.fixture
async def control() -> AsyncIterator[RunControl]:
    control = RunControl()
    control.attach()
    yield control
    control.detach()


async def test_work_without_a_wish_gives_its_result(control: RunControl) -> None:
    assert await control.unless_cancelled(_at_once()) == "done"
    assert await control.unless_stopped(_at_once()) == "done"


async def test_a_wish_from_another_thread_ends_the_work(control: RunControl) -> None:
    threading.Timer(0, control.cancel).start()
    assert await control.unless_cancelled(_forever()) is None
    assert control.cancelled()
    assert await control.unless_cancelled(_at_once()) is None


async def test_a_pause_ends_what_may_be_stopped_and_nothing_else(control: RunControl) -> None:
    threading.Timer(0, control.pause).start()
    assert await control.unless_stopped(_forever()) is None
    assert await control.unless_cancelled(_at_once()) == "done"
    assert (control.paused(), control.cancelled()) == (True, False)
    assert not await control.sleep(1_000)


async def test_a_wish_made_before_the_loop_is_there_is_heard() -> None:
    control = RunControl()
    control.cancel()
    control.attach()
    await control.until_cancelled()
    control.detach()
    control.pause()


async def test_work_that_is_no_longer_awaited_is_cancelled_and_its_error_lost(control: RunControl) -> None:
    async def breaks() -> str:
        try:
            return await _forever()
        finally:
            raise RuntimeError

    threading.Timer(0, control.cancel).start()
    assert await control.unless_cancelled(breaks()) is None


async def test_an_error_of_the_work_is_raised(control: RunControl) -> None:
    async def breaks() -> None:
        raise outage()

    with pytest.raises(TransientError):
        await control.unless_cancelled(breaks())


async def test_a_sleep_without_a_wish_lasts(control: RunControl) -> None:
    assert await control.sleep(0)


async def test_nobody_is_heard_without_a_loop() -> None:
    with pytest.raises(RuntimeError):
        await RunControl().until_cancelled()


# -- patience ----------------------------------------------------------------------------------------------------------


def test_waits_grow_and_end() -> None:
    patience = Patience()
    waits = [patience.after(outage(), run="a", progress=0) for _ in range(10)]
    assert [wait.seconds for wait in waits] == [5, 15, 30, 60, 120, 300, 600, 600, 600, None]
    assert [wait.text for wait in waits[:5]] == ["5 s", "15 s", "30 s", "60 s", "2 min"]
    assert patience.after(outage(), run="b", progress=0).tries == 1


def test_progress_and_healing_start_anew() -> None:
    patience = Patience()
    assert not patience.healed("a")
    for _ in range(3):
        patience.after(outage(), run="a", progress=7)
    assert patience.after(outage(), run="a", progress=8).tries == 1
    assert patience.after(outage(), run="a", progress=None).tries == 2
    assert patience.healed("a")
    assert not patience.healed("a")
    assert patience.after(outage(), run="a", progress=8).tries == 1


def test_the_agents_own_disk_is_waited_for_without_end_and_looked_at_each_minute() -> None:
    patience = Patience()
    waits = [patience.after(outage("disk-full"), run="a", progress=0).seconds for _ in range(100)]
    assert waits[:5] == [5, 15, 30, 60, 60]
    assert set(waits[5:]) == {60}


# -- the verdict -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counts", "state", "message"),
    [
        (Counts(), RunState.SUCCESS, "Nothing new at the source."),
        (Counts(read=5, unchanged=5), RunState.SUCCESS, "Nothing new at the source."),
        (Counts(read=1, written=1), RunState.SUCCESS, "1 record written."),
        (Counts(read=1_234, written=1_234), RunState.SUCCESS, "1,234 records written."),
        (Counts(read=3, written=2, skipped=1), RunState.SUCCESS, "2 records written, 1 skipped."),
        (Counts(read=2, skipped=2), RunState.SUCCESS, "0 records written, 2 skipped."),
        (Counts(read=3, written=2, failed=1), RunState.PARTIAL, "2 records written, 1 failed."),
        (Counts(read=3, unchanged=2, failed=1), RunState.PARTIAL, "0 records written, 1 failed."),
        (Counts(read=3, failed=1, skipped=2), RunState.PARTIAL, "0 records written, 1 failed, 2 skipped."),
        (Counts(read=3, failed=3), RunState.FAILED, "0 records written, 3 failed."),
    ],
)
def test_a_run_is_judged_by_what_became_of_its_records(counts: Counts, state: RunState, message: str) -> None:
    assert conclusion(counts)[:2] == (state, message)


def test_a_run_in_which_most_fail_is_stopped_and_one_with_some_failures_is_not() -> None:
    limit = FailureLimit(Counts(written=10, failed=400))
    limit.add(written=0, failed=99)
    assert limit.is_reached_with(written=0, failed=1)
    assert not limit.is_reached_with(written=500, failed=1)
    with pytest.raises(FatalError) as caught:
        limit.add(written=0, failed=1)
    assert caught.value.code == "too-many-failures"
    assert caught.value.message == "Stopped: 500 of 510 records failed."
    FailureLimit(Counts(written=10_000, failed=4_000)).add(written=0, failed=5_000)
