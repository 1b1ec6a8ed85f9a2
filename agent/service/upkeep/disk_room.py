"""Which disks under the agent's folders have hardly any room left."""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from agent.api.folders import Folders

LEAST_BYTES = 50_000_000


@dataclass(frozen=True, slots=True)
class ShortOfRoom:
    """A folder whose disk is almost full."""

    what: str
    folder: Path
    free_bytes: int


def short_of_room(folders: Folders) -> list[ShortOfRoom]:
    """The folders on disks that are almost full, one for each disk, the most important first."""
    found: list[ShortOfRoom] = []
    seen: set[int] = set()
    for what, folder in (("data", folders.data), ("log", folders.logs), ("temporary files", folders.temp)):
        with suppress(OSError):
            device, free = folder.stat().st_dev, shutil.disk_usage(folder).free
            if device not in seen and free < LEAST_BYTES:
                found.append(ShortOfRoom(what, folder, free))
            seen.add(device)
    return found
