"""Writes a service description down as YAML."""

from __future__ import annotations

import io
from typing import Any

from ruamel.yaml import YAML


def written(description: dict[str, Any]) -> str:
    """The text. What is empty is left out."""
    writer: Any = YAML(typ="safe", pure=True)  # whose options have types of their present values
    writer.default_flow_style = None  # what is short stands on one line
    writer.sort_base_mapping_type_on_output = False  # in the order in which it was found
    writer.width = 118
    writer.representer.ignore_aliases = lambda _: True
    writer.allow_unicode = True
    text = io.StringIO()
    writer.dump({name: value for name, value in description.items() if value}, text)
    return text.getvalue()
