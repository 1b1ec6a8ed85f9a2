"""The control interface over HTTP, and the program as another program starts it."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from agent.sandbox import SandboxOptions
from agent.sandbox.__main__ import main
from tests.sandbox.client import Client, Make


@pytest.fixture
def client(store_of: Make) -> Client:
    return store_of(SandboxOptions(orders=100, products=10, quota=5))


def test_the_control_interface_wants_the_token(client: Client) -> None:
    assert client.ask("GET", "/_sandbox/stats", headers={}).status == 401
    assert client.ask("GET", "/_sandbox/nothing").status == 404


def test_statistics_count_by_path_and_can_be_reset(client: Client) -> None:
    client.v2("/orders/5")
    client.v2("/orders/6")
    client.v3("/customers")
    stats = client.ask("GET", "/_sandbox/stats").json
    assert stats["requests"] == 3
    assert stats["by_route"] == {"GET /v2/orders/{id}": 2, "GET /v3/customers": 1}
    assert client.ask("POST", "/_sandbox/reset-stats").status == 204
    assert client.ask("GET", "/_sandbox/stats").json["requests"] == 0


def test_control_requests_cost_no_quota(client: Client) -> None:
    for _ in range(10):
        client.ask("GET", "/_sandbox/stats")
    assert client.v2("/time").headers["x-rate-limit-requests-left"] == "4"


def test_orders_can_be_changed_and_made(client: Client) -> None:
    assert client.ask("POST", "/_sandbox/orders/7/edit", {"status_id": 2, "total_inc_tax": "5"}).status == 204
    assert client.v2("/orders/7").json["total_inc_tax"] == "5.0000"
    assert client.ask("POST", "/_sandbox/orders", {"customer_message": "Hi"}).json == {"id": 101}
    assert client.ask("POST", "/_sandbox/orders/touch", {"count": 20, "first_id": 50}).status == 204
    assert client.v2("/orders", min_date_modified="2026-01-01T00:00:00Z").ids == [7, *range(50, 70), 101]


def test_customers_can_be_changed_and_made(client: Client) -> None:
    assert client.ask("POST", "/_sandbox/customers/7/edit", {"last_name": "Renamed"}).status == 204
    made = client.ask("POST", "/_sandbox/customers", {"first_name": "Zed", "email": "zed@shopper.example"}).json["id"]
    changed = client.v3("/customers", **{"date_modified:min": "2026-01-01T00:00:00Z"}).json["data"]
    assert [(one["id"], one["first_name"] == "Zed", one["last_name"] == "Renamed") for one in changed] == [
        (7, False, True),
        (made, True, False),
    ]


def test_stock_can_be_seen_and_corrected_without_counting_as_a_write(client: Client) -> None:
    items = {"items": [{"location_id": 1, "sku": "SKU-000003", "quantity": 9}]}
    assert client.write("PUT", "/inventory/adjustments/absolute", items).status == 200
    assert client.ask("GET", "/_sandbox/stock/SKU-000003").json == {"sku": "SKU-000003", "quantity": 9, "writes": 1}
    assert client.ask("POST", "/_sandbox/stock/SKU-000003", {"quantity": 4}).status == 204
    assert client.ask("GET", "/_sandbox/stock/SKU-000003").json == {"sku": "SKU-000003", "quantity": 4, "writes": 1}
    held = client.v3("/inventory/items", **{"sku:in": "SKU-000003"}).json["data"]
    assert held[0]["locations"][0]["total_inventory_onhand"] == 4


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("orders/999/edit", {}, 404),
        ("customers/999/edit", {}, 404),
        ("stock/UNKNOWN", {"quantity": 1}, 404),
        ("stock/SKU-000001", {"quantity": -1}, 422),
        ("orders/touch", {"count": 1_000}, 404),
        ("orders/touch", {"count": 0}, 422),
        ("orders/touch", {"many": 1}, 422),
        ("orders/7/edit", {"total_inc_tax": "much"}, 422),
        ("faults", {"kind": "earthquake"}, 422),
        ("scopes", {}, 422),
    ],
)
def test_nonsense_is_refused(client: Client, path: str, body: object, status: int) -> None:
    assert client.ask("POST", f"/_sandbox/{path}", body).status == status


def test_troubles_can_be_switched_on_and_off(client: Client) -> None:
    assert client.ask("POST", "/_sandbox/faults", {"kind": "status", "status": 502, "path": "/v2/"}).status == 204
    assert client.ask("GET", "/_sandbox/faults").json[0]["status"] == 502
    assert client.v2("/time").status == 502
    assert client.ask("DELETE", "/_sandbox/faults").status == 204
    assert client.v2("/time").status == 200


def test_the_program_says_where_it_is_and_keeps_its_token_to_itself(tmp_path: Path) -> None:
    announce = tmp_path / "sandbox.json"
    command = [
        sys.executable,
        "-m",
        "agent.sandbox",
        "--orders",
        "30",
        "--store-hash",
        "abc9",
        "--announce",
        str(announce),
    ]
    process = subprocess.Popen(
        command, env={**os.environ, "OPAGENT_SANDBOX_TOKEN": "a-token"}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        facts = json.loads(process.stdout.readline())
        assert set(facts) == {"port", "api_path", "legacy_api_path", "username", "token"}
        assert facts == json.loads(announce.read_text("utf-8"))
        assert facts["api_path"] == f"http://127.0.0.1:{facts['port']}/stores/abc9/v3/"
        if os.name == "posix":
            assert stat.S_IMODE(announce.stat().st_mode) == 0o600
        url = facts["api_path"].replace("/v3/", "/v2/orders/count")
        request = urllib.request.Request(url, headers={"X-Auth-Token": "a-token"})
        with urllib.request.urlopen(request, timeout=10) as reply:
            assert json.load(reply)["count"] == 30
    finally:
        process.terminate()
        _, errors = process.communicate(timeout=10)
    assert errors == b""


def test_options_that_make_no_sense_end_the_program(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--orders", "2000000"]) == 2
    assert "orders must be from 0 to 1,000,000" in capsys.readouterr().err


def test_the_demo_token_is_no_secret_and_stays_the_same() -> None:
    assert SandboxOptions().access_token == SandboxOptions().access_token
    assert SandboxOptions().access_token.startswith("sandbox-not-a-secret-")
    assert "hidden" not in repr(SandboxOptions(token="hidden"))
