"""Whether a processflow is at rest, asked inside the transaction that rests on the answer.

Runs that start, undeployments, and whatever must not happen under a run take turns on the row of the deployed version.
SQLite lets one writer in at a time anyway; PostgreSQL needs that row.
"""

from __future__ import annotations

import sqlalchemy as sa

from agent.domain.errors import ConflictError
from agent.store.tables.flows import DEPLOYMENTS
from agent.store.tables.runs import RUNS

OVERTAKEN = "deployment-overtaken"
"""The code of the error that says: the version was undeployed or replaced meanwhile."""


def require_deployed(connection: sa.Connection, flow: str, version: int) -> None:
    """Let a run of this version begin, or refuse it; until the transaction ends, the version stays deployed.

    Raises:
        ConflictError: code `deployment-overtaken`. Roll the transaction back.
    """
    deployed = sa.select(DEPLOYMENTS.c.version).where(DEPLOYMENTS.c.flow == flow, DEPLOYMENTS.c.active)
    if connection.execute(deployed.with_for_update(read=True)).scalar() != version:
        raise ConflictError(
            f"Version {version} of {flow} is not deployed any more.",
            code=OVERTAKEN,
            remedy="Look at the processflow; if it is deployed, execute it again.",
        )


def refuse_under_run(connection: sa.Connection, flow: str, *, because: str = "", then: str) -> None:
    """Refuse what must not happen while a run has not ended; until the transaction ends, none begins.

    Args:
        connection: A transaction that has begun.
        flow: The processflow.
        because: What the run needs, as the end of a sentence: "and moves the bookmark itself".
        then: What may be done afterwards, as an order: "set the bookmark".

    Raises:
        ConflictError: code `already-running`. Roll the transaction back.
    """
    version = sa.select(DEPLOYMENTS.c.version).where(DEPLOYMENTS.c.flow == flow, DEPLOYMENTS.c.active)
    connection.execute(version.with_for_update()).first()
    active = sa.select(sa.literal(1)).where(RUNS.c.flow == flow, RUNS.c.ended_at.is_(None)).limit(1)
    if connection.execute(active).first() is not None:
        raise ConflictError(
            f"{flow} is running{f', {because}' if because else ''}.",
            code="already-running",
            remedy=f"Wait until it ends, or cancel it, then {then}.",
        )
