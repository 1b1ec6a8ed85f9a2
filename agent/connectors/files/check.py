"""Validates an App Configuration: looks into the folder, says which files are there and how they would be read."""

from __future__ import annotations

from collections.abc import Callable

from agent.connectors.contract import CheckReport
from agent.connectors.files.folder import Folder
from agent.connectors.files.look import look_at
from agent.connectors.files.options import Layout
from agent.domain.errors import ConfigurationError

_SHOWN = 3
_BY_NAME = Layout(format=None, encoding="", delimiter="", header=True, records="")


def check(folder: Folder, progress: Callable[[str], None]) -> CheckReport:
    """Prove that the folder can be used.

    Raises:
        ConfigurationError, TransientError: as `failures` says.
    """
    progress(f"Looking into {folder.place} …")
    found = folder.files("*")
    facts = [("Folder", str(folder.place)), ("Files", f"{len(found):,}")]
    warnings: list[str] = []
    for file in sorted(found, key=lambda one: -one.modified)[:_SHOWN]:
        try:
            facts.append((file.name, look_at(folder, file.name, _BY_NAME).words()))
        except ConfigurationError as error:
            facts.append((file.name, error.message))
    progress("Trying to write …")
    try:
        folder.place.try_to_write()
        free = folder.place.free_bytes()
    except OSError:
        warnings.append(
            "The agent may read in this folder, but not write. Files cannot be written, archived or deleted there."
        )
    else:
        if free is not None:
            facts.append(("Free space", f"{free / 1e9:,.1f} GB"))
    return CheckReport(tuple(facts), tuple(warnings))
