"""What a store holds of the stock that a batch is to set, for a preview: put together from what was looked up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from agent.connectors.bigcommerce.stock_items import LEVEL, Item, Items
from agent.connectors.contract import Present
from agent.domain.app import Attribute, DataType
from agent.domain.errors import RecordError
from agent.domain.packet import Batch, Row, Value

SUPERSEDED = "A later record of the same packet sets the same item; its quantity was sent."


@dataclass(frozen=True, slots=True)
class OnHand:
    """The stock of one item; `level` is None where the store has not counted it yet. `id` is what it is known by."""

    id: str
    level: int | float | None


def present(batch: Batch, wanted: Items, found: Mapping[Item, OnHand | RecordError]) -> Present:
    """What the store holds of a batch. The store has all items that are not at fault: a write never makes one."""
    rows: list[Row | None] = [None] * len(batch)
    destination_ids = [""] * len(batch)
    failures, skipped = dict(wanted.failures), dict[int, str]()
    for item in wanted.items:
        skipped.update((row, SUPERSEDED) for row in item.rows[:-1])
        index, held = item.rows[-1], found[item]
        if isinstance(held, RecordError):
            failures[index] = held
            continue
        destination_ids[index] = held.id
        rows[index] = tuple(
            _level(attribute, held.level, given, item) if attribute.name == LEVEL else given
            for attribute, given in zip(batch.attributes, batch.rows[index], strict=True)
        )
    return Present(rows, destination_ids, failures=failures, skipped=skipped)


def _level(attribute: Attribute, level: float | None, given: Value, item: Item) -> Value:
    if level is None or level == item.quantity:
        return given if level is not None else None
    shown = int(level) if level == int(level) else level
    return shown if attribute.type is DataType.INTEGER and isinstance(shown, int) else str(shown)
