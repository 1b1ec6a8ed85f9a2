"""`agent.api.lookups.Lookups` of a pretended service: two tables, and files of lines “source,destination”."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import TYPE_CHECKING

from agent.api.lookup_models import (
    BadRow,
    FileFormat,
    ImportReport,
    LookupChange,
    LookupFile,
    LookupImport,
    LookupPage,
    LookupRow,
    LookupTable,
)
from agent.domain.errors import ConflictError, NotFoundError

if TYPE_CHECKING:
    from tests.helpers.fake_client import FakeClient

_COUNTRIES = {"DE": "Germany", "FR": "France", "NL": "Netherlands", "PL": "Poland", "US": "United States"}


def lookup_tables() -> dict[str, dict[str, LookupRow]]:
    """Countries, and 260 codes."""
    codes = {f"C-{number:03}": f"{number}" for number in range(260)}
    return {
        "codes": {key: LookupRow(source=key, destination=value) for key, value in codes.items()},
        "countries": {key: LookupRow(source=key, destination=value) for key, value in _COUNTRIES.items()},
    }


class FakeLookups:
    """“countries” is used by a deployed processflow."""

    def __init__(self, client: FakeClient) -> None:
        self._client = client

    async def list(self) -> list[LookupTable]:
        await self._client._enter("lookups")
        return [self._table(name) for name in sorted(self._client.tables)]

    async def get(self, name: str) -> LookupTable:
        await self._client._enter("lookup")
        return self._table(name)

    async def save(self, name: str, *, description: str = "") -> LookupTable:
        await self._client._enter("save_lookup")
        self._client.tables.setdefault(name, {})
        return self._table(name)

    async def rows(self, name: str, *, search: str = "", after: str = "", limit: int = 100) -> LookupPage:
        await self._client._enter("lookup_rows")
        found = [
            row
            for key, row in sorted(self._client.tables[name].items())
            if key > after and search.casefold() in f"{row.source} {row.destination}".casefold()
        ]
        return LookupPage(rows=found[:limit], next=found[limit - 1].source if len(found) > limit else "")

    async def change(self, name: str, *, put: Sequence[LookupRow] = (), remove: Sequence[str] = ()) -> LookupTable:
        await self._client._enter("change_lookup")
        self._client.asked.append(LookupChange(put=[*put], remove=[*remove]))
        table = self._client.tables[name]
        for source in remove:
            table.pop(source, None)
        table.update({row.source: row for row in put})
        return self._table(name)

    async def clear(self, name: str) -> LookupTable:
        await self._client._enter("clear_lookup")
        self._client.tables[name] = {}
        return self._table(name)

    async def import_file(self, name: str, file: LookupImport) -> ImportReport:
        await self._client._enter("import_lookup")
        self._client.asked.append(file)
        lines = base64.b64decode(file.content).decode().splitlines()
        rows = [line.split(",", 1) for line in lines]
        bad = [BadRow(line=at, reason="It has no destination.") for at, row in enumerate(rows, 1) if len(row) < 2]
        table = {} if file.clear else self._client.tables[name]
        new = {row[0]: LookupRow(source=row[0], destination=row[1]) for row in rows if len(row) == 2}
        added = sum(key not in table for key in new)
        changed = sum(key in table and table[key] != row for key, row in new.items())
        gone = len(self._client.tables[name]) if file.clear else 0
        if not bad and not file.dry_run:
            self._client.tables[name] = {**table, **new}
        return ImportReport(
            table=self._table(name), imported=not bad and not file.dry_run, added=added, changed=changed,
            unchanged=len(new) - added - changed, removed=gone, bad_rows=len(bad), duplicate_rows=0, bad=bad,
            duplicates=[],
        )  # fmt: skip

    async def export_file(self, name: str, file_format: FileFormat) -> LookupFile:
        await self._client._enter("export_lookup")
        text = "\n".join(f"{row.source},{row.destination}" for row in self._client.tables[name].values())
        return LookupFile(name=f"{name}.{file_format.value}", content=base64.b64encode(text.encode()).decode())

    async def remove(self, name: str) -> None:
        await self._client._enter("remove_lookup")
        if self._table(name).used_by:
            raise ConflictError(f"“{name}” is used.", code="lookup-in-use", remedy="Undeploy what uses it first.")
        del self._client.tables[name]

    def _table(self, name: str) -> LookupTable:
        if name not in self._client.tables:
            raise NotFoundError(f"There is no lookup table “{name}”.", code="lookup-not-found")
        used = ["orders-to-database"] if name == "countries" else []
        return LookupTable(
            name=name, description="Names of countries" if used else "", rows=len(self._client.tables[name]),
            changed_at=self._client.now, changed_by="anna", used_by=used,
        )  # fmt: skip
