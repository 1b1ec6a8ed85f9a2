"""Clauses of an action filter become conditions with parameters, in the type of their column."""

from __future__ import annotations

import pytest

from agent.connectors.contract import SentClause
from agent.domain.errors import ConfigurationError
from tests.connectors.sql.places import Place, PostgresPlace, SqlitePlace, ids, opened, read, read_request


def people(place: Place) -> None:
    """Three people, one of whom left most fields empty."""
    decimal, moment = ("numeric", "timestamptz") if place.kind == "postgresql" else ("DECIMAL_TEXT", "DATETIME")
    place.run(
        f"CREATE TABLE people (id integer PRIMARY KEY, name varchar(20), credit {decimal}, age integer, "
        f"active boolean, changed {moment})",
        "INSERT INTO people VALUES (1, 'Ann', '9.50', 30, TRUE, '2026-01-31T09:15:00Z')",
        "INSERT INTO people VALUES (2, 'O''Hara', '10.00', 40, FALSE, '2026-02-01T00:00:00Z')",
        "INSERT INTO people VALUES (3, NULL, NULL, NULL, NULL, NULL)",
    )


@pytest.mark.parametrize(
    ("key", "operator", "value", "expected"),
    [
        ("name", "=", "Ann", "1"),
        ("name", "==", "Ann", "1"),
        ("NAME", "=", "O'Hara", "2"),
        ("name", "!=", "Ann", "23"),
        ("name", ">", "Ann", "2"),
        ("name", "in", "Ann, Bob,O'Hara", "12"),
        ("name", "not_in", "Ann,Bob", "23"),
        ("name", "=", "' OR 1=1 --", ""),
        ("name", "=", "%", ""),
        ("age", ">=", "40", "2"),
        ("age", "<", "40", "1"),
        ("age", "!=", "40", "13"),
        ("credit", "<", "10", "1"),
        ("credit", "<=", "10", "12"),
        ("credit", "=", "9.5", "1"),
        ("credit", "=", " 9.500 ", "1"),
        ("credit", "in", "9.5,7", "1"),
        ("active", "=", "true", "1"),
        ("active", "=", "0", "2"),
        ("changed", ">=", "2026-01-31T09:15:00Z", "12"),
        ("changed", ">", "2026-01-31T09:15:00Z", "2"),
        ("changed", "<", "2026-02-01", "1"),
        ("changed", ">=", "2026-02-01T01:00:00+01:00", "2"),
    ],
)
async def test_a_clause_selects_rows(place: Place, key: str, operator: str, value: str, expected: str) -> None:
    people(place)
    async with opened(place) as connection:
        packets = await read(connection, read_request("people", SentClause(key, operator, value), records=1))
    assert "".join(ids(packets)) == expected


async def test_clauses_hold_together_with_the_bookmark(place: Place) -> None:
    people(place)
    clauses = (SentClause("age", ">", "20"), SentClause("age", "<", "50"))
    async with opened(place) as connection:
        options = {"incremental": "changed", "overlap": "0"}
        first = await read(connection, read_request("people", *clauses, options=options))
        again = await read(connection, read_request("people", *clauses, options=options, bookmark=first[-1].bookmark))
    assert (ids(first), ids(again)) == (["1", "2"], ["2"])


@pytest.mark.parametrize(
    ("clause", "code"),
    [
        (SentClause("nmae", "=", "Ann"), "unknown-column"),
        (SentClause("age", "=", "old"), "filter-value"),
        (SentClause("credit", ">", "much"), "filter-value"),
        (SentClause("name", "like", "A%"), "filter-operator"),
        (SentClause("name", "=", "x", header=True), "filter-header"),
    ],
)
async def test_a_clause_that_makes_no_sense_is_refused(place: Place, clause: SentClause, code: str) -> None:
    people(place)
    async with opened(place) as connection:
        with pytest.raises(ConfigurationError) as caught:
            await read(connection, read_request("people", clause))
        assert (caught.value.code, caught.value.field) == (code, clause.key)
        assert caught.value.remedy
        assert len(ids(await read(connection, read_request("people")))) == 3


@pytest.mark.parametrize(
    ("stored", "value"),
    [
        ("2026-01-31 09:15:00", "2026-01-31T09:15:00Z"),
        ("2026-01-31 09:15:00", "2026-01-31T10:15:00+01:00"),
        ("2026-01-31T09:15:00.000Z", "2026-01-31T09:14:59Z"),
        (1769850900, "2026-01-31T09:15:00Z"),
        (1769850900000, "2026-01-31T09:15:00Z"),
        (1769850900.5, "2026-01-31T09:15:00Z"),
    ],
)
async def test_moments_are_compared_as_they_are_written_in_sqlite(
    sqlite_place: SqlitePlace, stored: str | float, value: str
) -> None:
    sqlite_place.run("CREATE TABLE people (id INTEGER PRIMARY KEY, changed)",
                     f"INSERT INTO people VALUES (1, {stored!r})")  # fmt: skip
    async with opened(sqlite_place) as connection:
        hit = await read(connection, read_request("people", SentClause("changed", ">=", value)))
        miss = await read(connection, read_request("people", SentClause("changed", ">=", "2026-01-31T09:15:02Z")))
    assert (ids(hit), ids(miss)) == (["1"], [])


@pytest.mark.parametrize(
    ("type_", "stored", "clause", "found"),
    [
        ("uuid", "00000000-0000-0000-0000-000000000001", ("=", "00000000-0000-0000-0000-000000000001"), True),
        ("numeric(10,2)", "12.35", (">=", "12.351"), False),
        ("varchar(3)", "abc", ("=", "abcd"), False),
        ("char(5)", "abc", ("=", "abc"), True),
        ("jsonb", "{}", ("=", "{}"), True),
        ("text[]", "{a,b}", ("=", "{a,b}"), True),
        ("inet", "10.0.0.1", ("<", "10.0.0.2"), True),
    ],
)
async def test_values_are_compared_in_the_type_of_the_column(
    postgres_place: PostgresPlace, type_: str, stored: str, clause: tuple[str, str], found: bool
) -> None:
    postgres_place.run(
        f"CREATE TABLE people (id integer PRIMARY KEY, x {type_})", f"INSERT INTO people VALUES (1, '{stored}')"
    )
    async with opened(postgres_place) as connection:
        packets = await read(connection, read_request("people", SentClause("x", *clause)))
    assert bool(ids(packets)) is found
