"""The contract's words for packages and for the library, where imported processflows wait to be deployed."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from agent.api.base_models import ONE_LINE, Model, Name, Request, ShortText
from agent.api.rerun_models import FilterClause
from agent.domain.clauses import MOST_CLAUSES

MOST_PACKAGE_BYTES = 10_000_000
_Content = Annotated[str, StringConstraints(max_length=MOST_PACKAGE_BYTES * 4 // 3 + 4)]


class ItemKind(StrEnum):
    """What a package can hold."""

    FLOW = "flow"
    LOOKUP = "lookup"
    FUNCTION = "function"
    FILTER_TEMPLATE = "filter-template"
    """Named by app, schema, action and name: “bigcommerce/orders/GET/large ones”."""


ItemName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=410, pattern=ONE_LINE)]


class ItemState(StrEnum):
    """How something in a package compares with what is here."""

    NEW = "new"
    EQUAL = "equal"
    CLASH = "clash"


class Choice(StrEnum):
    """What becomes of something that clashes."""

    KEEP = "keep"
    """What is here stays."""
    TAKE = "take"
    """What is in the package replaces it."""
    RENAME = "rename"
    """Both are kept, that of the package under another name. Not for functions, which are called by their
    names, nor for filter templates."""


class ItemRef(Request):
    """Something by kind and name."""

    kind: ItemKind
    name: ItemName


class PackageRequest(Request):
    """What is to be exported; what processflows need comes along unless told otherwise. Without items: everything."""

    title: ShortText = ""
    items: list[ItemRef] = Field(default_factory=list, max_length=1_000)
    with_needed: bool = True


class TemplateContent(Request):
    """A filter template as a package carries it: what it is for, its name and its clauses."""

    app: Name
    schema_name: Name
    action: Name
    name: Name
    clauses: Annotated[list[FilterClause], Field(min_length=1, max_length=MOST_CLAUSES)]


class PackageFile(Model):
    """A package as a file, in base64."""

    name: str
    content: str
    items: list[ItemRef]


class PackageContent(Request):
    """A file that is to be looked at, in base64."""

    content: _Content


class ItemChoice(ItemRef):
    """What becomes of an item that clashes; `new_name` belongs to rename."""

    choice: Choice
    new_name: Annotated[str, StringConstraints(max_length=100)] = ""


class PackageImport(PackageContent):
    """A file that is to be imported, all or nothing, with a choice for each item that clashes."""

    choices: list[ItemChoice] = Field(default_factory=list, max_length=2_000)


class PackageItem(Model):
    """Something in a package. `text` says what importing it means."""

    kind: ItemKind
    name: str
    state: ItemState
    can_rename: bool
    text: str


class PackageLook(Model):
    """What is in a package, compared with what is here."""

    title: str
    made_at: datetime
    items: list[PackageItem]


class ImportedItem(Model):
    """What became of an item: imported, under which name, or left as it was."""

    kind: ItemKind
    name: str
    imported: bool
    text: str


class PackageImported(Model):
    """What an import did."""

    title: str
    items: list[ImportedItem]


class LibraryFlow(Model):
    """A processflow that waits in the library. `deployed_version` is the version here that has the same document."""

    name: str
    title: str
    origin: str
    added_at: datetime
    added_by: str
    tokens: dict[str, str]
    deployed_version: int | None


class LibraryFlowDetail(LibraryFlow):
    """A processflow of the library with its document."""

    document: str
    file: str
