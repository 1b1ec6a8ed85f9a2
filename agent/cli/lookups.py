"""`opagent lookup …`: lookup tables."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from agent.api.lookup_models import (
    MOST_FILE_BYTES,
    BadRow,
    FileFormat,
    ImportReport,
    LookupImport,
    LookupPage,
    LookupRow,
    LookupTable,
)
from agent.cli.connecting import ask
from agent.cli.files import read_file
from agent.cli.output import JsonOption, YesOption, done, fail, local, say, show, table
from agent.cli.questions import confirm
from agent.domain.errors import ConfigurationError, NotFoundError
from agent.domain.lookup import TABLE_NAME, LookupType

lookup = typer.Typer(no_args_is_help=True, help="Lookup tables: list, show, set, unset, import, export, clear, remove.")

TableArgument = Annotated[str, typer.Argument(metavar="TABLE", help="The table's name.")]


@lookup.command("list")
def list_tables(as_json: JsonOption = False) -> None:
    """Every lookup table."""
    found = ask(lambda client: client.lookups.list())
    rows = [
        (one.name, f"{one.rows:,}", one.description, local(one.changed_at), one.changed_by, ", ".join(one.used_by))
        for one in found
    ]
    headings = ("Table", "Rows", "Description", "Changed", "By", "Used by")
    show(found, as_json, lambda: table(headings, rows, empty="There is no lookup table yet."))


@lookup.command("show")
def show_table(
    name: TableArgument,
    search: Annotated[str, typer.Option("--search", help="Only rows that hold this text.")] = "",
    after: Annotated[str, typer.Option("--after", help="Only rows after this source value.")] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=1_000, help="How many rows at most.")] = 100,
    as_json: JsonOption = False,
) -> None:
    """The rows of a table, by source value."""
    page = ask(lambda client: client.lookups.rows(name, search=search, after=after, limit=limit))
    show(page, as_json, lambda: _tell_page(name, page))


@lookup.command("set")
def set_row(
    name: TableArgument,
    source: Annotated[str, typer.Argument(help="The source value.")],
    destination: Annotated[str, typer.Argument(help="The destination value that stands for it.")],
    type_: Annotated[LookupType, typer.Option("--type", help="The type of the destination value.")] = LookupType.TEXT,
    description: Annotated[str, typer.Option("--description", help="What the row is for.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Add a row, or replace the one of the same source value. The table is made where there is none."""
    _refuse_strange_name(name)
    try:
        row = LookupRow(source=source, destination=destination, type=type_, description=description)
    except ValidationError as error:
        fail(ConfigurationError(f"The row cannot be stored: {error.errors()[0]['msg']}.", code="lookup-row-invalid"))
    changed = ask(lambda client: client.lookups.change(name, put=[row]))
    show(changed, as_json, lambda: _tell(changed))


@lookup.command("unset")
def unset_row(
    name: TableArgument,
    sources: Annotated[list[str], typer.Argument(help="The source values of the rows to remove.")],
    as_json: JsonOption = False,
) -> None:
    """Remove single rows."""
    changed = ask(lambda client: client.lookups.change(name, remove=sources))
    show(changed, as_json, lambda: _tell(changed))
    if changed.missing:
        named = ", ".join(f"“{one}”" for one in changed.missing)
        fail(
            NotFoundError(
                f"{name} has no row for {named}.", code="lookup-row-not-found",
                remedy=f"“opagent lookup show {name}” lists its rows; capital letters count.",
            )
        )  # fmt: skip


@lookup.command("import")
def import_rows(
    name: TableArgument,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An .xlsx or .csv file with headings.")],
    replace: Annotated[bool, typer.Option("--replace", help="Remove rows that the file does not hold.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would happen.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Import rows: Source, Destination, Type, Description. With any bad row nothing is imported; exit status 1 then."""
    _refuse_strange_name(name)
    try:
        content = base64.b64encode(read_file(file, most_bytes=MOST_FILE_BYTES, too_large="Divide it.")).decode()
    except ConfigurationError as error:
        fail(error)
    wanted = LookupImport(name=file.name, content=content, clear=replace, dry_run=dry_run)
    report = ask(lambda client: client.lookups.import_file(name, wanted))
    show(report, as_json, lambda: _tell_import(name, report))
    if report.bad_rows:
        raise typer.Exit(1)


@lookup.command("export")
def export_rows(
    name: TableArgument,
    file: Annotated[Path, typer.Argument(help="Where to write; .xlsx or .csv.")],
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Export all rows to a file that can be imported again."""
    endings = {f".{one.value}": one for one in FileFormat}
    file_format = endings.get(file.suffix.lower())
    if file_format is None:
        fail(ConfigurationError(f"{file.name} ends with neither .xlsx nor .csv.", code="file-format"))
    if file.exists() and not force:
        fail(ConfigurationError(f"{file} is there already.", code="file-exists", remedy="Use --force to replace it."))
    exported = ask(lambda client: client.lookups.export_file(name, file_format))
    try:
        file.write_bytes(base64.b64decode(exported.content))
    except OSError as error:
        fail(ConfigurationError(f"{file} cannot be written: {error.strerror}.", code="file-unwritable"))
    done(f"{name} is written to {file}.", as_json, table=name, file=str(file))


@lookup.command("clear")
def clear_table(name: TableArgument, yes: YesOption = False, as_json: JsonOption = False) -> None:
    """Remove all rows of a table."""
    if not yes:
        found = ask(lambda client: client.lookups.get(name))
        confirm(f"Remove all {found.rows:,} rows of {name}?")
    cleared = ask(lambda client: client.lookups.clear(name))
    show(cleared, as_json, lambda: _tell(cleared))


@lookup.command("remove")
def remove_table(name: TableArgument, yes: YesOption = False, as_json: JsonOption = False) -> None:
    """Remove a table. Refused while a deployed processflow is bound to it."""
    if not yes:
        found = ask(lambda client: client.lookups.get(name))
        if not found.used_by:  # else it is refused: there is nothing to ask
            confirm(f"Remove the lookup table {name} with its {found.rows:,} rows?")
    ask(lambda client: client.lookups.remove(name))
    done(f"{name} is removed.", as_json, removed=name)


def _refuse_strange_name(name: str) -> None:
    if re.fullmatch(TABLE_NAME, name) is None:
        fail(
            ConfigurationError(
                f"“{name}” cannot be the name of a lookup table.", code="lookup-name-invalid",
                remedy="Use letters, digits, dots, hyphens and underscores, such as countries or tax-classes.",
            )
        )  # fmt: skip


def _tell(found: LookupTable) -> None:
    used = f"; used by {', '.join(found.used_by)}, from their next run on" if found.used_by else ""
    say(f"{found.name} has {found.rows:,} {'row' if found.rows == 1 else 'rows'}{used}.")


def _tell_page(name: str, page: LookupPage) -> None:
    rows = [(row.source, row.destination, row.type.value, row.description) for row in page.rows]
    table(("Source", "Destination", "Type", "Description"), rows, empty=f"{name} has no such rows.")
    if page.next:
        say(f"There are more: --after “{page.next}”")


def _tell_import(name: str, report: ImportReport) -> None:
    done = (
        f"{report.added:,} added, {report.changed:,} changed, {report.unchanged:,} as they were, "
        f"{report.removed:,} removed, {report.duplicate_rows:,} duplicates left out"
    )
    if report.bad_rows:
        say(f"Nothing was imported: {report.bad_rows:,} rows are not right.", "red")
        _tell_rows(report.bad, report.bad_rows)
    elif report.imported:
        say(f"{name}: {done}.")
    else:
        say(f"{name}: it would be {done}. Nothing was imported.")
    _tell_rows(report.duplicates, report.duplicate_rows)


def _tell_rows(rows: list[BadRow], count: int) -> None:
    for row in rows:
        say(f"  line {row.line:,}: {row.reason}")
    if count > len(rows):
        say(f"  … and {count - len(rows):,} more")
