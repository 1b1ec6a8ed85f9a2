"""Sync Info with something in it, written by the real ledger, for tests that only look at it or change it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from agent.domain.error_classes import ErrorClass
from agent.domain.packet import SyncState
from agent.domain.run import RunState
from agent.store.databases.database import Database
from agent.store.flows.deployments import DeploymentStore
from agent.store.runs.acknowledgement import STATE_NUMBERS, Acknowledgement, RecordLine, acknowledged_at
from agent.store.runs.ledger import Ledger
from agent.store.runs.runs import RunStore
from tests.helpers.queued_runs import queue_run

FLOW, RUN, VERSION = "orders", "run-1", 4
FINGERPRINT = 7
MOMENT = datetime(2026, 6, 1, tzinfo=UTC)
_FAILED = STATE_NUMBERS[SyncState.FAILED]


def known(database: Database) -> None:
    """A processflow that was deployed once, so that it can be asked about."""
    deployments = DeploymentStore(database)
    if not deployments.newest(FLOW):
        deployments.add(
            flow=FLOW, document="", file="", bindings={}, note="", deployed_at=MOMENT, deployed_by="", log=[]
        )
        deployments.withdraw(FLOW)


def fill(database: Database, count: int, *, node: str = "post", packet: int = 2_000, prefix: str = "order-") -> None:
    """Records of a run that has ended: every third lacks a customer, the next one a name, the others arrived."""
    known(database)
    ledger, runs = Ledger(database), RunStore(database)
    if not runs.page(flow=FLOW, before="", limit=1):
        queue_run(database, RUN, flow=FLOW, version=VERSION, at=MOMENT)
        runs.end(RUN, state=RunState.PARTIAL, message="", remedy="", at=MOMENT)
    stream = ledger.stream(flow=FLOW, node=node)
    ledger.cursor(run=RUN, stream=stream)
    for number, start in enumerate(range(0, count, packet), 1):
        numbers = range(start, min(start + packet, count))
        ledger.acknowledge(
            Acknowledgement(
                run=RUN, stream=stream, number=number, move=None, source_ids=[f"{prefix}{one}" for one in numbers],
                destination_ids=[""] * len(numbers), fingerprints=[FINGERPRINT] * len(numbers),
                troubled=_lines(numbers, prefix), at=acknowledged_at(MOMENT + timedelta(seconds=number)),
            )
        )  # fmt: skip


def _lines(numbers: Sequence[int], prefix: str) -> list[RecordLine]:
    lines = []
    for place, one in enumerate(numbers):
        if one % 3 == 1:
            message, dependent = f"No customer {prefix}{one}.", ErrorClass.DEPENDENT_MISSING.value
            lines.append(RecordLine(place, _FAILED, message, "Bring it.", dependent))
        elif one % 3 == 2:
            missing = ErrorClass.DATA_MISSING.value
            lines.append(RecordLine(place, _FAILED, "name: a value is required.", "", missing, "node:map"))
    return lines
