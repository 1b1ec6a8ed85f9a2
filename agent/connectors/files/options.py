"""The options of a node, parsed into what cannot be wrong."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from agent.connectors.contract import SentClause, SentPart
from agent.connectors.files import schema
from agent.connectors.files.names import plain_name
from agent.domain.errors import ConfigurationError


class Format(StrEnum):
    """How records lie in a file."""

    CSV = "csv"
    JSON_LINES = "jsonl"
    JSON = "json"
    XML = "xml"
    XLSX = "xlsx"


class Afterwards(StrEnum):
    """What happens to a file once all its records are done."""

    KEEP = "keep"
    ARCHIVE = "archive"
    DELETE = "delete"


class Order(StrEnum):
    """In which order files are read."""

    NAME = "name"
    MODIFIED = "modified"


class Mode(StrEnum):
    """What packets are written into."""

    PACKET = "packet"
    APPEND = "append"


_ENDINGS = {
    "csv": Format.CSV, "txt": Format.CSV, "tsv": Format.CSV, "tab": Format.CSV, "jsonl": Format.JSON_LINES,
    "ndjson": Format.JSON_LINES, "json": Format.JSON, "xml": Format.XML, "xlsx": Format.XLSX, "xlsm": Format.XLSX,
}  # fmt: skip
_DELIMITERS = {"tab": "\t", "\\t": "\t", "\t": "\t", ",": ",", ";": ";", "|": "|"}
_Choice = TypeVar("_Choice", bound=StrEnum)
_DIGITS = re.compile(r"[0-9]{1,6}")


@dataclass(frozen=True, slots=True)
class Layout:
    """How the records lie in a file, as far as the node says: `delimiter` and `encoding` are empty where it does not,
    `format` None."""

    format: Format | None
    encoding: str
    delimiter: str
    header: bool
    records: str

    def format_of(self, name: str) -> Format:
        """The format of the file of that name.

        Raises:
            ConfigurationError: neither the node nor the name tells.
        """
        found = self.format or _ENDINGS.get(name.rpartition(".")[2].casefold())
        if found is None:
            raise ConfigurationError(
                f"It is not known how the records lie in {name}.",
                code="format-unknown",
                remedy=f"Set the option {schema.FORMAT} of the node to csv, jsonl, json, xml or xlsx.",
                field=schema.FORMAT,
            )
        return found


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """Those of a GET node."""

    pattern: str
    layout: Layout
    id: str
    order: Order
    afterwards: Afterwards
    quiet_seconds: int


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """Those of a POST node. `file` may hold the placeholders {date}, {time} and {number}."""

    file: str
    layout: Layout
    format: Format
    mode: Mode


def refuse_filters(clauses: Sequence[SentPart]) -> None:
    """Files are not asked for records: what a filter would leave out would come all the same.

    Raises:
        ConfigurationError: there is a clause.
    """
    for clause in clauses:
        named = f" {clause.key}" if isinstance(clause, SentClause) else ""
        raise ConfigurationError(
            f"Files have no filter{named}.",
            code="unknown-filter",
            remedy=f"Choose the files by the option {schema.PATTERN}, and their records by a Decision.",
            field="filter",
        )


def read_options(name: str, options: Mapping[str, str]) -> ReadOptions:
    """Those of a GET node of the schema of that name.

    Raises:
        ConfigurationError: `field` names the option that cannot be understood.
    """
    quiet = options.get(schema.QUIET, "").strip() or "2"
    if not _DIGITS.fullmatch(quiet):
        raise _not_understood(schema.QUIET, quiet, "Write a whole number of seconds, such as 2.")
    pattern = options.get(schema.PATTERN, "").strip() or name
    return ReadOptions(
        pattern=plain_name(pattern, field=schema.PATTERN),
        layout=_layout(options),
        id=options.get(schema.ID, "").strip(),
        order=_one_of(Order, schema.ORDER, options),
        afterwards=_one_of(Afterwards, schema.AFTERWARDS, options),
        quiet_seconds=int(quiet),
    )


def write_options(name: str, options: Mapping[str, str]) -> WriteOptions:
    """Those of a POST node of the schema of that name.

    Raises:
        ConfigurationError: `field` names the option that cannot be understood.
    """
    layout, mode = _layout(options), _one_of(Mode, schema.MODE, options)
    file = options.get(schema.FILE, "").strip()
    if not file:
        ending = (layout.format or Format.CSV).value
        stem = name.rpartition(".")[0] if name.rpartition(".")[2].casefold() in _ENDINGS else name
        file = f"{stem}.{ending}" if mode is Mode.APPEND else f"{stem}-{{number}}.{ending}"
    plain_name(re.sub(r"\{(date|time|number)\}", "1", file), field=schema.FILE)
    if mode is Mode.PACKET and "{number}" not in file and "{time}" not in file:
        raise ConfigurationError(
            "Each packet becomes a file of its own, and all would have the same name.",
            code="option-format",
            remedy=f"Put {{number}} into the option {schema.FILE}, such as orders-{{number}}.csv, or set "
            f"{schema.MODE} to {Mode.APPEND.value}.",
            field=schema.FILE,
        )
    found = layout.format_of(file)
    if mode is Mode.APPEND and found not in (Format.CSV, Format.JSON_LINES):
        raise ConfigurationError(
            f"Nothing can be appended to a file of the format {found.value}.",
            code="option-format",
            remedy=f"Set {schema.MODE} to {Mode.PACKET.value}, or {schema.FORMAT} to csv or jsonl.",
            field=schema.MODE,
        )
    if layout.encoding.startswith(("utf-16", "utf-32")):
        raise _not_understood(schema.ENCODING, layout.encoding, "Files are written in utf-8, windows-1252 or the like.")
    return WriteOptions(file=file, layout=layout, format=found, mode=mode)


def _layout(options: Mapping[str, str]) -> Layout:
    written = options.get(schema.FORMAT, "").strip().casefold()
    if written and written not in set(Format):
        raise _not_understood(schema.FORMAT, written, "Write csv, jsonl, json, xml or xlsx.")
    delimiter = options.get(schema.DELIMITER, "")
    delimiter = delimiter.strip().casefold() or delimiter[:1]
    if delimiter and delimiter not in _DELIMITERS:
        raise _not_understood(schema.DELIMITER, delimiter, "Write , or ; or | or tab.")
    header = options.get(schema.HEADER, "").strip().casefold() or "yes"
    if header not in ("yes", "no", "true", "false"):
        raise _not_understood(schema.HEADER, header, "Write yes or no.")
    return Layout(
        format=Format(written) if written else None,
        encoding=_encoding(options.get(schema.ENCODING, "").strip()),
        delimiter=_DELIMITERS[delimiter] if delimiter else "",
        header=header in ("yes", "true"),
        records=options.get(schema.RECORDS, "").strip(),
    )


def _encoding(text: str) -> str:
    if not text:
        return ""
    try:
        found = codecs.lookup(text)
        "".encode(found.name)
    except (LookupError, ValueError):
        found = None
    if found is None or not found._is_text_encoding:  # noqa: SLF001 - what codecs itself goes by; nothing public tells
        raise _not_understood(schema.ENCODING, text, "Write the name of an encoding, such as utf-8 or windows-1252.")
    return found.name


def _one_of(kind: type[_Choice], name: str, options: Mapping[str, str]) -> _Choice:
    """The choice that an option names; the first one there is where it is left out."""
    written = options.get(name, "").strip().casefold()
    choices = list(kind)
    if not written:
        return choices[0]
    if written not in choices:
        listed = ", ".join(choice.value for choice in choices[:-1]) + f" or {choices[-1].value}"
        raise _not_understood(name, written, f"Write {listed}.")
    return kind(written)


def _not_understood(name: str, text: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(
        f"The option {name} is “{text[:40]}”, which means nothing.", code="option-format", remedy=remedy, field=name
    )
