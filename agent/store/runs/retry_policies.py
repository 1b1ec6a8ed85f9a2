"""How processflows try failed records again by themselves, as rows; each retry that is due is started once.

As with schedules, a change is compared and set on the row's stamp, and the row of a run is written with it.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from agent.domain.errors import ConfigurationError, ConflictError
from agent.store.databases.at_rest import require_deployed
from agent.store.databases.database import Database
from agent.store.flows.deployments import Together
from agent.store.runs.plan_records import NOTHING_TO_RETRY, Choice
from agent.store.runs.runs import NewRun, insert_retry
from agent.store.tables.schedules import RETRY_POLICIES


@dataclass(frozen=True, slots=True)
class RetryProgress:
    """How far a policy has got.

    Attributes:
        next_at: The next time.
        due: Whether a time has come whose retry is still to be started.
        runs: How many runs it has started.
        alert: Why nothing is tried again, for people; empty when all is well.
    """

    next_at: datetime
    due: bool = False
    runs: int = 0
    alert: str = ""


@dataclass(frozen=True, slots=True)
class RetryRow:
    """One policy, in the form of `domain.retry_policy`; `since` is when it was set, and by whom."""

    flow: str
    stamp: str
    policy: Mapping[str, Any]
    anchor: datetime
    since: datetime
    changed_by: str
    progress: RetryProgress


class RetryPolicies:
    """The policies of this agent."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[RetryRow]:
        """Every policy, by processflow."""
        query = sa.select(RETRY_POLICIES).order_by(RETRY_POLICIES.c.flow)
        with self._database.read() as connection:
            return [_row(row) for row in connection.execute(query)]

    def find(self, flow: str) -> RetryRow | None:
        """The policy of a processflow, if it has one."""
        with self._database.read() as connection:
            row = connection.execute(sa.select(RETRY_POLICIES).where(RETRY_POLICIES.c.flow == flow)).first()
        return _row(row) if row is not None else None

    def put(self, row: RetryRow) -> RetryRow:
        """Give a processflow a policy, in the place of the one before."""
        with self._database.write() as connection:
            return _put(connection, row)

    def remove(self, flow: str) -> bool:
        """Take the policy of a processflow away; returns whether there was one."""
        with self._database.write() as connection:
            return _remove(connection, flow)

    def advance(self, row: RetryRow, progress: RetryProgress) -> RetryRow | None:
        """Write down how far a policy has got; None where somebody else was faster."""
        with self._database.write() as connection:
            return _advanced(connection, row, progress)

    def start(self, row: RetryRow, progress: RetryProgress, run: NewRun, choice: Choice) -> RetryRow | None:
        """Write down how far a policy has got, and the retry that starts with it, with the records that it tries.

        Returns:
            The new row; None where nothing was changed: somebody else was faster, a run of the processflow has not
            ended, its version is not deployed any more, or no record is left to be tried. Look again.
        """
        try:
            with self._database.write() as connection:
                require_deployed(connection, run.flow, run.version)
                changed = _advanced(connection, row, progress)
                if changed is not None:
                    insert_retry(connection, run, choice)
        except ConflictError:
            return None
        except ConfigurationError as error:
            if error.code != NOTHING_TO_RETRY:
                raise
            return None
        return changed


def putting(row: RetryRow) -> Together:
    """Gives a processflow a policy, together with a version."""

    def put(connection: sa.Connection, _: int) -> None:
        _put(connection, row)

    return put


def removing(flow: str) -> Together:
    """Takes a policy away, together with a version."""

    def remove(connection: sa.Connection, _: int) -> None:
        _remove(connection, flow)

    return remove


def _put(connection: sa.Connection, row: RetryRow) -> RetryRow:
    row = replace(row, stamp=_new_stamp())
    values = {
        "stamp": row.stamp, "policy": dict(row.policy), "anchor": row.anchor, "since": row.since,
        "changed_by": row.changed_by, **_values(row.progress),
    }  # fmt: skip
    update = RETRY_POLICIES.update().where(RETRY_POLICIES.c.flow == row.flow)
    if not connection.execute(update.values(values)).rowcount:
        connection.execute(RETRY_POLICIES.insert().values(flow=row.flow, **values))
    return row


def _remove(connection: sa.Connection, flow: str) -> bool:
    return bool(connection.execute(RETRY_POLICIES.delete().where(RETRY_POLICIES.c.flow == flow)).rowcount)


def _advanced(connection: sa.Connection, row: RetryRow, progress: RetryProgress) -> RetryRow | None:
    changed = replace(row, stamp=_new_stamp(), progress=progress)
    update = RETRY_POLICIES.update().where(RETRY_POLICIES.c.flow == row.flow, RETRY_POLICIES.c.stamp == row.stamp)
    done = connection.execute(update.values(stamp=changed.stamp, **_values(progress))).rowcount
    return changed if done else None


def _new_stamp() -> str:
    return secrets.token_hex(8)


def _values(progress: RetryProgress) -> dict[str, Any]:
    return {
        "next_at": progress.next_at, "due": progress.due, "run_count": progress.runs, "alert": progress.alert,
    }  # fmt: skip


def _row(row: sa.Row[Any]) -> RetryRow:
    progress = RetryProgress(next_at=row.next_at, due=row.due, runs=row.run_count, alert=row.alert)
    return RetryRow(row.flow, row.stamp, row.policy, row.anchor, row.since, row.changed_by, progress)
