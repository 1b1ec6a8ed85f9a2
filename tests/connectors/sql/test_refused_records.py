"""A record that the database refuses fails alone, and the operator is told which column it is and what to do."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from agent.connectors.sql.connector import SqlConnector
from agent.domain.app import Attribute, DataType
from agent.domain.error_classes import ErrorClass
from agent.domain.packet import Row, Value
from agent.domain.secret import Secret
from tests.connectors.sql.places import ID, Place, PostgresPlace, SqlitePlace, opened, write

KINDS, SQLITE, POSTGRESQL = ("sqlite", "postgresql"), ("sqlite",), ("postgresql",)
MARKS = {"sqlite": (), "postgresql": (pytest.mark.postgres,)}
TEXT, NUMBER, MONEY = Attribute("x"), Attribute("x", DataType.INTEGER), Attribute("x", DataType.DECIMAL)


async def test_records_that_do_not_fit_fail_alone(place: Place) -> None:
    place.run("CREATE TABLE people (id bigint PRIMARY KEY, email varchar(20) NOT NULL)")
    rows: list[Row] = [(number, None if number % 7 == 3 else "a@b") for number in range(50)]
    async with opened(place) as connection:
        report = await write(connection, "people", (ID, Attribute("email")), rows)
        wrong = [number for number in range(50) if number % 7 == 3]
        assert list(report.failures) == wrong
        assert [report.destination_ids[number] for number in (2, 3)] == ["2", ""]
        assert place.rows("SELECT count(*) FROM people") == [(50 - len(wrong),)]
        again = await write(connection, "people", (ID, Attribute("email")), [(number, "c@d") for number in wrong])
    assert not again.failures
    assert place.rows("SELECT count(*) FROM people") == [(50,)]


@dataclass(frozen=True)
class Case:
    """A column called x, a value that it takes and one that it refuses, and what the refusal says."""

    column: str
    attribute: Attribute
    good: Value
    bad: Value
    code: str
    field: str | None = None
    kinds: tuple[str, ...] = KINDS


CLASS_OF = {
    "value-missing": ErrorClass.DATA_MISSING, "value-twice": ErrorClass.DUPLICATE,
    "value-refused": ErrorClass.VALIDATION_FAILED, "reference-missing": ErrorClass.DEPENDENT_MISSING,
    "value-too-long": ErrorClass.DATA_TOO_LONG, "value-out-of-range": ErrorClass.DATA_TOO_LONG,
    "value-unfit": ErrorClass.TYPE_MISMATCH,
}  # fmt: skip
UUID = "00000000-0000-0000-0000-000000000001"
LONG = "1234567890.12345678"
CASES = [
    Case("x varchar(20) NOT NULL", TEXT, "good", None, "value-missing", "x"),
    Case("x varchar(20) UNIQUE", TEXT, "good", "good", "value-twice", "x"),
    Case("x integer CHECK (x < 100)", NUMBER, 1, 100, "value-refused"),
    Case("x bigint REFERENCES others", NUMBER, 1, 99, "reference-missing"),
    Case("x varchar(3)", TEXT, "abc", "four", "value-too-long", "x", POSTGRESQL),
    Case("x char(3)", TEXT, "abc", "four", "value-too-long", "x", POSTGRESQL),
    Case("x smallint", NUMBER, 1, 40_000, "value-out-of-range", "x", POSTGRESQL),
    Case("x numeric(5, 2)", MONEY, "1.5", "1000", "value-out-of-range", "x", POSTGRESQL),
    Case("x uuid", TEXT, UUID, "not one", "value-unfit", "x", POSTGRESQL),
    Case("x jsonb", TEXT, "{}", "{not", "value-unfit", "x", POSTGRESQL),
    Case("x double precision", MONEY, "1.5", LONG, "value-unfit", None, POSTGRESQL),
    Case("x text", TEXT, "good", "a\0b", "value-unfit", "x", POSTGRESQL),
    Case("x DECIMAL(10,2)", MONEY, "1.5", LONG, "value-unfit", None, SQLITE),
    Case("x text", TEXT, "good", "a\ud800b", "value-unfit", "x"),
]


@pytest.mark.parametrize(
    ("place", "case"),
    [
        pytest.param(kind, case, marks=MARKS[kind], id=f"{kind}-{case.column}-{case.code}")
        for case in CASES
        for kind in case.kinds
    ],
    indirect=["place"],
)
async def test_the_reason_names_the_column(place: Place, case: Case) -> None:
    place.run("CREATE TABLE others (id bigint PRIMARY KEY)", "INSERT INTO others VALUES (1)",
              f"CREATE TABLE things (id bigint PRIMARY KEY, {case.column})")  # fmt: skip
    async with opened(place) as connection:
        report = await write(connection, "things", (ID, case.attribute), [(1, case.good), (2, case.bad)])
    assert list(report.failures) == [1]
    error = report.failures[1]
    assert (error.code, error.field) == (case.code, case.field)
    assert error.field is None or "things.x" in error.message or "in x" in error.message
    assert error.remedy
    assert error.error_class is CLASS_OF[case.code]
    assert place.rows("SELECT id FROM things ORDER BY id") == [(1,)]
    if isinstance(case.bad, str) and case.bad != "good":
        assert case.bad not in f"{error.message} {error.remedy} {error.detail} {error!r}"


async def test_a_strict_table_says_which_column(sqlite_place: SqlitePlace) -> None:
    sqlite_place.run("CREATE TABLE things (id INTEGER PRIMARY KEY, x BLOB) STRICT")
    async with opened(sqlite_place) as connection:
        report = await write(connection, "things", (ID, TEXT), [(1, None), (2, "text")])
    assert (report.failures[1].code, report.failures[1].field) == ("value-unfit", "x")
    assert sqlite_place.rows("SELECT id FROM things") == [(1,)]


def refusing(place: Place, text: str, *, state: str = "P0001") -> None:
    """A table `things` whose trigger refuses the value “bad” of x with this text."""
    place.run("CREATE TABLE things (id bigint PRIMARY KEY, x varchar(9))")
    said = text.replace("'", "''")
    if place.kind == "sqlite":
        place.run(
            f"CREATE TRIGGER no BEFORE INSERT ON things WHEN new.x = 'bad' BEGIN SELECT RAISE(ABORT, '{said}'); END"
        )
    elif place.kind == "mariadb":
        place.run(
            "CREATE TRIGGER no BEFORE INSERT ON things FOR EACH ROW BEGIN IF NEW.x = 'bad' THEN "
            f"SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{said}'; END IF; END"
        )
    else:
        place.run(
            "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.x = 'bad' THEN "
            f"RAISE EXCEPTION USING MESSAGE = '{said}', DETAIL = 'kept to itself', ERRCODE = '{state}'; "
            "END IF; RETURN NEW; END $$",
            "CREATE TRIGGER no BEFORE INSERT ON things FOR EACH ROW EXECUTE FUNCTION no()",
        )


async def test_a_trigger_that_refuses_a_record_says_why(place: Place) -> None:
    refusing(place, "Only whole pallets,\nsays the warehouse")
    async with opened(place) as connection:
        report = await write(connection, "things", (ID, TEXT), [(1, "good"), (2, "bad"), (3, "good")])
    (error,) = report.failures.values()
    assert (error.code, error.error_class) == ("trigger-refused", ErrorClass.VALIDATION_FAILED)
    assert error.message == (
        "A trigger of the table things refuses the record: Only whole pallets, says the warehouse."
    )
    assert "kept to itself" not in f"{error} {error.detail}"
    assert place.rows("SELECT id FROM things ORDER BY id") == [(1,), (3,)]


async def test_a_trigger_without_many_words_and_one_with_too_many(place: Place) -> None:
    if place.kind == "mariadb":
        pytest.skip("MariaDB lets no trigger say more than 128 characters")
    refusing(place, "no! " * 1_000)
    async with opened(place) as connection:
        report = await write(connection, "things", (ID, TEXT), [(2, "bad")])
    (error,) = report.failures.values()
    assert error.message.endswith("…")
    assert len(error.message) < 400


async def test_what_a_trigger_says_is_not_taken_for_the_rule_of_a_column(sqlite_place: SqlitePlace) -> None:
    refusing(sqlite_place, "UNIQUE constraint failed: trust me")
    async with opened(sqlite_place) as connection:
        report = await write(connection, "things", (ID, TEXT), [(2, "bad")])
    assert [one.code for one in report.failures.values()] == ["trigger-refused"]


@pytest.mark.postgres
@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
@pytest.mark.parametrize("state", ["23514", "22023", "45000", "UE001"])
async def test_a_trigger_may_choose_its_own_code(place: Place, state: str) -> None:
    refusing(place, "Credit limit exceeded", state=state)
    async with opened(place) as connection:
        report = await write(connection, "things", (ID, TEXT), [(1, "good"), (2, "bad")])
    (error,) = report.failures.values()
    assert (error.code, "Credit limit exceeded" in error.message) == ("trigger-refused", True)
    assert place.rows("SELECT id FROM things") == [(1,)]


async def test_a_wrong_line_fails_its_record_as_a_whole(place: Place) -> None:
    lines = Attribute(
        "lines", DataType.COLLECTION,
        members=(Attribute("id", DataType.INTEGER, primary=True), Attribute("sku", required=True)),
    )  # fmt: skip
    rows: list[Row] = [
        (1, [(1, "A")]),
        (2, [(1, "A"), (2, None), (3, "C")]),
        (3, [(1, "A"), (1, "B")]),
        (4, [(9, "D")]),
    ]
    async with opened(place) as connection:
        await write(connection, "orders", (ID, lines), [(2, [(7, "before")])])
        report = await write(connection, "orders", (ID, lines), rows)
    assert {index: error.code for index, error in report.failures.items()} == {1: "value-missing", 2: "value-twice"}
    assert "orders_lines" in report.failures[1].message
    assert place.rows("SELECT id FROM orders ORDER BY id") == [(1,), (2,), (4,)]
    assert place.rows("SELECT order_id, id, sku FROM orders_lines ORDER BY 1, 2") == [
        (1, 1, "A"), (2, 7, "before"), (4, 9, "D"),
    ]  # fmt: skip


async def test_a_batch_in_which_nothing_fits_still_leaves_a_receipt(place: Place) -> None:
    place.run("CREATE TABLE things (id bigint PRIMARY KEY, x varchar(9) NOT NULL)")
    async with opened(place) as connection:
        report = await write(connection, "things", (ID, TEXT), [(number, None) for number in range(40)])
    assert len(report.failures) == 40
    assert set(report.destination_ids) == {""}
    assert place.rows("SELECT count(*) FROM opagent_receipts") == [(1,)]


async def test_row_security_decides_for_each_record(postgres_place: PostgresPlace) -> None:
    postgres_place.run(
        "CREATE TABLE things (id bigint PRIMARY KEY, x text)", "ALTER TABLE things ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE things FORCE ROW LEVEL SECURITY", "CREATE ROLE clerk LOGIN PASSWORD 'clerk'",
        "CREATE POLICY mine ON things USING (x <> 'theirs')", "GRANT ALL ON things TO clerk",
        "GRANT CREATE, USAGE ON SCHEMA public TO clerk",
    )  # fmt: skip
    try:
        values = {**postgres_place.values(), "username": "clerk"}
        async with SqlConnector().open(values, {"password": Secret("clerk")}) as connection:
            report = await write(connection, "things", (ID, TEXT), [(1, "mine"), (2, "theirs")])
    finally:
        postgres_place.run("DROP OWNED BY clerk", "DROP ROLE clerk")
    assert list(report.failures) == [1]
    assert postgres_place.rows("SELECT id FROM things") == [(1,)]
