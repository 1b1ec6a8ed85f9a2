"""What is remembered of files: those that lie in the folder for good, and where a person set the bookmark."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from agent.connectors.contract import ReadRequest
from agent.connectors.files import remembered
from agent.connectors.files.connector import FilesConnector
from agent.connectors.files.places import LocalPlace, Status
from agent.domain.packet import BY_HAND, Bookmark, JsonValue
from tests.connectors.files.exchange import Exchange, ids, last


async def test_more_files_than_are_remembered_of_those_gone_are_still_read_once(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembered, "MOST_GONE", 5)
    bookmark: Bookmark | None = None
    read: list[str] = []
    for day in range(4):
        for number in range(6):
            exchange.put(f"orders-{day}-{number}.csv", f"id\n{day}{number}\n")
        packets = await exchange.read(bookmark=bookmark, id="id")
        bookmark, read = last(packets), [*read, *ids(packets)]
    assert read == [f"{day}{number}" for day in range(4) for number in range(6)]
    assert ids(await exchange.read(bookmark=bookmark, id="id")) == []


async def test_of_the_files_that_are_gone_only_the_latest_are_remembered(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembered, "MOST_GONE", 5)
    bookmark = None
    for number in range(9):
        bookmark = last(await exchange.read(bookmark=bookmark))
        exchange.put("orders.csv", f"id\n{number}\n", seconds_ago=60 - number)
    bookmark = last(await exchange.read(bookmark=bookmark))
    files = bookmark.detail["files"]
    assert isinstance(files, list)
    assert len(files) == 6  # the one that is there, and five that were
    exchange.put("again.csv", "id\n4\n")
    assert ids(await exchange.read(bookmark=bookmark, id="id")) == []


async def test_a_bookmark_set_by_hand_counts_until_another_one_is_set(exchange: Exchange) -> None:
    exchange.put("old.csv", "id\nold\n", seconds_ago=7200)
    exchange.put("new.csv", "id\nnew\n", seconds_ago=60)
    bookmark = Bookmark(datetime.fromtimestamp(datetime.now(UTC).timestamp() - 3600, UTC), {BY_HAND: True})
    for expected in (["new"], [], []):
        packets = await exchange.read(bookmark=bookmark, id="id")
        assert ids(packets) == expected
        bookmark = last(packets)
    exchange.put("newer.csv", "id\nnewer\n", seconds_ago=30)
    assert ids(await exchange.read(bookmark=bookmark, id="id")) == ["newer"]
    everything = Bookmark(datetime(2020, 1, 1, tzinfo=UTC), {BY_HAND: True})
    assert ids(await exchange.read(bookmark=everything, id="id")) == ["new", "newer", "old"]


class _Counting(LocalPlace):
    """A folder that counts what it is asked."""

    asked = 0

    def status(self, name: str) -> Status | None:
        self.asked += 1
        return super().status(name)


async def test_files_that_are_long_gone_are_not_asked_for_one_by_one(exchange: Exchange) -> None:
    file = exchange.put("orders.csv", "id\n1\n").stat()
    gone: list[JsonValue] = [[f"gone-{number}.csv", 5, 1, f"{number:032}"] for number in range(500)]
    left: JsonValue = ["orders.csv", file.st_size, file.st_mtime_ns, "0" * 32]
    place = _Counting(exchange.path)
    connector = FilesConnector(place_of=lambda _values, _secrets: place)
    request = ReadRequest("*", "GET", (), {"afterwards": "delete"}, None, None, 100)
    async with connector.open({"folder": str(exchange.path)}, {}) as connection:
        await connection.settle(request, Bookmark(datetime.now(UTC), {"files": [*gone, left]}))
    assert exchange.texts() == {}
    assert place.asked <= 2
