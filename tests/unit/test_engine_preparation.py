"""Between fetching and writing: what is unchanged is dropped, what cannot be mapped is told, the rest goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.domain.packet import Bookmark, Packet
from agent.engine.running.preparation import Preparation, Ready
from agent.engine.running.prepared import Prepared, prepared
from agent.engine.walking.journal import RunJournal
from agent.engine.walking.packet_look import PacketLook
from agent.engine.walking.walking import Walker, Write
from agent.engine.walking.watch import Watch
from agent.store.databases.database import Database
from agent.store.runs.acknowledgement import Acknowledgement, RecordLine
from tests.helpers.flow_rig import Rig
from tests.helpers.scripted_apps import moment_of


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    database = Database.at(tmp_path / "agent.db")
    yield Rig(database)
    database.close()


class Line:
    """One slice's preparation, and the ledger behind it."""

    def __init__(self, rig: Rig, *, version: int = 1) -> None:
        self.rig = rig
        active = rig.runs.active()
        self.run_id = active[0].id if active else rig.queue()
        self.number = rig.ledger.cursor(run=self.run_id, stream=rig.stream).number
        (stage,) = rig.parse(rig.deploy()).stages
        journal = RunJournal(rig.journal, flow="flow", run=self.run_id)
        watch = Watch(look=PacketLook(journal, number=0, sampled=()))
        self.preparation = Preparation(
            walker=Walker(stage, watch=watch), ledger=rig.ledger, stream=rig.stream, version=version
        )

    async def prepare(self, *records: tuple[str, Any]) -> Ready:
        documents = [msgspec.json.encode({"id": key, "version": 1, "total": total}) for key, total in records]
        return await self.preparation.prepare(Packet([key for key, _ in records], documents, {"page": 1}))

    def book(self, ready: Ready, *, failed: set[str] = frozenset()) -> None:  # type: ignore[assignment]  # empty
        self.number += 1
        load = ready.load
        troubled = [RecordLine(at, 3, "No.", "") for at, key in enumerate(load.source_ids) if key in failed]
        self.rig.ledger.acknowledge(
            Acknowledgement(
                run=self.run_id,
                stream=self.rig.stream,
                number=self.number,
                move=None,
                source_ids=list(load.source_ids),
                destination_ids=[""] * len(load),
                fingerprints=list(load.fingerprints),
                troubled=troubled,
                at=0,
            )
        )
        self.preparation.booked()


def written(ready: Ready) -> Prepared:
    """What the only POST gets."""
    assert ready.actions is not None
    (write,) = ready.actions
    assert isinstance(write, Write)
    assert write.post.id == "post"
    return prepared(write.load)


def values(ready: Ready) -> list[tuple[object, object]]:
    return [(row[0], row[2]) for row in written(ready).batch.rows]


async def test_what_is_new_is_mapped_in_order(rig: Rig) -> None:
    ready = await Line(rig).prepare(("b", 1), ("a", 2))
    assert values(ready) == [("b", 1), ("a", 2)]
    assert (list(written(ready).source_ids), list(written(ready).places)) == (["b", "a"], [0, 1])
    assert (ready.read, ready.unchanged) == (2, 0)
    assert (ready.position, ready.bookmark, ready.last) == ({"page": 1}, None, False)


async def test_the_bookmark_of_the_last_packet_goes_with_it(rig: Rig) -> None:
    bookmark = Bookmark(moment_of(3), {"change": 3})
    ready = await Line(rig).preparation.prepare(Packet([], [], {}, bookmark))
    assert ready.last
    assert ready.bookmark is not None
    assert (ready.bookmark.moment, ready.bookmark.detail) == (bookmark.moment, {"change": 3})
    assert (ready.actions, ready.read) == ([], 0)


async def test_what_was_written_exactly_so_is_dropped(rig: Rig) -> None:
    line = Line(rig)
    line.book(await line.prepare(("a", 1), ("b", 2), ("c", 3)))
    for again in (line, Line(rig)):
        ready = await again.prepare(("a", 1), ("b", 22), ("c", 3))
        assert (values(ready), ready.read, ready.unchanged) == ([("b", 22)], 3, 2)


async def test_what_failed_is_no_reason_to_drop_it(rig: Rig) -> None:
    line = Line(rig)
    line.book(await line.prepare(("a", 1), ("b", 2)), failed={"a"})
    assert values(await line.prepare(("a", 1), ("b", 2))) == [("a", 1)]


async def test_another_version_drops_nothing(rig: Rig) -> None:
    line = Line(rig)
    line.book(await line.prepare(("a", 1)))
    assert values(await Line(rig, version=2).prepare(("a", 1))) == [("a", 1)]


async def test_a_record_that_changes_back_before_the_first_change_is_booked_is_written_again(rig: Rig) -> None:
    line = Line(rig)
    line.book(await line.prepare(("a", 1)))
    changed = await line.prepare(("a", 2))
    back = await line.prepare(("a", 1))  # 2 is on its way: without this, the destination would end with 2
    assert (values(changed), values(back)) == ([("a", 2)], [("a", 1)])
    line.book(changed)
    line.book(back)
    assert (await line.prepare(("a", 1))).unchanged == 1


async def test_a_record_that_is_in_one_packet_twice_ends_as_its_last_state(rig: Rig) -> None:
    line = Line(rig)
    line.book(await line.prepare(("a", 1)))
    assert values(await line.prepare(("a", 2), ("b", 1), ("a", 3))) == [("b", 1), ("a", 3)]
    again = await Line(rig).prepare(("a", 2), ("a", 1))  # as if nothing had been
    assert (again.actions, again.read, again.unchanged) == ([], 2, 2)


async def test_the_same_state_twice_is_written_once_on_its_way_or_booked(rig: Rig) -> None:
    line = Line(rig)
    first = await line.prepare(("a", 1), ("a", 1))
    assert (values(first), first.unchanged) == ([("a", 1)], 1)
    assert (await line.prepare(("a", 1))).unchanged == 1
    line.book(first)
    assert (await line.prepare(("a", 1))).unchanged == 1


async def test_records_that_cannot_be_mapped_are_told_and_spoil_no_other(rig: Rig) -> None:
    ready = await Line(rig).prepare(("a", "many"), ("b", 2), ("c", None), ("d", 4))
    found = written(ready)
    assert (values(ready), list(found.places)) == ([("b", 2), ("d", 4)], [1, 3])
    assert list(found.source_ids) == ["a", "b", "c", "d"]
    assert [(line.index, line.state) for line in found.troubled] == [(0, 3), (2, 3)]
    assert all(line.message and line.remedy for line in found.troubled)
    assert len(found.fingerprints) == 4


async def test_packets_are_kept_only_in_diagnosis_mode(rig: Rig) -> None:
    line = Line(rig)
    await line.prepare(("a", 1))
    assert rig.journal.packets == []
    rig.journal.wants_packets = True
    await line.prepare(("b", 2), ("c", 3))
    await line.prepare(("d", 4))
    places = [("get", "after"), ("map", "before"), ("map", "after"), ("post", "before")]
    assert [(kept.node, kept.kind, kept.number) for kept in rig.journal.packets] == [
        (node, kind, number) for number in (2, 3) for node, kind in places
    ]
    fetched, _, mapped, _ = (msgspec.json.decode(kept.content) for kept in rig.journal.packets[:4])
    assert fetched == [{"id": "b", "version": 1, "total": 2}, {"id": "c", "version": 1, "total": 3}]
    assert mapped == [{"id": "b", "version": 1, "total": 2}, {"id": "c", "version": 1, "total": 3}]
