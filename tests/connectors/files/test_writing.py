"""Files appear whole or not at all, and each packet once, wherever the agent dies in between."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest

from agent.connectors.contract import Seal, WriteTarget
from agent.connectors.files.connector import FilesConnector
from agent.connectors.files.places import LocalPlace
from agent.connectors.files.receipts import Receipts
from agent.connectors.files.writing import Writer
from agent.domain.app import Attribute, DataType
from agent.domain.errors import ConfigurationError, FatalError
from agent.domain.packet import Batch, Row, WriteReport
from tests.connectors.files.exchange import ORDER, Exchange, target

NOON = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
ROWS: list[Row] = [(1, "Ann", "12.3400"), (2, 'Bob "B", Jr.', None)]
CSV = 'id,name,total\r\n1,Ann,12.3400\r\n2,"Bob ""B"", Jr.",\r\n'


class Died(BaseException):
    """The service was killed."""


async def test_each_packet_becomes_a_file(exchange: Exchange) -> None:
    report = await exchange.write(ROWS)
    await exchange.write([(3, "Cy", "1")])
    assert {name: text.replace("\r\n", "\n") for name, text in exchange.texts().items()} == {
        "orders-000001.csv": CSV.replace("\r\n", "\n"), "orders-000002.csv": "id,name,total\n3,Cy,1\n",
    }  # fmt: skip
    assert (exchange.path / "orders-000001.csv").read_bytes() == CSV.encode()
    assert report.destination_ids == ["orders-000001.csv:1", "orders-000001.csv:2"]


async def test_packets_are_appended_to_one_file(exchange: Exchange) -> None:
    await exchange.write(ROWS, mode="append")
    report = await exchange.write([(3, "Cy", "1")], mode="append")
    assert (exchange.path / "orders.csv").read_bytes() == f"{CSV}3,Cy,1\r\n".encode()
    assert report.destination_ids == ["orders.csv:3"]


async def test_whoever_takes_the_file_away_gets_a_new_one_with_names(exchange: Exchange) -> None:
    await exchange.write(ROWS, mode="append")
    (exchange.path / "orders.csv").unlink()
    report = await exchange.write([(3, "Cy", "1")], mode="append")
    assert (exchange.path / "orders.csv").read_bytes() == b"id,name,total\r\n3,Cy,1\r\n"
    assert report.destination_ids == ["orders.csv:1"]


@pytest.mark.parametrize(
    ("form", "content"),
    [
        ("jsonl", '{"id":1,"name":"Ann","total":12.3400}\n{"id":2,"name":"Bob \\"B\\", Jr.","total":null}\n'),
        ("json", '[\n{"id":1,"name":"Ann","total":12.3400},\n{"id":2,"name":"Bob \\"B\\", Jr.","total":null}\n]\n'),
        ("xml", ('<?xml version="1.0" encoding="utf-8"?>\n<records>\n<record><id>1</id><name>Ann</name>'
         '<total>12.3400</total></record>\n<record><id>2</id><name>Bob "B", Jr.</name></record>\n</records>\n')),
    ],
)  # fmt: skip
async def test_the_other_formats(exchange: Exchange, form: str, content: str) -> None:
    await exchange.write(ROWS, format=form)
    assert (exchange.path / f"orders-000001.{form}").read_bytes() == content.encode()


async def test_a_record_that_cannot_be_written_fails_alone(exchange: Exchange) -> None:
    report = await exchange.write([(1, "Łukasz", None), (2, "Bob", None)], encoding="latin-1")
    assert report.destination_ids == ["", "orders-000001.csv:1"]
    assert "cannot be written in iso8859-1" in report.failures[0].message
    assert (exchange.path / "orders-000001.csv").read_bytes() == b"id,name,total\r\n2,Bob,\r\n"


async def test_a_packet_of_which_nothing_is_left_makes_no_file_and_keeps_its_receipt(exchange: Exchange) -> None:
    await exchange.write([(1, "Łukasz", None)], encoding="latin-1", receipt=b"first")
    assert exchange.texts() == {}
    async with exchange.opened() as connection:
        assert await connection.receipt(target("orders")) == b"first"


async def test_the_placeholders_of_a_name(exchange: Exchange) -> None:
    fixed = Exchange(exchange.path, FilesConnector(clock=lambda: NOON))
    await fixed.write(ROWS, file="o-{date}-{time}-{number}.csv")
    assert list(exchange.texts()) == ["o-2026-11-27-120000000000-000001.csv"]


async def test_a_name_that_somebody_has_taken_is_passed_over(exchange: Exchange) -> None:
    exchange.put("orders-000001.csv", "mine")
    await exchange.write(ROWS)
    assert list(exchange.texts()) == ["orders-000001.csv", "orders-000002.csv"]
    assert exchange.texts()["orders-000001.csv"] == "mine"


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"file": "../orders-{number}.csv"}, "file"), ({"file": "orders.csv"}, "file"),
        ({"format": "json", "mode": "append"}, "mode"), ({"encoding": "utf-16"}, "encoding"),
        ({"file": "o-{number}.dat"}, "format"), ({"mode": "sometimes"}, "mode"),
    ],
)  # fmt: skip
async def test_what_cannot_be_done_is_refused_by_its_option(
    exchange: Exchange, options: dict[str, str], field: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        await exchange.write(ROWS, options)
    assert caught.value.field == field
    assert exchange.texts() == {}


async def test_csv_has_no_place_for_collections(exchange: Exchange) -> None:
    lines = Attribute("lines", DataType.COLLECTION, members=(Attribute("sku"),))
    batch = Batch((*ORDER, lines), ["a"], [(1, "Ann", None, [("S",)])])
    async with exchange.opened() as connection:
        with pytest.raises(ConfigurationError, match="no place for the records of lines"):
            await connection.write(target("orders"), batch, lambda _: b"")
        await connection.write(target("orders", format="jsonl"), batch, lambda _: b"")
    assert exchange.texts() == {"orders-000001.jsonl": '{"id":1,"name":"Ann","total":null,"lines":[{"sku":"S"}]}\n'}


@pytest.mark.parametrize("mode", ["packet", "append"])
@pytest.mark.parametrize("step", ["prepared", "committed", "appended", "finished"])
async def test_killed_at_any_step_a_packet_is_there_once(exchange: Exchange, mode: str, step: str) -> None:
    if step == "appended" and mode == "packet":
        pytest.skip("a step of appending alone")
    await exchange.write(ROWS, mode=mode, receipt=b"one")

    def die(done: str) -> None:
        if done == step:
            raise Died

    def write(seal: Seal, at: object = None) -> WriteReport:
        writer = Writer(LocalPlace(exchange.path), lambda: NOON, threading.Lock(), die if at else lambda _: None)
        return writer.write(target("orders", mode=mode), Batch(ORDER, ["c"], [(3, "Cy", "1")]), seal)

    with pytest.raises(Died):
        write(lambda _: b"two", at=die)
    # What the engine does after a start: it asks for the receipt, and writes what that does not name.
    async with exchange.opened() as connection:
        if await connection.receipt(target("orders", mode=mode)) != b"two":
            write(lambda _: b"two")
        assert await connection.receipt(target("orders", mode=mode)) == b"two"
    assert sum(text.count("Cy") for text in exchange.texts().values()) == 1
    assert sum(text.count("Ann") for text in exchange.texts().values()) == 1
    assert len(exchange.texts()) == (1 if mode == "append" else 2)


async def test_an_append_that_was_cut_in_the_middle_is_completed(exchange: Exchange) -> None:
    await exchange.write(ROWS, mode="append")

    def die(done: str) -> None:
        if done == "committed":
            raise Died

    with pytest.raises(Died):
        Writer(LocalPlace(exchange.path), lambda: NOON, threading.Lock(), die).write(
            target("orders", mode="append"), Batch(ORDER, ["c"], [(3, "Cy", "1")]), lambda _: b"two"
        )
    with (exchange.path / "orders.csv").open("ab") as file:
        file.write(b"3,C")
    async with exchange.opened() as connection:
        assert await connection.receipt(target("orders", mode="append")) == b"two"
    assert (exchange.path / "orders.csv").read_bytes() == f"{CSV}3,Cy,1\r\n".encode()


async def test_what_somebody_else_has_appended_is_not_written_over(exchange: Exchange) -> None:
    await exchange.write(ROWS, mode="append")

    def die(done: str) -> None:
        if done == "committed":
            raise Died

    with pytest.raises(Died):
        Writer(LocalPlace(exchange.path), lambda: NOON, threading.Lock(), die).write(
            target("orders", mode="append"), Batch(ORDER, ["c"], [(3, "Cy", "1")]), lambda _: b"two"
        )
    with (exchange.path / "orders.csv").open("ab") as file:
        file.write(b"9,Zoe,7\r\n")
    async with exchange.opened() as connection:
        with pytest.raises(FatalError, match="changed by somebody else"):
            await connection.receipt(target("orders", mode="append"))
    assert (exchange.path / "orders.csv").read_bytes() == f"{CSV}9,Zoe,7\r\n".encode()


async def test_a_preview_makes_nothing(exchange: Exchange) -> None:
    async with exchange.opened() as connection:
        present = await connection.present(target("orders"), Batch(ORDER, ["a", "b"], ROWS))
    assert list(present.rows) == [None, None]
    assert present.stand_ins == {0, 1}
    assert list(exchange.path.iterdir()) == []


def _cy_dies_at(exchange: Exchange, step: str) -> None:
    """The node of all these tests dies while it appends Cy."""

    def die(done: str) -> None:
        if done == step:
            raise Died

    with pytest.raises(Died):
        Writer(LocalPlace(exchange.path), lambda: NOON, threading.Lock(), die).write(
            target("orders", mode="append"), Batch(ORDER, ["c"], [(3, "Cy", "1")]), lambda _: b"two"
        )


async def _recovered(exchange: Exchange) -> bytes | None:
    async with exchange.opened() as connection:
        return await connection.receipt(target("orders", mode="append"))


async def test_a_file_that_another_node_has_begun_meanwhile_is_not_replaced(exchange: Exchange) -> None:
    await exchange.write(ROWS, mode="append")
    _cy_dies_at(exchange, "committed")
    (exchange.path / "orders.csv").rename(exchange.path / "fetched.csv")
    other = WriteTarget("orders", "POST", {"mode": "append"}, ledger_key="flow/another")
    async with exchange.opened() as connection:
        await connection.write(other, Batch(ORDER, ["z"], [(9, "Zoe", "7")]), lambda _: b"other")
    for _ in range(2):
        assert await _recovered(exchange) == b"two"
    assert (exchange.path / "orders.csv").read_bytes() == b"id,name,total\r\n9,Zoe,7\r\n3,Cy,1\r\n"


@pytest.mark.parametrize("step", ["noted", "appended"])
async def test_killed_while_the_file_of_another_node_is_appended_to_a_packet_is_there_once(
    exchange: Exchange, step: str
) -> None:
    await exchange.write(ROWS, mode="append")
    _cy_dies_at(exchange, "committed")
    (exchange.path / "orders.csv").write_bytes(b"id,name,total\r\n9,Zoe,7\r\n")

    def die(done: str) -> None:
        if done == step:
            raise Died

    receipts = Receipts(LocalPlace(exchange.path))
    entry = receipts.entry("flow/post")
    assert entry is not None
    with pytest.raises(Died):
        receipts.finish("flow/post", entry, at=die)
    assert await _recovered(exchange) == b"two"
    assert (exchange.path / "orders.csv").read_bytes() == b"id,name,total\r\n9,Zoe,7\r\n3,Cy,1\r\n"


@pytest.mark.parametrize("written", ["id,name,total\r\n3,Cy,1\r\n", ""])
async def test_killed_while_a_new_file_is_begun_in_place_of_a_fetched_one_a_packet_is_there_once(
    exchange: Exchange, written: str
) -> None:
    await exchange.write(ROWS, mode="append")
    _cy_dies_at(exchange, "committed")
    (exchange.path / "orders.csv").write_bytes(written.encode())
    assert await _recovered(exchange) == b"two"
    assert (exchange.path / "orders.csv").read_bytes() == b"id,name,total\r\n3,Cy,1\r\n"


async def test_a_new_file_that_is_longer_than_the_fetched_one_was_is_whole(exchange: Exchange) -> None:
    await exchange.write([(1, "A", "1")], mode="append")

    def die(done: str) -> None:
        if done == "committed":
            raise Died

    with pytest.raises(Died):
        Writer(LocalPlace(exchange.path), lambda: NOON, threading.Lock(), die).write(
            target("orders", mode="append"),
            Batch(ORDER, ["b", "c"], [(2, "Bob", "1"), (3, "Cy", "1")]),
            lambda _: b"two",
        )
    (exchange.path / "orders.csv").write_bytes(b"id,name,total\r\n2,Bob,1\r\n3,Cy,1\r\n")
    assert await _recovered(exchange) == b"two"
    assert (exchange.path / "orders.csv").read_bytes() == b"id,name,total\r\n2,Bob,1\r\n3,Cy,1\r\n"


@pytest.mark.parametrize(
    ("form", "there", "expected"),
    [
        ("csv", "id,name,total\n1,Ann,1", "id,name,total\n1,Ann,1\r\n3,Cy,1\r\n"),
        ("csv", "id,name,total\r1,Ann,1\r", "id,name,total\r1,Ann,1\r3,Cy,1\r\n"),
        ("jsonl", '{"id":1}', '{"id":1}\n{"id":3,"name":"Cy","total":1}\n'),
    ],
)
async def test_what_is_appended_to_a_file_without_a_line_end_begins_on_a_line_of_its_own(
    exchange: Exchange, form: str, there: str, expected: str
) -> None:
    exchange.put(f"orders.{form}", there)
    for _ in range(2):
        assert await _recovered(exchange) is None
    await exchange.write([(3, "Cy", "1")], mode="append", format=form)
    assert (exchange.path / f"orders.{form}").read_bytes() == expected.encode()


@pytest.mark.parametrize("step", ["", "committed", "appended"])
async def test_a_packet_that_is_just_like_the_first_one_is_appended(exchange: Exchange, step: str) -> None:
    await exchange.write([(3, "Cy", "1")], mode="append")
    if step:
        _cy_dies_at(exchange, step)
        assert await _recovered(exchange) == b"two"
    else:
        await exchange.write([(3, "Cy", "1")], mode="append")
    assert (exchange.path / "orders.csv").read_bytes() == b"id,name,total\r\n3,Cy,1\r\n3,Cy,1\r\n"
