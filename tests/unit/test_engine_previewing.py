"""A preview says of each record what a run would make of it, and leaves nothing: the run after it proves it right."""

from __future__ import annotations

import asyncio
import sqlite3
import tracemalloc
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agent.connectors.contract import Present, ReadRequest, WriteTarget
from agent.domain.clauses import Clause
from agent.domain.errors import AgentError, TransientError
from agent.domain.packet import Batch, Bookmark, Packet
from agent.domain.preview import FieldChange, Outcome, PreviewedRecord
from agent.domain.run_plan import NORMAL, Replay, RunPlan, RuntimeFilter
from agent.engine.documents.loading import load
from agent.engine.previewing.comparing import ALREADY_WRITTEN, PASSED_OVER, SAME_VALUES, STAND_IN, TOO_MANY_FAIL
from agent.engine.previewing.previewing import Previewed, Previewing
from agent.engine.running.bindings import Bindings
from agent.store.databases.database import Database
from agent.store.flows.deployments import DeploymentStore
from agent.store.records.sync_edits import Chosen, Deed, SyncEdits
from agent.store.runs.past import Past
from tests.helpers.flow_pieces import STRICT, document, get, post
from tests.helpers.flow_rig import TOKENS, NoSecrets, Rig
from tests.helpers.scripted_apps import Destination, Source, clauses_of, moment_of, outage, scripted_app


@dataclass
class Listener:
    """Keeps what is told."""

    records: list[PreviewedRecord] = field(default_factory=list)
    begun: list[tuple[str, str]] = field(default_factory=list)
    notes: dict[tuple[str, str], None] = field(default_factory=dict)
    count: int = 0
    more: bool = False

    def begins(self, node: str, text: str) -> None:
        self.begun.append((node, text))

    def read(self, count: int, *, more: bool) -> None:
        self.count += count
        self.more = self.more or more

    def take(self, records: Sequence[PreviewedRecord]) -> None:
        self.records += records

    def note(self, node: str, text: str) -> None:
        self.notes[node, text] = None

    def of(self, outcome: Outcome, node: str = "post") -> dict[str, PreviewedRecord]:
        """Records by source id."""
        return {one.source_id: one for one in self.records if one.outcome is outcome and one.node == node}

    def totals(self, node: str = "post") -> dict[Outcome, int]:
        return dict(Counter(one.outcome for one in self.records if one.node == node))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database.at(tmp_path / "agent.db")
    yield database
    database.close()


@pytest.fixture(params=[True, False], ids=["receipts", "intents"])
def rig(database: Database, request: pytest.FixtureRequest) -> Rig:
    return Rig(database, receipts=request.param)


def contents(tmp_path: Path) -> list[str]:
    """Everything in the agent's database."""
    with closing(sqlite3.connect(tmp_path / "agent.db")) as connection:
        return list(connection.iterdump())


def preview(
    rig: Rig,
    text: str = "",
    *,
    limit: int | None = None,
    plan: RunPlan = NORMAL,
    listener: Listener | None = None,
) -> Listener:
    """Preview what is deployed, or a document that is not."""
    listener = listener or Listener()
    deployment = DeploymentStore(rig.database).get(rig.flow)
    flow = load(
        (text or deployment.document).encode(),
        file="flow.yaml",
        apps={app: scripted_app(app) for app in TOKENS.values()},
    )
    what = Previewed(flow, deployment.bindings, None if text else deployment.version, limit, plan=plan)
    connections = Bindings(configurations=rig.configurations, secrets=NoSecrets(), connectors=rig.connectors)
    asyncio.run(Previewing(what, connections=connections, past=Past(rig.database, rig.flow), audience=listener).run())
    return listener


# -- what would become of records ------------------------------------------------------------------------------------


def test_new_changed_equal_and_failing_records_are_told_apart(rig: Rig) -> None:
    for identity in ("new", "changed", "equal", "failing", "refused", "skipped"):
        rig.source.put_exactly(identity, version=1, total=1 if identity != "failing" else None)
    rig.destination.rows = {"changed": ("changed", 1, 7), "equal": ("equal", 1, 1)}
    rig.destination.refused = {"refused": "Too dear."}
    rig.destination.skipped = {"skipped": "Not wanted."}

    found = preview(rig)

    assert found.totals() == {
        Outcome.CREATED: 1, Outcome.CHANGED: 1, Outcome.LEFT: 1, Outcome.FAILED: 2, Outcome.SKIPPED: 1,
    }  # fmt: skip
    assert found.of(Outcome.CREATED)["new"].changes == (
        FieldChange("id", None, "new"), FieldChange("version", None, "1"), FieldChange("total", None, "1"),
    )  # fmt: skip
    assert found.of(Outcome.CHANGED)["changed"].changes == (FieldChange("total", "7", "1"),)
    assert found.of(Outcome.LEFT)["equal"].message == SAME_VALUES
    failed = found.of(Outcome.FAILED)
    assert "total" in failed["failing"].message
    assert (failed["refused"].message, failed["refused"].remedy) == ("Too dear.", "Correct it.")
    assert found.of(Outcome.SKIPPED)["skipped"].message == "Not wanted."
    assert (found.count, found.more) == (6, False)


def test_a_preview_leaves_nothing_and_the_run_after_it_does_what_it_said(rig: Rig, tmp_path: Path) -> None:
    rig.source.fill(23)
    rig.source.put("r3", total=None)
    rig.source.put("r4", total=44)
    rig.destination.rows = {"r4": ("r4", 0, 4), "r5": ("r5", 6, 5)}
    before, rows = contents(tmp_path), dict(rig.destination.rows)

    found = preview(rig)

    assert contents(tmp_path) == before
    assert rig.destination.rows == rows
    assert not {"write", "committed", "row written", "receipt", "look up"} & set(rig.steps.seen)
    run = rig.execute()
    totals = found.totals()
    assert run.counts.read == found.count
    assert run.counts.failed == totals[Outcome.FAILED] == 1
    assert run.counts.written == totals[Outcome.CREATED] + totals[Outcome.CHANGED] + totals[Outcome.LEFT]
    for identity, one in found.of(Outcome.CREATED).items():
        assert rig.destination.rows[identity] == (identity, *(int(change.new or 0) for change in one.changes[1:]))


def test_what_an_earlier_run_wrote_is_left_and_the_bookmark_is_where_reading_begins(rig: Rig) -> None:
    rig.source.overlap = 3
    rig.source.fill(10)
    rig.execute()
    rig.source.put("r2", total=2)
    rig.source.put("new", total=1)

    found = preview(rig)

    assert set(found.of(Outcome.LEFT)) == {"r7", "r8", "r9"}
    assert {one.message for one in found.of(Outcome.LEFT).values()} == {ALREADY_WRITTEN}
    assert found.of(Outcome.LEFT)["r7"].destination_id == "dr7"
    assert set(found.of(Outcome.CHANGED)) == {"r2"}
    assert set(found.of(Outcome.CREATED)) == {"new"}
    run = rig.execute()
    assert (run.counts.unchanged, run.counts.written) == (3, 2)


@pytest.mark.parametrize("again", [False, True])
def test_a_window_that_is_to_be_written_again_is_previewed_so(rig: Rig, again: bool) -> None:
    rig.source.fill(3)
    rig.execute()
    found = preview(rig, plan=Replay(moment_of(1), moment_of(3), ("get",), again))
    assert [one.message for one in found.records] == [SAME_VALUES if again else ALREADY_WRITTEN] * 3


def test_a_document_that_is_not_deployed_counts_on_nothing_written_before(rig: Rig) -> None:
    rig.source.overlap = 100
    rig.source.fill(4)
    rig.execute()
    rig.source.put("r1", total=100)

    found = preview(rig, rig.document.replace("value: total", "value: total + 1"))

    changed = found.of(Outcome.CHANGED)
    assert [change.new for change in changed["r0"].changes] == ["1"]
    assert len(changed) == 4
    assert DeploymentStore(rig.database).get(rig.flow).version == 1


@pytest.mark.parametrize("way", ["start get map post", "start get map cut post"], ids=["plain", "cut"])
def test_what_an_operator_skipped_is_passed_over_until_it_changes(rig: Rig, way: str) -> None:
    rig.deploy(document(way, **({"cut": "{type: splitter, size: 2}"} if "cut" in way else {})))
    rig.source.overlap = 1_000
    rig.source.fill(3)
    rig.destination.refused = {"r1": "No."}
    rig.execute()
    chosen = Chosen(rig.flow, [("post", "r1")], None)
    list(SyncEdits(rig.database).batches(chosen, Deed("skip", reason="A test.", by="greta"), at=rig.clock.utc()))

    found = preview(rig)
    assert found.of(Outcome.SKIPPED)["r1"].message == PASSED_OVER
    assert set(found.of(Outcome.LEFT)) == {"r0", "r2"}
    assert set(preview(rig, rig_text(rig)).of(Outcome.SKIPPED)) == {"r1"}

    rig.source.put("r1", total=5)
    assert set(preview(rig).of(Outcome.FAILED)) == {"r1"}


def rig_text(rig: Rig) -> str:
    """The document that is deployed, as if it were not."""
    return DeploymentStore(rig.database).get(rig.flow).document


# -- how it goes through a processflow -------------------------------------------------------------------------------


def test_a_record_goes_where_its_decision_leads_and_one_without_a_way_is_skipped(rig: Rig) -> None:
    rig.deploy(
        document(
            "start get map decide", decide="{type: decision, when: 'total > 5', then: post}",
        )
    )  # fmt: skip
    rig.source.fill(10)
    rig.source.put("odd", total="many")

    found = preview(rig)

    assert len(found.of(Outcome.CREATED)) == 4
    assert len(found.of(Outcome.SKIPPED, "decide")) == 6
    assert list(found.of(Outcome.FAILED)) == ["odd"]
    run = rig.execute()
    assert (run.counts.written, run.counts.skipped, run.counts.failed) == (4, 6, 1)


def test_what_would_be_written_goes_on_with_the_id_that_it_would_have(rig: Rig) -> None:
    rig.deploy(
        document(
            "start get map post note post-too",
            note="{type: mapper, attributes: {id: {value: id, type: text, key: true}, there: destination_id}}",
            post_too=post("too"),
        )
    )
    rig.add_destination("too", receipts=rig.receipts)
    rig.source.fill(3)
    rig.destination.refused = {"r1": "No."}

    found = preview(rig)

    created = found.of(Outcome.CREATED, "post-too")
    assert {identity: one.changes[-1] for identity, one in created.items()} == {
        identity: FieldChange("there", None, f"d{identity}") for identity in ("r0", "r2")
    }


def test_an_id_that_the_destination_would_make_is_stood_in_for_and_that_is_said(rig: Rig) -> None:
    rig.deploy(
        document(
            "start get map post note post-too",
            note="{type: mapper, attributes: {id: {value: id, key: true}, "
            "there: {value: destination_id, type: integer}}}",
            post_too=post("too"),
        )
    )
    rig.destinations["rows"] = _Numbering(rig.steps, receipts=rig.receipts)
    rig.add_destination("too", receipts=rig.receipts)
    rig.source.fill(2)

    found = preview(rig)

    assert all(one.stand_in and one.destination_id == "0" for one in found.of(Outcome.CREATED).values())
    assert found.of(Outcome.CREATED, "post-too")["r1"].changes[-1] == FieldChange("there", None, "0")
    assert ("post", STAND_IN) in found.notes
    assert ("post", "The table rows would be made.") in found.notes


class _Numbering(Destination):
    """A destination that numbers new records."""

    async def present(self, _target: WriteTarget, batch: Batch) -> Present:
        every = range(len(batch))
        return Present(
            [None for _ in every], ["0" for _ in every], frozenset(every), changes=["The table rows would be made."]
        )


def test_a_delay_is_not_waited_for_and_what_is_inside_a_halt_goes_first(rig: Rig) -> None:
    rig.deploy(
        document(
            "start get rest halt inner map-inner post-inner resume", "resume map post",
            rest="{type: delay, for: 20 h}", halt="{type: halt}", inner=get("inner"), map_inner=STRICT,
            post_inner=post("inner"), resume="{type: resume, halt: halt}",
        )
    )  # fmt: skip
    rig.add_source("inner").fill(3)
    rig.add_destination("inner", receipts=rig.receipts)
    rig.source.fill(12)

    found = preview(rig)

    assert [node for node, _ in found.begun] == ["get", "inner"]
    nodes = [one.node for one in found.records]
    assert nodes == ["post-inner"] * 3 + ["post"] * 12


def test_packets_are_cut_and_joined_and_none_is_lost_at_the_end(rig: Rig) -> None:
    rig.deploy(
        document("start get map cut join post", cut="{type: splitter, size: 2}", join="{type: merger, packets: 4}")
    )
    rig.source.fill(13)

    found = preview(rig)

    assert len(found.of(Outcome.CREATED)) == 13


def test_a_get_that_loops_reads_once(rig: Rig) -> None:
    rig.deploy(document("start get map post", get=get(more="loop: {until: no-data}")))
    rig.source.fill(7)

    found = preview(rig)

    assert len(found.of(Outcome.CREATED)) == 7
    assert len(rig.source.reads) == 1


def test_each_branch_tells_of_every_record(rig: Rig) -> None:
    rig.deploy(document("start get map post", "get map-too post-too", map_too=STRICT, post_too=post("too")))
    rig.add_destination("too", receipts=rig.receipts)
    rig.source.fill(4)
    rig.source.put("r1", total=None)

    found = preview(rig)

    assert found.totals() == {Outcome.CREATED: 4}
    assert found.totals("post-too") == {Outcome.CREATED: 3, Outcome.FAILED: 1}


# -- limits, filters, faults -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("limit", "count", "more"), [(4, 4, True), (5, 5, True), (11, 11, True), (12, 12, False)])
def test_no_more_is_read_than_the_limit_allows(rig: Rig, limit: int, count: int, more: bool) -> None:
    rig.source.fill(12)

    found = preview(rig, limit=limit)

    assert (found.count, found.more, len(found.records)) == (count, more, count)
    assert rig.source.reads[0].packet_records <= limit


def test_a_filter_of_its_own_takes_the_place_of_the_action_filter_and_of_the_bookmark(rig: Rig) -> None:
    rig.source.fill(3)
    rig.execute()

    found = preview(rig, plan=RuntimeFilter({"get": (Clause("since", "=", "long ago"),)}))

    request = rig.source.reads[-1]
    assert [(clause.key, clause.value) for clause in clauses_of(request)] == [("since", "long ago")]
    assert request.bookmark is None
    assert found.begun == [("get", "since = long ago")]
    assert found.totals() == {Outcome.LEFT: 3}


def test_a_source_that_is_away_ends_the_preview_with_its_reason_and_connections_are_closed(rig: Rig) -> None:
    rig.source.fill(12)
    rig.steps.at("read", None, outage())
    listener = Listener()

    with pytest.raises(TransientError):
        preview(rig, listener=listener)

    assert len(listener.records) == 5
    assert preview(rig).totals() == {Outcome.CREATED: 12}


def test_a_destination_that_is_away_ends_the_preview_with_its_reason(rig: Rig) -> None:
    rig.source.fill(2)
    rig.steps.at("present", outage())
    with pytest.raises(AgentError):
        preview(rig)


def test_where_a_run_would_stop_because_so_much_fails_it_is_said(rig: Rig) -> None:
    rig.destination.packet_size = 600
    for number in range(600):
        rig.source.put(f"r{number}", total=None)

    found = preview(rig)

    assert found.totals() == {Outcome.FAILED: 600}
    assert ("post", TOO_MANY_FAIL) in found.notes


# -- events and memory -------------------------------------------------------------------------------------------------


def test_events_that_wait_are_previewed_and_go_on_waiting(rig: Rig, tmp_path: Path) -> None:
    rig.deploy(document("start map post", start="{type: start, trigger: event, id: id}"))
    rig.receive(("a", b'{"id": "a", "total": 1}'), ("b", b'{"id": "b", "total": "many"}'))
    before = contents(tmp_path)

    for _ in range(2):
        found = preview(rig)
        assert (set(found.of(Outcome.CREATED)), set(found.of(Outcome.FAILED))) == ({"a"}, {"b"})

    assert contents(tmp_path) == before
    run = rig.execute()
    assert (run.counts.written, run.counts.failed) == (1, 1)


class Counting(Listener):
    """Lets records go once they are counted."""

    kept = 0

    def take(self, records: Sequence[PreviewedRecord]) -> None:
        self.kept += len(records)


class Stream(Source):
    """So many records, made when they are read."""

    length = 0

    async def read(self, request: ReadRequest) -> AsyncIterator[Packet]:
        for start in range(0, self.length, request.packet_records):
            numbers = range(start, min(start + request.packet_records, self.length))
            documents = [f'{{"id": "r{number}", "version": 1, "total": {number}}}'.encode() for number in numbers]
            last = numbers.stop == self.length
            ids = [f"r{number}" for number in numbers]
            yield Packet(ids, documents, {}, Bookmark() if last else None)


def test_memory_does_not_grow_with_the_number_of_records(database: Database) -> None:
    rig = Rig(database)
    rig.sources["records"] = stream = Stream(rig.steps)
    rig.destination.packet_size = 100
    peaks = []
    for stream.length in (500, 3_000, 12_000):
        listener = Counting()
        tracemalloc.start()
        preview(rig, listener=listener)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert listener.kept == stream.length
    assert peaks[2] < peaks[1] * 1.5
