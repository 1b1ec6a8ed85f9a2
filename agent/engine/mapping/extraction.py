"""Takes the values at plain paths out of a packet's documents with typed decoding: only what is asked for is decoded.

A plan is a tree of structs made for the paths. A document of another shape than the paths suggest (an array where an
object was expected) makes the decoder refuse; `agent.engine.mapping.extracted` then takes the same values in the
general way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import attrgetter
from typing import Any, Optional, TypeAlias, Union

import msgspec

from agent.engine.mapping.conversion import Column, JsonNumber
from agent.engine.mapping.extracted import Children, Collection, Extracted, Scalar, child_documents
from agent.engine.mapping.paths import Path


class _Clash(Exception):  # noqa: N818 - never leaves this module
    """Two paths want the same place in different forms."""


_Walked: TypeAlias = "dict[Path, tuple[_Branch, list[list[Any]]]]"
"""What was found at each path, for each document: the members there, lists opened."""


@dataclass(slots=True)
class _Branch:
    """A place in the tree: what is below it, and which numbers want the value at it."""

    many: bool | None = None
    leaf: Any = None
    branches: dict[str, _Branch] = field(default_factory=dict)
    wanted: list[int] = field(default_factory=list)
    struct: Any = None
    nothing: Any = None

    def below(self, name: str, *, many: bool) -> _Branch:
        branch = self.branches.setdefault(name, _Branch())
        if branch.leaf is not None or (branch.many is not None and branch.many is not many):
            raise _Clash
        branch.many = many
        return branch

    def add(self, path: Path, leaf: Any, number: int) -> None:
        place = self
        for name in path[:-1]:
            place = place.below(name, many=False)
        branch = place.branches.setdefault(path[-1], _Branch())
        if branch.many is not None or branch.leaf not in (None, leaf):
            raise _Clash
        branch.leaf = leaf
        branch.wanted.append(number)

    def made(self) -> Any:
        """The type to decode this place into."""
        if self.leaf is not None:
            return self.leaf
        fields = [(f"f{number}", branch.made(), None) for number, branch in enumerate(self.branches.values())]
        rename = {f"f{number}": name for number, name in enumerate(self.branches)}
        struct: Any = msgspec.defstruct("Record", fields, rename=rename, gc=False)
        self.struct, self.nothing = struct, struct()
        return Optional[Union[struct, list[struct]]] if self.many else Optional[struct]  # noqa: UP007, UP045 - dynamic


def harmonious(collection: Collection) -> bool:
    """Whether the members of a collection can be taken in one pass: no path is the beginning of another."""
    try:
        _planted([(0, collection)])
    except _Clash:
        return False
    return True


class Plan:
    """A way to take values out of documents in one pass, or in a few where the paths clash."""

    def __init__(self, scalars: Mapping[int, Scalar], collections: Mapping[int, Collection]) -> None:
        self._passes: list[_Pass] = []
        for number, scalar in scalars.items():
            self._place(number, scalar)
        for number, collection in collections.items():
            self._place(number, collection)
        for one in self._passes:
            one.finish()

    def extract(self, documents: Sequence[bytes]) -> Extracted:
        """The values of all documents. Raises one of `ShapeError` when a document does not fit."""
        extracted = Extracted()
        for one in self._passes:
            one.extract(documents, extracted)
        return extracted

    def _place(self, number: int, wanted: Scalar | Collection) -> None:
        for one in self._passes:
            if one.takes(number, wanted):
                return
        self._passes.append(_Pass())
        if not self._passes[-1].takes(number, wanted):
            raise ValueError("the members of a collection clash; ask for its documents")


class _Pass:
    """One tree, decoded in one go."""

    def __init__(self) -> None:
        self._wanted: list[tuple[int, Scalar | Collection]] = []
        self._root = _Branch()
        self._collections: list[tuple[int, Path, list[tuple[int, Path]]]] = []
        self._decoder: msgspec.json.Decoder[Any] | None = None

    def takes(self, number: int, wanted: Scalar | Collection) -> bool:
        """Add what is wanted, unless it clashes with what is here."""
        try:
            _planted([*self._wanted, (number, wanted)])
        except _Clash:
            return False
        self._wanted.append((number, wanted))
        return True

    def finish(self) -> None:
        self._root = _planted(self._wanted)
        self._root.made()
        struct: Any = self._root.struct
        self._decoder = msgspec.json.Decoder(struct, float_hook=JsonNumber)

    def extract(self, documents: Sequence[bytes], extracted: Extracted) -> None:
        assert self._decoder is not None
        records = list(map(self._decoder.decode, documents))
        _columns(self._root, records, extracted.columns)
        walked: _Walked = {(): (self._root, [[record] for record in records])}
        for number, wanted in self._wanted:
            if isinstance(wanted, Collection):
                extracted.children[number] = _gathered(walked, number, wanted)


def _planted(wanted: Sequence[tuple[int, Scalar | Collection]]) -> _Branch:
    root = _Branch()
    for number, one in wanted:
        if isinstance(one, Scalar):
            root.add(one.path, msgspec.Raw if one.raw else Any, number)
            continue
        place = root
        for name in one.path[:-1] if one.members is None else one.path:
            place = place.below(name, many=True)
        if one.members is None:
            place.add(one.path[-1:], msgspec.Raw, number)
        for member, scalar in (one.members or {}).items():
            place.add(scalar.path, msgspec.Raw if scalar.raw else Any, _member_number(number, member))
    return root


def _member_number(collection: int, member: int) -> int:
    """Numbers of members are told from those of the record by their sign."""
    return -(collection * 100_000 + member) - 1


def _columns(branch: _Branch, records: Sequence[Any], columns: dict[int, Column]) -> None:
    """The columns of everything single below a branch."""
    if not branch.branches:
        return
    if not records:
        _empty_columns(branch, columns)
        return
    values = list(zip(*map(msgspec.structs.astuple, records), strict=True))
    for below, column in zip(branch.branches.values(), values, strict=True):
        for number in below.wanted:
            columns[number] = list(column)
        if below.many is False:
            nothing = below.nothing
            _columns(below, [nothing if value is None else value for value in column], columns)


def _empty_columns(branch: _Branch, columns: dict[int, Column]) -> None:
    for below in branch.branches.values():
        columns.update({number: [] for number in below.wanted})
        if below.many is False:
            _empty_columns(below, columns)


def _gathered(walked: _Walked, number: int, wanted: Collection) -> Children:
    place, groups = _walk(walked, wanted.path[:-1] if wanted.members is None else wanted.path)
    if wanted.members is None:
        get = _getter(place, wanted.path[-1])
        found = [[document for one in group for document in _documents(get(one))] for group in groups]
        return Children(list(map(len, found)), documents=list(chain.from_iterable(found)))
    columns: dict[int, Column] = {}
    _columns(place, list(chain.from_iterable(groups)), columns)
    members = {member: columns[_member_number(number, member)] for member in wanted.members}
    return Children(list(map(len, groups)), columns=members)


def _walk(walked: _Walked, path: Path) -> tuple[_Branch, list[list[Any]]]:
    """What is at a path. Collections mostly share the beginnings of their paths; these are walked once."""
    if path not in walked:
        place, groups = _walk(walked, path[:-1])
        walked[path] = place.branches[path[-1]], _next(groups, _getter(place, path[-1]))
    return walked[path]


def _getter(place: _Branch, name: str) -> Callable[[Any], Any]:
    return attrgetter(f"f{list(place.branches).index(name)}")


def _next(groups: list[list[Any]], get: Callable[[Any], Any]) -> list[list[Any]]:
    """One step down: what is there below the members of each group, lists opened."""
    if not any(groups):
        return groups
    below: list[list[Any]] = []
    for group in groups:
        if len(group) == 1:
            value = get(group[0])
            below.append(value if type(value) is list else [] if value is None else [value])
            continue
        values = [get(one) for one in group]
        below.append([
            item for value in values if value is not None for item in (value if type(value) is list else (value,))
        ])  # fmt: skip
    return below


def _documents(raw: msgspec.Raw | None) -> list[bytes]:
    if raw is None:
        return []
    text = bytes(raw)
    if text.startswith(b"{"):
        return [text]
    if text.startswith(b"["):
        items = [bytes(item) for item in _RAW_ITEMS.decode(text)]
        if all(item.startswith(b"{") for item in items):
            return items
    return child_documents(text)


_RAW_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])
