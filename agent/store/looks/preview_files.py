"""The records of previews on disk: one file for each preview, compressed in pieces, so that neither writing nor reading
a page needs memory for all of it. Nothing depends on these files; they are forgotten when the service ends.

Secrets are taken out before anything is written.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import zstandard

from agent.domain.preview import FieldChange, Outcome, PreviewedRecord
from agent.store.private_files import unwritable
from agent.store.vaults.redaction import DOTS, Redactor

MEGABYTE = 1_000_000
_PIECE_RECORDS = 100
_LEVEL = 3
_MOST_NAMES = 10_000
_SUFFIX = ".preview"
_BETWEEN = "\x1e"
"""Stands between values that are looked through together: no value is taken to go on beyond it."""

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(list[PreviewedRecord])


@dataclass(frozen=True, slots=True)
class _Piece:
    """Where some records lie in the file: those from `first` on. `kinds` are the nodes and outcomes among them."""

    offset: int
    size: int
    first: int
    count: int
    kinds: frozenset[tuple[str, Outcome]]


class PreviewFile:
    """The records of one preview, in the order in which they came. Thread-safe.

    Args:
        path: Its folder exists; the file does not.
        redactor: Sees every record before it is written.
        most_bytes: How large the file may become; what comes after that is not kept.

    Raises:
        AgentError: it cannot be made.
    """

    def __init__(self, path: Path, redactor: Redactor, *, most_bytes: int) -> None:
        self.path, self._redactor, self._most_bytes = path, redactor, most_bytes
        self._lock = threading.Lock()
        self._pieces: list[_Piece] = []
        self._waiting: list[PreviewedRecord] = []
        self._secret_names: dict[str, bool] = {}
        self.bytes = self.count = 0
        self.full = False
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
            self._file = os.fdopen(os.open(path, flags, 0o600), "r+b")
        except OSError as error:
            raise unwritable(path, error) from error

    def append(self, records: Sequence[PreviewedRecord]) -> None:
        """Keep records.

        Raises:
            AgentError: the disk does not take them.
        """
        redacted = [self._redacted(record) for record in records]
        with self._lock:
            if self._file.closed:
                raise unwritable(self.path, OSError("closed"))
            if self.full:
                return
            self._waiting += redacted
            self.count += len(redacted)
            while len(self._waiting) >= _PIECE_RECORDS and not self.full:
                self._write_piece()

    def page(
        self, *, outcome: Outcome | None, node: str, after: int, limit: int
    ) -> tuple[list[tuple[int, PreviewedRecord]], int | None]:
        """Records of a kind with their numbers, from the number `after` on, and the number to go on from."""
        found: list[tuple[int, PreviewedRecord]] = []
        for number, record in self._records(outcome, node, after):
            if len(found) == limit:
                return found, number
            found.append((number, record))
        return found, None

    def remove(self) -> None:
        """Forget everything."""
        with self._lock:
            self._file.close()
            self._pieces, self._waiting, self.bytes, self.count = [], [], 0, 0
        with suppress(OSError):
            self.path.unlink()

    def _records(self, outcome: Outcome | None, node: str, after: int) -> Iterator[tuple[int, PreviewedRecord]]:
        with self._lock:
            pieces, waiting, first = list(self._pieces), list(self._waiting), self.count - len(self._waiting)
        for piece in pieces:
            if piece.first + piece.count <= after or not _holds(piece, outcome, node):
                continue
            yield from _fitting(self._read(piece), piece.first, outcome, node, after)
        yield from _fitting(waiting, first, outcome, node, after)

    def _read(self, piece: _Piece) -> list[PreviewedRecord]:
        with self._lock:
            if self._file.closed:
                return []
            self._file.seek(piece.offset)
            packed = self._file.read(piece.size)
        return _DECODER.decode(zstandard.ZstdDecompressor().decompress(packed))

    def _write_piece(self) -> None:
        """Write the first of the records that wait. Where they are too much, the file takes no more."""
        some, first = self._waiting[:_PIECE_RECORDS], self.count - len(self._waiting)
        packed = zstandard.ZstdCompressor(level=_LEVEL).compress(_ENCODER.encode(some))
        if self.bytes + len(packed) > self._most_bytes:
            self.full, self.count, self._waiting = True, first, []
            return
        try:
            self._file.seek(self.bytes)
            self._file.write(packed)
            self._file.flush()
        except OSError as error:
            self.full, self.count, self._waiting = True, first, []
            raise unwritable(self.path, error) from error
        kinds = frozenset((record.node, record.outcome) for record in some)
        self._pieces.append(_Piece(self.bytes, len(packed), first, len(some), kinds))
        self.bytes += len(packed)
        del self._waiting[:_PIECE_RECORDS]

    def _redacted(self, record: PreviewedRecord) -> PreviewedRecord:
        """Most records hold no secret, which one look at all their values tells."""
        if any(map(self._is_secret, record.changes)):
            record = replace(record, changes=tuple(map(self._hidden, record.changes)))
        values = [value for change in record.changes for value in (change.old, change.new) if value is not None]
        texts = [record.source_id, record.destination_id, record.message, record.remedy]
        joined = _BETWEEN.join([*texts, *values])
        redact = self._redactor.redact
        if redact(joined) == joined:
            return record
        return replace(
            record, source_id=redact(record.source_id), destination_id=redact(record.destination_id),
            message=redact(record.message), remedy=redact(record.remedy),
            changes=tuple(
                FieldChange(change.attribute, _or_none(change.old, redact), _or_none(change.new, redact))
                for change in record.changes
            ),
        )  # fmt: skip

    def _is_secret(self, change: FieldChange) -> bool:
        known = self._secret_names.get(change.attribute)
        if known is None:
            known = self._redactor.names_secret(change.attribute)
            if len(self._secret_names) < _MOST_NAMES:
                self._secret_names[change.attribute] = known
        return known

    def _hidden(self, change: FieldChange) -> FieldChange:
        if not self._is_secret(change):
            return change
        old, new = (DOTS if value is not None else None for value in (change.old, change.new))
        return FieldChange(change.attribute, old, new)


class PreviewFolder:
    """Where the files lie. Only one service uses it.

    Args:
        folder: Made with the first file.
        redactor: Sees every record before it is written.
        most_bytes: How large one file may become.
    """

    def __init__(self, folder: Path, redactor: Redactor, *, most_bytes: int = 100 * MEGABYTE) -> None:
        self._folder, self._redactor, self._most_bytes = folder, redactor, most_bytes

    def new(self, name: str) -> PreviewFile:
        """A file for the records of a preview. Raises AgentError where it cannot be made."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(self._folder, error) from error
        return PreviewFile(self._folder / f"{name}{_SUFFIX}", self._redactor, most_bytes=self._most_bytes)

    def remove_leftovers(self) -> None:
        """Remove what a service left that did not end by itself."""
        for leftover in self._folder.glob(f"*{_SUFFIX}"):
            with suppress(OSError):
                leftover.unlink()


def _holds(piece: _Piece, outcome: Outcome | None, node: str) -> bool:
    return any(node in ("", at) and outcome in (None, kind) for at, kind in piece.kinds)


def _fitting(
    records: Sequence[PreviewedRecord], first: int, outcome: Outcome | None, node: str, after: int
) -> Iterator[tuple[int, PreviewedRecord]]:
    for number, record in enumerate(records, first):
        if number >= after and outcome in (None, record.outcome) and node in ("", record.node):
            yield number, record


def _or_none(value: str | None, redact: Callable[[str], str]) -> str | None:
    return redact(value) if value is not None else None
