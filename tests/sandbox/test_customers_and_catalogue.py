"""The V3 lists: pages, cursors, filters, includes; and the writes of the catalogue."""

from __future__ import annotations

import pytest

from agent.sandbox import SandboxOptions
from tests.sandbox.client import Client, Make


def test_cursors_lead_through_all_customers_once(big: Client) -> None:
    first = big.v3("/customers", limit=250).json
    assert first["meta"]["pagination"]["total"] == 3_000
    seen = [customer["id"] for customer in first["data"]]
    block = first["meta"]["cursor_pagination"]
    while "next" in block["links"]:
        page = big.v3("/customers", limit=250, after=block["end_cursor"]).json
        assert "pagination" not in page["meta"]
        seen += [customer["id"] for customer in page["data"]]
        block = page["meta"]["cursor_pagination"]
    assert seen == list(range(1, 3_001))


def test_a_cursor_leads_back(big: Client) -> None:
    ahead = big.v3(
        "/customers", limit=2, after=big.v3("/customers", limit=5).json["meta"]["cursor_pagination"]["end_cursor"]
    )
    assert ahead.data_ids == [6, 7]
    back = big.v3("/customers", limit=2, before=ahead.json["meta"]["cursor_pagination"]["start_cursor"])
    assert back.data_ids == [4, 5]


def test_only_the_first_page_has_both_blocks(big: Client) -> None:
    assert set(big.v3("/customers").json["meta"]) == {"pagination", "cursor_pagination"}
    assert set(big.v3("/customers", page=2).json["meta"]) == {"pagination"}


def test_an_empty_v3_list_is_200(big: Client) -> None:
    reply = big.v3("/customers", **{"id:in": "99999"})
    assert (reply.status, reply.json["data"]) == (200, [])


def test_customers_are_found_by_what_they_are(big: Client) -> None:
    someone = big.v3("/customers", **{"id:in": "123"}).json["data"][0]
    assert big.v3("/customers", **{"email:in": someone["email"]}).data_ids == [123]
    full_name = f"{someone['first_name']} {someone['last_name']}"
    assert 123 in big.v3("/customers", limit=250, **{"name:in": full_name}).data_ids
    assert 123 in big.v3("/customers", limit=250, **{"name:like": someone["last_name"][:3]}).data_ids


def test_an_order_names_the_customer_who_made_it(big: Client) -> None:
    order = next(order for order in big.v2("/orders").json if order["customer_id"])
    customer = big.v3("/customers", **{"id:in": order["customer_id"]}).json["data"][0]
    assert customer["email"] == order["billing_address"]["email"]
    assert customer["last_name"] == order["billing_address"]["last_name"]


def test_included_addresses_stop_at_ten_and_the_rest_can_be_read(big: Client) -> None:
    (customer,) = big.v3("/customers", include="addresses", **{"id:in": "50"}).json["data"]
    assert (len(customer["addresses"]), customer["address_count"]) == (10, 12)
    assert len(big.v3("/customers/addresses", limit=250, **{"customer_id:in": "50"}).json["data"]) == 12
    assert len(big.v2("/customers/50/addresses").json) == 12


def test_all_addresses_can_be_paged(big: Client) -> None:
    pages = [big.v3("/customers/addresses", page=page, limit=100).json for page in (1, 2)]
    ids = [address["id"] for page in pages for address in page["data"]]
    assert len(set(ids)) == 200
    assert ids == sorted(ids)


@pytest.mark.parametrize("path", ["/customers", "/catalog/products", "/catalog/variants", "/inventory/items"])
def test_an_unknown_filter_is_named(big: Client, path: str) -> None:
    reply = big.v3(path, foo=1)
    assert reply.status == 422
    assert reply.json["title"] == "The filter(s): foo are not valid filter parameter(s)."
    assert big.ask("GET", f"/stores/demo1/v3{path}?&page=1").status == 422


def test_customers_without_email_are_as_many_as_wanted(store_of: Make) -> None:
    client = store_of(SandboxOptions(orders=10, customers=200, quota=None, customers_without_email=3))
    customers = client.v3("/customers", limit=250).json["data"]
    assert sum(customer["email"] == "" for customer in customers) == 3


def test_products_are_paged_by_id(big: Client) -> None:
    assert big.v3("/catalog/products", limit=3, sort="id", direction="asc", **{"id:greater": 57}).data_ids == [
        58,
        59,
        60,
    ]
    assert big.v3("/catalog/products", limit=2, direction="desc").data_ids == [60, 59]


def test_products_are_found_by_their_main_sku_and_variants_by_their_own(big: Client) -> None:
    assert big.v3("/catalog/products", sku="SKU-000003").data_ids == [3]
    assert big.v3("/catalog/products", sku="SKU-000005").data_ids == []  # a variant has it
    (variant,) = big.v3("/catalog/variants", sku="SKU-000005").json["data"]
    assert variant["product_id"] == 5


def test_options_cut_a_page_to_ten(big: Client) -> None:
    assert len(big.v3("/catalog/products", include="options", limit=50).data_ids) == 10


def test_every_line_of_an_order_names_a_product_of_the_catalogue(big: Client) -> None:
    query = {"include": "consignments.line_items", "consignment_structure": "object"}
    variants = {one["id"]: one["sku"] for one in big.v3("/catalog/variants", limit=250).json["data"]}
    for order in big.v2("/orders", limit=250, **query).json:
        for part in (*order["consignments"]["shipping"], *order["consignments"]["downloads"]):
            for line in part["line_items"]:
                assert line["product_id"] == 0 or variants[line["variant_id"]] == line["sku"]


def test_a_product_write_changes_the_product_and_its_date(store_of: Make) -> None:
    client = store_of(SandboxOptions(products=20, quota=None))
    before = client.v3("/catalog/products/2").json["data"]
    assert client.write("PUT", "/catalog/products/2", {"price": 3.25, "inventory_level": 8}).status == 200
    after = client.v3("/catalog/products/2").json["data"]
    assert (after["price"], after["inventory_level"]) == (3.25, 8)
    assert after["date_modified"] > before["date_modified"]
    assert client.sandbox.store.stock("SKU-000002") == 8
    assert client.v3("/catalog/products", **{"date_modified:min": after["date_modified"]}).data_ids == [2]


def test_a_bad_item_refuses_its_whole_batch(store_of: Make) -> None:
    client = store_of(SandboxOptions(products=20, quota=None))
    reply = client.write("PUT", "/catalog/products", [{"id": 1, "price": 1.5}, {"id": 2, "price": -1}])
    assert (reply.status, list(reply.json["errors"])) == (422, ["1.price"])
    assert client.v3("/catalog/products/1").json["data"]["price"] != 1.5


@pytest.mark.parametrize(("path", "most"), [("/catalog/products", 10), ("/catalog/variants", 50)])
def test_a_batch_has_a_maximum(store_of: Make, path: str, most: int) -> None:
    client = store_of(SandboxOptions(products=200, quota=None))
    assert client.write("PUT", path, [{"id": one * 5 + 1} for one in range(most + 1)]).status == 413


def test_a_sku_can_be_given_once_only(store_of: Make) -> None:
    client = store_of(SandboxOptions(products=20, quota=None))
    assert client.write("PUT", "/catalog/products/1", {"sku": "SKU-000002"}).status == 409
    assert client.write("PUT", "/catalog/products/1", {"sku": "NEW"}).status == 200
    assert client.v3("/catalog/products", sku="NEW").data_ids == [1]
    assert client.v3("/catalog/products", sku="SKU-000001").data_ids == []


def test_the_level_of_a_product_counts_only_where_stock_is_tracked_by_product(store_of: Make) -> None:
    client = store_of(SandboxOptions(products=20, quota=None))
    before = client.v3("/catalog/products/5").json["data"]["inventory_level"]
    assert client.write("PUT", "/catalog/products/5", {"inventory_level": before + 7}).status == 200
    assert client.v3("/catalog/products/5").json["data"]["inventory_level"] == before
    assert client.write("PUT", "/catalog/variants", [{"id": 51, "inventory_level": 7}]).status == 200
    assert client.sandbox.store.stock("SKU-000005") == 7
