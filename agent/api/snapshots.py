"""Snapshots, asked of the service: the part of the client for what runs did."""

from __future__ import annotations

from agent.api.calls import Calls
from agent.api.snapshot_models import DataLogPage, KeptPacket, KeptPacketContent, Snapshot
from agent.domain.packet import SyncState


class Snapshots:
    """What runs did. `client.snapshots` is one."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def get(self, run_id: str) -> Snapshot:
        """What each node of a run did; live while it runs."""
        return await self._calls.get(f"/runs/{run_id}/snapshot", Snapshot)

    async def records(
        self, run_id: str, *, node: str = "", state: SyncState | None = None, search: str = "", after: str = "",
        limit: int = 100,
    ) -> DataLogPage:  # fmt: skip
        """A run's data log, in the order in which it was written."""
        return await self._calls.get(
            f"/runs/{run_id}/records", DataLogPage, node=node, state=state or "", search=search, after=after,
            limit=limit,
        )  # fmt: skip

    async def packets(self, run_id: str, *, node: str = "") -> list[KeptPacket]:
        """The packets and requests that are kept of a run, the oldest first."""
        return await self._calls.get_list(f"/runs/{run_id}/packets", KeptPacket, node=node)

    async def packet(self, run_id: str, packet_id: str) -> KeptPacketContent:
        """A packet or a request with its content."""
        return await self._calls.get(f"/runs/{run_id}/packets/{packet_id}", KeptPacketContent)

    async def runs_of(self, flow: str, source_id: str, *, after: str = "", limit: int = 50) -> DataLogPage:
        """What became of one record of a processflow, run by run, the newest first."""
        return await self._calls.get(
            f"/flows/{flow}/records/runs", DataLogPage, source_id=source_id, after=after, limit=limit
        )
