"""What makes a write happen once: a small file per POST node, which says what is being written and holds the receipt.

A packet is first written into a hidden file. Then its entry here replaces the one before, in one step of the file
system: that is the moment from which on the packet counts as written. Only then the hidden file takes its place. If the
agent dies in between, the entry says what is left to do, and doing it twice changes nothing.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from contextlib import suppress

import msgspec

from agent.connectors.files.places import Place, beside
from agent.domain.errors import FatalError

FOLDER = ".opagent"
_PACKET = ".packet"


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
        joint: The line end that the file lacks there.
        rows: How many records the file has with this packet.
        key: The node's ledger key.
    """

    receipt: bytes
    number: int
    file: str = ""
    hidden: str = ""
    appends: bool = False
    offset: int = 0
    begin: bytes = b""
    joint: bytes = b""
    rows: int = 0
    key: str = ""


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
            if left.startswith(f"{stem}.") and left.endswith(_PACKET):
                self._place.remove(f"{FOLDER}/{left}")
        name = f"{stem}.{uuid.uuid4().hex}{_PACKET}"
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

    def joint(self, name: str, size: int, content: bytes) -> bytes:
        """The line end that a file of that size lacks before lines of `content` go to its end; mostly nothing."""
        if not size or (self._place.read(name, size - 1, 1) or b"\n") in (b"\n", b"\r", content[-1:]):
            return b""
        return b"\r\n" if content.endswith(b"\r\n") else content[-1:]

    def finish(self, key: str, entry: Entry, *, at: Callable[[str], None] = lambda _step: None) -> None:
        """Bring the committed packet of that ledger key to its place, if it is not there yet.

        Raises:
            FatalError: somebody else has changed the file at this very place.
        """
        hidden = f"{FOLDER}/{entry.hidden}"
        status = self._place.status(hidden) if entry.hidden else None
        if status is None:
            return
        if entry.appends:
            self._append(key, entry, self._place.read(hidden, 0, status[0]) or b"", at)
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

    def finish_others(self, key: str, file: str) -> None:
        """Bring what other nodes have committed for the end of a file there, before the node with that key appends.

        A conflict of theirs is told to them, when they go on.
        """
        for left in self._place.names(FOLDER):
            stem = left.partition(".")[0]
            if not left.endswith(_PACKET) or stem == _stem(key):
                continue
            with suppress(FatalError, msgspec.DecodeError, msgspec.ValidationError):
                entry = msgspec.json.decode(self._place.read(f"{FOLDER}/{stem}.json") or b"", type=Entry)
                if entry.key and entry.hidden == left and entry.appends and entry.file == file:
                    self.finish(entry.key, entry)

    def _append(self, key: str, entry: Entry, content: bytes, at: Callable[[str], None]) -> None:
        status = self._place.status(entry.file)
        size, new = status.size if status is not None else 0, entry.begin + content
        if not size:
            # Nobody has begun one, or whoever takes the records out of the folder has taken the file meanwhile.
            self._begin(entry, new, there=status is not None)
            return
        if size < entry.offset or not entry.offset:
            if self._begins(entry, new):
                return
            # Another node has begun a new file. Where its end is has to be known after the agent has died, too.
            entry = msgspec.structs.replace(entry, offset=size, joint=self.joint(entry.file, size, content))
            self.commit(key, entry)
            at("noted")
        piece = entry.joint + content
        there = self._place.read(entry.file, entry.offset, len(piece)) or b""
        if there == piece:
            return
        if not piece.startswith(there):
            if self._begins(entry, new):
                return
            raise FatalError(
                f"{entry.file} was changed by somebody else while the agent was writing to it.",
                code="file-changed",
                remedy="Let nobody else write to this file. Rename it and execute the processflow again: a new one is "
                "then begun.",
            )
        self._place.write_from(entry.file, entry.offset, piece)

    def _begins(self, entry: Entry, content: bytes) -> bool:
        """Whether the agent died when it had just begun a new file with this."""
        return self._place.read(entry.file, 0, len(content)) == content

    def _begin(self, entry: Entry, content: bytes, *, there: bool) -> None:
        """Make a file that is there whole or not at all; an empty one goes."""
        hidden = f"{FOLDER}/{entry.hidden.removesuffix(_PACKET)}.begun{_PACKET}"
        self._place.write(hidden, content)
        if there:
            self._place.remove(entry.file)
        self._place.move(hidden, entry.file)


def entry_name(key: str) -> str:
    """The name of the file that holds a POST node's entry."""
    return f"{FOLDER}/{_stem(key)}.json"


def _stem(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:24]
