"""Clauses of an action filter become conditions with parameters, in the type of their column."""

from __future__ import annotations

import asyncio
import operator as operators
from collections.abc import Callable, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.connectors.contract import SentClause, SentGroup
from agent.domain.clauses import Clause, FilterPart, FilterPlace, Group, Join
from agent.domain.errors import ConfigurationError
from agent.engine.filters.rendering import render
from tests.connectors.sql.places import Place, PostgresPlace, SqlitePlace, ids, opened, read, read_request


def people(place: Place) -> None:
    """Three people, one of whom left most fields empty."""
    decimal, moment = {
        "sqlite": ("DECIMAL_TEXT", "DATETIME"), "postgresql": ("numeric", "timestamptz"),
        "mariadb": ("decimal(10,2)", "DATETIME"),
    }[place.kind]  # fmt: skip
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
        (SentClause("name", "=", "x", FilterPlace.HEADER), "filter-place"),
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


async def test_groups_become_one_condition_with_its_own_parameters(place: Place) -> None:
    people(place)
    old, nobody = SentClause("age", ">", "35"), SentClause("name", "=", "' OR 1=1 --")
    ann = SentGroup(Join.ALL, (SentClause("name", "=", "Ann"), SentClause("age", "=", "30")))
    async with opened(place) as connection:
        either = await read(connection, read_request("people", SentGroup(Join.ANY, (old, ann, nobody)), records=1))
        both = await read(connection, read_request("people", SentGroup(Join.ANY, (nobody, ann)), old))
    assert (ids(either), ids(both)) == (["1", "2"], [])


_COMPARED: Mapping[str, Callable[[int, int], bool]] = {
    "=": operators.eq, "<": operators.lt, "<=": operators.le, ">": operators.gt, ">=": operators.ge,
}  # fmt: skip
_NUMBERS = st.integers(0, 5)
_CLAUSES = st.one_of(
    st.builds(Clause, st.sampled_from("abc"), st.sampled_from([*_COMPARED, "!="]), _NUMBERS.map(str)),
    st.builds(
        Clause, st.sampled_from("abc"), st.sampled_from(["in", "not_in"]),
        st.lists(_NUMBERS.map(str), min_size=1, max_size=3).map(",".join),
    ),
)  # fmt: skip
_PARTS: st.SearchStrategy[FilterPart] = st.recursive(
    _CLAUSES,
    lambda part: st.builds(Group, st.sampled_from(Join), st.lists(part, min_size=1, max_size=3).map(tuple)),
    max_leaves=10,
)


def holds(part: FilterPart, row: Mapping[str, int | None]) -> bool:
    """Whether a row is wanted, told without SQL. What is not there equals nothing and is less than nothing."""
    if isinstance(part, Group):
        found = [holds(member, row) for member in part.members]
        return all(found) if part.join is Join.ALL else any(found)
    value, wanted = row[part.key], [int(one) for one in part.value.split(",")]
    if part.operator in ("in", "not_in"):
        return (value in wanted) is (part.operator == "in")
    if part.operator == "!=":
        return value != wanted[0]
    return value is not None and _COMPARED[part.operator](value, wanted[0])


@pytest.fixture(scope="module")
def numbered(tmp_path_factory: pytest.TempPathFactory) -> SqlitePlace:
    """Rows of small numbers, some left out."""
    place = SqlitePlace(tmp_path_factory.mktemp("trees") / "numbers.db")
    place.run("CREATE TABLE numbers (id INTEGER PRIMARY KEY, a INTEGER, b INTEGER, c INTEGER)")
    place.run(*(
        f"INSERT INTO numbers VALUES ({number}, "
        + ", ".join("NULL" if value is None else str(value) for value in columns_of(number).values())
        + ")"
        for number in range(60)
    ))  # fmt: skip
    return place


def columns_of(number: int) -> dict[str, int | None]:
    return {
        name: (number * factor) % 7 if (number * factor) % 7 < 6 else None
        for name, factor in zip("abc", (1, 3, 5), strict=True)
    }


@given(parts=st.lists(_PARTS, min_size=1, max_size=3))
@settings(max_examples=60, deadline=None)
def test_a_tree_selects_what_it_says(numbered: SqlitePlace, parts: list[FilterPart]) -> None:
    sent = render(parts, moment=None, start_from=None, variables={}).clauses

    async def selected() -> list[str]:
        async with opened(numbered) as connection:
            return ids(await read(connection, read_request("numbers", *sent)))

    expected = [str(number) for number in range(60) if all(holds(part, columns_of(number)) for part in parts)]
    assert asyncio.run(selected()) == expected
