"""Calls a stored procedure for each record of a batch, and commits all calls with their receipt.

A call that the database refuses is undone by itself; the other records are not touched by it. What a procedure does is
its own affair, but it may not commit: the receipt has to be committed with it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from agent.connectors.contract import Present, Seal, WriteTarget
from agent.connectors.sql.bookkeeping import Bookkeeping
from agent.connectors.sql.client import Client
from agent.connectors.sql.dialect import Dialect, Fault, StoppedError, cause
from agent.connectors.sql.failures import ERROR_CLASSES, TRIES, ChangedError
from agent.connectors.sql.savepoints import TRANSACTION_ENDED, ended
from agent.connectors.sql.structure import matched
from agent.connectors.sql.tables import Column, Load, Procedure, Table, UnfitError
from agent.connectors.sql.writing import key_text
from agent.domain.app import Attribute, DataType
from agent.domain.error_classes import ErrorClass
from agent.domain.errors import AgentError, ConfigurationError, RecordError
from agent.domain.packet import Batch, Value, WriteReport

CALLS = 200
"""How many calls are made in one transaction: each is a round trip, and a procedure may hold locks."""
_SAVEPOINT = "opagent_call"


class Caller:
    """Calls procedures of one database."""

    def __init__(self, client: Client, bookkeeping: Bookkeeping) -> None:
        self._client, self._bookkeeping = client, bookkeeping

    async def call(self, target: WriteTarget, batch: Batch, seal: Seal) -> WriteReport:
        """Call the procedure that the target names once for each record."""
        client = self._client
        refused: dict[int, RecordError] = {}

        def work(connection: sa.Connection) -> WriteReport:
            dialect = client.dialect
            found, columns = _prepared(connection, dialect, target.schema, batch.attributes)
            self._bookkeeping.open(connection)
            report = _Calling(connection, client, found, columns, batch, refused=refused).report()
            dialect.keep_receipt(connection, target.ledger_key, seal(report))
            return report

        changed = 0
        while True:
            try:
                return await self._bookkeeping.write(work)
            except ChangedError as error:
                changed += 1
                if changed == TRIES:
                    raise error.lasting() from None
            except AgentError as error:
                if error.code != TRANSACTION_ENDED:  # after each of them one record more is known to be refused
                    raise

    async def present(self, target: WriteTarget, batch: Batch) -> Present:
        """What can be foreseen: that there is such a procedure, which takes the attributes."""
        dialect = self._client.dialect
        await self._client.read(lambda connection: _prepared(connection, dialect, target.schema, batch.attributes))
        times = f"{len(batch):,} time{'s' if len(batch) != 1 else ''}"
        said = f"The procedure {target.schema} would be called {times}; what it does cannot be foreseen."
        return Present([None] * len(batch), _ids(batch), changes=[said])


class _Calling:
    """The calls for one batch."""

    def __init__(
        self,
        connection: sa.Connection,
        client: Client,
        procedure: Procedure,
        columns: Sequence[Column],
        batch: Batch,
        *,
        refused: dict[int, RecordError],
    ) -> None:
        self._connection, self._client, self._dialect = connection, client, client.dialect
        self._procedure, self._columns, self._batch = procedure, tuple(columns), batch
        self._known = refused
        """Whose calls made the database end the transaction; they are not made again."""

    def report(self) -> WriteReport:
        """Call, record for record."""
        dialect, ids = self._dialect, _ids(self._batch)
        statement = dialect.calling(self._procedure, self._columns)
        failures: dict[int, RecordError] = {}
        savepoints = dialect.savepoints
        begun = time.perf_counter()
        for index, row in enumerate(self._batch.rows):
            if self._client.stopped():
                raise StoppedError
            if index in self._known:
                failures[index], ids[index] = self._known[index], ""
                continue
            savepoints.set(self._connection, _SAVEPOINT)
            try:
                _read_out(self._connection.exec_driver_sql(statement, row))
            except Exception as error:
                original = cause(error)
                if dialect.fault(original) is not Fault.RECORD:
                    raise
                if not savepoints.undo(self._connection, _SAVEPOINT):
                    self._known[index] = self._refused(original, row)
                    raise ended(dialect.place) from None
                failures[index], ids[index] = self._refused(original, row), ""
            else:
                savepoints.release(self._connection, _SAVEPOINT)
        self._client.tell("CALL", statement, rows=len(self._batch), since=begun)
        return WriteReport(ids, failures)

    def _refused(self, error: BaseException, row: tuple[Value, ...]) -> RecordError:
        """Why a call was refused: the procedure's own words, where it raised on purpose."""
        name = self._procedure.name
        table = Table(name, self._procedure.quoted, self._columns)
        load = Load(table, self._columns, tuple(one.type for one in self._batch.attributes))
        found = self._dialect.refusal(self._connection, error, load, row)
        said = found.message.replace(f"A trigger of the table {name}", f"The procedure {name}")
        known = found.code not in ("trigger-refused", "record-refused") or isinstance(error, UnfitError)
        return RecordError(
            said if known or found.code == "trigger-refused" else f"The procedure {name} refuses the record.",
            code=found.code if known else "procedure-refused",
            remedy=found.remedy if known else "Correct the record in the source app, or change the procedure.",
            detail=self._dialect.code(error), field=found.column,
            error_class=ERROR_CLASSES.get(found.code, ErrorClass.UNKNOWN),
        )  # fmt: skip


def _read_out(result: sa.CursorResult[Any]) -> None:
    """Take everything that a procedure answers: it may fail after it has given rows, and closing hides that."""
    cursor: Any = result.cursor if result.returns_rows else None
    while cursor is not None and cursor.nextset():
        pass
    result.close()


def _prepared(
    connection: sa.Connection, dialect: Dialect, name: str, attributes: Sequence[Attribute]
) -> tuple[Procedure, list[Column]]:
    """The procedure, and its parameters in the order of the attributes.

    Raises:
        ConfigurationError: there is no such procedure, or it takes other parameters.
    """
    procedure = dialect.procedure(connection, name)
    if procedure is None:
        raise ConfigurationError(
            f"There is no procedure {name} in {dialect.place} that the agent may call.", code="procedure-missing",
            remedy="Correct the schema of the POST node, or grant EXECUTE on the procedure.", field=name,
        )  # fmt: skip
    names = [attribute.name for attribute in attributes]
    found = matched(names, procedure.parameters)
    for attribute in attributes:
        if attribute.name not in found or attribute.type is DataType.COLLECTION:
            taken = ", ".join(one.name for one in procedure.parameters) or "none"
            raise ConfigurationError(
                f"The procedure {procedure.name} takes no parameter {attribute.name}.", code="unknown-parameter",
                remedy=f"Rename or remove the attribute in the Mapper. Its parameters: {taken}.", field=attribute.name,
            )  # fmt: skip
    taken_names = {one.name for one in found.values()}
    missing = next((one.name for one in procedure.parameters if one.required and one.name not in taken_names), None)
    if missing is not None:
        raise ConfigurationError(
            f"The procedure {procedure.name} demands the parameter {missing}, and the Mapper gives none.",
            code="parameter-unmapped", remedy=f"Map an attribute to {missing}.", field=missing,
        )  # fmt: skip
    return procedure, [found[name] for name in names]


def _ids(batch: Batch) -> list[str]:
    """The keys of the records where the Mapper marks any, else the ids that they have in the source."""
    places = [place for place, one in enumerate(batch.attributes) if one.primary]
    if not places:
        return list(batch.source_ids)
    return [key_text([row[place] for place in places]) for row in batch.rows]
