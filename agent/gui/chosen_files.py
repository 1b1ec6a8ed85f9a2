"""Reads and writes files that a person has chosen in a dialog. No Qt. Its functions block: call them in a thread."""

from __future__ import annotations

import base64
import uuid
from contextlib import suppress
from pathlib import Path

from agent.domain.errors import ConfigurationError
from agent.gui import formats


def read_base64(path: Path, *, most_bytes: int, remedy: str) -> str:
    """A file as base64, as the agent's API takes files.

    Args:
        path: The file.
        most_bytes: How large it may be.
        remedy: What to do about one that is larger.

    Raises:
        ConfigurationError: code `file-too-large` or `file-unreadable`.
    """
    try:
        with path.open("rb") as file:
            content = file.read(most_bytes + 1)
    except OSError as error:
        raise ConfigurationError(
            f"{path.name} cannot be read.", code="file-unreadable",
            remedy="Close it in other programs, or choose another file.", detail=type(error).__name__,
        ) from error  # fmt: skip
    if len(content) > most_bytes:
        raise ConfigurationError(
            f"{path.name} is larger than {formats.size(most_bytes)}.", code="file-too-large", remedy=remedy
        )
    return base64.b64encode(content).decode("ascii")


def write_whole(path: Path, content: bytes) -> None:
    """Make or replace a file, whole or not at all.

    Raises:
        ConfigurationError: code `file-unwritable`; what was there before is still there.
    """
    beside = path.with_name(f"{path.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        beside.write_bytes(content)
        beside.replace(path)
    except OSError as error:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise ConfigurationError(
            f"{path.name} cannot be written.", code="file-unwritable",
            remedy="Choose another folder, or close the file in other programs.", detail=type(error).__name__,
        ) from error  # fmt: skip
