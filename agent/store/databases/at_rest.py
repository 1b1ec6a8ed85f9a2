"""Whether a processflow is at rest, asked inside the transaction that rests on the answer.

The database lets one writer in at a time, so the answer stays right until that transaction ends.
"""

from __future__ import annotations

import sqlalchemy as sa

from agent.domain.errors import ConflictError
from agent.store.tables.flows import DEPLOYMENTS
from agent.store.tables.runs import RUNS

OVERTAKEN = "deployment-overtaken"
"""The code of the error that says: the version was undeployed or replaced meanwhile."""


def require_deployed(connection: sa.Connection, flow: str, version: int) -> None:
    """Let a run of this version begin, or refuse it.

    Raises:
        ConflictError: code `deployment-overtaken`. Roll the transaction back.
    """
    deployed = sa.select(DEPLOYMENTS.c.version).where(DEPLOYMENTS.c.flow == flow, DEPLOYMENTS.c.active)
    if connection.execute(deployed).scalar() != version:
        raise ConflictError(
            f"Version {version} of {flow} is not deployed any more.",
            code=OVERTAKEN,
            remedy="Look at the processflow; if it is deployed, execute it again.",
        )


def refuse_under_run(connection: sa.Connection, flow: str, *, because: str = "", then: str) -> None:
    """Refuse what must not happen while a run has not ended.

    Args:
        connection: In a transaction that writes what rests on it.
        flow: The processflow.
        because: What the run needs, as the end of a sentence: "and moves the bookmark itself".
        then: What may be done afterwards, as an order: "set the bookmark".

    Raises:
        ConflictError: code `already-running`. Roll the transaction back.
    """
    active = sa.select(sa.literal(1)).where(RUNS.c.flow == flow, RUNS.c.ended_at.is_(None)).limit(1)
    if connection.execute(active).first() is not None:
        raise ConflictError(
            f"{flow} is running{f', {because}' if because else ''}.",
            code="already-running",
            remedy=f"Wait until it ends, or cancel it, then {then}.",
        )
