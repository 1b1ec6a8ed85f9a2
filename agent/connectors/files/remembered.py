"""What a read remembers of files: in positions how far it is, in bookmarks which files are done for good."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC
from typing import NamedTuple

import msgspec

from agent.connectors.files.folder import Found
from agent.connectors.files.records import Mark
from agent.domain.errors import FatalError
from agent.domain.packet import BY_HAND, Bookmark, JsonValue, Position

BEGINNING = Mark()
MOST_REMEMBERED = 20_000


class Done(NamedTuple):
    """A file that a read is done with, as it lay there, and its content."""

    file: Found
    content: str

    def stored(self) -> JsonValue:
        return [self.file.name, self.file.size, self.file.modified, self.content, self.file.version]


@dataclass(slots=True)
class State:
    """Where a read stands: which files it is done with, which one is at hand, and where it is in that."""

    done: list[Done] = field(default_factory=list)
    begun: Done | None = None
    mark: Mark = BEGINNING

    def position(self) -> Position:
        return {
            "done": [one.stored() for one in self.done],
            "begun": self.begun.stored() if self.begun is not None else None,
            "mark": list(self.mark),
        }


def remembered(bookmark: Bookmark | None) -> list[Done]:
    return _files(bookmark.detail.get("files", ())) if bookmark is not None else []


def since(bookmark: Bookmark | None) -> int:
    """Where a person set the bookmark, the moment in nanoseconds from which on files are new."""
    if bookmark is None or bookmark.moment is None or not bookmark.detail.get(BY_HAND):
        return 0
    return int(bookmark.moment.astimezone(UTC).timestamp() * 1e9)


class _Row(msgspec.Struct, array_like=True):
    """A `Done` as it is stored. Old ones have no version."""

    name: str
    size: int
    modified: int
    content: str
    version: str = ""


def _files(stored: JsonValue) -> list[Done]:
    try:
        rows = msgspec.convert(stored, list[_Row])
    except msgspec.ValidationError:
        raise _damaged() from None
    return [Done(Found(row.name, row.size, row.modified, row.version), row.content) for row in rows]


def stands(position: Position | None) -> State:
    if position is None:
        return State()
    try:
        begun = position["begun"]
        mark = Mark(*msgspec.convert(position["mark"], tuple[int, int, int]))
        return State(_files(position["done"]), _files([begun])[0] if begun is not None else None, mark)
    except (KeyError, msgspec.ValidationError):
        raise _damaged() from None


def _damaged() -> FatalError:
    return FatalError(
        "The place where reading stopped cannot be understood.",
        code="position-damaged",
        remedy="Execute the processflow again; it starts from the last bookmark.",
    )
