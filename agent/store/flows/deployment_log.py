"""What was asked for and what became of it: each deployment of a processflow, the failed ones too, and undeployments.

A deployment is written down when it begins. It ends in the transaction that makes its version, or as failed; one that
is still running when the service starts ended with the service before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from agent.domain.deployment import Outcome
from agent.store.databases.database import Database
from agent.store.flows.deployments import Together
from agent.store.tables.flows import DEPLOYMENT_LOG

MOST_KEPT = 100
"""Entries of one processflow: with more, the oldest go."""


@dataclass(frozen=True, slots=True)
class LoggedDeployment:
    """One entry. `version` is what it made or withdrew; `message` and `remedy` say why there is none."""

    id: int
    flow: str
    started_at: datetime
    ended_at: datetime | None
    asked_by: str
    note: str
    outcome: Outcome
    version: int | None
    code: str
    message: str
    remedy: str
    lines: Sequence[str]


class DeploymentLog:
    """The deployment log of this agent."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, flow: str, *, by: str, note: str, at: datetime) -> int:
        """A deployment has begun; returns the entry's id."""
        with self._database.write() as connection:
            _cut_off(connection, DEPLOYMENT_LOG.c.flow == flow, at=at)  # there is only one at a time
            entry = _insert(connection, flow, by=by, note=note, at=at, outcome=Outcome.RUNNING)
            kept = (
                sa.select(DEPLOYMENT_LOG.c.id)
                .where(DEPLOYMENT_LOG.c.flow == flow)
                .order_by(DEPLOYMENT_LOG.c.id.desc())
                .limit(MOST_KEPT)
            )
            old = connection.execute(kept).scalars().all()[-1]
            connection.execute(DEPLOYMENT_LOG.delete().where(DEPLOYMENT_LOG.c.flow == flow, DEPLOYMENT_LOG.c.id < old))
        return entry

    def note(self, entry: int, lines: Sequence[str]) -> None:
        """How far it has got."""
        with self._database.write() as connection:
            connection.execute(_running(entry).values(lines=list(lines)))

    def fail(
        self,
        entry: int,
        *,
        outcome: Outcome,
        at: datetime,
        lines: Sequence[str],
        code: str = "",
        message: str = "",
        remedy: str = "",
    ) -> None:
        """It has come to nothing; one that has ended otherwise stays as it is."""
        with self._database.write() as connection:
            connection.execute(
                _running(entry).values(
                    outcome=outcome.value, ended_at=at, lines=list(lines), code=code, message=message, remedy=remedy
                )
            )

    def settle(self, *, at: datetime) -> list[str]:
        """The service starts: what is running was cut off. Returns the processflows that this concerns."""
        running = DEPLOYMENT_LOG.c.outcome == Outcome.RUNNING.value
        with self._database.write() as connection:
            flows = list(connection.execute(sa.select(DEPLOYMENT_LOG.c.flow).where(running)).scalars())
            _cut_off(connection, sa.true(), at=at)
        return flows

    def page(self, flow: str, *, limit: int) -> list[LoggedDeployment]:
        """The entries of a processflow, the newest first."""
        query = (
            sa.select(DEPLOYMENT_LOG)
            .where(DEPLOYMENT_LOG.c.flow == flow)
            .order_by(DEPLOYMENT_LOG.c.id.desc())
            .limit(limit)
        )
        with self._database.read() as connection:
            return [_entry(row) for row in connection.execute(query)]


def noting_deployed(entry: int, *, at: datetime, lines: Sequence[str]) -> Together:
    """Ends an entry with the version that it has made, together with that."""

    def note(connection: sa.Connection, version: int) -> None:
        values = {"outcome": Outcome.DEPLOYED.value, "version": version, "ended_at": at, "lines": list(lines)}
        connection.execute(_running(entry).values(values))

    return note


def noting_bound(flow: str, *, by: str, note: str, at: datetime, lines: Sequence[str]) -> Together:
    """Writes down a version that was made by binding alone, together with that."""

    def put(connection: sa.Connection, version: int) -> None:
        _insert(
            connection, flow, by=by, note=note, at=at, outcome=Outcome.DEPLOYED, version=version, ended_at=at,
            lines=list(lines),
        )  # fmt: skip

    return put


def noting_undeployed(flow: str, *, by: str, at: datetime) -> Together:
    """Writes down that a version is withdrawn, together with that."""

    def note(connection: sa.Connection, version: int) -> None:
        _insert(connection, flow, by=by, note="", at=at, outcome=Outcome.UNDEPLOYED, version=version, ended_at=at)

    return note


def _insert(
    connection: sa.Connection, flow: str, *, by: str, note: str, at: datetime, outcome: Outcome, **more: object
) -> int:
    values = {"code": "", "message": "", "remedy": "", "lines": [], **more}
    made = connection.execute(
        DEPLOYMENT_LOG.insert().values(
            flow=flow, started_at=at, asked_by=by, note=note, outcome=outcome.value, **values
        )
    )
    assert made.inserted_primary_key is not None
    return int(made.inserted_primary_key[0])


def _cut_off(connection: sa.Connection, which: sa.ColumnElement[bool], *, at: datetime) -> None:
    connection.execute(
        DEPLOYMENT_LOG.update()
        .where(DEPLOYMENT_LOG.c.outcome == Outcome.RUNNING.value, which)
        .values(
            outcome=Outcome.INTERRUPTED.value, ended_at=at, code="service-ended",
            message="The service ended in the middle of the deployment. Nothing was changed.",
            remedy="Deploy it again.",
        )
    )  # fmt: skip


def _running(entry: int) -> sa.Update:
    return DEPLOYMENT_LOG.update().where(
        DEPLOYMENT_LOG.c.id == entry, DEPLOYMENT_LOG.c.outcome == Outcome.RUNNING.value
    )


def _entry(row: sa.Row[Any]) -> LoggedDeployment:
    return LoggedDeployment(
        id=row.id, flow=row.flow, started_at=row.started_at, ended_at=row.ended_at, asked_by=row.asked_by,
        note=row.note, outcome=Outcome(row.outcome), version=row.version, code=row.code, message=row.message,
        remedy=row.remedy, lines=tuple(row.lines),
    )  # fmt: skip
