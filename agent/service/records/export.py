"""Sync Info as a file: CSV or xlsx, whole before its first byte is sent. So whoever fetches it slowly holds up nobody:
the records are read as fast as they can be written into a file that has no name, and then let go.

What came from other apps stands in these files, and spreadsheets run what looks like a formula. So in CSV such texts
begin with an apostrophe; in xlsx every text is marked as text.
"""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from datetime import datetime
from typing import IO, Any

from agent.service import answers
from agent.service.library.formulas import guarded
from agent.store.records.sync_info import SyncRow

_HEADINGS = (
    "Node", "Source id", "Destination id", "State", "Kind", "Message", "What to do", "Tries", "Run", "Time (UTC)",
)  # fmt: skip
_PIECE_BYTES = 64 * 1024
_ROWS_AT_ONCE = 1_000
_SHEET_ROWS = 1_000_000
_CELL_CHARACTERS = 32_000

Cell = str | int | datetime


def csv_pieces(rows: Generator[SyncRow], tracked: Sequence[str]) -> Generator[bytes]:
    """The rows as CSV in UTF-8, with the mark that makes spreadsheets see that it is; `tracked` are column headers.

    Empty pieces come while they are read, so that whoever waits can stop it.
    """
    with tempfile.TemporaryFile() as file, closing(rows):
        text = io.TextIOWrapper(file, encoding="utf-8", errors="replace", newline="")
        writer = csv.writer(text)
        text.write("\ufeff")
        writer.writerow([guarded(one) for one in (*_HEADINGS, *tracked)])
        for number, row in enumerate(rows):
            if not number % _ROWS_AT_ONCE:
                yield b""
            writer.writerow([guarded(one) if isinstance(one, str) else one for one in _cells(row, tracked, _iso)])
        text.detach()
        yield from _read(file)


def xlsx_pieces(rows: Generator[SyncRow], tracked: Sequence[str]) -> Generator[bytes]:
    """The rows as a workbook, on as many sheets as it takes. Empty pieces come while they are read."""
    from openpyxl import Workbook  # imported here: it takes a while, and most of the time nobody needs it

    text = _text_cells()
    with tempfile.TemporaryFile() as file, closing(rows):
        with closing(Workbook(write_only=True)) as book:
            left = 0
            for number, row in enumerate(rows):
                if not number % _ROWS_AT_ONCE:
                    yield b""
                if not left:
                    sheet = book.create_sheet()
                    sheet.append([text(sheet, one) for one in (*_HEADINGS, *tracked)])
                    left = _SHEET_ROWS
                cells = _cells(row, tracked, _naive)
                sheet.append([text(sheet, one) if isinstance(one, str) else one for one in cells])
                left -= 1
            if not book.worksheets:
                sheet = book.create_sheet()
                sheet.append([text(sheet, one) for one in (*_HEADINGS, *tracked)])
            book.save(file)
        yield from _read(file)


def _read(file: IO[bytes]) -> Iterator[bytes]:
    file.seek(0)
    while piece := file.read(_PIECE_BYTES):
        yield piece


def _cells(row: SyncRow, tracked: Sequence[str], moment: Callable[[datetime], Cell]) -> list[Cell]:
    found = answers.tracked(row) if tracked else {}
    return [
        row.node, row.source_id, row.destination_id, row.state.value, row.error_class.value, row.message, row.remedy,
        row.tries, row.run, moment(row.updated_at), *(found.get(header, "") for header in tracked),
    ]  # fmt: skip


def _text_cells() -> Callable[[Any, str], Any]:
    """Makes a sheet's cells that hold text, whatever it looks like."""
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    def cell(sheet: Any, text: str) -> Any:
        made = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("\ufffd", text)[:_CELL_CHARACTERS])
        made.data_type = "s"
        return made

    return cell


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _naive(moment: datetime) -> datetime:
    """Spreadsheets know no time zones."""
    return moment.replace(tzinfo=None)
