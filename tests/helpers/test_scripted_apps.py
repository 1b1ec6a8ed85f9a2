from __future__ import annotations

import pytest

from agent.connectors.contract import ReadRequest, WriteTarget
from agent.domain.app import Attribute
from agent.domain.errors import AmbiguousWriteError, TransientError
from agent.domain.packet import Batch, Bookmark, Packet, WriteReport
from tests.helpers.scripted_apps import Crash, Destination, Source, Steps, outage

TARGET = WriteTarget("rows", "PUT", {}, "flow/post")


def batch(*keys: str) -> Batch:
    return Batch((Attribute("id"), Attribute("total")), list(keys), [(key, 1) for key in keys])


async def packets(source: Source, bookmark: Bookmark | None = None) -> list[Packet]:
    request = ReadRequest("records", "GET", (), {}, bookmark, None, 2)
    return [packet async for packet in source.read(request)]


async def test_the_source_gives_what_changed_since_the_bookmark() -> None:
    source = Source(Steps())
    source.fill(5)
    found = await packets(source)
    assert [list(packet.source_ids) for packet in found] == [["r0", "r1"], ["r2", "r3"], ["r4"]]
    assert [packet.bookmark is not None for packet in found] == [False, False, True]
    source.put("r1", total=9)
    assert [list(packet.source_ids) for packet in await packets(source, found[-1].bookmark)] == [["r1"]]


async def test_the_source_may_end_with_an_empty_packet() -> None:
    source = Source(Steps(), empty_end=True)
    source.fill(2)
    assert [len(packet) for packet in await packets(source)] == [2, 0]


async def test_a_step_fails_as_often_as_it_was_told_to() -> None:
    source = Source(Steps())
    source.steps.at("read", None, outage())
    assert len(await packets(source)) == 1
    with pytest.raises(TransientError):
        await packets(source)
    assert len(await packets(source)) == 1


async def test_after_a_crash_nothing_happens_until_the_process_is_started_again() -> None:
    steps = Steps()
    steps.revive(crash_after=1)
    steps.reach("one")
    for _ in range(3):
        with pytest.raises(Crash):
            steps.reach("two")
    steps.revive()
    steps.reach("three")
    assert steps.seen == ["one", "two", "three"]


async def test_with_receipts_rows_and_receipt_come_together_or_not_at_all() -> None:
    destination = Destination(Steps())
    destination.script.extend(["lost", "done"])
    with pytest.raises(AmbiguousWriteError):
        await destination.write(TARGET, batch("a"), lambda _: b"1")
    assert (destination.rows, await destination.receipt(TARGET)) == ({}, None)
    with pytest.raises(AmbiguousWriteError):
        await destination.write(TARGET, batch("a"), lambda _: b"2")
    assert (set(destination.rows), await destination.receipt(TARGET)) == ({"a"}, b"2")


async def test_without_receipts_a_part_may_arrive_and_is_found() -> None:
    destination = Destination(Steps(), receipts=False)
    destination.script.append("half")
    with pytest.raises(AmbiguousWriteError):
        await destination.write(TARGET, batch("a", "b"), lambda _: b"")
    assert dict((await destination.look_up(TARGET, batch("a", "b"))).written) == {0: "da"}
    assert await destination.receipt(TARGET) is None


async def test_single_rows_are_refused_and_skipped() -> None:
    destination = Destination(Steps(), refused={"a": "No."}, skipped={"b": "Not wanted."})
    reports: list[WriteReport] = []

    def seal(report: WriteReport) -> bytes:
        reports.append(report)
        return b""

    report = await destination.write(TARGET, batch("a", "b", "c"), seal)
    assert reports == [report]
    assert (list(report.destination_ids), dict(report.skipped)) == (["", "", "dc"], {1: "Not wanted."})
    assert report.failures[0].message == "No."
    assert set(destination.rows) == {"c"}
