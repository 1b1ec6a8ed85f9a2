"""XML: each element of one kind is a record, with the forms of `agent.formats.xml_values`.

Document types are refused altogether: what they are for can fill the memory or fetch files (CWE-776, CWE-611).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO
from xml.etree.ElementTree import Element, ParseError

import msgspec
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse

from agent.connectors.files.failures import malformed
from agent.connectors.files.look import Look
from agent.connectors.files.records import Bounded, Mark, Record
from agent.formats.xml_values import DEEPEST, local_name, value_of


def records(file: BinaryIO, look: Look, mark: Mark) -> Iterator[Record]:
    """The records behind the mark.

    Raises:
        ConfigurationError: code `file-malformed`.
    """
    file.seek(0)
    source = Bounded(file, look)
    encode = msgspec.json.Encoder().encode
    number, depth, inside = 0, 0, 0
    path: list[Element] = []
    try:
        for event, element in iterparse(source, events=("start", "end"), forbid_dtd=True):
            if event == "start":
                depth += 1
                path.append(element)
                if depth > DEEPEST:
                    raise malformed(look.name, 0, f"elements are nested more than {DEEPEST} deep")
                if not inside and (local_name(element) == look.records if look.records else depth == 2):
                    inside = depth
                continue
            depth -= 1
            path.pop()
            if inside and depth == inside - 1:
                inside = 0
                number += 1
                source.since = 0
                if number > mark.number:
                    value = value_of(element)
                    yield Record(encode(value if isinstance(value, dict) else {"#text": value}), Mark(number))
            if not inside and path:
                path[-1].remove(element)  # so that what was read does not stay in memory
    except ParseError as error:
        line = error.position[0]
        raise malformed(look.name, line, "this is no well-formed XML") from error
    except DefusedXmlException as error:
        raise malformed(
            look.name, 0, "it has a document type, which is not accepted, as it can do harm",
            "Have the file made without <!DOCTYPE …>.",
        ) from error  # fmt: skip
    except (ValueError, LookupError) as error:
        raise malformed(look.name, 0, "its encoding is not known or not what it says") from error
