"""The IANA name of this machine's own time zone, which is the default of a schedule. UTC where nobody can tell."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from agent.domain.errors import ConfigurationError
from agent.domain.plan_form import parse_zone

_LONGEST = 128


def machine_zone(environ: Mapping[str, str], *, etc: Path = Path("/etc")) -> str:
    """The name of the time zone.

    Args:
        environ: Its `TZ` comes first, as everywhere.
        etc: Where the system says which it is, but for Windows.
    """
    for name in _candidates(environ, etc):
        try:
            return parse_zone(name)
        except ConfigurationError:
            continue
    return "UTC"


def _candidates(environ: Mapping[str, str], etc: Path) -> Iterator[str]:
    yield _within_database(environ.get("TZ", "").removeprefix(":"))
    if sys.platform == "win32":
        with suppress(OSError, AttributeError):
            yield _of_windows()
    else:
        with suppress(OSError):
            # A link into the time zone database, on Linux and macOS.
            yield _within_database(str((etc / "localtime").readlink()))
        with suppress(OSError, UnicodeDecodeError):
            yield (etc / "timezone").read_text("ascii").strip()


def _within_database(path: str) -> str:
    return path.rpartition("zoneinfo/")[2]


def _of_windows() -> str:
    """Windows names zones its own way; the ICU library that it brings along knows the IANA name of the present one."""
    icu = ctypes.CDLL("icu.dll")
    name, status = ctypes.create_unicode_buffer(_LONGEST), ctypes.c_int(0)
    icu.ucal_getDefaultTimeZone(name, _LONGEST, ctypes.byref(status))
    return name.value if status.value <= 0 else ""
