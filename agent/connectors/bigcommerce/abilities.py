"""What a token may do, and how that is found out: reads of one record, and writes of nothing at all."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from agent.connectors.bigcommerce.client import StoreClient
from agent.connectors.bigcommerce.credentials import AccountKind
from agent.connectors.bigcommerce.order_parts import PARTS_OPTION
from agent.connectors.bigcommerce.schema import GET, INVENTORY, ORDERS, PRODUCTS, VARIANTS
from agent.connectors.bigcommerce.stock_items import LEVEL, LOCATION, SKU
from agent.connectors.bigcommerce.write_actions import write_action
from agent.connectors.contract import Use
from agent.domain.errors import ConfigurationError, TransientError
from agent.http.retry import ONCE

_AT_ONCE = 3
_ALLOWED = frozenset({400, 404, 409, 422})


@dataclass(frozen=True, slots=True)
class Ability:
    """Something a token may be allowed to do, how that is found out, and what the permission is called.

    `nothing` is what is written to find out, as JSON; None where reading tells. `usual` abilities are missed by most
    processflows, so that their lack is worth a warning.
    """

    label: str
    version: int
    resource: str
    permission: str
    nothing: bytes | None = None
    usual: bool = True


_ORDERS = Ability("Read orders", 2, "orders", "Orders: read-only")
_CUSTOMERS = Ability("Read customers", 3, "customers", "Customers: read-only")
_PRODUCTS = Ability("Read products", 3, "catalog/products", "Products: read-only")
_STOCK = Ability("Read stock", 3, "inventory/items", "Store Inventory: read-only")
_LOCATIONS = Ability("Read stock locations", 3, "inventory/locations", "Store Locations: read-only")
# No order, customer or product has the id 0.
_PAYMENTS = Ability("Read payments of orders", 3, "orders/0/transactions", "Order Transactions: read-only", usual=False)
_CHANGE_ORDERS = Ability("Change orders", 2, "orders/0", "Orders: modify", nothing=b"{}", usual=False)
_CHANGE_CUSTOMERS = Ability("Change customers", 3, "customers", "Customers: modify", nothing=b'[{"id":0}]', usual=False)
_CHANGE_PRODUCTS = Ability(
    "Change products", 3, "catalog/products", "Products: modify", nothing=b'[{"id":0}]', usual=False
)
_WRITE_STOCK = Ability(
    "Write stock", 3, "inventory/adjustments/absolute", "Store Inventory: modify", nothing=b'{"reason":"","items":[]}'
)
_ABILITIES = (
    _ORDERS, _CUSTOMERS, _PRODUCTS, _STOCK, _LOCATIONS, _PAYMENTS, _CHANGE_ORDERS, _CHANGE_CUSTOMERS, _CHANGE_PRODUCTS,
    _WRITE_STOCK,
)  # fmt: skip
_LEGACY_ABILITIES = (
    Ability("Read orders", 2, "orders", "orders"),
    Ability("Read customers", 2, "customers", "customers"),
    Ability("Read products", 2, "products", "products"),
)
_READS = {
    "customers": _CUSTOMERS, "customer_addresses": _CUSTOMERS, "customer_groups": _CUSTOMERS, "orders": _ORDERS,
    "products": _PRODUCTS, "variants": _PRODUCTS, "brands": _PRODUCTS, "categories": _PRODUCTS, "inventory": _STOCK,
    "locations": _LOCATIONS,
}  # fmt: skip
_BY_PERMISSION = {ability.permission: ability for ability in _ABILITIES}


def abilities_of(kind: AccountKind) -> Sequence[Ability]:
    """What is worth knowing of a token."""
    return _ABILITIES if kind is AccountKind.OAUTH else _LEGACY_ABILITIES


def needed(use: Use) -> frozenset[Ability]:
    """What a token has to be able to do for an action."""
    if use.action.upper() == GET:
        found = {_READS[use.schema]} if use.schema in _READS else set()
        if use.schema == ORDERS and "transactions" in use.options.get(PARTS_OPTION, ""):
            found.add(_PAYMENTS)
        return frozenset(found)
    if use.schema == INVENTORY:
        return _stock(use)
    action = write_action(use.schema, use.action, AccountKind.OAUTH)
    if action is None or action.permission not in _BY_PERMISSION:
        return frozenset()
    found = {_BY_PERMISSION[action.permission]}
    if use.schema in {PRODUCTS, VARIANTS} and LEVEL in use.attributes and action.method == "PUT":
        if use.schema == PRODUCTS and use.attributes & action.fields <= {SKU}:
            return _stock(use)
        found |= _stock(use)
    return frozenset(found)


def _stock(use: Use) -> frozenset[Ability]:
    """What it takes to set stock. Where no location is named, the default one is asked for."""
    named = LOCATION in use.attributes or use.options.get(LOCATION, "").strip()
    return frozenset({_WRITE_STOCK} if named else {_WRITE_STOCK, _LOCATIONS})


async def found_out(client: StoreClient, abilities: Iterable[Ability]) -> dict[Ability, bool | None]:
    """Whether the token may do each of them; None where the answer does not tell."""
    places = asyncio.Semaphore(_AT_ONCE)
    wanted = list(abilities)

    async def one(ability: Ability) -> bool | None:
        async with places:
            return await _may(client, ability)

    tasks = [asyncio.ensure_future(one(ability)) for ability in wanted]
    try:
        return dict(zip(wanted, await asyncio.gather(*tasks), strict=True))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _may(client: StoreClient, ability: Ability) -> bool | None:
    address = client.v2(ability.resource) if ability.version == 2 else client.v3(ability.resource)
    try:
        if ability.nothing is not None:
            answer = await client.send("PUT", address, msgspec.Raw(ability.nothing), accept=_ALLOWED, policy=ONCE)
            return answer.status < 500
        await client.get(address, [] if "/0/" in ability.resource else [("limit", "1")], policy=ONCE)
    except ConfigurationError as error:
        if error.code == "not-permitted":
            return False
        if error.code == "not-found":
            return True if ability is _PAYMENTS else None
        raise
    except TransientError:
        if ability.nothing is not None:
            return None
        raise
    return True
