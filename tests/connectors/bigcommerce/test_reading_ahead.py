"""Several pages under way at once: as fast as it goes where ids are dense, as cheap as before where they are not."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import Iterable, Sequence

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.connectors.bigcommerce.ahead import at_once
from agent.connectors.bigcommerce.connector import BigCommerceConnection
from agent.connectors.contract import ReadRequest, SentClause
from agent.domain.errors import TransientError
from agent.domain.packet import Packet, Position
from agent.http.pacing import Quota
from tests.helpers.fake_store import FakeStore

PAGE = 250


def request(*clauses: SentClause, position: Position | None = None) -> ReadRequest:
    return ReadRequest("orders", "GET", clauses, {}, None, position, PAGE)


async def read(connection: BigCommerceConnection, wanted: ReadRequest) -> list[Packet]:
    async with connection:
        return [packet async for packet in connection.read(wanted)]


def ids(packets: Sequence[Packet]) -> list[int]:
    return [int(one) for packet in packets for one in packet.source_ids]


def filled(numbers: Iterable[int]) -> FakeStore:
    store = FakeStore()
    for number in numbers:
        store.add_order(number)
    store.clock.now = 3600.0
    return store


class Watch:
    """Makes each answer take a second, and sees how many are under way at once."""

    def __init__(self, store: FakeStore) -> None:
        self._clock = store.clock
        self._under_way = 0
        self.most = 0
        self.cancelled = 0
        store.disturb = self

    async def __call__(self, _: int, __: httpx.Request) -> None:
        self._under_way += 1
        self.most = max(self.most, self._under_way)
        try:
            await self._clock.sleep(1.0)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self._under_way -= 1


async def test_where_ids_are_dense_several_pages_are_under_way_for_one_request_more() -> None:
    store = filled(range(1, 5_001))
    watch = Watch(store)
    begun = store.clock.now

    packets = await store.clock.run(read(store.connection(), request()))

    assert ids(packets) == list(range(1, 5_001))
    # Twenty pages, the empty one behind them, the closing pass, and the question for the highest id.
    assert len(store.requests) == 23
    assert watch.most == 4
    assert store.clock.now - begun <= 10


async def test_where_ids_have_gaps_pages_come_one_by_one_at_no_extra_cost() -> None:
    store = filled(range(1, 10_000, 5))
    watch = Watch(store)

    packets = await store.clock.run(read(store.connection(), request()))

    assert ids(packets) == list(range(1, 10_000, 5))
    assert len(store.requests) == 8 + 2
    assert watch.most == 1


@pytest.mark.parametrize(
    "numbers",
    [
        [*range(1, 2_001), *range(2_001, 40_000, 50), *range(40_000, 42_000)],
        [*range(1, 1_501), *range(90_001, 92_001)],
        [*range(1, 1_100), *range(1_101, 3_000, 1)],
        [*range(500_000, 502_000)],
    ],
    ids=["thin in the middle", "a big hole", "one missing", "high numbers"],
)
async def test_gaps_in_the_middle_cost_a_few_requests_and_no_order(numbers: list[int]) -> None:
    store = filled(numbers)
    Watch(store)

    packets = await store.clock.run(read(store.connection(), request()))

    assert ids(packets) == numbers
    assert len(store.requests) <= -(-len(numbers) // PAGE) + 3 + 8


async def test_orders_made_while_the_end_is_known_already_arrive() -> None:
    store = filled(range(1, 3_001))

    def add(count: int, _: httpx.Request) -> None:
        store.clock.now += 1.0
        if count == 12:
            for number in range(3_001, 3_301):
                store.add_order(number)
            store.touch_order(4, status_id=10)
            del store.orders[2_990]

    store.disturb = add
    packets = await store.clock.run(read(store.connection(), request()))

    latest = {key: one for packet in packets for key, one in zip(packet.source_ids, packet.documents, strict=True)}
    assert set(store.orders) <= set(map(int, latest))
    assert json.loads(latest["4"])["status_id"] == 10


async def test_a_store_that_knows_no_max_id_gives_nothing_twice() -> None:
    store = filled(range(1, 3_001))
    store.ignored = frozenset({"max_id"})

    packets = await store.clock.run(read(store.connection(), request()))

    assert ids(packets) == list(range(1, 3_001))


async def test_the_operators_bounds_hold_for_what_is_fetched_ahead() -> None:
    store = filled(range(1, 4_001))
    clauses = [SentClause("min_id", "=", "101"), SentClause("max_id", "=", "3333")]

    packets = await store.clock.run(read(store.connection(), request(*clauses)))

    assert ids(packets) == list(range(101, 3_334))
    assert all(int(params["max_id"]) <= 3333 for _, _, params in store.requests)


async def test_without_the_highest_id_pages_come_one_by_one() -> None:
    store = filled(range(1, 2_001))
    store.disturb = lambda _, sent: httpx.Response(403) if sent.url.params["sort"] == "id:desc" else None

    packets = await store.clock.run(read(store.connection(), request()))

    assert ids(packets) == list(range(1, 2_001))
    assert not [params for _, _, params in store.requests if "max_id" in params]


async def test_a_range_that_fails_for_good_rises_in_its_turn_and_reading_goes_on_from_there() -> None:
    store = filled(range(1, 4_001))
    store.disturb = lambda _, sent: httpx.Response(500) if sent.url.params.get("max_id") == "2250" else None
    seen: list[Packet] = []

    async def broken() -> None:
        async with store.connection() as connection:
            async for packet in connection.read(request()):
                seen.append(packet)  # noqa: PERF401 - what came before the failure is kept

    with pytest.raises(TransientError):
        await store.clock.run(broken())
    assert ids(seen)[-1] in {1_750, 2_000}

    store.disturb = None
    rest = await store.clock.run(read(store.connection(), request(position=seen[-1].position)))
    assert ids([*seen, *rest]) == list(range(1, 4_001))


async def test_a_store_that_stumbles_is_asked_for_smaller_pages_and_gives_everything() -> None:
    store = filled(range(1, 4_001))
    store.disturb = lambda count, _: httpx.Response(500) if count in {7, 8, 9, 12} else None

    packets = await store.clock.run(read(store.connection(), request()))

    assert sorted(set(ids(packets))) == list(range(1, 4_001))
    assert min(int(params["limit"]) for _, _, params in store.requests if params["limit"] != "1") < PAGE


async def test_closing_the_reader_cancels_all_that_is_under_way() -> None:
    store = filled(range(1, 5_001))

    async def some() -> None:
        async with store.connection() as connection:
            packets = connection.read(request())
            async for packet in packets:
                if ids([packet])[0] > 1_000:
                    break
            watch = Watch(store)
            await anext(packets)
            for _ in range(50):
                await asyncio.sleep(0)
            await packets.aclose()
            assert watch.cancelled == watch.most >= 2

    await store.clock.run(some())
    assert len([task for task in asyncio.all_tasks() if not task.done()]) == 1


async def test_answers_are_let_go_of_without_the_garbage_collector() -> None:
    store = filled(range(1, 2_001))

    async def alive() -> int:
        async with store.connection() as connection:
            async for _ in connection.read(request()):
                pass
            return sum(isinstance(one, httpx.Response) for one in gc.get_objects())

    gc.collect()
    before = sum(isinstance(one, httpx.Response) for one in gc.get_objects())
    gc.disable()
    try:
        assert await store.clock.run(alive()) <= before
    finally:
        gc.enable()


@settings(max_examples=25, deadline=None)
@given(
    stretches=st.lists(st.tuples(st.integers(1, 900), st.integers(0, 3), st.integers(0, 2_000)), max_size=4),
    stop=st.integers(0, 12),
)
def test_whatever_the_ids_and_wherever_it_stopped_each_order_comes_once(
    stretches: list[tuple[int, int, int]], stop: int
) -> None:
    numbers: list[int] = []
    first = 1
    for count, step, gap in stretches:
        numbers += range(first, first + count * (step + 1), step + 1)
        first = numbers[-1] + 1 + gap

    async def interrupted() -> list[int]:
        store = filled(numbers)
        before: list[Packet] = []
        async with store.connection() as connection:
            async for packet in connection.read(request()):
                before.append(packet)
                if len(before) > stop:
                    break
        if before[-1].bookmark is not None:
            return ids(before)
        position = json.loads(json.dumps(dict(before[-1].position)))
        return ids([*before, *await store.clock.run(read(store.connection(), request(position=position)))])

    assert asyncio.run(interrupted()) == numbers


@pytest.mark.parametrize(
    ("quota", "expected"),
    [(None, 4), (Quota(9, 150, 1.0, 30.0), 2), (Quota(9, 450, 1.0, 30.0), 8), (Quota(9, 10**9, 1.0, 30.0), 8),
     (Quota(9, 10, 1.0, 30.0), 2)],
)  # fmt: skip
def test_a_small_quota_is_not_used_up_in_one_burst(quota: Quota | None, expected: int) -> None:
    assert at_once(quota) == expected
