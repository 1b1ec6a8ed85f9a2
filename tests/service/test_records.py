"""Records through the contract: groups, skipping, deleting, files; what is refused, and what the audit trail keeps."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from openpyxl import load_workbook

from agent.api import log_models
from agent.api.record_models import (
    ExportFormat,
    RecordChoice,
    RecordJob,
    RecordJobState,
    RecordKey,
    SkipRequest,
    Wanted,
)
from agent.domain.errors import AgentError, ConfigurationError, ConflictError, NotFoundError
from agent.domain.packet import SyncState
from agent.service.records.jobs import RecordJobs
from agent.store.databases.database import Database
from agent.store.records.audit import Audit
from agent.store.records.begun_jobs import BegunJobs
from agent.store.records.sync_edits import Chosen, Deed, SyncEdits
from agent.store.records.sync_filter import RecordFilter
from agent.store.records.sync_info import SyncInfo
from agent.store.runs.runs import RunStore
from tests.helpers.filled_records import FLOW, MOMENT, fill, known
from tests.helpers.queued_runs import queue_run
from tests.helpers.running_service import RunningService
from tests.service.inside import Inside

FAILED = Wanted(state=SyncState.FAILED)
HOUR = timedelta(hours=1)


async def done(inside: Inside, job: RecordJob) -> RecordJob:
    async with inside.client() as client:
        while job.state is RecordJobState.RUNNING:
            job = await client.records.job(job.id, wait_seconds=20)
    return job


async def text_of(inside: Inside, format_: ExportFormat, wanted: Wanted | None = None) -> bytes:
    async with inside.client() as client:
        return b"".join([piece async for piece in client.records.export(FLOW, format_, wanted)])


async def test_a_group_is_found_skipped_with_a_reason_and_taken_back(inside: Inside) -> None:
    fill(inside.parts.database, 30)
    async with inside.client() as client:
        groups = await client.records.groups(FLOW)
        assert [(one.records, one.error_title) for one in groups] == [(10, one.error_title) for one in groups]
        names = next(one for one in groups if one.error_class == "data-missing")
        assert (names.target, names.cause) == (
            "processflow:orders#map", "The destination or the mapping demands a value that the record does not have.",
        )  # fmt: skip
        wanted = Wanted(group=names.group)
        job = await done(inside, await client.records.skip(FLOW, SkipRequest(wanted=wanted, reason="Test orders")))
        assert (job.state, job.changed, job.message) == (RecordJobState.DONE, 10, "10 records skipped.")
        page = await client.sync_info(FLOW, state=SyncState.SKIPPED)
        assert page.counts[SyncState.SKIPPED] == 10
        assert page.items[0].message.endswith(": Test orders")
        assert page.items[0].skipped_by_operator
        choice = RecordChoice(ids=[RecordKey(node="post", source_id=page.items[0].source_id)])
        assert (await done(inside, await client.records.unskip(FLOW, choice))).changed == 1
        assert (await client.sync_info(FLOW)).counts[SyncState.SKIPPED] == 9
    back, skipped = Audit(inside.parts.database).page(limit=10)
    assert (back.what, skipped.what, skipped.reason, skipped.after) == (
        "records-unskip", "records-skip", "Test orders", {"records": 10, "ended": "done"},
    )  # fmt: skip


@pytest.mark.parametrize(
    "choice",
    [
        RecordChoice(),
        RecordChoice(wanted=Wanted()),
        RecordChoice(ids=[RecordKey(node="post", source_id="1")], wanted=FAILED),
    ],
)
async def test_it_has_to_be_said_which_records_are_meant(inside: Inside, choice: RecordChoice) -> None:
    known(inside.parts.database)
    async with inside.client() as client:
        with pytest.raises(ConfigurationError) as caught:
            await client.records.delete(FLOW, choice)
    assert caught.value.code == "choice-empty"


@pytest.mark.parametrize("format_", ExportFormat)
def test_an_export_that_is_fetched_slowly_or_not_to_its_end_reads_nothing_meanwhile(
    inside: Inside, format_: ExportFormat
) -> None:
    """A reading that goes on would keep SQLite from giving back its write-ahead log."""
    database, records = inside.parts.database, inside.parts.records
    fill(database, 5_000)
    reading = database.engine.pool.checkedout  # type: ignore[attr-defined]  # every pool that is used here has it
    pieces = records.export(FLOW, Wanted(), format_)
    assert next(piece for piece in pieces if piece)
    assert reading() == 0
    pieces.close()
    given_up = records.export(FLOW, Wanted(), format_)
    assert next(given_up) == b"", "it can be stopped before it is whole"
    assert reading() == 1
    given_up.close()
    assert reading() == 0


async def test_records_are_not_deleted_under_a_run(inside: Inside) -> None:
    fill(inside.parts.database, 30)
    queue_run(inside.parts.database, "run-2", flow=FLOW, at=MOMENT)
    async with inside.client() as client:
        with pytest.raises(ConflictError) as caught:
            await client.records.delete(FLOW, RecordChoice(wanted=FAILED))
        assert caught.value.code == "already-running"
        RunStore(inside.parts.database).request_cancel("run-2", at=MOMENT)
        job = await done(inside, await client.records.delete(FLOW, RecordChoice(everything=True)))
        assert (job.changed, (await client.sync_info(FLOW)).items) == (30, [])


class DyingEdits(SyncEdits):
    """After the second batch the service ends."""

    def batches(self, chosen: Chosen, deed: Deed, *, at: datetime) -> Iterator[int]:
        for _, count in zip(range(2), super().batches(chosen, deed, at=at), strict=False):
            yield count
        raise SystemExit


# As a process would, the thread ends without a word.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_what_the_service_left_half_done_is_told_after_the_next_start(tmp_path: Path) -> None:
    home = tmp_path / "agent"
    before = Inside(home)
    fill(before.parts.database, 3_000)
    jobs = RecordJobs(
        edits=DyingEdits(before.parts.database), begun=BegunJobs(before.parts.database), clock=lambda: MOMENT + HOUR,
        redact=str,
    )  # fmt: skip
    chosen, deed = Chosen(FLOW, wanted=RecordFilter(state=SyncState.FAILED)), Deed("skip", reason="x", by="greta")
    job = jobs.begin(chosen, deed)
    assert jobs._thread is not None
    jobs._thread.join()
    before.close()
    again = Inside(home)
    again.parts.start()
    async with again.client() as client:
        (line,) = (await client.bookmarks.audit(flow=FLOW)).items
        assert (line.what, line.who, json.loads(line.after)) == (
            "records-skip", "greta", {"records": 1_000, "ended": "interrupted"},
        )  # fmt: skip
        assert SyncInfo(again.parts.database).counts(FLOW)[SyncState.SKIPPED] == 1_000
        left = await client.records.job(job.id)
        assert left.problem is not None
        assert (left.state, left.changed, left.problem.code) == (RecordJobState.FAILED, 1_000, "service-ended")
        assert (await client.search_log(log_models.LogSearch(flow=FLOW, text="was changing many records"))).count == 1
    assert again.parts.records.jobs.settle() == []
    again.close()


class HeldEdits(SyncEdits):
    """Waits after its first batch until it may go on."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.may_go_on = threading.Event()

    def batches(self, chosen: Chosen, deed: Deed, *, at: datetime) -> Iterator[int]:
        for count in super().batches(chosen, deed, at=at):
            yield count
            self.may_go_on.wait(60)


def test_a_job_that_is_cancelled_ends_after_its_batch_and_counts_what_it_did(tmp_path: Path) -> None:
    database = Database.at(tmp_path / "agent.db")
    fill(database, 3_000)
    edits = HeldEdits(database)
    jobs = RecordJobs(edits=edits, begun=BegunJobs(database), clock=lambda: MOMENT + HOUR, redact=str)
    chosen, deed = Chosen(FLOW, wanted=RecordFilter(state=SyncState.FAILED)), Deed("skip", reason="x", by="greta")
    job = jobs.begin(chosen, deed)
    with pytest.raises(ConflictError) as caught:
        jobs.begin(chosen, Deed("unskip", by="greta"))
    assert caught.value.code == "job-running"
    threading.Timer(0.2, edits.may_go_on.set).start()
    ended = jobs.cancel(job.id)
    assert (ended.state, ended.changed, ended.message) == (
        RecordJobState.CANCELLED, 500, "Stopped. 500 records skipped.",
    )  # fmt: skip
    assert SyncInfo(database).counts(FLOW)[SyncState.SKIPPED] == 500
    with pytest.raises(NotFoundError):
        jobs.get("unheard-of", wait_seconds=0)
    database.close()


async def test_a_file_holds_what_fits_and_runs_nothing(inside: Inside) -> None:
    fill(inside.parts.database, 9, prefix="=cmd|' /C calc'!A")
    rows = list(csv.reader(io.StringIO((await text_of(inside, ExportFormat.CSV, FAILED)).decode("utf-8-sig"))))
    assert rows[0][:4] == ["Node", "Source id", "Destination id", "State"]
    assert len(rows) == 7
    assert all(row[1].startswith("'=cmd") and row[3] == "Failed" for row in rows[1:])
    assert rows[1][-1].startswith("2026-06-01T00:00:01")
    book = load_workbook(io.BytesIO(await text_of(inside, ExportFormat.XLSX)))
    cells = list(book.worksheets[0].iter_rows())
    assert len(cells) == 10
    assert {row[1].data_type for row in cells} == {"s"}
    assert str(cells[1][1].value).startswith("=cmd")
    assert isinstance(cells[1][9].value, datetime)


async def test_an_empty_file_has_its_headings(inside: Inside) -> None:
    known(inside.parts.database)
    assert (await text_of(inside, ExportFormat.CSV)).decode("utf-8-sig").startswith("Node,Source id,")
    assert load_workbook(io.BytesIO(await text_of(inside, ExportFormat.XLSX))).worksheets[0]["B1"].value == "Source id"


async def test_a_kind_of_trouble_that_is_not_known_is_refused(inside: Inside) -> None:
    known(inside.parts.database)
    async with inside.client() as client:
        with pytest.raises(AgentError) as caught:
            await client.records.groups(FLOW, Wanted(error_class="bad-weather"))
    assert caught.value.code == "class-unknown"


@pytest.mark.slow
def test_the_command_line_skips_exports_and_deletes(service: RunningService, tmp_path: Path) -> None:
    database = Database.at(service.folders.database)
    fill(database, 9)
    database.close()
    service.start()
    groups = service.opagent("record", "groups", FLOW)
    assert "Referenced record missing" in groups.stdout
    skipped = service.opagent("record", "skip", FLOW, "--kind", "data-missing", "--reason", "Tests")
    assert (skipped.returncode, skipped.stdout.strip()) == (0, "3 records skipped.")
    file = tmp_path / "records.csv"
    assert service.opagent("record", "export", FLOW, str(file), "--state", "skipped").returncode == 0
    assert len(file.read_text("utf-8-sig").splitlines()) == 4
    again = service.opagent("record", "export", FLOW, str(file))
    assert (again.returncode, "cannot be written" in again.stderr) == (1, True)
    asked = service.opagent("record", "delete", FLOW, "--state", "skipped")
    assert (asked.returncode, "writes each one again" in asked.stderr) == (1, True)
    assert service.opagent("record", "delete", FLOW, "--all", "--yes").stdout.strip() == "9 records deleted."
    service.stop()
    with closing(sqlite3.connect(service.folders.database)) as connection:
        assert connection.execute("SELECT count(*) FROM sync_info").fetchone() == (0,)
