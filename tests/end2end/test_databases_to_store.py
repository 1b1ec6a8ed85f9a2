"""What lies in a database server goes into the store: shipments, each once, and levels and prices, as they are."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from agent.domain.run import RunState
from tests.helpers.mariadb_server import MariadbServer
from tests.helpers.postgres_server import PostgresServer
from tests.helpers.shop import Shop, open_shop
from tests.helpers.stage import Stage

_ORDERS, _PRODUCTS = 30, 40
_TABLES = (
    "CREATE TABLE shipments (id INT PRIMARY KEY, order_id INT, tracking_number VARCHAR(40), carrier VARCHAR(40))",
    "CREATE TABLE stock (sku VARCHAR(40) PRIMARY KEY, inventory_level INTEGER)",
    "CREATE TABLE prices (sku VARCHAR(40) PRIMARY KEY, price DECIMAL(20, 4), sale_price DECIMAL(20, 4))",
    *(f"INSERT INTO shipments VALUES ({one}, {one}, 'T-{one}', 'Van')" for one in range(1, _ORDERS + 1)),
    *(f"INSERT INTO stock VALUES ('SKU-{one:06}', {one * 3})" for one in range(1, _PRODUCTS + 1) if one % 5),
    *(f"INSERT INTO prices VALUES ('SKU-{one:06}', {one}.95, NULL)" for one in range(1, _PRODUCTS + 1) if one % 5),
)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    options = ("--orders", str(_ORDERS), "--products", str(_PRODUCTS), "--customers", "10", "--no-quota")
    with open_shop(tmp_path, *options) as opened:
        yield opened


@pytest.mark.slow
@pytest.mark.postgres
def test_postgresql_to_the_store_over_kills(
    stage: Stage, shop: Shop, postgres_server: PostgresServer, request: pytest.FixtureRequest
) -> None:
    database = postgres_server.database()
    postgres_server.execute(database, *_TABLES)
    secrets = {name: secret.reveal() for name, secret in postgres_server.secrets().items()}
    stage.prepare(shop, database=postgres_server.values(database), secrets=secrets)
    everything_arrives_once(stage, shop, kills=request.config.getoption("--kills"))


@pytest.mark.slow
@pytest.mark.mariadb
def test_mariadb_to_the_store_over_kills(
    stage: Stage, shop: Shop, mariadb_server: MariadbServer, request: pytest.FixtureRequest
) -> None:
    database = mariadb_server.emptied_database()
    mariadb_server.execute(database, *_TABLES)
    secrets = {name: secret.reveal() for name, secret in mariadb_server.secrets().items()}
    stage.prepare(shop, database=mariadb_server.values(database), secrets=secrets)
    everything_arrives_once(stage, shop, kills=request.config.getoption("--kills"))


def everything_arrives_once(stage: Stage, shop: Shop, *, kills: int) -> None:
    """Run the three processflows, killing the service at random moments, and compare the store with the tables."""
    chance = random.Random(kills)
    for flow in ("shipments-to-store", "stock-to-store", "prices-to-store"):
        stage.deploy(flow)
    shop.control("POST", "faults", {"kind": "latency", "latency_ms": 10})

    def over_kills(flow: str, done: Callable[[], int], times: int) -> None:
        run = stage.execute(flow)
        for _ in range(times):
            wanted = done() + chance.randrange(1, 6)
            while done() < wanted and not stage.ask(lambda client: client.run(run.id)).state.ended:
                pass  # each look at the store is a request, so that this does not turn fast
            stage.kill()
            stage.start()
        ended = stage.ended(run.id)
        assert (ended.state, ended.counts.failed) == (RunState.SUCCESS, 0), ended.message

    def shipped() -> int:
        return sum(one["status_id"] == 2 for one in shop.get("/v2/orders?limit=250"))

    over_kills("shipments-to-store", shipped, max(1, kills // 3))
    over_kills("stock-to-store", shop.requests, 1)
    assert stage.run("prices-to-store").state is RunState.SUCCESS
    shop.control("DELETE", "faults")

    for number in range(1, _ORDERS + 1):
        made = shop.get(f"/v2/orders/{number}/shipments")
        assert [one["tracking_number"] for one in made] == [f"T-{number}"], f"order {number}"
    for product in shop.get(f"/v3/catalog/products?limit={_PRODUCTS}")["data"]:
        number = int(product["sku"].rpartition("-")[2])
        if number % 5:
            assert Decimal(str(product["price"])) == Decimal(f"{number}.95")
            assert shop.control("GET", f"stock/{product['sku']}")["quantity"] == number * 3
    assert stage.run("shipments-to-store").counts.written == 0
