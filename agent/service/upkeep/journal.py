"""What runs and the service itself have to tell, on its way into the log, the packet store and the event streams."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime

from agent.engine.walking.journal import Level
from agent.service.upkeep.diagnosis import Diagnosis
from agent.store.logs.entries import LogLevel, LogLine
from agent.store.logs.logs import LogStore
from agent.store.looks.kept import Kept, KeptKind


class ServiceJournal:
    """The engine's journal. Quick, thread-safe, never raises."""

    def __init__(self, logs: LogStore, diagnosis: Diagnosis, run_changed: Callable[[str], None]) -> None:
        self._logs, self._diagnosis, self._run_changed = logs, diagnosis, run_changed

    def write(
        self,
        level: Level,
        message: str,
        *,
        flow: str = "",
        run: str = "",
        node: str = "",
        record: str = "",
        detail: str = "",
    ) -> None:
        """A log line."""
        line = LogLine(
            at=datetime.now(UTC), level=LogLevel(level), message=message, flow=flow, run=run, node=node,
            record=record, detail=detail,
        )  # fmt: skip
        self._logs.append([line])

    def progressed(self, run: str) -> None:
        """The run's row has changed."""
        self._run_changed(run)

    def packet(
        self, *, run: str, node: str, kind: KeptKind, number: int, piece: int, records: int, shown: int,
        content: bytes, whole: bool,
    ) -> None:  # fmt: skip
        """A packet or a request for a look into it later."""
        if whole:
            self._diagnosis.packets.write(
                run=run, node=node, kind=kind, number=number, piece=piece, content=content
            )  # fmt: skip
            return
        self._diagnosis.samples.append(
            Kept(
                run=run, node=node, kind=kind, number=number, piece=piece, records=records, shown=shown,
                at=datetime.now(UTC), content=content,
            )
        )  # fmt: skip

    @property
    def wants_packets(self) -> bool:
        """Whether Diagnosis Mode is on: every packet is kept, whole."""
        return self._diagnosis.on

    @property
    def wants_samples(self) -> bool:
        """Whether samples of packets are kept."""
        return self._diagnosis.samples.on


class LogHandler(logging.Handler):
    """Brings what our modules and the libraries say through `logging` into the agent's log, redacted like the rest."""

    def __init__(self, logs: LogStore) -> None:
        super().__init__()
        self._logs = logs

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record. Tracebacks stay out: they may quote data."""
        try:
            level = LogLevel.INFO
            if record.levelno >= logging.ERROR:
                level = LogLevel.ERROR
            elif record.levelno >= logging.WARNING:
                level = LogLevel.WARNING
            detail = record.name
            if record.exc_info and record.exc_info[0] is not None:
                detail = f"{record.name}: {record.exc_info[0].__name__}"
            line = LogLine(
                at=datetime.fromtimestamp(record.created, UTC), level=level, message=record.getMessage(), detail=detail
            )
            self._logs.append([line])
        except Exception:  # noqa: BLE001 - logging must never break what it describes
            self.handleError(record)
