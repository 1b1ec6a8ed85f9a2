"""Writes packets into files, and keeps the receipt with them: see `receipts` for how both become one step."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from agent.connectors.contract import Present, Seal, WriteTarget
from agent.connectors.files.encoding import Encoder
from agent.connectors.files.failures import missing, told
from agent.connectors.files.options import Mode, WriteOptions, write_options
from agent.connectors.files.places import Place
from agent.connectors.files.receipts import Entry, Receipts
from agent.connectors.files.schema import FILE, MODE
from agent.domain.errors import AmbiguousWriteError, ConfigurationError, RecordError, TransientError
from agent.domain.packet import Batch, WriteReport

_IN_DOUBT = frozenset({"connection-lost", "answer-unreadable", "server-error", "unreachable"})
"""What a place says when it may have done what it was asked to, all the same."""


class Writer:
    """Writes into one folder.

    Args:
        place: Which folder.
        clock: Gives the present, aware and in UTC.
        lock: Held while something is written: shared by all that write into this folder.
        at: Hears of each step that was done, before the next.
    """

    def __init__(
        self,
        place: Place,
        clock: Callable[[], datetime],
        lock: threading.Lock,
        at: Callable[[str], None] = lambda _step: None,
    ) -> None:
        self._place, self._clock, self._lock, self._at = place, clock, lock, at
        self._receipts = Receipts(place)

    def write(self, target: WriteTarget, batch: Batch, seal: Seal) -> WriteReport:
        """Write a batch and its receipt.

        Raises:
            ConfigurationError, TransientError: as `failures` says.
            FatalError: somebody else writes to the same file.
        """
        options = self._options(target)
        encoder = Encoder(options, batch.attributes)
        pieces, failures = _encoded(encoder, batch)
        with self._lock, told(f"write into {self._place}", self._place):
            if not self._place.is_there():
                raise missing(self._place)
            before = self._finished(target.ledger_key) or Entry(b"", 0)
            name, number = self._named(options, before.number)
            size = self._size(name) if options.mode is Mode.APPEND else 0
            rows = before.rows if size and before.file == name else 0
            if not pieces:
                report = WriteReport([""] * len(batch), failures)
                self._commit(target.ledger_key, Entry(seal(report), before.number, before.file, rows=rows))
                return report
            if options.mode is Mode.PACKET:
                content = encoder.whole(pieces.values())
            else:
                content = encoder.between().join(pieces.values())
            hidden = self._receipts.prepare(target.ledger_key, content)
            self._at("prepared")
            places = {index: f"{name}:{rows + place}" for place, index in enumerate(pieces, start=1)}
            report = WriteReport([places.get(index, "") for index in range(len(batch))], failures)
            entry = Entry(
                receipt=seal(report), number=number, file=name, hidden=hidden, appends=options.mode is Mode.APPEND,
                offset=size, begin=encoder.begin(), joint=self._receipts.joint(name, size, content),
                rows=rows + len(pieces),
            )  # fmt: skip
            self._commit(target.ledger_key, entry)
            self._at("committed")
            self._receipts.finish(target.ledger_key, entry, at=self._at)
            self._at("finished")
            return report

    def receipt(self, target: WriteTarget) -> bytes | None:
        """The last receipt that was committed; what was left to do for it is done."""
        with self._lock, told(f"look into {self._place}", self._place):
            entry = self._finished(target.ledger_key) if self._place.is_there() else None
        return entry.receipt if entry is not None else None

    def present(self, target: WriteTarget, batch: Batch) -> Present:
        """What a write would do: every record goes into a file that does not hold it yet."""
        options = self._options(target)
        pieces, failures = _encoded(Encoder(options, batch.attributes), batch)
        with told(f"look into {self._place}", self._place):
            if not self._place.is_there():
                raise missing(self._place)
            entry = self._receipts.entry(target.ledger_key) or Entry(b"", 0)
            name, _ = self._named(options, entry.number)
        places = {index: f"{name}:{place}" for place, index in enumerate(pieces, start=1)}
        return Present(
            rows=[None] * len(batch),
            destination_ids=[places.get(index, "") for index in range(len(batch))],
            stand_ins=frozenset(places),
            failures=failures,
        )

    def _options(self, target: WriteTarget) -> WriteOptions:
        options = write_options(target.schema, target.options)
        if options.mode is Mode.APPEND and not self._place.grows:
            raise ConfigurationError(
                "Nothing can be appended to a file in a bucket: it is there whole or not at all.",
                code="option-format",
                remedy=f"Set {MODE} to {Mode.PACKET.value}, and put {{number}} into the option {FILE}.",
                field=MODE,
            )
        return options

    def _commit(self, key: str, entry: Entry) -> None:
        """Commit. Without an answer nobody knows whether it happened; the receipt tells, once the place answers.

        Raises:
            AmbiguousWriteError: there was none.
        """
        try:
            with told(f"write into {self._place}", self._place):
                self._receipts.commit(key, entry)
        except TransientError as error:
            if error.code not in _IN_DOUBT:
                raise
            raise AmbiguousWriteError(
                error.message, code=error.code, remedy=error.remedy, detail=error.detail, field=error.field
            ) from error

    def _finished(self, key: str) -> Entry | None:
        entry = self._receipts.entry(key)
        if entry is not None:
            self._receipts.finish(key, entry)
        return entry

    def _named(self, options: WriteOptions, number: int) -> tuple[str, int]:
        """The name of the next file and its number. In the mode packet it is one that nobody has taken."""
        now = self._clock().astimezone(UTC)
        while True:
            number += 1
            name = options.file
            for mark, text in (
                ("{date}", f"{now:%Y-%m-%d}"), ("{time}", f"{now:%H%M%S%f}"), ("{number}", f"{number:06}"),
            ):  # fmt: skip
                name = name.replace(mark, text)
            if options.mode is Mode.APPEND or self._place.status(name) is None:
                return name, number
            if "{number}" not in options.file:
                now = self._clock().astimezone(UTC)

    def _size(self, name: str) -> int:
        status = self._place.status(name)
        return status[0] if status is not None else 0


def _encoded(encoder: Encoder, batch: Batch) -> tuple[Mapping[int, bytes], Mapping[int, RecordError]]:
    pieces: dict[int, bytes] = {}
    failures: dict[int, RecordError] = {}
    for index, row in enumerate(batch.rows):
        try:
            pieces[index] = encoder.record(row)
        except RecordError as error:
            failures[index] = error
    return pieces, failures
