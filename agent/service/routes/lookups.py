"""Lookup tables."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from agent.api.lookup_models import (
    FileFormat,
    ImportReport,
    LookupChange,
    LookupChanged,
    LookupDraft,
    LookupFile,
    LookupImport,
    LookupPage,
    LookupTable,
)
from agent.domain.lookup import TABLE_NAME
from agent.service.routes.asking import PROBLEMS, After, Agent, Who

router = APIRouter(responses=PROBLEMS, tags=["lookups"])

Table = Annotated[str, Path(pattern=f"^{TABLE_NAME}$", description="The name of a lookup table.")]
Search = Annotated[str, Query(max_length=1_000, description="Looked for in all that a row holds.")]
Limit = Annotated[int, Query(ge=1, le=1_000, description="How many at most.")]


@router.get("/lookups")
def lookups(agent: Agent) -> list[LookupTable]:
    """Every lookup table, by name."""
    return agent.lookups.all()


@router.get("/lookups/{table}")
def lookup(agent: Agent, table: Table) -> LookupTable:
    """A table without its rows."""
    return agent.lookups.get(table)


@router.put("/lookups/{table}")
def save_lookup(agent: Agent, who: Who, table: Table, draft: LookupDraft) -> LookupTable:
    """Make an empty table, or say anew what the one of that name is for."""
    saved = agent.lookups.save(table, draft, by=who)
    agent.journal.write("info", f"{who} saved the lookup table {table}.")
    return saved


@router.delete("/lookups/{table}", status_code=204, response_class=Response)
def remove_lookup(agent: Agent, who: Who, table: Table) -> Response:
    """Remove a table. Refused while a deployed processflow is bound to it."""
    agent.lookups.remove(table)
    agent.journal.write("info", f"{who} removed the lookup table {table}.")
    return Response(status_code=204)


@router.get("/lookups/{table}/rows")
def lookup_rows(agent: Agent, table: Table, search: Search = "", after: After = "", limit: Limit = 100) -> LookupPage:
    """Rows of a table, by source value."""
    return agent.lookups.page(table, search=search, after=after, limit=limit)


@router.post("/lookups/{table}/rows")
def change_lookup(agent: Agent, who: Who, table: Table, change: LookupChange) -> LookupChanged:
    """Change rows, all or none; the table is made where there is none."""
    changed = agent.lookups.change(table, change, by=who)
    done = f"{len(change.put)} rows put, {len(change.remove) - len(changed.missing)} removed"
    agent.journal.write("info", f"{who} changed the lookup table {table}.", detail=done)
    return changed


@router.delete("/lookups/{table}/rows")
def clear_lookup(agent: Agent, who: Who, table: Table) -> LookupTable:
    """Remove all rows of a table."""
    cleared = agent.lookups.clear(table, by=who)
    agent.journal.write("info", f"{who} cleared the lookup table {table}.")
    return cleared


@router.post("/lookups/{table}/import")
def import_lookup(agent: Agent, who: Who, table: Table, file: LookupImport) -> ImportReport:
    """Import a file; the table is made where there is none. With any bad row nothing is imported."""
    report = agent.lookups.import_file(table, file, by=who)
    if report.imported:
        done = f"{report.added} added, {report.changed} changed, {report.removed} removed"
        agent.journal.write("info", f"{who} imported a file into the lookup table {table}.", detail=done)
    return report


@router.get("/lookups/{table}/export")
def export_lookup(
    agent: Agent,
    table: Table,
    file_format: Annotated[FileFormat, Query(alias="format", description="The form of the file.")] = FileFormat.XLSX,
) -> LookupFile:
    """All rows as a file that can be imported again."""
    return agent.lookups.export_file(table, file_format)
