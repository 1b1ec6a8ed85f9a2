"""Reads the files that are new, one after the other, and remembers by their content which ones were read.

A read goes on in the middle of a file after an interruption. What becomes of a file afterwards happens when the
bookmark is kept that says that it was read, never before: see `Reader.settle`.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import BinaryIO

import msgspec

from agent.connectors.contract import ReadRequest
from agent.connectors.files import delimited, json_records, workbooks, xml_records
from agent.connectors.files.failures import malformed, told
from agent.connectors.files.folder import Folder, Found
from agent.connectors.files.look import Look, look_at
from agent.connectors.files.options import Afterwards, Format, Order, ReadOptions, read_options, refuse_filters
from agent.connectors.files.records import Mark, Record
from agent.connectors.files.remembered import BEGINNING, Done, bookmark_after, remembered, since, stands
from agent.domain.errors import TransientError
from agent.domain.packet import Bookmark, Packet

_MOST_FILES = 500
"""How many files one read takes; the next one takes the others. What was read so far is part of each position."""
_READERS: Mapping[Format, Callable[[BinaryIO, Look, Mark], Iterator[Record]]] = {
    Format.CSV: delimited.records,
    Format.JSON_LINES: json_records.line_records,
    Format.JSON: json_records.list_records,
    Format.XML: xml_records.records,
    Format.XLSX: workbooks.records,
}

_log = logging.getLogger(__name__)

Tell = Callable[[str, Look], None]


class Reader:
    """Reads from one folder.

    Args:
        folder: Which.
        clock: Gives the present, aware and in UTC.
        tell: Hears of each file that is begun, and how it is read.
    """

    def __init__(self, folder: Folder, clock: Callable[[], datetime], tell: Tell) -> None:
        self._folder, self._clock, self._tell = folder, clock, tell

    async def packets(self, request: ReadRequest) -> AsyncGenerator[Packet, None]:
        """All packets of a read; the next one is made while one is being processed.

        Raises:
            ConfigurationError, TransientError: as `failures` says.
            FatalError: the position is damaged.
        """
        stream = await asyncio.to_thread(self._stream, request)
        task = asyncio.ensure_future(asyncio.to_thread(next, stream))
        try:
            while True:
                packet = await task
                if packet.bookmark is not None:
                    yield packet
                    return
                task = asyncio.ensure_future(asyncio.to_thread(next, stream))
                yield packet
        except asyncio.CancelledError:
            task.cancel()  # the thread cannot be stopped: nobody waits for it, and it closes the file when it is done
            raise
        finally:
            stream.leave()
            await asyncio.gather(task, return_exceptions=True)
            stream.close()

    def settle(self, request: ReadRequest, bookmark: Bookmark) -> None:
        """Archive or delete the files that the bookmark says are done, where the node wants that."""
        options = read_options(request.schema, request.options)
        if options.afterwards is Afterwards.KEEP:
            return
        known = remembered(bookmark)
        # Most are long gone. To ask for each takes a while where every answer comes over a network.
        listed = {file.name: file for file in self._folder.files("*")} if known else {}
        for one in known:
            here = listed.get(one.file.name)
            if here is None or not one.file.like(here.status()):
                continue
            if options.afterwards is Afterwards.ARCHIVE:
                self._folder.archive(one.file, now=self._clock())
            else:
                self._folder.delete(one.file)

    def _stream(self, request: ReadRequest) -> _Stream:
        return _Stream(self._folder, request, self._clock, self._tell)


class _Stream:
    """The packets of one read, made in threads, one at a time."""

    def __init__(self, folder: Folder, request: ReadRequest, clock: Callable[[], datetime], tell: Tell) -> None:
        self._folder, self._request, self._tell = folder, request, tell
        refuse_filters(request.clauses)
        self._options = read_options(request.schema, request.options)
        self._began = clock()
        self._state = stands(request.position)
        self._file: BinaryIO | None = None
        self._names: set[str] = set()
        self._made = self._packets()
        self._at_work, self._left = threading.Lock(), threading.Event()

    def __iter__(self) -> Iterator[Packet]:
        return self

    def __next__(self) -> Packet:
        try:
            with self._at_work:
                return next(self._made)
        finally:
            if self._left.is_set():
                self.close()

    def leave(self) -> None:
        """Begin no further file: nobody wants it."""
        self._left.set()

    def close(self) -> None:
        """Close the file at hand; where a thread is still at work, it does so in the end."""
        self.leave()
        if self._at_work.acquire(blocking=False):
            try:
                self._made.close()
                if self._file is not None:
                    self._file.close()
            finally:
                self._at_work.release()

    def _packets(self) -> Generator[Packet, None, None]:
        state, known = self._state, remembered(self._request.bookmark)
        if state.begun is not None:
            state.begun = self._found_again(state.begun)
            if state.begun is not None:
                yield from self._of(state.begun)
            else:
                state.mark = BEGINNING
        for new in self._new(known):
            state.begun, state.mark = new, BEGINNING
            yield from self._of(new)
        moved = bookmark_after(self._began, self._request.bookmark, state.done, self._names)
        yield Packet([], [], state.position(), moved)

    def _found_again(self, begun: Done) -> Done | None:
        """The file that a position leads into: as it was, or with the same content elsewhere in the folder.

        None where that name has another content: that file is a new one.
        """
        if self._folder.same(begun.file):
            return begun
        listed = self._folder.files(self._options.pattern)
        for file in listed:
            if file.size == begun.file.size and self._folder.content(file) == begun.content:
                return Done(file, begun.content)
        if any(file.name == begun.file.name for file in listed):
            _log.warning("%s was changed while it was being read: it is read from its beginning.", begun.file.name)
            return None
        raise TransientError(
            f"{begun.file.name}, which was being read, has gone.",
            code="file-gone",
            remedy="Put it back into the folder. If nobody has it any more, cancel the run and execute the processflow "
            "again: what was read of the file has arrived, the rest has not.",
        )

    def _new(self, known: Sequence[Done]) -> Iterator[Done]:
        """The files to read."""
        state = self._state
        seen, contents = {one.file for one in (*known, *state.done)}, {one.content for one in (*known, *state.done)}
        listed = self._folder.files(self._options.pattern)
        self._names = {file.name for file in listed}
        found = [file for file in listed if self._is_ready(file)]
        if self._options.order is Order.MODIFIED:
            found.sort(key=lambda file: (file.modified, file.name))
        moment = since(self._request.bookmark)
        for file in found:
            if self._left.is_set() or len(state.done) >= _MOST_FILES:
                return
            if file in seen or file.modified < moment:
                continue
            content = self._folder.content(file)
            if self._left.is_set():
                return
            if content is None:
                continue  # somebody has changed it since the folder was looked into: the next read takes it
            new = Done(file, content)
            if content in contents:
                # The same again, under another name or copied anew: it is done, and goes where the first one went.
                state.done.append(new)
                continue
            yield new
            if state.done and state.done[-1] is new:
                contents.add(content)

    def _is_ready(self, file: Found) -> bool:
        """Whether nobody has written to it for some time. A time in the future comes from a clock that is wrong."""
        age = time.time() - file.modified / 1e9
        return not 0 <= age < self._options.quiet_seconds

    def _of(self, new: Done) -> Iterator[Packet]:
        if new.file.size:
            yield from self._records(new.file)
        if new.file.size or self._folder.same(new.file):  # an empty one may be filled at any moment
            self._state.done.append(new)
        self._state.begun, self._state.mark = None, BEGINNING

    def _records(self, file: Found) -> Iterator[Packet]:
        look = look_at(self._folder, file.name, self._options.layout)
        self._tell(file.name, look)
        state, limit = self._state, self._request.packet_records
        self._file = self._folder.open(file.name)
        try:
            made = _READERS[look.format](self._file, look, state.mark)
            while True:
                with told(f"read {file.name}", self._folder.place):
                    records = list(islice(made, limit))
                if not records:
                    break
                ids = [_id(record, file, look, self._options, state.mark.number + place)
                       for place, record in enumerate(records, start=1)]  # fmt: skip
                state.mark = records[-1].after
                yield Packet(ids, [record.document for record in records], state.position())
            if not self._folder.same(file):
                raise TransientError(
                    f"{file.name} was written to while it was being read.",
                    code="file-changed",
                    remedy="It is read again, from its beginning. Have it written under another name and renamed when "
                    "it is whole, or set the option quiet_seconds of the GET node higher.",
                )
        finally:
            self._file.close()
            self._file = None


def _id(record: Record, file: Found, look: Look, options: ReadOptions, number: int) -> str:
    if not options.id:
        return f"{file.name}:{number}"
    value: object = msgspec.json.decode(record.document)
    for part in options.id.split(".") if look.format is not Format.CSV else [options.id]:
        value = value.get(part) if isinstance(value, dict) else None
    if isinstance(value, bool) or not isinstance(value, str | int | float) or value == "":
        raise malformed(
            look.name, record.after.line - 1 if record.after.byte else 0,
            f"record {number} has no {options.id}, by which records are told apart",
            "Correct the option id of the GET node, or the file.",
        )  # fmt: skip
    return str(value)
