"""The processflow documents that ship with the agent, and where they lie."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from agent.api import models
from agent.engine.document import parse

_PACKAGED = Path(__file__).resolve().parent.parent / "_resources"
_SOURCE_TREE = Path(__file__).resolve().parents[2] / "resources"


def samples() -> Sequence[models.Sample]:
    """Every sample that can be deployed, by file name."""
    folder = (_PACKAGED if _PACKAGED.is_dir() else _SOURCE_TREE) / "processflows"
    found = []
    for path in sorted(folder.glob("*.yaml")):
        document = path.read_text("utf-8")
        flow = parse(document.encode(), file=path.name).flow
        if flow is not None:
            found.append(
                models.Sample(
                    file=path.name, title=flow.title, description=flow.description, tokens=dict(flow.credentials),
                    document=document,
                )
            )  # fmt: skip
    return found
