"""Sets the stock of products for legacy API accounts, which have no inventory API: one product or variant at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from agent.connectors.bigcommerce.client import StoreClient
from agent.connectors.bigcommerce.failures import complaint, unproven
from agent.connectors.bigcommerce.records import KEY, MOST_RECORDS, decoded
from agent.connectors.bigcommerce.refusals import refused
from agent.connectors.bigcommerce.stock_items import LEVEL, PRODUCT, SKU, Item, items_of
from agent.connectors.bigcommerce.stock_presence import SUPERSEDED, OnHand, present
from agent.connectors.contract import LookUp, Present, WriteTarget
from agent.domain.error_classes import ErrorClass
from agent.domain.errors import NotFoundError, RecordError
from agent.domain.packet import Batch, WriteReport

LEGACY_RECORDS = 50
_PARTLY = 207
"""The product was saved, but not its stock."""

_TELLING = frozenset({_PARTLY, 400, 404, 409, 413, 422})
_MOST_PAGES = 1_000


class _Product(msgspec.Struct, frozen=True):
    id: int
    sku: str | None = ""
    inventory_level: int | float | None = None
    inventory_tracking: str = ""


class _Variant(msgspec.Struct, frozen=True):
    id: int
    sku: str = ""
    inventory_level: int | float | None = None


_PRODUCT = msgspec.json.Decoder(_Product)
_PRODUCTS = msgspec.json.Decoder(list[_Product])
_VARIANTS = msgspec.json.Decoder(list[_Variant])


@dataclass(frozen=True, slots=True)
class _Held:
    """Where the stock of an item is kept: the resource, the id of the product or variant, and the stock."""

    resource: str
    id: int
    level: int | float | None


class LegacyStock:
    """The stock of a store with a legacy API account."""

    def __init__(self, *, client: StoreClient) -> None:
        self._client = client

    async def write(self, target: WriteTarget, batch: Batch) -> WriteReport:
        """Set the stock that the rows ask for."""
        wanted = items_of(batch)
        failures = dict(wanted.failures)
        destination_ids = [""] * len(batch)
        skipped: dict[int, str] = {}
        for item in wanted.items:
            skipped.update((row, SUPERSEDED) for row in item.rows[:-1])
            try:
                destination_ids[item.rows[-1]] = await self._set(item)
            except RecordError as error:
                failures[item.rows[-1]] = error
        return WriteReport(destination_ids, failures, skipped)

    async def look_up(self, target: WriteTarget, batch: Batch) -> LookUp:
        """Find the rows whose product has the intended stock."""
        written: dict[int, str] = {}
        for item in items_of(batch).items:
            try:
                held = await self._held(item)
            except RecordError:
                continue
            if held.level == item.quantity:
                written.update((row, str(held.id)) for row in item.rows)
        return LookUp(written)

    async def present(self, target: WriteTarget, batch: Batch) -> Present:
        """Find the stock that is there now, one item after the other."""
        wanted = items_of(batch)
        found: dict[Item, OnHand | RecordError] = {}
        for item in wanted.items:
            try:
                held = await self._held(item)
            except RecordError as error:
                found[item] = error
            else:
                found[item] = OnHand(str(held.id), held.level)
        return present(batch, wanted, found)

    async def _set(self, item: Item) -> str:
        held = await self._held(item)
        answer = await self._client.send("PUT", self._client.v2(held.resource), {LEVEL: item.quantity}, accept=_TELLING)
        if answer.status in _TELLING:
            raise refused(item, complaint(answer.content))
        if not _is_of(answer.content, held.id):
            raise unproven(self._client.account.host)
        return str(held.id)

    async def _held(self, item: Item) -> _Held:
        product = await self._product(item)
        resource = f"products/{product.id}"
        if product.inventory_tracking == "sku" and item.kind == SKU:
            variant = await self._variant(resource, item)
            return _Held(f"{resource}/skus/{variant.id}", variant.id, variant.inventory_level)
        if product.inventory_tracking not in {"simple", ""}:
            raise _not_tracked(item, product)
        return _Held(resource, product.id, product.inventory_level)

    async def _product(self, item: Item) -> _Product:
        if item.kind == SKU:
            answer = await self._client.get(self._client.v2("products"), [("sku", str(item.identity))])
            found = decoded(_PRODUCTS, answer.content) if answer.content else []
            return _of_sku(item, found)
        if item.kind != PRODUCT:
            raise RecordError(
                "Legacy API accounts know no variant_id.",
                code="identity",
                remedy="Map sku or product_id.",
                field=item.kind,
                error_class=ErrorClass.ATTRIBUTE_INVALID,
            )
        try:
            answer = await self._client.get(self._client.v2(f"products/{item.identity}"))
        except NotFoundError as error:
            raise _missing(item) from error
        if not answer.content:
            raise _missing(item)
        return decoded(_PRODUCT, answer.content)

    async def _variant(self, product: str, item: Item) -> _Variant:
        for page in range(1, _MOST_PAGES):
            answer = await self._client.get(
                self._client.v2(f"{product}/skus"), [("page", str(page)), ("limit", str(MOST_RECORDS))]
            )
            variants = decoded(_VARIANTS, answer.content) if answer.content else []
            for variant in variants:
                if variant.sku == item.identity:
                    return variant
            if len(variants) < MOST_RECORDS:
                break
        raise _missing(item)


def _of_sku(item: Item, found: Sequence[_Product]) -> _Product:
    """The product whose stock an SKU stands for: the one that has it, or one whose variants are counted by theirs."""
    its_own = [product for product in found if (product.sku or "").strip().casefold() == str(item.identity).casefold()]
    counted = [product for product in found if product.inventory_tracking == "sku"]
    if not (its_own or counted):
        raise _missing(item) if not found else _no_stock_of_its_own(item)
    return (its_own or counted)[0]


def _is_of(content: bytes, number: int) -> bool:
    """Whether an answer is the record with this id."""
    try:
        return KEY.decode(content).id == number
    except msgspec.MsgspecError:
        return False


def _missing(item: Item) -> RecordError:
    return RecordError(
        f"The store has no product with {item.name}.",
        code="stock-refused",
        remedy="Check it in the store's control panel, then send the record again.",
        field=item.kind,
        error_class=ErrorClass.DEPENDENT_MISSING,
    )


def _no_stock_of_its_own(item: Item) -> RecordError:
    return RecordError(
        f"The store counts no stock for {item.name} alone.",
        code="stock-refused",
        remedy="Map product_id, or the product's own SKU: the product's variants share one stock.",
        field=item.kind,
        error_class=ErrorClass.INCONSISTENT,
    )


def _not_tracked(item: Item, product: _Product) -> RecordError:
    if product.inventory_tracking == "sku":
        return RecordError(
            f"The stock of {item.name} is tracked by variant, so the product's own stock cannot be set.",
            code="stock-refused",
            remedy="Map the SKU of the variant to sku.",
            field=item.kind,
            error_class=ErrorClass.INCONSISTENT,
        )
    return RecordError(
        f"The stock of {item.name} is not tracked, so it cannot be set.",
        code="stock-refused",
        remedy="Turn on stock tracking for the product in the control panel.",
        field=item.kind,
        error_class=ErrorClass.INCONSISTENT,
    )
