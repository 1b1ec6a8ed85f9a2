"""Packets in Diagnosis Mode: plain files, `<run>/<node>-<kind>-<number>-<piece>.json`, redacted, within a budget.

Nothing depends on them, so a failure to write is told once and never reaches the run. The budget counts at every write:
over it the oldest packets go first, and space is given back at once. A packet larger than the whole budget is not kept.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from pathlib import Path
from urllib.parse import quote, unquote

from agent.domain.errors import AgentError, NotFoundError
from agent.store.looks.kept import KeptKind
from agent.store.private_files import unwritable, write_private
from agent.store.vaults.redaction import Redactor

_SUFFIX = ".json"
_MEGABYTE = 1_000_000
_NAME = re.compile(rf"(.+)-({'|'.join(KeptKind)})-([0-9]{{1,18}})-([0-9]{{1,18}})\{_SUFFIX}")
# Clearing down to a little below the budget keeps most writes from having to look at every file.
_CLEAR_TO = 0.9


@dataclass(frozen=True, slots=True)
class PacketBudget:
    """How long and how large the packets may become."""

    days: int = 7
    bytes: int = 1_024 * _MEGABYTE


@dataclass(frozen=True, slots=True)
class StoredPacket:
    """One packet on disk; `bytes` is its size. `number` and `piece` are those of `agent.store.looks.kept.Kept`."""

    run: str
    node: str
    kind: KeptKind
    number: int
    piece: int
    at: datetime
    bytes: int
    path: Path


class PacketStore:
    """The packets of one folder. Thread-safe.

    Args:
        folder: Made at the first write.
        redactor: Sees every packet before it is written.
        budget: At first; see `set_budget`.
        clock: The present moment, aware.
        failed: Told once when writing begins to fail, and again only after it worked in between.
    """

    def __init__(
        self,
        folder: Path,
        redactor: Redactor,
        *,
        budget: PacketBudget | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        failed: Callable[[AgentError], None] = lambda _: None,
    ) -> None:
        self._folder, self._redactor = folder, redactor
        self._budget = budget or PacketBudget()
        self._clock, self._failed = clock, failed
        self._lock = threading.Lock()
        self._used: int | None = None
        self._oldest: datetime | None = None
        self._failing = False
        self._last = (b"", -1, b"")

    def write(self, *, run: str, node: str, kind: KeptKind, number: int, piece: int, content: bytes) -> None:
        """Keep a packet, given as JSON. Never raises."""
        try:
            told = self._redacted(content)
            with self._lock:
                self._write(self._path(run, node, kind, number, piece), told)
        except Exception as error:  # noqa: BLE001 - diagnosis must not break what it looks at
            self._tell(error)
        else:
            self._failing = False

    def packets(self, run: str = "") -> list[StoredPacket]:
        """What is kept, of one run or of all, the oldest first."""
        return sorted(self._scan(run), key=attrgetter("at", "number", "node", "kind", "piece"))

    def read(self, packet: StoredPacket) -> bytes:
        """A packet as JSON.

        Raises:
            NotFoundError: code `packet-gone`.
        """
        try:
            return packet.path.read_bytes()
        except OSError as error:
            raise NotFoundError(
                "This packet is not kept any more.",
                code="packet-gone",
                remedy="Packets are kept in Diagnosis Mode only, for the days set in Settings → Diagnosis.",
                detail=type(error).__name__,
            ) from error

    def set_budget(self, budget: PacketBudget) -> None:
        """Another budget, from now on."""
        self._budget = budget
        self.enforce()

    def enforce(self) -> tuple[int, int]:
        """Remove what is over the budget, the oldest first; returns how many files and bytes went."""
        with self._lock:
            return self._enforce()

    def clear(self, *, dry_run: bool, run: str = "") -> tuple[int, int]:
        """Remove the packets of one run or of all; returns how many files and bytes went, or would."""
        with self._lock:
            found = self.packets(run)
            if dry_run:
                return len(found), sum(packet.bytes for packet in found)
            self._used = None
            self._remove_leftovers()
            return _remove(found)

    def forget(self, runs: Iterable[str]) -> None:
        """Remove the packets of these runs. Never raises: what cannot be removed goes with its age."""
        gone = set(runs)
        with self._lock:
            self._used = None
            _remove([packet for packet in self.packets() if packet.run in gone])

    def _redacted(self, content: bytes) -> bytes:
        """The content without secrets. What leaves one node mostly comes to the next one unchanged, and looking for
        secrets is what takes the time here."""
        secrets = self._redactor.registered
        known, last_secrets, told = self._last
        if known != content or last_secrets != secrets:
            told = self._redactor.redact(content.decode("utf-8", "replace")).encode("utf-8", "replace")
            self._last = content, secrets, told
        return told

    def _write(self, path: Path, content: bytes) -> None:
        if len(content) > self._budget.bytes:
            return
        if self._used is None:
            self._enforce()
        assert self._used is not None
        too_old = self._oldest is not None and self._oldest < self._clock() - timedelta(days=self._budget.days)
        if too_old or self._used + len(content) > self._budget.bytes:
            self._enforce(coming=len(content))
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        before = _size(path)
        write_private(path, content, durable=False)
        self._used += len(content) - before
        self._oldest = self._oldest or self._clock()

    def _enforce(self, coming: int = 0) -> tuple[int, int]:
        self._remove_leftovers()
        found = self.packets()
        used = sum(packet.bytes for packet in found)
        limit = self._budget.bytes if used + coming <= self._budget.bytes else int(self._budget.bytes * _CLEAR_TO)
        oldest_kept = self._clock() - timedelta(days=self._budget.days)
        gone: list[StoredPacket] = []
        for packet in found:
            if packet.at >= oldest_kept and used + coming <= limit:
                break
            gone.append(packet)
            used -= packet.bytes
        removed = _remove(gone)
        self._used = used
        self._oldest = found[len(gone)].at if len(gone) < len(found) else None
        return removed

    def _scan(self, run: str) -> Iterator[StoredPacket]:
        pattern = f"{_file_name(run)}/*{_SUFFIX}" if run else f"*/*{_SUFFIX}"
        for path in self._folder.glob(pattern):
            name = _NAME.fullmatch(path.name)
            with suppress(OSError):
                if name is not None:
                    found = path.stat()
                    yield StoredPacket(
                        unquote(path.parent.name), unquote(name[1]), KeptKind(name[2]), int(name[3]), int(name[4]),
                        datetime.fromtimestamp(found.st_mtime, UTC), found.st_size, path,
                    )  # fmt: skip

    def _remove_leftovers(self) -> None:
        """What a killed service was about to write; the lock is held, so nobody is writing now."""
        for leftover in self._folder.glob(f"*/.*{_SUFFIX}.*"):
            with suppress(OSError):
                leftover.unlink()

    def _path(self, run: str, node: str, kind: KeptKind, number: int, piece: int) -> Path:
        return self._folder / _file_name(run) / f"{_file_name(node)}-{kind}-{number}-{piece}{_SUFFIX}"

    def _tell(self, error: Exception) -> None:
        first, self._failing = not self._failing, True
        self._used = None
        if first:
            agent_error = error if isinstance(error, AgentError) else unwritable(self._folder, _as_os_error(error))
            with suppress(Exception):  # whoever listens has troubles of its own
                self._failed(agent_error)


def _file_name(name: str) -> str:
    """A name that every file system takes and that stays the same when letters of both cases are one to it."""
    quoted = quote(name, safe="")
    kept = "".join(
        f"%{ord(letter):02X}" if letter.isupper() and not _in_escape(quoted, at) else letter
        for at, letter in enumerate(quoted)
    )
    return kept.replace(".", "%2E").replace("~", "%7E") or "%00"


def _in_escape(text: str, at: int) -> bool:
    return "%" in text[max(0, at - 2) : at]


def _remove(packets: list[StoredPacket]) -> tuple[int, int]:
    files = size = 0
    for packet in packets:
        with suppress(OSError):
            packet.path.unlink()
            files, size = files + 1, size + packet.bytes
    for folder in {packet.path.parent for packet in packets}:
        with suppress(OSError):  # not empty yet
            folder.rmdir()
    return files, size


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _as_os_error(error: Exception) -> OSError:
    return error if isinstance(error, OSError) else OSError(str(type(error).__name__))
