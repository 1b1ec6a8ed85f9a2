"""Makes stock updates out of the rows of a batch: one for each item, the last row of an item deciding."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation

from agent.domain.error_classes import ErrorClass
from agent.domain.errors import RecordError
from agent.domain.packet import Batch, Value

SKU, VARIANT, PRODUCT = "sku", "variant_id", "product_id"
LEVEL = "inventory_level"
LOCATION = "location_id"
MOST_STOCK = 2_147_483_647
_IDENTITIES = ((SKU, SKU), (VARIANT, VARIANT), (PRODUCT, PRODUCT), ("id", PRODUCT))


@dataclass(frozen=True, slots=True)
class Item:
    """One update. `kind` says what `identity` is; `rows` are the rows that asked for it, the last one deciding.

    `location` is the stock location that the rows name; None where they name none.
    """

    kind: str
    identity: str | int
    quantity: int
    rows: tuple[int, ...]
    location: int | None = None

    @property
    def name(self) -> str:
        """The item for people."""
        return f"{self.kind} {self.identity}"


@dataclass(frozen=True, slots=True)
class Items:
    """The updates of a batch, and why the other rows can be none."""

    items: Sequence[Item]
    failures: dict[int, RecordError]


def items_of(batch: Batch) -> Items:
    """The updates that a batch asks for."""
    places = {attribute.name: index for index, attribute in enumerate(batch.attributes)}
    found: list[Item] = []
    failures: dict[int, RecordError] = {}
    for number, row in enumerate(batch.rows):
        values = {name: row[place] for name, place in places.items()}
        try:
            kind, identity = _identity(values)
            quantity = _quantity(values.get(LEVEL))
            location = _location(values.get(LOCATION))
        except RecordError as error:
            failures[number] = error
            continue
        found.append(Item(kind, identity, quantity, (number,), location))
    return Items(merged(found), failures)


def merged(items: Iterable[Item]) -> list[Item]:
    """The updates without those that a later row of the same item and location supersedes, in the order of the rows."""
    found: dict[tuple[str, str | int, int | None], Item] = {}
    for item in sorted(items, key=lambda one: one.rows[-1]):
        before = found.pop((item.kind, item.identity, item.location), None)
        rows = tuple(sorted((*before.rows, *item.rows))) if before is not None else item.rows
        found[item.kind, item.identity, item.location] = replace(item, rows=rows)
    return list(found.values())


def _identity(values: dict[str, Value]) -> tuple[str, str | int]:
    for name, kind in _IDENTITIES:
        value = values.get(name)
        if value is None or value == "":
            continue
        if kind == SKU:
            return kind, str(value)
        number = _whole(value)
        if number is None or number < 1:
            raise RecordError(
                f"“{value}” is no {name}.",
                code="identity",
                remedy="It has to be a whole number above 0.",
                field=name,
                error_class=ErrorClass.TYPE_MISMATCH,
            )
        return kind, number
    raise RecordError(
        "The record does not say whose stock it is.",
        code="identity",
        remedy="Map a value to sku, variant_id or product_id.",
        field=SKU,
        error_class=ErrorClass.DATA_MISSING,
    )


def _location(value: Value) -> int | None:
    if value is None or value == "":
        return None
    number = None if isinstance(value, bool) else _whole(value)
    if number is None or number < 1:
        raise RecordError(
            f"“{value}” is no {LOCATION}.",
            code="location",
            remedy="It has to be the number of a stock location.",
            field=LOCATION,
            error_class=ErrorClass.TYPE_MISMATCH,
        )
    return number


def _quantity(value: Value) -> int:
    number = None if isinstance(value, bool) else _whole(value)
    if number is None or not 0 <= number <= MOST_STOCK:
        shown = "nothing" if value is None or value == "" else f"“{value}”"
        raise RecordError(
            f"The stock cannot be set to {shown}.",
            code="quantity",
            remedy=f"{LEVEL} has to be a whole number from 0 to {MOST_STOCK}.",
            field=LEVEL,
            error_class=ErrorClass.DATA_MISSING if value is None or value == "" else ErrorClass.VALIDATION_FAILED,
        )
    return number


def _whole(value: Value) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if not isinstance(value, str) or len(value) > 40:
        return None
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    return int(number) if number.is_finite() and abs(number) < 10**18 and number == int(number) else None
