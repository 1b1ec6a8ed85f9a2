"""Excel workbooks: what an operator sees in a sheet comes as records, and records go into one as they are."""

from __future__ import annotations

import io
import zipfile
from datetime import date, datetime
from typing import Any

import openpyxl
import pytest

from agent.domain.errors import ConfigurationError
from tests.connectors.files.exchange import Exchange, documents, ids, last


def workbook(*lines: tuple[Any, ...], title: str = "Stock", more: str = "") -> bytes:
    """A file as a spreadsheet program saves it."""
    book = openpyxl.Workbook()
    sheet: Any = book.active
    sheet.title = title
    for line in lines:
        sheet.append(line)
    if more:
        book.create_sheet(more).append(("sku",))
    saved = io.BytesIO()
    book.save(saved)
    return saved.getvalue()


STOCK = workbook(
    ("sku", "level", "price", "since", "note", None),
    ("CUP", 5, 12.5, date(2026, 1, 31), "  "),
    (None, None),
    ("MUG", 7.0, 0.1, datetime.fromisoformat("2026-02-01T09:30"), "Zürich"),
    more="Other",
)


async def test_each_line_is_a_record_by_the_names_in_the_first(exchange: Exchange) -> None:
    exchange.put("stock.xlsx", STOCK)
    packets = await exchange.read("stock.xlsx", id="sku")
    assert ids(packets) == ["CUP", "MUG"]
    assert documents(packets) == [
        {"sku": "CUP", "level": 5, "price": 12.5, "since": "2026-01-31"},
        {"sku": "MUG", "level": 7, "price": 0.1, "since": "2026-02-01T09:30:00", "note": "Zürich"},
    ]
    assert ids(await exchange.read("stock.xlsx", id="sku", bookmark=last(packets))) == []


async def test_a_read_goes_on_in_the_middle_of_a_sheet(exchange: Exchange) -> None:
    exchange.put("many.xlsx", workbook(("id",), *((number,) for number in range(1, 8))))
    packets = await exchange.read("many.xlsx", at_once=2, id="id")
    rest = await exchange.read("many.xlsx", at_once=2, id="id", position=packets[1].position)
    assert ids(packets[:2]) + ids(rest) == [str(number) for number in range(1, 8)]


async def test_a_sheet_is_chosen_by_its_name(exchange: Exchange) -> None:
    exchange.put("stock.xlsx", STOCK)
    assert documents(await exchange.read("stock.xlsx", records="other")) == []
    with pytest.raises(ConfigurationError) as raised:
        await exchange.read("stock.xlsx", records="Prices")
    assert "it has no sheet “Prices”" in raised.value.message


async def test_without_names_the_columns_are_numbered(exchange: Exchange) -> None:
    exchange.put("plain.xlsx", workbook(("CUP", 5)))
    assert documents(await exchange.read("plain.xlsx", header="no")) == [{"column_1": "CUP", "column_2": 5}]


async def test_two_columns_of_one_name_are_refused(exchange: Exchange) -> None:
    exchange.put("double.xlsx", workbook(("sku", "sku"), (1, 2)))
    with pytest.raises(ConfigurationError) as raised:
        await exchange.read("double.xlsx")
    assert "two columns are called “sku”" in raised.value.message


def bomb() -> bytes:
    made = io.BytesIO()
    with (
        zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("xl/a.xml", "w", force_zip64=True) as part,
    ):
        block = b" " * (1 << 24)
        for _ in range(70):
            part.write(block)
    return made.getvalue()


def with_part(name: str, content: bytes) -> bytes:
    made = io.BytesIO(STOCK)
    with zipfile.ZipFile(made, "a") as archive:
        archive.writestr(name, content)
    return made.getvalue()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"PK\x03\x04 not really", "not an xlsx file"),
        (b"sku,level\nCUP,5\n", "not an xlsx file"),
        (bomb(), "too large when it is unpacked"),
        (
            with_part("xl/evil.xml", b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a/>'),
            "no spreadsheet program",
        ),
        (with_part("xl/wide.xml", '<!DOCTYPE a [<!ENTITY b "c">]><a/>'.encode("utf-16")), "no spreadsheet program"),
        (with_part("xl/late.xml", b"<a>" + b" " * 1_048_570 + b"<!ENTITY b 'c'></a>"), "no spreadsheet program"),
        (workbook(), None),
    ],
    ids=["damaged", "csv", "bomb", "entities", "utf-16", "late", "empty"],
)
async def test_hostile_and_damaged_files_are_refused_by_name(
    exchange: Exchange, content: bytes, why: str | None
) -> None:
    exchange.put("hostile.xlsx", content)
    if why is None:
        assert documents(await exchange.read("hostile.xlsx")) == []
        return
    with pytest.raises(ConfigurationError) as raised:
        await exchange.read("hostile.xlsx")
    assert raised.value.code == "file-malformed"
    assert "hostile.xlsx" in raised.value.message
    assert why in raised.value.message


async def test_records_become_a_sheet_without_formulas(exchange: Exchange) -> None:
    rows = [(1, "=SUM(A1:A9)", "12.50"), (2, "Zoë", "0.10"), (3, "bad\x07", "1"), (4, None, "12345678901234567890.12")]
    report = await exchange.write(rows, file="orders-{number}.xlsx")
    assert {row: error.message for row, error in report.failures.items()} == {2: "name holds a control character."}
    (file,) = [one for one in exchange.path.iterdir() if one.suffix == ".xlsx"]
    sheet: Any = openpyxl.load_workbook(file).active
    assert [[cell.value for cell in line] for line in sheet.iter_rows()] == [
        ["id", "name", "total"], [1, "=SUM(A1:A9)", 12.5], [2, "Zoë", 0.1], [4, None, "12345678901234567890.12"],
    ]  # fmt: skip
    assert sheet["B2"].data_type == "s"


async def test_what_was_written_is_read_again(exchange: Exchange) -> None:
    await exchange.write([(1, "A", "12.50"), (2, "B", "7")], file="orders-{number}.xlsx")
    (file,) = exchange.path.glob("*.xlsx")
    exchange.put(file.name, file.read_bytes())
    assert documents(await exchange.read("orders-*.xlsx")) == [
        {"id": 1, "name": "A", "total": 12.5}, {"id": 2, "name": "B", "total": 7}
    ]  # fmt: skip


async def test_nothing_is_appended_to_a_workbook(exchange: Exchange) -> None:
    with pytest.raises(ConfigurationError) as raised:
        await exchange.write([(1, "A", "1")], file="orders.xlsx", mode="append")
    assert raised.value.field == "mode"


async def test_without_names_a_line_that_is_longer_than_the_first_one_keeps_all_its_values(exchange: Exchange) -> None:
    exchange.put("stock.xlsx", workbook((1, 2), (3, 4, 5)))
    assert documents(await exchange.read(header="no")) == [
        {"column_1": 1, "column_2": 2},
        {"column_1": 3, "column_2": 4, "column_3": 5},
    ]
