"""App Configurations that *tripped*: their app refuses the credentials, so whatever uses them waits for a person.

A trip, the state of its configuration and the runs that wait for it change together: the trip is noted only where the
configuration is still as it was used, a run begins to wait only where the trip is still there, and a good validation
takes the trip away and lets the runs go on, in the transaction that notes the validation.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from agent.domain.errors import ConfigurationError
from agent.domain.run import RunState
from agent.store.databases.database import Database
from agent.store.tables.configurations import CONFIGURATIONS, TRIPS
from agent.store.tables.runs import RUNS

REFUSED = "failed"
"""The state of a configuration that was tested and refused."""
# A run is woken by the release of its trip. Should that get lost, it looks for itself.
_LOOK_AGAIN = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Trip:
    """Since when, and why, an App Configuration is refused. The texts are for the operator."""

    configuration: str
    name: str
    since: datetime
    code: str
    message: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Used:
    """An App Configuration as a connection used it, so that a newer one is not blamed."""

    id: str
    name: str
    saved_at: datetime
    validated_at: datetime | None


class TripStore:
    """The trips of this agent.

    Args:
        database: The agent's database.
        redact: Takes secrets out of what an app said.
        changed: Told of a configuration that has tripped, after it is written down.
    """

    def __init__(
        self,
        database: Database,
        *,
        redact: Callable[[str], str] = str,
        changed: Callable[[str], None] = lambda _configuration: None,
    ) -> None:
        self._database, self._redact, self._changed = database, redact, changed

    def all(self) -> Mapping[str, Trip]:
        """Every trip, by the configuration's id."""
        with self._database.read() as connection:
            return {row.configuration: _trip(row) for row in connection.execute(_select())}

    def among(self, configurations: Collection[str]) -> Trip | None:
        """The oldest trip of any of these configurations."""
        query = _select().where(TRIPS.c.configuration.in_(configurations)).order_by(TRIPS.c.since).limit(1)
        with self._database.read() as connection:
            row = connection.execute(query).first()
        return _trip(row) if row is not None else None

    def trip(self, used: Used, error: ConfigurationError, *, at: datetime) -> bool:
        """Note that an app refuses a configuration.

        Returns whether this is news: False where it had tripped before, or was changed or proven since it was used.
        """
        message, remedy = self._redact(error.message), self._redact(error.remedy)
        same = sa.and_(
            CONFIGURATIONS.c.id == used.id,
            CONFIGURATIONS.c.saved_at == used.saved_at,
            CONFIGURATIONS.c.validated_at.is_(None)
            if used.validated_at is None
            else CONFIGURATIONS.c.validated_at == used.validated_at,
        )
        with self._database.write() as connection:
            known = connection.execute(_select().where(TRIPS.c.configuration == used.id)).first()
            if known is not None:
                return False
            refused = {"state": REFUSED, "message": f"{message} {remedy}".strip()}
            if not connection.execute(CONFIGURATIONS.update().where(same).values(refused)).rowcount:
                return False
            connection.execute(
                TRIPS.insert().values(
                    configuration=used.id, since=at, code=error.code, message=message, remedy=remedy
                )
            )  # fmt: skip
        self._changed(used.id)
        return True

    def wait(self, run: str, configuration: str, *, at: datetime) -> bool:
        """Let a run wait for a configuration, unless that works again meanwhile: then nothing changes, and it goes on.

        A run that is being cancelled does not wait either.
        """
        with self._database.write() as connection:
            query = _select().where(TRIPS.c.configuration == configuration).with_for_update(of=TRIPS)
            row = connection.execute(query).first()
            if row is None:
                return False
            trip = _trip(row)
            waiting = (
                RUNS.update()
                .where(RUNS.c.id == run, RUNS.c.ended_at.is_(None), RUNS.c.cancel_requested.is_(False))
                .values(
                    state=RunState.WAITING.value,
                    activity=f"Waits until “{trip.name}” works again",
                    message=trip.message,
                    remedy=trip.remedy,
                    resume_at=at + _LOOK_AGAIN,
                    waits_for=configuration,
                    parks=RUNS.c.parks + 1,
                )
            )
            return bool(connection.execute(waiting).rowcount)

    def waiting(self) -> Mapping[str, int]:
        """How many runs wait for each configuration."""
        query = (
            sa.select(RUNS.c.waits_for, sa.func.count())
            .where(RUNS.c.ended_at.is_(None), RUNS.c.waits_for != "")
            .group_by(RUNS.c.waits_for)
        )
        with self._database.read() as connection:
            return {row[0]: int(row[1]) for row in connection.execute(query)}


def release(connection: sa.Connection, configuration: str, *, at: datetime) -> list[str] | None:
    """Take a trip away, in the caller's transaction, and let the runs that wait for it go on from that moment.

    Returns their ids; None where there was no trip.
    """
    if not connection.execute(TRIPS.delete().where(TRIPS.c.configuration == configuration)).rowcount:
        return None
    waiting = sa.and_(RUNS.c.waits_for == configuration, RUNS.c.ended_at.is_(None))
    runs = list(connection.execute(sa.select(RUNS.c.id).where(waiting).order_by(RUNS.c.id)).scalars())
    connection.execute(RUNS.update().where(waiting).values(resume_at=at, waits_for=""))
    return runs


def _select() -> sa.Select[Any]:
    return sa.select(TRIPS, CONFIGURATIONS.c.name).join(CONFIGURATIONS, CONFIGURATIONS.c.id == TRIPS.c.configuration)


def _trip(row: sa.Row[Any]) -> Trip:
    return Trip(row.configuration, row.name, row.since, row.code, row.message, row.remedy)
