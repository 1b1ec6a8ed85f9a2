"""What a run tells the outside: log lines, packets for diagnosis, and that it made progress."""

from __future__ import annotations

from typing import Literal, Protocol

from agent.store.looks.kept import KeptKind

Level = Literal["debug", "info", "warning", "error"]


class Journal(Protocol):
    """The ear of the service. Implementations are quick, thread-safe and never raise."""

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
        """A log line: `message` for people, `detail` for support. Neither holds a secret."""
        ...

    def progressed(self, run: str) -> None:
        """The run's row has changed."""
        ...

    def packet(
        self, *, run: str, node: str, kind: KeptKind, number: int, piece: int, records: int, shown: int,
        content: bytes, whole: bool,
    ) -> None:  # fmt: skip
        """A packet or a request, as JSON, for a look into it later: a `whole` one for Diagnosis Mode, or a sample."""
        ...

    @property
    def wants_packets(self) -> bool:
        """Whether Diagnosis Mode is on: every packet is kept, whole."""
        ...

    @property
    def wants_samples(self) -> bool:
        """Whether samples of packets are kept."""
        ...


class RunJournal:
    """A journal that knows which run it speaks of."""

    def __init__(self, journal: Journal, *, flow: str, run: str) -> None:
        self._journal = journal
        self._flow = flow
        self._run = run

    def write(self, level: Level, message: str, *, node: str = "", record: str = "", detail: str = "") -> None:
        """A log line of this run."""
        self._journal.write(level, message, flow=self._flow, run=self._run, node=node, record=record, detail=detail)

    def progressed(self) -> None:
        """This run's row has changed."""
        self._journal.progressed(self._run)

    def packet(
        self, *, node: str, kind: KeptKind, number: int, piece: int, records: int, shown: int, content: bytes,
        whole: bool,
    ) -> None:  # fmt: skip
        """A packet or a request of this run."""
        self._journal.packet(
            run=self._run, node=node, kind=kind, number=number, piece=piece, records=records, shown=shown,
            content=content, whole=whole,
        )  # fmt: skip

    @property
    def wants_packets(self) -> bool:
        """Whether Diagnosis Mode is on: every packet is kept, whole."""
        return self._journal.wants_packets

    @property
    def wants_samples(self) -> bool:
        """Whether samples of packets are kept."""
        return self._journal.wants_samples
