"""From a REST service into a REST service: every record once, whatever becomes of the service that runs here."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import pytest

from agent.domain.run import RunState
from tests.connectors.rest.shop import CLIENT, DESCRIPTION, SECRET, USER, running_service
from tests.connectors.rest.test_sign_in import browser
from tests.helpers.postgres_server import free_port
from tests.helpers.stage import Stage

_RECORDS = 200
_FLOW = """\
schema_version: 1
name: orders-to-customers
title: Orders to customers
credentials: {source: rest, destination: rest}
nodes:
  start: {type: start}
  get:
    type: get
    credential: source
    schema: orders
    action: CURSOR
    filter:
      - {key: since, operator: ">=", value: "~{CreatedDate}~"}
  map:
    type: mapper
    attributes:
      reference: {value: "'R-' & $string(id)", type: text, key: true}
      name: {value: "'Customer ' & $string(id)", type: text}
      credit: {value: total, type: decimal}
  post: {type: post, credential: destination, schema: customers, action: POST}
  end: {type: end}
links:
  - [start, get, map, post, end]
"""


@pytest.mark.slow
def test_records_are_made_exactly_once_over_kills(stage: Stage, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    kills = request.config.getoption("--kills")
    chance = random.Random(kills)
    with running_service(orders=_RECORDS, page=20) as source, running_service(orders=0) as destination:
        stage.open_vault()
        stage.setting("enable_environment", "true")
        for name, service in (("Source", source), ("Destination", destination)):
            values = {"base_url": service.base, "authentication": "User name and password", "username": USER,
                      "private": "Allow", "description": DESCRIPTION.replace("size: 3", "size: 20")}  # fmt: skip
            if name == "Destination":
                values["description"] = values["description"].replace("service: 1", "service: 1\ncheck: /orders/all", 1)
            stage.configure("rest", name, values, {"password": SECRET})
        bindings = {"source": "Source", "destination": "Destination"}
        stage.deploy("orders-to-customers", document=_FLOW, bindings=bindings)
        run = stage.execute("orders-to-customers")
        for _ in range(kills):
            before = len(destination.customers)
            while len(destination.customers) < min(before + chance.randrange(1, 25), _RECORDS):
                threading.Event().wait(0.005)
            stage.kill()
            stage.start()

        ended = stage.ended(run.id)

        assert (ended.state, ended.counts.written, ended.counts.failed) == (RunState.SUCCESS, _RECORDS, 0)
        made = [one["reference"] for one in destination.customers.values()]
        assert sorted(made, key=lambda one: int(one[2:])) == [f"R-{number}" for number in range(1, _RECORDS + 1)]
        assert {one["credit"] for one in destination.customers.values()} >= {7.1, 199.1}
        source.change(7)
        again = stage.run("orders-to-customers")
        assert again.counts.read == 1
        assert len(destination.customers) == _RECORDS


def test_a_person_signs_in_once_and_again_when_the_service_wants_it(stage: Stage) -> None:
    with running_service() as source, running_service(orders=0) as destination:
        stage.open_vault()
        stage.setting("enable_environment", "true")
        common = {"private": "Allow", "description": DESCRIPTION}
        basic = {"authentication": "User name and password", "username": USER}
        stage.configure("rest", "Destination", {"base_url": destination.base, **basic, **common}, {"password": SECRET})
        origin = source.base.removesuffix("/api")
        values = {
            "base_url": source.base, "authentication": "OAuth 2.0, a person signs in", "client_id": CLIENT,
            "authorization_url": f"{origin}/authorize", "token_url": f"{origin}/token",
            "redirect_address": f"http://127.0.0.1:{free_port()}/signed-in", **common,
        }  # fmt: skip
        stored = stage.configure("rest", "Source", values, {"client_secret_if_any": SECRET}, browser=browser)
        assert (stored.state, sorted(stored.secrets)) == ("Validated", ["client_secret_if_any", "refresh_token"])
        bindings = {"source": "Source", "destination": "Destination"}
        stage.deploy("orders-to-customers", document=_FLOW, bindings=bindings)
        assert stage.run("orders-to-customers").counts.written == 10
        for number in (3, 4):  # after each start another refresh token counts
            stage.kill()
            source.change(number)
            assert stage.run("orders-to-customers").counts.read == 1
        assert source.tokens == 3

        source.refresh, source.revoked = "taken back", source.tokens
        source.change(5)
        run = stage.execute("orders-to-customers")
        while stage.ask(lambda client: client.configurations())[-1].tripped is None:
            assert not stage.ask(lambda client: client.run(run.id)).state.ended
        stage.configure("rest", "Source", values, {}, stored=stored.id, browser=browser)
        ended = stage.ended(run.id)
        assert (ended.state, ended.counts.read) == (RunState.SUCCESS, 1)
