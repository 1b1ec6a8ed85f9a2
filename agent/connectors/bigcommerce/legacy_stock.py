"""Sets the stock of products for legacy API accounts, which have no inventory API: one product at a time."""

from __future__ import annotations

import msgspec

from agent.connectors.bigcommerce.client import StoreClient
from agent.connectors.bigcommerce.failures import complaint
from agent.connectors.bigcommerce.records import decoded
from agent.connectors.bigcommerce.refusals import refused
from agent.connectors.bigcommerce.stock_items import LEVEL, PRODUCT, SKU, Item, items_of
from agent.connectors.contract import LookUp, WriteTarget
from agent.domain.errors import NotFoundError, RecordError
from agent.domain.packet import Batch, WriteReport

LEGACY_RECORDS = 50
_TELLING = frozenset({400, 404, 409, 413, 422})
_SUPERSEDED = "A later record of the same packet sets the same item; its quantity was sent."


class _Product(msgspec.Struct, frozen=True):
    id: int
    inventory_level: int | float | None = None
    inventory_tracking: str = ""


_PRODUCT = msgspec.json.Decoder(_Product)
_PRODUCTS = msgspec.json.Decoder(list[_Product])


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
            skipped.update((row, _SUPERSEDED) for row in item.rows[:-1])
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
                product = await self._product(item)
            except RecordError:
                continue
            if product.inventory_level == item.quantity:
                written.update((row, str(product.id)) for row in item.rows)
        return LookUp(written)

    async def _set(self, item: Item) -> str:
        product = await self._product(item)
        if product.inventory_tracking not in {"simple", ""}:
            raise _not_tracked(item, product)
        answer = await self._client.put(
            self._client.v2(f"products/{product.id}"), {LEVEL: item.quantity}, accept=_TELLING
        )
        if answer.status in _TELLING:
            raise refused(item, complaint(answer.content))
        return str(product.id)

    async def _product(self, item: Item) -> _Product:
        if item.kind == SKU:
            answer = await self._client.get(self._client.v2("products"), [("sku", str(item.identity))])
            found = decoded(_PRODUCTS, answer.content) if answer.content else []
            if not found:
                raise _missing(item)
            return found[0]
        if item.kind != PRODUCT:
            raise RecordError(
                "Legacy API accounts know no variant_id.",
                code="identity",
                remedy="Map sku or product_id.",
                field=item.kind,
            )
        try:
            answer = await self._client.get(self._client.v2(f"products/{item.identity}"))
        except NotFoundError as error:
            raise _missing(item) from error
        if not answer.content:
            raise _missing(item)
        return decoded(_PRODUCT, answer.content)


def _missing(item: Item) -> RecordError:
    return RecordError(
        f"The store has no product with {item.name}.",
        code="stock-refused",
        remedy="Check it in the store's control panel, then send the record again.",
        field=item.kind,
    )


def _not_tracked(item: Item, product: _Product) -> RecordError:
    how = "by option" if product.inventory_tracking == "sku" else "not at all"
    return RecordError(
        f"The stock of {item.name} is tracked {how}, so the product's own stock cannot be set.",
        code="stock-refused",
        remedy="Change the product's stock tracking in the control panel, or use a store-level API account.",
        field=item.kind,
    )
