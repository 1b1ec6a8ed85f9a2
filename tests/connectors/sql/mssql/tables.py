"""What a stand-in of SQL Server answers about its tables, so that the agent gets as far as its statements."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from agent.connectors.sql.connector import SqlConnection, SqlConnector
from agent.domain.secret import Secret
from tests.helpers.sql_server_stand_in import Answer, Sent, StandIn

Column = tuple[str, str, int, int, int, str | None, bool, int, int]
"""Name, type, length in bytes, precision, scale, collation, whether it may be empty, has a default, is computed."""

LATIN = "SQL_Latin1_General_CP1_CI_AS"
BEGIN = "IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION; SET TRANSACTION ISOLATION LEVEL {}; BEGIN TRANSACTION"


def column(name: str, kind: str, size: int = 8, precision: int = 0, scale: int = 0, *, empty: bool = True,
           default: int = 0, computed: int = 0) -> Column:  # fmt: skip
    """A column as the catalogue has it."""
    collation = LATIN if kind in ("char", "varchar", "nchar", "nvarchar", "text", "ntext") else None
    return name, kind, size, precision, scale, collation, empty, default, computed


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the schema dbo, and its unique indexes; the first one is the primary key."""

    columns: Sequence[Column]
    unique: Sequence[Sequence[str]] = (("id",),)
    swallowing: bool = False
    view: bool = False


@dataclass(slots=True)
class Tables:
    """Answers about tables from what is said here, and about all else from `also`, the first that is asked for."""

    tables: dict[str, Table] = field(default_factory=dict)
    also: Mapping[str, Answer | Callable[[Sent], Answer]] = field(default_factory=dict)
    snapshots: int = 1

    def __call__(self, sent: Sent) -> Answer:
        """The answer to a statement."""
        for part, found in self.also.items():
            if part in sent.statement:
                return found(sent) if callable(found) else found
        return self._of_catalogue(sent)

    def _of_catalogue(self, sent: Sent) -> Answer:
        statement, names = sent.statement, list(self.tables)
        if "compatibility_level" in statement:
            return [(150, self.snapshots)]
        if "XACT_STATE" in statement:
            return [(1,)]
        if "SYSUTCDATETIME(), 126" in statement:
            return [("2026-11-27T20:00:00.1234567",)]
        if statement.startswith("CREATE TABLE opagent_receipts"):
            self.tables["opagent_receipts"] = Table([column("ledger_key", "nvarchar")], (("ledger_key",),))
            return ()
        if "FROM sys.objects" in statement and "LOWER(o.name)" in statement:
            plain = str(sent.given[-1])
            return [
                (names.index(name), "dbo", name, "V " if self.tables[name].view else "U ", "dbo")
                for name in names
                if name.casefold() == plain.casefold()
            ]
        if "object_id = @P1" not in statement:
            return ()
        table = self.tables[names[int(sent.given[0])]]
        if "sys.index_columns" in statement:
            return [
                (index, index == 0, False, table.swallowing, name)
                for index, names in enumerate(table.unique)
                for name in names
            ]
        return list(table.columns) if "sys.columns" in statement else ()


def connected(server: StandIn) -> SqlConnection:
    """A connection to a stand-in, without encryption."""
    connector = SqlConnector()
    prepared = connector.prepare(
        {"kind": "SQL Server", "database": "shop", "host": "localhost", "port": str(server.port), "username": "agent",
         "encryption": "Off"},
        {"password": Secret("s3cret")},
    )  # fmt: skip
    return connector.open(prepared.values, prepared.secrets)


def told(server: StandIn) -> list[str]:
    """What was sent but for looks at the catalogue."""
    return [one for one in server.statements() if "sys." not in one and "SYSUTCDATETIME(), 126" not in one]


def rows_of(server: StandIn, begins: str) -> list[object]:
    """The rows that travelled in statements that begin so."""
    return [json.loads(str(one.given[0])) for one in server.said if one.statement.startswith(begins)]


def usual_tables() -> Tables:
    """A table of orders with their lines, and the table of receipts."""
    return Tables({
        "orders": Table([column("id", "int", empty=False), column("name", "nvarchar", 100)]),
        "orders_lines": Table(
            [column("order_id", "int"), column("position", "bigint"), column("sku", "nvarchar", 80)],
            (("order_id", "position"),),
        ),
        "opagent_receipts": Table([column("ledger_key", "nvarchar")], (("ledger_key",),)),
    })  # fmt: skip
