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
from typing import Final, Protocol, Self, TypeAlias, runtime_checkable

from agent.domain.app import App, Schema
from agent.domain.clauses import FilterPlace, Join
from agent.domain.errors import RecordError
from agent.domain.packet import Batch, Bookmark, Packet, Position, Row, WriteReport
from agent.domain.secret import Secret
from agent.domain.sent import Observer

CONTRACT_VERSION: Final = 1
"""The version of this contract. A connector of another distribution has an attribute `contract_version` that says which
one it was made for, and is loaded if it is this one. What old connectors do not notice leaves the number as it is, such
as a further optional protocol or field; whatever would break one raises it."""


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
    """A filter clause after rendering: exactly what is sent. Those of place header become HTTP headers."""

    key: str
    operator: str
    value: str
    place: FilterPlace = FilterPlace.QUERY


@dataclass(frozen=True, slots=True)
class SentGroup:
    """Clauses and groups of which all have to hold, or any: at least two, in the same place, never a header.

    Only actions that can combine clauses so get groups; what is to hold in any case is never in a group.
    """

    join: Join
    members: tuple[SentPart, ...]


SentPart: TypeAlias = "SentClause | SentGroup"


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """One read of a run.

    All of `clauses` have to hold; a `~{CreatedDate}~` in them is rendered already, in UTC and whole seconds, rounded
    down. `position` is that of the last acknowledged packet when a run goes on after an
    interruption, else None. `packet_records` is how many records a packet should have about; the last one has
    fewer.

    With `ids`, exactly these records are read, as far as they are there, in any order and whatever their state; a few
    hundred at most, so that nothing has to be resumed. `clauses` are then headers and shaping filters alone. It is only
    asked of actions that say `by_id`. With `window`, what changed from the first moment to the second is read, both
    aware and included; only asked of nodes with the option `Action.windowed_by`. Neither comes with a bookmark.
    """

    schema: str
    action: str
    clauses: Sequence[SentPart]
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
    """What the destination holds of a batch whose write was not answered: the ids of the rows found as intended, by the
    index of the row. As intended is what has every value that the row gives, whatever else it has."""

    written: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Present:
    """What the destination holds of a batch now, and what a write of it would do there.

    `rows` has an entry for each row of the batch: None where the destination has no such record, else a value for each
    of the batch's attributes, in the forms of `agent.domain.packet`. A value that the destination would keep just as
    what it holds (10.0 in a column with two decimals that holds 10.00) is given back as it is in the batch; a
    collection is given with all its records. Where a batch has a record twice, the later row meets the earlier one.

    `destination_ids` are the ids that the records have or would get, empty where there is none. A record that the
    destination would number itself gets a stand-in of the form that its ids have, and its index is in `stand_ins`.
    `failures` and `skipped` are as in a report on a write: rows that would certainly be refused, or left out.
    `changes` says in whole sentences what a write would change besides records, such as a table that it would make.
    """

    rows: Sequence[Row | None]
    destination_ids: Sequence[str]
    stand_ins: frozenset[int] = frozenset()
    failures: Mapping[int, RecordError] = field(default_factory=dict)
    skipped: Mapping[int, str] = field(default_factory=dict)
    changes: Sequence[str] = ()


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
        """Yield packets; the last one carries the new bookmark. Resumable from any packet's `position`.

        An async generator, or a method that returns one. The bookmark's moment is the app's time from before the first
        page, also where the read went on from a position: keep it there. Where no answer tells the app's time, the HTTP
        header `Date` does, in whole seconds rounded down, which is right for a bookmark; the clock of this computer is
        not the app's. An answer that does not have the form of a page is an error, not a page without records.
        """
        ...

    def packet_records(self, schema: str, action: str) -> int:
        """How many records a batch for this action should have about: the app's own limit or what is fastest."""
        ...

    async def write(self, target: WriteTarget, batch: Batch, seal: Seal) -> WriteReport:
        """Write a batch and report on each row. Values come in the forms of `agent.domain.packet`: a decimal number is
        a text, and None is what the record does not say.

        An error may be raised when some of the rows are written already, as when the app is asked too often in the
        middle: before the batch is sent once more, the agent looks up which of its rows are there. A row that the app
        refuses goes into the report with its RecordError, and the others go on.

        Raises:
            AmbiguousWriteError: the batch, or a part of it, may have been written.
        """
        ...

    async def look_up(self, target: WriteTarget, batch: Batch) -> LookUp:
        """Find out which rows of an unanswered batch are in the destination as intended. Not used with receipts."""
        ...

    async def present(self, target: WriteTarget, batch: Batch) -> Present:
        """Find out what a write of the batch would meet, for a preview.

        It only ever reads, in as few calls as the app allows, under the same pacing as everything else: nothing is
        written, made or widened, and no lock is taken that keeps others from writing. What would keep a write from
        beginning at all raises the same error here.
        """
        ...

    async def receipt(self, target: WriteTarget) -> bytes | None:
        """The last receipt committed for `target.ledger_key`, or None. Always None without `keeps_receipts`."""
        ...


@runtime_checkable
class Telling(Protocol):
    """A connection that tells of what it sends."""

    def tell(self, observer: Observer) -> None:
        """Tell this observer of every request from now on. Called before the connection is entered."""
        ...


@dataclass(frozen=True, slots=True)
class Use:
    """An action that a processflow asks for: of a POST also the attributes that are mapped for it."""

    schema: str
    action: str
    options: Mapping[str, str]
    attributes: frozenset[str] = frozenset()


@runtime_checkable
class Permitting(Protocol):
    """A connection to an app that permits single actions, and can find out beforehand which ones."""

    async def lacking(self, uses: Sequence[Use]) -> Mapping[int, str]:
        """The permission that the account lacks for a use, as the app calls it, by the index of the use.

        Asked when a processflow is deployed, in as few calls as the app allows; nothing is changed. What cannot be
        found out is not in it.
        """
        ...


@runtime_checkable
class Settling(Protocol):
    """A connection to a source in which something is to be done with what was read, such as moving files aside."""

    async def settle(self, request: ReadRequest, bookmark: Bookmark) -> None:
        """Do it for all that this bookmark says was read.

        Called when the bookmark of a normal run is kept, so that all those records have arrived. The agent may die
        before or during the call, and calls it once: what was left is to be done when the next read begins. To do it
        again for what is done changes nothing.
        """
        ...


KeepSecrets = Callable[[Mapping[str, Secret], Mapping[str, Secret]], None]
"""Keeps new secrets, by field name, in the place of others, the second; where others than those are stored by now,
nothing is changed. It blocks, may be called in any thread, and raises AgentError where they cannot be kept."""


@runtime_checkable
class Renewing(Protocol):
    """A connection to an app that replaces secrets while they are used, such as refresh tokens."""

    def renew(self, keep: KeepSecrets) -> None:
        """From now on, have new secrets kept by calling this, before the old ones are needed again.

        Called before the connection is entered.
        """
        ...


@runtime_checkable
class SigningIn(Protocol):
    """A connector for an app at which a person signs in with a browser. Asked whenever somebody validates."""

    async def signed_in(
        self, values: Mapping[str, str], secrets: Mapping[str, Secret], ask: Callable[[str], None], keep: KeepSecrets
    ) -> Mapping[str, Secret]:
        """The secrets that a connection needs: those that are given, where they still count, else newer ones.

        Waits for a person where one has to sign in, as long as that takes; cancelling stops it.

        Args:
            values: Prepared plain values.
            secrets: The prepared secrets.
            ask: Given the address that the person has to open.
            keep: Keeps what takes the place of a given secret by itself, without anybody signing in.
        """
        ...


@runtime_checkable
class Describing(Protocol):
    """A connection to an app whose schemas are not known beforehand, such as the tables of a database. Optional: it is
    asked when a person looks at what there is, never by a run."""

    async def schemas(self) -> Sequence[Schema]:
        """The schemas that are there, by name, with their attributes and the actions that each takes; only read."""
        ...


class Connector(Protocol):
    """The code for one app. One of another distribution has `contract_version` besides: see `CONTRACT_VERSION`."""

    app: App
    """What the app is and has. The names of schemas and actions are the connector's choice; most call them GET, UPSERT,
    INSERT, UPDATE and DELETE. Processflows name them, so they stay."""

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
