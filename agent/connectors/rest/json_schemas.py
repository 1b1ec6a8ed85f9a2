"""Looks through the JSON Schemas of an OpenAPI document: follows its references, finds lists and names the types.

A document comes from anybody: references lead inside it alone, and neither circles nor depth cost more than a bound.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agent.domain.app import DataType
from agent.domain.errors import ConfigurationError

_MOST_STEPS = 30
_MOST_WORK = 200_000
"""How many schemas and properties are looked at for one document, about. Those of 400 kB that were tried need 1,500."""
_LIST_NAMES = ("data", "items", "results", "records", "value", "values", "entries", "content", "rows", "list")


class Schemas:
    """The schemas of one document.

    Every method raises ConfigurationError, code `openapi`, once a document has cost more than a bound.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document, self._work = document, 0
        self._known: dict[int, dict[str, Any]] = {}

    def spend(self, work: int) -> None:
        """Count what was looked at. Raises ConfigurationError when it comes to too much."""
        self._work += work
        if self._work > _MOST_WORK:
            raise ConfigurationError(
                "The schemas of this document refer to each other without end, or there are too many.", code="openapi",
                remedy="Take out of the document what is not needed, or write the description by hand.",
            )  # fmt: skip

    def resolved(self, found: Any) -> Mapping[str, Any]:
        """What a reference leads to; an empty schema where that is nothing, or a circle."""
        for _ in range(_MOST_STEPS):
            self.spend(1)
            if not isinstance(found, Mapping):
                return {}
            reference = found.get("$ref")
            if not isinstance(reference, str):
                return found
            found = self._at(reference)
        return {}

    def properties(self, schema: Any) -> Mapping[str, Any]:
        """The properties of an object, those of the schemas that it is made of too."""
        schema = self.resolved(schema)
        found = self._known.get(id(schema))  # all of them are parts of the document, which stays
        if found is None and schema:
            found = self._known[id(schema)] = self._gathered(schema, frozenset())[0]
        self.spend(len(found or {}))
        return found or {}

    def _gathered(self, schema: Mapping[str, Any], outer: frozenset[int]) -> tuple[dict[str, Any], bool]:
        """The properties of a schema inside these others, in which it is not looked at again; and whether they are all
        that it has, so that they need not be gathered again."""
        if id(schema) in self._known:
            return self._known[id(schema)], True
        if id(schema) in outer or len(outer) > _MOST_STEPS:
            return {}, False
        outer |= {id(schema)}
        found: dict[str, Any] = {}
        whole = True
        for word in ("allOf", "oneOf", "anyOf"):
            parts = schema.get(word)
            for part in parts[:_MOST_STEPS] if isinstance(parts, list) else ():
                resolved = self.resolved(part)
                gathered, complete = self._gathered(resolved, outer)
                found, whole = {**gathered, **found}, whole and complete
                self.spend(len(found))
                if word != "allOf" and found:
                    break  # one of several: the first one that says something
        own = schema.get("properties")
        found = {**found, **(own if isinstance(own, Mapping) else {})}
        if whole and schema:
            self._known[id(schema)] = found
        return found, whole

    def items(self, schema: Any) -> Mapping[str, Any] | None:
        """The schema of a list's entries; None where it is no list."""
        schema = self.resolved(schema)
        if schema.get("type") == "array" or "items" in schema:
            return self.resolved(schema.get("items"))
        return None

    def list_in(self, schema: Any, name: str) -> tuple[str, Mapping[str, Any]] | None:
        """Where the records of an answer lie, and their schema: in the answer itself or one or two names below."""
        if (entries := self.items(schema)) is not None:
            return "", entries
        found: list[tuple[str, Mapping[str, Any]]] = []
        for outer, one in self.properties(schema).items():
            if (entries := self.items(one)) is not None:
                found.append((outer, entries))
                continue
            for inner, member in self.properties(one).items():
                if (entries := self.items(member)) is not None:
                    found.append((f"{outer}.{inner}", entries))
        found = [(place, entries) for place, entries in found if self.properties(entries)]
        wanted = (name, *_LIST_NAMES)
        found.sort(key=lambda one: next((n for n, word in enumerate(wanted) if one[0].split(".")[-1] == word), 99))
        return found[0] if found else None

    def record_in(self, schema: Any, attributes: Sequence[str]) -> str:
        """Where one record lies in an answer: under the name of the one object that has its attributes, or it is it."""
        own = self.properties(schema)
        if not set(attributes) & set(own):
            for name, one in own.items():
                if set(attributes) & set(self.properties(one)):
                    return name
        return ""

    def type_of(self, schema: Any) -> DataType:
        """The type of an attribute."""
        schema = self.resolved(schema)
        kind, form = schema.get("type"), schema.get("format", "")
        if isinstance(kind, list):
            kind = next((one for one in kind if one != "null"), None)
        match kind:
            case "integer":
                return DataType.INTEGER
            case "number":
                return DataType.DECIMAL
            case "boolean":
                return DataType.BOOLEAN
            case "string":
                return DataType.DATETIME if form == "date-time" else DataType.TEXT
        return DataType.JSON if kind in {"object", "array"} or self.properties(schema) else DataType.TEXT

    def _at(self, reference: str) -> Any:
        if not reference.startswith("#/"):
            return None
        found: Any = self._document
        for part in reference[2:].split("/"):
            name = part.replace("~1", "/").replace("~0", "~")
            if isinstance(found, Mapping):
                found = found.get(name)
            elif isinstance(found, list) and name.isdecimal() and int(name) < len(found):
                found = found[int(name)]
            else:
                return None
        return found
