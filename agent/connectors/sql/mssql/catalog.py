"""What SQL Server's catalogue says of tables, queries and procedures."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from agent.connectors.sql.dialect import cause, fetch
from agent.connectors.sql.mssql import failures
from agent.connectors.sql.mssql.values import EXACTLY, quoted
from agent.connectors.sql.parameters import Lexis, Query, refuse_several
from agent.connectors.sql.schema import QUERY_OPTION
from agent.connectors.sql.tables import Column, Family, Procedure, Table
from agent.domain.errors import ConfigurationError

_FAMILIES = {
    **dict.fromkeys(("char", "varchar", "nchar", "nvarchar", "text", "ntext"), Family.TEXT),
    **dict.fromkeys(("tinyint", "smallint", "int", "bigint", "timestamp"), Family.INTEGER),
    **dict.fromkeys(("decimal", "numeric", "money", "smallmoney"), Family.DECIMAL),
    **dict.fromkeys(("float", "real"), Family.FLOAT),
    "bit": Family.BOOLEAN,
    **dict.fromkeys(("datetime", "datetime2", "smalldatetime", "datetimeoffset"), Family.MOMENT),
    "date": Family.DATE,
    "json": Family.JSON,
    **dict.fromkeys(("uniqueidentifier", "xml", "time"), Family.OTHER),
}
"""All others are read, and not written."""
_DIGITS = {"real": 6, "float": 15}
_LEXIS = Lexis({"'": "'", '"': '"', "[": "]"}, nested=True)
# Of types made in the database the one below is taken; but all of .NET share one number.
_TYPE = "CASE WHEN {0}.system_type_id = 240 THEN TYPE_NAME({0}.user_type_id) ELSE TYPE_NAME({0}.system_type_id) END"
_FOUND = """
    SELECT o.object_id, s.name, o.name, o.type, SCHEMA_NAME()
    FROM sys.objects AS o JOIN sys.schemas AS s ON s.schema_id = o.schema_id
    WHERE o.type IN ('U', 'V') AND {0} AND LOWER(o.name) = LOWER(%s)
"""
_COLUMNS = f"""
    SELECT c.name, {_TYPE.format("c")}, c.max_length, c.precision, c.scale, c.collation_name, c.is_nullable,
           CASE WHEN c.default_object_id <> 0 THEN 1 ELSE 0 END,
           CASE WHEN c.is_identity = 1 OR c.is_computed = 1 OR c.generated_always_type <> 0
                     OR TYPE_NAME(c.system_type_id) = 'timestamp' THEN 1 ELSE 0 END
    FROM sys.columns AS c WHERE c.object_id = %s ORDER BY c.column_id
"""  # noqa: S608 - no value in it
_UNIQUE = """
    SELECT i.index_id, i.is_primary_key, i.has_filter, i.ignore_dup_key, c.name
    FROM sys.indexes AS i
    JOIN sys.index_columns AS k ON k.object_id = i.object_id AND k.index_id = i.index_id AND k.key_ordinal > 0
    JOIN sys.columns AS c ON c.object_id = k.object_id AND c.column_id = k.column_id
    WHERE i.object_id = %s AND i.is_unique = 1 AND i.is_disabled = 0
    ORDER BY i.index_id, k.key_ordinal
"""
_TABLES = """
    SELECT CASE WHEN s.name = SCHEMA_NAME() THEN o.name ELSE s.name + N'.' + o.name END
    FROM sys.objects AS o JOIN sys.schemas AS s ON s.schema_id = o.schema_id
    WHERE o.type IN ('U', 'V') AND o.is_ms_shipped = 0 AND o.name <> N'opagent_receipts'
      AND HAS_PERMS_BY_NAME(QUOTENAME(s.name) + N'.' + QUOTENAME(o.name), 'OBJECT', 'SELECT') = 1
    ORDER BY 1
"""
_DESCRIBED = """
    SELECT name, system_type_name, collation_name, is_nullable
    FROM sys.dm_exec_describe_first_result_set(%s, %s, 0) WHERE is_hidden = 0 ORDER BY column_ordinal
"""
_PROCEDURES = """
    SELECT p.object_id, s.name, p.name FROM sys.procedures AS p JOIN sys.schemas AS s ON s.schema_id = p.schema_id
    WHERE s.name = {0} AND p.name = %s
      AND HAS_PERMS_BY_NAME(QUOTENAME(s.name) + N'.' + QUOTENAME(p.name), 'OBJECT', 'EXECUTE') = 1
"""
_PARAMETERS = f"""
    SELECT a.name, {_TYPE.format("a")}, a.max_length, a.precision, a.scale,
           CASE WHEN a.is_output = 1 OR a.is_readonly = 1 THEN 1 ELSE 0 END
    FROM sys.parameters AS a WHERE a.object_id = %s AND a.parameter_id > 0 ORDER BY a.parameter_id
"""  # noqa: S608 - no value in it
_ZONED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d.*(?:Z|[+-]\d\d:?\d\d)")
_TWIN = re.compile(r"The column '(?P<column>.*)' was specified multiple times")


def table(connection: sa.Connection, name: str) -> Table | None:
    """The table or view of that name: as it is spelled, else the only one that differs in capital letters alone.

    Without a schema it is looked for in the user's own, then in dbo, as the server does.
    """
    found = _found(connection, name)
    if found is None:
        return None
    number, schema, spelled, kind = found
    shown = spelled if "." not in name or "." in spelled else name
    unique: dict[int, list[str]] = {}
    key: tuple[str, ...] = ()
    primary, swallowing = None, False
    for index, is_primary, filtered, swallows, column in fetch(connection, _UNIQUE, (number,)):
        swallowing = swallowing or bool(swallows)
        if not filtered:
            unique.setdefault(index, []).append(column)
            primary = index if is_primary else primary
    if primary is not None:
        key = tuple(unique[primary])
    whole = frozenset(frozenset(names) for names in unique.values())
    columns = tuple(
        _column(
            column, _declared(base, size=size, precision=precision, scale=scale), collation or "",
            exactly=column not in key and frozenset((column,)) not in whole,
            required=not nullable, filled=bool(default), computed=bool(computed),
        )
        for column, base, size, precision, scale, collation, nullable, default, computed
        in fetch(connection, _COLUMNS, (number,))
    )  # fmt: skip
    return Table(shown, f"{quoted(schema)}.{quoted(spelled)}", columns, key, whole, view=str(kind).strip() == "V",
                 swallowing=swallowing)  # fmt: skip


def tables(connection: sa.Connection) -> list[str]:
    """The tables and views that the user may read: those of the user's own schema by their plain names."""
    return [row[0] for row in fetch(connection, _TABLES)]


def query(connection: sa.Connection, asked: Query) -> Table:
    """A SELECT as something to read from.

    Raises:
        ConfigurationError: it is more than one, or gives two columns of one name.
    """
    refuse_several(asked, _LEXIS)
    sql, given = asked.bound(_LEXIS, "%s", plain=lambda text: text.replace("%", "%%"), given=_given)
    source = f"(\n{sql}\n)"
    try:
        fetch(connection, f"SELECT TOP (0) * FROM {source} AS q", given)  # noqa: S608 - the operator's query
    except sa.exc.DBAPIError as error:
        twin = _TWIN.search(failures.text(cause(error)))
        if failures.number(cause(error)) != 8156 or twin is None:
            raise
        raise ConfigurationError(
            f"The query gives two columns called {twin['column']}.", code="column-twice",
            remedy="Give one of them another name with AS.", field=QUERY_OPTION,
        ) from None  # fmt: skip
    marks = [f"@P{number}" for number in range(1, len(given) + 1)]
    plain = f"SELECT * FROM {source} AS q" % tuple(marks)  # noqa: S608 - the operator's query
    types = ", ".join(f"{mark} nvarchar(max)" for mark in marks)
    # Types of .NET have no name there; all of them are read alike.
    columns = tuple(
        _column(
            name, type_ or "hierarchyid", collation or "", exactly=True, required=not nullable, filled=False,
            computed=True,
        )
        for name, type_, collation, nullable in fetch(connection, _DESCRIBED, (plain, types))
    )  # fmt: skip
    return Table("", source, columns, view=True, parameters=given)


def _given(value: str) -> str:
    """A value for a parameter. Of a moment that says its zone the server would drop the zone, or not take it; and it
    takes no more than three digits of a second where `datetime` is meant."""
    if _ZONED.fullmatch(value) is None:
        return value
    try:
        moment = datetime.fromisoformat(value).astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return value
    return moment.isoformat("T", "milliseconds" if moment.microsecond else "seconds")


def procedure(connection: sa.Connection, name: str) -> Procedure | None:
    """The procedure of that name. Which of its parameters have a default only the server knows: none is demanded here.

    Raises:
        ConfigurationError: it has parameters that give something back, or take tables.
    """
    for where, names in _places(name):
        found = fetch(connection, _PROCEDURES.format(where), names)
        if found:
            break
    else:
        return None
    number, schema, spelled = found[0]
    described = fetch(connection, _PARAMETERS, (number,))
    if any(unfit for *_, unfit in described):
        raise ConfigurationError(
            f"The procedure {name} cannot be called: it has parameters that give something back, or take tables.",
            code="procedure-unfit", remedy="Have one made for the agent without such parameters.", field=name,
        )  # fmt: skip
    parameters = tuple(
        _column(
            parameter.removeprefix("@"), _declared(base, size=size, precision=precision, scale=scale), "",
            exactly=False, required=False, filled=False, computed=False,
        )
        for parameter, base, size, precision, scale, _ in described
    )  # fmt: skip
    return Procedure(spelled, f"{quoted(schema)}.{quoted(spelled)}", parameters)


def _places(name: str) -> list[tuple[str, tuple[str, ...]]]:
    """Where to look: a condition for the schema, and its parameters with the plain name."""
    places: list[tuple[str, tuple[str, ...]]] = [("SCHEMA_NAME()", (name,)), ("N'dbo'", (name,))]
    if "." in name:
        places.insert(0, ("%s", tuple(name.split(".", 1))))
    return places


def _found(connection: sa.Connection, name: str) -> tuple[Any, str, str, str] | None:
    alike = []
    for where, names in _places(name):
        found = fetch(connection, _FOUND.format(f"s.name = {where}"), names)
        exact = [row for row in found if row[2] == names[-1]]
        if exact:
            number, schema, spelled, kind, _ = exact[0]
            return number, schema, spelled, kind
        alike.append(found)
    for found in alike:
        if len(found) == 1:
            number, schema, spelled, kind, _ = found[0]
            return number, schema, spelled, kind
    return None


def _declared(base: str, *, size: int, precision: int, scale: int) -> str:
    """A type as it is written in a statement."""
    if base in ("char", "varchar", "binary", "varbinary"):
        return f"{base}({'max' if size == -1 else size})"
    if base in ("nchar", "nvarchar"):
        return f"{base}({'max' if size == -1 else size // 2})"
    if base in ("decimal", "numeric"):
        return f"{base}({precision},{scale})"
    return f"{base}({scale})" if base in ("datetime2", "datetimeoffset", "time") else base


def _column(
    name: str, declared: str, collation: str, *, exactly: bool, required: bool, filled: bool, computed: bool
) -> Column:
    base = declared.partition("(")[0]
    family = _FAMILIES.get(base, Family.BINARY)
    comparable = collation if family is Family.TEXT else ""
    if family is Family.TEXT and exactly:
        comparable += EXACTLY
    return Column(
        name, declared, family, required=required, filled=filled, computed=computed, digits=_DIGITS.get(base),
        comparable=comparable,
    )  # fmt: skip
