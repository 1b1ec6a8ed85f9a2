"""Lookup tables as operators see, change, import and export them."""

from __future__ import annotations

import base64
import binascii
import threading
from collections.abc import Callable, Sequence
from datetime import datetime

from agent.api import lookup_models as models
from agent.domain.errors import ConfigurationError, ConflictError
from agent.domain.lookup import LookupRow, lookup_row
from agent.service.library.lookup_files import csv_file, read_file, xlsx_file
from agent.store.flows.deployments import DeploymentStore
from agent.store.library.lookups import LookupChange, LookupStore, LookupTable

_MOST_NAMED = 100


class LookupTables:
    """The lookup tables of this agent."""

    def __init__(self, *, store: LookupStore, deployments: DeploymentStore, clock: Callable[[], datetime]) -> None:
        self._store, self._deployments, self._clock = store, deployments, clock
        self._changing = threading.Lock()

    def all(self) -> list[models.LookupTable]:
        """Every table, by name."""
        users = self._users()
        return [_table(table, users.get(table.name, ())) for table in self._store.tables()]

    def get(self, name: str) -> models.LookupTable:
        """A table without its rows. Raises NotFoundError."""
        return self._answer(self._store.get(name))

    def save(self, name: str, draft: models.LookupDraft, *, by: str) -> models.LookupTable:
        """Make an empty table, or say anew what the one of that name is for. Raises ConflictError."""
        with self._changing:
            if self._store.find(name) is None:
                table = self._store.create(name, draft.description, by=by, at=self._clock())
            else:
                table = self._store.describe(name, draft.description, by=by, at=self._clock())
        return self._answer(table)

    def page(self, name: str, *, search: str, after: str, limit: int) -> models.LookupPage:
        """Rows by source value. Raises NotFoundError."""
        self._store.get(name)
        rows = self._store.page(name, search=search, after=after, limit=limit + 1)
        more = rows[limit - 1].source if len(rows) > limit else ""
        return models.LookupPage(rows=[_shown(row) for row in rows[:limit]], next=more)

    def change(self, name: str, change: models.LookupChange, *, by: str) -> models.LookupChanged:
        """Change rows, all or none; the table is made where there is none and rows are to be added.

        What is to be removed and is not there is named in the answer; the rest is done.

        Raises:
            NotFoundError: there is no such table.
            ConfigurationError: code `lookup-row-invalid` or `lookup-too-large`.
        """
        put = {row.source: row for row in map(checked_row, change.put)}
        with self._changing:
            if put and self._store.find(name) is None:
                self._store.create(name, "", by=by, at=self._clock())
            wanted = LookupChange(put=list(put.values()), remove=[source.strip() for source in change.remove])
            there = self._store.present(name, wanted.remove)
            changed = self._answer(self._store.change(name, wanted, by=by, at=self._clock()))
        missing = [source for source in dict.fromkeys(wanted.remove) if source not in there]
        return models.LookupChanged(**changed.model_dump(), missing=missing)

    def clear(self, name: str, *, by: str) -> models.LookupTable:
        """Remove all rows. Raises NotFoundError."""
        with self._changing:
            return self._answer(self._store.clear(name, by=by, at=self._clock()))

    def import_file(self, name: str, file: models.LookupImport, *, by: str) -> models.ImportReport:
        """Import a file, all rows or none; the table is made where there is none.

        Raises:
            ConfigurationError: code `file-unreadable` or `lookup-too-large`.
        """
        found = read_file(file.name, _content(file))
        with self._changing:
            table = self._store.find(name)
            before = {row.source: row for row in self._store.rows(name)} if table is not None else {}
            new = [row for row in found.rows.values() if before.get(row.source) != row]
            added = sum(row.source not in before for row in new)
            removed = [source for source in before if source not in found.rows] if file.clear else []
            imported = not found.bad and not file.dry_run
            if imported:
                if table is None:
                    self._store.create(name, "", by=by, at=self._clock())
                table = self._store.change(name, LookupChange(put=new, remove=removed), by=by, at=self._clock())
        return models.ImportReport(
            table=self._answer(table) if table is not None else None, imported=imported, added=added,
            changed=len(new) - added, unchanged=len(found.rows) - len(new), removed=len(removed),
            bad_rows=len(found.bad), duplicate_rows=len(found.duplicates), bad=_named(found.bad),
            duplicates=_named(found.duplicates),
        )  # fmt: skip

    def export_file(self, name: str, file_format: models.FileFormat) -> models.LookupFile:
        """All rows as a file that `import_file` reads again. Raises NotFoundError."""
        self._store.get(name)
        rows = self._store.rows(name)
        content = csv_file(rows) if file_format is models.FileFormat.CSV else xlsx_file(rows, title=name)
        return models.LookupFile(name=f"{name}.{file_format.value}", content=base64.b64encode(content).decode())

    def content(self, name: str) -> models.LookupContent:
        """A whole table in plain values. Raises NotFoundError."""
        table = self._store.get(name)
        rows = [_shown(row) for row in self._store.rows(name)]
        return models.LookupContent(name=name, description=table.description, rows=rows)

    def remove(self, name: str) -> None:
        """Remove a table.

        Raises:
            NotFoundError: there is no such table.
            ConflictError: code `lookup-in-use`.
        """
        with self._changing:
            self._store.get(name)
            users = self._users().get(name)
            if users:
                raise ConflictError(
                    f"The lookup table {name} is used by {', '.join(users)}.",
                    code="lookup-in-use",
                    remedy="Undeploy these first, or deploy them with another table.",
                )
            self._store.remove(name)

    def _users(self) -> dict[str, list[str]]:
        users: dict[str, list[str]] = {}
        for deployment in self._deployments.active():
            for table in sorted(set(deployment.lookups.values())):
                users.setdefault(table, []).append(deployment.flow)
        return users

    def _answer(self, table: LookupTable) -> models.LookupTable:
        return _table(table, self._users().get(table.name, ()))


def checked_row(row: models.LookupRow) -> LookupRow:
    """A row as it is kept. Raises ConfigurationError, code `lookup-row-invalid`."""
    try:
        return lookup_row(row.source, row.destination, row.type.value, row.description)
    except ValueError as error:
        raise ConfigurationError(
            f"The row cannot be stored: {error}.", code="lookup-row-invalid", remedy="Correct it; nothing was changed."
        ) from error


def _content(file: models.LookupImport) -> bytes:
    try:
        return base64.b64decode(file.content, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ConfigurationError(
            "The file did not arrive whole.", code="file-unreadable", remedy="Send it as base64.", field="content"
        ) from error


def _named(lines: Sequence[tuple[int, str]]) -> list[models.BadRow]:
    return [models.BadRow(line=line, reason=reason) for line, reason in lines[:_MOST_NAMED]]


def _shown(row: LookupRow) -> models.LookupRow:
    return models.LookupRow(source=row.source, destination=row.destination, type=row.type, description=row.description)


def _table(table: LookupTable, users: Sequence[str]) -> models.LookupTable:
    return models.LookupTable(
        name=table.name, description=table.description, rows=table.rows, changed_at=table.changed_at,
        changed_by=table.changed_by, used_by=list(users),
    )  # fmt: skip
