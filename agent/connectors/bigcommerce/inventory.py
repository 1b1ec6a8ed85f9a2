"""Sets the stock of products through the inventory API: many items at once, one request after the other.

The store applies an update after it has answered, and refuses a whole request because of one item. Absolute quantities
may be sent twice without harm; all the same an unanswered update is looked up first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import msgspec

from agent.connectors.bigcommerce.client import Answer, StoreClient
from agent.connectors.bigcommerce.failures import Complaint, complaint, unproven
from agent.connectors.bigcommerce.records import decoded
from agent.connectors.bigcommerce.refusals import blames_location, may_be_accident, refused, suspects
from agent.connectors.bigcommerce.stock_items import Item, Items, items_of, merged
from agent.connectors.bigcommerce.stock_on_hand import known, matching, on_hand
from agent.connectors.bigcommerce.stock_presence import SUPERSEDED, OnHand, present
from agent.connectors.contract import LookUp, Present, WriteTarget
from agent.domain.error_classes import ErrorClass
from agent.domain.errors import ConfigurationError, RecordError
from agent.domain.packet import Batch, WriteReport
from agent.http.retry import Sleep

MOST_ITEMS = 2_000
LOCATION_OPTION = "location_id"
_REASON = "OP Agent"
_TELLING = frozenset({400, 404, 409, 413, 422})
_MOST_REQUESTS = 600
"""How many updates one batch may cost. Only a store that refuses hundreds of items without naming them needs more."""

_FEW_REFUSALS = 20
_ITEMS_PER_REFUSAL = 40
"""So many items cost one request when all are looked up. When refusals have cost as much, looking up is cheaper."""


class Stock(Protocol):
    """Writes stock, and looks up what became of it."""

    async def write(self, target: WriteTarget, batch: Batch) -> WriteReport:
        """Set the stock that the rows ask for."""
        ...

    async def look_up(self, target: WriteTarget, batch: Batch) -> LookUp:
        """Find the rows whose stock is as they ask for."""
        ...

    async def present(self, target: WriteTarget, batch: Batch) -> Present:
        """Find the stock that is there now."""
        ...


class _Location(msgspec.Struct, frozen=True):
    id: int


class _Locations(msgspec.Struct, frozen=True):
    data: list[_Location]


class _Accepted(msgspec.Struct, frozen=True):
    transaction_id: str


_LOCATIONS = msgspec.json.Decoder(_Locations)
_ACCEPTED = msgspec.json.Decoder(_Accepted)


@dataclass(frozen=True, slots=True)
class _Share:
    """Items to be sent together. `suspected` ones were named by an error before."""

    items: Sequence[Item]
    suspected: bool = False

    def halves(self) -> list[_Share]:
        middle = len(self.items) // 2
        return [_Share(self.items[:middle]), _Share(self.items[middle:])]


class InventoryStock:
    """The stock of a store with a store-level API account.

    Args:
        client: The store.
        sleep: Waits for seconds.
    """

    def __init__(self, *, client: StoreClient, sleep: Sleep) -> None:
        self._client = client
        self._sleep = sleep
        self._default_location: int | None = None

    async def write(self, target: WriteTarget, batch: Batch) -> WriteReport:
        """Set the stock that the rows ask for; each row gets an answer of its own."""
        wanted = items_of(batch)
        failures = dict(wanted.failures)
        items = await self._placed(wanted.items, target)
        refusals = await self._send_all(items, target)
        destination_ids = [""] * len(batch)
        skipped: dict[int, str] = {}
        for item in items:
            refusal = refusals.get(item)
            for row in item.rows[:-1]:
                skipped[row] = SUPERSEDED
            if refusal is None:
                destination_ids[item.rows[-1]] = str(item.identity)
            else:
                failures[item.rows[-1]] = refusal
        return WriteReport(destination_ids, failures, skipped)

    async def look_up(self, target: WriteTarget, batch: Batch) -> LookUp:
        """Find the rows whose item has the intended stock. A superseded row goes with the row that superseded it."""
        items = await self._placed(items_of(batch).items, target)
        found = await matching(self._client, items, sleep=self._sleep) if items else []
        return LookUp({row: str(item.identity) for item in found for row in item.rows})

    async def present(self, target: WriteTarget, batch: Batch) -> Present:
        """Find the stock that is there now, some dozens of items with each request."""
        wanted = items_of(batch)
        items = await self._placed(wanted.items, target)
        levels = await on_hand(self._client, items) if items else {}
        found = {item: _found(item, levels[item]) if item in levels else _unknown(item) for item in items}
        return present(batch, Items(items, wanted.failures), found)

    async def _placed(self, items: Sequence[Item], target: WriteTarget) -> list[Item]:
        """The items, each with its location, those of a location together: the store is quicker then."""
        if all(item.location is not None for item in items):
            placed = list(items)
        else:
            usual = await self._location(target)
            # Some rows may name the usual location, and others leave it open.
            placed = merged(item if item.location is not None else replace(item, location=usual) for item in items)
        return sorted(placed, key=lambda item: item.location or 0)

    async def _send_all(self, items: Sequence[Item], target: WriteTarget) -> dict[Item, RecordError]:
        waiting = _shares(items)
        refusals: dict[Item, RecordError] = {}
        patience = max(_FEW_REFUSALS, len(items) // _ITEMS_PER_REFUSAL)
        for _ in range(_MOST_REQUESTS):
            if not waiting:
                return refusals
            share = waiting.pop(0)
            answer = await self._send(share.items)
            if answer.status not in _TELLING:
                self._must_be_accepted(answer)
                continue
            said = complaint(answer.content)
            if blames_location(said):
                waiting = [*self._without_location(share, said, target, refusals), *waiting]
                continue
            waiting = [*self._after_refusal(share, answer.status, said, refusals), *waiting]
            patience -= 1
            if patience == 0:
                waiting = await self._without_unknown(waiting, refusals)
        rest = [item for share in waiting for item in share.items]
        return refusals | {item: _not_told_apart(item) for item in rest}

    def _without_location(
        self, share: _Share, said: Complaint, target: WriteTarget, refusals: dict[Item, RecordError]
    ) -> list[_Share]:
        """The share by its locations. Items of the one at fault are put down among the refusals.

        Raises:
            ConfigurationError: It is the location that the option names, or the default one.
        """
        locations = list(dict.fromkeys(item.location for item in share.items))
        if len(locations) > 1:
            return [_Share([item for item in share.items if item.location == one]) for one in locations]
        (location,) = locations
        if location == self._default_location or str(location) == target.options.get(LOCATION_OPTION, "").strip():
            raise _wrong_location(location, target)
        refusals.update((item, refused(item, said)) for item in share.items)
        return []

    async def _without_unknown(self, waiting: Sequence[_Share], refusals: dict[Item, RecordError]) -> list[_Share]:
        """The shares without the items that the store does not have, which are put down among the refusals."""
        items = [item for share in waiting for item in share.items]
        held = await known(self._client, items)
        refusals.update((item, _unknown(item)) for item in items if item not in held)
        left = [item for item in items if item in held]
        return _shares(left)

    def _after_refusal(
        self, share: _Share, status: int, said: Complaint, refusals: dict[Item, RecordError]
    ) -> list[_Share]:
        """What to send next. Items that are certainly at fault are put down among the refusals."""
        items = share.items
        if status == 413 and len(items) > 1:
            return share.halves()
        named = suspects(said, items)
        if len(items) == 1 or (share.suspected and len(named) == len(items)):
            # Beside others, an SKU such as 1 may be among the words of the store by accident.
            doubtful = [item for item in items if len(items) > 1 and may_be_accident(item)]
            refusals.update((item, refused(item, said)) for item in items if item not in doubtful)
            return [_Share([item], suspected=True) for item in doubtful]
        if named and not share.suspected:
            rest = [item for item in items if item not in set(named)]
            return [*([_Share(rest)] if rest else []), _Share(named, suspected=True)]
        return share.halves()

    async def _send(self, items: Sequence[Item]) -> Answer:
        body = {
            "reason": _REASON,
            "items": [
                {"location_id": item.location, item.kind: item.identity, "quantity": item.quantity} for item in items
            ],
        }
        return await self._client.send("PUT", self._client.v3("inventory/adjustments/absolute"), body, accept=_TELLING)

    def _must_be_accepted(self, answer: Answer) -> None:
        try:
            accepted = bool(_ACCEPTED.decode(answer.content).transaction_id)
        except msgspec.MsgspecError:
            accepted = False
        if not accepted:
            raise unproven(self._client.account.host)

    async def _location(self, target: WriteTarget) -> int:
        if given := target.options.get(LOCATION_OPTION, "").strip():
            if not given.isascii() or not given.isdigit():
                raise ConfigurationError(
                    f"“{given}” is no location id.",
                    code="location",
                    remedy="Enter the number of a stock location.",
                    field=LOCATION_OPTION,
                )
            return int(given)
        if self._default_location is None:
            self._default_location = await self._read_default_location()
        return self._default_location

    async def _read_default_location(self) -> int:
        try:
            answer = await self._client.get(self._client.v3("inventory/locations"), [("is_default", "true")])
        except ConfigurationError as error:
            if error.code != "not-permitted":
                raise
            raise ConfigurationError(
                "The token may not read the stock locations, so the default one is not known.",
                code="location",
                remedy=f"Set {LOCATION_OPTION} in the processflow, or use a token with the permission "
                "“Store Locations: read-only”.",
                detail=error.detail,
                field=LOCATION_OPTION,
            ) from error
        locations = decoded(_LOCATIONS, answer.content).data if answer.content else []
        if not locations:
            raise ConfigurationError(
                "The store has no default stock location.",
                code="location",
                remedy=f"Set {LOCATION_OPTION} in the processflow.",
                field=LOCATION_OPTION,
            )
        return locations[0].id


def _shares(items: Sequence[Item]) -> list[_Share]:
    """The items in requests, in their order. No item is twice in one, not even where its SKU is written in two ways:
    which quantity would count is not said."""
    shares: list[list[Item]] = []
    taken: set[tuple[str, str, int | None]] = set()
    for item in items:
        name = item.kind, str(item.identity).strip().casefold(), item.location
        if not shares or len(shares[-1]) >= MOST_ITEMS or name in taken:
            shares.append([])
            taken = set()
        shares[-1].append(item)
        taken.add(name)
    return [_Share(share) for share in shares]


def _found(item: Item, levels: Sequence[int | float | None]) -> OnHand | RecordError:
    """What a preview shows of an item, given the stock of each variant that it stands for."""
    if len(set(levels)) > 1:
        return RecordError(
            f"The stock of {item.name} is tracked by variant, so the product's own stock cannot be set.",
            code="stock-refused",
            remedy="Map sku or variant_id instead of product_id: each variant has its own stock.",
            field=item.kind,
            error_class=ErrorClass.INCONSISTENT,
        )
    return OnHand(str(item.identity), levels[0] if levels else None)


def _wrong_location(location: int | None, target: WriteTarget) -> ConfigurationError:
    return ConfigurationError(
        f"The stock location {location} does not exist, or takes no stock.",
        code="location",
        remedy=f"Correct {LOCATION_OPTION} in the processflow."
        if target.options.get(LOCATION_OPTION)
        else f"Set {LOCATION_OPTION} in the processflow.",
        field=LOCATION_OPTION,
    )


def _unknown(item: Item) -> RecordError:
    return RecordError(
        f"The store has no {item.name} whose stock is tracked.",
        code="stock-refused",
        remedy=f"Check that the store has the {item.name}, and how its stock is tracked: by variant (map sku or "
        "variant_id), by product (map product_id), or not at all.",
        field=item.kind,
        error_class=ErrorClass.DEPENDENT_MISSING,
    )


def _not_told_apart(item: Item) -> RecordError:
    return RecordError(
        f"BigCommerce refused the stock of {item.name} together with that of many others, without naming any.",
        code="stock-refused",
        remedy="Mend the other failed records of this run first, then send this one again.",
        field=item.kind,
    )
