"""Credentials, permissions and quotas: what a client is told when it may not, or not yet."""

from __future__ import annotations

import base64

import pytest

from agent.sandbox import SandboxOptions
from tests.sandbox.client import Client, Clock, Make


def basic(username: str, token: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{username}:{token}".encode()).decode()}


def test_a_wrong_token_is_401_with_an_object(big: Client) -> None:
    for path in ("/stores/demo1/v2/time", "/stores/demo1/v3/customers"):
        for headers in ({"X-Auth-Token": "wrong"}, {}):
            reply = big.ask("GET", path, headers=headers)
            assert (reply.status, reply.json["status"]) == (401, 401)


def test_a_wrong_legacy_password_is_401_with_an_array(big: Client) -> None:
    sandbox = big.sandbox
    for headers in (basic("nobody", sandbox.token), basic(sandbox.username, "wrong"), {}, {"Authorization": "Basic !"}):
        reply = big.ask("GET", "/api/v2/time", headers=headers)
        assert (reply.status, reply.json[0]["status"]) == (401, 401)
    assert big.ask("GET", "/api/v2/time", headers=basic(sandbox.username, sandbox.token)).status == 200


def test_a_hash_with_a_prefix_looks_like_a_missing_permission(big: Client) -> None:
    reply = big.ask("GET", "/stores/store-demo1/v2/time")
    assert (reply.status, reply.json["title"]) == (403, "You don't have a required scope to access the endpoint")


def test_an_unknown_hash_or_path_is_404(big: Client) -> None:
    assert big.ask("GET", "/stores/other1/v2/time").status == 404
    assert big.v2("/nothing").json[0]["status"] == 404
    assert big.v3("/nothing").json["status"] == 404
    assert big.ask("GET", "/").status == 404


def test_legacy_accounts_have_no_v3(big: Client) -> None:
    headers = basic(big.sandbox.username, big.sandbox.token)
    assert big.ask("GET", "/api/v3/customers", headers=headers).status == 404
    assert big.ask("GET", "/api/v2/products/1", headers=headers).status == 200
    assert big.v2("/products/1").status == 404


def test_a_wrong_method_is_405(big: Client) -> None:
    reply = big.ask("POST", "/stores/demo1/v2/time", {})
    assert (reply.status, reply.headers["allow"]) == (405, "GET")


@pytest.mark.parametrize(
    ("scope", "path", "allowed"),
    [
        ("store_v2_information_read_only", "/v2/time", True),
        ("store_v2_orders_read_only", "/v2/orders", True),
        ("store_v2_orders", "/v2/orders", True),
        ("store_v2_orders", "/v3/customers", False),
        ("store_inventory_read_only", "/v3/inventory/items", True),
        ("store_v2_products", "/v3/inventory/items", False),
        ("store_locations_read_only", "/v3/inventory/locations", True),
        ("store_inventory", "/v3/inventory/locations", False),
    ],
)
def test_permissions_decide_what_can_be_read(store_of: Make, scope: str, path: str, allowed: bool) -> None:
    client = store_of(SandboxOptions(orders=10, scopes=frozenset({scope})))
    assert client.ask("GET", f"/stores/demo1{path}").status == (200 if allowed else 403)


def test_permissions_can_be_taken_and_given_back_while_it_runs(store_of: Make) -> None:
    client = store_of(SandboxOptions(orders=10))
    body = {"items": [{"location_id": 1, "sku": "SKU-000001", "quantity": 1}]}
    adjust = "/inventory/adjustments/absolute"
    assert client.ask("POST", "/_sandbox/scopes", {"scopes": ["store_inventory_read_only"]}).status == 204
    assert client.v3("/inventory/items").status == 200
    assert client.write("PUT", adjust, body).status == 403
    assert client.ask("DELETE", "/_sandbox/scopes").status == 204
    assert client.write("PUT", adjust, body).status == 200
    assert client.sandbox.store.writes("SKU-000001") == 1


def test_the_quota_runs_out_and_comes_back_with_the_next_window(store_of: Make) -> None:
    clock = Clock()
    client = store_of(SandboxOptions(orders=10, quota=3, window_ms=30_000, clock=clock))
    left = [client.v2("/time").headers["x-rate-limit-requests-left"] for _ in range(3)]
    assert left == ["2", "1", "0"]
    clock.forward(10)
    refused = client.v2("/time")
    assert refused.status == 429
    assert refused.headers["x-rate-limit-requests-quota"] == "3"
    assert refused.headers["x-rate-limit-time-window-ms"] == "30000"
    assert refused.headers["x-rate-limit-time-reset-ms"] == "20000"
    assert refused.headers["x-retry-after"] == "20"
    clock.forward(20)
    assert client.v3("/customers").headers["x-rate-limit-requests-left"] == "2"
    assert client.sandbox.store.stats()["rate_limited"] == 1
    assert client.sandbox.store.stats()["quota_windows"] == [3, 1]


def test_a_wrong_token_costs_no_quota(store_of: Make) -> None:
    client = store_of(SandboxOptions(orders=10, quota=1, clock=Clock()))
    assert client.ask("GET", "/stores/demo1/v2/time", headers={"X-Auth-Token": "wrong"}).status == 401
    assert client.v2("/time").status == 200


def test_a_legacy_account_has_a_quota_per_rolling_hour(store_of: Make) -> None:
    clock = Clock()
    client = store_of(SandboxOptions(orders=10, legacy_quota=2, clock=clock))
    headers = basic(client.sandbox.username, client.sandbox.token)

    def ask() -> int:
        return client.ask("GET", "/api/v2/time", headers=headers).status

    assert ask() == 200
    clock.forward(1_800)
    assert (ask(), ask()) == (200, 509)
    clock.forward(1_801)
    assert (ask(), ask()) == (200, 509)


def test_the_time_of_the_store_is_that_of_its_clock(store_of: Make) -> None:
    clock = Clock()
    client = store_of(SandboxOptions(orders=10, clock=clock))
    reply = client.v2("/time")
    assert reply.json["time"] == int(clock.moment.timestamp())
    assert reply.headers["date"] == "Mon, 01 Jun 2026 12:00:00 GMT"
    assert client.v2("/store").json["id"] == "demo1"
