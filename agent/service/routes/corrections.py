"""Correcting mapped records and sending them again."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from agent.api import run_models
from agent.api.correction_models import Correction, MadeCorrection, MappedRecord
from agent.service.routes.asking import PROBLEMS, Agent, Name, Who

router = APIRouter(responses=PROBLEMS, tags=["records"])

Node = Annotated[str, Query(min_length=1, max_length=100, description="The POST node that is to write it.")]
Record = Annotated[str, Query(min_length=1, max_length=1_000, pattern=r"^[^\x00]*$", description="Its source id.")]
OneRecord = Annotated[str, Query(max_length=1_000, pattern=r"^[^\x00]*$", description="Only this source id.")]
Limit = Annotated[int, Query(ge=1, le=1_000, description="How many at most.")]


@router.get("/flows/{name}/mapped-record")
def mapped_record(agent: Agent, name: Name, node: Node, source_id: Record) -> MappedRecord:
    """A failed record as its POST would be given it: read at its source now, and mapped. Writes nothing."""
    return agent.correcting.fetch(name, node=node, source_id=source_id)


@router.post("/flows/{name}/corrections")
def correct(agent: Agent, who: Who, name: Name, correction: Correction) -> run_models.Run:
    """Send a corrected record. Both versions are kept, with who, when and why."""
    run = agent.correcting.send(name, correction, by=who)
    agent.journal.write(
        "info", f"{who} corrected a record and sent it.", flow=name, run=run.id, node=correction.node,
        record=correction.source_id, detail=correction.reason,
    )  # fmt: skip
    return run


@router.get("/flows/{name}/corrections")
def corrections(agent: Agent, name: Name, source_id: OneRecord = "", limit: Limit = 100) -> list[MadeCorrection]:
    """What was corrected, the newest first."""
    return agent.correcting.made(name, source_id=source_id, limit=limit)
