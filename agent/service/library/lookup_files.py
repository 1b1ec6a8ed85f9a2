"""Files of lookup rows: what their headings are called, which rows are good, and how tables are written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from agent.domain.errors import ConfigurationError
from agent.domain.lookup import MOST_ROWS, LookupRow, lookup_row
from agent.service.library.sheets import BadCell, Line, read_csv, read_xlsx, write_csv, write_xlsx

HEADINGS: Final = ("Source", "Destination", "Type", "Description")
_NAMES: Final[Mapping[str, str]] = {heading.casefold(): heading for heading in HEADINGS}


@dataclass(slots=True)
class ReadFile:
    """What a file holds: good rows by source value, and the lines of others with the reason."""

    rows: dict[str, LookupRow] = field(default_factory=dict)
    bad: list[tuple[int, str]] = field(default_factory=list)
    duplicates: list[tuple[int, str]] = field(default_factory=list)


def read_file(name: str, content: bytes) -> ReadFile:
    """Read a file by the ending of its name. A source value that comes again is left out: the first one counts.

    Raises:
        ConfigurationError: code `file-unreadable` or `lookup-too-large`.
    """
    lines = _lines(name, content)
    columns = _columns(next(lines, None))
    found = ReadFile()
    places: dict[str, int] = {}
    for line, cells in lines:
        texts = {heading: cells[place] for heading, place in columns.items() if place < len(cells)}
        broken = next((f"{heading}: {text}" for heading, text in texts.items() if isinstance(text, BadCell)), None)
        if broken is not None:
            found.bad.append((line, broken))
            continue
        try:
            row = lookup_row(
                texts.get("Source", ""), texts.get("Destination", ""), texts.get("Type", ""),
                texts.get("Description", ""),
            )  # fmt: skip
        except ValueError as error:
            found.bad.append((line, str(error)))
            continue
        if row.source in places:
            found.duplicates.append((line, f"“{row.source}” is in line {places[row.source]} already"))
        else:
            places[row.source] = line
            found.rows[row.source] = row
        if len(found.rows) + len(found.bad) + len(found.duplicates) > MOST_ROWS:
            raise ConfigurationError(
                f"The file holds more than {MOST_ROWS:,} rows.",
                code="lookup-too-large",
                remedy="Divide it into several tables.",
                field="content",
            )
    return found


def csv_file(rows: Iterable[LookupRow]) -> bytes:
    """The rows as CSV."""
    return write_csv(_written(rows))


def xlsx_file(rows: Iterable[LookupRow], *, title: str) -> bytes:
    """The rows as an xlsx file."""
    return write_xlsx(_written(rows), title=title)


def _written(rows: Iterable[LookupRow]) -> Iterator[Sequence[str]]:
    yield HEADINGS
    for row in rows:
        yield row.source, row.destination, row.type.value, row.description


def _lines(name: str, content: bytes) -> Iterator[Line]:
    ending = name.rpartition(".")[2].casefold()
    if ending == "csv":
        return read_csv(content)
    if ending == "xlsx":
        return read_xlsx(content)
    raise ConfigurationError(
        f"“{name}” is neither a .csv nor an .xlsx file.",
        code="file-unreadable",
        remedy="Save it as CSV UTF-8 or as xlsx.",
        field="name",
    )


def _columns(headings: Line | None) -> dict[str, int]:
    """Where each column is."""
    cells = headings[1] if headings is not None else ()
    columns: dict[str, int] = {}
    for place, cell in enumerate(cells):
        heading = _NAMES.get(cell.strip().casefold())
        if heading is not None:
            columns.setdefault(heading, place)
    missing = [heading for heading in ("Source", "Destination") if heading not in columns]
    if missing:
        raise ConfigurationError(
            f"The file cannot be read: its first line has no heading “{missing[0]}”.",
            code="file-unreadable",
            remedy=f"Let its first line be {', '.join(HEADINGS)}; the last two may be missing.",
            field="content",
        )
    return columns
