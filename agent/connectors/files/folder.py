"""The folder: which files are in it, and everything that is done to them. Names never lead out of it.

Files are told apart by their content. A name, a size and a time of change that are the same as before mean the same
content, so that files that stay in the folder are not read through each time.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import BinaryIO

import xxhash

from agent.connectors.files.failures import missing, told
from agent.connectors.files.names import left_alone
from agent.connectors.files.places import Place, Status
from agent.domain.errors import TransientError

ARCHIVE = "archive"
_OTHER = frozenset({"file-gone", "file-changed"})
_BLOCK = 1 << 20
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """A file as it lies in the folder, its `modified` and `version` as in `places.Status`."""

    name: str
    size: int
    modified: int
    version: str = ""

    def status(self) -> Status:
        """What it is like."""
        return Status(self.size, self.modified, self.version)

    def like(self, status: Status | None) -> bool:
        """Whether that is what it is like. A version counts where both have one: old bookmarks know none."""
        return (
            status is not None
            and (status.size, status.modified) == (self.size, self.modified)
            and (not status.version or not self.version or status.version == self.version)
        )


class Folder:
    """A folder, wherever it lies."""

    def __init__(self, place: Place) -> None:
        self.place = place

    def files(self, pattern: str) -> list[Found]:
        """The files whose names match, compared without case, in the order of their names.

        Hidden and unfinished ones are left out, and links that lead out of the folder.

        Raises:
            ConfigurationError, TransientError: as `failures.told` says.
        """
        wanted, found = pattern.casefold(), []
        with told(f"look into {self.place}", self.place):
            if not self.place.is_there():
                raise missing(self.place)
            for entry in self.place.entries():
                if left_alone(entry.name) or not fnmatchcase(entry.name.casefold(), wanted):
                    continue
                if entry.outside:
                    _log.warning("The link %s leads out of the folder and was left alone.", entry.name)
                    continue
                found.append(Found(entry.name, entry.size, entry.modified, entry.version))
        return sorted(found, key=lambda one: one.name)

    def open(self, name: str) -> BinaryIO:
        """The file, for reading."""
        with told(f"open {name}", self.place):
            return self.place.open(name)

    def content(self, file: Found) -> str | None:
        """What tells the file's content from any other: 32 hexadecimal digits.

        None where the file is no longer there as it was found, so that this would tell of another content.
        """
        digest = xxhash.xxh3_128()
        try:
            with told(f"read {file.name}", self.place), self.place.open(file.name) as opened:
                while block := opened.read(_BLOCK):
                    digest.update(block)
        except TransientError as error:
            if error.code in _OTHER:
                return None
            raise
        return digest.hexdigest() if self.same(file) else None

    def same(self, file: Found) -> bool:
        """Whether the file is there as it was found."""
        with told(f"look at {file.name}", self.place):
            return file.like(self.place.status(file.name))

    def archive(self, file: Found, *, now: datetime) -> None:
        """Move a file aside, if it is there as it was found. Never over another one."""
        if not self.same(file):
            return
        try:
            with told(f"move {file.name} into the folder {ARCHIVE}", self.place):
                self.place.make_folder(ARCHIVE)
                self.place.move(file.name, self._archived(file.name, now), file.version)
        except TransientError as error:
            if error.code not in _OTHER:
                raise
            _log.info("%s was replaced or taken away before it was archived.", file.name)

    def _archived(self, name: str, now: datetime) -> str:
        """A name in the archive that nothing has."""
        target, count = name, 0
        while self.place.status(f"{ARCHIVE}/{target}") is not None:
            count += 1
            stem, dot, ending = name.rpartition(".")
            marked = f"{stem or ending}.{now.astimezone(UTC):%Y%m%dT%H%M%S}{f'-{count}' if count > 1 else ''}"
            target = f"{marked}{dot}{ending}" if stem else marked
        return f"{ARCHIVE}/{target}"

    def delete(self, file: Found) -> None:
        """Delete a file, if it is there as it was found."""
        if self.same(file):
            with told(f"delete {file.name}", self.place):
                self.place.remove(file.name)
