"""Generic functions for texts and missing values, for expressions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from agent.engine.expressions.signature import Function, as_text

_MOST_CHARACTERS: Final = 1_000_000
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")


def _title_case(text: object) -> object:
    if text is None:
        return None
    text = as_text(text, "its argument", most=_MOST_CHARACTERS)
    return _WORD.sub(lambda word: word[0][0].upper() + word[0][1:].lower(), text)


def _cdata(text: object) -> object:
    if text is None:
        return None
    # What would end the section early is divided between two.
    inner = as_text(text, "its argument", most=_MOST_CHARACTERS).replace("]]>", "]]]]><![CDATA[>")
    return f"<![CDATA[{inner}]]>"


def _value_or_default(value: object, default: object) -> object:
    nothing = value is None or value in ([], {}) or (isinstance(value, str) and not value.strip())
    return default if nothing else value


FUNCTIONS: Final[Sequence[Function]] = (
    Function("titleCase", "(text)", _title_case),
    Function("cdata", "(text)", _cdata),
    Function("valueOrDefault", "(value, default)", _value_or_default),
)
