"""`agent.api.snapshots.Snapshots` of a pretended service: every run read, mapped and wrote; 12 records failed."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

from agent.api.snapshot_models import (
    DataLogPage,
    KeptKind,
    KeptPacket,
    KeptPacketContent,
    LoggedRecord,
    NodeEntry,
    NodeState,
    Snapshot,
    SnapshotNode,
)
from agent.domain.packet import SyncState

if TYPE_CHECKING:
    from tests.helpers.fake_client import FakeClient

_KINDS = (KeptKind.AFTER, KeptKind.BEFORE, KeptKind.FAILED, KeptKind.REQUEST)


class FakeSnapshots:
    """240 records in the data log of each run, four packets."""

    def __init__(self, client: FakeClient) -> None:
        self._client = client

    async def get(self, run_id: str) -> Snapshot:
        await self._client._enter("snapshot")
        run = self._client._run(run_id)
        nodes = [
            self._node("read stock", "get", NodeState.OK, "Stock from the warehouse", passes=3),
            self._node("map stock", "mapper", NodeState.OK, "4 attributes"),
            self._node("write stock", "post", NodeState.SOME_FAILED, "Inventory of the store", failed=12),
            SnapshotNode(
                id="end", type="end", description="", state=NodeState.NOT_REACHED, fault="", total=None, entries=[]
            ),
        ]
        return Snapshot(run=run, nodes=nodes, records=240, packets=4, complete=True)

    async def records(
        self, run_id: str, *, node: str = "", state: SyncState | None = None, search: str = "", after: str = "",
        limit: int = 100,
    ) -> DataLogPage:  # fmt: skip
        await self._client._enter("run_records")
        found = [
            one for one in self._records(run_id) if search.casefold() in f"{one.source_id} {one.message}".casefold()
        ]
        start = int(after or 0)
        following = str(start + limit) if start + limit < len(found) else None
        return DataLogPage(items=found[start : start + limit], next=following)

    async def packets(self, run_id: str, *, node: str = "") -> list[KeptPacket]:
        await self._client._enter("packets")
        return [self._packet(number) for number in range(len(_KINDS))]

    async def packet(self, run_id: str, packet_id: str) -> KeptPacketContent:
        await self._client._enter("packet")
        kept = self._packet(int(packet_id.removeprefix("p")))
        body = {"method": "PUT", "url": "/v3/inventory/adjustments", "headers": {"X-Auth-Token": "••••"}}
        records = {"records": [{"sku": "SKU-000000", "quantity": 12}]}
        return KeptPacketContent(packet=kept, content=json.dumps(body if kept.kind is KeptKind.REQUEST else records))

    async def runs_of(self, flow: str, source_id: str, *, after: str = "", limit: int = 50) -> DataLogPage:
        await self._client._enter("runs_of")
        found = [one for one in self._records("r-part") if one.source_id == source_id]
        earlier = [
            one.model_copy(
                update={"run_id": "r-good", "state": SyncState.SUCCESS, "message": "12 in stock written.", "remedy": "",
                        "at": one.at - timedelta(days=1), "tries": 1}
            )
            for one in found
        ]  # fmt: skip
        return DataLogPage(items=found + earlier)

    def _records(self, run_id: str) -> list[LoggedRecord]:
        return [
            LoggedRecord(
                run_id=run_id, node=one.node, source_id=one.source_id, destination_id=one.destination_id,
                state=one.state, message=one.message, remedy=one.remedy, tries=one.tries, at=one.updated_at,
            )
            for one in self._client.sync
        ]  # fmt: skip

    def _node(
        self, name: str, kind: str, state: NodeState, description: str, *, failed: int = 0, passes: int = 1
    ) -> SnapshotNode:
        entries = [self._entry(number, 240 // passes, failed) for number in range(1, passes + 1)]
        return SnapshotNode(
            id=name, type=kind, description=description, state=state, fault="", total=self._entry(1, 240, failed),
            entries=entries,
        )  # fmt: skip

    def _entry(self, number: int, records: int, failed: int) -> NodeEntry:
        began = self._client.now - timedelta(minutes=12)
        return NodeEntry(
            number=number, began_at=began, last_at=began + timedelta(seconds=4), worked_seconds=1.42, packets_in=3,
            records_in=records, packets_out=3, records_out=records - failed, unchanged=0, failed=failed, skipped=0,
        )  # fmt: skip

    def _packet(self, number: int) -> KeptPacket:
        kind = _KINDS[number]
        records = 0 if kind is KeptKind.REQUEST else 80
        return KeptPacket(
            id=f"p{number}", node="write stock" if number > 1 else "map stock", kind=kind, number=1, piece=0,
            records=records, shown=min(records, 10), at=self._client.now - timedelta(minutes=12), bytes=2_048,
        )  # fmt: skip
