"""Sync Info: what became of each record, and what is done to many at once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi.concurrency import iterate_in_threadpool
from fastapi.responses import StreamingResponse

from agent.api import record_models
from agent.api.record_models import ExportFormat, GroupId, RecordChoice, RecordGroup, RecordJob, SkipRequest, Wanted
from agent.domain.packet import SyncState
from agent.service.routes.asking import PROBLEMS, After, Agent, Name, WaitSeconds, Who

router = APIRouter(responses=PROBLEMS, tags=["records"])

Limit = Annotated[int, Query(ge=1, le=1_000, description="How many at most.")]

_MEDIA = {
    ExportFormat.CSV: "text/csv; charset=utf-8",
    ExportFormat.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_FILE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file.", "content": {kind.split(";")[0]: {} for kind in _MEDIA.values()}}
}


def _wanted(
    state: Annotated[SyncState | None, Query(description="Only records in this state.")] = None,
    search: Annotated[
        str, Query(max_length=1_000, description="Looked for in ids, messages and tracked columns.")
    ] = "",
    node: Annotated[str, Query(max_length=1_000, description="Only records of this POST node.")] = "",
    error_class: Annotated[str, Query(max_length=1_000, description="Only this kind of trouble.")] = "",
    group: Annotated[GroupId, Query(description="Only records of this group.")] = "",
) -> Wanted:
    return Wanted(state=state, search=search, node=node, error_class=error_class, group=group)


Filtered = Annotated[Wanted, Depends(_wanted)]


@router.get("/flows/{name}/sync-info")
def sync_info(
    agent: Agent, name: Name, wanted: Filtered, after: After = "", limit: Limit = 100
) -> record_models.SyncPage:
    """A processflow's records, the latest touched first."""
    return agent.records.page(name, wanted, after=after, limit=limit)


@router.get("/flows/{name}/sync-info/groups")
def record_groups(agent: Agent, name: Name, wanted: Filtered, limit: Limit = 100) -> list[RecordGroup]:
    """Records that did not succeed, those with the same trouble counted together; the largest groups first."""
    return agent.records.groups(name, wanted, limit=limit)


@router.get("/flows/{name}/sync-info/export", response_class=StreamingResponse, responses=_FILE)
def export_records(
    agent: Agent,
    name: Name,
    wanted: Filtered,
    format: ExportFormat = ExportFormat.CSV,  # noqa: A002 - the query's word
) -> StreamingResponse:
    """A processflow's records as a file."""
    headers = {"Content-Disposition": f'attachment; filename="sync-info.{format.value}"'}
    pieces = agent.records.export(name, wanted, format)
    return StreamingResponse(_sent(pieces), media_type=_MEDIA[format], headers=headers)


async def _sent(pieces: Generator[bytes]) -> AsyncIterator[bytes]:
    """The pieces, until somebody does not want them any more."""
    try:
        async for piece in iterate_in_threadpool(pieces):
            yield piece
    finally:
        pieces.close()


@router.post("/flows/{name}/sync-info/skip", status_code=202)
def skip_records(agent: Agent, who: Who, name: Name, request: SkipRequest) -> RecordJob:
    """Do not write these records as they are now; a change at the source counts anew."""
    return agent.records.skip(name, request, by=who)


@router.post("/flows/{name}/sync-info/unskip", status_code=202)
def unskip_records(agent: Agent, who: Who, name: Name, choice: RecordChoice) -> RecordJob:
    """Take skips back."""
    return agent.records.unskip(name, choice, by=who)


@router.post("/flows/{name}/sync-info/delete", status_code=202)
def delete_records(agent: Agent, who: Who, name: Name, choice: RecordChoice) -> RecordJob:
    """Forget what became of records. What is at the destination stays; when one is read again, it is written again."""
    return agent.records.delete(name, choice, by=who)


@router.get("/record-jobs/{job_id}")
def record_job(agent: Agent, job_id: Name, wait_seconds: WaitSeconds = 0) -> RecordJob:
    """How far something is that is done to many records; waits for its end."""
    return agent.records.jobs.get(job_id, wait_seconds=wait_seconds)


@router.delete("/record-jobs/{job_id}")
def cancel_record_job(agent: Agent, job_id: Name) -> RecordJob:
    """Let it stop after the batch that it is at."""
    return agent.records.jobs.cancel(job_id)
