"""A deployed processflow between scripted apps, on the real store and engine: what a run needs, and no more.

The credential token `from` leads to the sources, `to` to the destinations that keep receipts or, by choice, do not, and
`too` to those of the other kind. Without being asked there is one source, for every schema, and one destination.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from agent.connectors.contract import Connector
from agent.domain.packet import Bookmark, SyncState
from agent.domain.processflow import Processflow
from agent.domain.run import RunState, Trigger
from agent.domain.run_classes import NO_FAULT, RunFault
from agent.domain.run_plan import Retry, RunPlan, trigger_of
from agent.domain.secret import Secret
from agent.engine.documents.loading import load
from agent.engine.events.answers import Answer, Answers
from agent.engine.running.bindings import Bindings
from agent.engine.running.control import RunControl
from agent.engine.running.runner import Parts, Runner, Then
from agent.engine.walking.journal import Level
from agent.store.configurations import SAVED, ConfigurationRow, ConfigurationStore
from agent.store.databases.database import Database
from agent.store.flows.deployments import Deployment, DeploymentStore
from agent.store.inbox.events import Delivery, EventStore
from agent.store.inbox.inboxes import EventInboxes
from agent.store.library.variables import VariableStore
from agent.store.looks.kept import KeptKind
from agent.store.records.sync_filter import RecordFilter
from agent.store.records.sync_info import SyncInfo, SyncRow
from agent.store.runs.acknowledgement import Acknowledgement, Move
from agent.store.runs.ledger import Ledger
from agent.store.runs.plan_records import Choice
from agent.store.runs.runs import NewRun, RunRow, RunStore, new_run_id
from agent.store.runs.trips import TripStore
from agent.store.vaults.sealing import Sealer
from tests.helpers.scripted_apps import Destination, ScriptedConnection, ScriptedConnector, Source, Steps, scripted_app
from tests.helpers.virtual_clock import VirtualClock

DOCUMENT = """\
schema_version: 1
name: records-to-rows
title: Records to rows
credentials: {from: source, to: destination}
nodes:
  start: {type: start}
  get: {type: get, credential: from, schema: records, action: GET,
        filter: [{key: since, operator: "=", value: "~{CreatedDate}~"}]}
  map:
    type: mapper
    attributes:
      id: {value: id, type: text, key: true}
      version: {value: version, type: integer}
      total: {value: total, type: integer, required: true}
  post: {type: post, credential: to, schema: rows, action: PUT}
  end: {type: end}
links:
  - [start, get, map, post, end]
"""
TOKENS = {"from": "source", "to": "destination", "too": "other"}
"""Credential tokens and their apps."""
_MOST_SLICES = 500


class Line(NamedTuple):
    """A log line."""

    level: Level
    message: str
    node: str
    record: str
    detail: str


class KeptPacket(NamedTuple):
    """A packet that was to be kept."""

    node: str
    kind: KeptKind
    number: int
    piece: int
    records: int
    shown: int
    content: bytes
    whole: bool


@dataclass
class RecordingJournal:
    """Keeps what a run tells."""

    lines: list[Line] = field(default_factory=list)
    packets: list[KeptPacket] = field(default_factory=list)
    progress: int = 0
    wants_packets: bool = False
    wants_samples: bool = False

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
        assert run
        self.lines.append(Line(level, message, node, record, detail))

    def progressed(self, run: str) -> None:
        assert run
        self.progress += 1

    def packet(
        self, *, run: str, node: str, kind: KeptKind, number: int, piece: int, records: int, shown: int,
        content: bytes, whole: bool,
    ) -> None:  # fmt: skip
        assert run
        self.packets.append(KeptPacket(node, kind, number, piece, records, shown, content, whole))

    def said(self, text: str) -> int:
        """How many lines hold this text."""
        return sum(text in line.message for line in self.lines)


class WatchedLedger(Ledger):
    """The real ledger, with a step before and after whatever it commits."""

    def __init__(self, database: Database, steps: Steps) -> None:
        super().__init__(database)
        self._steps = steps

    def acknowledge(self, acknowledgement: Acknowledgement, *, rivals: Sequence[int] = ()) -> bool:
        self._steps.reach("before booking")
        booked = super().acknowledge(acknowledgement, rivals=rivals)
        self._steps.reach("booked")
        return booked

    def announce(self, acknowledgement: Acknowledgement, payload: bytes, *, at: datetime) -> None:
        self._steps.reach("before announcing")
        super().announce(acknowledgement, payload, at=at)
        self._steps.reach("announced")

    def move(self, run: str, move: Move, *, at: datetime) -> None:
        self._steps.reach("before moving")
        super().move(run, move, at=at)
        self._steps.reach("moved")

    def hold(self, *, run: str, node: str, packet: str, until: datetime, at: datetime, records: int) -> datetime:
        self._steps.reach("before holding")
        decided = super().hold(run=run, node=node, packet=packet, until=until, at=at, records=records)
        self._steps.reach("held")
        return decided


class WatchedRuns(RunStore):
    """The real runs, with a step before and after what lets go of one."""

    def __init__(self, database: Database, steps: Steps) -> None:
        super().__init__(database)
        self._steps = steps

    def park(self, run_id: str, *, until: datetime, activity: str) -> RunRow:
        self._steps.reach("before parking")
        row = super().park(run_id, until=until, activity=activity)
        self._steps.reach("parked")
        return row

    def end(
        self, run_id: str, *, state: RunState, message: str, remedy: str, at: datetime, fault: RunFault = NO_FAULT
    ) -> RunRow:
        self._steps.reach("before ending")
        return super().end(run_id, state=state, message=message, remedy=remedy, at=at, fault=fault)


class QuickControl(RunControl):
    """A control under which waiting takes no time; `slept` has the seconds. A clock given to it moves on."""

    def __init__(self, clock: VirtualClock | None = None) -> None:
        super().__init__()
        self.slept: list[float] = []
        self._clock = clock

    async def sleep(self, seconds: float) -> bool:
        self.slept.append(seconds)
        if self._clock is not None:
            self._clock.now += seconds
        return not (self.cancelled() or self.paused())


class NoSecrets:
    """A vault with the given secrets."""

    def __init__(self, **secrets: str) -> None:
        self.secrets = secrets
        self.known: list[str] = []
        """What must not be shown any more."""

    def get(self, name: str) -> Secret | None:
        found = self.secrets.get(name.rsplit("/", 1)[-1])
        return Secret(found) if found is not None else None

    def store(self, values: Mapping[str, Secret]) -> None:
        self.secrets |= {name.rsplit("/", 1)[-1]: secret.reveal() for name, secret in values.items()}

    def know_passing(self, secret: Secret) -> None:
        self.known.append(secret.reveal())


class NoAnswers:
    """No sender of events waits for an answer."""

    def processed(self, flow: str, ends: int, answer: Answer | None) -> None:
        """Nothing."""


@dataclass
class Rig:
    """One processflow, named `flow`, in a database that may hold others."""

    database: Database
    flow: str = "flow"
    receipts: bool = True
    document: str = DOCUMENT
    clock: VirtualClock = field(default_factory=VirtualClock)
    journal: RecordingJournal = field(default_factory=RecordingJournal)
    steps: Steps = field(default_factory=Steps)
    source: Source = field(init=False)
    destination: Destination = field(init=False)
    sources: dict[str, Source] = field(init=False)
    """By schema: those that are not `source`."""
    destinations: dict[str, Destination] = field(init=False)
    """By schema: those that are not `destination`."""
    connectors: dict[str, Connector] = field(init=False)
    answers: Answers = field(default_factory=NoAnswers)

    def __post_init__(self) -> None:
        self.source = Source(self.steps)
        self.destination = Destination(self.steps, receipts=self.receipts)
        self.sources, self.destinations = {}, {}
        self.connectors = {
            "source": ScriptedConnector(
                scripted_app("source"), ScriptedConnection(self.steps, source=self.source, sources=self.sources)
            ),
            "destination": self._destination_app("destination", self.destination),
            "other": self._destination_app("other", Destination(self.steps, receipts=not self.receipts)),
        }
        self.runs = WatchedRuns(self.database, self.steps)
        self.ledger = WatchedLedger(self.database, self.steps)
        self.sync_info = SyncInfo(self.database)
        self.secrets = NoSecrets()
        self.variables = VariableStore(self.database, Sealer(self.secrets))
        self.events, self.inboxes = EventStore(self.database), EventInboxes(self.database)
        self.trips = TripStore(self.database)
        self.configurations = ConfigurationStore(self.database)
        for app in self.connectors:
            self.configurations.save(
                ConfigurationRow(
                    id=f"{self.flow}-{app}", app=app, name=f"{self.flow} {app}", values={}, secret_hints={},
                    state=SAVED, message="", facts=(), validated_at=None, saved_at=self.clock.utc(),
                )
            )  # fmt: skip
        self.deploy()

    def _destination_app(self, name: str, destination: Destination) -> ScriptedConnector:
        connection = ScriptedConnection(self.steps, destination=destination, destinations=self.destinations)
        return ScriptedConnector(scripted_app(name), connection)

    def add_source(self, schema: str) -> Source:
        """Another source, behind the token `from`."""
        self.sources[schema] = Source(self.steps)
        return self.sources[schema]

    def add_destination(self, schema: str, *, receipts: bool) -> tuple[Destination, str]:
        """Another destination, and the token that leads to it."""
        self.destinations[schema] = Destination(self.steps, receipts=receipts)
        return self.destinations[schema], "to" if receipts is self.receipts else "too"

    def deploy(self, document: str = "") -> Deployment:
        """Deploy a version."""
        return self.deploy_with({token: f"{self.flow}-{app}" for token, app in TOKENS.items()}, document)

    def deploy_with(self, bindings: dict[str, str], document: str = "") -> Deployment:
        """Deploy a version that uses these configurations."""
        return DeploymentStore(self.database).add(
            flow=self.flow, document=document or self.document, file="flow.yaml", bindings=bindings, note="",
            deployed_at=self.clock.utc(), deployed_by="", log=[],
        )  # fmt: skip

    def receive(self, *records: tuple[str, bytes], name: str = "") -> int:
        """An event that was acknowledged; returns the number of its last record."""
        if self.inboxes.find(self.flow) is None:
            self.inboxes.renew(self.flow, "", at=self.clock.utc(), by="")
        event = Delivery(self.flow, name or new_run_id(self.clock.utc()), False, records, self.clock.utc())
        return self.events.put([event], most_bytes=1 << 30)[0].ends

    def parts(self) -> Parts:
        """What a runner works with."""
        return Parts(
            deployments=DeploymentStore(self.database), runs=self.runs, ledger=self.ledger,
            bindings=Bindings(configurations=self.configurations, secrets=self.secrets, connectors=self.connectors),
            trips=self.trips, journal=self.journal, clock=self.clock.utc, parse=self.parse, variables=self.variables,
            events=self.events, answers=self.answers,
        )  # fmt: skip

    def parse(self, deployment: Deployment) -> Processflow:
        """The processflow of a deployment."""
        return _parsed(deployment.document)

    def runner(self) -> Runner:
        """A new runner, as after a start of the service."""
        return Runner(self.parts())

    def queue(self) -> str:
        """A new run of the newest version."""
        at = self.clock.utc()
        version = DeploymentStore(self.database).get(self.flow).version
        run_id = new_run_id(at)
        self.runs.add(
            NewRun(id=run_id, flow=self.flow, version=version, trigger=Trigger.MANUAL, requested_by="", at=at)
        )  # fmt: skip
        return run_id

    def queue_plan(self, plan: RunPlan) -> str:
        """A new run of the newest version that does something else than read on."""
        run = self._new_run(plan)
        self.runs.add(run)
        return run.id

    def queue_retry(self, *ids: str, nodes: Sequence[str] = ("post",), **choice: Any) -> str:
        """A new retry, of these records or of all that fit."""
        run = self._new_run(Retry({}))
        self.runs.retry(run, Choice(self.flow, nodes, ids, **choice))
        return run.id

    def _new_run(self, plan: RunPlan) -> NewRun:
        at = self.clock.utc()
        version = DeploymentStore(self.database).get(self.flow).version
        return NewRun(
            id=new_run_id(at), flow=self.flow, version=version, trigger=trigger_of(plan), requested_by="", at=at,
            plan=plan,
        )  # fmt: skip

    def execute(self, run_id: str = "", *, budget_seconds: float = 60.0) -> RunRow:
        """Run to the end with one runner; waits take no time."""
        run_id = run_id or self.queue()
        runner = self.runner()
        for _ in range(_MOST_SLICES):
            match runner.run_slice(run_id, QuickControl(self.clock), budget_seconds=budget_seconds):
                case Then.ENDED:
                    return self.runs.get(run_id)
                case Then.PARKED:
                    self.wake(run_id)
        raise AssertionError("The run does not end.")

    def wake(self, run_id: str) -> None:
        """Let the moment come that a parked run waits for."""
        row = self.runs.get(run_id)
        assert row.state is RunState.WAITING
        assert row.resume_at is not None
        assert row.resume_at > self.clock.utc()
        self.clock.now += (row.resume_at - self.clock.utc()).total_seconds()

    @property
    def stream(self) -> int:
        """The stream of the POST node."""
        return self.ledger.stream(flow=self.flow, node="post")

    @property
    def source_stream(self) -> int:
        """The stream of the GET node."""
        return self.ledger.stream(flow=self.flow, node="get")

    def bookmark(self) -> Bookmark | None:
        """How far the source was read and acknowledged."""
        return self.ledger.bookmark(self.source_stream)

    def bookmark_of(self, node: str) -> Bookmark | None:
        """How far the source of any GET node was read and acknowledged."""
        return self.ledger.bookmark(self.stream_of(node))

    def stream_of(self, node: str) -> int:
        """The stream of any GET or POST node."""
        return self.ledger.stream(flow=self.flow, node=node)

    def rows_of(self, node: str) -> dict[str, SyncRow]:
        """Sync Info of a POST node by source id."""
        page = self.sync_info.page(self.flow, limit=100_000)
        return {row.source_id: row for row in page if row.node == node}

    def rows(self, state: SyncState | None = None) -> dict[str, SyncRow]:
        """Sync Info by source id."""
        page = self.sync_info.page(self.flow, RecordFilter(state=state), limit=100_000)
        return {row.source_id: row for row in page}

    def at_destination(self) -> dict[object, tuple[object, ...]]:
        """Key → the other values."""
        return {key: tuple(row[1:]) for key, row in self.destination.rows.items()}

    def expected(self, fits: Callable[[str], bool] = lambda _: True) -> dict[object, tuple[object, ...]]:
        """What the destination should hold."""
        return {
            identity: (document["version"], document["total"])
            for identity, (_, document) in self.source.records.items()
            if fits(identity)
        }


@cache
def _parsed(document: str) -> Processflow:
    """Parsed once: it takes longer than a whole run in memory."""
    apps = {app: scripted_app(app) for app in TOKENS.values()}
    return load(document.encode(), file="flow.yaml", apps=apps)
