"""The processflow documents that ship with the agent, what they bring along, and where they lie."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import Field

from agent.api import flow_models
from agent.api.base_models import Request
from agent.api.function_models import FunctionDraft
from agent.api.lookup_models import LookupContent
from agent.engine.documents.document import parse

_PACKAGED = Path(__file__).resolve().parents[2] / "_resources"
_SOURCE_TREE = Path(__file__).resolve().parents[3] / "resources"


def samples() -> Sequence[flow_models.Sample]:
    """Every sample that can be deployed, by file name."""
    found = []
    for path in sorted(_folder().glob("*.yaml")):
        document = path.read_text("utf-8")
        flow = parse(document.encode(), file=path.name).flow
        if flow is not None:
            found.append(
                flow_models.Sample(
                    file=path.name, title=flow.title, description=flow.description, tokens=dict(flow.credentials),
                    document=document,
                )
            )  # fmt: skip
    return found


class SampleParts(Request):
    """The functions and lookup tables that a sample needs."""

    functions: list[FunctionDraft] = Field(default_factory=list)
    lookups: list[LookupContent] = Field(default_factory=list)


def sample_parts(document: str) -> SampleParts:
    """What a document needs and brings along; nothing unless it is a sample as it ships."""
    for path in sorted((_folder() / "parts").glob("*.json")):
        if (_folder() / f"{path.stem}.yaml").read_text("utf-8") == document:
            return SampleParts.model_validate_json(path.read_bytes())
    return SampleParts()


def _folder() -> Path:
    return (_PACKAGED if _PACKAGED.is_dir() else _SOURCE_TREE) / "processflows"
