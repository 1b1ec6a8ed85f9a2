"""What makes a write happen once: a small file per POST node, which says what is being written and holds the receipt.

A packet is first written into a hidden file. Then its entry here replaces the one before, in one step of the file
system: that is the moment from which on the packet counts as written. Only then the hidden file takes its place. If the
agent dies in between, the entry says what is left to do, and doing it twice changes nothing.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable

import msgspec

from agent.connectors.files.places import Place, beside
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

    def __init__(self, place: Place) -> None:
        self._place = place
        self._stranded: set[str] = set()

    def entry(self, key: str) -> Entry | None:
        """The entry of the POST node with that ledger key, None before its first packet.

        Where replacing takes two steps, the agent may have died between them: the entry is beside its place, then.

        Raises:
            FatalError: it was damaged.
        """
        name = entry_name(key)
        packed = self._place.read(name)
        if packed is None:
            return self._beside(key)
        try:
            return msgspec.json.decode(packed, type=Entry)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise FatalError(
                f"The agent's note {name} in {self._place} of what it has written is damaged.",
                code="receipt-damaged",
                remedy="See whether the last packet has arrived, then delete the note and execute the processflow "
                "again.",
                detail=str(error),
            ) from error

    def _beside(self, key: str) -> Entry | None:
        packed = self._place.read(beside(entry_name(key)))
        try:
            entry = msgspec.json.decode(packed or b"", type=Entry)
        except (msgspec.DecodeError, msgspec.ValidationError):
            return None  # it was never whole, so nothing was committed
        self._stranded.add(key)
        return entry

    def prepare(self, key: str, content: bytes) -> str:
        """Write a packet into a hidden file; returns its name, which no packet had before.

        Hidden files that were never committed go: call it when the one before is finished.
        """
        self._place.make_folder(FOLDER)
        stem = _stem(key)
        for left in self._place.names(FOLDER):
            if left.startswith(f"{stem}.") and left.endswith(".packet"):
                self._place.remove(f"{FOLDER}/{left}")
        name = f"{stem}.{uuid.uuid4().hex}.packet"
        self._place.write(f"{FOLDER}/{name}", content)
        return name

    def commit(self, key: str, entry: Entry) -> None:
        """Replace the entry: from now on the packet counts as written."""
        self._place.make_folder(FOLDER)
        name = entry_name(key)
        if key in self._stranded and self._place.status(name) is None:
            self._place.move(beside(name), name)  # the next one is written where it lies
        self._stranded.discard(key)
        self._place.replace_with(name, msgspec.json.encode(entry))
        self._place.settle(FOLDER)

    def finish(self, entry: Entry, *, at: Callable[[str], None] = lambda _step: None) -> None:
        """Bring a committed packet to its place, if it is not there yet.

        Raises:
            FatalError: somebody else has changed the file at this very place.
        """
        hidden = f"{FOLDER}/{entry.hidden}"
        status = self._place.status(hidden) if entry.hidden else None
        if status is None:
            return
        if entry.appends:
            self._append(entry, self._place.read(hidden) or b"")
            at("appended")
            self._place.remove(hidden)
        elif (there := self._place.status(entry.file)) is not None:
            if there[0] == status[0] and self._place.read(entry.file) == self._place.read(hidden):
                # Where a move takes two steps, the agent died between them, or the answer to the first was lost.
                self._place.remove(hidden)
                return
            raise FatalError(
                f"Somebody else has made {entry.file} in the moment in which the agent was to.",
                code="file-taken",
                remedy="Move that file away and execute the processflow again: the agent then puts its own there.",
            )
        else:
            self._place.move(hidden, entry.file)
        self._place.settle()

    def _append(self, entry: Entry, content: bytes) -> None:
        status = self._place.status(entry.file)
        size = status[0] if status is not None else 0
        if size < entry.offset or not size:
            # Whoever takes the records out of the folder has taken the file meanwhile; a new one begins.
            self._place.write(entry.file, entry.begin + content)
            return
        there = self._place.read(entry.file, entry.offset, len(content)) or b""
        if there == content:
            return
        if not content.startswith(there):
            raise FatalError(
                f"{entry.file} was changed by somebody else while the agent was writing to it.",
                code="file-changed",
                remedy="Let nobody else write to this file. Rename it and execute the processflow again: a new one is "
                "then begun.",
            )
        self._place.write_from(entry.file, entry.offset, content)


def entry_name(key: str) -> str:
    """The name of the file that holds a POST node's entry."""
    return f"{FOLDER}/{_stem(key)}.json"


def _stem(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:24]
