"""Two apps in memory, whose every step can be watched and made to fail: one to read from, one to write to.

The source reads by keyset, as a real one should. The destination either commits rows and receipt together (`receipts`)
or behaves like an API: rows arrive one by one, no answer may come, and what it holds can be looked up.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Self

import msgspec

from agent.connectors.contract import CheckReport, LookUp, Prepared, Present, ReadRequest, Seal, SentClause, WriteTarget
from agent.domain.app import Action, ActionKind, App, Schema
from agent.domain.errors import AmbiguousWriteError, RecordError, TransientError
from agent.domain.packet import Batch, Bookmark, Packet, Row, WriteReport
from agent.domain.secret import Secret
from tests.helpers.virtual_clock import START


def clauses_of(request: ReadRequest) -> list[SentClause]:
    """The clauses of a read that stand by themselves."""
    return [part for part in request.clauses if isinstance(part, SentClause)]


class Crash(BaseException):
    """The process is gone. Nothing in the agent may catch this."""


def outage(code: str = "outage", *, retry_after_seconds: float | None = None) -> TransientError:
    """A fault that passes."""
    return TransientError(
        "The app does not answer.", code=code, remedy="Wait.", retry_after_seconds=retry_after_seconds
    )


def unanswered() -> AmbiguousWriteError:
    """A write whose answer got lost."""
    return AmbiguousWriteError("The write was not answered.", code="timeout")


@dataclass
class Steps:
    """Everything that happens, in order, and what is to happen at certain steps. Thread-safe enough for tests."""

    seen: list[str] = field(default_factory=list)
    actions: dict[str, deque[Callable[[], object]]] = field(default_factory=dict)
    crash_after: int | None = None
    dead: bool = False

    def at(self, place: str, *actions: Callable[[], object] | BaseException | None) -> None:
        """Do these at the next times that this place is reached; an error is raised, None lets it pass."""
        for action in actions:
            self.actions.setdefault(place, deque()).append(_raising(action))

    def reach(self, place: str) -> None:
        """Called where something can go wrong."""
        if self.dead:
            raise Crash
        self.seen.append(place)
        if self.crash_after is not None:
            self.crash_after -= 1
            if self.crash_after < 0:
                self.die()
        if waiting := self.actions.get(place):
            waiting.popleft()()

    def die(self) -> None:
        """The process is killed here."""
        self.crash_after, self.dead = None, True
        raise Crash

    def revive(self, crash_after: int | None = None) -> None:
        """The process is started again."""
        self.dead, self.crash_after = False, crash_after


def _raising(action: Callable[[], object] | BaseException | None) -> Callable[[], object]:
    if action is None:
        return lambda: None
    if not isinstance(action, BaseException):
        return action
    error = action

    def fail() -> None:
        raise error

    return fail


@dataclass
class Source:
    """Records by id, each with the number of its last change; reading follows the changes."""

    steps: Steps
    records: dict[str, tuple[int, dict[str, Any]]] = field(default_factory=dict)
    changes: int = 0
    reads: list[ReadRequest] = field(default_factory=list)
    empty_end: bool = False
    overlap: int = 0
    """How many changes before its end the next read begins: real apps are asked for a little more than what is new."""
    ends: bool = True
    """Whether the last packet carries the bookmark, as it has to."""
    gate: Callable[[], Any] | None = None
    """Awaited before each packet."""

    def put(self, identity: str, **document: Any) -> None:
        """Add or change a record. It says itself which change it is, so that no two are alike."""
        self.put_exactly(identity, version=self.changes + 1, **document)

    def put_exactly(self, identity: str, **document: Any) -> None:
        """Add or change a record, perhaps back to what it was before."""
        self.changes += 1
        self.records[identity] = (self.changes, {"id": identity} | document)

    def fill(self, count: int, *, start: int = 0) -> None:
        """Add records `start` to `start + count - 1`."""
        for number in range(start, start + count):
            self.put(f"r{number}", total=number)

    async def read(self, request: ReadRequest) -> AsyncIterator[Packet]:
        """Packets of what changed after the bookmark, from the position on."""
        self.reads.append(request)
        if request.ids or "id" in {clause.key for clause in clauses_of(request)}:
            yield self._chosen(request)
            return
        begin = request.bookmark.detail.get("change", 0) if request.bookmark is not None else 0
        end = self.changes + 1_000_000
        sent = {clause.key: clause.value for clause in clauses_of(request)}
        if "until" in sent:
            begin, end = _change_at(sent["since"]) - 1, _change_at(sent["until"])
        after: Any = request.position["change"] if request.position is not None else begin
        while True:
            if self.gate is not None:
                await self.gate()
            self.steps.reach("read")
            await asyncio.sleep(0)
            found = sorted(
                (change, identity, document)
                for identity, (change, document) in self.records.items()
                if after < change <= end
            )  # fmt: skip
            some = found[: request.packet_records]
            after = some[-1][0] if some else after
            ended = len(found) <= request.packet_records and not (self.empty_end and some)
            yield Packet(
                source_ids=[identity for _, identity, _ in some],
                documents=[msgspec.json.encode(document) for _, _, document in some],
                position={"change": after},
                bookmark=self.bookmark(after) if ended and self.ends else None,
            )
            if ended:
                return

    def _chosen(self, request: ReadRequest) -> Packet:
        """Those of the records with these ids that are there, as an app gives them that can be asked so."""
        self.steps.reach("read by id")
        given = [clause.value for clause in clauses_of(request) if clause.key == "id"]
        ids = request.ids or [one for value in given for one in value.split(",")]
        there = [one for one in ids if one in self.records]
        documents = [msgspec.json.encode(self.records[one][1]) for one in there]
        return Packet(there, documents, {}, Bookmark())

    def bookmark(self, after: int) -> Bookmark:
        """The bookmark at the end of a read that came to this change."""
        change = max(after - self.overlap, 0)
        return Bookmark(moment_of(change), {"change": change})


@dataclass
class Destination:
    """Rows by their key, and every write that was ever carried out.

    `refused` and `skipped` give reasons by key. `script` says for each coming write what happens to it: "lost" is not
    carried out, "done" is, "half" is for half of the rows; none of them is answered.
    """

    steps: Steps
    receipts: bool = True
    rows: dict[object, Row] = field(default_factory=dict)
    carried_out: Counter[tuple[object, Row]] = field(default_factory=Counter)
    kept: dict[str, bytes] = field(default_factory=dict)
    refused: dict[object, str | RecordError] = field(default_factory=dict)
    skipped: dict[object, str] = field(default_factory=dict)
    script: deque[str] = field(default_factory=deque)
    batches: list[int] = field(default_factory=list)
    packet_size: int = 5
    gate: Callable[[], Any] | None = None
    """Awaited when a write has begun and nothing of it is carried out."""
    carried: Callable[[Row], object] = lambda _row: None
    """Told of every row that is carried out."""

    async def write(self, target: WriteTarget, batch: Batch, seal: Seal) -> WriteReport:
        self.steps.reach("write")
        await asyncio.sleep(0)
        if self.gate is not None:
            await self.gate()
        self.batches.append(len(batch))
        report = self._report(batch)
        fate = self.script.popleft() if self.script else ""
        taken = [
            row for index, row in enumerate(batch.rows) if index not in report.failures and index not in report.skipped
        ]
        if self.receipts:
            receipt = seal(report)
            if fate != "lost":
                self._carry_out(taken)
                self.kept[target.ledger_key] = receipt
                self.steps.reach("committed")
        else:
            taken = {"lost": [], "half": taken[: len(taken) // 2]}.get(fate, taken)
            for row in taken:
                self._carry_out([row])
                self.steps.reach("row written")
        if fate:
            raise unanswered()
        return report

    async def look_up(self, _target: WriteTarget, batch: Batch) -> LookUp:
        self.steps.reach("look up")
        return LookUp({
            index: f"d{row[0]}" for index, row in enumerate(batch.rows) if self.rows.get(row[0]) == row
        })  # fmt: skip

    async def present(self, _target: WriteTarget, batch: Batch) -> Present:
        self.steps.reach("present")
        await asyncio.sleep(0)
        report = self._report(batch)
        return Present([self.rows.get(row[0]) for row in batch.rows], report.destination_ids,
                       failures=report.failures, skipped=report.skipped)  # fmt: skip

    async def receipt(self, target: WriteTarget) -> bytes | None:
        self.steps.reach("receipt")
        return self.kept.get(target.ledger_key)

    def _report(self, batch: Batch) -> WriteReport:
        failures = {
            index: _refusal(self.refused[row[0]]) for index, row in enumerate(batch.rows) if row[0] in self.refused
        }
        skipped = {
            index: self.skipped[row[0]] for index, row in enumerate(batch.rows) if row[0] in self.skipped
        }  # fmt: skip
        ids = ["" if index in failures or index in skipped else f"d{row[0]}" for index, row in enumerate(batch.rows)]
        return WriteReport(ids, failures, skipped)

    def _carry_out(self, rows: Sequence[Row]) -> None:
        for row in rows:
            self.rows[row[0]] = row
            self.carried_out[row[0], _hashable(row)] += 1
            self.carried(row)


def _refusal(reason: str | RecordError) -> RecordError:
    return reason if isinstance(reason, RecordError) else RecordError(reason, code="refused", remedy="Correct it.")


def _hashable(value: Any) -> Any:
    return tuple(_hashable(one) for one in value) if isinstance(value, list | tuple) else value


@dataclass
class ScriptedConnection:
    """A connection to either of the two, or to some of a kind: which one, the schema says."""

    steps: Steps
    source: Source | None = None
    destination: Destination | None = None
    sources: Mapping[str, Source] = field(default_factory=dict)
    destinations: Mapping[str, Destination] = field(default_factory=dict)
    keeps_receipts: bool = False

    def __post_init__(self) -> None:
        self.keeps_receipts = self.destination is not None and self.destination.receipts

    async def __aenter__(self) -> Self:
        self.steps.reach("open source" if self.source is not None else "open destination")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    async def check(self, progress: Callable[[str], None]) -> CheckReport:
        progress("Looking …")
        self.steps.reach("check")
        return CheckReport()

    def read(self, request: ReadRequest) -> AsyncIterator[Packet]:
        source = self.sources.get(request.schema, self.source)
        assert source is not None
        return source.read(request)

    def packet_records(self, schema: str, action: str) -> int:
        assert action
        return self._destination(schema).packet_size

    async def write(self, target: WriteTarget, batch: Batch, seal: Seal) -> WriteReport:
        return await self._destination(target.schema).write(target, batch, seal)

    async def look_up(self, target: WriteTarget, batch: Batch) -> LookUp:
        return await self._destination(target.schema).look_up(target, batch)

    async def present(self, target: WriteTarget, batch: Batch) -> Present:
        return await self._destination(target.schema).present(target, batch)

    async def receipt(self, target: WriteTarget) -> bytes | None:
        return await self._destination(target.schema).receipt(target)

    def _destination(self, schema: str) -> Destination:
        destination = self.destinations.get(schema, self.destination)
        assert destination is not None
        return destination


@dataclass
class ScriptedConnector:
    """A connector whose connections all lead to the same source or destination."""

    app: App
    connection: ScriptedConnection
    opened_with: list[tuple[Mapping[str, str], Mapping[str, Secret]]] = field(default_factory=list)

    def prepare(self, values: Mapping[str, str], secrets: Mapping[str, Secret]) -> Prepared:
        return Prepared(values, secrets)

    def schema(self, name: str, values: Mapping[str, str] | None) -> Schema | None:
        assert values is None or isinstance(values, Mapping)
        return self.app.schema(name)

    def open(self, values: Mapping[str, str], secrets: Mapping[str, Secret]) -> ScriptedConnection:
        self.opened_with.append((values, secrets))
        return self.connection


_TEMPLATE = Schema(
    "",
    actions=(
        Action(
            "GET",
            ActionKind.READ,
            filters=frozenset({"since", "until", "id", "shape", ":from", ":kind"}),
            options={"sort": "Order"},
            by_id=True,
            shaping=frozenset({"shape"}),
            parameter_prefix=":",
            upper_bounds={"since": "until"},
        ),
        Action("LIST", ActionKind.READ, filters=frozenset({"id"})),
        Action("PUT", ActionKind.WRITE),
    ),
    open_attributes=True,
)


def scripted_app(identity: str) -> App:
    """An app with any schema."""
    return App(identity, identity.title(), "1", "In memory", (), open_schemas=True, template=_TEMPLATE)


def _change_at(moment: str) -> int:
    return int((datetime.fromisoformat(moment) - START).total_seconds())


def moment_of(change: int) -> datetime:
    """The bookmark's moment after a change."""
    return START + timedelta(seconds=change)
