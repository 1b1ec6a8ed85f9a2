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
    data: list[_Held] = []


_HELD_PAGE = msgspec.json.Decoder(_HeldPage)


async def matching(client: StoreClient, items: Sequence[Item], *, location: int, sleep: Sleep) -> list[Item]:
    """The items whose stock on hand at the location is the intended one, now or within half a minute."""
    found: list[Item] = []
    missing = list(items)
    for wait in (0.0, *_WAITS_SECONDS):
        if wait:
            await sleep(wait)
        held = await _held(client, missing, location)
        found += [item for item in missing if held.get((item.kind, item.identity)) == item.quantity]
        missing = [item for item in missing if held.get((item.kind, item.identity)) != item.quantity]
        if not missing:
            break
    return found


async def _held(client: StoreClient, items: Sequence[Item], location: int) -> dict[tuple[str, str | int], int | float]:
    held: dict[tuple[str, str | int], int | float] = {}
    for kind, group in groupby(sorted(items, key=lambda item: item.kind), key=lambda item: item.kind):
        # A comma would be taken as the end of a value.
        identities = [item.identity for item in group if "," not in str(item.identity)]
        for start in range(0, len(identities), _AT_ONCE):
            for one in await _pages(client, kind, identities[start : start + _AT_ONCE]):
                on_hand = next((at.total_inventory_onhand for at in one.locations if at.location_id == location), None)
                if on_hand is not None:
                    held[kind, _identity(one, kind)] = on_hand
    return held


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
