"""Troubles, as a client meets them, and that the store goes on as if nothing had been afterwards."""

from __future__ import annotations

import http.client
import threading
import time
from contextlib import ExitStack

import pytest

from agent.sandbox import Fault, FaultKind, SandboxOptions, running_sandbox
from tests.sandbox.client import Client, Make

ADJUST = "/inventory/adjustments/absolute"
ITEMS = {"items": [{"location_id": 1, "sku": "SKU-000001", "quantity": 77}]}


@pytest.fixture
def client(store_of: Make) -> Client:
    return store_of(SandboxOptions(orders=100, customers=10, products=10, quota=None))


@pytest.mark.parametrize("status", [500, 502, 503])
def test_an_error_status_strikes_as_often_as_told(client: Client, status: int) -> None:
    client.sandbox.store.add_fault(Fault(FaultKind.STATUS, status=status, count=2))
    assert [client.v2("/time").status for _ in range(3)] == [status, status, 200]
    assert client.sandbox.store.stats()["faults_struck"] == 2


def test_error_answers_have_the_shape_of_their_version(client: Client) -> None:
    client.sandbox.store.add_fault(Fault(FaultKind.STATUS, status=503))
    assert client.v2("/time").json[0]["status"] == 503
    assert client.v3("/customers").json["status"] == 503
    client.sandbox.store.clear_faults()
    assert client.v3("/customers").status == 200


def test_a_trouble_strikes_only_the_requests_it_is_meant_for(client: Client) -> None:
    client.sandbox.store.add_fault(Fault(FaultKind.STATUS, path="/inventory/", method="put"))
    assert client.v3("/inventory/items").status == 200
    assert client.v2("/orders").status == 200
    assert client.write("PUT", ADJUST, ITEMS).status == 500
    assert client.sandbox.store.writes("SKU-000001") == 0


def test_a_429_of_the_platform_says_nothing_about_the_quota(client: Client) -> None:
    client.sandbox.store.add_fault(Fault(FaultKind.RATE_LIMIT, count=1))
    reply = client.v2("/orders")
    assert reply.status == 429
    assert not [name for name in reply.headers if name.startswith("x-r") and name != "x-request-id"]
    assert client.v2("/orders").status == 200


def test_a_web_page_comes_instead_of_the_api(client: Client) -> None:
    client.sandbox.store.add_fault(Fault(FaultKind.HTML, count=1))
    reply = client.v2("/orders")
    assert (reply.status, reply.headers["content-type"].partition(";")[0]) == (200, "text/html")
    assert client.v2("/orders").headers["content-type"] == "application/json"


def test_a_reset_happens_before_anything_is_done(client: Client) -> None:
    client.sandbox.store.add_fault(Fault(FaultKind.RESET, count=1))
    with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
        client.write("PUT", ADJUST, ITEMS)
    assert client.sandbox.store.writes("SKU-000001") == 0
    assert client.write("PUT", ADJUST, ITEMS).status == 200
    assert client.sandbox.store.writes("SKU-000001") == 1


def test_a_dropped_answer_leaves_the_write_done(client: Client) -> None:
    client.sandbox.store.add_fault(Fault(FaultKind.DROP_AFTER, count=1))
    with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
        client.write("PUT", ADJUST, ITEMS)
    assert client.sandbox.store.stock("SKU-000001") == 77
    assert client.sandbox.store.writes("SKU-000001") == 1
    assert client.v2("/time").status == 200


def test_a_truncated_body_ends_early(client: Client) -> None:
    client.sandbox.store.add_fault(Fault(FaultKind.TRUNCATE, count=1))
    with pytest.raises(http.client.IncompleteRead) as caught:
        client.v2("/orders", limit=100)
    assert len(caught.value.partial) > 1_000
    assert len(client.v2("/orders", limit=100).ids) == 100


@pytest.mark.parametrize(("kind", "written"), [(FaultKind.HANG_BEFORE, 0), (FaultKind.HANG_AFTER, 1)])
def test_a_hanging_request_is_done_or_not_and_never_answered(client: Client, kind: FaultKind, written: int) -> None:
    store = client.sandbox.store
    store.add_fault(Fault(kind, count=1))
    connection = http.client.HTTPConnection("127.0.0.1", client.sandbox.port, timeout=0.2)
    headers = {"X-Auth-Token": client.sandbox.token, "Content-Type": "application/json"}
    body = b'{"items":[{"location_id":1,"sku":"SKU-000001","quantity":77}]}'
    connection.request("PUT", f"/stores/demo1/v3{ADJUST}", body, headers)
    with pytest.raises(TimeoutError):
        connection.getresponse()
    assert store.stats()["given_up"] == 0
    connection.close()
    end = time.monotonic() + 60
    while store.stats()["given_up"] == 0 and time.monotonic() < end:
        time.sleep(0.001)
    assert store.stats()["given_up"] == 1
    assert store.writes("SKU-000001") == written
    assert client.write("PUT", ADJUST, ITEMS).status == 200
    assert store.writes("SKU-000001") == written + 1


def test_a_store_stops_while_a_request_hangs() -> None:
    before = set(threading.enumerate())
    with ExitStack() as afterwards:
        with running_sandbox(SandboxOptions(orders=10, quota=None)) as sandbox:
            sandbox.store.add_fault(Fault(FaultKind.HANG_BEFORE))
            connection = http.client.HTTPConnection("127.0.0.1", sandbox.port, timeout=0.2)
            afterwards.callback(connection.close)
            connection.request("GET", "/stores/demo1/v2/time", headers={"X-Auth-Token": sandbox.token})
            with pytest.raises(TimeoutError):
                connection.getresponse()
        assert set(threading.enumerate()) <= before


def test_latency_and_another_trouble_strike_together(client: Client) -> None:
    client.sandbox.store.add_fault(Fault(FaultKind.LATENCY, latency_ms=1, count=1))
    client.sandbox.store.add_fault(Fault(FaultKind.STATUS, count=1))
    assert client.v2("/time").status == 500
    assert client.sandbox.store.faults.active() == ()
    assert client.v2("/time").status == 200


def test_a_trouble_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="must"):
        Fault(FaultKind.STATUS, count=0)
    with pytest.raises(ValueError, match="must"):
        Fault(FaultKind.STATUS, status=200)
    with pytest.raises(ValueError, match="must"):
        Fault(FaultKind.LATENCY, latency_ms=-1)
