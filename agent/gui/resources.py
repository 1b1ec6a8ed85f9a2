"""Where fonts, icons and the guide lie: beside the installed package, or at the root of a source tree."""

from __future__ import annotations

from pathlib import Path

_PACKAGED = Path(__file__).resolve().parent.parent / "_resources"
_PROJECT = Path(__file__).resolve().parent.parent.parent
_SOURCE_TREE = _PROJECT / "resources"


def folder() -> Path:
    """The folder that holds `fonts` and `icons`."""
    return _PACKAGED if _PACKAGED.is_dir() else _SOURCE_TREE


def guide() -> Path | None:
    """The folder of the operator's guide, or None where it was not installed."""
    for found in (_PACKAGED.parent / "_docs" / "guide", _PROJECT / "docs" / "guide"):
        if found.is_dir():
            return found
    return None


def icon_text(name: str) -> str | None:
    """The SVG source of an icon, or None where it is not there: a missing picture must not stop the window."""
    try:
        return (folder() / "icons" / f"{name}.svg").read_text("utf-8")
    except OSError:
        return None


def fonts() -> list[Path]:
    """Every font file, in a stable order."""
    found = [path for pattern in ("*.otf", "*.ttf") for path in (folder() / "fonts").rglob(pattern)]
    return sorted(found)
