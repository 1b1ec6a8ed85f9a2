"""What makes a write happen once: a small file per POST node, which says what is being written and holds the receipt.

A packet is first written into a hidden file. Then its entry here replaces the one before, in one step of the file
system: that is the moment from which on the packet counts as written. Only then the hidden file takes its place. If the
agent dies in between, the entry says what is left to do, and doing it twice changes nothing.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Callable
from pathlib import Path

import msgspec

from agent.domain.errors import FatalError

FOLDER = ".opagent"


class Entry(msgspec.Struct, frozen=True):
    """The last packet of one POST node.

    Args:
        receipt: As the engine made it.
        number: How many files the node has begun.
        file: The name of the file that the packet goes into, empty where no record was left to write.
        hidden: The name of the hidden file, beside this entry.
        appends: Whether it goes to the end of the file.
        offset: How long the file was before, in bytes.
        begin: What a new file begins with.
        rows: How many records the file has with this packet.
    """

    receipt: bytes
    number: int
    file: str = ""
    hidden: str = ""
    appends: bool = False
    offset: int = 0
    begin: bytes = b""
    rows: int = 0


class Receipts:
    """The entries in one folder. Use it under the folder's lock."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._own = folder, folder / FOLDER

    def entry(self, key: str) -> Entry | None:
        """The entry of the POST node with that ledger key, None before its first packet.

        Raises:
            FatalError: it was damaged.
        """
        path = self._path(key)
        try:
            packed = path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            return msgspec.json.decode(packed, type=Entry)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise FatalError(
                f"The agent's note {path} of what it has written is damaged.",
                code="receipt-damaged",
                remedy="See whether the last packet has arrived, then delete the note and execute the processflow "
                "again.",
                detail=str(error),
            ) from error

    def prepare(self, key: str, content: bytes) -> str:
        """Write a packet into a hidden file; returns its name, which no packet had before.

        Hidden files that were never committed go: call it when the one before is finished.
        """
        self._own.mkdir(exist_ok=True)
        stem = self._stem(key)
        for left in self._own.glob(f"{stem}.*.packet"):
            left.unlink(missing_ok=True)
        name = f"{stem}.{uuid.uuid4().hex}.packet"
        written(self._own / name, content)
        return name

    def commit(self, key: str, entry: Entry) -> None:
        """Replace the entry: from now on the packet counts as written."""
        self._own.mkdir(exist_ok=True)
        path = self._path(key)
        fresh = path.with_suffix(".new")
        written(fresh, msgspec.json.encode(entry))
        fresh.replace(path)
        settled(self._own)

    def finish(self, entry: Entry, *, at: Callable[[str], None] = lambda _step: None) -> None:
        """Bring a committed packet to its place, if it is not there yet.

        Raises:
            FatalError: somebody else has changed the file at this very place.
        """
        hidden = self._own / entry.hidden
        if not entry.hidden or not hidden.exists():
            return
        target = self._folder / entry.file
        if entry.appends:
            _append(target, hidden.read_bytes(), entry)
            at("appended")
            hidden.unlink()
        elif target.exists():
            raise FatalError(
                f"Somebody else has made {target.name} in the moment in which the agent was to.",
                code="file-taken",
                remedy="Move that file away and execute the processflow again: the agent then puts its own there.",
            )
        else:
            hidden.rename(target)
        settled(self._folder)

    def _path(self, key: str) -> Path:
        return self._own / f"{self._stem(key)}.json"

    @staticmethod
    def _stem(key: str) -> str:
        return hashlib.sha256(key.encode()).hexdigest()[:24]


def _append(target: Path, content: bytes, entry: Entry) -> None:
    size = target.stat().st_size if target.exists() else 0
    if size < entry.offset or not size:
        # Whoever takes the records out of the folder has taken the file meanwhile; a new one begins.
        written(target, entry.begin + content)
        return
    with target.open("r+b") as file:
        file.seek(entry.offset)
        there = file.read(len(content))
        if there == content:
            return
        if not content.startswith(there):
            raise FatalError(
                f"{target.name} was changed by somebody else while the agent was writing to it.",
                code="file-changed",
                remedy="Let nobody else write to this file. Rename it and execute the processflow again: a new one is "
                "then begun.",
            )
        file.seek(entry.offset)
        file.truncate()
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def written(path: Path, content: bytes) -> None:
    """Write a file so that it outlives a power cut."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def settled(folder: Path) -> None:
    """Make renames in a folder outlive a power cut. Windows does so by itself and opens no folders."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
