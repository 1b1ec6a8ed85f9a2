"""The thread that looks after schedules, events, alerts and budgets."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue

import pytest

from agent.service.looking import Looker

_LONG_SECONDS = 3_600.0
_PATIENCE_SECONDS = 30.0


class Looks:
    """Notes each look and what is told of it. `answers` are what the looks do, one after the other."""

    def __init__(self, *answers: Callable[[], float]) -> None:
        self.answers = list(answers)
        self.told: SimpleQueue[str] = SimpleQueue()
        self.looker = Looker(
            self.look, name="test-looker", fails=lambda error: self.told.put(f"fails: {error}"),
            heals=lambda: self.told.put("heals"), again_seconds=0.0,
        )  # fmt: skip

    def look(self) -> float:
        answer = self.answers.pop(0) if self.answers else lambda: _LONG_SECONDS
        try:
            return answer()
        finally:
            self.told.put("look")

    def next(self) -> str:
        return self.told.get(timeout=_PATIENCE_SECONDS)


def at_once() -> float:
    return 0.0


def fail() -> float:
    raise OSError("the disk is away")


def test_it_looks_when_it_starts_when_its_time_has_come_and_when_it_is_woken() -> None:
    looks = Looks(at_once)
    looks.looker.start()
    assert [looks.next(), looks.next()] == ["look", "look"]
    looks.looker.wake()
    assert looks.next() == "look"
    looks.looker.stop()
    assert looks.told.empty()


def test_a_failure_is_told_once_and_so_is_its_end() -> None:
    looks = Looks(fail, fail, at_once, at_once)
    looks.looker.start()
    heard = [looks.next() for _ in range(7)]
    looks.looker.stop()
    assert heard == ["look", "fails: the disk is away", "look", "look", "heals", "look", "look"]


def test_a_wake_during_a_look_is_followed_by_another_look() -> None:
    looking, woken = threading.Event(), threading.Event()

    def busy() -> float:
        looking.set()
        assert woken.wait(_PATIENCE_SECONDS)
        return _LONG_SECONDS

    looks = Looks(busy)
    looks.looker.start()
    assert looking.wait(_PATIENCE_SECONDS)
    looks.looker.wake()
    woken.set()
    assert [looks.next(), looks.next()] == ["look", "look"]
    looks.looker.stop()


@pytest.mark.parametrize("started", [False, True])
def test_stop_waits_for_the_look_that_is_under_way_and_no_other_follows(started: bool) -> None:
    looks = Looks()
    if started:
        looks.looker.start()
        assert looks.next() == "look"
    looks.looker.stop()
    looks.looker.wake()
    assert looks.looker.stopping
    assert looks.told.empty()
