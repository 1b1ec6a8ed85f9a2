"""XML as REST services send and take it: an answer becomes the JSON text that everything else here works on, with the
forms of `agent.formats.xml_values`; a record becomes elements again.

Document types are refused: what they are for can fill the memory or fetch files (CWE-776, CWE-611).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from xml.etree.ElementTree import Element, ParseError, SubElement, tostring

import msgspec
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from agent.domain.app import DataType
from agent.domain.error_classes import ErrorClass
from agent.domain.errors import RecordError
from agent.formats.xml_values import local_name, value_of

# Without the rarer letters that XML 1.0 allows: services name their elements in ASCII.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,200}")
_NO_XML = re.compile("[^\\t\\n\\r\\u0020-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")
"""The characters that no XML 1.0 document can have (its section 2.2)."""
_NUMBER = re.compile(rb"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_WORDS = {"true": True, "1": True, "false": False, "0": False}


def json_of(content: bytes) -> bytes:
    """An XML document as a JSON object of one member, the root. Raises ValueError where it is none."""
    try:
        root = fromstring(content, forbid_dtd=True)
    except (ParseError, DefusedXmlException, LookupError) as error:
        raise ValueError("it is no XML without a document type") from error
    return msgspec.json.encode({local_name(root): value_of(root)})


def typed(record: msgspec.Raw, attributes: Mapping[str, DataType]) -> msgspec.Raw:
    """A record whose numbers, and what is true or false, are such where the description says so: XML has text alone.

    What does not fit its type stays text.
    """
    fields = msgspec.json.decode(record)
    for name, kind in attributes.items():
        *outer, last = name.split(".")
        inside = fields
        for one in outer:
            inside = inside.get(one) if isinstance(inside, dict) else None
        if isinstance(inside, dict) and isinstance(inside.get(last), str):
            inside[last] = _typed(inside[last], kind)
    return msgspec.Raw(msgspec.json.encode(fields))


def _typed(text: str, kind: DataType) -> object:
    if kind in (DataType.INTEGER, DataType.DECIMAL):
        digits = text.strip().encode()
        return msgspec.Raw(digits) if _NUMBER.fullmatch(digits) else text
    return _WORDS.get(text.strip().lower(), text) if kind is DataType.BOOLEAN else text


def xml_of(names: Sequence[str], fields: Mapping[str, Any]) -> bytes:
    """A document with the fields inside elements of these names, the first one the root.

    Raises:
        RecordError: a name or a value that XML cannot have.
    """
    root = element = Element(_named(names[0]))
    for name in names[1:]:
        element = SubElement(element, _named(name))
    _fill(element, fields)
    return bytes(tostring(root, encoding="utf-8", xml_declaration=True))


def _fill(element: Element, fields: Mapping[str, Any]) -> None:
    for name, value in fields.items():
        if name == "#text":
            element.text = _text(name, value)
        elif name.startswith("@"):
            element.set(_named(name[1:]), _text(name, value))
        else:
            for one in value if isinstance(value, list) else [value]:
                child = SubElement(element, _named(name))
                if isinstance(one, Mapping):
                    _fill(child, one)
                elif one is not None:
                    child.text = _text(name, one)


def _text(name: str, value: object) -> str:
    if isinstance(value, Mapping | list):
        raise _unfit(name, "holds a list or an object where XML takes text alone")
    text = format(value, "f") if isinstance(value, Decimal) else str(value)
    if isinstance(value, bool):
        text = text.lower()
    if _NO_XML.search(text):
        raise _unfit(name, "holds a character that XML cannot have")
    return text


def _named(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise _unfit(name, "is no name that an XML element can have")
    return name


def _unfit(name: str, why: str) -> RecordError:
    return RecordError(
        f"“{name[:40]}” {why}.", code="value-unfit", remedy="Correct the mapping.", field=name,
        error_class=ErrorClass.VALIDATION_FAILED,
    )  # fmt: skip
