"""Tracked columns: a few values of each source record that Sync Info shows beside it, as compact JSON text.

They are for people who look for an order by its number or its customer. A value that cannot be computed is left
out, and told of; it fails neither the record nor its other columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec

from agent.engine.expressions.jsonata import Expressions, packet_deadline
from agent.engine.expressions.vocabulary import PLAIN, Vocabulary

MOST_COLUMNS: Final = 10
MOST_HEADER_CHARACTERS: Final = 60
MOST_EXPRESSION_CHARACTERS: Final = 200
_MOST_VALUE_CHARACTERS: Final = 200


@dataclass(frozen=True, slots=True)
class Untracked:
    """A value that could not be computed: the record's place in the packet, the column's header, and why."""

    index: int
    header: str
    reason: str


@dataclass(frozen=True, slots=True)
class Tracked:
    """A JSON object of texts for each record, empty where it has no value; and what could not be computed."""

    texts: Sequence[str]
    failures: Sequence[Untracked]


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
        self._alone = {name: Expressions({name: text}, vocabulary) for name, text in named.items()}

    def of(self, documents: Sequence[bytes]) -> Tracked:
        """The columns of each record."""
        evaluated = self._expressions.evaluate(documents)
        results, failures = list(evaluated.results), list[Untracked]()
        if evaluated.failures:
            indices = list(evaluated.failures)
            found = self._one_by_one([documents[index] for index in indices], failures)
            failures = [replace(one, index=indices[one.index]) for one in failures]
            for index, values in zip(indices, found, strict=True):
                results[index] = values
        return Tracked([self._text(values) for values in results], failures)

    def _one_by_one(self, documents: Sequence[bytes], failures: list[Untracked]) -> list[dict[str, Any]]:
        """Each column by itself, for records of which some columns cannot be computed."""
        found: list[dict[str, Any]] = [{} for _ in documents]
        deadline = packet_deadline()
        for name, alone in self._alone.items():
            evaluated = alone.evaluate(documents, deadline=deadline)
            for index, values in enumerate(evaluated.results):
                if (failure := evaluated.failures.get(index)) is not None:
                    failures.append(Untracked(index, self._headers[name], failure.reason))
                else:
                    found[index].update(values)
        return found

    def _text(self, found: Mapping[str, Any]) -> str:
        values = {
            header: _shown(found[name]) for name, header in self._headers.items() if found.get(name) is not None
        }  # fmt: skip
        return msgspec.json.encode(values).decode() if values else ""


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= _MOST_VALUE_CHARACTERS else f"{text[: _MOST_VALUE_CHARACTERS - 1]}…"
