"""Finds what an answer says by an expression of the description: a place, as everywhere in it, or JMESPath.

JMESPath (https://jmespath.org) asks without doing: it has no access to anything but the answer. Where records lie stays
a place, as their text is cut out of the answer and keeps its digits; here the answer is decoded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import jmespath
import msgspec
from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions

from agent.connectors.rest.places import at

_MORE_THAN_A_PLACE = re.compile(r"[\[\]{}()|&!<>=*'\"`?,]")
"""What no place has."""
_NOTHING = {b"false", b"[]", b"{}", b"", b"0"}
"""What is there of a thing that is not the case."""


def checked(expression: str) -> str:
    """An expression that can be read.

    Raises:
        ValueError: it is no JMESPath.
    """
    if _is_place(expression):
        return expression
    try:
        unknown = next(_unknown_functions(jmespath.compile(expression).parsed), None)
    except JMESPathError as error:
        why = str(error).partition("\n")[0].rstrip(" :.")
        raise ValueError(f"“{expression}” is neither a place nor JMESPath ({why})") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if unknown is not None:
        raise ValueError(f"“{unknown}” is no function of JMESPath with so many arguments")
    return expression


def said(content: bytes | msgspec.Raw, expression: str) -> msgspec.Raw | None:
    """What an answer, or a part of it, says, as JSON text; None where that is nothing, or null.

    Raises:
        msgspec.MsgspecError: it is no JSON.
    """
    if _is_place(expression):
        return at(content, expression)
    tree = msgspec.json.decode(content)
    try:
        found = jmespath.search(expression, tree)
    except JMESPathError:  # such as the length of a number: there is nothing of the kind here
        return None
    return None if found is None else msgspec.Raw(msgspec.json.encode(found))


def is_so(found: msgspec.Raw | None) -> bool:
    """Whether what was found means yes: neither false nor 0, as a number or as a text, nor anything empty."""
    return found is not None and bytes(found).strip().strip(b'"').lower() not in _NOTHING


def _is_place(expression: str) -> bool:
    return expression != "@" and not _MORE_THAN_A_PLACE.search(expression)


def _unknown_functions(node: Mapping[str, Any]) -> Iterator[str]:
    """The functions that there are not, which the library finds out only when it calls them."""
    if node["type"] == "function_expression":
        known = Functions.FUNCTION_TABLE.get(node["value"])
        signature = () if known is None else known["signature"]
        count = len(node["children"])
        enough = count >= len(signature) if signature and signature[-1].get("variadic") else count == len(signature)
        if known is None or not enough:
            yield node["value"]
    for child in node.get("children", ()):
        yield from _unknown_functions(child)
