"""The functions and lookup tables that samples bring along: written with the version of the sample that needs them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from agent.api.function_models import FunctionDraft
from agent.api.lookup_models import LookupContent
from agent.domain.lookup import LookupRow
from agent.engine.checking.names import Known
from agent.engine.expressions.vocabularies import Pins, Vocabularies
from agent.engine.expressions.vocabulary import Definition, Lookup, Vocabulary
from agent.service.deployment.samples import sample_parts
from agent.service.library.functions import FunctionLibrary, new_version
from agent.service.library.lookups import checked_row
from agent.store.flows.deployments import Together
from agent.store.library.functions import adding_first
from agent.store.library.lookups import creating


@dataclass(frozen=True, slots=True)
class Brought:
    """What a document brings along that is not here yet. What somebody made under the same name stays as it is."""

    functions: Mapping[str, FunctionDraft] = field(default_factory=dict)
    definitions: Mapping[str, Definition] = field(default_factory=dict)
    """The functions with the versions that they are going to have."""
    lookups: Mapping[str, LookupContent] = field(default_factory=dict)
    rows: Mapping[str, Sequence[LookupRow]] = field(default_factory=dict)

    @property
    def lines(self) -> list[str]:
        """A line for each, for the deployment log."""
        return [
            *(f"The sample brings the function ${name} along" for name in self.functions),
            *(f"The sample brings the lookup table {name} along: {len(rows)} rows" for name, rows in self.rows.items()),
        ]

    def beside(self, known: Known) -> Known:
        """What there is once the document is deployed."""
        return Known({**known.functions, **self.definitions}, {*known.tables, *self.lookups})

    def vocabulary(self, pins: Pins, vocabularies: Vocabularies) -> Vocabulary:
        """What expressions may name with these pins. Raises ConfigurationError, as `Vocabularies.of`."""
        functions = {
            name: self.definitions[name] for name, version in pins.functions.items()
            if name in self.definitions and self.definitions[name].version == version
        }  # fmt: skip
        lookups = {
            name: Lookup(table, {row.source: row.value for row in self.rows[table]})
            for name, table in pins.lookups.items() if table in self.rows
        }  # fmt: skip
        found = vocabularies.of(
            Pins(
                {name: version for name, version in pins.functions.items() if name not in functions},
                {name: table for name, table in pins.lookups.items() if name not in lookups},
            )
        )
        return replace(found, functions={**found.functions, **functions}, lookups={**found.lookups, **lookups})

    def writing(self, *, by: str, at: datetime) -> list[Together]:
        """Writes all of it together with a version."""
        return [
            *(
                adding_first(new_version(draft, by=by, at=at), version=self.definitions[name].version)
                for name, draft in self.functions.items()
            ),
            *(creating(name, one.description, self.rows[name], by=by, at=at) for name, one in self.lookups.items()),
        ]  # fmt: skip


class Companions:
    """Finds what documents bring along."""

    def __init__(self, functions: FunctionLibrary) -> None:
        self._functions = functions

    def coming(self, document: str, known: Known) -> Brought:
        """What the document brings along."""
        parts = sample_parts(document)
        drafts = {one.name: one for one in parts.functions if one.name not in known.functions}
        lookups = {one.name: one for one in parts.lookups if one.name not in known.tables}
        if not drafts and not lookups:
            return Brought()
        definitions = {
            name: Definition(name, tuple(one.parameters), one.body, self._functions.next_version(name))
            for name, one in drafts.items()
        }
        rows = {
            name: list({row.source: row for row in map(checked_row, one.rows)}.values())
            for name, one in lookups.items()
        }  # fmt: skip
        return Brought(drafts, definitions, lookups, rows)

    def require(self, brought: Brought) -> None:
        """Refuse functions that do not do among those that are here as their examples say.

        Raises:
            ConfigurationError: code `function-invalid` or `example-failed`.
        """
        self._functions.require_together(list(brought.functions.values()))
