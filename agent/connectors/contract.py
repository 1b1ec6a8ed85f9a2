"""What the engine and the service expect of a connector. One folder below this package implements it for one app.

A connector is stateless; `open` gives a connection, which is used by one run or one validation, in one event loop, and
closed afterwards. Connectors know nothing of processflows, of the store or of each other.

Errors, whatever the method: `ConfigurationError` when a person has to act (with `field` set to the credential field or
clause at fault), `TransientError` when it may work later, `FatalError` otherwise. Cancelling the task that awaits a
method cancels the request in flight.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Protocol, Self

from agent.domain.app import App, Schema
from agent.domain.packet import Batch, Bookmark, Packet, Position, WriteReport
from agent.domain.secret import Secret


@dataclass(frozen=True, slots=True)
class Prepared:
    """What an operator typed, tidied: the plain values to store, and a sentence for each thing that was changed."""

    values: Mapping[str, str]
    secrets: Mapping[str, Secret]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What a good validation found. `facts` are label-value pairs for people, in order; `warnings` do not block."""

    facts: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SentClause:
    """A filter clause after rendering: exactly what is sent. `header` clauses become HTTP headers."""

    key: str
    operator: str
    value: str
    header: bool = False


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """One read of a run.

    `position` is that of the last acknowledged packet when a run goes on after an interruption, else None.
    `packet_records` is how many records a packet should have about; the last one has fewer.

    With `ids`, exactly these records are read, as far as they are there, in any order and whatever their state; a few
    hundred at most, so that nothing has to be resumed. `clauses` are then headers and shaping filters alone. It is only
    asked of actions that say `by_id`. With `window`, what changed from the first moment to the second is read, both
    aware and included; only asked of nodes with the option `Action.windowed_by`. Neither comes with a bookmark.
    """

    schema: str
    action: str
    clauses: Sequence[SentClause]
    options: Mapping[str, str]
    bookmark: Bookmark | None
    position: Position | None
    packet_records: int
    ids: Sequence[str] = ()
    window: tuple[datetime, datetime] | None = None


@dataclass(frozen=True, slots=True)
class WriteTarget:
    """Where a batch goes. `ledger_key` is stable for one POST node of one processflow."""

    schema: str
    action: str
    options: Mapping[str, str]
    ledger_key: str


@dataclass(frozen=True, slots=True)
class LookUp:
    """What the destination holds of a batch whose write was not answered: indices of rows found as intended."""

    written: Mapping[int, str] = field(default_factory=dict)


Seal = Callable[[WriteReport], bytes]
"""Called by a connection with `keeps_receipts` just before it commits: returns the receipt to commit with the rows."""


class Connection(Protocol):
    """An open connection to one configured app."""

    keeps_receipts: bool
    """True where a write and a receipt commit together (SQL). False where an unanswered write is looked up (APIs)."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    async def check(self, progress: Callable[[str], None]) -> CheckReport:
        """Prove the credentials with the cheapest real calls; `progress` gets short sentences for people."""
        ...

    def read(self, request: ReadRequest) -> AsyncIterator[Packet]:
        """Yield packets; the last one carries the new bookmark. Resumable from any packet's `position`."""
        ...

    def packet_records(self, schema: str, action: str) -> int:
        """How many records a batch for this action should have about: the app's own limit or what is fastest."""
        ...

    async def write(self, target: WriteTarget, batch: Batch, seal: Seal) -> WriteReport:
        """Write a batch and report on each row.

        Raises:
            AmbiguousWriteError: the batch, or a part of it, may have been written.
        """
        ...

    async def look_up(self, target: WriteTarget, batch: Batch) -> LookUp:
        """Find out which rows of an unanswered batch are in the destination as intended. Not used with receipts."""
        ...

    async def receipt(self, target: WriteTarget) -> bytes | None:
        """The last receipt committed for `target.ledger_key`, or None. Always None without `keeps_receipts`."""
        ...


class Connector(Protocol):
    """The code for one app."""

    app: App

    def prepare(self, values: Mapping[str, str], secrets: Mapping[str, Secret]) -> Prepared:
        """Tidy what people paste. Raises ConfigurationError with `field` set where a value cannot be right."""
        ...

    def schema(self, name: str, values: Mapping[str, str] | None) -> Schema | None:
        """The schema as the configuration with these plain `values` offers it (an account kind may lack or rename
        filters); with None, as most configurations do."""
        ...

    def open(self, values: Mapping[str, str], secrets: Mapping[str, Secret]) -> Connection:
        """A connection for prepared values. Opens no socket before it is entered."""
        ...
