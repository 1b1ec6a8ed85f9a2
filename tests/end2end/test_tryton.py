"""A store and a real Tryton: customers and orders go there, stock and shipments come back; exact, whatever dies."""

from __future__ import annotations

import itertools
import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from agent.domain.packet import SyncState
from agent.domain.run import RunState
from tests.helpers.postgres_server import NoServerError
from tests.helpers.shop import Shop, open_shop
from tests.helpers.stage import Stage
from tests.helpers.tryton_server import USER, USER_PASSWORD, TrytonServer, logged_in, running_tryton
from tests.helpers.tryton_warehouse import Warehouse

pytestmark = [pytest.mark.slow, pytest.mark.tryton]
_ORDERS = 150
_FEW_ORDERS = 60
_SALES = 6
_TO_BE_DELIVERED = {3, 7, 8, 9, 11}
"""The statuses of orders of which the sample makes sales."""


@pytest.fixture
def tryton() -> Iterator[TrytonServer]:
    """A Tryton whose products have the codes of the store's, and another price."""
    try:
        with running_tryton() as server:
            server.execute(
                "UPDATE product_product SET code = 'SKU-' || lpad(substr(code, 5), 6, '0') WHERE code LIKE 'CUP-%'"
            )
            yield server
    except NoServerError as error:
        pytest.skip(str(error))


@pytest.fixture
def shop(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Shop]:
    """A store with ten products, of which Tryton has all but some variants."""
    orders = str(getattr(request, "param", _ORDERS))
    with open_shop(tmp_path, "--orders", orders, "--products", "10", "--customers", "12", "--no-quota") as opened:
        yield opened


@pytest.fixture
def ready(stage: Stage, shop: Shop, tryton: TrytonServer) -> Stage:
    stage.prepare(shop)
    stage.configure("tryton", "Tryton", tryton.values(), {"password": USER_PASSWORD})
    return stage


def test_killing_the_service_at_any_moment_makes_no_sale_twice(
    ready: Stage, shop: Shop, tryton: TrytonServer, request: pytest.FixtureRequest
) -> None:
    for flow in ("customers-to-tryton", "orders-to-tryton"):
        ready.deploy(flow)
    customers = ready.run("customers-to-tryton")
    assert customers.state is RunState.SUCCESS, customers.message
    chance = random.Random(7)
    run = ready.execute("orders-to-tryton")
    for _ in range(max(1, request.config.getoption("--kills") // 3)):  # each costs the wait for a late sale
        seen = tryton.rows("SELECT count(*) FROM sale_sale")[0][0]
        _until_more(tryton, seen + chance.randrange(1, 8), ready, run.id)
        if ready.ask(lambda client: client.run(run.id)).state.ended:
            break
        ready.kill()
    ended = ready.ended(run.id)

    references = [one for (one,) in tryton.rows("SELECT reference FROM sale_sale ORDER BY id")]
    assert len(references) == len(set(references)), "an order became two sales"
    failed = {one.source_id: one.message for one in ready.records("orders-to-tryton", state=SyncState.FAILED).items}
    delivered = [order for order in shop.orders() if order["status_id"] in _TO_BE_DELIVERED]
    wanted = {f"BC-{order['id']}": order for order in delivered if str(order["id"]) not in failed}
    assert set(references) == set(wanted), (ended.message, failed)
    told = ("Tryton has no product ", "Tryton has no party ", "The order's total is ")
    assert all(message.startswith(told) for message in failed.values()), failed
    assert len(wanted) > _ORDERS // 6
    assert any(not order["customer_id"] for order in wanted.values()), "guests have sales too"
    _goods_go_where_the_order_says(tryton, wanted)
    _sales_come_to_the_orders_total(tryton, wanted)


def _goods_go_where_the_order_says(tryton: TrytonServer, wanted: dict[str, dict[str, Any]]) -> None:
    for number, name in enumerate(("shipment", "invoice")):
        rows = tryton.rows(
            "SELECT sale.reference, coalesce(address.party_name, party.name), address.street, address.postal_code, "
            "address.city, country.code, subdivision.name FROM sale_sale sale "
            f"JOIN party_address address ON address.id = sale.{name}_address "
            "JOIN party_party party ON party.id = sale.party AND party.id = address.party "
            "LEFT JOIN country_country country ON country.id = address.country "
            "LEFT JOIN country_subdivision subdivision ON subdivision.id = address.subdivision"
        )
        places = {reference: place for reference, *place in rows}
        said = {reference: [*order["consignments"]["shipping"], order["billing_address"]][-1 if number else 0]
                for reference, order in wanted.items() if number or order["consignments"]["shipping"]}  # fmt: skip
        assert places == {reference: _place(address) for reference, address in said.items()}
    twice = tryton.rows(
        "SELECT party, street, city, count(*) FROM party_address WHERE street IS NOT NULL "
        "GROUP BY party, party_name, street, postal_code, city, country, subdivision HAVING count(*) > 1"
    )
    assert twice == []


def _place(address: dict[str, Any]) -> list[str | None]:
    """An address of the store as Tryton should have it, which knows the states New York and Texas alone."""
    known = address["state"] in {"New York", "Texas"}
    return [
        ", ".join(one for one in (address["company"], f"{address['first_name']} {address['last_name']}") if one),
        "\n".join(one for one in (address["street_1"], address["street_2"]) if one),
        address["zip"],
        address["city"] if known else f"{address['city']}, {address['state']}",
        address["country_iso2"],
        address["state"] if known else None,
    ]


def _sales_come_to_the_orders_total(tryton: TrytonServer, wanted: dict[str, dict[str, Any]]) -> None:
    with closing(logged_in(tryton, USER)) as client:
        names = ["reference", "total_amount", "untaxed_amount"]
        body = {"id": 0, "method": "model.sale.sale.search_read", "params": [[], 0, None, None, names, {"company": 1}]}
        sales = client.post("", json=body).json()["result"]
    totals = {one["reference"]: Decimal(one["total_amount"]["decimal"]) for one in sales}
    assert totals == {reference: Decimal(order["total_inc_tax"]) for reference, order in wanted.items()}
    lines = dict(tryton.rows(
        "SELECT sale.reference, count(*) FROM sale_line line JOIN sale_sale sale ON sale.id = line.sale "
        "WHERE line.description NOT IN ('Shipping', 'Gift box', 'Discount', 'Rounding') GROUP BY sale.reference"
    ))  # fmt: skip
    assert lines == {reference: len(_lines(order)) for reference, order in wanted.items()}


def _lines(order: dict[str, Any]) -> list[dict[str, Any]]:
    """The lines of an order as the store has it."""
    groups = [group for kind in ("shipping", "pickups", "downloads") for group in order["consignments"].get(kind) or ()]
    return [line for group in groups if isinstance(group, dict) for line in group.get("line_items", ())]


def _until_more(tryton: TrytonServer, count: int, stage: Stage, run_id: str) -> None:
    """Wait until Tryton has so many sales, or the run has ended."""
    while tryton.rows("SELECT count(*) FROM sale_sale")[0][0] < count:
        if stage.ask(lambda client: client.run(run_id)).state.ended:
            return


@pytest.mark.parametrize("shop", [_FEW_ORDERS], indirect=True)
def test_stock_and_shipments_reach_the_store_once_whatever_dies(
    ready: Stage, shop: Shop, tryton: TrytonServer, request: pytest.FixtureRequest
) -> None:
    _stock_goes_to_the_store(ready, shop)
    tryton.execute("UPDATE product_template SET type = 'service' WHERE name = 'Cup 7'")  # a download at the store
    for flow in ("customers-to-tryton", "orders-to-tryton", "tryton-shipments-to-store"):
        ready.deploy(flow)
    for flow in ("customers-to-tryton", "orders-to-tryton"):
        ready.run(flow)
    addressed = "SELECT id FROM sale_sale WHERE shipment_address IS NOT NULL ORDER BY id"
    sales = [sale for (sale,) in tryton.rows(f"{addressed} LIMIT {_SALES}")]
    tryton.execute(f"UPDATE sale_sale SET reference = 'PHONE-1' WHERE id = {sales[-1]}")
    with Warehouse(tryton) as warehouse:
        warehouse.confirm(sales)
        one, other, *others = warehouse.waiting()
        warehouse.join(one, other)
        first = [one, *others]
        warehouse.ship(first, tracking={number: f"T-{number}" for number in first[:-3]}, halves=first[:3])
        _killed_now_and_then(ready, shop, max(2, request.config.getoption("--kills") // 3))
        assert _in_store(shop) == _in_tryton(tryton)

        # What is left follows. That a shipment which the store has is saved again in Tryton makes no other of it.
        left = warehouse.waiting()
        warehouse.ship(left, tracking={number: f"T-{number}" for number in left})
        wanted = _in_tryton(tryton)
        warehouse.call("stock.shipment.out.write", first[-3:], {"reference": "corrected"})
    assert len(wanted) > len(first), "some orders are shipped in parts"
    again = ready.run("tryton-shipments-to-store")
    assert again.state is RunState.SUCCESS, _failures(ready)
    assert _in_store(shop) == wanted


def _stock_goes_to_the_store(ready: Stage, shop: Shop) -> None:
    ready.deploy("tryton-stock-to-store")
    run = ready.run("tryton-stock-to-store")
    assert (run.state, run.counts.written) == (RunState.SUCCESS, 10), run.message
    skus = [f"SKU-{number:06}" for number in range(1, 11)]
    levels = {sku: shop.control("GET", f"stock/{sku}")["quantity"] for sku in skus}
    assert levels == {sku: number * 5 for number, sku in enumerate(skus, 1)}
    assert ready.run("tryton-stock-to-store").counts.written == 0


def _killed_now_and_then(stage: Stage, shop: Shop, kills: int) -> None:
    """A run of the shipments during which the service dies as soon as some more of them are in the store."""
    chance = random.Random(11)
    shop.control("POST", "faults", {"kind": "drop_after", "count": 1, "method": "POST", "path": "/shipments"})
    run = stage.execute("tryton-shipments-to-store")
    for _ in range(kills):
        enough = _posted(shop) + chance.randrange(1, 3)
        for look in itertools.count(1):
            # The store is asked often, the service seldom: being asked would keep it from its work.
            if _posted(shop) >= enough or (not look % 50 and stage.ask(lambda one: one.run(run.id)).state.ended):
                break
        stage.kill()
    ended = stage.ended(run.id)
    assert ended.state is RunState.SUCCESS, _failures(stage)


def _failures(stage: Stage) -> list[str]:
    failed = stage.records("tryton-shipments-to-store", state=SyncState.FAILED)
    return [f"{one.source_id}: {one.message}" for one in failed.items]


def _posted(shop: Shop) -> int:
    """How many shipments the store was sent."""
    sent: int = shop.control("GET", "stats")["by_route"].get("POST /v2/orders/{id}/shipments", 0)
    return sent


_Shipment = tuple[int, str, str, list[tuple[str, int]]]
"""The order, the shipment's number in Tryton, how it is tracked, and how many of each SKU."""


def _in_store(shop: Shop) -> list[_Shipment]:
    found: list[_Shipment] = []
    for order in range(1, _FEW_ORDERS + 1):
        skus = {line["id"]: line["sku"] for line in shop.get(f"/v2/orders/{order}/products?limit=250")}
        for shipment in shop.get(f"/v2/orders/{order}/shipments?limit=250") or ():
            counts = Counter[str]()
            for item in shipment["items"]:
                counts[skus[item["order_product_id"]]] += item["quantity"]
            found.append((order, shipment["comments"], shipment["tracking_number"], sorted(counts.items())))
    return sorted(found)


def _in_tryton(tryton: TrytonServer) -> list[_Shipment]:
    counts: dict[tuple[int, str, str], Counter[str]] = defaultdict(Counter)
    for reference, number, tracking, sku, quantity in tryton.rows(
        "SELECT sale.reference, shipment.number, coalesce(package.shipping_reference, ''), product.code, move.quantity "
        "FROM stock_shipment_out shipment "
        "JOIN stock_move move ON move.shipment = 'stock.shipment.out,' || shipment.id "
        "JOIN sale_line line ON move.origin = 'sale.line,' || line.id JOIN sale_sale sale ON sale.id = line.sale "
        "JOIN product_product product ON product.id = move.product LEFT JOIN stock_package package "
        "ON package.shipment = 'stock.shipment.out,' || shipment.id "
        "WHERE shipment.state = 'done' AND sale.reference LIKE 'BC-%'"
    ):
        counts[int(reference[3:]), f"Shipment {number}", tracking][sku] += int(quantity)
    return sorted((*key, sorted(lines.items())) for key, lines in counts.items())
