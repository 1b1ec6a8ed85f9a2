"""How the service ended the time before: a small file that says *running* until a graceful end has replaced it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from agent.api.service_models import LastEnd
from agent.store.private_files import write_private

CRASHED = "It was ended from outside, or the machine stopped. Its runs went on by themselves."


class History:
    """Reads what the last service left, and leaves word for the next.

    Args:
        path: The file.
        last_sign_of_life: When the last service was heard of, where it did not end gracefully.
    """

    def __init__(self, path: Path, last_sign_of_life: Callable[[], datetime | None]) -> None:
        self._path = path
        self.last_end = _read(path, last_sign_of_life)
        self._write({"running": os.getpid(), "since": datetime.now(UTC).isoformat()})

    def ended(self, reason: str) -> None:
        """This service ends gracefully."""
        self._write({"at": datetime.now(UTC).isoformat(), "reason": reason})

    def _write(self, told: dict[str, object]) -> None:
        write_private(self._path, json.dumps(told).encode())


def _read(path: Path, last_sign_of_life: Callable[[], datetime | None]) -> LastEnd | None:
    try:
        told = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        told = {}
    told = told if isinstance(told, dict) else {}
    at, since = _moment(told.get("at")), _moment(told.get("since"))
    if at is not None:
        return LastEnd(at=at, clean=True, reason=str(told.get("reason", "")))
    return LastEnd(at=last_sign_of_life() or since, clean=False, reason=CRASHED)


def _moment(text: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo is not None else None
