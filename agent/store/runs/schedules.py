"""The schedules of processflows as rows: the plan, how far it has got, and firing at most once whoever looks.

A change by the scheduler is compared and set on the row's stamp. Where a time is to fire, the row of its run is written
in the same transaction: after a crash there are both or neither.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from agent.domain.errors import ConflictError
from agent.domain.schedule import Progress
from agent.store.databases.at_rest import require_deployed
from agent.store.databases.database import Database
from agent.store.flows.deployments import Together
from agent.store.moments import from_milliseconds, to_milliseconds
from agent.store.runs.runs import NewRun, insert_run
from agent.store.tables.schedules import SCHEDULES


@dataclass(frozen=True, slots=True)
class ScheduleRow:
    """One schedule. `plan` is in the form of `domain.plan_form`; `since` is when it was set, and by whom."""

    flow: str
    stamp: str
    plan: Mapping[str, Any]
    anchor: datetime
    since: datetime
    changed_by: str
    progress: Progress


class ScheduleStore:
    """The schedules of this agent."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[ScheduleRow]:
        """Every schedule, by processflow."""
        with self._database.read() as connection:
            return [_schedule(row) for row in connection.execute(sa.select(SCHEDULES).order_by(SCHEDULES.c.flow))]

    def find(self, flow: str) -> ScheduleRow | None:
        """The schedule of a processflow, if it has one."""
        with self._database.read() as connection:
            row = connection.execute(sa.select(SCHEDULES).where(SCHEDULES.c.flow == flow)).first()
        return _schedule(row) if row is not None else None

    def put(self, row: ScheduleRow) -> ScheduleRow:
        """Give a processflow a schedule, in the place of the one before. What a scheduler was about to do is off."""
        with self._database.write() as connection:
            _put(connection, row)
        return row

    def remove(self, flow: str) -> bool:
        """Take the schedule of a processflow away; returns whether there was one."""
        with self._database.write() as connection:
            return _remove(connection, flow)

    def advance(self, row: ScheduleRow, progress: Progress, *, run: NewRun | None = None) -> ScheduleRow | None:
        """Write down how far a schedule has got, and the run that starts with it.

        Returns:
            The new row; None where nothing was changed: somebody else was faster, a run of the processflow has not
            ended, or its version is not deployed any more. Look again.
        """
        changed = replace(row, stamp=_new_stamp(), progress=progress)
        update = SCHEDULES.update().where(SCHEDULES.c.flow == row.flow, SCHEDULES.c.stamp == row.stamp)
        try:
            with self._database.write() as connection:
                if run is not None:
                    require_deployed(connection, run.flow, run.version)
                if not connection.execute(update.values(stamp=changed.stamp, **_values(progress))).rowcount:
                    return None
                if run is not None:
                    insert_run(connection, run)
        except ConflictError:
            return None
        return changed


def new_schedule(
    *, flow: str, plan: Mapping[str, Any], anchor: datetime, since: datetime, changed_by: str, progress: Progress
) -> ScheduleRow:
    """A schedule that is still to be put."""
    return ScheduleRow(flow, _new_stamp(), dict(plan), anchor, since, changed_by, progress)


def _new_stamp() -> str:
    return secrets.token_hex(8)


def putting(row: ScheduleRow) -> Together:
    """Puts a schedule in the place of the one before, together with a version."""
    return lambda connection, _: _put(connection, row)


def removing(flow: str) -> Together:
    """Takes a schedule away, together with a version."""

    def remove(connection: sa.Connection, _: int) -> None:
        _remove(connection, flow)

    return remove


def _put(connection: sa.Connection, row: ScheduleRow) -> None:
    values = {
        "stamp": row.stamp, "plan": dict(row.plan), "anchor": row.anchor, "since": row.since,
        "changed_by": row.changed_by, **_values(row.progress),
    }  # fmt: skip
    if not connection.execute(SCHEDULES.update().where(SCHEDULES.c.flow == row.flow).values(values)).rowcount:
        connection.execute(SCHEDULES.insert().values(flow=row.flow, **values))


def _remove(connection: sa.Connection, flow: str) -> bool:
    return bool(connection.execute(SCHEDULES.delete().where(SCHEDULES.c.flow == flow)).rowcount)


def _values(progress: Progress) -> dict[str, Any]:
    return {
        "looked_at": progress.looked_at, "next_at": progress.next_at,
        "owed": [to_milliseconds(moment) for moment in progress.owed], "run_count": progress.runs,
        "misfire_count": progress.misfires, "misfires_in_a_row": progress.misfires_in_a_row,
        "missed_count": progress.missed, "alert": progress.alert,
    }  # fmt: skip


def _schedule(row: sa.Row[Any]) -> ScheduleRow:
    progress = Progress(
        looked_at=row.looked_at, next_at=row.next_at, owed=tuple(from_milliseconds(moment) for moment in row.owed),
        runs=row.run_count, misfires=row.misfire_count, misfires_in_a_row=row.misfires_in_a_row,
        missed=row.missed_count, alert=row.alert,
    )  # fmt: skip
    return ScheduleRow(row.flow, row.stamp, row.plan, row.anchor, row.since, row.changed_by, progress)
