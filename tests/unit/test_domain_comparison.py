"""Equal means equal: what is written differently and means the same is no change."""

from __future__ import annotations

import pytest

from agent.domain.app import DataType
from agent.domain.comparison import same
from agent.domain.packet import Value


@pytest.mark.parametrize(
    ("data_type", "one", "other"),
    [
        (DataType.TEXT, "a", "a"),
        (DataType.TEXT, None, None),
        (DataType.DECIMAL, "10.0", "10.00"),
        (DataType.DECIMAL, "-0", "0"),
        (DataType.DECIMAL, "1E+2", "100"),
        (DataType.INTEGER, 7, "7"),
        (DataType.DATETIME, "2026-01-31T09:15:00Z", "2026-01-31 10:15:00+01:00"),
        (DataType.DATETIME, "2026-01-31T09:15:00.500000Z", "2026-01-31T09:15:00.5Z"),
        (DataType.JSON, '{"a": 1, "b": [1.0, true]}', '{"b":[1,true],"a":1.00}'),
    ],
)
def test_what_means_the_same_is_the_same(data_type: DataType, one: Value, other: Value) -> None:
    assert same(data_type, one, other)
    assert same(data_type, other, one)


@pytest.mark.parametrize(
    ("data_type", "one", "other"),
    [
        (DataType.TEXT, "a", "A"),
        (DataType.TEXT, "10.0", "10.00"),
        (DataType.TEXT, "", None),
        (DataType.DECIMAL, "10.0", "10.01"),
        (DataType.DECIMAL, "0", None),
        (DataType.DECIMAL, "ten", "10"),
        (DataType.INTEGER, 0, None),
        (DataType.BOOLEAN, False, None),
        (DataType.BOOLEAN, True, False),
        (DataType.DATETIME, "2026-01-31T09:15:00Z", "2026-01-31T09:15:01Z"),
        (DataType.DATETIME, "soon", "2026-01-31T09:15:01Z"),
        (DataType.JSON, "[1, 2]", "[2, 1]"),
        (DataType.JSON, "[1]", "[true]"),
        (DataType.JSON, "[1]", '["1"]'),
        (DataType.JSON, "{", "[]"),
        (DataType.JSON, "[" * 100_000, "[1]"),
    ],
)
def test_what_means_something_else_is_a_change(data_type: DataType, one: Value, other: Value) -> None:
    assert not same(data_type, one, other)
    assert not same(data_type, other, one)
