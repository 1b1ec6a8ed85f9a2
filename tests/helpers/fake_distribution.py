"""Installs distributions with connectors into a folder of their own, as pip would, without pip."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import invalidate_caches
from pathlib import Path

GOOD = """
from agent.domain.app import Action, ActionKind, App, Attribute, Schema

class Connector:
    contract_version = 1
    app = App("acme", "Acme", "2.0", "A good one.", fields=(), schemas=(
        Schema("things", (Attribute("id", primary=True),), (Action("GET", ActionKind.READ, "Reads."),)),
    ))

    def prepare(self, values, secrets): ...
    def schema(self, name, values): return None
    def open(self, values, secrets): ...
"""


def install(folder: Path, app: str, code: str, *, distribution: str = "", version: str = "2.0") -> None:
    """Put a distribution with one connector, the class `Connector` of this code, into a folder."""
    name = distribution or f"{app}-connector"
    module = f"fake_{name.replace('-', '_')}"
    (folder / f"{module}.py").write_text(code, "utf-8")
    announced(folder, app, f"{module}:Connector", distribution=name, version=version)


def announced(folder: Path, app: str, place: str, *, distribution: str, version: str = "2.0") -> None:
    """Say that a distribution in a folder has a connector at that place."""
    info = folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n", "utf-8")
    (info / "entry_points.txt").write_text(f"[op_agent.connectors]\n{app} = {place}\n", "utf-8")


@contextmanager
def importable(folder: Path) -> Iterator[None]:
    """Let what is in a folder be found, for the length of a block."""
    sys.path.insert(0, str(folder))
    invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for name, module in list(sys.modules.items()):
            if (getattr(module, "__file__", None) or "").startswith(str(folder)):
                del sys.modules[name]
        invalidate_caches()
