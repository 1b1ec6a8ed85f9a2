"""Deployed versions of processflows. A version is never changed; at most one of a processflow is active."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from agent.domain.errors import ConflictError, NotFoundError
from agent.domain.meant import meant
from agent.store.databases.at_rest import OVERTAKEN, refuse_under_run
from agent.store.databases.database import Database
from agent.store.tables.flows import DEPLOYMENTS

_NONE: Final[Mapping[str, int]] = {}
# Built once: runs ask again and again, and building takes as long as asking.
_VERSION = sa.select(DEPLOYMENTS).where(
    DEPLOYMENTS.c.flow == sa.bindparam("wanted_flow"), DEPLOYMENTS.c.version == sa.bindparam("wanted_version")
)
_NOTHING: Final[Mapping[str, str]] = {}


@dataclass(frozen=True, slots=True)
class Deployment:
    """One deployed version.

    Attributes:
        bindings: From credential tokens to configuration ids.
        functions: The versions of the library functions that it uses, by name.
        lookups: The lookup table behind each lookup.
        waits_for: Credential tokens that nothing is bound to yet, with their apps; it cannot run before.
        schedule: The plan of its schedule when it was deployed, in the form of `domain.plan_form`.
        restored_from: The version that it is a copy of, where somebody rolled back.
        remarks: What whoever deployed it chose to pass over.
    """

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
    waits_for: Mapping[str, str] = field(default_factory=dict)
    schedule: Mapping[str, Any] | None = None
    restored_from: int | None = None
    remarks: Sequence[str] = ()


Together = Callable[[sa.Connection, int], None]
"""Writes more in the transaction that makes a version; it is told the version's number."""


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
        waits_for: Mapping[str, str] | None = None,
        schedule: Mapping[str, Any] | None = None,
        restored_from: int | None = None,
        remarks: Sequence[str] = (),
        after: int | None = None,
        only_deployed: bool = False,
        together: Sequence[Together] = (),
    ) -> Deployment:
        """Make a new version and let it replace the active one, in one transaction.

        Args:
            after: The newest version that the new one was made with in mind; None where that does not matter.
            only_deployed: Whether a processflow that is not deployed stays so.
            together: What has to be written with the version, or not at all.

        Raises:
            ConflictError: code `deployment-overtaken`: there is a newer version meanwhile, or it was undeployed.
                Nothing was changed.
        """
        with self._database.write() as connection:
            newest = _newest(connection, flow)
            if after is not None and newest != after:
                raise ConflictError(
                    f"{flow} was deployed by somebody else meanwhile: version {newest}.",
                    code=OVERTAKEN,
                    remedy="Look at that version, then deploy again if yours is still wanted.",
                )
            active = sa.and_(DEPLOYMENTS.c.flow == flow, DEPLOYMENTS.c.active)
            replaced = connection.execute(DEPLOYMENTS.update().where(active).values(active=False)).rowcount
            if only_deployed and not replaced:
                raise ConflictError(f"{flow} was undeployed meanwhile.", code=OVERTAKEN, remedy="Deploy it again.")
            version = newest + 1
            connection.execute(
                DEPLOYMENTS.insert().values(
                    flow=flow, version=version, document=document, file=file, bindings=dict(bindings), note=note,
                    deployed_at=deployed_at, deployed_by=deployed_by, log=list(log), active=True,
                    functions=dict(functions), lookups=dict(lookups),
                    waits_for=dict(waits_for or {}), schedule=dict(schedule) if schedule is not None else None,
                    restored_from=restored_from, remarks=list(remarks),
                )
            )  # fmt: skip
            for write in together:
                write(connection, version)
        return self.version(flow, version)

    def newest(self, flow: str) -> int:
        """The number of the newest version of a processflow, active or not; 0 where there is none."""
        with self._database.read() as connection:
            return _newest(connection, flow)

    def versions(self, flow: str) -> list[Deployment]:
        """Every version of a processflow, the newest first."""
        query = sa.select(DEPLOYMENTS).where(DEPLOYMENTS.c.flow == flow).order_by(DEPLOYMENTS.c.version.desc())
        with self._database.read() as connection:
            return [_deployment(row) for row in connection.execute(query)]

    def withdrawn(self) -> list[Deployment]:
        """The newest version of each processflow that is not deployed any more, by name."""
        other = DEPLOYMENTS.alias()
        deployed = sa.exists().where(other.c.flow == DEPLOYMENTS.c.flow, other.c.active)
        newest = sa.select(sa.func.max(other.c.version)).where(other.c.flow == DEPLOYMENTS.c.flow).scalar_subquery()
        query = sa.select(DEPLOYMENTS).where(~deployed, DEPLOYMENTS.c.version == newest).order_by(DEPLOYMENTS.c.flow)
        with self._database.read() as connection:
            return [_deployment(row) for row in connection.execute(query)]

    def active(self) -> list[Deployment]:
        """The active version of each processflow, by name."""
        query = sa.select(DEPLOYMENTS).where(DEPLOYMENTS.c.active).order_by(DEPLOYMENTS.c.flow)
        with self._database.read() as connection:
            return [_deployment(row) for row in connection.execute(query)]

    def names(self) -> set[str]:
        """The processflows that have an active version: without reading their documents, for whoever asks often."""
        with self._database.read() as connection:
            return set(connection.execute(sa.select(DEPLOYMENTS.c.flow).where(DEPLOYMENTS.c.active)).scalars())

    def bindings(self) -> dict[str, Mapping[str, str]]:
        """What the active version of each processflow is bound to, by name: also without reading their documents."""
        query = sa.select(DEPLOYMENTS.c.flow, DEPLOYMENTS.c.bindings).where(DEPLOYMENTS.c.active)
        with self._database.read() as connection:
            return {row.flow: row.bindings for row in connection.execute(query.order_by(DEPLOYMENTS.c.flow))}

    def waiting(self) -> dict[str, Mapping[str, str]]:
        """The processflows whose active version waits for App Configurations: the tokens and their apps."""
        query = sa.select(DEPLOYMENTS.c.flow, DEPLOYMENTS.c.waits_for).where(DEPLOYMENTS.c.active)
        with self._database.read() as connection:
            return {flow: waits_for for flow, waits_for in connection.execute(query) if waits_for}

    def get(self, flow: str) -> Deployment:
        """The active version of a processflow.

        Raises:
            NotFoundError: code `flow-not-found`; the remedy names what was probably meant.
        """
        query = sa.select(DEPLOYMENTS).where(DEPLOYMENTS.c.flow == flow, DEPLOYMENTS.c.active)
        with self._database.read() as connection:
            row = connection.execute(query).first()
            if row is None:
                raise _not_deployed(connection, flow)
        return _deployment(row)

    def require_kept(self, flow: str) -> None:
        """Refuse a processflow that is not deployed and never was, or whose history was deleted: nothing is kept of it.

        Raises:
            NotFoundError: code `flow-not-found`; the remedy names what was probably meant.
        """
        with self._database.read() as connection:
            if not _newest(connection, flow):
                raise NotFoundError(
                    f"There is and was no deployed processflow named “{flow}”.", code="flow-not-found",
                    remedy=_meant(connection, flow, sa.true()),
                )  # fmt: skip

    def version(self, flow: str, version: int) -> Deployment:
        """One version, active or not. Raises NotFoundError."""
        with self._database.read() as connection:
            row = connection.execute(_VERSION, {"wanted_flow": flow, "wanted_version": version}).first()
        if row is None:
            self.require_kept(flow)
            numbers = [one.version for one in self.versions(flow)]
            raise NotFoundError(
                f"Version {version} of {flow} does not exist.",
                code="version-not-found",
                remedy=f"It has version {numbers[0]}."
                if len(numbers) == 1
                else f"It has versions {numbers[-1]} to {numbers[0]}.",
            )
        return _deployment(row)

    def withdraw(self, flow: str, *, together: Sequence[Together] = ()) -> None:
        """Undeploy: no version is active any more.

        Raises:
            NotFoundError: it is not deployed.
            ConflictError: code `already-running`: a run of it has not ended.
        """
        with self._database.write() as connection:
            refuse_under_run(connection, flow, then="undeploy it")
            active = sa.and_(DEPLOYMENTS.c.flow == flow, DEPLOYMENTS.c.active)
            version = connection.execute(sa.select(DEPLOYMENTS.c.version).where(active)).scalar()
            if version is None:
                raise _not_deployed(connection, flow)
            connection.execute(DEPLOYMENTS.update().where(active).values(active=False))
            for write in together:
                write(connection, version)


def _not_deployed(connection: sa.Connection, flow: str) -> NotFoundError:
    newest = _newest(connection, flow)
    if newest:
        return NotFoundError(
            f"“{flow}” is not deployed any more.", code="flow-not-found",
            remedy=f"Deploy its document again, or its last version with “opagent flow rollback {flow} {newest}”.",
        )  # fmt: skip
    return NotFoundError(
        f"There is no deployed processflow named “{flow}”.", code="flow-not-found",
        remedy=_meant(connection, flow, DEPLOYMENTS.c.active),
    )  # fmt: skip


def _meant(connection: sa.Connection, flow: str, among: sa.ColumnElement[bool]) -> str:
    names = connection.execute(sa.select(DEPLOYMENTS.c.flow).where(among).distinct()).scalars()
    return meant(flow, names, otherwise="None is deployed yet: deploy one first.")


def _newest(connection: sa.Connection, flow: str) -> int:
    query = sa.select(sa.func.coalesce(sa.func.max(DEPLOYMENTS.c.version), 0)).where(DEPLOYMENTS.c.flow == flow)
    return int(connection.execute(query).scalar_one())


def _deployment(row: sa.Row[Any]) -> Deployment:
    return Deployment(
        flow=row.flow, version=row.version, document=row.document, file=row.file, bindings=row.bindings, note=row.note,
        deployed_at=row.deployed_at, deployed_by=row.deployed_by, log=tuple(row.log), active=row.active,
        functions=row.functions, lookups=row.lookups,
        waits_for=row.waits_for, schedule=row.schedule, restored_from=row.restored_from, remarks=tuple(row.remarks),
    )  # fmt: skip
