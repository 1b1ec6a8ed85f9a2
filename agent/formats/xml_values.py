"""Turns XML elements into JSON values.

Attributes are called @name, elements by their names without a namespace; several of the same name become a list, text
beside elements is called #text, and an empty element is null.
"""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element

DEEPEST = 100
"""How deep elements may be nested."""


def local_name(element: Element) -> str:
    """The name without its namespace."""
    return element.tag.rpartition("}")[2]


def value_of(element: Element, *, depth: int = 1) -> Any:
    """The value. Raises ValueError where elements are nested more than `DEEPEST` deep."""
    if depth > DEEPEST:
        raise ValueError(f"elements are nested more than {DEEPEST} deep")
    members: dict[str, Any] = {f"@{name.rpartition('}')[2]}": value for name, value in element.attrib.items()}
    for child in element:
        name, value = local_name(child), value_of(child, depth=depth + 1)
        if name not in members:
            members[name] = value
        elif isinstance(members[name], list):
            members[name].append(value)
        else:
            members[name] = [members[name], value]
    text = (element.text or "").strip()
    if not members:
        return text or None
    if text:
        members["#text"] = text
    return members
