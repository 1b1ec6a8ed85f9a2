"""Says whether an xlsx file is safe to open: it unpacks to no more than a bound, and its XML defines no entities.

A workbook is a zip archive of XML parts (ECMA-376). A part may have any name, as a workbook says itself where its parts
are; so all of them are looked at.
"""

from __future__ import annotations

import re
import zipfile
from typing import IO, Final

_MOST_PARTS: Final = 1_000
_BLOCK: Final = 1 << 20
_WIDE_XML: Final = (b"\xff\xfe", b"\xfe\xff", b"\x00<", b"<\x00", b"\x00\x00")
"""How XML begins whose characters have two or four bytes."""
_PLAIN_ENCODINGS: Final = frozenset({b"utf-8", b"us-ascii", b"ascii", b"iso-8859-1", b"windows-1252"})
_ENCODING: Final = re.compile(rb"""<\?xml[^>]*?\sencoding\s*=\s*["']([^"'>]*)["']""")
_WORDS: Final = (b"<!DOCTYPE", b"<!ENTITY")
_LONGEST_WORD: Final = max(map(len, _WORDS))


class UnsafeWorkbookError(ValueError):
    """It is no workbook, or none that should be opened. The text says why, as the rest of a sentence; `remedy` what to
    do."""

    def __init__(self, why: str, remedy: str) -> None:
        super().__init__(why)
        self.remedy = remedy


def inspect(file: IO[bytes], *, most_unpacked_bytes: int) -> None:
    """Look through a workbook without opening it.

    Args:
        file: Seekable; it is left anywhere.
        most_unpacked_bytes: What its parts may have together.

    Raises:
        UnsafeWorkbookError: it should not be opened.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            parts = archive.infolist()
            if len(parts) > _MOST_PARTS or sum(part.file_size for part in parts) > most_unpacked_bytes:
                raise UnsafeWorkbookError("it is too large when it is unpacked", "Keep only the sheet with the rows.")
            left = most_unpacked_bytes
            for part in parts:
                with archive.open(part) as opened:
                    left -= _look_through(opened, left)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError) as error:
        raise UnsafeWorkbookError("it is not an xlsx file", "Save it as xlsx, without a password.") from error


def _look_through(part: IO[bytes], left: int) -> int:
    """How many bytes a part really has; refuses XML that could define entities."""
    size, tail, is_xml = 0, b"", False
    while block := part.read(_BLOCK):
        if not size:
            start = block[:1_000].removeprefix(b"\xef\xbb\xbf").lstrip()
            _refuse(hidden=_hides(start))
            is_xml = start.startswith(b"<")
        size += len(block)
        if size > left:
            raise UnsafeWorkbookError("it is too large when it is unpacked", "Keep only the sheet with the rows.")
        seen = tail + block
        _refuse(hidden=is_xml and any(word in seen for word in _WORDS))
        tail = seen[-_LONGEST_WORD:]
    return size


def _hides(start: bytes) -> bool:
    """In another encoding than one that has ASCII in it the words could hide. Spreadsheet programs write none."""
    if start.startswith(b"<?xml") and (told := _ENCODING.match(start)) is not None:
        return told[1].lower() not in _PLAIN_ENCODINGS
    return start.startswith(_WIDE_XML)


def _refuse(*, hidden: bool) -> None:
    if hidden:
        raise UnsafeWorkbookError("it holds what no spreadsheet program writes", "Save it as xlsx again.")
