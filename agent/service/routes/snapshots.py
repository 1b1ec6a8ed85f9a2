"""Snapshots: what runs did."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from agent.api import snapshot_models as models
from agent.domain.packet import SyncState
from agent.service.routes.asking import PROBLEMS, After, Agent, Name

router = APIRouter(responses=PROBLEMS, tags=["snapshots"])

Limit = Annotated[int, Query(ge=1, le=1_000, description="How many at most.")]
Node = Annotated[str, Query(max_length=100, description="The id of a node; empty: all.")]
StateFilter = Annotated[SyncState | None, Query(description="Only records in this state.")]
Search = Annotated[str, Query(max_length=1_000, description="Looked for in ids and messages.")]


@router.get("/runs/{run_id}/snapshot")
def snapshot(agent: Agent, run_id: Name) -> models.Snapshot:
    """What each node of a run did; live while it runs."""
    return agent.snapshots.get(run_id)


@router.get("/runs/{run_id}/records")
def data_log(
    agent: Agent,
    run_id: Name,
    node: Node = "",
    state: StateFilter = None,
    search: Search = "",
    after: After = "",
    limit: Limit = 100,
) -> models.DataLogPage:
    """A run's data log: what became of each record, in the order in which it was written."""
    return agent.snapshots.records(run_id, node=node, state=state, search=search, after=after, limit=limit)


@router.get("/runs/{run_id}/packets")
def kept_packets(agent: Agent, run_id: Name, node: Node = "") -> list[models.KeptPacket]:
    """The packets and requests that are kept of a run."""
    agent.runs.require(run_id)
    return agent.snapshots.packets(run_id, node=node)


@router.get("/runs/{run_id}/packets/{packet_id}")
def kept_packet(agent: Agent, run_id: Name, packet_id: Name) -> models.KeptPacketContent:
    """A packet or a request with its content, secrets taken out."""
    return agent.snapshots.packet(run_id, packet_id)


@router.get("/flows/{name}/records/runs")
def runs_of_record(
    agent: Agent,
    name: Name,
    source_id: Annotated[str, Query(max_length=1_000, description="The record's id at its source.")] = "",
    after: After = "",
    limit: Limit = 50,
) -> models.DataLogPage:
    """What became of one record of a processflow, run by run, the newest first."""
    return agent.snapshots.runs_of(name, source_id, after=after, limit=limit)
