"""A processflow is not deployed where its account may not do what the nodes ask for: the permission is named."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.api.client import AgentClient
from agent.api.deployment_models import DeployRequest
from agent.domain.errors import ConfigurationError
from agent.sandbox import RunningSandbox
from tests.service.asking import database_draft, set_up_vault, store_draft
from tests.service.inside import Inside

FLOW = """\
schema_version: 1
name: prices
title: Prices
credentials: {database: sql, store: bigcommerce}
nodes:
  start: {type: start}
  get-prices: {type: get, credential: database, schema: prices, action: GET, options: {key: sku}}
  map-prices:
    type: mapper
    attributes:
      sku: {value: sku, type: text, key: true}
      MAPPED
  put-products: {type: post, credential: store, schema: products, action: PUT}
  end: {type: end}
links:
  - [start, get-prices, map-prices, put-products, end]
"""
PRICE, STOCK = "price: {value: price, type: decimal}", "inventory_level: {value: stock, type: integer}"


def flow(mapped: str) -> DeployRequest:
    return DeployRequest(document=FLOW.replace("MAPPED", mapped), file="prices.yaml")


@pytest.fixture
async def client(running_inside: Inside, shop: RunningSandbox, tmp_path: Path) -> AsyncIterator[AgentClient]:
    """An enabled service with a database and a store."""
    telling = asyncio.create_task(running_inside.parts.hub.tick_until_cancelled())
    async with running_inside.client() as client:
        await set_up_vault(client, tmp_path)
        await client.change_setting("enable_environment", "true")
        await client.save_configuration(database_draft(tmp_path / "shop.db"))
        await client.save_configuration(store_draft(shop, name="Shop"))
        yield client
    telling.cancel()
    await asyncio.gather(telling, return_exceptions=True)


async def test_a_missing_permission_is_named_with_the_node(client: AgentClient, shop: RunningSandbox) -> None:
    shop.store.set_scopes(shop.options.scopes - {"store_v2_products"})

    with pytest.raises(ConfigurationError) as caught:
        await client.deploy(flow(PRICE))

    assert (caught.value.code, caught.value.field) == ("permission-missing", "put-products")
    assert "“Products: modify”" in caught.value.message
    assert "“Shop”" in caught.value.remedy
    assert await client.flows() == []

    shop.store.set_scopes(shop.options.scopes)
    await client.deploy(flow(PRICE))
    assert [one.name for one in await client.flows()] == ["prices"]


async def test_what_is_mapped_decides_which_permission_is_needed(client: AgentClient, shop: RunningSandbox) -> None:
    shop.store.set_scopes(shop.options.scopes - {"store_v2_products"})
    await client.deploy(flow(STOCK))

    shop.store.set_scopes(shop.options.scopes - {"store_inventory"})
    with pytest.raises(ConfigurationError) as caught:
        await client.deploy(flow(f"{PRICE}\n      {STOCK}"))
    assert "“Store Inventory: modify”" in caught.value.message


async def test_whoever_says_so_deploys_without_the_permission(client: AgentClient, shop: RunningSandbox) -> None:
    shop.store.set_scopes(shop.options.scopes - {"store_v2_products"})

    request = flow(PRICE).model_copy(update={"anyway": True})
    deployed = await client.deploy(request)

    assert any("put-products lacks a permission" in line for line in deployed.lines)


async def test_finding_out_changes_nothing(client: AgentClient, shop: RunningSandbox) -> None:
    shop.store.reset_stats()
    before = dict(shop.store.products.timeline.changes)
    await client.deploy(flow(f"{PRICE}\n      {STOCK}"))

    stats = shop.store.stats()
    assert stats["applied_adjustments"] == 0
    assert shop.store.products.timeline.changes == before
