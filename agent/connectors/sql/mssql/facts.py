"""What Validate says of a database of SQL Server, and what the agent has to know of it before it begins."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from agent.connectors.sql.credentials import ServerAddress
from agent.connectors.sql.dialect import fetch
from agent.domain.errors import ConfigurationError

_LEAST_LEVEL = 130
"""The compatibility level that has OPENJSON: SQL Server 2016."""
_STATE = "SELECT compatibility_level, snapshot_isolation_state FROM sys.databases WHERE database_id = DB_ID()"
_FACTS = """
    SELECT CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)), DB_NAME(), USER_NAME(), SCHEMA_NAME(),
           (SELECT COUNT(*) FROM sys.objects WHERE type = 'U' AND is_ms_shipped = 0 AND name <> N'opagent_receipts'),
           HAS_PERMS_BY_NAME(NULL, 'DATABASE', 'CREATE TABLE'),
           HAS_PERMS_BY_NAME(SCHEMA_NAME(), 'SCHEMA', 'ALTER'),
           CASE WHEN CAST(DATABASEPROPERTYEX(DB_NAME(), 'Updateability') AS nvarchar(128)) = N'READ_ONLY' THEN 1 ELSE 0
           END
"""


@dataclass(frozen=True, slots=True)
class State:
    """What of a database decides how the agent works in it. `snapshots`: whether readers can see one state of it."""

    snapshots: bool


def state(connection: sa.Connection, place: str) -> State:
    """Look at it.

    Raises:
        ConfigurationError: it behaves as an older server than the agent can use.
    """
    level, snapshots = fetch(connection, _STATE)[0]
    if int(level) < _LEAST_LEVEL:
        raise ConfigurationError(
            f"Of {place} the compatibility level is {level}, and the agent needs {_LEAST_LEVEL} (SQL Server 2016).",
            code="server-too-old",
            remedy="Have it raised (ALTER DATABASE … SET COMPATIBILITY_LEVEL = 130), or the server updated.",
            field="database",
        )
    return State(int(snapshots) == 1)


def facts(
    connection: sa.Connection, address: ServerAddress, *, encrypted: str, snapshots: bool
) -> tuple[list[tuple[str, str]], list[str]]:
    """What is in the database, and what the user may do."""
    version, database, user, schema, tables, create, alter, read_only = fetch(connection, _FACTS)[0]
    writes = bool(create and alter and not read_only)
    found = [
        ("Database", f"SQL Server {version}"),
        ("Name", str(database)),
        ("User", str(user)),
        ("Tables", f"{tables:,}"),
        ("May make tables", "Yes" if writes else "No"),
        ("Encryption", encrypted or "None"),
    ]
    warnings = ["SQL Server has not been tried against a server yet. Try it on a copy of your data first."]
    if read_only:
        warnings.append("This database can be read only: it is a copy of another one, or was set so.")
    elif not writes:
        warnings.append(
            f"The user {user} may not make tables in the schema {schema}: GRANT CREATE TABLE TO …, and GRANT ALTER ON "
            f"SCHEMA::{schema} TO …"
        )
    if not snapshots:
        warnings.append(
            "Reading waits for others who write, and they for it. It need not: ALTER DATABASE … SET "
            "ALLOW_SNAPSHOT_ISOLATION ON."
        )
    if not encrypted and not address.local:
        warnings.append("The connection is not encrypted: others on the network can read what is sent.")
    return found, warnings
