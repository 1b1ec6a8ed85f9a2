"""Clear Temp and Clear Cache: what would go, and letting it go. Safe while runs are going on.

Temp holds packets and samples that only diagnosis needs, and previews. Cache holds what can be made again: compiled
processflows, lookup tables in memory, and whatever lies in the cache folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from agent.api import clearing_models
from agent.engine.expressions.vocabularies import Vocabularies
from agent.service.deployment.compiled import CompiledFlows
from agent.service.previews.previews import Previews
from agent.service.upkeep.diagnosis import Diagnosis

KEPT = "Credentials, deployments, bookmarks, Sync Info, runs, snapshots and the log stay as they are."


class Clearing:
    """What can be cleared without fear."""

    def __init__(
        self,
        *,
        diagnosis: Diagnosis,
        previews: Previews,
        compiled: CompiledFlows,
        vocabularies: Vocabularies,
        cache_folder: Path,
    ) -> None:
        self._diagnosis, self._previews = diagnosis, previews
        self._compiled, self._vocabularies, self._cache_folder = compiled, vocabularies, cache_folder

    def report(self, target: clearing_models.ClearTarget, *, dry_run: bool) -> clearing_models.ClearReport:
        """What would go, or went."""
        places = [
            clearing_models.ClearPlace(label=label, files=files, bytes=size)
            for label, (files, size) in self._clear(target, dry_run=dry_run)
        ]
        return clearing_models.ClearReport(
            target=target, places=places, files=sum(place.files for place in places),
            bytes=sum(place.bytes for place in places), done=not dry_run, kept=KEPT,
        )  # fmt: skip

    def _clear(self, target: clearing_models.ClearTarget, *, dry_run: bool) -> Iterator[tuple[str, tuple[int, int]]]:
        if target is clearing_models.ClearTarget.TEMP:
            yield "Packets kept for diagnosis", self._diagnosis.packets.clear(dry_run=dry_run)
            yield "Samples of packets", self._diagnosis.samples.clear(dry_run=dry_run)
            yield "Previews that have ended", self._previews.clear(dry_run=dry_run)
        else:
            yield "Compiled processflows", self._compiled.clear(dry_run=dry_run)
            yield "Lookup tables in memory", self._vocabularies.clear(dry_run=dry_run)
            yield "Cached files", _clear_folder(self._cache_folder, dry_run=dry_run)


def _clear_folder(folder: Path, *, dry_run: bool) -> tuple[int, int]:
    files = size = 0
    # Deepest first, so that folders are empty when their turn comes. Links are removed, never followed.
    for path in sorted(folder.rglob("*"), key=lambda found: len(found.parts), reverse=True):
        with suppress(OSError):
            if path.is_dir() and not path.is_symlink():
                if not dry_run:
                    path.rmdir()
                continue
            found = path.lstat().st_size
            if not dry_run:
                path.unlink()
            files, size = files + 1, size + found
    return files, size
