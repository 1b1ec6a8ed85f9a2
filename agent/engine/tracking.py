"""Tracked columns: a few values of each source record that Sync Info shows beside it, as compact JSON text.

They are for people who look for an order by its number or its customer. A record whose values cannot be computed is
tracked without them: that never fails it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from agent.engine.expressions import Expressions
from agent.engine.vocabulary import PLAIN, Vocabulary

MOST_COLUMNS: Final = 10
MOST_HEADER_CHARACTERS: Final = 60
MOST_EXPRESSION_CHARACTERS: Final = 200
_MOST_VALUE_CHARACTERS: Final = 200


class Tracking:
    """Computes the columns of one Mapper.

    Args:
        columns: Expressions by header; every one compiles.
        vocabulary: The functions and lookups that they may name.
    """

    def __init__(self, columns: Mapping[str, str], vocabulary: Vocabulary = PLAIN) -> None:
        self._headers = {f"t{number}": header for number, header in enumerate(columns)}
        named = dict(zip(self._headers, columns.values(), strict=True))
        self._expressions = Expressions(named, vocabulary)

    def texts(self, documents: Sequence[bytes]) -> list[str]:
        """A JSON object of texts for each record; empty where nothing could be computed."""
        evaluated = self._expressions.evaluate(documents)
        return [
            "" if index in evaluated.failures else self._text(found) for index, found in enumerate(evaluated.results)
        ]

    def _text(self, found: Mapping[str, Any]) -> str:
        values = {
            header: _shown(found[name]) for name, header in self._headers.items() if found.get(name) is not None
        }  # fmt: skip
        return msgspec.json.encode(values).decode() if values else ""


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= _MOST_VALUE_CHARACTERS else f"{text[: _MOST_VALUE_CHARACTERS - 1]}…"
