"""Reads a lock file: which package is pinned to which version, under which marker. Making one is `lock.py`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^ ;\\]+)(?: *; *(?P<marker>[^\\]*?))? *\\?$")


@dataclass(frozen=True)
class Pin:
    name: str
    version: str
    marker: str


def normalize(name: str) -> str:
    """Packages are the same when only case, dots, dashes and underscores differ."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read(text: str) -> list[Pin]:
    """Every pinned package, in the order of the file."""
    found = (_PIN.match(line) for line in text.splitlines())
    return [Pin(normalize(pin["name"]), pin["version"], pin["marker"] or "") for pin in found if pin]


def drop(text: str, names: Iterable[str]) -> str:
    """The lock without some packages: their pins with the hashes and remarks that follow them."""
    unwanted = {normalize(name) for name in names}
    kept: list[str] = []
    keeping = True
    for line in text.splitlines():
        if pin := _PIN.match(line):
            keeping = normalize(pin["name"]) not in unwanted
        if keeping:
            kept.append(line)
    return "\n".join(kept) + "\n"
