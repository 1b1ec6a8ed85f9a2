"""What a MariaDB or MySQL server says of its tables, of queries, procedures and the user."""

from __future__ import annotations

import re
from typing import Any

import sqlalchemy as sa
from pymysql.constants import ER, FIELD_TYPE, FLAG

from agent.connectors.sql.credentials import ServerAddress
from agent.connectors.sql.dialect import cause, fetch
from agent.connectors.sql.mysql import values as mysql_values
from agent.connectors.sql.parameters import Lexis, Query
from agent.connectors.sql.schema import QUERY_OPTION
from agent.connectors.sql.tables import Column, Family, Procedure, Table
from agent.domain.errors import ConfigurationError

_FAMILIES = {
    **dict.fromkeys(("char", "varchar", "tinytext", "text", "mediumtext", "longtext"), Family.TEXT),
    **dict.fromkeys(("tinyint", "smallint", "mediumint", "int", "bigint", "year"), Family.INTEGER),
    "decimal": Family.DECIMAL,
    **dict.fromkeys(("float", "double"), Family.FLOAT),
    **dict.fromkeys(("datetime", "timestamp"), Family.MOMENT),
    "date": Family.DATE,
    "json": Family.JSON,
    **dict.fromkeys(("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"), Family.BINARY),
}
_DIGITS = {"float": 6, "double": 15}
# How a remembered value is given back: as text, which would else be compared as an approximate number.
_COMPARABLE = {
    "decimal": "CAST(%s AS DECIMAL(65,30))", "float": "CAST(%s AS DOUBLE)", "double": "CAST(%s AS DOUBLE)",
    "datetime": "CAST(%s AS DATETIME(6))", "timestamp": "CAST(%s AS DATETIME(6))", "date": "CAST(%s AS DATE)",
    "time": "CAST(%s AS TIME(6))",
}  # fmt: skip
EXACTLY = "exactly"
"""In `comparable` of a column of texts: rows are to be put in order by its very characters."""

_TYPES = {
    **dict.fromkeys((FIELD_TYPE.TINY, FIELD_TYPE.SHORT, FIELD_TYPE.INT24, FIELD_TYPE.LONG, FIELD_TYPE.LONGLONG,
                     FIELD_TYPE.YEAR), "bigint"),
    **dict.fromkeys((FIELD_TYPE.DECIMAL, FIELD_TYPE.NEWDECIMAL), "decimal"),
    FIELD_TYPE.FLOAT: "float", FIELD_TYPE.DOUBLE: "double",
    **dict.fromkeys((FIELD_TYPE.DATETIME, FIELD_TYPE.TIMESTAMP), "datetime"),
    **dict.fromkeys((FIELD_TYPE.DATE, FIELD_TYPE.NEWDATE), "date"),
    FIELD_TYPE.TIME: "time", FIELD_TYPE.JSON: "json", FIELD_TYPE.BIT: "bit",
}  # fmt: skip
_LEXIS = Lexis({"'": "'", '"': '"', "`": "`"}, escapes="'\"", hash_comments=True, spaced_dashes=True)
"""With the modes that `mysql.sessions` sets. The driver writes values into statements, so it has to be exact."""
_ZONED = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)").fullmatch
_COLUMNS = """
    SELECT column_name, data_type, column_type, is_nullable = 'NO', column_default, extra
    FROM information_schema.columns WHERE table_schema = %s AND table_name = %s ORDER BY ordinal_position
"""
_UNIQUE = """
    SELECT index_name, column_name, sub_part IS NOT NULL OR column_name IS NULL
    FROM information_schema.statistics WHERE table_schema = %s AND table_name = %s AND non_unique = 0
    ORDER BY index_name, seq_in_index
"""
_FOUND = """
    SELECT table_schema, table_name, table_type,
           engine IN (SELECT e.engine FROM information_schema.engines e WHERE e.transactions <> 'YES')
    FROM information_schema.tables
    WHERE table_schema = {} AND {} AND table_type IN ('BASE TABLE', 'VIEW', 'SYSTEM VERSIONED')
"""
_CHECKS = """
    SELECT check_clause FROM information_schema.check_constraints
    WHERE constraint_schema = %s AND table_name = %s
"""
_JSON_VALID = re.compile(r"json_valid\(`(?P<column>(?:[^`]|``)+)`\)", re.IGNORECASE)
_TWIN = re.compile(r"'(?P<column>[^']*)'")
_PARAMETERS = """
    SELECT parameter_name, data_type, dtd_identifier, parameter_mode FROM information_schema.parameters
    WHERE specific_schema = %s AND specific_name = %s AND ordinal_position > 0 ORDER BY ordinal_position
"""
_FACTS = """
    SELECT version(), database(), current_user(),
           (SELECT count(*) FROM information_schema.tables WHERE table_schema = database()
            AND table_type = 'BASE TABLE' AND table_name <> 'opagent_receipts'),
           @@global.read_only
"""
_GRANTED = """
    SELECT privilege_type FROM information_schema.user_privileges WHERE grantee = %s
    UNION SELECT privilege_type FROM information_schema.schema_privileges
    WHERE grantee = %s AND %s LIKE table_schema
"""
_NEEDED = frozenset({"CREATE", "ALTER", "INSERT", "UPDATE", "DELETE"})


def _escaped(sql: str) -> str:
    return sql.replace("%", "%%")


def _given(value: str) -> str:
    """A value for a parameter. Of a moment that says its zone the server would leave the zone out."""
    return mysql_values.sent_moment(value) if _ZONED(value) else value


def quoted(name: str) -> str:
    """A name for a statement; statements are always run with parameters, which gives % a meaning."""
    escaped = name.replace("`", "``").replace("%", "%%")
    return f"`{escaped}`"


def table(connection: sa.Connection, name: str, *, mariadb: bool) -> Table | None:
    """The table or view of that name: as it is spelled, else the only one that differs in capital letters alone."""
    found = _found(connection, name)
    if found is None:
        return None
    schema, spelled, kind, lasting = found
    unique: dict[str, list[str]] = {}
    partial = set()
    for index, column, is_partial in fetch(connection, _UNIQUE, (schema, spelled)):
        unique.setdefault(index, []).append(column)
        if is_partial:
            partial.add(index)
    key = tuple(unique.get("PRIMARY", ())) if "PRIMARY" not in partial else ()
    whole = frozenset(frozenset(names) for index, names in unique.items() if index not in partial)
    of_json = _json_columns(connection, schema, spelled) if mariadb and kind != "VIEW" else frozenset()
    columns = tuple(
        _column(
            column, "json" if column in of_json else base, declared, required=bool(required),
            filled=(default is not None and str(default) != "NULL") or "auto_increment" in extra.lower(),
            computed="GENERATED" in extra.upper().replace("DEFAULT_GENERATED", ""),
            exactly=column not in key and frozenset((column,)) not in whole,
        )
        for column, base, declared, required, default, extra in fetch(connection, _COLUMNS, (schema, spelled))
    )  # fmt: skip
    shown = f"{quoted(schema)}.{quoted(spelled)}"
    if not columns:  # the view is broken, and the server says why when it is used
        fetch(connection, f"SELECT 1 FROM {shown} LIMIT 0")  # noqa: S608 - quoted names
    return Table(
        spelled, shown, columns, key, whole, view=kind == "VIEW", alone=len(unique) == 1, lasting=bool(lasting)
    )


def query(connection: sa.Connection, asked: Query) -> Table:
    """A SELECT as something to read from."""
    sql, given = asked.bound(_LEXIS, "%s", plain=_escaped, given=_given)
    source = f"(\n{sql}\n)"
    try:
        result = connection.exec_driver_sql(f"SELECT * FROM {source} AS q LIMIT 0", given)  # noqa: S608 - the operator's
    except sa.exc.DBAPIError as error:
        twin = _TWIN.search(str(cause(error).args[-1]))
        if cause(error).args[0] != ER.DUP_FIELDNAME or twin is None:
            raise
        raise ConfigurationError(
            f"The query gives two columns called {twin['column']}.", code="column-twice",
            remedy="Give one of them another name with AS.", field=QUERY_OPTION,
        ) from None  # fmt: skip
    cursor: Any = result.cursor
    columns = tuple(_described(one) for one in cursor._result.fields)  # noqa: SLF001 - `description` lacks the character set
    result.close()
    return Table("", source, columns, view=True, parameters=given)


def procedure(connection: sa.Connection, name: str) -> Procedure | None:
    """The procedure of that name, in the database of the connection or in the one before the dot.

    Raises:
        ConfigurationError: it has parameters that give something back.
    """
    places = [(None, name), *([tuple(name.split(".", 1))] if "." in name else [])]
    for schema, plain in places:
        found = fetch(
            connection,
            "SELECT routine_schema, routine_name FROM information_schema.routines WHERE routine_type = 'PROCEDURE' "
            "AND routine_schema = coalesce(%s, database()) AND routine_name = %s",
            (schema, plain),
        )
        if found:
            break
    else:
        return None
    schema, spelled = found[0]
    described = fetch(connection, _PARAMETERS, (schema, spelled))
    if any(mode != "IN" for *_, mode in described):
        raise ConfigurationError(
            f"The procedure {name} cannot be called: it has parameters that give something back.",
            code="procedure-unfit", remedy="Have one made for the agent that has IN parameters only.", field=name,
        )  # fmt: skip
    parameters = tuple(
        _column(parameter, base, declared, required=True, filled=False, computed=False, exactly=False)
        for parameter, base, declared, _ in described
    )
    return Procedure(spelled, f"{quoted(schema)}.{quoted(spelled)}", parameters)


def facts(connection: sa.Connection, address: ServerAddress) -> tuple[list[tuple[str, str]], list[str]]:
    """What is in the database, and what the user may do."""
    version, database, user, tables, read_only = fetch(connection, _FACTS)[0]
    cipher = fetch(connection, "SHOW SESSION STATUS LIKE 'Ssl_version'")
    encrypted = str(cipher[0][1]) if cipher else ""
    lacking = _lacking(connection, str(user), str(database))
    kind = "MariaDB" if "mariadb" in version.lower() else "MySQL"
    name = str(user).rpartition("@")[0] or str(user)
    found = [
        ("Database", f"{kind} {version.partition('-')[0]}"),
        ("Name", str(database)),
        ("User", name),
        ("Tables", f"{tables:,}"),
        ("May make tables", "No" if read_only or lacking else "Yes"),
        ("Encryption", encrypted or "None"),
    ]
    warnings = []
    if read_only:
        warnings.append("This database can be read only: it is a copy of another one, or was set so.")
    elif lacking:
        warnings.append(
            f"The user {name} lacks rights on the database {database}: GRANT {', '.join(lacking)} ON {database}.* TO …"
        )
    if not encrypted and not address.local:
        warnings.append("The connection is not encrypted: others on the network can read what is sent.")
    return found, warnings


def _lacking(connection: sa.Connection, user: str, database: str) -> list[str]:
    """Which rights that writing needs are not granted for the whole database; none where a role may grant them."""
    name, host = str(user).rsplit("@", 1)
    granted = {row[0] for row in fetch(connection, _GRANTED, (f"'{name}'@'{host}'", f"'{name}'@'{host}'", database))}
    roles = fetch(connection, "SELECT current_role()")[0][0]
    return [] if roles not in (None, "NONE") else sorted(_NEEDED - granted)


def _found(connection: sa.Connection, name: str) -> tuple[Any, ...] | None:
    places: list[tuple[str, tuple[str, ...], str]] = [("database()", (), name)]
    if "." in name:
        schema, plain = name.split(".", 1)
        places.insert(0, ("%s", (schema,), plain))
    for where, given, plain in places:
        exact = fetch(connection, _FOUND.format(where, "table_name = %s"), (*given, plain))
        spelled = [one for one in exact if one[1] == plain]
        if spelled:
            return spelled[0]
    for where, given, plain in places:
        alike = fetch(connection, _FOUND.format(where, "lower(table_name) = lower(%s)"), (*given, plain))
        if len(alike) == 1:
            return alike[0]
    return None


def _json_columns(connection: sa.Connection, schema: str, name: str) -> frozenset[str]:
    """MariaDB's JSON is a text with a rule: that it be JSON."""
    clauses = [row[0] for row in fetch(connection, _CHECKS, (schema, name))]
    found = (_JSON_VALID.fullmatch(clause.strip()) for clause in clauses)
    return frozenset(one["column"].replace("``", "`") for one in found if one is not None)


def _column(
    name: str, base: str, declared: str, *, required: bool, filled: bool, computed: bool, exactly: bool
) -> Column:
    family = _FAMILIES.get(base, Family.OTHER)
    if declared in ("tinyint(1)", "bit(1)"):
        family = Family.BOOLEAN
    comparable = _COMPARABLE.get(base, "%s")
    if (exactly and family is Family.TEXT) or base in ("enum", "set"):
        comparable = EXACTLY
    return Column(
        name, declared, family, required=required, filled=filled, computed=computed, digits=_DIGITS.get(base),
        comparable=comparable,
    )  # fmt: skip


def _described(field: Any) -> Column:
    """A column of a query, from what the protocol says of it."""
    base = _TYPES.get(field.type_code, "text")
    if base == "text" and field.charsetnr == 63 and field.type_code not in (FIELD_TYPE.ENUM, FIELD_TYPE.SET):
        base = "blob"
    declared = base
    if field.type_code == FIELD_TYPE.TINY and field.length == 1:
        declared = "tinyint(1)"
    elif base == "decimal":
        declared = f"decimal(65,{field.scale})"
    elif base == "bit" and field.length == 1:
        declared = "bit(1)"
    required = bool(field.flags & FLAG.NOT_NULL)
    return _column(field.name, base, declared, required=required, filled=False, computed=True, exactly=True)
