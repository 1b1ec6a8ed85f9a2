"""Correcting mapped records, asked of the service."""

from __future__ import annotations

from agent.api import run_models
from agent.api.calls import Calls
from agent.api.correction_models import Correction, MadeCorrection, MappedRecord

_READING_SECONDS = 60.0


class Corrections:
    """Fetches a record, sends it corrected, and lists what was corrected."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def fetch(self, flow: str, *, node: str, source_id: str) -> MappedRecord:
        """A record as a POST would be given it now. Writes nothing."""
        request = {"node": node, "source_id": source_id}
        response = await self._calls.call(
            "GET", f"/flows/{flow}/mapped-record", parameters=request, timeout_seconds=_READING_SECONDS
        )
        return MappedRecord.model_validate_json(response.content)

    async def send(self, flow: str, correction: Correction) -> run_models.Run:
        """Start the run that sends a corrected record."""
        return await self._calls.send(
            "POST", f"/flows/{flow}/corrections", run_models.Run, correction, timeout_seconds=_READING_SECONDS
        )

    async def made(self, flow: str, *, source_id: str = "", limit: int = 100) -> list[MadeCorrection]:
        """What was corrected, the newest first; of one record if it is named."""
        return await self._calls.get_list(
            f"/flows/{flow}/corrections", MadeCorrection, source_id=source_id, limit=limit
        )
