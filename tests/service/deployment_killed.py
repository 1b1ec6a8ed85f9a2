"""A service that is killed in a deployment: `python -m tests.service.deployment_killed HOME STEP`.

STEP is the number of a line of the deployment, at which it goes; or what happens in the transaction that makes the
version: `before-commit`, with everything written, or `committed`.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from agent.api.folders import Folders
from agent.api.live_models import EventKind
from agent.service.events import Hub
from agent.service.process import run_service
from agent.store.databases.database import Database
from agent.store.tables.flows import DEPLOYMENTS


def die() -> None:
    """End as nothing can end more suddenly."""
    os.kill(os.getpid(), signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)


def die_at_line(number: int) -> None:
    publish = Hub.publish

    def watched(self: Hub, kind: EventKind, data: object) -> None:
        if kind is EventKind.DEPLOYMENT and getattr(data, "number", 0) == number:
            die()
        publish(self, kind, data)  # type: ignore[arg-type]  # what came in

    Hub.publish = watched  # type: ignore[method-assign]  # the hook


def die_in_transaction(*, committed: bool) -> None:
    write = Database.write

    @contextmanager
    def watched(self: Database) -> Iterator[sa.Connection]:
        versions = sa.select(sa.func.count()).select_from(DEPLOYMENTS)
        with write(self) as connection:
            before = connection.execute(versions).scalar_one()
            yield connection
            made = connection.execute(versions).scalar_one() > before
            if made and not committed:
                die()
        if made:
            die()

    Database.write = watched  # type: ignore[method-assign]  # the hook


if __name__ == "__main__":
    home, step = sys.argv[1:]
    if step.isdecimal():
        die_at_line(int(step))
    else:
        die_in_transaction(committed=step == "committed")
    sys.exit(run_service(Folders.below(Path(home)), demo=False, environ={}))
