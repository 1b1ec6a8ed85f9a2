"""The snapshot of a run: what each node did, what became of each record, and what a look into packets shows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from agent.domain.packet import SyncState
from agent.domain.run import RunState
from agent.engine.running.runner import Then
from agent.store.databases.database import Database
from agent.store.looks.kept import KeptKind
from agent.store.looks.node_work import NodeWork
from agent.store.looks.snapshots import Snapshots
from tests.helpers.flow_pieces import STRICT, document, get, post
from tests.helpers.flow_rig import QuickControl, Rig
from tests.helpers.scripted_apps import Crash, outage
from tests.helpers.snapshot_facts import check_snapshot, whole_log, work_of


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database.at(tmp_path / "agent.db")
    yield database
    database.close()


@pytest.fixture(params=[True, False], ids=["receipts", "intents"])
def rig(database: Database, request: pytest.FixtureRequest) -> Rig:
    return Rig(database, receipts=request.param)


def came_and_went(work: NodeWork) -> tuple[int, int, int, int, int]:
    return work.packets_in, work.records_in, work.packets_out, work.records_out, work.failed


def kept(rig: Rig, node: str, kind: KeptKind) -> list[Any]:
    return [json.loads(one.content) for one in rig.journal.packets if (one.node, one.kind) == (node, kind)]


# -- nodes -------------------------------------------------------------------------------------------------------------


def test_each_node_says_what_came_to_it_and_what_went_on(rig: Rig) -> None:
    rig.source.fill(12)
    rig.source.put("r3", total="many")
    rig.destination.refused["r5"] = "Refused."
    rig.destination.skipped["r6"] = "Not wanted."
    run = rig.execute()
    work = work_of(rig.database, run.id)
    assert came_and_went(work["get"]) == (0, 0, 3, 12, 0)
    assert came_and_went(work["map"]) == (3, 12, 3, 11, 1)
    assert came_and_went(work["post"]) == (3, 12, 3, 9, 2)
    assert work["post"].skipped == 1
    assert work["get"].done
    check_snapshot(rig.database, run, sources={"get"}, posts={"post"})


def test_what_is_unchanged_is_told_where_it_was_read(rig: Rig) -> None:
    rig.source.fill(6)
    rig.source.overlap = 4
    rig.execute()
    rig.source.put("r9", total=9)
    run = rig.execute()
    work = work_of(rig.database, run.id)
    assert work["get"].records_out == run.counts.read
    assert work["get"].unchanged == run.counts.unchanged > 0
    assert work["post"].records_in == 1


def test_a_node_that_nothing_comes_to_is_not_there(rig: Rig) -> None:
    run = rig.execute()
    assert set(work_of(rig.database, run.id)) == {"get"}


def test_each_pass_of_a_loop_has_an_entry(rig: Rig) -> None:
    rig.deploy(document("start get map post", get=get(more="loop: {until: no-data}")))
    rig.source.fill(7)
    rig.destination.carried = lambda row: rig.source.put("r50", total=1) if row[0] == "r6" else None
    run = rig.execute()
    entries = [one.work for one in Snapshots(rig.database).nodes(run.id) if one.work.node == "get"]
    assert [(one.entry, one.records_out) for one in entries] == [(1, 7), (2, 1), (3, 0)]
    assert [one.done for one in entries] == [False, False, True]


def test_each_leg_of_a_delay_has_an_entry_that_a_crash_does_not_double(rig: Rig) -> None:
    rig.deploy(document("start get wait map post", wait="{type: delay, for: '00:10:00'}"))
    rig.source.fill(7)
    run_id = rig.queue()
    rig.steps.revive(crash_after=8)
    with suppress(Crash):
        rig.runner().run_slice(run_id, QuickControl(rig.clock), budget_seconds=60)
    rig.steps.revive()
    run = rig.execute(run_id)
    legs = [one.work for one in Snapshots(rig.database).nodes(run.id) if one.work.node == "wait"]
    assert [(one.entry, one.records_in, one.milliseconds) for one in legs] == [(1, 5, 600_000), (2, 2, 600_000)]
    check_snapshot(rig.database, run, sources={"get"}, posts={"post"})


def test_the_node_that_stopped_the_run_says_why_until_it_works_again(rig: Rig) -> None:
    rig.source.fill(3)
    rig.steps.at("write", outage())
    runner, run_id = rig.runner(), rig.queue()
    assert runner.run_slice(run_id, QuickControl(), budget_seconds=60) is Then.GO_ON
    faults = {one.work.node: one.fault for one in Snapshots(rig.database).nodes(run_id)}
    assert faults["post"] == "The app does not answer."
    assert not faults["get"]
    run = rig.execute(run_id)
    assert run.state is RunState.SUCCESS
    assert not any(one.fault for one in Snapshots(rig.database).nodes(run_id))


def test_a_graph_counts_at_every_node(rig: Rig) -> None:
    text = document(
        "start get cut which", "map merge post", "map-small post-small", cut="{type: splitter, size: 2}",
        which="{type: decision, when: total >= 4, then: map, otherwise: map-small}",
        merge="{type: merger, packets: 2}", map_small=STRICT, post_small=post("small"),
    )  # fmt: skip
    rig.deploy(text)
    rig.add_destination("small", receipts=rig.receipts)
    rig.source.fill(9)
    run = rig.execute()
    work = work_of(rig.database, run.id)
    assert came_and_went(work["cut"]) == (2, 9, 5, 9, 0)
    assert came_and_went(work["which"])[:2] == (5, 9)
    assert work["which"].records_out == 9
    assert (work["map"].records_in, work["map-small"].records_in) == (5, 4)
    assert (work["merge"].records_in, work["merge"].records_out) == (5, 5)
    assert work["merge"].packets_out < work["merge"].packets_in
    check_snapshot(rig.database, run, sources={"get"}, posts={"post", "post-small"})


# -- the data log ------------------------------------------------------------------------------------------------------


def test_the_data_log_tells_what_became_of_each_record_and_how_often_it_was_tried(rig: Rig) -> None:
    rig.source.fill(4)
    rig.destination.refused["r1"] = "Refused."
    first = rig.execute()
    assert {one.source_id: (one.state, one.destination_id, one.tries) for one in whole_log(rig.database, first.id)} == {
        "r0": (SyncState.SUCCESS, "dr0", 1),
        "r1": (SyncState.FAILED, "", 1),
        "r2": (SyncState.SUCCESS, "dr2", 1),
        "r3": (SyncState.SUCCESS, "dr3", 1),
    }
    rig.source.put("r1", total=1)
    second = rig.execute()
    (again,) = whole_log(rig.database, second.id)
    assert (again.source_id, again.state) == ("r1", SyncState.FAILED)
    assert (again.message, again.remedy) == ("Refused.", "Correct it.")
    assert again.tries == rig.rows()["r1"].tries == 2


def test_a_record_leads_to_every_run_that_touched_it(rig: Rig) -> None:
    ids = ["r1", "r11", "", "a/b?c=d&e", "Straße 5", "x" * 300]
    for identity in ids:
        rig.source.put(identity, total=1)
    rig.source.fill(3, start=100)
    first = rig.execute()
    for identity in ids[1:3]:
        rig.source.put(identity, total=2)
    second = rig.execute()
    snapshots = Snapshots(rig.database)
    for identity in ids:
        runs = [one.run for one in snapshots.runs_of(rig.flow, identity, before=None, limit=10)]
        assert runs == ([second.id, first.id] if identity in ids[1:3] else [first.id])
    (newest,) = snapshots.runs_of(rig.flow, "r11", before=None, limit=1)
    older = snapshots.runs_of(rig.flow, "r11", before=int(newest.key.split(":")[0]), limit=1)
    assert [one.run for one in older] == [first.id]
    assert snapshots.runs_of(rig.flow, "r2", before=None, limit=10) == []
    assert snapshots.runs_of("another", "r1", before=None, limit=10) == []


def test_the_data_log_is_searched_and_filtered_page_by_page(rig: Rig) -> None:
    rig.source.fill(30)
    rig.destination.refused |= {"r7": "Too Long.", "r21": "Too long."}
    run = rig.execute()
    snapshots = Snapshots(rig.database)

    def page(**wanted: object) -> list[str]:
        asked: dict[str, Any] = {"node": "", "state": None, "search": "", "after": "", "limit": 100} | wanted
        return [one.source_id for one in snapshots.records(run.id, **asked)]

    assert page(state=SyncState.FAILED) == page(search="TOO LONG") == ["r7", "r21"]
    assert page(search="dr2", limit=3) == ["r2", "r20", "r22"]
    assert page(state=SyncState.SUCCESS, search="r7") == page(state=SyncState.UNPROCESSED) == []
    assert page(node="map") == []
    assert len(page(node="post")) == 30
    assert [one.source_id for one in whole_log(rig.database, run.id)] == [f"r{number}" for number in range(30)]


def test_what_no_way_leads_on_and_what_failed_before_a_post_are_in_the_data_log(rig: Rig) -> None:
    text = document("start get which", "map post", which="{type: decision, when: total > 3, then: map, otherwise: end}")
    rig.deploy(text)
    rig.source.fill(6)
    run = rig.execute()
    ended = {one.source_id: one for one in whole_log(rig.database, run.id) if one.node == "which"}
    assert set(ended) == {"r0", "r1", "r2", "r3"}
    assert {one.state for one in ended.values()} == {SyncState.SKIPPED}
    assert run.counts.skipped == 4
    assert ended["r0"].message


# -- the activity log --------------------------------------------------------------------------------------------------


def test_the_log_says_when_nodes_begin_and_end_and_has_no_line_for_each_packet(rig: Rig) -> None:
    rig.source.fill(60)
    rig.execute(budget_seconds=0)
    said = [(line.node, line.message) for line in rig.journal.lines if line.node]
    assert said == [
        ("get", "Starting data pulling from source application."),
        ("map", "Starting data transformation."),
        ("post", "Data sending to destination application is starting."),
        ("get", "Finished data pulling from source application: 60 records read."),
        ("map", "Finished data transformation: 60 records mapped."),
        ("post", "Data sending to destination application finished: 60 records written."),
    ]


# -- a look into packets -----------------------------------------------------------------------------------------------


def test_a_sample_shows_the_first_records_at_each_node_and_those_that_failed(rig: Rig) -> None:
    rig.journal.wants_samples = True
    rig.destination.packet_size = 30
    rig.source.fill(90)
    rig.source.put("r70", total="many")
    rig.destination.refused["r60"] = "Refused."
    rig.execute(budget_seconds=0)
    assert [len(one) for one in kept(rig, "get", KeptKind.AFTER)] == [10]
    assert [len(one) for one in kept(rig, "map", KeptKind.BEFORE)] == [10]
    assert [len(one) for one in kept(rig, "post", KeptKind.BEFORE)] == [10]
    ((unmappable,),) = kept(rig, "map", KeptKind.FAILED)
    ((refused,),) = kept(rig, "post", KeptKind.FAILED)
    assert (unmappable["id"], unmappable["total"]) == ("r70", "many")
    assert (refused["id"], refused["total"]) == ("r60", 60)
    assert not any(one.whole for one in rig.journal.packets)
    assert {one.records for one in rig.journal.packets if one.kind is KeptKind.BEFORE} == {30}


def test_diagnosis_mode_keeps_every_packet_of_every_kind_of_stage_whole(rig: Rig) -> None:
    rig.journal.wants_packets = True
    text = document(
        "start get cut map post", "post map-too post-too", cut="{type: splitter, size: 2}", map_too=STRICT,
        post_too=post("too"),
    )  # fmt: skip
    rig.deploy(text)
    rig.add_destination("too", receipts=rig.receipts)
    rig.source.fill(7)
    rig.execute()
    assert [len(one) for one in kept(rig, "get", KeptKind.AFTER)] == [5, 2]
    for node in ("map", "post", "map-too", "post-too"):
        assert [len(one) for one in kept(rig, node, KeptKind.BEFORE)] == [2, 2, 1, 2]
    assert all("destination_id" in one for batch in kept(rig, "post", KeptKind.AFTER) for one in batch)
    names = [(one.node, one.kind, one.number, one.piece) for one in rig.journal.packets if one.whole]
    assert len(set(names)) == len(names)


def test_nothing_is_kept_where_nobody_wants_it(rig: Rig) -> None:
    rig.source.fill(7)
    rig.execute()
    assert rig.journal.packets == []
