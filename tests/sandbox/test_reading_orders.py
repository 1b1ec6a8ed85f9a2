"""Paging, filters and order of the order list, on a store of a million orders."""

from __future__ import annotations

import os
import random
from email.utils import parsedate_to_datetime

import psutil
import pytest

from agent.sandbox import SandboxOptions
from agent.sandbox.selection import Criteria, Found, Interval
from agent.sandbox.timeline import Timeline
from tests.sandbox.client import Client, Make


def test_a_page_holds_fifty_orders_unless_told_otherwise(big: Client) -> None:
    assert big.v2("/orders").ids == list(range(1, 51))
    assert big.v2("/orders", page=2, limit=3).ids == [4, 5, 6]


def test_key_set_paging_reaches_the_end_and_gets_204_there(big: Client) -> None:
    assert big.v2("/orders", min_id=999_999, limit=250, sort="id:asc").ids == [999_999, 1_000_000]
    end = big.v2("/orders", min_id=1_000_001)
    assert (end.status, end.body) == (204, b"")


def test_a_page_past_the_end_is_204(big: Client) -> None:
    assert big.v2("/orders", page=4_001, limit=250).status == 204


def test_orders_can_be_read_backwards(big: Client) -> None:
    assert big.v2("/orders", sort="id:desc", limit=3).ids == [1_000_000, 999_999, 999_998]
    assert big.v2("/orders", sort="date_modified:desc", limit=2).ids == [1_000_000, 999_999]


def test_a_window_of_dates_holds_exactly_the_orders_changed_in_it(big: Client) -> None:
    first, last = (big.v2(f"/orders/{number}").json["date_modified"] for number in (500_000, 500_009))
    assert big.v2("/orders", min_date_modified=first, max_date_modified=last).ids == list(range(500_000, 500_010))
    iso = parsedate_to_datetime(first).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert big.v2("/orders", min_date_modified=iso, limit=2).ids == [500_000, 500_001]


def test_a_window_of_creation_dates_holds_the_orders_made_in_it(big: Client) -> None:
    created = big.v2("/orders/777").json["date_created"]
    assert big.v2("/orders", min_date_created=created, max_date_created=created).ids == [777]


def test_base_orders_were_last_changed_after_they_were_made_and_long_ago(big: Client) -> None:
    for order in (*big.v2("/orders", limit=50).json, *big.v2("/orders", sort="id:desc").json):
        made, changed = (parsedate_to_datetime(order[name]) for name in ("date_created", "date_modified"))
        assert made < changed
        assert (big.sandbox.store.now() - changed).total_seconds() > 3600


def test_orders_are_found_by_status_and_customer(big: Client) -> None:
    page = big.v2("/orders", status_id=11, min_id=900_000, limit=20).json
    assert {order["status_id"] for order in page} == {11}
    assert page[0]["id"] >= 900_000
    customer = page[0]["customer_id"]
    theirs = big.v2("/orders", customer_id=customer, limit=10).json
    assert {order["customer_id"] for order in theirs} == {customer}
    assert len(theirs) == 10


def test_the_count_agrees_with_the_list(store_of: Make) -> None:
    client = store_of(SandboxOptions(orders=300, quota=None))
    count = client.v2("/orders/count", status_id=10).json["count"]
    assert count == len(client.v2("/orders", status_id=10, limit=250).ids)
    whole = client.v2("/orders/count").json
    assert whole["count"] == 300 == sum(status["count"] for status in whole["statuses"])


@pytest.mark.parametrize(
    ("query", "status"),
    [({"limit": 251}, 413), ({"foo": 1}, 400), ({"min_id": "x"}, 400), ({"page": 0}, 400), ({"include": "x"}, 400)],
)
def test_nonsense_is_refused_with_an_array(big: Client, query: dict[str, object], status: int) -> None:
    reply = big.v2("/orders", **query)
    assert (reply.status, reply.json[0]["status"]) == (status, status)


def test_the_maximum_limit_is_told(big: Client) -> None:
    assert big.v2("/orders", limit=251).json[0]["details"] == {"max_limit": 250}


def test_line_items_can_be_included_and_add_up(big: Client) -> None:
    orders = big.v2("/orders", limit=250, include="consignments.line_items,fees", consignment_structure="object").json
    for order in orders:
        parts = order["consignments"]
        lines = [line for part in (*parts["shipping"], *parts["downloads"]) for line in part["line_items"]]
        assert {line["order_id"] for line in lines} == {order["id"]}
        assert order["items_total"] == sum(line["quantity"] for line in lines)
        assert float(order["subtotal_ex_tax"]) == pytest.approx(sum(float(line["total_ex_tax"]) for line in lines))
        rest = sum(float(order[name]) for name in ("subtotal_inc_tax", "shipping_cost_ex_tax", "shipping_cost_tax"))
        rest += sum(float(fee["cost_ex_tax"]) for fee in order["fees"]) - float(order["coupon_discount"])
        assert float(order["total_inc_tax"]) == pytest.approx(rest)
        assert order["order_is_digital"] is not bool(parts["shipping"])


def test_more_than_fifty_lines_are_cut_with_a_warning_and_can_be_read_apart(big: Client) -> None:
    query = {"include": "consignments.line_items", "consignment_structure": "object"}
    (part,) = big.v2("/orders/500", **query).json["consignments"]["shipping"]
    assert len(part["line_items"]) == 50
    assert "__warning__" in part
    lines = big.v2("/orders/500/products", limit=250).json
    assert len({line["id"] for line in lines}) == 64
    assert big.v2("/orders/500/products", limit=50, page=2).ids == [line["id"] for line in lines[50:]]
    assert "__warning__" not in big.v2("/orders/501", **query).body.decode()


def test_a_digital_order_has_no_shipping_address(big: Client) -> None:
    digital = next(order for order in big.v2("/orders", limit=250).json if order["order_is_digital"])
    assert big.v2(f"/orders/{digital['id']}/shipping_addresses").status == 204
    assert big.v2("/orders/1/shipping_addresses").json[0]["order_id"] == 1


def test_an_unknown_order_is_404(big: Client) -> None:
    assert big.v2("/orders/1000001").json[0]["status"] == 404


def test_a_million_orders_take_little_memory(big: Client) -> None:
    process = psutil.Process(os.getpid())
    big.v2("/orders", limit=250, min_id=1)
    before = process.memory_info().rss
    for first in range(1, 1_000_000, 20_000):
        assert len(big.v2("/orders", limit=250, min_id=first, sort="id:asc").ids) == 250
    assert process.memory_info().rss - before < 32 << 20


def test_pages_agree_with_a_plain_search_whatever_changed() -> None:
    """The clever way of cutting pages against the obvious one."""
    chance = random.Random(7)
    for _ in range(30):
        timeline = Timeline(seed=1, kind="order", base_count=60)
        now = 2_000_000_000
        for _ in range(chance.randrange(40)):
            now += chance.randrange(3)
            if chance.random() < 0.2:
                timeline.add(now=now)
            else:
                timeline.touch(chance.randrange(1, timeline.last_id + 1), now=now)
        check(timeline, chance)


def check(timeline: Timeline, chance: random.Random) -> None:
    from agent.sandbox.selection import Finder, Scan

    finder = Finder(timeline)
    low = chance.choice([None, timeline.modified(chance.randrange(1, timeline.last_id + 1))])
    high = chance.choice([None, timeline.modified(chance.randrange(1, timeline.last_id + 1))])
    ids = Interval(chance.choice([None, chance.randrange(60)]), chance.choice([None, chance.randrange(70)]))
    scan = chance.choice([None, Scan("odd", lambda number: number % 2 == 1)])
    criteria = Criteria(ids=ids, modified=Interval(low, high), scan=scan)
    wanted = [
        number
        for number in range(1, timeline.last_id + 1)
        if number in ids and timeline.modified(number) in criteria.modified and (scan is None or number % 2 == 1)
    ]
    agree(finder.find(criteria), wanted)
    agree(finder.find(criteria, "modified"), sorted(wanted, key=lambda one: (timeline.modified(one), one)))


def agree(found: Found, wanted: list[int]) -> None:
    assert found.total == len(wanted)
    for limit in (1, 7, 100):
        for offset in range(0, len(wanted) + limit, limit):
            assert found.page(offset, limit) == wanted[offset : offset + limit]
            assert found.page(offset, limit, descending=True) == wanted[::-1][offset : offset + limit]
