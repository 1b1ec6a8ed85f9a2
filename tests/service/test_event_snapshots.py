"""The snapshot of a run that events have started."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from agent.domain.processflow import NodeType
from agent.service.upkeep.snapshots import Snapshots
from agent.store.databases.database import Database
from agent.store.flows.deployments import DeploymentStore
from agent.store.looks.snapshots import Snapshots as SnapshotStore
from tests.helpers.flow_rig import Rig
from tests.unit.test_engine_events import DIRECT


def test_it_shows_the_start_that_the_events_came_to(tmp_path: Path) -> None:
    database = Database.at(tmp_path / "agent.db")
    try:
        rig = Rig(database, document=DIRECT)
        rig.receive(("a", b'{"id": "a", "version": 1, "total": 1}'))
        run = rig.execute()
        nothing = SimpleNamespace(rows=lambda _run: [], packets=lambda _run: [])
        snapshots = Snapshots(
            store=SnapshotStore(database), runs=rig.runs, deployments=DeploymentStore(database),
            compiled=SimpleNamespace(get=rig.parse),  # type: ignore[arg-type]  # what is needed of it
            diagnosis=SimpleNamespace(samples=nothing, packets=nothing),  # type: ignore[arg-type]  # and of this
            clock=rig.clock.utc,
        )  # fmt: skip
        nodes = snapshots.get(run.id).nodes
        assert [(node.id, node.type) for node in nodes] == [
            ("start", NodeType.START), ("map", NodeType.MAPPER), ("post", NodeType.POST),
        ]  # fmt: skip
        assert [node.total.records_out for node in nodes if node.total is not None] == [1, 1, 1]
    finally:
        database.close()
