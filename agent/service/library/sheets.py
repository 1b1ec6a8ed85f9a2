"""Tables of texts in files: CSV and xlsx, read with their line numbers, and written so that no program takes a value
for a formula.

Nothing in a file is ever evaluated. Files are read in one pass, and how large they may become unpacked is limited.
"""

from __future__ import annotations

import csv
import io
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time
from typing import Any, Final, TypeAlias

from agent.domain.errors import ConfigurationError
from agent.formats.workbooks import UnsafeWorkbookError, inspect
from agent.service.library.formulas import guarded, unguarded

Line: TypeAlias = "tuple[int, Sequence[str | BadCell]]"
"""A line number, counted from 1, and the cells."""
_MOST_UNPACKED_BYTES: Final = 100_000_000
_MOST_COLUMNS: Final = 50
# As many as a sheet can have. A line may say that it is any; those before it are made up.
_MOST_LINES: Final = 1_048_576
_DELIMITERS: Final = ";,\t"


class BadCell(str):
    """A cell that cannot be taken; its text says why."""

    __slots__ = ()


def read_csv(content: bytes) -> Iterator[Line]:
    """The lines of a CSV file in UTF-8, with or without a byte order mark; commas, semicolons or tabs between cells.

    Raises:
        ConfigurationError: code `file-unreadable`.
    """
    text = _decoded(content)
    delimiter = ""
    if told := re.match(r"sep=(.)\r?\n", text):
        # Excel's own way to name the delimiter in the first line.
        delimiter, text = told[1], text[told.end() :]
    first_line = text.split("\n", 1)[0]
    delimiter = delimiter or max(_DELIMITERS, key=first_line.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    before = 1 if told else 0
    while True:
        line = before + reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise _unreadable(f"line {line} is not CSV: {error}", "Save it as CSV UTF-8 again.") from error
        if any(cell.strip() for cell in cells):
            yield line, [unguarded(cell) for cell in cells]


def read_xlsx(content: bytes) -> Iterator[Line]:
    """The lines of the first sheet of an xlsx file, as wide as its first line.

    Formulas, and cells that hold an error, come as `BadCell`.

    Raises:
        ConfigurationError: code `file-unreadable`.
    """
    try:
        inspect(io.BytesIO(content), most_unpacked_bytes=_MOST_UNPACKED_BYTES)
    except UnsafeWorkbookError as error:
        raise _unreadable(str(error), error.remedy) from error
    import openpyxl  # imported here: it takes a while, and most of the time nobody needs it

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about what it leaves out: styles, pictures, validation
            book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, keep_vba=False, keep_links=False)
            try:
                sheet = book.worksheets[0]
                sheet.reset_dimensions()  # some programs write a size that leaves lines out
                # A row is filled up to the last column asked for, and most sheets need only a few.
                first = next(sheet.iter_rows(max_row=1, max_col=_MOST_COLUMNS), ())
                columns = max((place for place, cell in enumerate(first, 1) if cell.value is not None), default=1)
                for number, cells in enumerate(sheet.iter_rows(max_col=columns), 1):
                    if number > _MOST_LINES:
                        raise _unreadable("it has lines where no spreadsheet has any", "Save it as xlsx again.")
                    texts = [_cell_text(cell) for cell in cells]
                    if any(text.strip() for text in texts):
                        yield number, texts
            finally:
                book.close()
    except ConfigurationError:
        raise
    except Exception as error:  # whatever is wrong with the file, it raises what comes along
        raise _unreadable("it is not an xlsx file that can be read", "Save it as xlsx again.") from error


def write_csv(rows: Iterable[Sequence[str]]) -> bytes:
    """A CSV file in UTF-8 with a byte order mark, as Excel wants it. `read_csv` gives the same cells again."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows([guarded(cell) for cell in row] for row in rows)
    return text.getvalue().encode("utf-8-sig")


def write_xlsx(rows: Iterable[Sequence[str]], *, title: str) -> bytes:
    """An xlsx file of one sheet in which every cell is a text, whatever it looks like."""
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell

    book = Workbook(write_only=True)
    sheet = book.create_sheet(re.sub(r"[\[\]:*?/\\]", " ", title)[:31] or "Rows")
    cells: list[Any] = []  # used again for each row, as a cell that says it is text takes long to make
    for row in rows:
        while len(cells) < len(row):
            cells.append(WriteOnlyCell(sheet))
            cells[-1].number_format = "@"
        for cell, text in zip(cells, row, strict=False):
            cell.value = text
            cell.data_type = "s"
        sheet.append(cells[: len(row)])
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def _decoded(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _unreadable("it is encoded in UTF-16", "In Excel choose “CSV UTF-8” when saving.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _unreadable(
            f"it is not encoded in UTF-8 (line {line})", "In Excel choose “CSV UTF-8” when saving."
        ) from error


def _cell_text(cell: Any) -> str:
    value, kind = cell.value, getattr(cell, "data_type", "n")
    if kind == "f":
        return BadCell("it holds a formula; paste its value instead")
    if kind == "e":
        return BadCell(f"it holds the error {value}")
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return str(value)


def _unreadable(reason: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(
        f"The file cannot be read: {reason}.", code="file-unreadable", remedy=remedy, field="content"
    )
