"""Whatever is written can be read back as it was; and any sequence of batches leaves what a dictionary would hold."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from agent.domain.app import Attribute, DataType
from agent.domain.errors import ConfigurationError
from agent.domain.packet import Row, Value
from agent.domain.processflow import AttributeMapping
from agent.engine.mapping.record_mapping import RecordMapping
from tests.connectors.sql.places import ID, Place, batch, opened, read, read_request, target, write

OFTEN = settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

# PostgreSQL has no NUL characters, neither database lone surrogates: such values are refused, which is shown elsewhere.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30)
MOMENTS = st.datetimes()
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | TEXTS
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(TEXTS, below, max_size=3),
    max_leaves=8,
).filter(lambda value: value is not None)


def _moment(value: Any) -> str:
    text: str = value.isoformat()
    return f"{text.rstrip('0') if value.microsecond else text}Z"


VALUES: dict[DataType, st.SearchStrategy[Value]] = {
    DataType.TEXT: TEXTS,
    DataType.INTEGER: st.integers(-(2**63) + 1, 2**63 - 1),
    DataType.DECIMAL: DECIMALS.map(lambda value: format(value, "f")),
    DataType.BOOLEAN: st.booleans(),
    DataType.DATETIME: MOMENTS.map(_moment),
    DataType.JSON: JSON.map(json.dumps),
}
TYPES = st.lists(st.sampled_from(list(VALUES)), min_size=1, max_size=6)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[DataType], list[Row]]:
    """Columns of some types, and rows for them."""
    types = draw(TYPES)
    rows = draw(st.lists(st.tuples(*(st.none() | VALUES[one] for one in types)), max_size=8))
    return types, [(number, *row) for number, row in enumerate(rows)]


@OFTEN
@given(table=tables())
def test_what_was_mapped_and_written_is_read_and_mapped_as_it_was(
    place: Place, table: tuple[list[DataType], list[Row]]
) -> None:
    types, rows = table
    if place.kind == "mariadb":
        # No column of it keeps more digits after the point; that such a record is refused is shown elsewhere.
        assume(not any(_digits(value) > 30 for row in rows for value, kind in zip(row, [None, *types], strict=True)
                       if kind is DataType.DECIMAL))  # fmt: skip
    place.run("DROP TABLE IF EXISTS things")
    attributes = (ID, *(Attribute(f"c{number}", kind) for number, kind in enumerate(types)))
    mapping = RecordMapping([AttributeMapping(one.name, one.name, one.type) for one in attributes])

    async def there_and_back() -> list[Row]:
        async with opened(place) as connection:
            report = await write(connection, "things", attributes, rows)
            assert not report.failures
            packets = await read(connection, read_request("things", records=5))
        found = mapping.map([document for packet in packets for document in packet.documents])
        assert not found.failures
        return found.rows

    kinds = [DataType.INTEGER, *types]
    again = asyncio.run(there_and_back())
    assert [_meant(row, kinds) for row in again] == [_meant(row, kinds) for row in rows]


def _digits(value: Value) -> int:
    return len(str(value).partition(".")[2])


def _meant(row: Row, types: list[DataType]) -> list[object]:
    """A row in which what is written differently and means the same is equal."""
    return [_meaning(value, kind) for value, kind in zip(row, types, strict=True)]


def _meaning(value: Value, kind: DataType) -> object:
    if value is None:
        return None
    if kind is DataType.DECIMAL:
        return Decimal(str(value))
    if kind is DataType.JSON:
        return json.loads(str(value), parse_float=Decimal, parse_int=Decimal)
    return value


# A model of what batches do


@dataclass(frozen=True)
class Step:
    """A batch, and whether it is committed."""

    records: list[tuple[int, str | None, list[tuple[int, str]]]]
    committed: bool = True


@dataclass
class Model:
    """What should be in the tables."""

    orders: dict[int, str | None] = field(default_factory=dict)
    lines: dict[int, dict[int, str]] = field(default_factory=dict)

    def take(self, step: Step) -> None:
        if step.committed:
            for number, name, lines in step.records:
                if name is not None:
                    self.orders[number] = name
                    self.lines[number] = dict(lines)


RECORDS = st.tuples(
    st.integers(0, 6),
    st.none() | st.text("ab", min_size=1, max_size=2),
    st.dictionaries(st.integers(0, 4), st.text("xy", max_size=2), max_size=4).map(lambda one: list(one.items())),
)
STEPS = st.lists(
    st.builds(Step, st.lists(RECORDS, max_size=8, unique_by=lambda one: one[0]), st.booleans()), max_size=6
)
LINES = Attribute("lines", DataType.COLLECTION, members=(ID, Attribute("sku")))
ORDER = (ID, Attribute("name", required=True), LINES)


@OFTEN
@given(steps=STEPS)
def test_any_sequence_of_batches_leaves_what_a_dictionary_would_hold(place: Place, steps: list[Step]) -> None:
    place.run(*(f"DROP TABLE IF EXISTS {table}" for table in ("orders_lines", "orders", "opagent_receipts")))
    model = Model()

    async def run() -> bytes | None:
        async with opened(place) as connection:
            for number, step in enumerate(steps):

                def seal(_: object, number: int = number, step: Step = step) -> bytes:
                    if not step.committed:
                        raise ConfigurationError("The service is being stopped.", code="stopped")
                    return str(number).encode()

                model.take(step)
                rows: list[Row] = [(number, name, list(lines)) for number, name, lines in step.records]
                if step.committed:
                    report = await connection.write(target("orders"), batch(ORDER, rows), seal)
                    assert sorted(report.failures) == [index for index, row in enumerate(rows) if row[1] is None]
                else:
                    with pytest.raises(ConfigurationError):
                        await connection.write(target("orders"), batch(ORDER, rows), seal)
            return await connection.receipt(target("orders"))

    receipt = asyncio.run(run())
    last = max((number for number, step in enumerate(steps) if step.committed), default=None)
    assert receipt == (None if last is None else str(last).encode())
    if last is None:
        return
    assert dict(place.rows("SELECT id, name FROM orders")) == model.orders
    lines = {(order, line): sku for order, below in model.lines.items() for line, sku in below.items()}
    found = place.rows("SELECT order_id, id, sku FROM orders_lines")
    assert {(order, line): sku for order, line, sku in found} == lines
    assert len(found) == len(lines)
