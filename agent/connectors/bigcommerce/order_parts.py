"""Adds to orders what the store keeps beside them: coupons, taxes, shipments, messages, transactions, refunds.

They come only where a processflow asks for them, as most cost a request for each order. A part that cannot be fetched
fails the page, so that no order goes on without it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from agent.connectors.bigcommerce.client import Query, StoreClient
from agent.connectors.bigcommerce.credentials import AccountKind
from agent.connectors.bigcommerce.records import MOST_RECORDS, V3Page, decoded, split, split_v3
from agent.domain.errors import ConfigurationError

PARTS_OPTION = "with"
_AT_ONCE = 3
_LISTED = 40
_MOST_PAGES = 1_000


@dataclass(frozen=True, slots=True)
class _Part:
    """A list that belongs to an order. `paged` is false where the store does not take page numbers."""

    path: str
    version: int = 2
    query: Query = ()
    paged: bool = True


_REFUNDS = "refunds"
_PARTS: Mapping[str, _Part] = {
    "coupons": _Part("coupons"),
    "taxes": _Part("taxes", query=(("details", "true"),)),
    "shipments": _Part("shipments"),
    "messages": _Part("messages"),
    "transactions": _Part("transactions", version=3, paged=False),
}
_NAMES = (*_PARTS, _REFUNDS)
_THIRD_GENERATION = frozenset({"transactions", _REFUNDS})
PARTS_HELP = (
    f"What else comes with each order, with commas between: {', '.join(_NAMES)}. Refunds cost a request for {_LISTED} "
    "orders, each of the others one for every order."
)


class _Owned(msgspec.Struct, frozen=True):
    order_id: int


_OWNED = msgspec.json.Decoder(_Owned)
_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])


def parts_of(options: Mapping[str, str], kind: AccountKind) -> tuple[str, ...]:
    """The parts that an option names.

    Raises:
        ConfigurationError: One of them does not exist, or not for this kind of account.
    """
    named = tuple(dict.fromkeys(part.strip() for part in options.get(PARTS_OPTION, "").split(",") if part.strip()))
    offered = _NAMES if kind is AccountKind.OAUTH else tuple(one for one in _NAMES if one not in _THIRD_GENERATION)
    for part in named:
        if part not in offered:
            raise ConfigurationError(
                f"Orders do not come with “{part}” here.",
                code="option-value",
                remedy=f"The option {PARTS_OPTION} takes {', '.join(offered)}.",
                field=PARTS_OPTION,
            )
    return named


async def with_parts(
    client: StoreClient, ids: Sequence[int], documents: Sequence[bytes], parts: Sequence[str]
) -> list[bytes]:
    """The orders, each an id and a document, with these parts in the place of links to them."""
    if not ids or not parts:
        return list(documents)
    places = asyncio.Semaphore(_AT_ONCE)
    found: dict[int, dict[str, list[msgspec.Raw]]] = {number: {} for number in ids}

    async def one(number: int, part: str) -> None:
        async with places:
            found[number][part] = await _listed(client, number, _PARTS[part])

    async def refunds(numbers: Sequence[int]) -> None:
        async with places:
            for number, its_own in (await _refunds(client, numbers)).items():
                found[number][_REFUNDS] = its_own

    work: list[Coroutine[Any, Any, None]] = [one(number, part) for number in ids for part in parts if part in _PARTS]
    if _REFUNDS in parts:
        work += (refunds(ids[start : start + _LISTED]) for start in range(0, len(ids), _LISTED))
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return [_joined(document, found[number]) for number, document in zip(ids, documents, strict=True)]


def _joined(document: bytes, parts: Mapping[str, list[msgspec.Raw]]) -> bytes:
    members = decoded(_MEMBERS, document)
    members.update({name: msgspec.Raw(msgspec.json.encode(records)) for name, records in parts.items()})
    return msgspec.json.encode(members)


async def _listed(client: StoreClient, number: int, part: _Part) -> list[msgspec.Raw]:
    path = f"orders/{number}/{part.path}"
    address = client.v2(path) if part.version == 2 else client.v3(path)
    records: list[msgspec.Raw] = []
    for page in range(1, _MOST_PAGES):
        paging = [("page", str(page)), ("limit", str(MOST_RECORDS))] if part.paged else []
        answer = await client.get(address, [*part.query, *paging])
        more = split(answer.content) if part.version == 2 else split_v3(answer.content).data
        records += more
        if not part.paged or len(more) < MOST_RECORDS:
            break
    return records


async def _refunds(client: StoreClient, numbers: Sequence[int]) -> dict[int, list[msgspec.Raw]]:
    found: dict[int, list[msgspec.Raw]] = {number: [] for number in numbers}
    chosen = ",".join(map(str, numbers))
    for number in range(1, _MOST_PAGES):
        answer = await client.get(
            client.v3("orders/payment_actions/refunds"),
            [("order_id:in", chosen), ("page", str(number)), ("limit", str(MOST_RECORDS))],
        )
        page: V3Page = split_v3(answer.content)
        for record in page.data:
            if (order := decoded(_OWNED, record).order_id) in found:
                found[order].append(record)
        if len(page.data) < MOST_RECORDS:
            break
    return found
