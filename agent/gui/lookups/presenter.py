"""Decides what Lookups shows and does: one table's rows, page after page; change, import, export. No Qt."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from agent.api.lookup_models import (
    MOST_FILE_BYTES,
    FileFormat,
    ImportReport,
    LookupFile,
    LookupImport,
    LookupPage,
    LookupRow,
    LookupTable,
)
from agent.domain.errors import AgentError
from agent.gui import formats
from agent.gui.calls import Call, Calls, T, Work
from agent.gui.chosen_files import read_base64, write_whole
from agent.gui.panel import Presenter

if TYPE_CHECKING:  # the client brings httpx along, which the first paint does not need
    from agent.api.client import AgentClient

_PAGE_ROWS = 200


class LookupsView(Protocol):
    """What the presenter needs of the page."""

    def show_tables(self, tables: list[LookupTable], chosen: str) -> None:
        """Every table, and the one on show."""

    def show_rows(self, rows: list[LookupRow], *, more: bool) -> None:
        """Show these rows instead."""

    def add_rows(self, rows: list[LookupRow], *, more: bool) -> None:
        """Show more at the end."""

    def show_import(self, table: str, file: LookupImport, report: ImportReport) -> None:
        """What importing a file would do: ask."""

    def show_busy(self, *, busy: bool) -> None:
        """A question is under way."""

    def show_error(self, error: AgentError | None) -> None:
        """What failed and what to do; None takes it back."""


class LookupsPresenter(Presenter):
    """One page. `say` tells the operator what was done."""

    def __init__(self, view: LookupsView, calls: Calls, say: Callable[[str], object]) -> None:
        self._view, self._calls, self._say = view, calls, say
        self._tables: list[LookupTable] = []
        self._table, self._search = "", ""
        self._next = ""
        self._asked: Call | None = None

    def refresh(self) -> None:
        """Ask for the tables, and for the rows of the one on show."""
        self._view.show_busy(busy=True)
        self._calls.start(lambda client: client.lookups.list(), self._on_tables, self._on_failed)

    def choose(self, table: str) -> None:
        """Another table."""
        if table != self._table:
            self._table = table
            self._ask_rows("")

    def search(self, text: str) -> None:
        """Other rows."""
        if text != self._search:
            self._search = text
            self._ask_rows("")

    def more(self) -> None:
        """The end of what is here comes in sight."""
        if self._next and self._asked is None:
            self._ask_rows(self._next)

    def make(self, name: str) -> None:
        """Make an empty table."""

        def made(table: LookupTable) -> None:
            self._table = table.name
            self._done(f"“{table.name}” is made. Add rows, or import a file")

        self._start(lambda client: client.lookups.save(name), made)

    def describe(self, text: str) -> None:
        """Say what the table is for."""
        table = self._table
        self._start(
            lambda client: client.lookups.save(table, description=text),
            lambda _: self._done("The description is saved"),
        )

    def put(self, row: LookupRow, before: str) -> None:
        """Add a row, or replace one; `before` is its source value, empty for a new one."""
        table, remove = self._table, [before] if before and before != row.source else []
        self._start(
            lambda client: client.lookups.change(table, put=[row], remove=remove),
            lambda _: self._done(f"“{row.source}” stands for “{row.destination}” from the next run on"),
        )

    def remove_rows(self, sources: list[str]) -> None:
        """Remove rows; the operator said yes."""
        table, words = self._table, formats.plural(len(sources), "row")
        self._start(
            lambda client: client.lookups.change(table, remove=sources), lambda _: self._done(f"{words} removed")
        )

    def clear(self) -> None:
        """Remove all rows; the operator said yes."""
        table = self._table
        self._start(lambda client: client.lookups.clear(table), lambda _: self._done(f"All rows of “{table}” removed"))

    def remove(self) -> None:
        """Remove the table; the operator said yes."""
        table = self._table
        self._start(lambda client: client.lookups.remove(table), lambda _: self._done(f"“{table}” is removed"))

    def look_at(self, path: Path, *, clear: bool = False) -> None:
        """Say what importing a file would do. Nothing is changed."""
        table = self._table

        async def look(client: AgentClient) -> tuple[LookupImport, ImportReport]:
            content = await asyncio.to_thread(
                read_base64, path, most_bytes=MOST_FILE_BYTES, remedy="Save it as CSV, or in parts."
            )
            file = LookupImport(name=path.name, content=content, clear=clear, dry_run=True)
            return file, await client.lookups.import_file(table, file)

        def told(found: tuple[LookupImport, ImportReport]) -> None:
            self._view.show_busy(busy=False)
            self._view.show_import(table, *found)

        self._start(look, told)

    def look_again(self, table: str, file: LookupImport) -> None:
        """The same file with another choice."""

        def told(report: ImportReport) -> None:
            self._view.show_busy(busy=False)
            self._view.show_import(table, file, report)

        self._start(lambda client: client.lookups.import_file(table, file), told)

    def import_file(self, table: str, file: LookupImport) -> None:
        """Import it; the operator has seen what it does."""
        wanted = file.model_copy(update={"dry_run": False})

        def imported(report: ImportReport) -> None:
            parts = [f"{formats.number(report.added)} added", f"{formats.number(report.changed)} changed"]
            if report.removed:
                parts.append(f"{formats.number(report.removed)} removed")
            self._done(f"{file.name}: {', '.join(parts)}")

        self._start(lambda client: client.lookups.import_file(table, wanted), imported)

    def export(self, path: Path) -> None:
        """Write all rows of the table into a file."""
        table = self._table
        kind = FileFormat.XLSX if path.suffix.casefold() == ".xlsx" else FileFormat.CSV

        async def save(client: AgentClient) -> int:
            file: LookupFile = await client.lookups.export_file(table, kind)
            content = base64.b64decode(file.content)
            await asyncio.to_thread(write_whole, path, content)
            return len(content)

        def saved(size: int) -> None:
            self._view.show_busy(busy=False)
            self._say(f"Saved {path.name}, {formats.size(size)}")

        self._start(save, saved)

    def forget(self) -> None:
        """Drop what is on show."""
        self._calls.cancel_all()
        self._asked, self._table, self._search, self._next = None, "", "", ""
        self._tables = []
        self._view.show_tables([], "")
        self._view.show_rows([], more=False)

    def _on_tables(self, tables: list[LookupTable]) -> None:
        self._view.show_busy(busy=False)
        self._tables = tables
        if all(one.name != self._table for one in tables):
            self._table = tables[0].name if tables else ""
        self._view.show_tables(tables, self._table)
        if self._table:
            self._ask_rows("")
        else:
            self._view.show_error(None)
            self._view.show_rows([], more=False)

    def _ask_rows(self, after: str) -> None:
        if self._asked is not None:
            self._asked.cancel()
        self._view.show_busy(busy=True)
        table, search = self._table, self._search

        def told(page: LookupPage) -> None:
            self._asked = None
            self._next = page.next
            self._view.show_busy(busy=False)
            self._view.show_error(None)
            show = self._view.add_rows if after else self._view.show_rows
            show(page.rows, more=bool(page.next))

        self._asked = self._calls.start(
            lambda client: client.lookups.rows(table, search=search, after=after, limit=_PAGE_ROWS),
            told,
            self._on_failed,
        )

    def _start(self, work: Work[T], done: Callable[[T], object]) -> None:
        self._view.show_error(None)
        self._view.show_busy(busy=True)
        self._calls.start(work, done, self._on_failed)

    def _done(self, words: str) -> None:
        self._say(words)
        self.refresh()

    def _on_failed(self, error: AgentError) -> None:
        self._asked = None
        self._view.show_busy(busy=False)
        self._view.show_error(error)
