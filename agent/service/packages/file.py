"""The file of a package: a zip with a manifest that names every member, its size and its checksum. Read without trust.

Nothing is unpacked to disk, and nothing but what the manifest names is read; sizes are bounded while reading, so that a
small file cannot become a large one.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agent import __version__
from agent.api.package_models import MOST_PACKAGE_BYTES, ItemKind
from agent.domain.errors import ConfigurationError

FORMAT = "op-agent-package"
FORMAT_VERSION = 1
MANIFEST = "manifest.json"
_MOST_ITEMS = 2_000
_MOST_ITEM_BYTES = 20_000_000
_MOST_BYTES = 100_000_000
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_TEMPLATE_NAME = re.compile(r"[^/]{1,100}(?:/[^/]{1,100}){3}")
_FOLDERS = {
    ItemKind.FLOW: "flows", ItemKind.LOOKUP: "lookups", ItemKind.FUNCTION: "functions",
    ItemKind.FILTER_TEMPLATE: "filter-templates",
}  # fmt: skip
# Members have no times of their own: the same content makes the same file.
_NO_TIME = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class PackagedItem:
    """Something in a package."""

    kind: ItemKind
    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Package:
    """A package in memory."""

    title: str
    made_at: datetime
    items: Sequence[PackagedItem]


def write_package(package: Package) -> bytes:
    """The file of a package."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        manifest = {
            "format": FORMAT, "format_version": FORMAT_VERSION, "title": package.title,
            "made_at": package.made_at.isoformat(), "made_by": f"OP Agent {__version__}",
            "items": [
                {
                    "kind": item.kind.value, "name": item.name, "path": _path(item.kind, item.name),
                    "bytes": len(item.content), "sha256": hashlib.sha256(item.content).hexdigest(),
                }
                for item in package.items
            ],
        }  # fmt: skip
        text = json.dumps(manifest, indent=2, ensure_ascii=False).encode()
        for path, content in [(MANIFEST, text), *((_path(one.kind, one.name), one.content) for one in package.items)]:
            info = zipfile.ZipInfo(path, _NO_TIME)
            info.compress_type = zipfile.ZIP_DEFLATED
            file.writestr(info, content)
    return buffer.getvalue()


def read_package(content: bytes) -> Package:
    """The package of a file.

    Raises:
        ConfigurationError: code `package-invalid`: it is none, is damaged, holds what a package may not hold, or was
            made by a newer agent.
    """
    if len(content) > MOST_PACKAGE_BYTES:
        raise _refused(f"The file is larger than {MOST_PACKAGE_BYTES // 1_000_000} MB.")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            return _read(file)
    except (
        zipfile.BadZipFile,
        NotImplementedError,
        RuntimeError,
        EOFError,
        OSError,
        ValueError,
        OverflowError,
    ) as error:
        raise _refused("The file is no package, or it is damaged.", detail=type(error).__name__) from error
    except Exception as error:
        if isinstance(error, ConfigurationError):
            raise
        # zlib and struct have errors of their own.
        raise _refused("The file is no package, or it is damaged.", detail=type(error).__name__) from error


def _read(file: zipfile.ZipFile) -> Package:
    infos = file.infolist()
    names = [info.filename for info in infos]
    if len(infos) > _MOST_ITEMS + 1 or len(set(names)) < len(names):
        raise _refused("The file holds too many members, or one twice.")
    members = dict(zip(names, infos, strict=True))
    if MANIFEST not in members:
        raise _refused(f"The file has no {MANIFEST}: it is no package.")
    manifest = _manifest(_member(file, members[MANIFEST], 1_000_000))
    left = _MOST_BYTES
    items: dict[str, PackagedItem] = {}
    for entry in manifest["items"]:
        kind, name, path = _entry(entry)
        if path not in members or path in items:
            raise _refused(f"“{path}” is missing, or named twice.")
        found = _member(file, members[path], min(_MOST_ITEM_BYTES, left))
        left -= len(found)
        if len(found) != entry.get("bytes") or hashlib.sha256(found).hexdigest() != entry.get("sha256"):
            raise _refused(f"“{path}” is not what the manifest says: it is damaged, or was changed.")
        items[path] = PackagedItem(kind, name, found)
    strangers = sorted(set(members) - set(items) - {MANIFEST})
    if strangers:
        raise _refused(f"The file holds {_quoted(strangers[0])}, which its manifest does not name.")
    return Package(manifest["title"], manifest["made_at"], tuple(items.values()))


def _manifest(content: bytes) -> dict[str, Any]:
    try:
        manifest = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise _refused("The manifest cannot be read.") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise _refused("The file is no package of OP Agent.")
    version = manifest.get("format_version")
    if version != FORMAT_VERSION:
        newer = isinstance(version, int) and version > FORMAT_VERSION
        raise _refused(
            f"The package has the format version {_quoted(str(version))}, which is not known here.",
            remedy="It was made by a later version of the agent: update this one." if newer else "",
        )
    title, items = manifest.get("title"), manifest.get("items")
    if not isinstance(title, str) or len(title) > 1_000 or not isinstance(items, list) or len(items) > _MOST_ITEMS:
        raise _refused("The manifest is not right.")
    try:
        made_at = datetime.fromisoformat(str(manifest.get("made_at")))
    except ValueError as error:
        raise _refused("The manifest is not right.") from error
    if made_at.tzinfo is None:
        raise _refused("The manifest is not right.")
    return {"title": title, "made_at": made_at, "items": items}


def _entry(entry: object) -> tuple[ItemKind, str, str]:
    if not isinstance(entry, dict):
        raise _refused("The manifest is not right.")
    try:
        kind = ItemKind(str(entry.get("kind")))
    except ValueError:
        raise _refused(
            f"The package holds something of the kind {_quoted(str(entry.get('kind')))}, which is not known here.",
            remedy="It may have been made by a later version of the agent: update this one.",
        ) from None
    name = entry.get("name")
    if not isinstance(name, str) or not _may_be_called(kind, name):
        raise _refused(f"The package holds something with the name {_quoted(str(name))}, which cannot be one.")
    # Where it lies follows from what it is: no other path is ever looked at.
    if entry.get("path") != _path(kind, name):
        raise _refused(f"The package says that {name} lies at {_quoted(str(entry.get('path')))}.")
    return kind, name, _path(kind, name)


def _member(file: zipfile.ZipFile, info: zipfile.ZipInfo, most: int) -> bytes:
    if info.file_size > most:
        raise _refused(f"{_quoted(info.filename)} is too large.")
    with file.open(info) as stream:
        content = stream.read(most + 1)
    if len(content) > most:
        raise _refused(f"{_quoted(info.filename)} is too large.")
    return content


def _may_be_called(kind: ItemKind, name: str) -> bool:
    if kind is ItemKind.FILTER_TEMPLATE:
        return name.isprintable() and _TEMPLATE_NAME.fullmatch(name) is not None
    return _NAME.fullmatch(name) is not None


def _path(kind: ItemKind, name: str) -> str:
    if kind is ItemKind.FILTER_TEMPLATE:
        # Schemas and templates may be called anything, a file may not.
        name = hashlib.sha256(name.encode()).hexdigest()[:32]
    return f"{_FOLDERS[kind]}/{name}.{'yaml' if kind is ItemKind.FLOW else 'json'}"


def _quoted(text: str) -> str:
    shown = "".join(sign if sign.isprintable() else "·" for sign in text[:60])
    return f"“{shown}…”" if len(text) > 60 else f"“{shown}”"


def _refused(message: str, *, remedy: str = "", detail: str = "") -> ConfigurationError:
    return ConfigurationError(
        f"{message} Nothing was imported.", code="package-invalid",
        remedy=remedy or "Get the file again from where it was exported.", detail=detail,
    )  # fmt: skip
