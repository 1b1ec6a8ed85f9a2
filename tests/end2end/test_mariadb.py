"""The main job into a MariaDB server: the same promise as with a file."""

from __future__ import annotations

import random
import threading

import pytest

from agent.domain.run import RunState
from tests.end2end.orders import FLOW, arrived, in_store
from tests.helpers.mariadb_server import MariadbServer
from tests.helpers.shop import Shop
from tests.helpers.stage import Stage


@pytest.mark.slow
@pytest.mark.mariadb
def test_orders_arrive_in_mariadb_exactly_once_over_kills(
    stage: Stage, shop: Shop, mariadb_server: MariadbServer, request: pytest.FixtureRequest
) -> None:
    kills = request.config.getoption("--kills")
    chance = random.Random(kills)
    database = mariadb_server.emptied_database()
    secrets = {name: secret.reveal() for name, secret in mariadb_server.secrets().items()}
    stage.prepare(shop, database=mariadb_server.values(database), secrets=secrets)
    stage.deploy(FLOW)
    shop.control("POST", "faults", {"kind": "latency", "latency_ms": 20})
    run = stage.execute(FLOW)
    for _ in range(kills):
        threading.Event().wait(chance.uniform(0.0, 0.6))
        stage.kill()
        stage.start()
    shop.control("DELETE", "faults")

    ended = stage.ended(run.id)

    assert (ended.state, ended.counts.written, ended.counts.failed) == (RunState.SUCCESS, 10_000, 0)
    assert arrived(lambda query: mariadb_server.rows(database, query)) == in_store(shop)
