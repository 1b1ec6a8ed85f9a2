"""Chosen records are read by their ids, many with one request, from a store that answers over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import pytest

from agent.connectors.bigcommerce.connector import BigCommerceConnector, Surroundings
from agent.connectors.contract import ReadRequest, SentClause
from agent.domain.clauses import FilterPlace
from agent.domain.errors import ConfigurationError
from agent.domain.packet import Packet
from agent.domain.secret import Secret
from agent.http.retry import RetryPolicy
from agent.sandbox import RunningSandbox, SandboxOptions, running_sandbox

TOKEN = "unmistakable-5ecret-token-7f3a"
LONG_LINES = 70


@pytest.fixture(scope="module")
def store() -> Iterator[RunningSandbox]:
    options = SandboxOptions(
        orders=2_000, customers=2_000, quota=None, token=TOKEN, username="op-agent", long_order_every=500,
        long_order_lines=LONG_LINES,
    )  # fmt: skip
    with running_sandbox(options) as running:
        yield running


async def read(
    store: RunningSandbox, schema: str, ids: Sequence[object], *clauses: SentClause, legacy: bool = False
) -> tuple[list[Packet], int]:
    """What comes of a read by ids, and how many requests it takes."""
    connector = BigCommerceConnector(Surroundings(policy=RetryPolicy(first_wait_seconds=0.01)))
    values = {"api_path": store.legacy_api_path if legacy else store.api_path, "username": "op-agent"}
    prepared = connector.prepare(values, {"api_token": Secret(TOKEN)})
    store.store.reset_stats()
    wanted = ReadRequest(schema, "GET", clauses, {}, None, None, 500, ids=[str(one) for one in ids])
    async with connector.open(prepared.values, prepared.secrets) as connection:
        packets = [packet async for packet in connection.read(wanted)]
    return packets, int(store.store.stats()["requests"])


def found(packets: Sequence[Packet]) -> list[int]:
    return sorted(int(one) for packet in packets for one in packet.source_ids)


@pytest.mark.parametrize("legacy", [False, True], ids=["token", "legacy"])
async def test_orders_that_are_close_together_come_with_one_request(store: RunningSandbox, legacy: bool) -> None:
    packets, requests = await read(store, "orders", [12, 3, 30, 41, 40], legacy=legacy)
    assert found(packets) == [3, 12, 30, 40, 41]
    assert requests == 1
    assert packets[-1].bookmark is not None
    (document,) = (json.loads(one) for one in packets[0].documents[:1])
    assert document["consignments"]["shipping"][0]["line_items"]


async def test_orders_far_apart_do_not_drag_along_what_is_between_them(store: RunningSandbox) -> None:
    packets, requests = await read(store, "orders", [5, 900, 901, 1_999])
    assert (found(packets), requests) == ([5, 900, 901, 1_999], 3)


async def test_more_than_a_page_of_orders_come_with_a_request_for_each_page(store: RunningSandbox) -> None:
    packets, requests = await read(store, "orders", range(1, 401))
    assert found(packets) == list(range(1, 401))
    assert requests == 2


async def test_long_orders_come_with_all_their_lines(store: RunningSandbox) -> None:
    packets, _ = await read(store, "orders", [500])
    groups = json.loads(packets[0].documents[0])["consignments"]["shipping"]
    assert sum(len(group["line_items"]) for group in groups) == LONG_LINES


async def test_what_comes_with_an_order_still_counts_and_headers_too(store: RunningSandbox) -> None:
    more = (SentClause("include", "=", "fees"), SentClause("X-Shop", "=", "EU", FilterPlace.HEADER))
    packets, _ = await read(store, "orders", [7], *more)
    assert "fees" in json.loads(packets[0].documents[0])


async def test_customers_come_forty_with_a_request(store: RunningSandbox) -> None:
    packets, requests = await read(store, "customers", range(1, 1_501, 10))
    assert found(packets) == list(range(1, 1_501, 10))
    assert requests == 4
    assert "addresses" in json.loads(packets[0].documents[0])


async def test_customers_of_a_legacy_account_come_by_ranges(store: RunningSandbox) -> None:
    packets, requests = await read(store, "customers", [4, 9, 700], legacy=True)
    assert (found(packets), requests) == ([4, 9, 700], 2)


@pytest.mark.parametrize("schema", ["orders", "customers"])
async def test_what_is_not_there_is_left_out(store: RunningSandbox, schema: str) -> None:
    packets, _ = await read(store, schema, [3, 999_999, "SKU-1", "9" * 30, "-4", ""])
    assert found(packets) == [3]


async def test_only_strange_ids_cost_no_request(store: RunningSandbox) -> None:
    packets, requests = await read(store, "orders", ["x", "y"])
    assert (found(packets), requests) == ([], 0)
    assert packets[-1].bookmark is not None


async def test_shipments_cannot_be_read(store: RunningSandbox) -> None:
    with pytest.raises(ConfigurationError) as caught:
        await read(store, "shipments", [1])
    assert caught.value.code == "unknown-action"
