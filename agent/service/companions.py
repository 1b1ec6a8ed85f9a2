"""The functions and lookup tables that samples bring along: added when a sample is deployed, unless they are there."""

from __future__ import annotations

from agent.domain.lookup import lookup_row
from agent.engine.check_names import Known
from agent.engine.vocabulary import Definition
from agent.service.functions import FunctionLibrary
from agent.service.lookups import LookupTables
from agent.service.samples import sample_parts


class Companions:
    """Adds what samples bring along. What somebody made under the same name stays as it is."""

    def __init__(self, functions: FunctionLibrary, lookups: LookupTables) -> None:
        self._functions, self._lookups = functions, lookups

    def beside(self, document: str, known: Known) -> Known:
        """What there would be if the document were deployed."""
        parts = sample_parts(document)
        brought = {one.name: Definition(one.name, tuple(one.parameters), one.body) for one in parts.functions}
        return Known({**brought, **known.functions}, {*known.tables, *(one.name for one in parts.lookups)})

    def tables(self, document: str) -> dict[str, dict[str, object]]:
        """The lookup tables that the document brings along, with their values by source value."""
        found: dict[str, dict[str, object]] = {}
        for one in sample_parts(document).lookups:
            rows = (lookup_row(row.source, row.destination, row.type.value, row.description) for row in one.rows)
            found[one.name] = {row.source: row.value for row in rows}
        return found

    def bring(self, document: str, *, by: str) -> list[str]:
        """Add what the document brings along; returns a line for each."""
        parts = sample_parts(document)
        lines = [
            f"The sample brings the function ${one.name} along" for one in parts.functions
            if self._functions.add(one, by=by)
        ]  # fmt: skip
        lines += [
            f"The sample brings the lookup table {one.name} along: {len(one.rows)} rows" for one in parts.lookups
            if self._lookups.add(one, by=by)
        ]  # fmt: skip
        return lines
