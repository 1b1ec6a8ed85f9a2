"""What a run did can be looked into afterwards, without anything having been switched on, and shows no secret."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from agent.api import clearing_models
from agent.api.client import AgentClient
from agent.api.snapshot_models import KeptKind, KeptPacketContent, NodeState
from agent.domain.packet import SyncState
from agent.domain.run import RunState
from tests.helpers.shop import Shop, open_shop
from tests.helpers.stage import Stage

FLOW = "orders-to-database"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A small store: in Diagnosis Mode all of it is written out many times."""
    with open_shop(tmp_path, "--orders", "600", "--no-quota") as opened:
        yield opened


def test_yesterdays_run_shows_nodes_records_packets_and_requests(stage: Stage, shop: Shop) -> None:
    stage.prepare(shop)
    stage.deploy(FLOW)
    run = stage.run(FLOW)
    assert run.state is RunState.SUCCESS
    snapshot = stage.ask(lambda client: client.snapshots.get(run.id))
    nodes = {node.id: node for node in snapshot.nodes}
    assert [node.type for node in snapshot.nodes] == ["get", "mapper", "post"]
    assert {node.state for node in snapshot.nodes} == {NodeState.OK}
    get, post = nodes["get-orders"].total, nodes["post-orders"].total
    assert get is not None
    assert post is not None
    assert (get.records_out, post.records_in, post.records_out) == (run.counts.read,) * 2 + (run.counts.written,)
    assert get.worked_seconds > 0 < post.worked_seconds
    assert snapshot.complete
    assert snapshot.records == run.counts.written

    page = stage.ask(lambda client: client.snapshots.records(run.id, limit=5))
    assert page.next is not None
    assert {one.state for one in page.items} == {SyncState.SUCCESS}
    one = page.items[-1]
    assert one.message
    following = stage.ask(lambda client: client.snapshots.records(run.id, after=page.next or "", limit=5))
    assert not {one.source_id for one in following.items} & {one.source_id for one in page.items}
    runs = stage.ask(lambda client: client.snapshots.runs_of(FLOW, one.source_id))
    assert [(found.run_id, found.source_id) for found in runs.items] == [(run.id, one.source_id)]

    packets = stage.ask(lambda client: client.snapshots.packets(run.id))
    assert {(kept.node, kept.kind) for kept in packets} >= {
        ("get-orders", KeptKind.REQUEST), ("get-orders", KeptKind.AFTER), ("map-orders", KeptKind.BEFORE),
        ("map-orders", KeptKind.AFTER), ("post-orders", KeptKind.BEFORE), ("post-orders", KeptKind.REQUEST),
    }  # fmt: skip
    contents = {kept.id: stage.ask(partial(_content, run.id, kept.id)) for kept in packets}
    assert all(json.loads(content.content) for content in contents.values())
    assert all(shop.token not in content.content for content in contents.values())
    asked = next(one for one in contents.values() if (one.packet.node, one.packet.kind) == ("get-orders", "request"))
    request = json.loads(asked.content)
    assert (request["method"], request["status"]) == ("GET", 200)
    assert "/orders" in request["target"]
    sent = next(one for one in contents.values() if (one.packet.node, one.packet.kind) == ("post-orders", "request"))
    assert json.loads(sent.content)["body"].startswith("INSERT OR ABORT INTO")


def test_diagnosis_mode_writes_plain_files_and_clearing_while_runs_go_on_harms_nothing(
    stage: Stage, shop: Shop
) -> None:
    stage.prepare(shop)
    output = stage.home / "out"
    stage.setting("diagnosis_path", str(output))
    stage.setting("diagnosis_mode", "true")
    stage.deploy(FLOW)
    over, cleared = threading.Event(), []

    def clear() -> None:
        while not over.wait(0.05):
            cleared.append(stage.ask(lambda client: client.clear(clearing_models.ClearTarget.TEMP)).done)
            cleared.append(stage.ask(lambda client: client.clear(clearing_models.ClearTarget.CACHE)).done)

    clearing = threading.Thread(target=clear)
    clearing.start()
    try:
        for _ in range(4):
            assert stage.run(FLOW).state is RunState.SUCCESS
            shop.control("POST", "orders/touch", {"count": 20, "first_id": 101})
    finally:
        over.set()
        clearing.join()
    assert len(cleared) > 4
    assert all(cleared)
    last = stage.run(FLOW)
    assert last.counts.written == 20
    files = sorted(path for path in output.rglob("*.json") if path.parent.name == last.id)
    assert {path.name.rsplit("-", 3)[0] for path in files} == {"get-orders", "map-orders", "post-orders"}
    fetched = next(path for path in files if path.name.startswith("get-orders-after"))
    assert len(json.loads(fetched.read_text("utf-8"))) == 20
    assert all(shop.token not in path.read_text("utf-8") for path in files)
    kept = stage.ask(lambda client: client.snapshots.packets(last.id))
    assert {one.file for one in kept if one.file} == {str(path) for path in files}
    (count,) = stage.rows("SELECT count(*) FROM orders")[0]
    assert count == stage.records(FLOW).counts[SyncState.SUCCESS]


async def _content(run: str, packet: str, client: AgentClient) -> KeptPacketContent:
    return await client.snapshots.packet(run, packet)
