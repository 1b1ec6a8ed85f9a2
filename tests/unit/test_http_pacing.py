"""The gate: never one request too many, hardly one too few."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any

import pytest

from agent.http.pacing import Gate, Gates, Quota
from tests.helpers.virtual_clock import VirtualClock


class QuotaServer:
    """Counts requests in fixed windows and answers with the store's headers. `others` uses some of each window."""

    def __init__(
        self, clock: VirtualClock, *, quota: int = 150, window: float = 30.0, latency: float = 0.1, others: int = 0
    ) -> None:
        self.clock = clock
        self.quota = quota
        self.window = window
        self.latency = latency
        self.others = others
        self.refusals = 0
        self.counts: dict[int, int] = {}
        self._jitter = 0

    async def request(self, gate: Gate, *, caller: object = None) -> None:
        async with gate.turn(caller) as turn:
            await self.clock.sleep(self.latency / 2)
            number = int(self.clock.now // self.window)
            self.counts[number] = self.counts.get(number, 0) + 1
            left = self.quota - self.others - self.counts[number]
            reset = (number + 1) * self.window - self.clock.now
            headers = {
                "X-Rate-Limit-Requests-Left": str(max(left, 0)),
                "X-Rate-Limit-Requests-Quota": str(self.quota),
                "X-Rate-Limit-Time-Reset-Ms": str(int(reset * 1000)),
                "X-Rate-Limit-Time-Window-Ms": str(int(self.window * 1000)),
            }
            if left < 0:
                self.refusals += 1
            # Answers overtake each other.
            self._jitter = (self._jitter * 7 + 3) % 11
            await self.clock.sleep(self.latency / 2 + self._jitter / 100)
            turn.answered(headers, refused=left < 0)


async def load(server: QuotaServer, gate: Gate, *, requests: int, workers: int) -> None:
    remaining = iter(range(requests))

    async def worker() -> None:
        for _ in remaining:
            await server.request(gate)

    await asyncio.gather(*(worker() for _ in range(workers)))


def made_gate(clock: VirtualClock, *, reserve: float = 0.0) -> Gate:
    return Gate(reserve=reserve, clock=clock.monotonic, sleep=clock.sleep)


@pytest.mark.parametrize(("workers", "latency"), [(1, 0.0), (3, 0.1), (8, 0.0), (8, 0.1)])
async def test_the_quota_is_used_to_97_percent_and_never_exceeded(workers: int, latency: float) -> None:
    clock = VirtualClock()
    server = QuotaServer(clock, latency=latency)

    await clock.run(load(server, made_gate(clock), requests=402, workers=workers))

    assert server.refusals == 0
    assert sum(server.counts.values()) == 402
    full = [count for window, count in server.counts.items() if window < max(server.counts)]
    assert len(full) == 2
    assert min(full) >= 0.97 * 150
    assert clock.now <= 83  # 402 requests: two full windows, and the rest of the third


async def test_what_other_apps_use_is_left_to_them() -> None:
    clock = VirtualClock()
    server = QuotaServer(clock, others=60)

    await clock.run(load(server, made_gate(clock), requests=270, workers=3))

    assert server.refusals == 0
    assert max(server.counts.values()) <= 90


async def test_a_reserve_stays_free_for_other_apps() -> None:
    clock = VirtualClock()
    server = QuotaServer(clock)

    await clock.run(load(server, made_gate(clock, reserve=0.2), requests=300, workers=3))

    assert server.refusals == 0
    assert 0.97 * 120 <= max(server.counts.values()) <= 120


async def test_a_pause_over_many_windows_starts_afresh() -> None:
    clock = VirtualClock()
    server = QuotaServer(clock)
    gate = made_gate(clock)
    await clock.run(load(server, gate, requests=150, workers=3))
    clock.now = 1_000.0

    begun = clock.now
    await clock.run(load(server, gate, requests=100, workers=3))

    assert server.refusals == 0
    assert clock.now - begun < 10


async def test_until_the_quota_is_known_one_request_goes_at_a_time() -> None:
    clock = VirtualClock()
    server = QuotaServer(clock, quota=2, latency=1.0)

    await clock.run(load(server, made_gate(clock), requests=6, workers=6))

    assert server.refusals == 0
    assert max(server.counts.values()) == 2


async def test_a_refusal_stops_all_until_the_window_ends() -> None:
    clock = VirtualClock()
    gate = made_gate(clock)

    async def refused() -> None:
        async with gate.turn() as turn:
            turn.answered(
                {"X-Rate-Limit-Requests-Left": "9", "X-Rate-Limit-Time-Reset-Ms": "7000"},
                refused=True,
            )
        async with gate.turn():
            pass

    await clock.run(refused())

    assert clock.now == pytest.approx(7.05)


async def test_a_refusal_that_tells_only_when_to_come_back_is_no_quota_of_one() -> None:
    clock = VirtualClock()
    gate = made_gate(clock)

    async def refused_then_served() -> None:
        async with gate.turn() as turn:
            turn.answered({"X-Rate-Limit-Requests-Left": "0", "X-Rate-Limit-Time-Reset-Ms": "7000"}, refused=True)
        assert gate.quota is None
        for _ in range(100):
            async with gate.turn() as turn:
                turn.answered({}, refused=False)

    await clock.run(refused_then_served())

    assert clock.now == pytest.approx(7.05)


async def test_without_headers_nobody_waits() -> None:
    clock = VirtualClock()
    gate = made_gate(clock)

    async def many() -> None:
        for _ in range(1_000):
            async with gate.turn() as turn:
                turn.answered({}, refused=False)

    await clock.run(many())

    assert clock.now == 0
    assert gate.quota is None


async def test_those_who_wait_are_served_in_turn_and_the_cancelled_are_forgotten() -> None:
    clock = VirtualClock()
    gate = made_gate(clock)
    served: list[int] = []

    headers = {
        "X-Rate-Limit-Requests-Left": "0",
        "X-Rate-Limit-Requests-Quota": "1",
        "X-Rate-Limit-Time-Reset-Ms": "1000",
        "X-Rate-Limit-Time-Window-Ms": "1000",
    }

    async def one(number: int) -> None:
        async with gate.turn() as turn:
            served.append(number)
            turn.answered(headers, refused=False)

    async def all_of_them() -> None:
        await one(0)
        tasks = [asyncio.ensure_future(one(number)) for number in range(1, 6)]
        await asyncio.sleep(0)
        tasks[0].cancel()
        tasks[3].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    await clock.run(all_of_them())

    assert served == [0, 2, 3, 5]


async def test_a_cancelled_request_counts_as_sent() -> None:
    clock = VirtualClock()
    server = QuotaServer(clock, quota=10, latency=1.0)
    gate = made_gate(clock)

    async def some_are_cancelled() -> None:
        await server.request(gate)
        tasks = [asyncio.ensure_future(server.request(gate)) for _ in range(4)]
        await clock.sleep(0.6)
        for task in tasks[:2]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await load(server, gate, requests=12, workers=3)

    await clock.run(some_are_cancelled())

    assert server.refusals == 0


def test_one_gate_serves_several_event_loops() -> None:
    gate = Gates().gate("https://store")
    inside, most, lock = 0, 0, threading.Lock()
    served: list[int] = []

    async def work(number: int) -> None:
        nonlocal inside, most
        for _ in range(20):
            async with gate.turn() as turn:
                with lock:
                    inside += 1
                    most = max(most, inside)
                await asyncio.sleep(0)
                turn.answered(
                    {"X-Rate-Limit-Requests-Left": "1000", "X-Rate-Limit-Time-Reset-Ms": "30000"}, refused=False
                )
                with lock:
                    inside -= 1
        served.append(number)

    threads = [threading.Thread(target=lambda number=number: asyncio.run(work(number))) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)

    assert sorted(served) == [0, 1, 2, 3]


def test_the_same_address_has_the_same_gate() -> None:
    gates = Gates(reserve=0.1)

    assert gates.gate("a") is gates.gate("a")
    assert gates.gate("a") is not gates.gate("b")


@pytest.mark.parametrize("reserve", [-0.1, 1.0])
def test_a_reserve_that_leaves_nothing_is_refused(reserve: float) -> None:
    with pytest.raises(ValueError, match="share"):
        Gate(reserve=reserve)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Rate-Limit-Requests-Left": "5"},
        {"X-Rate-Limit-Requests-Left": "many", "X-Rate-Limit-Time-Reset-Ms": "1"},
        {"X-Rate-Limit-Requests-Left": "-1", "X-Rate-Limit-Time-Reset-Ms": "1"},
    ],
)
def test_nonsense_headers_say_nothing(headers: dict[str, str]) -> None:
    assert Quota.from_headers(headers) is None


@pytest.mark.parametrize(("processes", "latency"), [(2, 0.3), (3, 0.02)])
async def test_processes_that_know_nothing_of_each_other_share_the_quota_and_never_exceed_it(
    processes: int, latency: float
) -> None:
    clock = VirtualClock()
    server = QuotaServer(clock, latency=latency)
    gates = [made_gate(clock) for _ in range(processes)]

    await clock.run(_all([load(server, gate, requests=600 // processes, workers=4) for gate in gates]))

    assert server.refusals == 0
    full = [count for window, count in server.counts.items() if 0 < window < max(server.counts)]
    assert min(full) >= 0.95 * 150


async def test_who_comes_back_after_a_pause_finds_out_first_what_others_have_left() -> None:
    clock = VirtualClock()
    server = QuotaServer(clock)
    mine, theirs = made_gate(clock), made_gate(clock)

    async def a_pause_while_others_are_busy() -> None:
        await server.request(mine)
        await asyncio.gather(load(server, theirs, requests=149, workers=3), _later(clock, 29.0, server, mine))

    await clock.run(a_pause_while_others_are_busy())

    assert server.refusals == 0


async def test_the_last_part_of_a_window_is_spread_over_it() -> None:
    clock = VirtualClock()
    server = QuotaServer(clock)
    moments: list[float] = []

    async def noted() -> None:
        gate = made_gate(clock)

        async def one() -> None:
            await server.request(gate)
            moments.append(clock.now)

        await asyncio.gather(*(one() for _ in range(140)))

    await clock.run(noted())

    per_second = [sum(second <= moment < second + 1 for moment in moments) for second in range(3, 24)]
    assert max(per_second) <= 2 * 75 / 30
    assert min(per_second) >= 1


async def test_callers_who_wait_are_served_in_turn_however_much_each_of_them_wants() -> None:
    clock = VirtualClock()
    server = QuotaServer(clock)
    served: dict[str, int] = {"greedy": 0, "modest": 0, "third": 0}

    gate = made_gate(clock)

    async def worker(name: str) -> None:
        while clock.now < 120:
            await server.request(gate, caller=name)
            served[name] += 1

    await clock.run(_all([worker(name) for name in (*["greedy"] * 8, "modest", "third")]))

    assert server.refusals == 0
    assert min(served.values()) >= 0.6 * max(served.values())


async def _all(work: list[Coroutine[Any, Any, None]]) -> None:
    await asyncio.gather(*work)


async def _later(clock: VirtualClock, seconds: float, server: QuotaServer, gate: Gate) -> None:
    await clock.sleep(seconds)
    await load(server, gate, requests=20, workers=8)
