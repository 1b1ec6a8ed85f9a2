"""What PostgreSQL's catalogue says of tables, queries and the user."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from agent.connectors.sql.credentials import ServerAddress
from agent.connectors.sql.dialect import fetch
from agent.connectors.sql.parameters import Lexis, Query, refuse_several
from agent.connectors.sql.tables import Column, Family, Procedure, Table
from agent.domain.errors import ConfigurationError

_FAMILIES = {
    **dict.fromkeys(("text", "varchar", "bpchar", "name", "citext"), Family.TEXT),
    **dict.fromkeys(("int2", "int4", "int8"), Family.INTEGER),
    "numeric": Family.DECIMAL,
    **dict.fromkeys(("float4", "float8"), Family.FLOAT),
    "bool": Family.BOOLEAN,
    **dict.fromkeys(("timestamptz", "timestamp"), Family.MOMENT),
    "date": Family.DATE,
    **dict.fromkeys(("json", "jsonb"), Family.JSON),
    "bytea": Family.BINARY,
}
_DIGITS = {"float4": 6, "float8": 15}
# Without a length or scale: a parameter must not be cut or rounded before it is compared.
_COMPARABLE = {"text": "text", "varchar": "text", "bpchar": "bpchar", "numeric": "numeric"}

_LEXIS = Lexis({"'": "'", '"': '"'}, prefixed_escapes=True, dollars=True, nested=True)
_TYPES = """
    WITH RECURSIVE base AS (
        SELECT oid AS of, oid, typtype, typbasetype, typnotnull FROM pg_catalog.pg_type WHERE oid = ANY(%s::oid[])
        UNION ALL
        SELECT base.of, t.oid, t.typtype, t.typbasetype, base.typnotnull
        FROM base JOIN pg_catalog.pg_type t ON t.oid = base.typbasetype WHERE base.typtype = 'd'
    )
    SELECT base.of, t.typname, pg_catalog.format_type(t.oid, NULL), base.typnotnull
    FROM base JOIN pg_catalog.pg_type t ON t.oid = base.oid WHERE base.typtype <> 'd'
"""
_COLUMNS = """
    SELECT attname, atttypid, pg_catalog.format_type(atttypid, atttypmod), attnotnull, atthasdef,
           attidentity::text, attgenerated::text,
           NOT coalesce((SELECT collisdeterministic FROM pg_catalog.pg_collation WHERE oid = attcollation), true)
    FROM pg_catalog.pg_attribute WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""
_UNIQUE = """
    SELECT i.indisprimary,
           ARRAY(SELECT a.attname::text FROM unnest(i.indkey[0:i.indnkeyatts - 1]) WITH ORDINALITY AS k (n, o)
                 JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.n ORDER BY k.o)
    FROM pg_catalog.pg_index i
    WHERE i.indrelid = %s AND i.indisunique AND i.indisvalid AND i.indimmediate
      AND i.indpred IS NULL AND i.indexprs IS NULL
"""
_FOUND = """
    SELECT c.oid, n.nspname, c.relname, c.relkind::text, c.relrowsecurity OR c.relkind <> 'r'
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND {}
"""
_PROCEDURES = """
    SELECT p.oid, n.nspname, p.proname, p.pronargs, p.pronargdefaults, coalesce(p.proargnames, '{{}}'),
           p.proargtypes::oid[], p.proargmodes IS NULL OR NOT p.proargmodes && '{{o,v,t}}'
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    WHERE p.prokind = 'p' AND has_function_privilege(p.oid, 'EXECUTE') AND {}
"""
_FACTS = """
    SELECT current_setting('server_version'), current_database(), current_user,
           has_database_privilege(current_database(), 'TEMPORARY'),
           has_schema_privilege(current_schema(), 'CREATE'), current_schema(),
           (SELECT count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
              AND c.relname <> 'opagent_receipts'),
           pg_is_in_recovery() OR current_setting('default_transaction_read_only') = 'on',
           (SELECT CASE WHEN ssl THEN version ELSE '' END FROM pg_catalog.pg_stat_ssl WHERE pid = pg_backend_pid())
"""


def _escaped(sql: str) -> str:
    return sql.replace("%", "%%")


def quoted(name: str) -> str:
    """A name for a statement; statements are always run with parameters, which gives % a meaning."""
    escaped = name.replace('"', '""').replace("%", "%%")
    return f'"{escaped}"'


def table(connection: sa.Connection, name: str) -> Table | None:
    """The table or view of that name: as it is spelled, else the only one that differs in capital letters alone."""
    found = _found(connection, name)
    if found is None:
        return None
    oid, schema, spelled, kind, guarded = found
    described = fetch(connection, _COLUMNS, (oid,))
    types = _types(connection, [one[1] for one in described])
    columns = []
    for column, type_, declared, required, default, identity, generated, loose in described:
        base, comparable, domain_required = types[type_]
        columns.append(
            _column(
                column, declared, base, comparable, required=required or domain_required,
                filled=default or identity != "", computed=generated != "" or identity == "a", loose=loose,
            )
        )  # fmt: skip
    key: tuple[str, ...] = ()
    unique = set()
    for primary, names in fetch(connection, _UNIQUE, (oid,)):
        unique.add(frozenset(names))
        key = tuple(names) if primary else key
    return Table(
        spelled, f"{quoted(schema)}.{quoted(spelled)}", tuple(columns), key, frozenset(unique),
        view=kind in ("v", "m"), guarded=guarded,
    )  # fmt: skip


def tables(connection: sa.Connection) -> list[str]:
    """The tables and views that the user may read: those of the search path by their plain names."""
    found = fetch(
        connection,
        "SELECT CASE WHEN pg_catalog.pg_table_is_visible(c.oid) THEN c.relname::text "
        "ELSE n.nspname || '.' || c.relname END FROM pg_catalog.pg_class c "
        "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        "WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition AND c.relname <> 'opagent_receipts' "
        "AND n.nspname <> 'information_schema' AND left(n.nspname, 3) <> 'pg_' "
        "AND has_table_privilege(c.oid, 'SELECT') ORDER BY 1",
    )
    return [row[0] for row in found]


def query(connection: sa.Connection, asked: Query) -> Table:
    """A SELECT as something to read from.

    Raises:
        ConfigurationError: it is more than one expression.
    """
    refuse_several(asked, _LEXIS)
    sql, given = asked.bound(_LEXIS, "%s", plain=_escaped)
    source = f"(\n{sql}\n)"
    result = connection.exec_driver_sql(f"SELECT * FROM {source} AS q LIMIT 0", given)  # noqa: S608 - the operator's query
    cursor: Any = result.cursor
    described = [
        (one.name, one.type_code, cursor.pgresult.fmod(number)) for number, one in enumerate(cursor.description)
    ]
    result.close()
    types = _types(connection, [one[1] for one in described])
    declared = fetch(
        connection,
        "SELECT pg_catalog.format_type(o, m) FROM unnest(%s::oid[], %s::int[]) WITH ORDINALITY AS t (o, m, n) "
        "ORDER BY n",
        ([one[1] for one in described], [one[2] for one in described]),
    )
    columns = tuple(
        _column(name, text, *types[oid][:2], required=False, filled=False, computed=True)
        for (name, oid, _), (text,) in zip(described, declared, strict=True)
    )
    return Table("", source, columns, view=True, parameters=given)


def procedure(connection: sa.Connection, name: str) -> Procedure | None:
    """The procedure of that name.

    Raises:
        ConfigurationError: there are several, or its parameters have no names.
    """
    where, names = "p.proname = %s AND pg_catalog.pg_function_is_visible(p.oid)", (name,)
    found = fetch(connection, _PROCEDURES.format(where), names)
    if not found and "." in name:
        found = fetch(connection, _PROCEDURES.format("n.nspname = %s AND p.proname = %s"), tuple(name.split(".", 1)))
    if not found:
        return None
    _, schema, spelled, count, defaults, given, types, plain = found[0]
    if len(found) > 1 or not plain or len(given) < count or not all(given[:count]):
        why = (
            "there are several of that name" if len(found) > 1 else "not all of its parameters are named IN parameters"
        )
        raise ConfigurationError(
            f"The procedure {name} cannot be called: {why}.", code="procedure-unfit",
            remedy="Have one made for the agent, with a name of its own and named IN parameters.", field=name,
        )  # fmt: skip
    described = _types(connection, types)
    parameters = []
    for number, (parameter, oid) in enumerate(zip(given, types, strict=False)):
        base, comparable, _ = described[oid]
        required = number < count - defaults
        parameters.append(
            _column(parameter, comparable, base, comparable, required=required, filled=False, computed=False)
        )
    return Procedure(spelled, f"{quoted(schema)}.{quoted(spelled)}", tuple(parameters))


def facts(connection: sa.Connection, address: ServerAddress) -> tuple[list[tuple[str, str]], list[str]]:
    """What is in the database, and what the user may do."""
    version, database, user, temporary, create, schema, tables, read_only, encrypted = fetch(connection, _FACTS)[0]
    writes = not read_only and create and temporary
    found = [
        ("Database", f"PostgreSQL {version.split()[0]}"),
        ("Name", database),
        ("User", user),
        ("Tables", f"{tables:,}"),
        ("May make tables", "Yes" if writes else "No"),
        ("Encryption", encrypted or "None"),
    ]
    warnings = []
    if read_only:
        warnings.append("This database can be read only: it is a copy of another one, or was set so.")
    elif not create:
        where = f"the schema {schema}" if schema else "any schema of its search path"
        warnings.append(f"The user {user} may not make tables in {where}: GRANT CREATE ON SCHEMA … TO {user}.")
    elif not temporary:
        warnings.append(f"The user {user} may not make temporary tables, which writing needs: GRANT TEMPORARY.")
    if not encrypted and not address.local:
        warnings.append("The connection is not encrypted: others on the network can read what is sent.")
    return found, warnings


def _found(connection: sa.Connection, name: str) -> tuple[Any, ...] | None:
    places: list[tuple[str, tuple[str, ...]]] = [
        ("c.relname = {} AND pg_catalog.pg_table_is_visible(c.oid)", (name,)),
    ]
    if "." in name:
        places.insert(0, ("n.nspname = {} AND c.relname = {}", tuple(name.split(".", 1))))
    for where, names in places:
        exact = fetch(connection, _FOUND.format(where.format(*["%s"] * len(names))), names)
        if exact:
            return exact[0]
    for where, names in places:
        lower = where.replace("n.nspname", "lower(n.nspname)").replace("c.relname", "lower(c.relname)")
        alike = fetch(connection, _FOUND.format(lower.format(*["lower(%s)"] * len(names))), names)
        if len(alike) == 1:
            return alike[0]
    return None


def _types(connection: sa.Connection, oids: Sequence[int]) -> dict[int, tuple[str, str, bool]]:
    """By type: the name of the type below all domains, how parameters are cast to it, and whether it refuses NULL."""
    found = fetch(connection, _TYPES, (list(set(oids)),))
    return {of: (name, _COMPARABLE.get(name, written), not_null) for of, name, written, not_null in found}


def _column(
    name: str,
    declared: str,
    base: str,
    comparable: str,
    *,
    required: bool,
    filled: bool,
    computed: bool,
    loose: bool = False,
) -> Column:
    # 1.0 is 1.00, unless the type says how many digits there are.
    loose = loose or base in ("citext", "interval") or declared == "numeric"
    return Column(
        name, declared, _FAMILIES.get(base, Family.OTHER), required=required, filled=filled, computed=computed,
        digits=_DIGITS.get(base), comparable=comparable.replace("%", "%%"), loose=loose,
    )  # fmt: skip
