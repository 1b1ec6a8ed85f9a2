"""The client's part for records of Sync Info: groups, skipping, deleting, exporting."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import quote

from agent.api.calls import Calls
from agent.api.record_models import ExportFormat, RecordChoice, RecordGroup, RecordJob, SkipRequest, Wanted


class Records:
    """Asks about many records of a processflow, and does something to them."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def groups(self, flow: str, wanted: Wanted | None = None, *, limit: int = 100) -> list[RecordGroup]:
        """Records that did not succeed, those with the same trouble counted together; the largest groups first."""
        return await self._calls.get_list(f"{_place(flow)}/groups", RecordGroup, limit=limit, **_asked(wanted))

    async def skip(self, flow: str, request: SkipRequest) -> RecordJob:
        """Begin to skip records: as they are now, they are not written any more."""
        return await self._calls.send("POST", f"{_place(flow)}/skip", RecordJob, request)

    async def unskip(self, flow: str, choice: RecordChoice) -> RecordJob:
        """Begin to take skips back."""
        return await self._calls.send("POST", f"{_place(flow)}/unskip", RecordJob, choice)

    async def delete(self, flow: str, choice: RecordChoice) -> RecordJob:
        """Begin to forget records. Refused while a run of the processflow has not ended."""
        return await self._calls.send("POST", f"{_place(flow)}/delete", RecordJob, choice)

    async def job(self, job_id: str, *, wait_seconds: float = 0) -> RecordJob:
        """How far it is; waits for its end for up to `wait_seconds` (at most 20)."""
        return await self._calls.get(f"/record-jobs/{quote(job_id, safe='')}", RecordJob, wait_seconds=wait_seconds)

    async def cancel_job(self, job_id: str) -> RecordJob:
        """Let it stop after the batch that it is at."""
        return await self._calls.send("DELETE", f"/record-jobs/{quote(job_id, safe='')}", RecordJob)

    def export(self, flow: str, format_: ExportFormat, wanted: Wanted | None = None) -> AsyncIterator[bytes]:
        """The records as a file, in pieces."""
        return self._calls.download(f"{_place(flow)}/export", format=format_.value, **_asked(wanted))


def _place(flow: str) -> str:
    return f"/flows/{quote(flow, safe='')}/sync-info"


def _asked(wanted: Wanted | None) -> dict[str, object]:
    return wanted.model_dump(exclude_none=True, mode="json") if wanted is not None else {}
