"""Excel workbooks (xlsx): the lines of a sheet, one at a time, and a sheet of records.

Formulas give the value that the spreadsheet program last calculated; nothing is calculated here. What is written is a
number or a text, never a formula, whatever it looks like.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time
from typing import Any, BinaryIO, Final

import msgspec

from agent.connectors.files.failures import malformed
from agent.connectors.files.look import Look
from agent.connectors.files.records import Mark, Record
from agent.domain.app import Attribute, DataType
from agent.domain.error_classes import ErrorClass
from agent.domain.errors import ConfigurationError, RecordError
from agent.domain.packet import Row
from agent.formats.workbooks import UnsafeWorkbookError, inspect

_MOST_UNPACKED_BYTES: Final = 1_000_000_000
_MOST_COLUMNS: Final = 1_000
_MOST_LINES: Final = 1_048_576
"""As many as a sheet can have. A line may say that it is any; those before it are made up."""
_MOST_DIGITS: Final = 15
"""As many as a number in a spreadsheet has. A longer one is written as a text."""
_LONGEST_TEXT: Final = 32_767
"""As many characters as a cell takes."""
_FORBIDDEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_encode = msgspec.json.Encoder().encode


def records(file: BinaryIO, look: Look, mark: Mark) -> Iterator[Record]:
    """The records of a sheet behind the mark: one of each line that is not empty, by the names in the first one.

    Raises:
        ConfigurationError: code `file-malformed`.
    """
    try:
        inspect(file, most_unpacked_bytes=_MOST_UNPACKED_BYTES)
    except UnsafeWorkbookError as error:
        raise malformed(look.name, 0, str(error), error.remedy) from error
    file.seek(0)
    number, names = 0, list[str]()
    for line, cells in _lines(file, look):
        if not look.header:
            names = [f"column_{place}" for place in range(1, len(cells) + 1)]
        elif not names:
            names = _names(cells, look, line)
            continue
        number += 1
        if number > mark.number:
            values = dict(zip(names, cells, strict=False))
            values.pop("", None)
            yield Record(_encode(values), Mark(number, 0, line + 1))


def encoded_line(attributes: Sequence[Attribute], row: Row) -> str:
    """A record on its way into a sheet.

    Raises:
        RecordError: it holds what a cell has no place for.
    """
    for attribute, value in zip(attributes, row, strict=True):
        if isinstance(value, str) and (len(value) > _LONGEST_TEXT or _FORBIDDEN.search(value)):
            why = "is longer than a cell can be" if len(value) > _LONGEST_TEXT else "holds a control character"
            raise RecordError(
                f"{attribute.name} {why}.",
                code="value-refused",
                remedy="Shorten or correct it in the mapping.",
                error_class=ErrorClass.ATTRIBUTE_INVALID,
            )
    return _encode(list(row)).decode()


def workbook(lines: Iterable[bytes], attributes: Sequence[Attribute], *, header: bool, sheet: str) -> bytes:
    """A workbook with one sheet of these records."""
    from openpyxl import Workbook  # it takes a while, and most of the time nobody needs it
    from openpyxl.cell import WriteOnlyCell

    book = Workbook(write_only=True)
    page = book.create_sheet(re.sub(r"[\[\]:*?/\\]", " ", sheet)[:31] or "Records")

    def text(value: str) -> Any:
        cell = WriteOnlyCell(page, value=value)
        cell.data_type, cell.number_format = "s", "@"
        return cell

    if header:
        page.append([text(one.name) for one in attributes])
    for line in lines:
        row = msgspec.json.decode(line)
        page.append([_cell(one, value, text) for one, value in zip(attributes, row, strict=True)])
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def _cell(attribute: Attribute, value: Any, text: Any) -> Any:
    if value is None or isinstance(value, bool | int):
        return value if not isinstance(value, int) or len(str(value)) <= _MOST_DIGITS else text(str(value))
    if attribute.type is DataType.DECIMAL and len(value.strip("-").replace(".", "")) <= _MOST_DIGITS:
        return float(value)
    return text(str(value))


def _lines(file: BinaryIO, look: Look) -> Iterator[tuple[int, list[Any]]]:
    """The lines that are not empty, with their numbers."""
    import openpyxl  # it takes a while, and most of the time nobody needs it

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about what it leaves out: styles, pictures, validation
            book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_vba=False, keep_links=False)
        try:
            sheet = _sheet(book, look)
            sheet.reset_dimensions()  # some programs write a size that leaves lines out
            for line, cells in enumerate(sheet.iter_rows(max_col=_MOST_COLUMNS, values_only=True), 1):
                if line > _MOST_LINES:
                    raise malformed(look.name, line, "no spreadsheet has so many lines", "Save it as xlsx again.")
                values = [_value(one) for one in cells]
                while values and values[-1] is None:
                    values.pop()
                if values:
                    yield line, values
        finally:
            book.close()
    except ConfigurationError:
        raise
    except Exception as error:  # whatever is wrong with the file, it raises what comes along
        raise malformed(look.name, 0, "it is not an xlsx file that can be read", "Save it as xlsx again.") from error


def _sheet(book: Any, look: Look) -> Any:
    found = book.worksheets
    if look.records:
        found = [one for one in found if one.title.casefold() == look.records.casefold()]
    if not found:
        raise malformed(
            look.name, 0, f"it has no sheet “{look.records}”" if look.records else "it has no sheet",
            "Correct the option records of the GET node, or the file.",
        )  # fmt: skip
    return found[0]


def _names(cells: Sequence[Any], look: Look, line: int) -> list[str]:
    names = ["" if one is None else str(one).strip() for one in cells]
    double = next((one for one in names if one and names.count(one) > 1), None)
    if double is not None:
        raise malformed(look.name, line, f"two columns are called “{double}”", "Give each column a name of its own.")
    return names


def _value(value: Any) -> Any:
    """A cell's value as JSON has it. Dates are texts as they are in the sheet, which knows no time zone."""
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(timespec="seconds")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer() and abs(value) < 10**_MOST_DIGITS:
        return int(value)
    if isinstance(value, str):
        return value if value.strip() else None
    return value if isinstance(value, bool | int | float) or value is None else str(value)
