"""What packages can hold: how each kind is exported, checked, compared and written. A new kind is a class more here.

Nothing of a kind knows App Configurations, credentials or runs; a package can therefore hold none of their values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar, Protocol

from pydantic import ValidationError

from agent.api.function_models import FunctionDraft
from agent.api.lookup_models import LookupContent
from agent.api.package_models import ItemKind
from agent.domain.errors import ConfigurationError
from agent.engine.documents.document import parse
from agent.engine.documents.tree import Branch, Leaf
from agent.engine.expressions.vocabularies import Vocabularies, pins
from agent.service.library.functions import FunctionLibrary, new_version
from agent.service.library.lookups import LookupTables, checked_row
from agent.service.packages.content import read_as, refused, written
from agent.service.packages.templates import TemplateKind
from agent.store.flows.deployments import DeploymentStore
from agent.store.library.documents import LibraryRow, LibraryStore, Writing, putting
from agent.store.library.functions import adding
from agent.store.library.lookups import replacing


class PackageKind(Protocol):
    """One kind of things. `content` is the form in which a package carries them: equal content, equal things."""

    kind: ClassVar[ItemKind]
    can_rename: ClassVar[bool]

    def names(self) -> list[str]:
        """What there is to export."""
        ...

    def content(self, name: str) -> bytes | None:
        """What an export would carry of it; None where there is nothing of that name."""
        ...

    def present(self, name: str) -> bytes | None:
        """What an import would replace, in the same form; None where nothing."""
        ...

    def tidied(self, name: str, content: bytes) -> bytes:
        """Content of a package as `present` would give it."""
        ...

    def check(self, items: Mapping[str, bytes]) -> None:
        """Refuse content of packages that is not right. Raises ConfigurationError."""
        ...

    def renamed(self, content: bytes, name: str) -> bytes:
        """The content under another name. Raises ConfigurationError where that cannot be one."""
        ...

    def writing(self, name: str, content: bytes, *, origin: str, by: str, at: datetime) -> Writing:
        """Writes it, in the place of what is there."""
        ...


class FlowKind:
    """Processflows. They are exported as they are deployed, or from the library, and imported into the library."""

    kind: ClassVar[ItemKind] = ItemKind.FLOW
    can_rename: ClassVar[bool] = True

    def __init__(
        self,
        deployments: DeploymentStore,
        library: LibraryStore,
        vocabularies: Vocabularies,
        templates: TemplateKind,
    ) -> None:
        self._deployments, self._library = deployments, library
        self._vocabularies, self._templates = vocabularies, templates

    def names(self) -> list[str]:
        """Every deployed processflow and those of the library."""
        return sorted({*self._deployments.names(), *(row.name for row in self._library.all())})

    def content(self, name: str) -> bytes | None:
        """The deployed document; else that of the library."""
        if name in self._deployments.names():
            return self._deployments.get(name).document.encode()
        return self.present(name)

    def present(self, name: str) -> bytes | None:
        """The document in the library."""
        row = self._library.find(name)
        return row.document.encode() if row is not None else None

    def tidied(self, name: str, content: bytes) -> bytes:
        """As it is."""
        return content.removeprefix(b"\xef\xbb\xbf")

    def needs(self, content: bytes) -> list[tuple[ItemKind, str]]:
        """The lookup tables and library functions that a document names, and the templates for what it reads."""
        flow = parse(content, file="").flow
        if flow is None:
            return []
        functions = pins(flow, {}, self._vocabularies.known()).functions
        return [
            *((ItemKind.FILTER_TEMPLATE, name) for name in self._templates.of(flow)),
            *((ItemKind.LOOKUP, table) for table in flow.lookups.values()),
            *((ItemKind.FUNCTION, name) for name in functions),
        ]

    def check(self, items: Mapping[str, bytes]) -> None:
        """The form of each document, and its name."""
        for name, content in items.items():
            document = parse(content, file=f"{name}.yaml")
            if document.flow is None:
                raise refused(f"The processflow {name} is not right. {document.problems[0]}")
            if document.flow.name != name:
                raise refused(f"The processflow {name} calls itself {document.flow.name}.")

    def renamed(self, content: bytes, name: str) -> bytes:
        """The document with another name."""
        changed = _replaced(content, [("name",)], {}, name)
        flow = parse(changed, file="").flow
        if flow is None or flow.name != name:
            raise ConfigurationError(
                f"A processflow cannot be called “{name}”.",
                code="name-invalid",
                remedy="Use a-z, 0-9 and single hyphens.",
            )
        return changed

    def with_lookups(self, content: bytes, tables: Mapping[str, str]) -> bytes:
        """The document with other lookup tables: by old name the new one."""
        document = parse(content, file="")
        lookups = document.find("lookups")
        names = list(lookups.members) if isinstance(lookups, Branch) else []
        return _replaced(content, [("lookups", name) for name in names], tables)

    def writing(self, name: str, content: bytes, *, origin: str, by: str, at: datetime) -> Writing:
        """Puts it into the library."""
        return putting(LibraryRow(name, content.decode("utf-8-sig"), f"{name}.yaml", origin, at, by))


class LookupKind:
    """Lookup tables with all their rows."""

    kind: ClassVar[ItemKind] = ItemKind.LOOKUP
    can_rename: ClassVar[bool] = True

    def __init__(self, tables: LookupTables) -> None:
        self._tables = tables

    def names(self) -> list[str]:
        """Every table."""
        return [table.name for table in self._tables.all()]

    def content(self, name: str) -> bytes | None:
        """The table in plain values, sorted by source."""
        return written(self._tables.content(name)) if name in self.names() else None

    present = content

    def tidied(self, name: str, content: bytes) -> bytes:
        """Sorted by source, and written as here."""
        return written(self._read(name, content))

    def check(self, items: Mapping[str, bytes]) -> None:
        """The form of each table and of its rows; names that differ in case alone."""
        here = {name.casefold(): name for name in self.names()}
        for name, content in items.items():
            self._read(name, content)
            if here.setdefault(name.casefold(), name) != name:
                raise refused(f"The lookup table {name} differs from {here[name.casefold()]} in upper case alone.")

    def renamed(self, content: bytes, name: str) -> bytes:
        """The table under another name."""
        try:
            model = LookupContent.model_validate(
                {**LookupContent.model_validate_json(content).model_dump(), "name": name}
            )
        except ValidationError as error:
            raise ConfigurationError(
                f"A lookup table cannot be called “{name}”.", code="name-invalid",
                remedy="Use letters, digits, dots, hyphens and underscores.",
            ) from error  # fmt: skip
        return written(model)

    def writing(self, name: str, content: bytes, *, origin: str, by: str, at: datetime) -> Writing:
        """Lets the table hold these rows and no others."""
        model = self._read(name, content)
        rows = {row.source: row for row in map(checked_row, model.rows)}
        return replacing(name, model.description, list(rows.values()), by=by, at=at)

    def _read(self, name: str, content: bytes) -> LookupContent:
        model = read_as(LookupContent, f"The lookup table {name}", content)
        if model.name != name:
            raise refused(f"The lookup table {name} calls itself {model.name}.")
        for row in model.rows:
            checked_row(row)
        return model


class FunctionKind:
    """Library functions in their current version. An import makes a new version; what is deployed keeps its own."""

    kind: ClassVar[ItemKind] = ItemKind.FUNCTION
    can_rename: ClassVar[bool] = False

    def __init__(self, functions: FunctionLibrary) -> None:
        self._functions = functions

    def names(self) -> list[str]:
        """Every function."""
        return [function.name for function in self._functions.all()]

    def content(self, name: str) -> bytes | None:
        """The current version."""
        return written(self._functions.content(name)) if name in self.names() else None

    present = content

    def tidied(self, name: str, content: bytes) -> bytes:
        """Written as here."""
        return written(self._read(name, content))

    def check(self, items: Mapping[str, bytes]) -> None:
        """The form of each function, and its examples, with all of the package in place."""
        self._functions.require_together([self._read(name, content) for name, content in items.items()])

    def renamed(self, content: bytes, name: str) -> bytes:
        """Never: expressions call functions by their names."""
        raise ConfigurationError(
            f"A function cannot be imported under another name ({name}).", code="name-invalid",
            remedy="Keep the function that is here, or take that of the package.",
        )  # fmt: skip

    def writing(self, name: str, content: bytes, *, origin: str, by: str, at: datetime) -> Writing:
        """Makes a new version."""
        return adding(new_version(self._read(name, content), by=by, at=at))

    def _read(self, name: str, content: bytes) -> FunctionDraft:
        draft = read_as(FunctionDraft, f"The function {name}", content)
        if draft.name != name:
            raise refused(f"The function {name} calls itself {draft.name}.")
        return draft


def _replaced(content: bytes, places: Sequence[tuple[str, ...]], texts: Mapping[str, str], text: str = "") -> bytes:
    """A document with other texts at these places: by the present text, or this one text."""
    document = parse(content, file="")
    source, cuts = "", list[tuple[int, int, str]]()
    for place in places:
        leaf = document.find(*place)
        if isinstance(leaf, Leaf):
            source = leaf.source
            cuts.append((leaf.start, leaf.end, texts.get(leaf.text.strip(), text or leaf.text.strip())))
    for start, end, new in sorted(cuts, reverse=True):
        source = f"{source[:start]}{new}{source[end:]}"
    return source.encode() if cuts else content
