"""Packages: exported into one file and imported from it, all or nothing; and the library of imported documents."""

from __future__ import annotations

import base64
import binascii
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from agent.api import package_models as models
from agent.api.package_models import Choice, ItemKind, ItemState
from agent.domain.errors import ConfigurationError, ConflictError, NotFoundError
from agent.domain.meant import meant
from agent.engine.documents.document import parse
from agent.service.packages.file import Package, PackagedItem, read_package, write_package
from agent.service.packages.kinds import FlowKind, PackageKind
from agent.store.flows.deployments import DeploymentStore
from agent.store.library.documents import LibraryRow, LibraryStore, Writing, not_in_library


@dataclass(frozen=True, slots=True)
class _Compared:
    """An item of a package beside what is here."""

    item: PackagedItem
    state: ItemState


class Packages:
    """Exports and imports.

    Args:
        flows: The kind of processflows; it says what else they need.
        others: All other kinds.
    """

    def __init__(
        self,
        *,
        flows: FlowKind,
        others: Sequence[PackageKind],
        library: LibraryStore,
        deployments: DeploymentStore,
        clock: Callable[[], datetime],
    ) -> None:
        self._flows, self._library, self._deployments, self._clock = flows, library, deployments, clock
        self._kinds: dict[ItemKind, PackageKind] = {kind.kind: kind for kind in (flows, *others)}
        self._importing = threading.Lock()

    # -- out -------------------------------------------------------------------------------------------------------

    def export(self, request: models.PackageRequest) -> models.PackageFile:
        """A package with these items, and with what its processflows need.

        Raises:
            NotFoundError: code `item-not-found`.
            ConfigurationError: code `package-empty` or `package-too-large`.
        """
        wanted = [(one.kind, one.name) for one in request.items] or self._everything()
        items: dict[tuple[ItemKind, str], PackagedItem] = {}
        while wanted:
            kind, name = wanted.pop(0)
            if (kind, name) in items:
                continue
            content = self._kinds[kind].content(name)
            if content is None:
                raise NotFoundError(
                    f"There is no {kind.value} named “{name}”.",
                    code="item-not-found",
                    remedy=meant(name, self._kinds[kind].names(), otherwise="There is none at all."),
                )
            items[kind, name] = PackagedItem(kind, name, content)
            if kind is ItemKind.FLOW and request.with_needed:
                wanted += self._flows.needs(content)
        if not items:
            raise ConfigurationError(
                "There is nothing to export.", code="package-empty", remedy="Deploy something first."
            )
        found = [items[key] for key in sorted(items)]
        content = write_package(Package(request.title or "Package", self._clock(), found))
        if len(content) > models.MOST_PACKAGE_BYTES:
            raise ConfigurationError(
                f"The package would be larger than {models.MOST_PACKAGE_BYTES // 1_000_000} MB.",
                code="package-too-large",
                remedy="Export fewer things at once; large lookup tables as files of their own.",
            )
        return models.PackageFile(
            name=f"{_file_name(request.title)}.zip", content=base64.b64encode(content).decode(),
            items=[models.ItemRef(kind=item.kind, name=item.name) for item in found],
        )  # fmt: skip

    def _everything(self) -> list[tuple[ItemKind, str]]:
        return [(kind.kind, name) for kind in self._kinds.values() for name in kind.names()]

    # -- in --------------------------------------------------------------------------------------------------------

    def look(self, request: models.PackageContent) -> models.PackageLook:
        """What is in a package, compared with what is here. Changes nothing.

        Raises:
            ConfigurationError: code `package-invalid`.
        """
        package, compared = self._read(request.content)
        return models.PackageLook(
            title=package.title, made_at=package.made_at,
            items=[
                models.PackageItem(
                    kind=one.item.kind, name=one.item.name, state=one.state,
                    can_rename=self._kinds[one.item.kind].can_rename, text=self._meaning(one),
                )
                for one in compared
            ],
        )  # fmt: skip

    def put(self, request: models.PackageImport, *, by: str) -> models.PackageImported:
        """Import a package: everything as chosen, in one transaction, or nothing.

        Raises:
            ConfigurationError: code `package-invalid`, `choice-unknown` or `name-invalid`.
            ConflictError: code `package-clash`: something is not as it is here, and no choice was made for it;
                `name-taken`: something of the new name is here already.
        """
        with self._importing:
            package, compared = self._read(request.content)
            choices = self._choices(request.choices, compared)
            writings: list[Writing] = []
            told: list[models.ImportedItem] = []
            for item, text in self._decided(compared, choices):
                imported = item is not None
                if item is not None:
                    writings.append(
                        self._kinds[item.kind].writing(
                            item.name, item.content, origin=package.title, by=by, at=self._clock()
                        )
                    )
                told.append(text.model_copy(update={"imported": imported}))
            self._library.write(writings)
        return models.PackageImported(title=package.title, items=told)

    def _read(self, content: str) -> tuple[Package, list[_Compared]]:
        try:
            plain = base64.b64decode(content, validate=True)
        except (binascii.Error, ValueError) as error:
            raise ConfigurationError(
                "The file did not arrive whole. Nothing was imported.", code="package-invalid",
                remedy="Send it as base64.", field="content",
            ) from error  # fmt: skip
        package = read_package(plain)
        for kind in self._kinds.values():
            mine = {item.name: item.content for item in package.items if item.kind is kind.kind}
            if mine:
                kind.check(mine)
        return package, [_Compared(item, self._state(item)) for item in package.items]

    def _state(self, item: PackagedItem) -> ItemState:
        kind = self._kinds[item.kind]
        present = kind.present(item.name)
        if present is None:
            return ItemState.NEW
        return ItemState.EQUAL if present == kind.tidied(item.name, item.content) else ItemState.CLASH

    def _meaning(self, one: _Compared) -> str:
        match one.state, one.item.kind:
            case ItemState.EQUAL, _:
                return "It is here already, as it is in the package."
            case ItemState.NEW, ItemKind.FLOW:
                deployed = one.item.name in self._deployments.names()
                also = " One of that name is deployed here; that stays as it is." if deployed else ""
                return f"It comes into the library, from where it can be deployed.{also}"
            case ItemState.NEW, _:
                return "It is new here."
            case _, ItemKind.FLOW:
                return "The library has another document of that name."
            case _, ItemKind.FILTER_TEMPLATE:
                return (
                    "A template of that name has other clauses here. Filters that were made with it stay as they are."
                )
            case _, ItemKind.LOOKUP:
                return (
                    "A table of that name has other rows here. Taking it changes what processflows find in it, at once."
                )
        return "A function of that name is another one here. Taking it makes a new version; deployments keep their own."

    def _choices(
        self, given: Iterable[models.ItemChoice], compared: Iterable[_Compared]
    ) -> Mapping[tuple[ItemKind, str], models.ItemChoice]:
        states = {(one.item.kind, one.item.name): one.state for one in compared}
        choices = {(one.kind, one.name): one for one in given}
        for key in choices:
            if key not in states:
                raise ConfigurationError(
                    f"The package holds no {key[0].value} named “{key[1]}”. Nothing was imported.",
                    code="choice-unknown",
                    remedy="Look at the package again.",
                )
        open_ones = [f"{kind.value} {name}" for (kind, name), state in states.items()
                     if state is ItemState.CLASH and (kind, name) not in choices]  # fmt: skip
        if open_ones:
            raise ConflictError(
                f"{len(open_ones)} {'things are' if len(open_ones) > 1 else 'thing is'} not as here: "
                f"{', '.join(open_ones[:10])}. Nothing was imported.",
                code="package-clash",
                remedy="Choose for each: keep what is here, take that of the package, or take it under another name.",
            )
        return choices

    def _decided(
        self, compared: Sequence[_Compared], choices: Mapping[tuple[ItemKind, str], models.ItemChoice]
    ) -> list[tuple[PackagedItem | None, models.ImportedItem]]:
        """What is to be written, and what is to be told of each item."""
        found: list[tuple[PackagedItem | None, models.ImportedItem]] = []
        tables: dict[str, str] = {}
        names: set[tuple[ItemKind, str]] = set()
        # Tables first: processflows of the package follow those that get other names.
        for one in sorted(compared, key=lambda one: one.item.kind is ItemKind.FLOW):
            item, choice = one.item, choices.get((one.item.kind, one.item.name))
            told = models.ImportedItem(kind=item.kind, name=item.name, imported=False, text="")
            if one.state is ItemState.EQUAL:
                found.append((None, told.model_copy(update={"text": "It was here already."})))
                continue
            if one.state is ItemState.CLASH and choice is not None and choice.choice is Choice.KEEP:
                found.append((None, told.model_copy(update={"text": "What was here is kept."})))
                continue
            content, name = item.content, item.name
            if choice is not None and choice.choice is Choice.RENAME:
                name = choice.new_name.strip()
                content = self._renamed(item, name)
                if item.kind is ItemKind.LOOKUP:
                    tables[item.name] = name
            if item.kind is ItemKind.FLOW:
                content = self._flows.with_lookups(content, tables)
            if (item.kind, name) in names:
                raise _taken(item.kind, name)
            names.add((item.kind, name))
            text = "It is imported." if name == item.name else f"It is imported as {name}."
            found.append((PackagedItem(item.kind, name, content), told.model_copy(update={"name": name, "text": text})))
        return found

    def _renamed(self, item: PackagedItem, name: str) -> bytes:
        kind = self._kinds[item.kind]
        content = kind.renamed(item.content, name)
        if kind.present(name) is not None:
            raise _taken(item.kind, name)
        return content

    # -- the library ---------------------------------------------------------------------------------------------

    def library(self) -> list[models.LibraryFlow]:
        """Every processflow of the library."""
        return [_library_flow(row, self._deployed_version(row)) for row in self._library.all()]

    def library_flow(self, name: str) -> models.LibraryFlowDetail:
        """One processflow of the library with its document. Raises NotFoundError."""
        row = self._library.find(name)
        if row is None:
            raise not_in_library(name, [row.name for row in self._library.all()])
        brief = _library_flow(row, self._deployed_version(row))
        return models.LibraryFlowDetail(**brief.model_dump(), document=row.document, file=row.file)

    def remove(self, name: str) -> None:
        """Take a processflow out of the library; what is deployed stays. Raises NotFoundError."""
        self._library.remove(name)

    def _deployed_version(self, row: LibraryRow) -> int | None:
        if row.name not in self._deployments.names():
            return None
        deployed = self._deployments.get(row.name)
        return deployed.version if deployed.document == row.document else None


def _library_flow(row: LibraryRow, deployed_version: int | None) -> models.LibraryFlow:
    flow = parse(row.document.encode(), file=row.file).flow
    return models.LibraryFlow(
        name=row.name, title=flow.title if flow is not None else row.name, origin=row.origin, added_at=row.added_at,
        added_by=row.added_by, tokens=dict(flow.credentials) if flow is not None else {},
        deployed_version=deployed_version,
    )  # fmt: skip


def _taken(kind: ItemKind, name: str) -> ConflictError:
    return ConflictError(
        f"There is a {kind.value} named “{name}” already. Nothing was imported.",
        code="name-taken",
        remedy="Choose another name.",
    )


def _file_name(title: str) -> str:
    """A name for a file: letters and digits of the title."""
    kept = "".join(sign if sign.isascii() and sign.isalnum() else "-" for sign in title.casefold())
    return "-".join(part for part in kept.split("-") if part)[:60] or "package"
