"""Which tables a batch needs: one for its records, one more for each collection in them, however deep.

A collection's table is called `<table>_<attribute>`, unless another name is given. It begins with the columns that lead
to the parent: the parent's keys, each called `<parent>_<key>`, where the parent is its table's or attribute's name in
the singular (orders → order_id).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, cast

from agent.domain.app import Attribute, DataType
from agent.domain.errors import ConfigurationError
from agent.domain.packet import Row, Value

POSITION = "position"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A column that a batch needs."""

    name: str
    type: DataType
    required: bool = False
    primary: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """A table that a batch needs, and where its values are in a row.

    A row of a child table is the parent's key, then its number among its siblings if `numbered`, then the collection's
    row. `places` and `key_places` point into that; `children` names the places of the collections.
    """

    table: str
    columns: tuple[Wanted, ...]
    places: tuple[int, ...]
    key_places: tuple[int, ...]
    children: tuple[tuple[int, Layout], ...] = ()
    inherited: int = 0
    numbered: bool = False

    @property
    def key(self) -> tuple[str, ...]:
        """The names of the columns that identify a row."""
        return tuple(column.name for column in self.columns if column.primary)

    def values(self, rows: Sequence[Row]) -> Sequence[tuple[Value, ...]]:
        """What goes into this table's own columns."""
        if len(self.places) == len(rows[0]) if rows else True:
            return rows
        return _taken(rows, self.places)

    def keys(self, rows: Sequence[Row]) -> list[tuple[Value, ...]]:
        """The key of each row."""
        return _taken(rows, self.key_places)

    def below(self, place: int, child: Layout, rows: Sequence[Row]) -> list[Row]:
        """The rows of a child table."""
        keys = self.keys(rows)
        groups = cast("list[list[Row] | None]", list(map(itemgetter(place), rows)))
        if child.numbered:
            return [
                (*key, number, *row)
                for key, group in zip(keys, groups, strict=True)
                if group
                for number, row in enumerate(group, 1)
            ]
        return [key + row for key, group in zip(keys, groups, strict=True) if group for row in group]

    def all_below(self) -> list[Layout]:
        """The child tables, and theirs."""
        return [one for _, child in self.children for one in (child, *child.all_below())]


def layout(table: str, attributes: Sequence[Attribute], tables: Mapping[str, str]) -> Layout:
    """The tables for records with these attributes. `tables` names those for collections, by their dotted paths.

    Raises:
        ConfigurationError: no attribute identifies a record, or two columns would have the same name.
    """
    unknown = set(tables) - set(_collections(attributes, ""))
    if unknown:
        name = min(unknown)
        raise ConfigurationError(
            f"A table is named for the collection {name}, and the Mapper gives no such collection.",
            code="unknown-collection",
            remedy="Correct the option child_tables of the POST node.",
            field=name,
        )
    if not any(attribute.primary for attribute in attributes):
        raise ConfigurationError(
            f"Records for the table {table} cannot be told apart: no attribute is marked as key.",
            code="missing-key-attribute",
            remedy="Mark the attribute that identifies a record with key: true in the Mapper, then deploy again.",
            field=table,
        )
    plain_name = table.rpartition(".")[2]
    return _layout(table, plain_name, attributes, _Names(tables), parent=(), numbered=False)


def singular(name: str) -> str:
    """The singular of a table's name, by a plain rule: -ies becomes -y; -sses, -xes, -ches, -shes and -uses lose
    their -es; any other -s is dropped, except after s, u and i."""
    for pattern, ending in _PLURALS:
        changed, found = pattern.subn(ending, name)
        if found:
            return changed
    return name


_PLURALS = (
    (re.compile(r"(?<=..)ies\Z", re.IGNORECASE), "y"),
    (re.compile(r"(?<=ss|ch|sh|us)es\Z|(?<=x)es\Z", re.IGNORECASE), ""),
    (re.compile(r"(?<=[^sui])s\Z", re.IGNORECASE), ""),
)


@dataclass(frozen=True, slots=True)
class _Names:
    """The names given to tables of collections, by dotted path, seen from `path`."""

    given: Mapping[str, str]
    path: str = ""

    def below(self, attribute: str) -> _Names:
        return _Names(self.given, f"{self.path}.{attribute}".lstrip("."))

    def table(self, parent: str, attribute: str) -> str:
        return self.given.get(self.path) or f"{parent}_{attribute}"


def _collections(attributes: Sequence[Attribute], path: str) -> list[str]:
    found: list[str] = []
    for attribute in attributes:
        if attribute.type is DataType.COLLECTION:
            here = f"{path}.{attribute.name}".lstrip(".")
            found += [here, *_collections(attribute.members, here)]
    return found


def _layout(
    table: str,
    name: str,
    attributes: Sequence[Attribute],
    names: _Names,
    *,
    parent: tuple[Wanted, ...],
    numbered: bool,
) -> Layout:
    columns = list(parent)
    if numbered:
        taken = {attribute.name.casefold() for attribute in attributes}
        position = POSITION
        while position in taken:
            position += "_"
        columns.append(Wanted(position, DataType.INTEGER, required=True, primary=True))
    first = len(columns)
    places = list(range(first))
    for place, attribute in enumerate(attributes, first):
        if attribute.type is not DataType.COLLECTION:
            columns.append(
                Wanted(attribute.name, attribute.type, attribute.required or attribute.primary, attribute.primary)
            )
            places.append(place)
    _refuse_twins(table, columns)
    keys = [(place, column) for place, column in zip(places, columns, strict=True) if column.primary]
    down = tuple(
        column if place < len(parent) else Wanted(f"{singular(name)}_{column.name}", column.type, True, True)
        for place, column in keys
    )
    return Layout(
        table=table,
        columns=tuple(columns),
        places=tuple(places),
        key_places=tuple(place for place, _ in keys),
        children=tuple(
            (place, _child(table, attribute, names.below(attribute.name), down))
            for place, attribute in enumerate(attributes, first)
            if attribute.type is DataType.COLLECTION
        ),
        inherited=len(parent),
        numbered=numbered,
    )


def _child(table: str, attribute: Attribute, names: _Names, down: tuple[Wanted, ...]) -> Layout:
    return _layout(
        names.table(table, attribute.name),
        attribute.name,
        attribute.members,
        names,
        parent=down,
        numbered=not any(member.primary for member in attribute.members),
    )


def _refuse_twins(table: str, columns: Sequence[Wanted]) -> None:
    names = [column.name for column in columns]
    twin = next((name for name in names if names.count(name) > 1), None)
    if twin is not None:
        raise ConfigurationError(
            f"The table {table} would get two columns called {twin}.",
            code="column-twice",
            remedy="Rename or remove the attribute in the Mapper: the one that leads to the parent is added by itself.",
            field=twin,
        )


def _taken(rows: Sequence[Row], places: Sequence[int]) -> list[tuple[Value, ...]]:
    if len(places) == 1:
        return [(value,) for value in map(itemgetter(places[0]), rows)]
    take = cast("Any", itemgetter(*places))
    return list(map(take, rows))
