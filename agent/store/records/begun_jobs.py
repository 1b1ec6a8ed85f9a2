"""What is being done to many records just now, so that a service that ends in the middle leaves a trace.

How many records were changed is written in the transaction that changes them. At the end the line in the audit trail
takes the place of all this.
"""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa

from agent.store.databases.database import Database
from agent.store.records.audit import AuditLine, note
from agent.store.tables.service import KEY_VALUES

_AREA = "record-jobs"


class Begun(msgspec.Struct, frozen=True):
    """A job. `what` is a `Deed`'s name, `chosen` says in plain JSON what it was to be done to."""

    flow: str
    what: str
    by: str
    reason: str
    chosen: dict[str, Any]
    changed: int = 0


class BegunJobs:
    """The jobs of this agent that have not ended."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, job: str, begun: Begun) -> None:
        """A job begins."""
        with self._database.write() as connection:
            connection.execute(KEY_VALUES.insert().values(area=_AREA, name=job, value=_text(begun)))

    @staticmethod
    def changed(connection: sa.Connection, job: str, records: int) -> None:
        """So many more records are changed, in the transaction that changes them."""
        value = connection.execute(sa.select(KEY_VALUES.c.value).where(_own(job))).scalar()
        if value is not None:
            begun = _DECODER.decode(value)
            more = msgspec.structs.replace(begun, changed=begun.changed + records)
            connection.execute(KEY_VALUES.update().where(_own(job)).values(value=_text(more)))

    def end(self, job: str, line: AuditLine) -> None:
        """A job has ended as this line says."""
        with self._database.write() as connection:
            connection.execute(KEY_VALUES.delete().where(_own(job)))
            note(connection, line)

    def left(self) -> dict[str, Begun]:
        """Those that have not ended, by their ids."""
        query = sa.select(KEY_VALUES.c.name, KEY_VALUES.c.value).where(KEY_VALUES.c.area == _AREA)
        with self._database.read() as connection:
            return {row.name: _DECODER.decode(row.value) for row in connection.execute(query)}


def _own(job: str) -> sa.ColumnElement[bool]:
    return sa.and_(KEY_VALUES.c.area == _AREA, KEY_VALUES.c.name == job)


def _text(begun: Begun) -> str:
    return msgspec.json.encode(begun).decode()


_DECODER = msgspec.json.Decoder(Begun)
