"""The values of variables outside a run, and those that a run has given them so far. Encrypted ones lie here sealed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

import msgspec
import sqlalchemy as sa

from agent.domain.errors import ConfigurationError
from agent.domain.secret import Secret
from agent.domain.variables import VariableValue
from agent.store.databases.at_rest import refuse_under_run
from agent.store.databases.database import Database
from agent.store.records.audit import AuditLine, note
from agent.store.tables.flows import VARIABLES
from agent.store.tables.runs import RUNS
from agent.store.tables.service import AUDIT
from agent.store.vaults.redaction import DOTS
from agent.store.vaults.sealing import Sealer

StoredValue: TypeAlias = "VariableValue | Mapping[str, str]"
"""A value as it is stored; `{"sealed": …}` for an encrypted one."""
_SEALED = "sealed"
_TELLING_DIGITS = 6
_RESET = "variable-reset"


@dataclass(frozen=True, slots=True)
class StoredVariable:
    """What a variable holds outside a run, since when, and by whom: a person with a reason, or a run."""

    name: str
    value: StoredValue
    changed_at: datetime
    changed_by: str
    run: str
    reason: str


@dataclass(frozen=True, slots=True)
class NewValue:
    """A value that somebody sets."""

    value: StoredValue
    by: str
    reason: str
    at: datetime


class VariableStore:
    """The variables of this agent's processflows.

    Args:
        database: The agent's database.
        sealer: Seals and opens encrypted ones.
    """

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database = database
        self._sealer = sealer

    def all(self, flow: str) -> dict[str, StoredVariable]:
        """What is stored for a processflow, by name."""
        query = sa.select(VARIABLES).where(VARIABLES.c.flow == flow)
        with self._database.read() as connection:
            return {row.name: _stored(row) for row in connection.execute(query)}

    def of_run(self, run: str) -> dict[str, StoredValue]:
        """The values that a run has given variables so far."""
        with self._database.read() as connection:
            found: dict[str, StoredValue] | None = connection.execute(
                sa.select(RUNS.c.variables).where(RUNS.c.id == run)
            ).scalar()
        return found or {}

    def set(self, flow: str, name: str, new: NewValue) -> StoredVariable:
        """Store a value that somebody chose.

        Raises:
            ConflictError: code `already-running`: a run of the processflow has not ended, and may be at work with it.
        """
        with self._database.write() as connection:
            refuse_under_run(connection, flow, because="perhaps with this value", then="try again")
            before = _value(connection, flow, name)
            line = AuditLine(
                new.at, new.by, "variable-set", flow, reason=new.reason, before=_told_value(name, before),
                after=_told_value(name, new.value),
            )  # fmt: skip
            note(connection, line)
            _put(connection, flow, name, value=new.value, changed_at=new.at, changed_by=new.by, run="",
                 reason=new.reason)  # fmt: skip
        return self.all(flow)[name]

    def reset(self, flow: str, name: str, *, by: str, reason: str, at: datetime) -> bool:
        """Forget what is stored. Returns whether there was anything.

        Raises:
            ConflictError: as `set`.
        """
        with self._database.write() as connection:
            refuse_under_run(connection, flow, because="perhaps with this value", then="try again")
            before = _value(connection, flow, name)
            if before is None:
                return False
            line = AuditLine(at, by, _RESET, flow, reason=reason, before=_told_value(name, before))
            note(connection, line)
            connection.execute(VARIABLES.delete().where(_where(flow, name)))
        return True

    def sealed_any(self) -> bool:
        """Whether anything is stored that only an open vault can open."""
        with self._database.read() as connection:
            return any(is_sealed(value) for value in connection.execute(sa.select(VARIABLES.c.value)).scalars())

    def sealed(self, flow: str, name: str, value: VariableValue) -> StoredValue:
        """A value as it is stored encrypted. Raises ConfigurationError while the vault is not open."""
        with _told(name):
            text = Secret(msgspec.json.encode(value).decode())
            self._know(value)
            return {_SEALED: self._sealer.seal(text, to=f"{flow}/{name}")}

    def protected(self, flow: str, name: str, stored: StoredValue, *, keep: bool) -> StoredValue:
        """A stored value of an encrypted variable, sealed also where it was stored before the variable was encrypted;
        with `keep` it is stored so from now on. Raises ConfigurationError while the vault is not open."""
        if isinstance(stored, Mapping):
            return stored
        sealed = self.sealed(flow, name, stored)
        if keep:
            with self._database.write() as connection:
                if _value(connection, flow, name) == stored:
                    connection.execute(VARIABLES.update().where(_where(flow, name)).values(value=sealed))
        return sealed

    def opened(self, flow: str, name: str, stored: StoredValue) -> VariableValue:
        """A stored value as it is. Raises ConfigurationError while the vault is not open."""
        if not isinstance(stored, Mapping):
            return stored
        with _told(name):
            text = self._sealer.open(stored.get(_SEALED, ""), to=f"{flow}/{name}")
        value: VariableValue = msgspec.json.decode(text.reveal(), type=str | int | bool)
        self._know(value)
        return value

    def _know(self, value: VariableValue) -> None:
        """Keep an encrypted value out of every text; but for what stands everywhere: true, false and short numbers."""
        if isinstance(value, str) or (not isinstance(value, bool) and len(str(value)) >= _TELLING_DIGITS):
            self._sealer.know(Secret(str(value)))


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Errors of the vault, with the variable that needs it."""
    try:
        yield
    except ConfigurationError as error:
        raise ConfigurationError(
            f"The variable “{name}” is encrypted. {error.message}", code=error.code, remedy=error.remedy,
            detail=error.detail, field=name,
        ) from error  # fmt: skip


def is_sealed(stored: object) -> bool:
    """Whether a stored value is an encrypted one."""
    return isinstance(stored, Mapping)


def keep(connection: sa.Connection, run: str, values: Mapping[str, StoredValue], *, at: datetime) -> None:
    """Let the next run know what this one has found, in the transaction that moves the bookmark."""
    if not values:
        return
    flow: str | None = connection.execute(sa.select(RUNS.c.flow).where(RUNS.c.id == run)).scalar()
    if flow is None:
        return
    known = {row.name: row for row in connection.execute(sa.select(VARIABLES).where(VARIABLES.c.flow == flow))}
    for name, value in values.items():
        before = known.get(name)
        # A write of an ended run may be found and booked only now: not over what was set or reset since.
        if before is None:
            kept = _was_reset(connection, flow, name, since=at)
        else:
            kept = before.value == value or (before.run != run and before.changed_at > at)
        if not kept:
            _put(connection, flow, name, value=value, changed_at=at, changed_by="", run=run, reason="")


def _value(connection: sa.Connection, flow: str, name: str) -> StoredValue | None:
    value: StoredValue | None = connection.execute(sa.select(VARIABLES.c.value).where(_where(flow, name))).scalar()
    return value


def _was_reset(connection: sa.Connection, flow: str, name: str, *, since: datetime) -> bool:
    """Whether somebody has reset it since. Nothing is left of a variable then but the line in the audit trail."""
    lines = sa.select(AUDIT.c.before).where(AUDIT.c.flow == flow, AUDIT.c.what == _RESET, AUDIT.c.at > since)
    return any(before["variable"] == name for before in connection.execute(lines).scalars())


def _told_value(name: str, value: StoredValue | None) -> dict[str, Any] | None:
    """A value for the audit trail."""
    return None if value is None else {"variable": name, "value": DOTS if is_sealed(value) else value}


def _put(connection: sa.Connection, flow: str, name: str, **values: Any) -> None:
    if connection.execute(VARIABLES.update().where(_where(flow, name)).values(**values)).rowcount == 0:
        connection.execute(VARIABLES.insert().values(flow=flow, name=name, **values))


def _where(flow: str, name: str) -> sa.ColumnElement[bool]:
    return sa.and_(VARIABLES.c.flow == flow, VARIABLES.c.name == name)


def _stored(row: sa.Row[Any]) -> StoredVariable:
    return StoredVariable(row.name, row.value, row.changed_at, row.changed_by, row.run, row.reason)
