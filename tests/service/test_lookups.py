"""Lookup tables through the contract: changed, imported, exported, bound at deploy, and used by the next run."""

from __future__ import annotations

import base64
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from agent.api.client import AgentClient
from agent.api.flow_models import DocumentRequest
from agent.api.lookup_models import FileFormat, LookupImport, LookupRow
from agent.domain.errors import ConfigurationError, ConflictError, NotFoundError
from agent.domain.lookup import LookupType
from agent.domain.packet import SyncState
from agent.domain.run import RunState
from tests.service.asking import COPY, database_draft
from tests.service.inside import Inside

GERMANY = LookupRow(source="DE", destination="Germany")
FRANCE = LookupRow(source="FR", destination="France", description="with Corsica")
USES_A_LOOKUP = COPY.replace("title: Copy", "title: Copy\nlookups: {size: sizes}").replace(
    "value: id,", "value: '$lookupValue(\"size\", id)',"
)


def csv(text: str, *, clear: bool = False, dry_run: bool = False) -> LookupImport:
    content = base64.b64encode(text.encode()).decode()
    return LookupImport(name="rows.csv", content=content, clear=clear, dry_run=dry_run)


async def test_rows_are_added_replaced_searched_and_removed(inside: Inside) -> None:
    async with inside.client() as client:
        table = await client.lookups.change("countries", put=[GERMANY, FRANCE])
        assert (table.name, table.rows, table.used_by) == ("countries", 2, [])
        assert (await client.lookups.save("countries", description="By ISO code")).description == "By ISO code"
        deutschland = GERMANY.model_copy(update={"destination": "Deutschland"})
        assert (await client.lookups.change("countries", put=[deutschland])).rows == 2
        assert (await client.lookups.rows("countries")).rows == [deutschland, FRANCE]
        assert (await client.lookups.rows("countries", search="corsica")).rows == [FRANCE]
        page = await client.lookups.rows("countries", limit=1)
        assert (page.rows, page.next) == ([deutschland], "DE")
        assert (await client.lookups.rows("countries", after=page.next)).rows == [FRANCE]
        assert (await client.lookups.change("countries", remove=["DE", "XX"])).rows == 1
        assert (await client.lookups.clear("countries")).rows == 0
        assert [one.name for one in await client.lookups.list()] == ["countries"]
        await client.lookups.remove("countries")
        with pytest.raises(NotFoundError):
            await client.lookups.get("countries")


async def test_a_row_whose_value_does_not_fit_its_type_changes_nothing(shared_inside: Inside) -> None:
    async with shared_inside.client() as client:
        wrong = LookupRow(source="a", destination="many", type=LookupType.INTEGER)
        with pytest.raises(ConfigurationError, match="“many” is no whole number"):
            await client.lookups.change("sizes", put=[GERMANY, wrong])
        assert await client.lookups.list() == []


async def test_names_that_differ_by_case_alone_are_refused(inside: Inside) -> None:
    async with inside.client() as client:
        await client.lookups.save("Countries")
        with pytest.raises(ConflictError):
            await client.lookups.save("countries")


async def test_an_import_says_what_it_did_and_does_all_or_nothing(inside: Inside) -> None:
    async with inside.client() as client:
        first = await client.lookups.import_file("c", csv("Source,Destination\nDE,Germany\nFR,France\nDE,again\n"))
        assert (first.imported, first.added, first.duplicate_rows) == (True, 2, 1)
        assert [(row.line, row.reason) for row in first.duplicates] == [(4, "“DE” is in line 2 already")]
        bad = await client.lookups.import_file("c", csv("Source,Destination,Type\nAT,Austria\nIT,x,integer\n"))
        assert (bad.imported, bad.bad_rows) == (False, 1)
        assert [(row.line, row.reason) for row in bad.bad] == [(3, "the destination value “x” is no whole number")]
        assert (await client.lookups.get("c")).rows == 2
        second = csv("Source,Destination\nDE,Deutschland\nFR,France\nAT,Austria\n")
        dry = await client.lookups.import_file("c", second.model_copy(update={"dry_run": True}))
        assert (dry.imported, dry.added, dry.changed, dry.unchanged) == (False, 1, 1, 1)
        assert (await client.lookups.get("c")).rows == 2
        done = await client.lookups.import_file("c", second)
        assert (done.imported, done.added, done.changed, done.unchanged) == (True, 1, 1, 1)
        cleared = await client.lookups.import_file("c", csv("Source,Destination\nDE,Deutschland\n", clear=True))
        assert (cleared.removed, (await client.lookups.get("c")).rows) == (2, 1)
        never = await client.lookups.import_file("new", csv("Source,Destination\n,x\n"))
        assert (never.table, never.imported) == (None, False)
        assert len(await client.lookups.list()) == 1


@pytest.mark.parametrize("file_format", FileFormat)
async def test_an_exported_table_is_imported_again_as_it_was(inside: Inside, file_format: FileFormat) -> None:
    rows = [GERMANY, FRANCE, LookupRow(source="=1+1", destination="-7", type=LookupType.INTEGER)]
    async with inside.client() as client:
        await client.lookups.change("one", put=rows)
        file = await client.lookups.export_file("one", file_format)
        assert file.name == f"one.{file_format.value}"
        await client.lookups.import_file("two", LookupImport(name=file.name, content=file.content))
        both = [(await client.lookups.rows(name)).rows for name in ("one", "two")]
        assert both[0] == both[1]
        assert len(both[0]) == 3


async def test_a_file_that_did_not_arrive_whole_is_refused(shared_inside: Inside) -> None:
    async with shared_inside.client() as client:
        with pytest.raises(ConfigurationError, match="did not arrive whole"):
            await client.lookups.import_file("c", LookupImport(name="a.csv", content="??"))


async def executed(client: AgentClient) -> RunState:
    run = await client.execute("copy")
    while not run.state.ended:
        run = await client.run(run.id, wait_seconds=20)
    assert run.state is not RunState.FAILED, run.message
    return run.state


def shop(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.executescript(
            "CREATE TABLE source (id INTEGER PRIMARY KEY, note TEXT); CREATE TABLE target (id INTEGER PRIMARY KEY);"
            "INSERT INTO source VALUES (1, ''), (2, '');"
        )


def written(path: Path) -> list[int]:
    with closing(sqlite3.connect(path)) as database:
        return [row[0] for row in database.execute("SELECT id FROM target ORDER BY id")]


async def test_a_run_uses_the_table_that_was_bound_at_deploy_and_the_next_run_its_changes(
    running_inside: Inside, tmp_path: Path
) -> None:
    path = tmp_path / "shop.db"
    shop(path)
    number = LookupType.INTEGER
    async with running_inside.client() as client:
        await client.change_setting("enable_environment", "true")
        await client.save_configuration(database_draft(path))
        refused = await client.check_flow(DocumentRequest(document=USES_A_LOOKUP))
        assert [problem.code for problem in refused.problems] == ["unknown-lookup-table"]
        with pytest.raises(ConfigurationError, match="There is no lookup table “sizes”"):
            await client.deploy(DocumentRequest(document=USES_A_LOOKUP))

        await client.lookups.change("sizes", put=[LookupRow(source="1", destination="10", type=number)])
        await client.lookups.change("others", put=[LookupRow(source="1", destination="7", type=number)])
        deployed = await client.deploy(DocumentRequest(document=USES_A_LOOKUP, lookups={"size": "others"}))
        assert deployed.flow.lookups == {"size": "others"}
        assert any(line.endswith("The lookup size is bound to the table others") for line in deployed.lines)
        again = await client.deploy(DocumentRequest(document=USES_A_LOOKUP))
        assert again.flow.lookups == {"size": "others"}
        with pytest.raises(ConfigurationError, match="names no lookup “colour”"):
            await client.deploy(DocumentRequest(document=USES_A_LOOKUP, lookups={"colour": "others"}))
        with pytest.raises(ConflictError, match="The lookup table others is used by copy"):
            await client.lookups.remove("others")

        assert await executed(client) is RunState.PARTIAL
        assert written(path) == [7]
        (failed,) = (await client.sync_info("copy", state=SyncState.FAILED)).items
        assert failed.message == "id: its expression failed: the lookup “size” has no “2”."
        assert failed.remedy.startswith("Add “2” to the lookup table “others”")

        await client.lookups.change("others", put=[LookupRow(source="2", destination="8", type=number)])
        assert (await client.lookups.get("others")).used_by == ["copy"]
        with closing(sqlite3.connect(path)) as database, database:
            database.execute("UPDATE source SET note = 'changed' WHERE id = 2")
        assert await executed(client) is RunState.SUCCESS
        assert written(path) == [7, 8]
