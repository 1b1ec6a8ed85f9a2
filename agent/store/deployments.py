"""Deployed versions of processflows. A version is never changed; at most one of a processflow is active."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from agent.domain.errors import NotFoundError
from agent.store.database import Database
from agent.store.tables import DEPLOYMENTS

_NONE: Final[Mapping[str, int]] = {}
_NOTHING: Final[Mapping[str, str]] = {}


@dataclass(frozen=True, slots=True)
class Deployment:
    """One deployed version. `bindings` maps credential tokens to configuration ids, `functions` library functions to
    their versions, `lookups` the names of lookups to their tables."""

    flow: str
    version: int
    document: str
    file: str
    bindings: Mapping[str, str]
    note: str
    deployed_at: datetime
    deployed_by: str
    log: Sequence[str]
    active: bool
    functions: Mapping[str, int] = field(default_factory=dict)
    lookups: Mapping[str, str] = field(default_factory=dict)


class DeploymentStore:
    """The deployments of this agent."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        *,
        flow: str,
        document: str,
        file: str,
        bindings: Mapping[str, str],
        note: str,
        deployed_at: datetime,
        deployed_by: str,
        log: Sequence[str],
        functions: Mapping[str, int] = _NONE,
        lookups: Mapping[str, str] = _NOTHING,
    ) -> Deployment:
        """Make a new version and let it replace the active one, in one transaction."""
        with self._database.write() as connection:
            newest = connection.execute(
                sa.select(sa.func.coalesce(sa.func.max(DEPLOYMENTS.c.version), 0)).where(DEPLOYMENTS.c.flow == flow)
            ).scalar_one()
            connection.execute(DEPLOYMENTS.update().where(DEPLOYMENTS.c.flow == flow).values(active=False))
            version = int(newest) + 1
            connection.execute(
                DEPLOYMENTS.insert().values(
                    flow=flow, version=version, document=document, file=file, bindings=dict(bindings), note=note,
                    deployed_at=deployed_at, deployed_by=deployed_by, log=list(log), active=True,
                    functions=dict(functions), lookups=dict(lookups),
                )
            )  # fmt: skip
        return self.version(flow, version)

    def active(self) -> list[Deployment]:
        """The active version of each processflow, by name."""
        query = sa.select(DEPLOYMENTS).where(DEPLOYMENTS.c.active).order_by(DEPLOYMENTS.c.flow)
        with self._database.read() as connection:
            return [_deployment(row) for row in connection.execute(query)]

    def names(self) -> set[str]:
        """The processflows that have an active version: without reading their documents, for whoever asks often."""
        with self._database.read() as connection:
            return set(connection.execute(sa.select(DEPLOYMENTS.c.flow).where(DEPLOYMENTS.c.active)).scalars())

    def get(self, flow: str) -> Deployment:
        """The active version of a processflow. Raises NotFoundError."""
        query = sa.select(DEPLOYMENTS).where(DEPLOYMENTS.c.flow == flow, DEPLOYMENTS.c.active)
        with self._database.read() as connection:
            row = connection.execute(query).first()
        if row is None:
            raise NotFoundError(
                f"There is no deployed processflow named “{flow}”.",
                code="flow-not-found",
                remedy="Deploy it first, or look at the list of processflows.",
            )
        return _deployment(row)

    def version(self, flow: str, version: int) -> Deployment:
        """One version, active or not. Raises NotFoundError."""
        query = sa.select(DEPLOYMENTS).where(DEPLOYMENTS.c.flow == flow, DEPLOYMENTS.c.version == version)
        with self._database.read() as connection:
            row = connection.execute(query).first()
        if row is None:
            raise NotFoundError(
                f"Version {version} of {flow} does not exist.", code="flow-not-found", remedy="Deploy it again."
            )
        return _deployment(row)

    def withdraw(self, flow: str) -> None:
        """Undeploy: no version is active any more. Raises NotFoundError."""
        self.get(flow)
        with self._database.write() as connection:
            connection.execute(DEPLOYMENTS.update().where(DEPLOYMENTS.c.flow == flow).values(active=False))


def _deployment(row: sa.Row[Any]) -> Deployment:
    return Deployment(
        flow=row.flow, version=row.version, document=row.document, file=row.file, bindings=row.bindings, note=row.note,
        deployed_at=row.deployed_at, deployed_by=row.deployed_by, log=tuple(row.log), active=row.active,
        functions=row.functions, lookups=row.lookups,
    )  # fmt: skip
