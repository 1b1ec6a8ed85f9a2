"""What fits a column of SQL Server and how it is sent, how columns are read and compared, and what its errors mean."""

from __future__ import annotations

import msgspec
import pytest

from agent.connectors.sql.dialect import Fault
from agent.connectors.sql.mssql import failures
from agent.connectors.sql.mssql.catalog import _column, _given
from agent.connectors.sql.mssql.filters import condition
from agent.connectors.sql.mssql.fitting import MisfitError, doubtful, texts
from agent.connectors.sql.mssql.sessions import Message, ServerError
from agent.connectors.sql.mssql.values import documents, held, ordered, recalled, shown
from agent.connectors.sql.mssql.writing import calling
from agent.connectors.sql.tables import Column, Load, Mode, Table, UnfitError


def of(declared: str, *, collation: str = "", exactly: bool = False) -> Column:
    """A column as the catalogue makes it."""
    return _column("c", declared, collation, exactly=exactly, required=False, filled=False, computed=False)


@pytest.mark.parametrize(
    ("declared", "value", "sent"),
    [
        ("int", 5, "5"),
        ("bit", True, "1"),
        ("tinyint", False, "0"),
        ("bigint", -(2**63), str(-(2**63))),
        ("decimal(10,2)", "1.005", "1.005"),
        ("decimal(10,2)", "99999999.994", "99999999.994"),
        ("money", "922337203685477.5807", "922337203685477.5807"),
        ("float", "0.5", "0.5"),
        ("nvarchar(2)", "😀", "😀"),
        ("nvarchar(max)", "x" * 100_000, "x" * 100_000),
        ("datetimeoffset(7)", "2026-01-31T10:15:00.5+01:00", "2026-01-31T09:15:00.500000+00:00"),
        ("datetime2(7)", "2026-01-31T10:15:00+01:00", "2026-01-31T09:15:00.000000"),
        ("datetime", "2026-01-31T09:15:00Z", "2026-01-31T09:15:00.000000"),
        ("date", "2026-01-31", "2026-01-31"),
        ("time(3)", "09:15:00.5", "09:15:00.5"),
        ("uniqueidentifier", "6F9619FF-8B86-D011-B42D-00C04FC964FF", "6F9619FF-8B86-D011-B42D-00C04FC964FF"),
        ("varchar(3)", None, None),
    ],
)
def test_what_fits_is_sent_as_text(declared: str, value: object, sent: str | None) -> None:
    assert texts(of(declared), "t")([value]) == [sent]


@pytest.mark.parametrize(
    ("declared", "value", "code"),
    [
        ("int", 2**31, "value-out-of-range"),
        ("tinyint", -1, "value-out-of-range"),
        ("int", "", "value-unfit"),  # the server would make 0 of it
        ("decimal(10,2)", "99999999.995", "value-out-of-range"),
        ("decimal(10,2)", "abc", "value-unfit"),
        ("decimal(38,12)", "0.1234567890123", "value-unfit"),  # a column of ours rounds nothing
        ("money", "922337203685477.5808", "value-out-of-range"),
        ("real", "3.5E+38", "value-out-of-range"),
        ("nvarchar(2)", "abc", "value-too-long"),
        ("nvarchar(1)", "😀", "value-too-long"),
        ("varchar(2)", "abc", "value-too-long"),
        ("date", "", "value-unfit"),  # the server would make 1900-01-01 of it
        ("date", "2026-01-31T09:00:00Z", "value-unfit"),
        ("date", "2026-02-30", "value-unfit"),
        ("datetime", "1752-12-31T00:00:00Z", "value-unfit"),
        ("smalldatetime", "2080-01-01T00:00:00Z", "value-unfit"),
        ("datetime2(7)", "soon", "value-unfit"),
        ("time(7)", "", "value-unfit"),
        ("uniqueidentifier", "6F9619FF-8B86-D011-B42D-00C04FC964FF-and-more", "value-unfit"),
    ],
)
def test_what_does_not_fit_is_refused_before_it_is_sent(declared: str, value: object, code: str) -> None:
    with pytest.raises(MisfitError) as caught:
        texts(of(declared), "t")([value])
    refusal = failures.refusal(caught.value, Load(Table("t", "[t]", ()), (), ()))
    assert (refusal.code, refusal.column) == (code, "c")
    assert failures.fault(caught.value) is Fault.RECORD


def test_a_key_with_a_blank_at_its_end_is_refused_in_tables_of_ours() -> None:
    with pytest.raises(UnfitError):
        texts(of("nvarchar(400)", collation="Latin1_General_100_BIN2"), "t", key=True)(["a "])
    assert texts(of("nvarchar(400)", collation="German_CI_AS"), "t", key=True)(["a "]) == ["a "]


def test_the_server_is_asked_only_where_it_alone_can_know() -> None:
    assert doubtful(of("varchar(10)", collation="German_CI_AS"), ["plain", None]) == ""
    assert doubtful(of("nvarchar(10)", collation="German_CI_AS"), ["☃"]) == ""
    assert "CONVERT(varchar(10), {0} COLLATE German_CI_AS)" in doubtful(of("char(10)", collation="German_CI_AS"), ["ä"])
    assert doubtful(of("xml"), ["<a/>"]) == "TRY_CAST({0} AS xml) IS NULL"


@pytest.mark.parametrize(
    ("declared", "select", "remembered", "back"),
    [
        ("int", "q.c", "q.c", "TRY_CAST(%s AS int)"),
        ("nvarchar(9)", "q.c", "q.c", "CAST(%s AS nvarchar(9)) COLLATE X"),
        ("varchar(9)", "CONVERT(nvarchar(max), q.c)", "CONVERT(nvarchar(max), q.c)",
         "CAST(%s COLLATE X AS varchar(9)) COLLATE X"),
        ("money", "CONVERT(decimal(19, 4), q.c)", "CONVERT(nvarchar(64), q.c, 2)", "TRY_CAST(%s AS money)"),
        ("float", "q.c", "CONVERT(nvarchar(64), q.c, 3)", "TRY_CAST(%s AS float)"),
        ("datetime", "CONVERT(nvarchar(40), q.c, 126)", "CONVERT(nvarchar(40), q.c, 126)",
         "TRY_CAST(TRY_CAST(%s AS datetime2(7)) AS datetime)"),
        ("datetimeoffset(7)", "CONVERT(nvarchar(40), SWITCHOFFSET(q.c, '+00:00'), 127)",
         "CONVERT(nvarchar(40), SWITCHOFFSET(q.c, '+00:00'), 127)", "TRY_CAST(%s AS datetimeoffset(7))"),
        ("timestamp", "CONVERT(bigint, q.c)", "CONVERT(bigint, q.c)", "CONVERT(binary(8), TRY_CAST(%s AS bigint))"),
        ("geography", "q.c.ToString()", "q.c.ToString()",
         "CONVERT(varbinary(max), CONVERT(nvarchar(max), %s))"),
        ("varbinary(8)", "q.c", "q.c", "%s"),
    ],
)  # fmt: skip
def test_how_a_column_is_read_and_remembered(declared: str, select: str, remembered: str, back: str) -> None:
    found = of(declared, collation="X")
    assert (shown(found, "q.c"), held(found, "q.c"), recalled(found, "%s")) == (select, remembered, back)


def test_texts_that_no_index_tells_apart_are_ordered_by_their_bytes() -> None:
    found = of("nvarchar(9)", collation="X", exactly=True)
    assert ordered(found, "q.c") == "CONVERT(varbinary(max), q.c)"
    assert recalled(found, "%s") == "CONVERT(varbinary(max), CONVERT(nvarchar(max), %s))"


def test_rows_become_json_without_losing_anything() -> None:
    kinds = {
        "int": 5, "bit": True, "decimal(10,2)": "1.50", "decimal(38,12)": "1.500000000000", "nvarchar(9)": "ä",
        "datetime2(7)": "2026-01-31T09:15:00.1200000", "datetimeoffset(7)": "2026-01-31T09:15:00Z",
        "date": "2026-01-31", "varbinary(2)": b"\x00\xff", "json": '{"a":1}', "float": 0.1,
    }  # fmt: skip
    (document,) = documents([of(kind) for kind in kinds], [tuple(kinds.values())])
    assert document.startswith(b'{"c":')
    names = [Column(f"c{number}", one.declared, one.family) for number, one in enumerate(of(kind) for kind in kinds)]
    (document,) = documents(names, [tuple(kinds.values())])
    assert msgspec.json.decode(document) == {
        "c0": 5, "c1": True, "c2": 1.5, "c3": 1.5, "c4": "ä", "c5": "2026-01-31T09:15:00.12Z",
        "c6": "2026-01-31T09:15:00Z", "c7": "2026-01-31", "c8": "\\x00ff", "c9": {"a": 1}, "c10": 0.1,
    }  # fmt: skip
    assert b'"c2":1.50,"c3":1.5,' in document


@pytest.mark.parametrize(
    ("declared", "operator", "values", "said", "given"),
    [
        ("int", "=", ["5"], "q.[c] = %s", [5]),
        ("int", "not_in", ["5", "6"], "(NOT q.[c] IN (%s, %s) OR q.[c] IS NULL)", [5, 6]),
        ("bit", "!=", ["true"], "(q.[c] <> %s OR q.[c] IS NULL)", [1]),
        ("nvarchar(9)", ">", ["a"], "q.[c] > CAST(%s AS nvarchar(9)) COLLATE X", ["a"]),
        ("nvarchar(9)", ">", ["a" * 10], "q.[c] > %s COLLATE X", ["a" * 10]),
        ("varchar(9)", "=", ["☃"], "q.[c] = %s COLLATE X", ["☃"]),
        ("datetimeoffset(7)", ">=", ["2026-01-31T10:00:00+01:00"], "q.[c] >= TRY_CAST(%s AS datetimeoffset(7))",
         ["2026-01-31T09:00:00.000000+00:00"]),
        ("xml", "=", ["<a/>"], "CONVERT(nvarchar(max), q.[c]) = %s", ["<a/>"]),
        ("varbinary(9)", "=", ["\\x00ff"], "q.[c] = CONVERT(varbinary(max), %s, 1)", ["0x00ff"]),
    ],
)  # fmt: skip
def test_clauses(declared: str, operator: str, values: list[str], said: str, given: list[object]) -> None:
    assert condition(of(declared, collation="X"), operator, values) == (said, given)


@pytest.mark.parametrize(
    ("declared", "value"), [("int", "abc"), ("date", "soon"), ("datetime2(7)", ""), ("decimal(9,2)", "1.5e99")]
)
def test_a_value_that_is_none_of_the_columns_is_refused(declared: str, value: str) -> None:
    with pytest.raises(ValueError):
        condition(of(declared), "=", [value])


def test_moments_for_a_query_are_given_in_utc_as_every_type_takes_them() -> None:
    assert _given("2026-01-31T10:15:00.123456+01:00") == "2026-01-31T09:15:00.123"
    assert _given("2026-01-31T09:15:00Z") == "2026-01-31T09:15:00"
    assert _given("2026-01-31 and later") == "2026-01-31 and later"


def test_parameters_of_procedures_have_names_of_all_kinds_and_moments_keep_their_zone() -> None:
    strange = Column("a'%b", "datetime", of("datetime").family)
    said = calling("[p]", [strange])
    assert "TRY_CAST(TRY_CAST(SWITCHOFFSET(TRY_CAST(@i0 AS datetimeoffset(7)), '+00:00') AS datetime2(7)) " in said
    assert (said % ("@P1",)).splitlines()[2].count("N'opagent-unfit: a''%%b'") == 1
    assert (said % ("@P1",)).splitlines()[3] == "EXEC [p] @a'%b = @o0"


# Errors


def error(*messages: tuple[int, str] | tuple[int, str, int]) -> ServerError:
    """What the driver raises."""
    return ServerError([Message(one[0], one[2] if len(one) == 3 else 16, one[1]) for one in messages])


LOAD = Load(
    Table("orders", "[dbo].[orders]", (), key=("id",)),
    (Column("id", "int", of("int").family), Column("name", "nvarchar(5)", of("nvarchar(5)").family)),
    (),
    mode=Mode.UPSERT,
)


@pytest.mark.parametrize(
    ("messages", "code", "column"),
    [
        ([(515, ("Cannot insert the value NULL into column 'name', table 'shop.dbo.orders'; column does not allow "
                "nulls. INSERT fails."))], "value-missing", "name"),
        ([(2627, ("Violation of PRIMARY KEY constraint 'PK__x'. Cannot insert duplicate key in object 'dbo.orders'. "
                 "The duplicate key value is (secret)."))], "value-twice", "id"),
        ([(2601, ("Cannot insert duplicate key row in object 'dbo.orders' with unique index 'ix_name'. The duplicate "
                 "key value is (secret)."))], "value-twice", None),
        ([(547, ('The INSERT statement conflicted with the FOREIGN KEY constraint "fk_shop". The conflict occurred in '
                'database "shop", table "dbo.shops", column \'id\'.'))], "reference-missing", None),
        ([(547, ('The INSERT statement conflicted with the CHECK constraint "ck_name". The conflict occurred in '
                'database "shop", table "dbo.orders", column \'name\'.'))], "value-refused", "name"),
        ([(2628, ("String or binary data would be truncated in table 'shop.dbo.orders', column 'name'. Truncated "
                 "value: 'secret'."))], "value-too-long", "name"),
        ([(8152, "String or binary data would be truncated.")], "value-too-long", None),
        ([(8115, "Arithmetic overflow error converting numeric to data type numeric.")], "value-out-of-range", None),
        ([(245, "Conversion failed when converting the nvarchar value 'secret' to data type int.")],
         "value-unfit", None),
        ([(8114, "Error converting data type nvarchar to numeric.")], "value-unfit", None),
        ([(33504, ("The attempted operation failed because the target object 'shop.dbo.orders' has a block predicate "
                  "that conflicts with this operation."))], "row-not-permitted", None),
        ([(50000, "Only on weekdays."), (3609, "The transaction ended in the trigger.")], "trigger-refused", None),
        ([(3609, "The transaction ended in the trigger. The batch has been aborted.")], "trigger-refused", None),
        ([(512, "Subquery returned more than 1 value.")], "record-refused", None),
    ],
)  # fmt: skip
def test_why_a_row_is_refused(messages: list[tuple[int, str]], code: str, column: str | None) -> None:
    raised = error(*messages)
    refusal = failures.refusal(raised, LOAD)
    assert failures.fault(raised) is Fault.RECORD
    assert (refusal.code, refusal.column) == (code, column)
    assert refusal.message
    assert refusal.remedy
    assert "secret" not in refusal.message


@pytest.mark.parametrize(
    ("messages", "fault"),
    [
        ([(1205, "deadlock", 13)], Fault.BUSY),
        ([(1222, "lock timeout")], Fault.BUSY),
        ([(3960, "snapshot conflict")], Fault.BUSY),
        ([(50000, "raised in a trigger"), (1205, "deadlock", 13)], Fault.BUSY),
        ([(208, "Invalid object name")], Fault.CHANGED),
        ([(2714, "There is already an object")], Fault.CHANGED),
        ([(102, "Incorrect syntax", 15)], Fault.STATEMENT),
        ([(262, "CREATE TABLE permission denied", 14)], Fault.DENIED),
        ([(1105, "Could not allocate space", 17)], Fault.FULL),
        ([(824, "inconsistency-based I/O error", 24)], Fault.DAMAGED),
        ([(4014, "A fatal error occurred while reading the input stream", 20)], Fault.LOST),
        ([(266, "Transaction count after EXECUTE")], Fault.OTHER),
        ([(3902, "The COMMIT TRANSACTION request has no corresponding BEGIN")], Fault.OTHER),
    ],
)
def test_what_an_error_means(messages: list[tuple[int, str]], fault: Fault) -> None:
    assert failures.fault(error(*messages)) is fault


def test_a_broken_line_is_a_lost_connection() -> None:
    assert failures.fault(ConnectionResetError()) is Fault.LOST
    assert failures.fault(TimeoutError()) is Fault.LOST
