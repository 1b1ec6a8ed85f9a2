"""Files are read to their last record, each once, in order; what is read afterwards goes where the node says."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.connectors.contract import ReadRequest
from agent.domain.errors import ConfigurationError, FatalError
from agent.domain.packet import BY_HAND, Bookmark
from tests.connectors.files.exchange import Exchange, documents, ids, last

CSV = "id,name\n1,Ann\n2,Bob\n"


def many(count: int) -> str:
    return "id,name\n" + "".join(f"{number},Name {number}\n" for number in range(count))


async def test_each_file_is_read_once_in_the_order_of_names(exchange: Exchange) -> None:
    exchange.put("orders-2.csv", "id,name\n3,Cy\n")
    exchange.put("orders-1.csv", CSV)
    exchange.put("letter.txt", "Dear Sir")
    first = await exchange.read("orders-*.csv")
    assert documents(first) == [{"id": "1", "name": "Ann"}, {"id": "2", "name": "Bob"}, {"id": "3", "name": "Cy"}]
    assert ids(first) == ["orders-1.csv:1", "orders-1.csv:2", "orders-2.csv:1"]
    exchange.put("orders-3.csv", "id,name\n4,Di\n")
    second = await exchange.read("orders-*.csv", bookmark=last(first))
    assert ids(second) == ["orders-3.csv:1"]
    assert ids(await exchange.read("orders-*.csv", bookmark=last(second))) == []


async def test_the_same_content_under_another_name_is_not_read_again(exchange: Exchange) -> None:
    exchange.put("orders-1.csv", CSV)
    first = await exchange.read()
    exchange.put("orders-1 (copy).csv", CSV)
    exchange.put("orders-1.csv", CSV, seconds_ago=30)
    assert ids(await exchange.read(bookmark=last(first))) == []


async def test_a_file_that_has_changed_is_read_again(exchange: Exchange) -> None:
    exchange.put("orders.csv", CSV)
    first = await exchange.read(id="id")
    exchange.put("orders.csv", CSV + "3,Cy\n", seconds_ago=30)
    assert ids(await exchange.read(bookmark=last(first), id="id")) == ["1", "2", "3"]


@pytest.mark.parametrize("afterwards", ["archive", "delete"])
async def test_files_go_only_when_their_bookmark_is_kept(exchange: Exchange, afterwards: str) -> None:
    exchange.put("orders.csv", CSV)
    packets = await exchange.read(afterwards=afterwards)
    assert list(exchange.texts()) == ["orders.csv"]
    request = ReadRequest("*", "GET", (), {"afterwards": afterwards}, None, None, 100)
    async with exchange.opened() as connection:
        await connection.settle(request, last(packets))
        await connection.settle(request, last(packets))
    assert list(exchange.texts()) == []
    archived = [file.read_text() for file in exchange.path.glob("archive/*")]
    assert archived == ([CSV] if afterwards == "archive" else [])


async def test_what_was_left_to_archive_is_archived_when_the_next_read_begins(exchange: Exchange) -> None:
    exchange.put("orders.csv", CSV)
    packets = await exchange.read(afterwards="archive")
    await exchange.read(bookmark=last(packets), afterwards="archive")
    assert [file.name for file in exchange.path.glob("archive/*")] == ["orders.csv"]


async def test_nothing_in_the_archive_is_replaced_and_a_newer_file_of_that_name_stays(exchange: Exchange) -> None:
    exchange.put("orders.csv", CSV)
    first = await exchange.read(afterwards="archive")
    await exchange.read(bookmark=last(first), afterwards="archive")
    exchange.put("orders.csv", "id,name\n3,Cy\n")
    second = await exchange.read(bookmark=last(first), afterwards="archive")
    exchange.put("orders.csv", "id,name\n4,Di\n", seconds_ago=10)
    third = await exchange.read(bookmark=last(second), afterwards="archive")
    assert ids(third) == ["orders.csv:1"]
    assert exchange.texts() == {"orders.csv": "id,name\n4,Di\n"}
    await exchange.read(bookmark=last(third), afterwards="archive")
    kept = sorted(file.read_text() for file in exchange.path.glob("archive/*"))
    assert kept == [CSV, "id,name\n4,Di\n"]


async def test_a_file_that_somebody_is_writing_is_left_alone(exchange: Exchange) -> None:
    exchange.put("orders-1.csv", CSV, seconds_ago=0)
    exchange.put("orders-2.csv.part", CSV)
    exchange.put(".orders-3.csv", CSV)
    exchange.put("~$orders-4.csv", CSV)
    packets = await exchange.read(quiet_seconds="60")
    assert ids(packets) == []
    exchange.put("orders-1.csv", CSV, seconds_ago=61)
    assert len(ids(await exchange.read(bookmark=last(packets), quiet_seconds="60"))) == 2


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("orders.csv", many(25)),
        ("orders.csv", many(25).replace("\n", "\r\n")),
        ("orders.csv", many(25).replace("\n", "\r")),
        ("orders.csv", many(25).replace("Name", "Näme\n of two lines,").replace(",Näme", ',"Näme').replace("\n", '"\n')
         .replace('Näme"\n', "Näme\n").replace('name"\n', "name\n")),
        ("orders.csv", many(25).encode("utf-16")),
        ("orders.jsonl", "".join(f'{{"id": "{number}"}}\n' for number in range(25))),
        ("orders.json", "[" + ",".join(f'{{"id": "{number}"}}' for number in range(25)) + "]"),
        ("orders.xml", "<o>" + "".join(f"<order><id>{number}</id></order>" for number in range(25)) + "</o>"),
    ],
    ids=["csv", "windows", "mac", "quoted", "utf-16", "jsonl", "json", "xml"],
)  # fmt: skip
async def test_a_read_goes_on_from_any_position(exchange: Exchange, name: str, content: str | bytes) -> None:
    exchange.put("a.csv", "id\nfirst\n")
    exchange.put(name, content)
    exchange.put("z.csv", "id\nlast\n")
    whole = await exchange.read(at_once=10, id="id")
    assert ids(whole) == ["first", *map(str, range(25)), "last"]
    for place, packet in enumerate(whole[:-1], start=1):
        rest = await exchange.read(at_once=10, id="id", position=packet.position)
        assert ids(rest) == ids(whole[place:])
        assert documents(rest) == documents(whole[place:])
        assert last(rest).detail == last(whole).detail


async def test_a_read_goes_on_in_a_file_that_was_renamed(exchange: Exchange) -> None:
    file = exchange.put("orders.csv", many(25))
    packets = await exchange.read(at_once=10, id="id")
    file.rename(exchange.path / "renamed.csv")
    assert ids(await exchange.read(at_once=10, id="id", position=packets[0].position)) == [*map(str, range(10, 25))]


async def test_a_damaged_position_is_told(exchange: Exchange) -> None:
    with pytest.raises(FatalError, match="cannot be understood"):
        await exchange.read(position={"done": 7})


async def test_after_a_bookmark_was_set_by_hand_files_count_from_that_moment(exchange: Exchange) -> None:
    exchange.put("old.csv", CSV, seconds_ago=7200)
    exchange.put("new.csv", CSV, seconds_ago=60)
    moment = datetime.fromtimestamp(datetime.now(UTC).timestamp() - 3600, UTC)
    packets = await exchange.read(bookmark=Bookmark(moment, {BY_HAND: True}))
    assert ids(packets) == ["new.csv:1", "new.csv:2"]


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
async def test_a_link_that_leads_out_of_the_folder_is_left_alone(exchange: Exchange, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text(CSV)
    (exchange.path / "orders.csv").symlink_to(secret)
    assert ids(await exchange.read()) == []


@pytest.mark.parametrize("pattern", ["../*.csv", "/etc/*", "a\\b.csv", "C:orders.csv", "..", "CON", "a\x00b"])
async def test_a_pattern_leads_nowhere_else(exchange: Exchange, pattern: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        await exchange.read(pattern=pattern)
    assert caught.value.field == "pattern"


async def test_a_folder_that_is_not_there_is_told(exchange: Exchange) -> None:
    exchange.path.rmdir()
    with pytest.raises(ConfigurationError, match="is not there"):
        await exchange.read()


@pytest.mark.parametrize(
    ("option", "value"),
    [("format", "docx"), ("encoding", "klingon"), ("encoding", "base64"), ("delimiter", "x"), ("header", "maybe"),
     ("order", "random"), ("afterwards", "burn"), ("quiet_seconds", "soon")],
)  # fmt: skip
async def test_an_option_that_means_nothing_is_refused_by_its_name(exchange: Exchange, option: str, value: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        await exchange.read("*", {option: value})
    assert caught.value.field == option
