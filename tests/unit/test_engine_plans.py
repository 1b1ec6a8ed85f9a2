"""Runtime filters, windows and corrections: what they read and write, that the bookmark stays, deaths at any step."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.domain.app import Attribute, DataType
from agent.domain.clauses import Clause, FilterPlace
from agent.domain.errors import ConfigurationError, ConflictError, FatalError
from agent.domain.packet import SyncState
from agent.domain.run import Counts, RunState, Trigger
from agent.domain.run_plan import (
    NORMAL,
    Replay,
    Resend,
    Retry,
    RunPlan,
    RuntimeFilter,
    parse_run_plan,
    plan_form,
    trigger_of,
)
from agent.engine.filters.plans import check_replay
from agent.engine.running.correcting import packed
from agent.engine.running.preparation import fingerprint_of
from agent.store.databases.database import Database
from agent.store.records.corrections import NewCorrection
from agent.store.runs.runs import NewRun, new_run_id
from tests.helpers.flow_rig import DOCUMENT, Rig
from tests.helpers.scripted_apps import Crash, moment_of

SINCE, UNTIL = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, 12, 30, tzinfo=UTC)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database.at(tmp_path / "agent.db")
    yield database
    database.close()


@pytest.fixture(params=[True, False], ids=["receipts", "intents"])
def rig(database: Database, request: pytest.FixtureRequest) -> Rig:
    return Rig(database, receipts=request.param)


# -- plans as they are stored ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("plan", "text", "trigger"),
    [
        (NORMAL, "", Trigger.MANUAL),
        (Retry({"post": 12, "other": 1_000}), "Retry of 1,012 records", Trigger.RETRY),
        (Retry({"post": 1}, automatic=True), "Automatic retry of 1 record", Trigger.RETRY),
        (
            RuntimeFilter({"get": (Clause("id", "in", "1,2"), Clause("X-Key", "=", "5ecret", FilterPlace.HEADER))}),
            "Runtime filter: id in 1,2 & header X-Key",
            Trigger.RUNTIME_FILTER,
        ),
        (
            Replay(SINCE, UNTIL, ("get",), again=True),
            "Replay of 2026-01-01 00:00 to 2026-01-02 12:30 UTC, written again",
            Trigger.REPLAY,
        ),
        (Resend(7, "post", "r1"), "Corrected record r1", Trigger.RESEND),
    ],
)
def test_a_plan_comes_back_as_it_was_written_down(plan: RunPlan, text: str, trigger: Trigger) -> None:
    form = plan_form(plan)
    assert parse_run_plan(json.loads(json.dumps(form))) == plan
    assert (plan.text, trigger_of(plan)) == (text, trigger)


@pytest.mark.parametrize(
    "form",
    [
        {}, [], "retry", 7, {"name": "retry"}, {"name": "else"}, {"name": "retry", "records": [], "automatic": False},
        {"name": "retry", "records": {"post": -1}, "automatic": False},
        {"name": "retry", "records": {"post": True}, "automatic": False},
        {"name": "retry", "records": {"post": 1}, "automatic": 0},
        {"name": "runtime-filter", "filters": {"get": [{"key": "a", "operator": "~", "value": "1", "in": "query"}]}},
        {"name": "runtime-filter", "filters": {"get": [{"key": "a", "operator": "=", "value": "1", "in": "ether"}]}},
        {"name": "replay", "since": "2026-01-01", "until": "2026-01-02", "nodes": [], "again": False},
        {"name": "replay", "since": "x", "until": "y", "nodes": [], "again": False},
        {"name": "resend", "edit": "1", "node": "post", "source_id": "r1"},
    ],
    ids=str,
)  # fmt: skip
def test_a_plan_that_is_not_one_is_never_taken_for_reading_on(form: object) -> None:
    with pytest.raises(FatalError) as caught:
        parse_run_plan(form)
    assert caught.value.code == "plan-damaged"


# -- runtime filters ---------------------------------------------------------------------------------------------------

SHAPED = DOCUMENT.replace(
    'filter: [{key: since, operator: "=", value: "~{CreatedDate}~"}]',
    'filter: [{key: since, value: "~{CreatedDate}~"}, {key: shape, value: wide}, {key: X-Shop, value: EU, in: header}]',
)


def test_a_filter_takes_the_place_of_what_selects_and_leaves_the_rest(database: Database) -> None:
    rig = Rig(database, document=SHAPED)
    rig.source.fill(5)
    rig.execute()
    bookmark = rig.bookmark()
    rig.source.put("r3", total=33)
    run = rig.execute(rig.queue_plan(RuntimeFilter({"get": (Clause("id", "=", "r3"),)})))
    assert (run.counts, rig.bookmark()) == (Counts(read=1, written=1), bookmark)
    sent = rig.source.reads[-1]
    assert {clause.key: clause.value for clause in sent.clauses} == {"id": "r3", "shape": "wide", "X-Shop": "EU"}  # type: ignore[union-attr]  # no groups
    assert sent.bookmark is None
    rig.execute(rig.queue_plan(RuntimeFilter({"get": (Clause("id", "=", "r3"), Clause("shape", "=", "slim"))})))
    assert {clause.key: clause.value for clause in rig.source.reads[-1].clauses}["shape"] == "slim"  # type: ignore[union-attr]  # no groups
    assert rig.execute().counts == Counts(read=1, unchanged=1), "the next run reads on as if nothing had been"


def test_parameters_stay_whatever_is_read_and_hide_nothing_that_changed_before(database: Database) -> None:
    parameters = '{key: ":from", value: "~{CreatedDate}~"}, {key: ":kind", value: web}'
    rig = Rig(database, document=SHAPED.replace("{key: shape", f"{parameters}, {{key: shape"))
    rig.source.fill(5)
    rig.execute()
    rig.execute()
    assert values_of(rig)[":from"] == values_of(rig)["since"] != EPOCH
    rig.execute(rig.queue_plan(RuntimeFilter({"get": (Clause("id", "=", "r3"),)})))
    assert values_of(rig) == {"id": "r3", "shape": "wide", "X-Shop": "EU", ":from": EPOCH, ":kind": "web"}
    rig.execute(rig.queue_plan(RuntimeFilter({"get": (Clause("id", "=", "r3"), Clause(":kind", "=", "till"))})))
    assert (values_of(rig)[":kind"], values_of(rig)[":from"]) == ("till", EPOCH)
    rig.execute(rig.queue_plan(Replay(SINCE, UNTIL, ("get",))))
    assert values_of(rig)[":from"] == values_of(rig)["since"] != EPOCH


EPOCH = "1970-01-01T00:00:00Z"


def values_of(rig: Rig) -> dict[str, str]:
    """The clauses of the last read."""
    return {clause.key: clause.value for clause in rig.source.reads[-1].clauses}  # type: ignore[union-attr]  # no groups


def test_a_filter_may_name_the_bookmark(database: Database) -> None:
    rig = Rig(database)
    rig.source.fill(3)
    rig.execute()
    rig.execute(rig.queue_plan(RuntimeFilter({"get": (Clause("id", "=", "~{CreatedDate}~"),)})))
    (clause,) = rig.source.reads[-1].clauses
    assert clause.value == moment_of(3).strftime("%Y-%m-%dT%H:%M:%SZ")  # type: ignore[union-attr]  # no groups


# -- windows -----------------------------------------------------------------------------------------------------------


def window(first: int, last: int, *, again: bool = False) -> Replay:
    """From one change of the source to another."""
    return Replay(moment_of(first), moment_of(last), ("get",), again)


def test_a_window_is_read_from_its_first_to_its_last_moment(rig: Rig) -> None:
    rig.source.fill(10)
    run = rig.execute(rig.queue_plan(window(3, 6)))
    assert run.counts == Counts(read=4, written=4)
    assert sorted(rig.destination.rows) == ["r2", "r3", "r4", "r5"]  # type: ignore[type-var]  # texts
    assert rig.bookmark() is None
    assert rig.execute().counts == Counts(read=10, unchanged=4, written=6)


def test_what_is_there_unchanged_is_written_again_on_demand_alone(rig: Rig) -> None:
    rig.source.fill(6)
    rig.execute()
    bookmark = rig.bookmark()
    rig.destination.rows.clear()
    run = rig.execute(rig.queue_plan(window(2, 4)))
    assert run.counts == Counts(read=3, unchanged=3)
    assert run.message == "3 records found, unchanged at the destination."
    assert rig.execute(rig.queue_plan(window(90, 99))).message == "No record was found."
    assert rig.execute(rig.queue_plan(window(2, 4, again=True))).counts == Counts(read=3, written=3)
    assert sorted(rig.destination.rows) == ["r1", "r2", "r3"]  # type: ignore[type-var]  # texts
    assert rig.bookmark() == bookmark


@pytest.mark.parametrize("death", range(14))
def test_writing_a_window_again_is_exact_wherever_the_process_dies(rig: Rig, death: int) -> None:
    rig.destination.packet_size = 2
    rig.source.fill(5)
    rig.execute()
    run_id = rig.queue_plan(window(1, 5, again=True))
    rig.steps.revive(death)
    with suppress(Crash):
        rig.execute(run_id)
    rig.steps.revive()
    assert rig.execute(run_id).counts == Counts(read=5, written=5)
    # Where there are no receipts, a row that was there before cannot be told from one that has just arrived.
    least = 2 if rig.receipts else 1
    assert set(rig.destination.carried_out.values()) <= {least, 2}


@pytest.mark.parametrize(
    ("filter_", "code"),
    [
        ("filter: [{key: id, value: r1}],", "replay-unsupported"),
        ('filter: [{key: since, value: "~{CreatedDate}~"}, {key: until, value: tomorrow}],', "replay-unsupported"),
        ('filter: [{key: since, value: "~{CreatedDate}~"}],', ""),
        ('filter: [{key: since, value: "~{CreatedDate}~"}, {key: until, value: "~{MaxDateLimit}~"}],', ""),
    ],
)
def test_a_get_that_cannot_tell_a_window_says_what_to_add(database: Database, filter_: str, code: str) -> None:
    document = DOCUMENT.replace('filter: [{key: since, operator: "=", value: "~{CreatedDate}~"}]', filter_.rstrip(","))
    rig = Rig(database, document=document)
    (stage,) = rig.parse(rig.deploy()).stages
    if not code:
        check_replay(stage.source)
        return
    with pytest.raises(ConfigurationError) as caught:
        check_replay(stage.source)
    assert (caught.value.code, bool(caught.value.remedy), caught.value.field) == (code, True, "get")


# -- corrections -------------------------------------------------------------------------------------------------------

ATTRIBUTES = (
    Attribute("id", primary=True),
    Attribute("version", DataType.INTEGER),
    Attribute("total", DataType.INTEGER),
)


def refused(rig: Rig) -> Rig:
    """A rig in which a record was refused."""
    rig.source.fill(3)
    rig.destination.refused = {"r1": "No."}
    rig.execute()
    rig.destination.refused.clear()
    return rig


def corrected(rig: Rig, **changes: Any) -> tuple[NewCorrection, NewRun]:
    """A correction of the refused record, and the run that is to send it."""
    document = json.dumps(rig.source.records["r1"][1], separators=(",", ":")).encode()
    known = rig.rows()["r1"]
    at = rig.clock.utc()
    correction = NewCorrection(
        node="post", source_id="r1", payload=packed(ATTRIBUTES, ("r1", 2, 4_711)),
        fingerprint=fingerprint_of(document, 1), original={"total": 1}, edited={"total": 4_711}, reason="Typo.",
        seen_run=known.run, seen_tries=known.tries,
    )  # fmt: skip
    run = NewRun(
        id=new_run_id(at), flow=rig.flow, version=1, trigger=Trigger.RESEND, requested_by="greta", at=at,
        plan=Resend(0, "post", "r1"),
    )  # fmt: skip
    return replace(correction, **changes), run


@pytest.mark.parametrize("death", [None, *range(8)])
def test_a_correction_is_sent_once_wherever_the_process_dies(rig: Rig, death: int | None) -> None:
    refused(rig)
    bookmark, reads = rig.bookmark(), len(rig.source.reads)
    correction, run = corrected(rig)
    rig.runs.correct(run, correction)
    rig.steps.revive(death)
    with suppress(Crash):
        rig.execute(run.id)
    rig.steps.revive()
    ended = rig.execute(run.id)
    assert (ended.state, ended.counts, ended.plan.text) == (
        RunState.SUCCESS, Counts(written=1), "Corrected record r1"
    )  # fmt: skip
    assert rig.destination.carried_out["r1", ("r1", 2, 4_711)] == 1
    row = rig.rows()["r1"]
    assert (row.state, row.tries) == (SyncState.SUCCESS, 2)
    assert (rig.bookmark(), len(rig.source.reads)) == (bookmark, reads)
    rig.source.overlap = 3
    assert rig.execute().counts.written == 0, "the same state of its source is not written over it"


def test_a_correction_that_is_refused_again_has_failed_again(rig: Rig) -> None:
    refused(rig)
    rig.destination.refused = {"r1": "Still no."}
    correction, run = corrected(rig)
    rig.runs.correct(run, correction)
    assert rig.execute(run.id).state is RunState.FAILED
    row = rig.rows()["r1"]
    assert (row.state, row.tries, row.message) == (SyncState.FAILED, 2, "Still no.")


@pytest.mark.parametrize("changes", [{"seen_tries": 2}, {"seen_run": "another"}, {"source_id": "r9"}], ids=str)
def test_a_correction_of_what_is_not_the_case_any_more_starts_nothing(rig: Rig, changes: dict[str, Any]) -> None:
    refused(rig)
    correction, run = corrected(rig, **changes)
    with pytest.raises(ConflictError) as caught:
        rig.runs.correct(run, correction)
    assert caught.value.code == "record-changed"
    assert rig.runs.active() == []


def test_windows_may_lie_anywhere(rig: Rig) -> None:
    rig.source.fill(2)
    run = rig.execute(rig.queue_plan(Replay(moment_of(1) - timedelta(days=400), moment_of(2), ("get",))))
    assert run.counts == Counts(read=2, written=2)
