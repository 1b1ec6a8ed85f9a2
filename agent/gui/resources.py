"""Where fonts and icons lie: beside the installed package, or at the root of a source tree."""

from __future__ import annotations

from pathlib import Path

_PACKAGED = Path(__file__).resolve().parent.parent / "_resources"
_SOURCE_TREE = Path(__file__).resolve().parent.parent.parent / "resources"


def folder() -> Path:
    """The folder that holds `fonts` and `icons`."""
    return _PACKAGED if _PACKAGED.is_dir() else _SOURCE_TREE


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
