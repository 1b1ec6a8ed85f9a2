"""Looks up what stock a store holds. An update shows only some time after it was accepted, so it is looked at again."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import msgspec

from agent.connectors.bigcommerce.client import StoreClient
from agent.connectors.bigcommerce.records import MOST_RECORDS, decoded
from agent.connectors.bigcommerce.stock_items import SKU, VARIANT, Item
from agent.http.retry import Sleep

_AT_ONCE = 40
_WAITS_SECONDS = (1.0, 2.0, 4.0, 8.0, 15.0)
_MOST_PAGES = 1_000


class _Identity(msgspec.Struct, frozen=True):
    sku: str | None = None
    variant_id: int | None = None
    product_id: int | None = None


class _AtLocation(msgspec.Struct, frozen=True):
    location_id: int
    total_inventory_onhand: int | float | None = None


class _Held(msgspec.Struct, frozen=True):
    identity: _Identity
    locations: list[_AtLocation] = []


class _HeldPage(msgspec.Struct, frozen=True):
    data: list[_Held]


_HELD_PAGE = msgspec.json.Decoder(_HeldPage)


async def matching(client: StoreClient, items: Sequence[Item], *, sleep: Sleep) -> list[Item]:
    """The items whose stock on hand at their location is the intended one, now or within half a minute.

    A store carries out a request as a whole, so while nothing changes, a sample of what is missing tells enough.
    """
    found, missing = await _compared(client, items)
    for wait in _WAITS_SECONDS:
        if not missing:
            break
        await sleep(wait)
        sample = missing[:: -(-len(missing) // _AT_ONCE)]
        if (await _compared(client, sample))[0]:
            more, missing = await _compared(client, missing)
            found += more
    return found


async def on_hand(client: StoreClient, items: Sequence[Item]) -> dict[Item, list[int | float | None]]:
    """The stock at their location of those items that the store tracks the stock of; None where it has none there.
    A product has as many as the store counts variants of it."""
    held = await _held(client, items)
    return {
        item: [_at(one, item.location) for one in held.get(_key(item.kind, item.identity), ())]
        for item in items
        if _key(item.kind, item.identity) in held or not _askable(item)
    }


async def known(client: StoreClient, items: Sequence[Item]) -> set[Item]:
    """The items that the store tracks the stock of, at whatever location."""
    held = await _held(client, items)
    return {item for item in items if _key(item.kind, item.identity) in held or not _askable(item)}


async def _compared(client: StoreClient, items: Sequence[Item]) -> tuple[list[Item], list[Item]]:
    """The items with the intended stock, and the others."""
    held = await _held(client, items)
    found: list[Item] = []
    missing: list[Item] = []
    for item in items:
        its_own = held.get(_key(item.kind, item.identity), [])
        as_intended = its_own and all(_at(one, item.location) == item.quantity for one in its_own)
        (found if as_intended else missing).append(item)
    return found, missing


def _at(held: _Held, location: int | None) -> int | float | None:
    return next((at.total_inventory_onhand for at in held.locations if at.location_id == location), None)


async def _held(client: StoreClient, items: Sequence[Item]) -> dict[tuple[str, str], list[_Held]]:
    held: dict[tuple[str, str], list[_Held]] = {}
    for kind, group in groupby(sorted(items, key=lambda item: item.kind), key=lambda item: item.kind):
        identities = [item.identity for item in group if _askable(item)]
        for start in range(0, len(identities), _AT_ONCE):
            for one in await _pages(client, kind, identities[start : start + _AT_ONCE]):
                held.setdefault(_key(kind, _identity(one, kind)), []).append(one)
    return held


def _askable(item: Item) -> bool:
    """A comma would be taken as the end of a value."""
    return "," not in str(item.identity)


def _key(kind: str, identity: str | int) -> tuple[str, str]:
    return kind, str(identity).casefold()


def _identity(held: _Held, kind: str) -> str | int:
    identity = held.identity
    value = identity.sku if kind == SKU else identity.variant_id if kind == VARIANT else identity.product_id
    return value if value is not None else ""


async def _pages(client: StoreClient, kind: str, identities: Sequence[str | int]) -> list[_Held]:
    chosen = ",".join(str(identity) for identity in identities)
    held: list[_Held] = []
    for page in range(1, _MOST_PAGES):
        answer = await client.get(
            client.v3("inventory/items"), [(f"{kind}:in", chosen), ("page", str(page)), ("limit", str(MOST_RECORDS))]
        )
        more = decoded(_HELD_PAGE, answer.content).data if answer.content else []
        held += more
        if len(more) < MOST_RECORDS:
            break
    return held
