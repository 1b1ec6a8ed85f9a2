"""CSV: the first line names the columns, each line after it is a record whose values are texts (RFC 4180 and what
programs make of it). A value may hold line ends when it is in quotes."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import chain
from typing import BinaryIO

import msgspec

from agent.connectors.files.failures import malformed
from agent.connectors.files.look import Look
from agent.connectors.files.records import Lines, Mark, Record


def records(file: BinaryIO, look: Look, mark: Mark) -> Iterator[Record]:
    """The records behind the mark.

    Raises:
        ConfigurationError: code `file-malformed`, with the line.
    """
    lines, number, began = Lines(file, look, Mark()), 0, 1
    rows = _rows(look, lines)
    first = _first(look, rows)
    columns = _names(look, first) if look.header else [f"column_{place}" for place in range(1, len(first) + 1)]
    if look.by_bytes and mark.number:
        lines, number, began = Lines(file, look, mark), mark.number, mark.line
        rows = _rows(look, lines)
    elif look.header:
        began = lines.line
    else:
        rows = chain([first], rows)
    # What only counting leads to is counted again, from the first record on.
    encode = msgspec.json.Encoder().encode
    try:
        for row in rows:
            line, began = began, lines.line
            if not row:
                continue
            number += 1
            if number <= mark.number:
                continue
            if len(row) > len(columns) and any(row[len(columns) :]):
                raise malformed(
                    look.name, line, f"there are {len(row)} values, and {len(columns)} columns have a name",
                    "Put values that hold the separator into quotes, or set the option delimiter of the GET node.",
                )  # fmt: skip
            yield Record(encode(dict(zip(columns, row, strict=False))), Mark(number, lines.byte, lines.line))
    except csv.Error as error:
        raise malformed(look.name, began, _said(error)) from error


def _rows(look: Look, lines: Lines) -> Iterator[list[str]]:
    return csv.reader(lines, delimiter=look.delimiter, strict=True)


def _first(look: Look, rows: Iterator[list[str]]) -> list[str]:
    """The first row that is not empty; an empty one where there is none."""
    try:
        return next((row for row in rows if row), [])
    except csv.Error as error:
        raise malformed(look.name, 1, _said(error)) from error


def _names(look: Look, row: list[str]) -> list[str]:
    names = [name.strip() or f"column_{place}" for place, name in enumerate(row, start=1)]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise malformed(
            look.name, 1, f"two columns are called “{sorted(twice)[0][:40]}”",
            "Give each column its own name, or set the option header of the GET node to no.",
        )  # fmt: skip
    return names


def _said(error: csv.Error) -> str:
    text = str(error)
    if "field limit" in text:
        return f"a value is longer than {csv.field_size_limit():,} characters"
    if "unexpected end" in text:
        return "a quote is opened and never closed"
    if "expected after" in text:
        return "a quote ends in the middle of a value"
    return "this is no CSV"
