"""Parameters of a query: values from the filter are bound, and never become a part of the statement."""

from __future__ import annotations

import asyncio
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.connectors.contract import SentClause, SentGroup
from agent.connectors.sql.parameters import Lexis, Query
from agent.domain.clauses import Join
from agent.domain.errors import ConfigurationError
from tests.connectors.sql.places import (
    MariadbPlace,
    Place,
    PostgresPlace,
    SqlitePlace,
    documents,
    ids,
    opened,
    read,
    read_request,
)

HOSTILE = [
    "' OR '1'='1",
    "'; DROP TABLE people; --",
    "\\",
    "\\' OR 1=1 -- ",
    "%s %(x)s %%",
    ":name ? $1 @p1",
    "*/ OR 1=1 /*",
    '"`]$$',
    "ünï 漢字 \U0001f600",
    " leading and trailing ",
    "line\nbreak\ttab",
    "",
]
BY_NAME = {"query": "SELECT id, name, age FROM people WHERE name = :name", "key": "id"}


def people(place: Place) -> None:
    """Two people whose names nobody means to hit, and tables that are still there afterwards."""
    place.run(
        "CREATE TABLE people (id integer PRIMARY KEY, name varchar(200), age integer, changed timestamp)",
        "INSERT INTO people VALUES (1, 'Ann', 30, '2026-01-31T09:15:00')",
        "INSERT INTO people VALUES (2, 'Bob', 40, '2026-02-01T00:00:00')",
    )


@pytest.mark.parametrize("value", ["Ann", *HOSTILE])
async def test_a_value_is_compared_and_nothing_else(place: Place, value: str) -> None:
    people(place)
    request = read_request("people", SentClause(":name", "=", value), options=BY_NAME, records=1)
    async with opened(place) as connection:
        found = ids(await read(connection, request))
    assert found == (["1"] if value == "Ann" else [])
    assert len(place.rows("SELECT id FROM people")) == 2


@pytest.mark.parametrize("value", HOSTILE)
async def test_a_value_arrives_as_it_is(place: Place, value: str) -> None:
    people(place)
    query = {"query": "SELECT id, CAST(:said AS char(80)) AS said FROM people WHERE age < :age", "key": "id"}
    if place.kind == "postgresql":
        query["query"] = query["query"].replace("char(80)", "text")
    clauses = (SentClause(":age", "=", "35"), SentClause(":said", "=", value))
    async with opened(place) as connection:
        assert documents(await read(connection, read_request("people", *clauses, options=query))) == [
            {"id": 1, "said": value}
        ]


async def test_values_go_with_pages_filters_and_the_rest_of_the_query(place: Place) -> None:
    people(place)
    place.run("INSERT INTO people VALUES (3, 'Cid', 50, '2026-02-02T00:00:00')",
              "INSERT INTO people VALUES (4, '100%', 60, '2026-02-03T00:00:00')")  # fmt: skip
    query = {
        "query": "SELECT id, name, age, changed FROM people -- it's :nothing\n"
        "WHERE age >= :least /* :nothing */ AND name <> ':least' AND age < :most AND age >= :least",
        "key": "id",
        "incremental": "changed",
        "overlap": "0",
    }
    clauses = (SentClause(":least", "=", "40"), SentClause("name", "!=", "Cid"), SentClause(":most", "=", "61"))
    async with opened(place) as connection:
        first = await read(connection, read_request("people", *clauses, options=query, records=1))
        again = read_request("people", *clauses, options=query, bookmark=first[-1].bookmark)
        assert (ids(first), ids(await read(connection, again))) == (["2", "4"], ["4"])


ZONED = pytest.mark.parametrize("value", ["2026-01-31T23:30:00Z", "2026-02-01T00:30:00+01:00"])


@ZONED
async def test_a_moment_with_its_zone_is_that_moment_in_mariadb(mariadb_place: MariadbPlace, value: str) -> None:
    people(mariadb_place)
    assert await since(mariadb_place, value) == ["2"]


@ZONED
async def test_a_moment_with_its_zone_is_that_moment_in_postgresql(postgres_place: PostgresPlace, value: str) -> None:
    people(postgres_place)
    postgres_place.run("ALTER TABLE people ALTER changed TYPE timestamptz USING changed AT TIME ZONE 'UTC'")
    assert await since(postgres_place, value) == ["2"]


async def since(place: Place, value: str) -> list[str]:
    query = {"query": "SELECT id, changed FROM people WHERE changed > :since", "key": "id"}
    async with opened(place) as connection:
        return ids(await read(connection, read_request("people", SentClause(":since", "=", value), options=query)))


@pytest.mark.parametrize(
    ("clauses", "code", "field"),
    [
        ((), "parameter-missing", "query"),
        ((SentClause(":name", "=", "x"), SentClause(":nam", "=", "x")), "unknown-parameter", ":nam"),
        ((SentClause(":name", ">", "x"),), "parameter-unfit", ":name"),
        ((SentClause(":name", "=", "x"), SentClause(":name", "=", "y")), "parameter-unfit", ":name"),
        ((SentClause(":na me", "=", "x"),), "parameter-unfit", ":na me"),
        (
            (SentGroup(Join.ANY, (SentClause("id", "=", "1"), SentClause(":name", "=", "x"))),),
            "parameter-unfit", ":name",
        ),
    ],
)  # fmt: skip
async def test_what_cannot_be_bound_is_said(
    place: Place, clauses: tuple[SentClause | SentGroup, ...], code: str, field: str
) -> None:
    people(place)
    async with opened(place) as connection:
        with pytest.raises(ConfigurationError) as caught:
            await read(connection, read_request("people", *clauses, options=BY_NAME))
    assert (caught.value.code, caught.value.field) == (code, field)
    assert caught.value.remedy


async def test_a_table_has_columns_instead(sqlite_place: SqlitePlace) -> None:
    sqlite_place.run('CREATE TABLE odd (id INTEGER PRIMARY KEY, ":name" TEXT)', "INSERT INTO odd VALUES (1, 'Ann')")
    async with opened(sqlite_place) as connection:
        assert ids(await read(connection, read_request("odd", SentClause(":name", "=", "Ann")))) == ["1"]


async def test_a_value_of_another_type_is_for_a_person_and_not_told(postgres_place: PostgresPlace) -> None:
    people(postgres_place)
    query = {"query": "SELECT id FROM people WHERE age < :age", "key": "id"}
    async with opened(postgres_place) as connection:
        with pytest.raises(ConfigurationError) as caught:
            await read(connection, read_request("people", SentClause(":age", "=", "geheim"), options=query))
    assert caught.value.code == "query-refused"
    assert "geheim" not in f"{caught.value!r} {caught.value.detail}"
    assert "CAST" in (caught.value.remedy or "")


POSTGRES = Lexis({"'": "'", '"': '"'}, prefixed_escapes=True, dollars=True, nested=True)
MARIADB = Lexis({"'": "'", '"': '"', "`": "`"}, escapes="'\"", hash_comments=True, spaced_dashes=True)
BRACKETS = Lexis({"'": "'", '"': '"', "[": "]"}, nested=True)


@pytest.mark.parametrize(
    ("lexis", "sql", "expected"),
    [
        (POSTGRES, "a = :x AND b=:x", "a = ? AND b=?"),
        (POSTGRES, "a::text = :x::text", "a::text = ?::text"),
        (POSTGRES, "a[lo:x] = ':x' || \":x\" || :x", "a[lo:x] = ':x' || \":x\" || ?"),
        (POSTGRES, "'it''s :x' = :x", "'it''s :x' = ?"),
        (POSTGRES, r"E'\' :x' = :x", r"E'\' :x' = ?"),
        (POSTGRES, r"'\' = :x", r"'\' = ?"),
        (POSTGRES, "$$ :x $$ || $t$ :x $$ $t$ || :x", "$$ :x $$ || $t$ :x $$ $t$ || ?"),
        (POSTGRES, "/* /* :x */ :x */ :x", "/* /* :x */ :x */ ?"),
        (POSTGRES, "1 --:x\n+ :x", "1 --:x\n+ ?"),
        (MARIADB, r"'\' :x' = :x", r"'\' :x' = ?"),
        (MARIADB, r'"\" :x" = `a``:x` = :x', r'"\" :x" = `a``:x` = ?'),
        (MARIADB, "1--1 = ':x\n:x' # :x\n+ :x", "1--1 = ':x\n:x' # :x\n+ ?"),
        (MARIADB, "1 -- ' :x\n+ :x -- :x", "1 -- ' :x\n+ ? -- :x"),
        (MARIADB, "/* /* :x */ :x", "/* /* :x */ ?"),
        (MARIADB, "@v := 1, :x", "@v := 1, ?"),
        (BRACKETS, "[a:x] = :x AND [b]]:x] = N':x' + :x", "[a:x] = ? AND [b]]:x] = N':x' + ?"),
        (POSTGRES, "'never closed :x", "'never closed :x"),
        (POSTGRES, "/* never closed :x", "/* never closed :x"),
    ],
)
def test_parameters_are_found_where_a_database_reads_code(lexis: Lexis, sql: str, expected: str) -> None:
    values = {"x": "value"} if "?" in expected else {}
    assert Query(sql, values).bound(lexis, "?") == (expected, ("value",) * expected.count("?"))


_SCRAPS = st.sampled_from(["'", '"', "`", "\\", "#", "-- ", "--", "/*", "*/", "\n", " ", "1", ":x", "a", "%"])


@given(scraps=st.lists(_SCRAPS, max_size=12), value=st.text(st.sampled_from("'\"`\\ a%;-#/*\n"), max_size=6))
@settings(max_examples=150, deadline=None)
def test_no_literal_of_mariadb_holds_a_mark(scraps: list[str], value: str) -> None:
    """The driver writes values into the statement, so a mark inside of a literal would let one end it."""
    text, bound = Query("".join(scraps), {"x": value} if ":x" in "".join(scraps) else {}), ()
    try:
        sql, bound = text.bound(MARIADB, "\0")
    except ConfigurationError:
        return
    assert len(bound) == sql.count("\0")
    assert not any(_is_quoted(sql, at) for at, sign in enumerate(sql) if sign == "\0")


def _is_quoted(sql: str, wanted: int) -> bool:
    """Whether a place lies within quotes or a comment, told by rewriting the text and not by walking through it."""
    pattern = re.compile(
        r"'(?:[^'\\]|\\.|'')*(?:'|\\?\Z)|\"(?:[^\"\\]|\\.|\"\")*(?:\"|\\?\Z)|`(?:[^`]|``)*(?:`|\Z)"
        r"|#[^\n]*|--(?=[\s]|\Z)[^\n]*|/\*(?:(?!\*/).)*(?:\*/|\Z)",
        re.DOTALL,
    )
    return any(found.start() < wanted < found.end() for found in pattern.finditer(sql))


def test_what_is_written_of_a_query_holds_no_values() -> None:
    assert "geheim" not in repr(Query("SELECT :x", {"x": "geheim"}))


@given(value=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20))
@settings(max_examples=50, deadline=None)
def test_any_text_is_found_again(value: str, texts: SqlitePlace) -> None:
    async def found() -> list[dict[str, str]]:
        query = {"query": "SELECT id, :said AS said FROM one", "key": "id"}
        async with opened(texts) as connection:
            return documents(
                await read(connection, read_request("one", SentClause(":said", "=", value), options=query))
            )

    assert asyncio.run(found()) == [{"id": 1, "said": value}]


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> SqlitePlace:
    """A table of one row."""
    place = SqlitePlace(tmp_path_factory.mktemp("texts") / "one.db")
    place.run("CREATE TABLE one (id INTEGER PRIMARY KEY)", "INSERT INTO one VALUES (1)")
    return place


@pytest.mark.parametrize("place", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True)
async def test_a_query_that_leaves_its_brackets_does_nothing(place: Place) -> None:
    people(place)
    query = "SELECT 1 AS id) q; COMMIT; DELETE FROM people; SELECT * FROM (SELECT 1 AS id"
    async with opened(place) as connection:
        with pytest.raises(ConfigurationError) as raised:
            await read(connection, read_request("people", options={"query": query, "key": "id"}))
    assert (raised.value.code, raised.value.field) == ("query-refused", "query")
    assert place.rows("SELECT count(*) FROM people") == [(2,)]
