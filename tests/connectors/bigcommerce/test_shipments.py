"""Shipments of orders: which lines they take, and how one that was made already is told from another."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from agent.connectors.bigcommerce.connector import BigCommerceConnection, BigCommerceConnector, Surroundings
from agent.connectors.contract import WriteTarget
from agent.domain.app import Attribute, DataType
from agent.domain.errors import AmbiguousWriteError
from agent.domain.packet import Batch, Row
from agent.domain.secret import Secret
from agent.http.retry import RetryPolicy
from agent.sandbox import Fault, FaultKind, RunningSandbox, SandboxOptions, running_sandbox

TARGET = WriteTarget("shipments", "POST", {}, "ledger")
NAMES = ("order_id", "tracking_number", "reference", "comments")
ITEMS = Attribute("items", DataType.COLLECTION, members=(Attribute("sku"), Attribute("quantity", DataType.INTEGER)))
TWICE = 12
"""An order with two SKUs that are on two lines each, as of one product with two engravings."""


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with ExitStack() as stack:
        yield stack.enter_context(running_sandbox(SandboxOptions(orders=50, products=20, quota=None, token="t0ken")))


def connection(sandbox: RunningSandbox, *, read_seconds: float = 30.0) -> BigCommerceConnection:
    surroundings = Surroundings(policy=RetryPolicy(first_wait_seconds=0.01), read_seconds=read_seconds)
    connector = BigCommerceConnector(surroundings)
    values = {"api_path": sandbox.api_path, "username": sandbox.options.username}
    prepared = connector.prepare(values, {"api_token": Secret("t0ken")})
    return connector.open(prepared.values, prepared.secrets)


def shipment(
    order: int, items: Sequence[tuple[str, int]] = (), *, tracking: str = "", reference: str = "", comments: str = ""
) -> Row:
    return order, tracking or None, reference or None, comments or None, [*items] or None


def batch(*rows: Row) -> Batch:
    return Batch((*(Attribute(name) for name in NAMES), ITEMS), [str(row) for row in range(len(rows))], list(rows))


def shop(sandbox: RunningSandbox, path: str) -> list[dict[str, Any]]:
    headers = {"X-Auth-Token": "t0ken", "Accept": "application/json"}
    answer = httpx.get(
        f"{sandbox.origin}/stores/{sandbox.options.store_hash}/v2/orders/{path}", headers=headers, verify=False
    )
    found: list[dict[str, Any]] = answer.json() if answer.content else []
    return found


def quantities(sandbox: RunningSandbox, order: int) -> dict[str, int]:
    found: dict[str, int] = defaultdict(int)
    for line in shop(sandbox, f"{order}/products"):
        found[line["sku"]] += line["quantity"]
    return found


async def test_a_shipment_with_a_reference_is_made_once(sandbox: RunningSandbox) -> None:
    sku = next(iter(quantities(sandbox, TWICE)))
    first = shipment(TWICE, [(sku, 1)], tracking="T-1", reference="CS1", comments="Handle with care")
    async with connection(sandbox) as one:
        made = await one.write(TARGET, batch(first), lambda _: b"")
        corrected = shipment(TWICE, [(sku, 1)], tracking="T-1 corrected", reference="CS1")
        other = shipment(TWICE, [(sku, 1)], tracking="T-1", reference="CS12")
        again = await one.write(TARGET, batch(corrected, other), lambda _: b"")
        present = await one.present(TARGET, batch(first, shipment(TWICE, [(sku, 1)], reference="CS13")))

    assert again.destination_ids[0] == made.destination_ids[0] != again.destination_ids[1]
    there = [(one["tracking_number"], one["comments"]) for one in shop(sandbox, f"{TWICE}/shipments")]
    assert there == [("T-1", "CS1: Handle with care"), ("T-1", "CS12")]
    assert ([*present.rows], set(present.stand_ins)) == ([first, None], {1}), "a preview shows the second one as new"


async def test_equal_shipments_without_tracking_are_told_apart_by_their_references(sandbox: RunningSandbox) -> None:
    sku = next(iter(quantities(sandbox, TWICE)))
    rows = [shipment(TWICE, [(sku, 1)], reference=f"CS{number}") for number in (1, 2, 3)]
    async with connection(sandbox) as one:
        await one.write(TARGET, batch(*rows[:2]), lambda _: b"")

        found = await one.look_up(TARGET, batch(*rows[1:]))

    assert list(found.written) == [0], "the second is there, the third is not"


async def test_one_sku_on_several_lines_is_shipped_wholly_in_parts_of_one_batch(sandbox: RunningSandbox) -> None:
    wanted = quantities(sandbox, TWICE)
    first = shipment(TWICE, [(sku, 1) for sku in wanted], reference="CS1")
    second = shipment(TWICE, [(sku, count - 1) for sku, count in wanted.items() if count > 1], reference="CS2")
    async with connection(sandbox) as one:
        report = await one.write(TARGET, batch(first, second), lambda _: b"")

    assert report.failures == {}
    assert all(line["quantity_shipped"] == line["quantity"] for line in shop(sandbox, f"{TWICE}/products"))


async def test_items_named_twice_are_one(sandbox: RunningSandbox) -> None:
    sku = next(iter(quantities(sandbox, TWICE)))
    async with connection(sandbox) as one:
        await one.write(TARGET, batch(shipment(TWICE, [(sku, 1), (sku, 2)], reference="CS1")), lambda _: b"")

    (made,) = shop(sandbox, f"{TWICE}/shipments")
    lines = [item["order_product_id"] for item in made["items"]]
    assert len(lines) == len(set(lines)), "no line is in a shipment twice"
    assert sum(item["quantity"] for item in made["items"]) == 3


async def test_what_goes_to_no_address_is_not_shipped(sandbox: RunningSandbox) -> None:
    lines = {order: shop(sandbox, f"{order}/products") for order in range(1, 51)}
    order = next(one for one in lines if len({bool(line["order_address_id"]) for line in lines[one]}) == 2)
    items = [(line["sku"], 1) for line in lines[order] if line["sku"]]
    digital = [
        item for item in items if all(not one["order_address_id"] for one in lines[order] if one["sku"] == item[0])
    ]
    async with connection(sandbox) as one:
        report = await one.write(
            TARGET,
            batch(shipment(order, items, tracking="T-1"), shipment(order, digital, tracking="T-2")),
            lambda _: b"",
        )
        found = await one.look_up(TARGET, batch(shipment(order, items, tracking="T-1")))

    assert {row: failure.code for row, failure in report.failures.items()} == {1: "nothing-to-ship"}
    (made,) = shop(sandbox, f"{order}/shipments")
    addressed = {line["id"] for line in lines[order] if line["order_address_id"]}
    assert {item["order_product_id"] for item in made["items"]} <= addressed
    assert list(found.written) == [0]


@pytest.mark.parametrize("count", [None, 6])
async def test_an_unanswered_shipment_of_skus_is_found_by_what_is_in_it(
    count: int | None, sandbox: RunningSandbox
) -> None:
    sku = next(sku for sku, count in quantities(sandbox, TWICE).items() if count > 6)
    rows = batch((TWICE, "T-1", None, None, [(sku, count)]), (TWICE, "T-2", None, None, [(sku, 1)]))
    fault = Fault(FaultKind.HANG_AFTER, path=f"/v2/orders/{TWICE}/shipments", method="POST", count=1)
    sandbox.store.add_fault(fault)
    async with connection(sandbox, read_seconds=0.3) as one:
        with pytest.raises(AmbiguousWriteError):
            await one.write(TARGET, rows, lambda _: b"")
    async with connection(sandbox) as one:
        found = await one.look_up(TARGET, rows)

    assert list(found.written) == [0]


async def test_more_than_is_left_fails_with_what_the_store_says(sandbox: RunningSandbox) -> None:
    sku, count = next(iter(quantities(sandbox, TWICE).items()))
    async with connection(sandbox) as one:
        report = await asyncio.wait_for(
            one.write(TARGET, batch(shipment(TWICE, [(sku, count + 1)], reference="CS1")), lambda _: b""), 30
        )

    assert report.failures[0].code == "record-refused"
    assert shop(sandbox, f"{TWICE}/shipments") == []


async def test_a_reference_belongs_to_one_shipment(sandbox: RunningSandbox) -> None:
    """Whatever else has it is told: in a batch, and beside what the store has; and a longer one is another one."""
    skus = list(quantities(sandbox, TWICE))
    first = shipment(TWICE, [(skus[0], 1)], reference="PO 7")
    async with connection(sandbox) as one:
        report = await one.write(TARGET, batch(first, shipment(TWICE, [(skus[1], 1)], reference="po 7")), lambda _: b"")
        assert {row: error.code for row, error in report.failures.items()} == {1: "reference-taken"}
        other = shipment(TWICE, [(skus[1], 1)], reference="PO 7")
        longer = shipment(TWICE, [(skus[1], 1)], reference="PO 7:2")
        again = await one.write(TARGET, batch(other, longer), lambda _: b"")
        same = await one.write(TARGET, batch(first), lambda _: b"")

    assert {row: error.code for row, error in again.failures.items()} == {0: "reference-taken"}
    assert (same.failures, same.destination_ids[0]) == ({}, report.destination_ids[0])
    assert sorted(made["comments"] for made in shop(sandbox, f"{TWICE}/shipments")) == ["PO 7", "PO 7:2"]


async def test_a_line_that_the_order_does_not_have_is_told(sandbox: RunningSandbox) -> None:
    line = shop(sandbox, f"{TWICE}/products")[0]
    members = (
        Attribute("order_product_id", DataType.INTEGER),
        Attribute("sku"),
        Attribute("quantity", DataType.INTEGER),
    )
    attributes = (
        Attribute("order_id"),
        Attribute("reference"),
        Attribute("items", DataType.COLLECTION, members=members),
    )
    rows: list[Row] = [(TWICE, "A", [(None, line["sku"], 1), (77_777, None, 1)]), (TWICE, "B", [(line["id"], "x", 1)])]
    async with connection(sandbox) as one:
        report = await one.write(TARGET, Batch(attributes, ["a", "b"], rows), lambda _: b"")
    assert {row: error.message for row, error in report.failures.items()} == {
        0: "The order has no line 77777 that goes to this address."
    }
    (made,) = shop(sandbox, f"{TWICE}/shipments")
    assert [(one["order_product_id"], one["quantity"]) for one in made["items"]] == [(line["id"], 1)]
