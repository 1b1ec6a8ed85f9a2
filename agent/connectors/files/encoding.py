"""Mapped records as the text of a file, each for itself, so that a record that cannot be written fails alone."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import msgspec

from agent.connectors.files.options import Format, WriteOptions
from agent.connectors.files.workbooks import encoded_line, workbook
from agent.domain.app import Attribute, DataType
from agent.domain.error_classes import ErrorClass
from agent.domain.errors import ConfigurationError, RecordError
from agent.domain.packet import Row, Value

_XML_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_XML_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


class Encoder:
    """Makes the text of files with these attributes.

    Raises:
        ConfigurationError: the format has no place for one of the attributes.
    """

    def __init__(self, options: WriteOptions, attributes: Sequence[Attribute]) -> None:
        self._options, self._attributes = options, attributes
        self.encoding = options.layout.encoding or "utf-8"
        self._record = self._made()

    def record(self, row: Row) -> bytes:
        """One record.

        Raises:
            RecordError: it holds what the format or the encoding has no sign for.
        """
        text = self._record(row)
        try:
            return text.encode(self.encoding)
        except UnicodeEncodeError as error:
            raise RecordError(
                f"“{error.object[error.start : error.end][:5]}” cannot be written in {self.encoding}.",
                code="value-refused",
                remedy="Set the option encoding of the POST node to utf-8, or take the sign out in the mapping.",
                error_class=ErrorClass.ATTRIBUTE_INVALID,
            ) from None

    def begin(self) -> bytes:
        """What comes before the first record of a file."""
        match self._options.format:
            case Format.CSV:
                if not self._options.layout.header:
                    return b""
                return self._line([one.name for one in self._attributes]).encode(self.encoding)
            case Format.JSON:
                return "[\n".encode(self.encoding)
            case Format.XML:
                return f'<?xml version="1.0" encoding={quoteattr(self.encoding)}?>\n<records>\n'.encode(self.encoding)
            case Format.JSON_LINES | Format.XLSX:
                return b""

    def whole(self, pieces: Iterable[bytes]) -> bytes:
        """A whole file of these records."""
        if self._options.format is Format.XLSX:
            return workbook(pieces, self._attributes, header=self._options.layout.header,
                            sheet=self._options.layout.records)  # fmt: skip
        return self.begin() + self.between().join(pieces) + self.end()

    def between(self) -> bytes:
        """What comes between two records."""
        return ",\n".encode(self.encoding) if self._options.format is Format.JSON else b""

    def end(self) -> bytes:
        """What comes behind the last record."""
        ends = {Format.JSON: "\n]\n", Format.XML: "</records>\n"}
        return ends.get(self._options.format, "").encode(self.encoding)

    def _made(self) -> Callable[[Row], str]:
        match self._options.format:
            case Format.XLSX:
                self._refuse_collections()
                return lambda row: encoded_line(self._attributes, row)
            case Format.CSV:
                self._refuse_collections()
                return lambda row: self._line([_plain(value) for value in row])
            case Format.XML:
                _check_names(self._attributes)
                tag = self._options.layout.records or "record"
                return lambda row: _element(tag, self._attributes, row)
            case Format.JSON:
                return lambda row: _json(self._attributes, row)
            case Format.JSON_LINES:
                return lambda row: _json(self._attributes, row) + "\n"

    def _refuse_collections(self) -> None:
        """Raise ConfigurationError where an attribute is a list of records, for which a line has no place."""
        collections = [one.name for one in self._attributes if one.type is DataType.COLLECTION]
        if collections:
            raise ConfigurationError(
                f"A line of a {'workbook' if self._options.format is Format.XLSX else 'CSV file'} has no place for the "
                f"records of {collections[0]}.",
                code="format-flat",
                remedy="Set the option format of the POST node to jsonl, json or xml, or leave the collection out of "
                "the mapping.",
                field="format",
            )

    def _line(self, values: Sequence[str]) -> str:
        text = io.StringIO()
        csv.writer(text, delimiter=self._options.layout.delimiter or ",", lineterminator="\r\n").writerow(values)
        return text.getvalue()


def _plain(value: Value) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


_encode = msgspec.json.Encoder().encode


def _json(attributes: Sequence[Attribute], row: Row) -> str:
    return _encode(_object(attributes, row)).decode()


def _object(attributes: Sequence[Attribute], row: Row) -> Mapping[str, Any]:
    return {one.name: _valued(one, value) for one, value in zip(attributes, row, strict=True)}


def _valued(attribute: Attribute, value: Value) -> Any:
    """A value as JSON has it: decimals are numbers, to the last digit."""
    if value is None:
        return None
    if isinstance(value, list):
        return [_object(attribute.members, row) for row in value]
    if attribute.type in (DataType.DECIMAL, DataType.JSON):
        return msgspec.Raw(str(value).encode())
    return value


def _check_names(attributes: Sequence[Attribute]) -> None:
    for one in attributes:
        if not _XML_NAME.fullmatch(one.name):
            raise ConfigurationError(
                f"“{one.name[:40]}” cannot be the name of an XML element.",
                code="format-name",
                remedy="Give the attribute a name of letters and digits in the mapping.",
                field="format",
            )
        _check_names(one.members)


def _element(tag: str, attributes: Sequence[Attribute], row: Row) -> str:
    inner = "".join(_member(one, value) for one, value in zip(attributes, row, strict=True) if value is not None)
    return f"<{tag}>{inner}</{tag}>\n"


def _member(attribute: Attribute, value: Value) -> str:
    if isinstance(value, list):
        return "".join(_element(attribute.name, attribute.members, row).rstrip("\n") for row in value)
    text = _plain(value)
    if _XML_FORBIDDEN.search(text):
        raise RecordError(
            f"{attribute.name} holds a control character, which XML has no sign for.",
            code="value-refused",
            remedy="Take it out in the mapping.",
            error_class=ErrorClass.ATTRIBUTE_INVALID,
        )
    return f"<{attribute.name}>{escape(text)}</{attribute.name}>"
