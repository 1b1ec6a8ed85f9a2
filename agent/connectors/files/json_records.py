"""JSON and JSON Lines. Of a JSON file, one record at a time is in memory, however long the list is."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from itertools import accumulate
from typing import Any, BinaryIO, Final, cast

import ijson  # type: ignore[import-untyped]  # it has neither types nor stubs
import msgspec

from agent.connectors.files.failures import malformed
from agent.connectors.files.look import Look
from agent.connectors.files.records import Bounded, Lines, Mark, Record

_WHOLE = "Correct the file: each line has to be one JSON object."


def line_records(file: BinaryIO, look: Look, mark: Mark) -> Iterator[Record]:
    """The records of JSON Lines behind the mark: one JSON object on each line, empty lines are left out.

    Raises:
        ConfigurationError: code `file-malformed`, with the line.
    """
    lines = Lines(file, look, mark)
    number = mark.number if look.by_bytes else 0
    began = lines.line
    for text in lines:
        line, began = began, lines.line
        stripped = text.strip()
        if not stripped:
            continue
        number += 1
        if number <= mark.number:
            continue
        document = stripped.encode()
        if not stripped.startswith("{") or not _is_json(document):
            raise malformed(look.name, line, "this is no JSON object", _WHOLE)
        yield Record(document, Mark(number, lines.byte, lines.line))


def _is_json(document: bytes) -> bool:
    try:
        msgspec.json.decode(document, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def list_records(file: BinaryIO, look: Look, mark: Mark) -> Iterator[Record]:
    """The records of a JSON file behind the mark: the objects of the list that `look.records` leads to, those of the
    outermost list, or the outermost object alone.

    Raises:
        ConfigurationError: code `file-malformed`; or the list is not there.
    """
    prefix = f"{look.records}.item" if look.records else _outermost(file, look)
    file.seek(0)
    narrow = look.encoding in ("utf-8", "utf-8-sig", "utf_8")
    source = _Shallow(file if narrow else cast("BinaryIO", codecs.EncodedFile(file, "utf-8", look.encoding)), look)
    if look.encoding == "utf-8-sig":
        file.read(3)
    encode = msgspec.json.Encoder(decimal_format="number").encode
    number, seen = 0, False
    try:
        for item in ijson.items(cast("Any", source), prefix):
            seen, number = True, number + 1
            source.since = 0
            if number <= mark.number:
                continue
            if not isinstance(item, dict):
                raise malformed(look.name, 0, f"entry {number} of the list is no object")
            yield Record(encode(item), Mark(number))
    except (ijson.JSONError, UnicodeError) as error:
        raise malformed(look.name, 0, f"this is no JSON after {number} records") from error
    except (RecursionError, msgspec.MsgspecError) as error:
        raise malformed(look.name, 0, f"record {number} is nested too deeply") from error
    if not seen and look.records and not _has(file, look):
        raise malformed(
            look.name, 0, f"there is no list {look.records}", "Correct the option records of the GET node, or the file."
        )


class _Shallow(Bounded):
    """A file in which no record is nested deeply: the parser's time grows with the square of the depth.

    Brackets are counted without regard to texts, so the limit is far above what any record needs.
    """

    _deepest: Final = 2_000
    _others: Final = bytes(set(range(256)) - set(b"[]{}"))
    _steps: Final = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}

    def __init__(self, file: BinaryIO, look: Look) -> None:
        super().__init__(file, look)
        self._depth = 0

    def read(self, size: int = -1) -> bytes:
        """As a file's own.

        Raises:
            ConfigurationError: the record is too large or nested too deeply.
        """
        block = super().read(size)
        steps = map(self._steps.__getitem__, block.translate(None, self._others))
        depths = list(accumulate(steps, initial=self._depth))
        self._depth = max(depths[-1], 0)
        if max(depths) > self._deepest:
            raise malformed(self._look.name, 0, "a record is nested too deeply")
        return block


def _outermost(file: BinaryIO, look: Look) -> str:
    """Where the records are: in the outermost list, or the outermost object is one."""
    file.seek(0)
    text = codecs.getincrementaldecoder(look.encoding)(errors="replace").decode(file.read(4096)).lstrip()
    return "item" if text.startswith("[") else ""


def _has(file: BinaryIO, look: Look) -> bool:
    """Whether there is a list, even an empty one."""
    file.seek(3 if look.encoding == "utf-8-sig" else 0)
    source = file if look.by_bytes else cast("BinaryIO", codecs.EncodedFile(file, "utf-8", look.encoding))
    return any(
        prefix == look.records and event == "start_array" for prefix, event, _ in ijson.parse(cast("Any", source))
    )
