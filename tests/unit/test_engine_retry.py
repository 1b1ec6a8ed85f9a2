"""Retries: chosen records are read again by id, walk the whole stage, and end where they are tried."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from agent.domain.errors import ConfigurationError, ConflictError
from agent.domain.packet import SyncState
from agent.domain.run import Counts, RunState, Trigger
from agent.store.databases.database import Database
from agent.store.records.sync_edits import Chosen, Deed, SyncEdits
from tests.helpers.flow_rig import DOCUMENT, Rig
from tests.helpers.scripted_apps import Crash, clauses_of, outage

REFUSED = "It has no price."


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database.at(tmp_path / "agent.db")
    yield database
    database.close()


@pytest.fixture(params=[True, False], ids=["receipts", "intents"])
def rig(database: Database, request: pytest.FixtureRequest) -> Rig:
    return Rig(database, receipts=request.param)


def refusing(rig: Rig, *ids: str, count: int = 8) -> Rig:
    """A rig after a run in which these records were refused."""
    rig.source.fill(count)
    rig.destination.refused = dict.fromkeys(ids, REFUSED)
    assert rig.execute().counts.failed == len(ids)
    return rig


def states(rig: Rig, node: str = "post") -> dict[str, tuple[SyncState, int]]:
    """State and tries of each record at a node."""
    return {identity: (row.state, row.tries) for identity, row in rig.rows_of(node).items()}


# -- what a retry does -------------------------------------------------------------------------------------------------


def test_a_retry_reads_its_records_by_id_writes_them_and_leaves_the_bookmark(rig: Rig) -> None:
    refusing(rig, "r2", "r5")
    bookmark, reads = rig.bookmark(), len(rig.source.reads)
    rig.destination.refused.clear()
    rig.source.put("r6", total=600)  # the next run's business

    run = rig.execute(rig.queue_retry(states=[SyncState.FAILED]))

    assert (run.state, run.trigger, run.plan.text) == (RunState.SUCCESS, Trigger.RETRY, "Retry of 2 records")
    assert run.counts == Counts(read=2, written=2)
    assert [sorted(request.ids) for request in rig.source.reads[reads:]] == [["r2", "r5"]]
    assert rig.source.reads[-1].bookmark is None
    assert rig.bookmark() == bookmark
    assert states(rig)["r2"] == states(rig)["r5"] == (SyncState.SUCCESS, 2)
    assert rig.at_destination()["r6"] != rig.expected()["r6"]
    assert rig.execute().counts == Counts(read=1, written=1)
    assert rig.at_destination() == rig.expected()


def test_a_retry_that_fails_is_failed_and_has_one_try_more_each_time(rig: Rig) -> None:
    refusing(rig, "r2")
    for tries in (2, 3, 4):
        run = rig.execute(rig.queue_retry("r2"))
        assert run.state is RunState.FAILED
        assert run.counts == Counts(read=1, failed=1)
        assert states(rig)["r2"] == (SyncState.FAILED, tries)
    assert rig.rows()["r2"].message == REFUSED


def test_a_retry_writes_the_present_state_of_a_record(rig: Rig) -> None:
    refusing(rig, "r2")
    rig.destination.refused.clear()
    rig.source.put("r2", total=77)
    rig.execute(rig.queue_retry("r2"))
    assert rig.at_destination()["r2"] == rig.expected()["r2"]
    assert rig.execute().counts == Counts(read=1, unchanged=1)


def test_a_record_that_was_written_and_is_unchanged_is_not_written_again(rig: Rig) -> None:
    refusing(rig)
    run = rig.execute(rig.queue_retry("r1"))
    assert run.counts == Counts(read=1, unchanged=1)
    assert states(rig)["r1"] == (SyncState.SUCCESS, 1)
    assert set(rig.destination.carried_out.values()) == {1}


def test_a_record_that_is_gone_at_the_source_has_failed_and_says_so(rig: Rig) -> None:
    refusing(rig, "r2", "r3")
    del rig.source.records["r2"]
    rig.destination.refused.clear()
    run = rig.execute(rig.queue_retry("r2", "r3"))
    assert (run.state, run.counts) == (RunState.PARTIAL, Counts(read=1, written=1, failed=1))
    gone = rig.rows()["r2"]
    assert (gone.state, gone.tries) == (SyncState.FAILED, 2)
    assert "not at the source any more" in gone.message
    assert gone.remedy


def test_many_records_are_read_a_batch_at_a_time(rig: Rig) -> None:
    rig.destination.packet_size = 4
    refusing(rig, *(f"r{number}" for number in range(10)), count=20)
    reads = len(rig.source.reads)
    rig.destination.refused.clear()
    run = rig.execute(rig.queue_retry(states=[SyncState.FAILED]))
    assert run.counts == Counts(read=10, written=10)
    assert [len(request.ids) for request in rig.source.reads[reads:]] == [4, 4, 2]


def test_a_retry_goes_on_behind_its_last_batch_in_the_next_slice(rig: Rig) -> None:
    rig.destination.packet_size = 2
    refusing(rig, *(f"r{number}" for number in range(7)), count=7)
    rig.destination.refused.clear()
    run = rig.execute(rig.queue_retry(states=[SyncState.FAILED]), budget_seconds=0)
    assert run.counts == Counts(read=7, written=7)
    assert set(rig.destination.carried_out.values()) == {1}


def test_a_retry_waits_where_trying_again_helps(rig: Rig) -> None:
    refusing(rig, "r2")
    rig.destination.refused.clear()
    rig.steps.at("read by id", outage(), outage())
    assert rig.execute(rig.queue_retry("r2")).state is RunState.SUCCESS
    assert states(rig)["r2"] == (SyncState.SUCCESS, 2)


@pytest.mark.parametrize("dies_after", range(12))
def test_a_retry_is_exact_wherever_the_process_dies(rig: Rig, dies_after: int) -> None:
    rig.destination.packet_size = 2
    refusing(rig, "r1", "r2", "r3", "r4", "r5")
    del rig.source.records["r4"]
    rig.destination.refused = {"r5": REFUSED}
    bookmark = rig.bookmark()
    run_id = rig.queue_retry(states=[SyncState.FAILED])
    rig.steps.revive(dies_after)
    with suppress(Crash):
        rig.execute(run_id)
    rig.steps.revive()
    run = rig.execute(run_id)
    assert run.counts == Counts(read=4, written=3, failed=2)
    assert {one: states(rig)[one] for one in ("r1", "r2", "r3", "r4", "r5")} == {
        "r1": (SyncState.SUCCESS, 2), "r2": (SyncState.SUCCESS, 2), "r3": (SyncState.SUCCESS, 2),
        "r4": (SyncState.FAILED, 2), "r5": (SyncState.FAILED, 2),
    }  # fmt: skip
    assert set(rig.destination.carried_out.values()) == {1}
    assert rig.bookmark() == bookmark


# -- which records -----------------------------------------------------------------------------------------------------


def test_records_are_chosen_by_state_search_and_number(rig: Rig) -> None:
    refusing(rig, "r1", "r2", "r3")
    rig.clock.now += 10
    assert rig.execute(rig.queue_retry(states=[SyncState.FAILED], search="R2")).counts.failed == 1
    assert states(rig)["r2"] == (SyncState.FAILED, 2)
    rig.execute(rig.queue_retry(states=[SyncState.FAILED], most=2))
    assert [states(rig)[one][1] for one in ("r1", "r2", "r3")] == [2, 2, 2]


def test_an_id_that_sync_info_does_not_know_is_refused_and_starts_nothing(rig: Rig) -> None:
    refusing(rig, "r1")
    with pytest.raises(ConfigurationError) as caught:
        rig.queue_retry("r1", "r77")
    assert caught.value.code == "record-unknown"
    assert "r77" in caught.value.message
    assert rig.runs.active() == []


def test_a_retry_of_nothing_is_refused_and_starts_nothing(rig: Rig) -> None:
    refusing(rig)
    with pytest.raises(ConfigurationError) as caught:
        rig.queue_retry(states=[SyncState.FAILED])
    assert caught.value.code == "nothing-to-retry"
    assert rig.runs.active() == []


def test_a_retry_does_not_start_beside_another_run(rig: Rig) -> None:
    refusing(rig, "r1")
    rig.queue()
    with pytest.raises(ConflictError) as caught:
        rig.queue_retry("r1")
    assert caught.value.code == "already-running"


# -- retry filters -----------------------------------------------------------------------------------------------------


def with_retry_filter(clause: str, *, action: str = "GET") -> str:
    """The usual processflow with a retry filter."""
    return DOCUMENT.replace("schema: records, action: GET,", f"schema: records, action: {action}, {clause}").replace(
        'filter: [{key: since, operator: "=", value: "~{CreatedDate}~"}]', "description: All"
    )


@pytest.mark.parametrize(
    ("clause", "sent"),
    [
        ('retry_filter: [{key: id, operator: in, value: "{$}"}],', ["r2,r3"]),
        ('retry_filter: [{key: id, value: "{$}"}],', ["r2", "r3"]),
    ],
    ids=["a list", "one by one"],
)
def test_a_written_retry_filter_is_used(database: Database, clause: str, sent: list[str]) -> None:
    rig = refusing(Rig(database, document=with_retry_filter(clause, action="LIST")), "r2", "r3")
    reads = len(rig.source.reads)
    rig.destination.refused.clear()
    assert rig.execute(rig.queue_retry("r2", "r3")).counts == Counts(read=2, written=2)
    requests = rig.source.reads[reads:]
    assert [[clause.value for clause in clauses_of(request)] for request in requests] == [[one] for one in sent]
    assert all(not request.ids for request in requests)


def test_an_id_with_signs_of_a_function_in_it_is_sent_as_it_is(database: Database) -> None:
    clause = 'retry_filter: [{key: id, value: "{$}"}],'
    rig = Rig(database, document=with_retry_filter(clause))
    strange = "~{CreatedDate}~${x}"
    rig.source.put(strange, total=1)
    rig.destination.refused = {strange: REFUSED}
    rig.execute()
    rig.destination.refused.clear()
    assert rig.execute(rig.queue_retry(strange)).counts == Counts(read=1, written=1)


def test_without_a_way_to_read_by_id_the_run_says_what_to_add(database: Database) -> None:
    rig = refusing(Rig(database, document=with_retry_filter("", action="LIST")), "r2")
    run = rig.execute(rig.queue_retry("r2"))
    assert run.state is RunState.FAILED
    assert "cannot fetch single records" in run.message
    assert "retry_filter" in run.remedy
    assert states(rig)["r2"] == (SyncState.FAILED, 1)


# -- graphs ------------------------------------------------------------------------------------------------------------

BRANCHES = """\
schema_version: 1
name: branches
title: Branches
credentials: {from: source, to: destination}
nodes:
  start: {type: start}
  get: {type: get, credential: from, schema: records, action: GET, loop: {until: no-data}}
  other-get: {type: get, credential: from, schema: others, action: GET}
  other-map: {type: mapper, attributes: {id: {value: id, type: text, key: true}}}
  other: {type: post, credential: to, schema: other, action: PUT}
  large: {type: decision, when: total >= 100, then: map-large, otherwise: map-small}
  map-large: {type: mapper, attributes: {id: {value: id, type: text, key: true}, total: {value: total, type: integer}}}
  map-small: {type: mapper, attributes: {id: {value: id, type: text, key: true}, total: {value: total, type: integer}}}
  post-large: {type: post, credential: to, schema: large, action: PUT}
  map-after: {type: mapper, attributes: {id: {value: id, type: text, key: true},
              there: {value: destination_id, type: text}}}
  post-after: {type: post, credential: to, schema: after, action: PUT}
  post-small: {type: post, credential: to, schema: small, action: PUT}
links:
  - [start, get, large]
  - [map-large, post-large, map-after, post-after]
  - [map-small, post-small]
  - [start, other-get, other-map, other]
"""


@pytest.fixture
def branches(database: Database) -> Rig:
    rig = Rig(database, document=BRANCHES)
    for schema in ("large", "after", "small", "other"):
        rig.add_destination(schema, receipts=True)
    rig.add_source("others").put("x1", total=1)
    rig.source.put("r1", total=100)
    rig.source.put("r2", total=2)
    return rig


def test_only_the_stages_that_hold_chosen_records_run_and_a_loop_reads_once(branches: Rig) -> None:
    branches.destinations["large"].refused = {"r1": REFUSED}
    branches.execute()
    branches.destinations["large"].refused.clear()
    reads, others = len(branches.source.reads), len(branches.sources["others"].reads)
    run = branches.execute(branches.queue_retry("r1", nodes=["post-large"]))
    assert run.counts == Counts(read=1, written=2)
    assert len(branches.source.reads) == reads + 1
    assert len(branches.sources["others"].reads) == others
    assert branches.destinations["after"].rows["r1"] == ("r1", "dr1")


def test_a_record_that_failed_behind_a_post_is_tried_there_without_being_written_before(branches: Rig) -> None:
    branches.destinations["after"].refused = {"r1": REFUSED}
    branches.execute()
    branches.destinations["after"].refused.clear()
    branches.execute(branches.queue_retry("r1", nodes=["post-after"]))
    assert states(branches, "post-after")["r1"] == (SyncState.SUCCESS, 2)
    assert set(branches.destinations["large"].carried_out.values()) == {1}


def test_what_the_decision_now_sends_elsewhere_is_written_there_and_skipped_here(branches: Rig) -> None:
    branches.destinations["large"].refused = {"r1": REFUSED}
    branches.execute()
    branches.source.put("r1", total=1)
    run = branches.execute(branches.queue_retry("r1", nodes=["post-large"]))
    assert (run.state, run.counts) == (RunState.SUCCESS, Counts(read=1, written=1, skipped=1))
    row = branches.rows_of("post-large")["r1"]
    assert (row.state, row.tries) == (SyncState.SKIPPED, 2)
    assert "another way" in row.message
    assert states(branches, "post-small")["r1"] == (SyncState.SUCCESS, 1)


def test_a_record_that_fails_before_it_gets_there_has_failed_there_too(branches: Rig) -> None:
    branches.destinations["after"].refused = {"r1": REFUSED}
    branches.execute()
    branches.source.put("r1", total=200)
    branches.destinations["large"].refused = {"r1": "No more space."}
    run = branches.execute(branches.queue_retry("r1", nodes=["post-after"]))
    assert (run.state, run.counts) == (RunState.FAILED, Counts(read=1, failed=2))
    row = branches.rows_of("post-after")["r1"]
    assert (row.state, row.tries) == (SyncState.FAILED, 2)
    assert row.message == "It failed at post-large, from where it comes here."


def test_a_condition_that_cannot_be_evaluated_any_more_is_the_reason(branches: Rig) -> None:
    branches.destinations["small"].refused = {"r2": REFUSED}
    branches.execute()
    branches.source.put("r2", total="many")
    branches.execute(branches.queue_retry("r2", nodes=["post-small"]))
    row = branches.rows_of("post-small")["r2"]
    assert (row.state, row.tries) == (SyncState.FAILED, 2)
    assert "cannot be evaluated" in row.message


HALTED = """\
schema_version: 1
name: halted
title: Halted
credentials: {from: source, to: destination}
nodes:
  start: {type: start}
  get: {type: get, credential: from, schema: records, action: GET}
  wait: {type: halt}
  inner-get: {type: get, credential: from, schema: inner, action: GET}
  inner-map: {type: mapper, attributes: {id: {value: id, type: text, key: true}}}
  inner-post: {type: post, credential: to, schema: inner-rows, action: PUT}
  on: {type: resume, halt: wait}
  map: {type: mapper, attributes: {id: {value: id, type: text, key: true}}}
  post: {type: post, credential: to, schema: rows, action: PUT}
links:
  - [start, get, wait, inner-get, inner-map, inner-post, on, map, post]
"""


@pytest.mark.parametrize("nodes", [["post"], ["inner-post"], ["post", "inner-post"]], ids=str)
def test_inside_a_halt_only_what_is_chosen_runs(database: Database, nodes: list[str]) -> None:
    rig = Rig(database, document=HALTED)
    rig.add_destination("inner-rows", receipts=True)
    rig.add_source("inner").put("i1", total=1)
    rig.source.put("r1", total=1)
    rig.destinations["inner-rows"].refused = {"i1": REFUSED}
    rig.destination.refused = {"r1": REFUSED}
    rig.execute()
    rig.destination.refused.clear()
    rig.destinations["inner-rows"].refused.clear()
    run = rig.execute(rig.queue_retry(nodes=nodes, states=[SyncState.FAILED]))
    assert run.counts == Counts(read=len(nodes), written=len(nodes))
    expected = {
        node: (SyncState.SUCCESS, 2) if node in nodes else (SyncState.FAILED, 1) for node in ("post", "inner-post")
    }
    assert {"post": states(rig)["r1"], "inner-post": states(rig, "inner-post")["i1"]} == expected


def test_what_is_skipped_at_another_post_is_not_written_there_by_a_retry(branches: Rig) -> None:
    branches.destinations["after"].refused = {"r1": REFUSED}
    branches.execute()
    branches.destinations["after"].refused.clear()
    skip = Deed("skip", reason="A test order.", by="greta")
    edits = SyncEdits(branches.database)
    assert sum(edits.batches(Chosen(branches.flow, [("post-after", "r1")]), skip, at=branches.clock.utc())) == 1
    branches.execute(branches.queue_retry("r1", nodes=["post-large"]))
    assert branches.destinations["after"].rows == {}
    row = branches.rows_of("post-after")["r1"]
    assert (row.state, row.skipped_by_operator) == (SyncState.SKIPPED, True)


def test_a_retry_that_is_cancelled_before_it_starts_leaves_no_choice_behind(rig: Rig) -> None:
    refusing(rig, "r1").execute()
    run = rig.queue_retry("r1")
    rig.runs.request_cancel(run, at=rig.clock.utc())
    assert rig.runs.chosen(run, ["post"], after="", limit=9) == []
