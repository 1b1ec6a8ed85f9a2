"""Files of lookup rows: what is read, what is refused at which line, and that nothing is taken for a formula."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

from agent.domain.errors import ConfigurationError
from agent.domain.lookup import LookupRow, LookupType, lookup_row
from agent.service.library import sheets
from agent.service.library.lookup_files import csv_file, read_file, xlsx_file
from agent.service.library.sheets import read_csv

GERMANY = LookupRow("DE", "Germany")


def csv_rows(text: str, encoding: str = "utf-8") -> list[LookupRow]:
    found = read_file("countries.csv", text.encode(encoding))
    assert not found.bad
    return list(found.rows.values())


def workbook(*rows: Sequence[Any]) -> bytes:
    book = Workbook()
    assert book.active is not None
    for row in rows:
        book.active.append(list(row))
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_csv_is_read_as_programs_write_it(encoding: str, delimiter: str, ends: str) -> None:
    lines = ("Source,Destination,Type,Description", "DE,Germany,,", "AT,Österreich,text,Alps", "", "5,1.50,decimal,")
    text = ends.join(lines).replace(",", delimiter)
    assert csv_rows(text, encoding) == [
        GERMANY, LookupRow("AT", "Österreich", description="Alps"), LookupRow("5", "1.50", LookupType.DECIMAL),
    ]  # fmt: skip


def test_csv_may_say_its_delimiter_and_have_its_columns_in_any_order() -> None:
    assert csv_rows('sep=;\r\ndestination; SOURCE ;more\r\n"a;b";DE;x\r\n') == [LookupRow("DE", "a;b")]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("Source;Destination\nDE;Österreich\n".encode("cp1252"), "not encoded in UTF-8 (line 2)"),
        ("Source,Destination\n".encode("utf-16"), "UTF-16"),
        (b"From,To\nDE,Germany\n", "no heading “Source”"),
        (b"", "no heading “Source”"),
        (b'Source,Destination\nDE,"Germany\n', "line 2 is not CSV"),
        (b"Source,Destination\nDE," + b"x" * 200_000, "line 2 is not CSV"),
    ],
)
def test_a_csv_file_that_cannot_be_read_is_refused_with_the_reason(content: bytes, reason: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read_file("countries.csv", content)
    assert refused.value.code == "file-unreadable"
    assert reason in refused.value.message
    assert refused.value.remedy


def test_each_bad_row_is_named_with_its_line_and_the_reason() -> None:
    found = read_file(
        "a.csv", b"Source,Destination,Type\nDE,Germany\n,x\n\nDE,again\nA,many,integer\nB,1,moon\n" + b"C" * 101
    )
    assert found.bad == [
        (3, "the source value is missing"),
        (6, "the destination value “many” is no whole number"),
        (7, "there is no type “moon”; known are text, integer, decimal, boolean"),
        (8, "the source value is longer than 100 characters"),
    ]
    assert found.duplicates == [(5, "“DE” is in line 2 already")]


def test_xlsx_is_read_with_its_types() -> None:
    content = workbook(
        ("Source", "Destination", "Type"), ("DE", "Germany", None), (5, 7, "integer"), (1.5, 2.25, "decimal"),
        (True, False, "boolean"), (None, None, None), ("007", "Bond", "text"),
    )  # fmt: skip
    found = read_file("a.xlsx", content)
    assert list(found.rows.values()) == [
        GERMANY, LookupRow("5", "7", LookupType.INTEGER), LookupRow("1.5", "2.25", LookupType.DECIMAL),
        LookupRow("true", "false", LookupType.BOOLEAN), LookupRow("007", "Bond"),
    ]  # fmt: skip


def test_a_formula_is_never_evaluated_but_named() -> None:
    content = workbook(
        ("Source", "Destination"), ("DE", "=1+1"), ("AT", '=HYPERLINK("http://192.0.2.1/")'), ("FR", "ok")
    )
    found = read_file("a.xlsx", content)
    assert found.bad == [(line, "Destination: it holds a formula; paste its value instead") for line in (2, 3)]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"Source,Destination\n", "it is not an xlsx file"),
        (b"PK\x03\x04broken", "it is not an xlsx file"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1encrypted", "it is not an xlsx file"),
    ],
)
def test_what_is_no_xlsx_file_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        read_file("a.xlsx", content)


def changed_part(content: bytes, name: str, part: bytes) -> bytes:
    """A workbook with one of its parts exchanged."""
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as after:
        for one in before.namelist():
            after.writestr(one, part if one == name else before.read(one))
    return changed.getvalue()


def test_an_xlsx_file_that_unpacks_to_something_enormous_is_refused() -> None:
    content = changed_part(workbook(("Source", "Destination")), "xl/styles.xml", b" " * 101_000_000)
    assert len(content) < 1_000_000
    with pytest.raises(ConfigurationError, match="too large when it is unpacked"):
        read_file("a.xlsx", content)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_an_xlsx_file_that_defines_entities_is_refused(encoding: str) -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><styleSheet>&b;</styleSheet>'
    content = changed_part(workbook(("Source", "Destination")), "xl/styles.xml", bomb.encode(encoding))
    with pytest.raises(ConfigurationError, match="what no spreadsheet program writes"):
        read_file("a.xlsx", content)


@pytest.mark.parametrize("name", ["xl/worksheets/SHEET1.XML", "xl/worksheets/sheet1.bin"])
@pytest.mark.parametrize("before", ["", '<?xml version="1.0" encoding="UTF-7"?>', "\ufeff \n"])
def test_parts_are_inspected_whatever_they_are_called(name: str, before: str) -> None:
    bomb = f'{before}<!DOCTYPE x [<!ENTITY a "aa">]><worksheet><sheetData/></worksheet>'.encode()
    if "UTF-7" in before:
        bomb = bomb.replace(b"<!", b"+ADwAIQ-")
    content, changed = workbook(("Source", "Destination"), ("a", "b")), io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(changed, "w") as new:
        for one in old.namelist():
            part = old.read(one).replace(b"worksheets/sheet1.xml", name.removeprefix("xl/").encode())
            new.writestr(*((name, bomb) if one == "xl/worksheets/sheet1.xml" else (one, part)))
    with pytest.raises(ConfigurationError, match="what no spreadsheet program writes"):
        read_file("a.xlsx", changed.getvalue())


def test_a_picture_in_a_workbook_does_no_harm() -> None:
    content, changed = workbook(("Source", "Destination"), ("a", "b")), io.BytesIO(b"")
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(changed, "w") as new:
        for one in old.namelist():
            new.writestr(one, old.read(one))
        new.writestr("xl/media/image1.png", b"\x89PNG <!DOCTYPE")
        new.writestr("xl/printerSettings/printerSettings1.bin", "Drucker".encode("utf-16-le"))
    assert list(read_file("a.xlsx", changed.getvalue()).rows) == ["a"]


def test_an_exported_cell_is_a_text_in_every_program() -> None:
    rows = [LookupRow("=1+1", "@SUM(1)", description="-cmd"), LookupRow("-5", "+49 40", description="'=1")]
    text = csv_file(rows).decode("utf-8-sig")
    assert text.splitlines()[1:] == ["'=1+1,'@SUM(1),text,'-cmd", "-5,'+49 40,text,''=1"]
    sheet = load_workbook(io.BytesIO(xlsx_file(rows, title="a/b"))).active
    assert sheet is not None
    assert {cell.data_type for row in sheet.iter_rows() for cell in row} == {"s"}


@settings(deadline=None, max_examples=200)
@given(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20)), max_size=10))
def test_what_was_exported_is_imported_again_as_it_was(texts: list[tuple[str, str, str]]) -> None:
    rows = {}
    for source, destination, description in texts:
        try:
            row = lookup_row(source, destination, "text", description)
        except ValueError:
            continue
        rows[row.source] = row
    assert read_file("a.csv", csv_file(rows.values())).rows == rows


@settings(deadline=None, max_examples=20)
@given(st.lists(st.sampled_from(["=1", "'", "a b", "007", "5.0", "true", 'ß"x', "é"]), min_size=1, unique=True))
def test_an_exported_workbook_is_imported_again_as_it_was(texts: list[str]) -> None:
    rows = {text: LookupRow(text, text[::-1]) for text in texts}
    assert read_file("a.xlsx", xlsx_file(rows.values(), title="x")).rows == rows


def test_lines_are_those_of_the_file_also_after_a_cell_of_several_lines() -> None:
    assert [line for line, _ in read_csv(b'a,"b\nc"\n\nd,e\n')] == [1, 4]


def test_a_number_that_a_double_cannot_hold_stays_text_for_expressions() -> None:
    assert LookupRow("a", "9007199254740993", LookupType.INTEGER).value == "9007199254740993"
    assert LookupRow("a", "12345678901234.567", LookupType.DECIMAL).value == "12345678901234.567"
    assert LookupRow("a", "12.50", LookupType.DECIMAL).value == 12.5


def test_an_xlsx_file_with_a_line_that_no_sheet_has_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "_MOST_LINES", 100)
    content = workbook(["Source", "Destination"], ["a", "b"])
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        part = file.read("xl/worksheets/sheet1.xml")
    content = changed_part(content, "xl/worksheets/sheet1.xml", part.replace(b'<row r="2"', b'<row r="99999999999"'))
    with pytest.raises(ConfigurationError) as caught:
        read_file("a.xlsx", content)
    assert "lines where no spreadsheet has any" in caught.value.message


def test_every_line_of_an_xlsx_file_is_read_whatever_size_it_says() -> None:
    content = workbook(["Source", "Destination"], ["a", "b"], ["c", "d"])
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        part = file.read("xl/worksheets/sheet1.xml")
    assert b'<dimension ref="A1:B3"' in part
    content = changed_part(content, "xl/worksheets/sheet1.xml", part.replace(b'ref="A1:B3"', b'ref="A1:B1"'))
    assert sorted(read_file("a.xlsx", content).rows) == ["a", "c"]
