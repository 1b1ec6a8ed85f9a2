"""How many records a second the engine carries, and where the time goes. Prints figures and judges none.

    .venv/bin/python -m tests.benchmarks.bench_engine [orders] [--profile] [--intents] [--again]

The source makes orders of about 1.5 kB in memory, in packets of 2,500; the mapping is the sample *orders to database*;
the destination takes rows and forgets them, with receipts or, as an API, without. Everything between them is the real
thing: mapping, fingerprints, ledger, the agent's database with a full sync for each packet.

`--again` runs a second time over the same orders: all of them are unchanged then.

`--shares ROUNDS` says how much of a run's processor time goes into snapshots and into Sync Info: measured inside it.
`--without ROUNDS` says what runs cost with and without them, in rounds that take turns.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Self
from unittest.mock import patch

import psutil
import xxhash

from agent.connectors.contract import CheckReport, Connector, LookUp, Prepared, Present, ReadRequest, Seal, WriteTarget
from agent.connectors.registry import connectors
from agent.domain.app import App, Schema
from agent.domain.packet import Batch, Bookmark, Packet, WriteReport
from agent.domain.processflow import MapperNode
from agent.domain.run import RunState
from agent.domain.secret import Secret
from agent.engine.documents.loading import load
from agent.engine.mapping.mapper import Mapper
from agent.engine.running.bindings import Bindings
from agent.engine.running.control import RunControl
from agent.engine.running.garbage import collect_less_often
from agent.engine.running.runner import Parts, Runner, Then
from agent.engine.walking.journal import Level
from agent.store.configurations import SAVED, ConfigurationRow, ConfigurationStore
from agent.store.databases.database import Database
from agent.store.flows.deployments import DeploymentStore
from agent.store.inbox.events import EventStore
from agent.store.looks import data_log, node_work
from agent.store.records import sync_rows
from agent.store.runs.acknowledgement import Acknowledgement, Move
from agent.store.runs.ledger import Ledger
from agent.store.runs.runs import RunStore, new_run_id
from agent.store.runs.trips import TripStore
from tests.helpers.flow_rig import NoAnswers
from tests.helpers.queued_runs import queue_run

_FLOW = "orders-to-database"
_DOCUMENT = Path(__file__).resolve().parents[2] / "resources" / "processflows" / f"{_FLOW}.yaml"
_PACKET = 2_500
_NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
_LINE = (
    b'{"id":%d,"order_id":%d,"product_id":77,"sku":"SKU-%d","name":"Canvas tote bag","type":"physical",'
    b'"price_inc_tax":"15.1300","total_inc_tax":"30.2600","quantity":2,"weight":"0.2000"}'
)
_ORDER = (
    b'{"id":%d,"customer_id":4711,"date_created":"Wed, 10 Jan 2018 21:05:30 +0000",'
    b'"date_modified":"Thu, 06 Feb 2025 %02d:05:%02d +0000","date_shipped":"","status_id":11,'
    b'"status":"Awaiting Fulfillment","subtotal_inc_tax":"30.2600","shipping_cost_inc_tax":"4.9000",'
    b'"total_inc_tax":"%d.1600","total_tax":"6.1100","items_total":4,"payment_method":"Credit Card",'
    b'"payment_status":"paid","currency_code":"EUR","staff_notes":"","customer_message":"Please ring twice.",'
    b'"is_deleted":false,"channel_id":1,"billing_address":{"first_name":"Greta","last_name":"Lindqvist","company":"",'
    b'"street_1":"Hauptstra\xc3\x9fe 7","city":"Hamburg","zip":"20095","country_iso2":"DE","phone":"+49 40 5550 0199",'
    b'"email":"greta%d@example.com","form_fields":[]},"consignments":{"pickups":[],"downloads":[],"shipping":[{"id":%d,'
    b'"first_name":"Greta","last_name":"Lindqvist","street_1":"Hauptstra\xc3\x9fe 7","street_2":"","city":"Hamburg",'
    b'"state":"Hamburg","zip":"20095","country":"Germany","shipping_method":"Parcel","line_items":['
    + _LINE
    + b","
    + _LINE
    + b"]}]}}"
)


def order(number: int) -> bytes:
    """An order of about 1.5 kB with two lines."""
    one, two = number * 10, number * 10 + 1
    return _ORDER % (
        number, number % 24, number % 60, number % 977, number, number, one, number, number % 900, two, number,
        number % 900,
    )  # fmt: skip


def packet(start: int, end: int, orders: int) -> Packet:
    """Orders `start` to `end - 1` of so many."""
    numbers = range(start, end)
    return Packet(
        source_ids=[str(number) for number in numbers], documents=[order(number) for number in numbers],
        position={"next": end}, bookmark=Bookmark(_NOW, {"next": end}) if end >= orders else None,
    )  # fmt: skip


@dataclass
class Memory:
    """A connection that makes orders, or takes rows and forgets them."""

    orders: int
    keeps_receipts: bool
    packet: int = _PACKET
    rows: int = 0
    peak_megabytes: float = 0.0
    kept: dict[str, bytes] = field(default_factory=dict)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    async def check(self, progress: Callable[[str], None]) -> CheckReport:
        progress("")
        return CheckReport()

    async def read(self, request: ReadRequest) -> AsyncIterator[Packet]:
        start = 100
        while start < self.orders + 100:
            end = min(start + request.packet_records, self.orders + 100)
            yield packet(start, end, self.orders + 100)
            start = end

    def packet_records(self, schema: str, action: str) -> int:
        assert schema
        assert action
        return self.packet

    async def write(self, target: WriteTarget, batch: Batch, seal: Seal) -> WriteReport:
        self.rows += len(batch)
        self.peak_megabytes = max(self.peak_megabytes, _megabytes())
        report = WriteReport(batch.source_ids)
        self.kept[target.ledger_key] = seal(report)
        return report

    async def look_up(self, target: WriteTarget, batch: Batch) -> LookUp:
        raise NotImplementedError

    async def present(self, target: WriteTarget, batch: Batch) -> Present:
        raise NotImplementedError

    async def receipt(self, target: WriteTarget) -> bytes | None:
        return self.kept.get(target.ledger_key)


@dataclass
class MemoryConnector:
    """Opens the one connection there is; describes itself as the app that it stands for."""

    app: App
    connection: Memory

    def prepare(self, values: Mapping[str, str], secrets: Mapping[str, Secret]) -> Prepared:
        return Prepared(values, secrets)

    def schema(self, name: str, values: Mapping[str, str] | None) -> Schema | None:
        assert values is None or isinstance(values, Mapping)
        return self.app.schema(name)

    def open(self, values: Mapping[str, str], secrets: Mapping[str, Secret]) -> Memory:
        assert values == secrets
        return self.connection


class Quiet:
    """A journal that keeps only how runs end, and a vault that is empty."""

    wants_packets = wants_samples = False

    def write(
        self, level: Level, message: str, *, flow: str = "", run: str = "", node: str = "", record: str = "",
        detail: str = "",
    ) -> None:  # fmt: skip
        if level == "error":
            _say(f"{flow} {run} {node} {record} {message} {detail}")

    def progressed(self, run: str) -> None:
        assert run

    def packet(self, **_: object) -> None:
        raise NotImplementedError

    def get(self, name: str) -> Secret | None:
        raise NotImplementedError(name)

    def store(self, values: Mapping[str, Secret]) -> None:
        raise NotImplementedError(values)


class Bench:
    """The engine between two memories, on a database in a folder."""

    def __init__(self, folder: Path, orders: int, *, receipts: bool = True, packet: int = _PACKET) -> None:
        self.database = Database.at(folder / "agent.db")
        self.memory = Memory(orders, receipts, packet)
        apps: dict[str, Connector] = {
            name: MemoryConnector(connectors()[name].app, self.memory) for name in ("bigcommerce", "sql")
        }
        self.flow = load(_DOCUMENT.read_bytes(), file=_DOCUMENT.name, apps=apps)
        self.runs, self.deployments = RunStore(self.database), DeploymentStore(self.database)
        configurations = ConfigurationStore(self.database)
        for app in apps:
            configurations.save(
                ConfigurationRow(
                    id=app, app=app, name=app, values={}, secret_hints={}, state=SAVED, message="", facts=(),
                    validated_at=None, saved_at=_NOW,
                )
            )  # fmt: skip
        self.deployments.add(
            flow=_FLOW, document="", file=_DOCUMENT.name, bindings={"store": "bigcommerce", "database": "sql"},
            note="", deployed_at=_NOW, deployed_by="", log=[],
        )  # fmt: skip
        quiet = Quiet()
        self.runner = Runner(
            Parts(
                deployments=self.deployments, runs=self.runs, ledger=Ledger(self.database),
                bindings=Bindings(configurations=configurations, secrets=quiet, connectors=apps),
                trips=TripStore(self.database), journal=quiet,
                clock=lambda: datetime.now(UTC), parse=lambda _: self.flow, events=EventStore(self.database),
                answers=NoAnswers(),
            )
        )  # fmt: skip

    def execute(self) -> str:
        """One run from start to end; returns what it says."""
        run_id = new_run_id(datetime.now(UTC))
        queue_run(self.database, run_id, flow=_FLOW, at=datetime.now(UTC))
        while self.runner.run_slice(run_id, RunControl(), budget_seconds=20) is not Then.ENDED:
            pass
        run = self.runs.get(run_id)
        assert run.state is RunState.SUCCESS, run.message
        return run.message

    def close(self) -> None:
        """Close the database."""
        self.database.close()


def alone(folder: Path, orders: int, flow_bench: Bench) -> None:
    """What each piece takes by itself, one after the other, in one thread."""
    (mapper,) = (Mapper(node) for node in flow_bench.flow.stages[0].nodes.values() if isinstance(node, MapperNode))
    ledger = Ledger(Database.at(folder / "alone.db"))
    source, stream = ledger.stream(flow="f", node="get"), ledger.stream(flow="f", node="post")
    for one in (source, stream):
        ledger.cursor(run="r", stream=one)
    seconds = dict.fromkeys(("make the orders", "fingerprints", "mapping", "receipt", "ledger"), 0.0)
    for number, start in enumerate(range(0, orders, _PACKET), 1):
        begin = time.perf_counter()
        made = packet(start, min(start + _PACKET, orders), orders)
        moments = [time.perf_counter()]
        fingerprints = [xxhash.xxh3_64_intdigest(document, 1) >> 1 for document in made.documents]
        moments.append(time.perf_counter())
        mapped = mapper.map_packet(made)
        moments.append(time.perf_counter())
        ids = list(mapped.batch.source_ids)
        booked = Acknowledgement(
            run="r", stream=stream, number=number, source_ids=ids, destination_ids=ids, fingerprints=fingerprints,
            troubled=[], at=number,
            move=Move(source, before=number - 1, number=number, position={}, bookmark=None, finished=False),
        )  # fmt: skip
        booked.pack()
        moments.append(time.perf_counter())
        ledger.acknowledge(booked)
        moments.append(time.perf_counter())
        for name, since, until in zip(seconds, [begin, *moments], moments, strict=False):
            seconds[name] += until - since
    for name, taken in seconds.items():
        _say(f"  {name:<22}{taken:8.2f} s {taken / orders * 1e6:8.2f} µs per order")


class Clocked:
    """How much processor time some functions take, in the threads that call them."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)

    def clock(self, stack: ExitStack, what: str, module: ModuleType, name: str) -> None:
        """Count the time of a function for what it is part of."""
        inner = getattr(module, name)

        def timed(*arguments: object, **named: object) -> object:
            begin = time.thread_time()
            try:
                return inner(*arguments, **named)
            finally:
                self.seconds[what] += time.thread_time() - begin

        stack.enter_context(patch.object(module, name, timed))


def shares(orders: int, rounds: int, *, receipts: bool) -> None:
    """What snapshots and Sync Info take of a run's processor time: measured inside it, beside whatever else goes on."""
    found: dict[str, list[float]] = {}
    for _ in range(rounds):
        clocked = Clocked()
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            for name in ("put", "put_ended", "has_troubled"):
                clocked.clock(stack, "snapshots", data_log, name)
            clocked.clock(stack, "snapshots", node_work, "put")
            clocked.clock(stack, "Sync Info", sync_rows, "put")
            bench = Bench(Path(folder), orders, receipts=receipts)
            begin = time.process_time()
            bench.execute()
            clocked.seconds["the run"] = time.process_time() - begin
            with bench.database.read() as connection:
                size = connection.exec_driver_sql("SELECT sum(size) FROM data_log").scalar_one()
            bench.close()
        for what, seconds in clocked.seconds.items():
            found.setdefault(what, []).append(seconds)
        _say(f"  {dict(clocked.seconds)}   data log {size / orders:.1f} bytes per order")
    whole = statistics.median(found.pop("the run"))
    for what, each in found.items():
        taken = statistics.median(each)
        _say(f"{what:<12}{taken / whole:8.1%} of the processor time, {taken / orders * 1e6:.2f} µs per order")


_PIECES = {
    "snapshots": [(data_log, "put"), (data_log, "put_ended"), (node_work, "put")],
    "Sync Info": [(sync_rows, "put")],
}


def without(orders: int, rounds: int, *, receipts: bool) -> None:
    """What a run costs whole and without a piece: rounds of all of them take turns, the first one warms up."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ("whole", *_PIECES)}
    for number in range(rounds + 1):
        for left_out, figures in found.items():
            with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
                for module, name in _PIECES.get(left_out, ()):
                    stack.enter_context(patch.object(module, name, lambda *_, **__: None))
                bench = Bench(Path(folder), orders, receipts=receipts)
                begin, begin_cpu = time.perf_counter(), time.process_time()
                bench.execute()
                if number:
                    figures.append((time.perf_counter() - begin, time.process_time() - begin_cpu))
                bench.close()
    for unit, which in (("clock", 0), ("processor", 1)):
        whole = [one[which] for one in found["whole"]]
        _say(f"{unit:<10} whole {statistics.median(whole):.2f} s ({min(whole):.2f} to {max(whole):.2f})")
        for name in _PIECES:
            # Round by round: what else the machine did hit both of a round alike.
            costs = [1 - one[which] / all_of_it for one, all_of_it in zip(found[name], whole, strict=True)]
            _say(f"{'':<10} {name} cost {statistics.median(costs):.1%} ({min(costs):.1%} to {max(costs):.1%})")


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description="Measure the engine.")
    parser.add_argument("orders", type=int, nargs="?", default=100_000)
    parser.add_argument("--profile", action="store_true", help="where the time goes, function by function")
    parser.add_argument("--intents", action="store_true", help="a destination without receipts")
    parser.add_argument("--again", action="store_true", help="run twice; the second time nothing has changed")
    parser.add_argument("--usual-collector", action="store_true", help="leave Python's collector of cycles as it is")
    parser.add_argument("--shares", type=int, metavar="ROUNDS", default=0, help="what snapshots and Sync Info cost")
    parser.add_argument("--without", type=int, metavar="ROUNDS", default=0, help="runs with and without them, in turns")
    parser.add_argument("--alone", action="store_true", help="each piece by itself as well")
    arguments = parser.parse_args()
    if not arguments.usual_collector:
        collect_less_often()  # as the service does
    _say(f"{arguments.orders:,} orders of {len(order(50_000)):,} bytes")
    if arguments.shares:
        shares(arguments.orders, arguments.shares, receipts=not arguments.intents)
        return
    if arguments.without:
        without(arguments.orders, arguments.without, receipts=not arguments.intents)
        return
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(Path(name), arguments.orders, receipts=not arguments.intents)
        before = _megabytes()
        for title in ("run", *(["run again"] if arguments.again else [])):
            profile = cProfile.Profile()
            begin, begin_cpu = time.perf_counter(), time.process_time()
            if arguments.profile:
                profile.enable()
            said = bench.execute()
            profile.disable()
            taken, cpu = time.perf_counter() - begin, time.process_time() - begin_cpu
            rate = arguments.orders / taken
            each = taken / arguments.orders * 1e6
            _say(f"{title:<12}{taken:8.2f} s {cpu:8.2f} s CPU {each:8.2f} µs per order {rate:10,.0f} orders/s   {said}")
            if arguments.profile:
                pstats.Stats(profile, stream=sys.stdout).sort_stats("tottime").print_stats(25)
        _say(f"memory {before:,.0f} MB before, {bench.memory.peak_megabytes:,.0f} MB at most in the run")
        if arguments.alone:
            alone(Path(name), arguments.orders, bench)
        bench.close()


def _megabytes() -> float:
    return float(psutil.Process().memory_info().rss) / 1e6


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
