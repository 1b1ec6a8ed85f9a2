"""What a read remembers of files: in positions how far it is, in bookmarks which files are done for good."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from agent.connectors.files.folder import Found
from agent.connectors.files.records import Mark
from agent.domain.errors import FatalError
from agent.domain.packet import BY_HAND, Bookmark, JsonValue, Position

BEGINNING = Mark()
MOST_GONE = 20_000
"""How many files are remembered that are no longer in the folder, in case their content comes again."""
_SINCE = "since"


class Done(NamedTuple):
    """A file that a read is done with, as it lay there, and its content."""

    file: Found
    content: str

    def stored(self) -> JsonValue:
        """As bookmarks and positions have it."""
        return [self.file.name, self.file.size, self.file.modified, self.content, self.file.version]


@dataclass(slots=True)
class State:
    """Where a read stands: which files it is done with, which one is at hand, and where it is in that."""

    done: list[Done] = field(default_factory=list)
    begun: Done | None = None
    mark: Mark = BEGINNING

    def position(self) -> Position:
        """For a packet: where to go on behind it."""
        return {
            "done": [one.stored() for one in self.done],
            "begun": self.begun.stored() if self.begun is not None else None,
            "mark": list(self.mark),
        }


def remembered(bookmark: Bookmark | None) -> list[Done]:
    """The files that a bookmark says are done, in the order in which they were read.

    Raises:
        FatalError: it is damaged.
    """
    return _files(bookmark.detail.get("files", ())) if bookmark is not None else []


def since(bookmark: Bookmark | None) -> int:
    """Where a person set this bookmark or one before it, the moment in nanoseconds from which on files are new.

    Raises:
        FatalError: it is damaged.
    """
    if bookmark is None or bookmark.moment is None:
        return 0
    if bookmark.detail.get(BY_HAND):
        return int(bookmark.moment.astimezone(UTC).timestamp() * 1e9)
    moment = bookmark.detail.get(_SINCE, 0)
    if not isinstance(moment, int):
        raise _damaged()
    return moment


def bookmark_after(moment: datetime, before: Bookmark | None, done: Sequence[Done], names: Iterable[str]) -> Bookmark:
    """The bookmark after a read.

    Args:
        moment: When the read began.
        before: The bookmark that it began with.
        done: What it has read.
        names: The files that are in the folder. What they hold is never forgotten: it would be read again.
    """
    known = [*remembered(before), *done]
    latest = {one.file.name: place for place, one in enumerate(known)}
    here = {latest[name] for name in names if name in latest}
    gone = [place for place in range(len(known)) if place not in here]
    left = set(gone[: max(0, len(gone) - MOST_GONE)])
    detail: dict[str, JsonValue] = {"files": [one.stored() for place, one in enumerate(known) if place not in left]}
    if begins := since(before):
        detail[_SINCE] = begins
    return Bookmark(moment, detail)


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
    """Where a position says that a read stands: at its beginning without one.

    Raises:
        FatalError: it is damaged.
    """
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
