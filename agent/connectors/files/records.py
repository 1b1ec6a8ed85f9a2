"""A record as it is found in a file, and the lines of a text file with the place behind each."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from agent.connectors.files.failures import malformed
from agent.connectors.files.look import Look

LONGEST = 64 << 20
"""How many bytes a record may have."""


class Mark(NamedTuple):
    """A place between two records: how many were before, and where the next begins: which byte (0 where only counting
    leads there), and which line."""

    number: int = 0
    byte: int = 0
    line: int = 1


class Record(NamedTuple):
    """One record: its JSON object, and the place behind it."""

    document: bytes
    after: Mark


class Lines:
    """The lines of a file, decoded one by one. `byte` and `line` are those of the line that comes next."""

    def __init__(self, file: BinaryIO, look: Look, mark: Mark) -> None:
        self._file, self._look = file, look
        self.byte, self.line = (mark.byte, mark.line) if look.by_bytes else (0, 1)
        file.seek(self.byte)
        self._made = self._cut() if look.by_bytes else self._decoded()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        return next(self._made)

    def _cut(self) -> Iterator[str]:
        encoding = "utf-8" if self._look.encoding == "utf-8-sig" else self._look.encoding
        while raw := self._file.readline(LONGEST + 1):
            if len(raw) > LONGEST:
                raise malformed(self._look.name, self.line, "a line is longer than 64 MB")
            if self.byte == 0:
                raw_text = raw.removeprefix(b"\xef\xbb\xbf") if self._look.encoding == "utf-8-sig" else raw
            else:
                raw_text = raw
            try:
                text = raw_text.decode(encoding)
            except UnicodeDecodeError:
                raise self._mixed() from None
            if "\x00" in text:
                raise malformed(self._look.name, self.line, "it holds bytes of zero, as no text does")
            self.byte += len(raw)
            self.line += 1
            yield text

    def _decoded(self) -> Iterator[str]:
        text = io.TextIOWrapper(self._file, self._look.encoding, newline="" if not self._look.old_lines else None)
        try:
            while line := text.readline(LONGEST):
                if len(line) >= LONGEST:
                    raise malformed(self._look.name, self.line, "a line is longer than 64 MB")
                self.line += 1
                yield line
        except UnicodeError:
            raise self._mixed() from None
        finally:
            text.detach()

    def _mixed(self) -> Exception:
        if self._look.given:
            return malformed(
                self._look.name, self.line, f"this is not {self._look.encoding}, as the option encoding says",
                "Correct the option, or the file.",
            )  # fmt: skip
        return malformed(
            self._look.name, self.line, f"this is not {self._look.encoding}, as the lines before are",
            "Save the file anew in one encoding, best UTF-8, or set the option encoding of the GET node.",
        )  # fmt: skip


class Bounded:
    """A file of which no more than one record's worth is read between two records. Set `since` to 0 at each."""

    def __init__(self, file: BinaryIO, look: Look) -> None:
        self._file, self._look = file, look
        self.since = 0

    def read(self, size: int = -1) -> bytes:
        """As a file's own.

        Raises:
            ConfigurationError: the record is too large.
        """
        block = self._file.read(size)
        self.since += len(block)
        if self.since > LONGEST + (1 << 20):
            raise malformed(self._look.name, 0, "a record is larger than 64 MB")
        return block
