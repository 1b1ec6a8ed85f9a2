"""Lookup tables, as clients ask for them."""

from __future__ import annotations

from collections.abc import Sequence

from agent.api.calls import Calls
from agent.api.lookup_models import (
    FileFormat,
    ImportReport,
    LookupChange,
    LookupChanged,
    LookupDraft,
    LookupFile,
    LookupImport,
    LookupPage,
    LookupRow,
    LookupTable,
)

_PATIENCE_SECONDS = 300.0
"""For large xlsx files on a slow machine."""


class Lookups:
    """The lookup tables of a service."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def list(self) -> list[LookupTable]:
        """Every table, by name."""
        return await self._calls.get_list("/lookups", LookupTable)

    async def get(self, name: str) -> LookupTable:
        """A table without its rows."""
        return await self._calls.get(f"/lookups/{name}", LookupTable)

    async def save(self, name: str, *, description: str = "") -> LookupTable:
        """Make an empty table, or say anew what the one of that name is for."""
        return await self._calls.send("PUT", f"/lookups/{name}", LookupTable, LookupDraft(description=description))

    async def rows(self, name: str, *, search: str = "", after: str = "", limit: int = 100) -> LookupPage:
        """Rows of a table, by source value."""
        return await self._calls.get(f"/lookups/{name}/rows", LookupPage, search=search, after=after, limit=limit)

    async def change(self, name: str, *, put: Sequence[LookupRow] = (), remove: Sequence[str] = ()) -> LookupChanged:
        """Change rows, all or none; the table is made where there is none. What is not there need not be removed."""
        change = LookupChange(put=[*put], remove=[*remove])
        return await self._calls.send("POST", f"/lookups/{name}/rows", LookupChanged, change)

    async def clear(self, name: str) -> LookupTable:
        """Remove all rows."""
        return await self._calls.send("DELETE", f"/lookups/{name}/rows", LookupTable)

    async def import_file(self, name: str, file: LookupImport) -> ImportReport:
        """Import a file; the table is made where there is none. With any bad row nothing is imported."""
        return await self._calls.send(
            "POST", f"/lookups/{name}/import", ImportReport, file, timeout_seconds=_PATIENCE_SECONDS
        )

    async def export_file(self, name: str, file_format: FileFormat) -> LookupFile:
        """All rows as a file that `import_file` reads again."""
        path, wanted = f"/lookups/{name}/export", file_format.value
        return await self._calls.send("GET", path, LookupFile, timeout_seconds=_PATIENCE_SECONDS, format=wanted)

    async def remove(self, name: str) -> None:
        """Remove a table. Refused while a deployed processflow is bound to it."""
        await self._calls.call("DELETE", f"/lookups/{name}")
