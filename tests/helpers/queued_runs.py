"""Runs in state Queued, written down for tests to which it is all the same what is deployed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import sqlalchemy as sa

from agent.domain.run import Trigger
from agent.store.databases.database import Database
from agent.store.runs.runs import NewRun, RunRow, RunStore
from agent.store.tables.flows import DEPLOYMENTS


def queue_run(
    database: Database,
    run_id: str,
    *,
    flow: str,
    version: int = 1,
    trigger: Trigger = Trigger.MANUAL,
    by: str = "",
    at: datetime,
) -> RunRow:
    """Write down a run of a version that is deployed for as long as that takes, whatever is deployed otherwise."""
    with _deployed(database, flow, version, at=at):
        return RunStore(database).add(
            NewRun(id=run_id, flow=flow, version=version, trigger=trigger, requested_by=by, at=at)
        )


@contextmanager
def _deployed(database: Database, flow: str, version: int, *, at: datetime) -> Iterator[None]:
    own = sa.and_(DEPLOYMENTS.c.flow == flow, DEPLOYMENTS.c.version == version)
    of_flow = sa.select(DEPLOYMENTS.c.version, DEPLOYMENTS.c.active).where(DEPLOYMENTS.c.flow == flow)
    with database.write() as connection:
        before = {row.version: row.active for row in connection.execute(of_flow)}
        connection.execute(DEPLOYMENTS.update().where(DEPLOYMENTS.c.flow == flow).values(active=False))
        if version in before:
            connection.execute(DEPLOYMENTS.update().where(own).values(active=True))
        else:
            connection.execute(
                DEPLOYMENTS.insert().values(
                    flow=flow, version=version, document="", file="", bindings={}, note="", deployed_at=at,
                    deployed_by="", log=[], functions={}, lookups={}, waits_for={}, remarks=[], active=True,
                )
            )  # fmt: skip
    yield
    with database.write() as connection:
        if version not in before:
            connection.execute(DEPLOYMENTS.delete().where(own))
        for number, active in before.items():
            one = sa.and_(DEPLOYMENTS.c.flow == flow, DEPLOYMENTS.c.version == number)
            connection.execute(DEPLOYMENTS.update().where(one).values(active=active))
