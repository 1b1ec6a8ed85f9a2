"""Adjustments: what they change, what they refuse as a whole, and how they are counted."""

from __future__ import annotations

import pytest

from agent.sandbox import SandboxOptions
from tests.sandbox.client import Client, Make

ABSOLUTE, RELATIVE = "/inventory/adjustments/absolute", "/inventory/adjustments/relative"


@pytest.fixture
def client(store_of: Make) -> Client:
    return store_of(SandboxOptions(orders=10, products=3_000, quota=None))


def item(quantity: object = 5, location_id: int = 1, **identity: object) -> dict[str, object]:
    return {"location_id": location_id, "quantity": quantity, **identity}


def test_an_absolute_adjustment_sets_the_stock_by_any_of_three_names(client: Client) -> None:
    items = [item(11, sku="SKU-000001"), item(12, variant_id=51), item(13, product_id=10)]
    reply = client.write("PUT", ABSOLUTE, {"reason": "count", "items": items})
    assert (reply.status, list(reply.json)) == (200, ["transaction_id"])
    found = client.v3("/inventory/items", **{"sku:in": "SKU-000001,SKU-000005,SKU-000010"}).json["data"]
    assert [one["locations"][0]["total_inventory_onhand"] for one in found] == [11, 12, 13]
    assert client.sandbox.store.stock("SKU-000010") == 13


def test_two_thousand_items_fit_into_one_request_and_no_more(client: Client) -> None:
    items = [item(number, sku=f"SKU-{number:06}") for number in range(1, 2_002)]
    assert client.write("PUT", ABSOLUTE, {"items": items}).status == 422
    assert client.sandbox.store.writes("SKU-000001") == 0
    assert client.write("PUT", ABSOLUTE, {"items": items[:2_000]}).status == 200
    stats = client.sandbox.store.stats()
    assert (stats["most_items_per_inventory_request"], stats["applied_adjustments"]) == (2_000, 1)
    assert set(stats["writes"].values()) == {1}
    assert len(stats["writes"]) == 2_000


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (item(sku="UNKNOWN"), "UNKNOWN"),
        (item(location_id=3, sku="SKU-000002"), "Location not found, identities: [3]"),
        (item(variant_id=101), "[Item with variant_id 101 is tracked by product, please update stock by product id]"),
        (item(sku="SKU-000010-1"), "tracked by product"),
        (item(product_id=5), "tracked by variant"),
        (item(product_id=99_999), "99999"),
        (item(), "exactly one"),
        (item(sku="SKU-000002", product_id=2), "exactly one"),
        (item(-1, sku="SKU-000002"), "negative"),
        (item(1.5, sku="SKU-000002"), "whole number"),
        (item("5", sku="SKU-000002"), "whole number"),
    ],
)
def test_one_bad_item_refuses_the_whole_request(client: Client, bad: dict[str, object], words: str) -> None:
    reply = client.write("PUT", ABSOLUTE, {"items": [item(sku="SKU-000001"), bad]})
    assert reply.status == 422
    assert words in reply.json["title"]
    assert reply.headers["content-type"] == "application/problem+json"
    assert client.sandbox.store.writes("SKU-000001") == 0


def test_no_items_write_nothing(client: Client) -> None:
    assert client.write("PUT", ABSOLUTE, {"items": []}).status == 422
    assert client.write("PUT", ABSOLUTE, {}).status == 422


def test_relative_adjustments_add_up_and_stop_at_nothing(client: Client) -> None:
    client.write("PUT", ABSOLUTE, {"items": [item(10, sku="SKU-000001")]})
    assert client.write("POST", RELATIVE, {"items": [item(-4, sku="SKU-000001")]}).status == 200
    assert client.sandbox.store.stock("SKU-000001") == 6
    assert client.write("POST", RELATIVE, {"items": [item(-4, sku="SKU-000001")] * 2}).status == 422
    assert client.sandbox.store.stock("SKU-000001") == 6
    assert client.sandbox.store.writes("SKU-000001") == 2


def test_more_than_fits_is_accepted_and_not_saved(client: Client) -> None:
    before = client.sandbox.store.stock("SKU-000001")
    assert client.write("PUT", ABSOLUTE, {"items": [item(2_147_483_648, sku="SKU-000001")]}).status == 200
    assert client.sandbox.store.stock("SKU-000001") == before


def test_the_items_of_the_store_can_be_paged(client: Client) -> None:
    seen: list[str] = []
    for page in range(1, 100):
        reply = client.v3("/inventory/items", limit=1_000, page=page).json
        seen += [one["identity"]["sku"] for one in reply["data"]]
        if page >= reply["meta"]["pagination"]["total_pages"]:
            break
    assert len(seen) == len(set(seen)) == reply["meta"]["pagination"]["total"]
    assert {f"SKU-{number:06}" for number in range(1, 3_001)} <= set(seen)


def test_the_variants_of_the_store_can_be_paged(client: Client) -> None:
    first = client.v3("/catalog/variants", limit=250).json
    total = first["meta"]["pagination"]["total"]
    pages = [client.v3("/catalog/variants", limit=250, page=page + 1).data_ids for page in range(-(-total // 250))]
    ids = [number for page in pages for number in page]
    assert len(ids) == len(set(ids)) == total


def test_there_is_one_location(client: Client) -> None:
    (location,) = client.v3("/inventory/locations", is_default="true").json["data"]
    assert (location["id"], location["enabled"]) == (1, True)
    assert client.v3("/inventory/locations", is_default="false").json["data"] == []


def test_a_body_that_is_not_json_is_refused(client: Client) -> None:
    headers = {"X-Auth-Token": client.sandbox.token}
    path = f"/stores/demo1/v3{ABSOLUTE}"
    assert client.ask("PUT", path, {}, {**headers, "Content-Type": "text/plain"}).status == 415
    assert client.ask("PUT", path, headers={**headers, "Content-Type": "application/json"}).status == 400
    assert client.ask("PUT", path, headers=headers).status == 400
