"""Writes products or variants together with their stock: the catalogue takes the one, the inventory the other.

The two are never written at the same time: the store does not say what comes out then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from agent.connectors.bigcommerce.inventory import Stock
from agent.connectors.bigcommerce.record_writer import RecordWriter
from agent.connectors.bigcommerce.stock_items import LEVEL, LOCATION, PRODUCT, SKU, VARIANT
from agent.connectors.contract import LookUp, Present, WriteTarget
from agent.domain.app import Attribute, DataType
from agent.domain.errors import RecordError
from agent.domain.packet import Batch, Row, Value, WriteReport

_STOCK_ALONE = frozenset({"id", PRODUCT, VARIANT, SKU, LEVEL, LOCATION})
"""The attributes by which a record says whose stock it is about, where, and how much."""


class StockedWriter:
    """Writes the records first, and then the stock of those that were taken.

    Args:
        records: Writes all but the stock.
        stock: Sets the stock.
        identity: What the id of a record is called where its stock is set.
    """

    def __init__(self, *, records: RecordWriter, stock: Stock, identity: str) -> None:
        self._records = records
        self._stock = stock
        self._identity = identity

    async def write(self, target: WriteTarget, batch: Batch) -> WriteReport:
        """Write the rows. One without a level leaves the stock as it is."""
        report = await self._records.write(target, batch)
        failures = dict(report.failures)
        ids = list(report.destination_ids)
        rows = [row for row in self._with_level(batch) if row not in failures]
        stock = await self._stock.write(target, self._stock_of(batch, rows, ids))
        for place, row in enumerate(rows):
            if place in stock.failures:
                failures[row], ids[row] = self._unstocked(batch, row, stock.failures[place]), ""
        return WriteReport(ids, failures, report.skipped)

    async def look_up(self, target: WriteTarget, batch: Batch) -> LookUp:
        """Find the rows of which both are as intended."""
        found = dict((await self._records.look_up(target, batch)).written)
        rows = [row for row in self._with_level(batch) if row in found]
        ids = [found.get(row, "") for row in range(len(batch))]
        stocked = (await self._stock.look_up(target, self._stock_of(batch, rows, ids))).written
        missing = {row for place, row in enumerate(rows) if place not in stocked}
        return LookUp({row: identity for row, identity in found.items() if row not in missing})

    async def present(self, target: WriteTarget, batch: Batch) -> Present:
        """Find out what is there now, of both."""
        held = await self._records.present(target, batch)
        place = _place(batch, LEVEL)
        rows = [row for row in self._with_level(batch) if held.rows[row] is not None]
        stock = await self._stock.present(target, self._stock_of(batch, rows, held.destination_ids))
        found: list[Row | None] = list(held.rows)
        failures = dict(held.failures)
        for index, row in enumerate(rows):
            level = stock.rows[index]
            if index in stock.failures:
                failures[row], found[row] = stock.failures[index], None
            elif level is not None:
                found[row] = _with(found[row] or (), place, level[1])
        return replace(held, rows=found, failures=failures)

    def _unstocked(self, batch: Batch, row: int, error: RecordError) -> RecordError:
        """What is said of a record whose stock was refused after the rest of it was saved, if there was a rest."""
        named = (
            attribute.name
            for attribute, value in zip(batch.attributes, batch.rows[row], strict=True)
            if value is not None
        )
        if _STOCK_ALONE.issuperset(named):
            return error
        return RecordError(
            f"All but the stock was saved. {error.message}",
            code=error.code,
            remedy=error.remedy,
            detail=error.detail,
            field=error.field,
            error_class=error.error_class,
        )

    def _with_level(self, batch: Batch) -> list[int]:
        place = _place(batch, LEVEL)
        return [row for row, values in enumerate(batch.rows) if values[place] is not None]

    def _stock_of(self, batch: Batch, rows: Sequence[int], ids: Sequence[str]) -> Batch:
        level, location = _place(batch, LEVEL), _place(batch, LOCATION)
        attributes = (Attribute(self._identity, DataType.INTEGER), batch.attributes[level], Attribute(LOCATION))
        return Batch(
            attributes,
            [batch.source_ids[row] for row in rows],
            [(ids[row], batch.rows[row][level], batch.rows[row][location] if location >= 0 else None) for row in rows],
        )


def _place(batch: Batch, name: str) -> int:
    return next((place for place, attribute in enumerate(batch.attributes) if attribute.name == name), -1)


def _with(row: Row, place: int, value: Value) -> Row:
    return (*row[:place], value, *row[place + 1 :])
