"""Edits and new records show up where a client looks for them, and the base of a store is always the same."""

from __future__ import annotations

from agent.sandbox import SandboxOptions
from tests.sandbox.client import Client, Clock, Make


def small(store_of: Make, clock: Clock) -> Client:
    return store_of(SandboxOptions(orders=1_000, customers=100, products=40, quota=None, clock=clock))


def test_the_same_seed_gives_the_same_store_after_a_restart(store_of: Make) -> None:
    options = SandboxOptions(orders=500, customers=100, products=40, quota=None, seed=9)
    other_seed = SandboxOptions(orders=500, customers=100, products=40, quota=None, seed=10)
    first, second, other = (bodies(store_of(one)) for one in (options, options, other_seed))
    assert first == second
    assert first != other


def bodies(client: Client) -> list[bytes]:
    include = {"include": "consignments.line_items", "consignment_structure": "object"}
    replies = [
        client.v2("/orders", limit=250, **include),
        client.v2("/orders/7/products"),
        client.v3("/customers", include="addresses"),
        client.v3("/catalog/products", include="variants"),
        client.v3("/inventory/items", limit=1000),
    ]
    return [reply.body.replace(client.sandbox.origin.encode(), b"") for reply in replies]


def test_an_order_does_not_depend_on_how_many_there_are(store_of: Make) -> None:
    few, many = (store_of(SandboxOptions(orders=size, quota=None)) for size in (10, 100_000))
    one, other = (client.v2("/orders/10").body.replace(client.sandbox.origin.encode(), b"") for client in (few, many))
    assert one == other


def test_an_edited_order_shows_up_in_the_date_filter_with_its_new_values(store_of: Make) -> None:
    clock = Clock()
    client = small(store_of, clock)
    since = clock.moment.isoformat()
    assert client.v2("/orders", min_date_modified=since).status == 204
    client.sandbox.store.edit_order(17, status_id=2, total_inc_tax="99.95", staff_notes="Call first")
    (order,) = client.v2("/orders", min_date_modified=since).json
    assert (order["id"], order["status_id"], order["status"]) == (17, 2, "Shipped")
    assert (order["total_inc_tax"], order["staff_notes"]) == ("99.9500", "Call first")
    assert order["billing_address"]["email"].endswith("@shopper.example")
    assert order["products"]["resource"] == "/orders/17/products"
    assert client.v2("/orders", max_date_modified="2026-01-01T00:00:00Z", min_id=16, limit=2).ids == [16, 18]
    assert client.v2("/orders", status_id=2, min_total="99.95", max_total="99.95").ids == [17]
    assert client.v2("/orders", min_id=16, limit=3).ids == [16, 17, 18]


def test_an_edited_order_moves_to_the_end_of_the_order_by_date(store_of: Make) -> None:
    clock = Clock()
    client = small(store_of, clock)
    client.sandbox.store.touch_orders(10, first_id=101)
    assert client.v2("/orders", sort="date_modified:asc", page=3, limit=50).ids == list(range(111, 161))
    assert client.v2("/orders", sort="date_modified:desc", limit=3).ids == [110, 109, 108]


def test_a_touch_moves_the_status_on_and_keeps_the_total(store_of: Make) -> None:
    client = small(store_of, Clock())
    before = client.v2("/orders/5").json
    client.sandbox.store.touch_orders(1, first_id=5)
    after = client.v2("/orders/5").json
    assert before["status_id"] != after["status_id"]
    assert before["total_inc_tax"] == after["total_inc_tax"]
    assert before["date_created"] == after["date_created"]


def test_a_new_order_gets_the_next_id_and_has_lines(store_of: Make) -> None:
    clock = Clock()
    client = small(store_of, clock)
    number = client.sandbox.store.add_order(customer_message="Hello")
    assert number == 1_001
    (order,) = client.v2("/orders", min_date_created=clock.moment.isoformat()).json
    assert (order["id"], order["customer_message"], order["status_id"]) == (1_001, "Hello", 11)
    assert client.v2("/orders/1001/products").json
    assert client.v2("/orders", sort="id:desc", limit=2).ids == [1_001, 1_000]
    assert client.v2("/orders/count").json["count"] == 1_001


def test_a_legacy_account_sees_the_same_edit_with_its_own_links(store_of: Make) -> None:
    client = small(store_of, Clock())
    client.sandbox.store.edit_order(3, staff_notes="x")
    client.v2("/orders/3")
    order = client.ask("GET", "/api/v2/orders/3", headers=basic(client)).json
    assert order["staff_notes"] == "x"
    assert order["products"]["url"] == f"{client.sandbox.origin}/api/v2/orders/3/products.json"


def basic(client: Client) -> dict[str, str]:
    import base64

    text = f"{client.sandbox.username}:{client.sandbox.token}"
    return {"Authorization": "Basic " + base64.b64encode(text.encode()).decode()}


def test_an_edited_customer_shows_up_in_both_versions(store_of: Make) -> None:
    clock = Clock()
    client = small(store_of, clock)
    clock.forward(60)
    client.sandbox.store.edit_customer(42, last_name="Renamed", email="new@shopper.example")
    since = clock.moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert client.v3("/customers", **{"date_modified:min": since}).data_ids == [42]
    assert client.v2("/customers", min_date_modified=since).json[0]["last_name"] == "Renamed"
    assert client.v3("/customers", **{"email:in": "new@shopper.example"}).data_ids == [42]
    assert client.sandbox.store.add_customer(first_name="Zed") == 101
    assert client.v3("/customers", **{"id:in": "101"}).json["data"][0]["first_name"] == "Zed"
