"""Finds out which top-level attributes of a record an expression can possibly look at, and cuts documents down to them.

Parsing a document is most of what evaluating an expression costs. The answer errs on the safe side: an expression with
anything that may refer to the record as a whole gets all of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence, Set
from typing import Any, Final

import msgspec

_TOKEN = re.compile(
    r"""\s+|/\*.*?\*/
    |(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    |(?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)
    |(?P<function>\$[A-Za-z]\w*)\s*\(\s*(?P<closed>\))?
    |(?P<variable>\$[A-Za-z_]\w*)
    |(?P<step>\.\s*(?:[A-Za-z_]\w*|`[^`]+`))
    |(?P<name>[A-Za-z_]\w*|`[^`]+`)
    |(?P<sign>!=|<=|>=|\.\.|[-+/&=<>?:,()\[\]])""",
    re.VERBOSE | re.DOTALL,
)
# None of these falls back on the record itself when it is called with an argument, other than to fail.
_PURE: Final = frozenset(
    {
        "$abs", "$average", "$boolean", "$ceil", "$contains", "$count", "$distinct", "$exists", "$floor", "$fromMillis",
        "$join", "$length", "$lowercase", "$max", "$min", "$not", "$number", "$pad", "$power", "$replace", "$reverse",
        "$round", "$sort", "$split", "$sqrt", "$string", "$substring", "$substringAfter", "$substringBefore", "$sum",
        "$toMillis", "$trim", "$uppercase",
    }
)  # fmt: skip


def needed_names(expression: str, pure: Set[str] = frozenset()) -> frozenset[str] | None:
    """The top-level attributes that the expression may look at; None where it may be any.

    `pure` are more functions, with their `$`, that look at nothing but their arguments, and variables.
    """
    names: set[str] = set()
    place = 0
    while place < len(expression):
        token = _TOKEN.match(expression, place)
        if token is None or token["closed"] or _looks_around(token, pure):
            return None
        if token["name"]:
            names.add(token["name"].strip("`"))
        place = token.end()
    return frozenset(names)


def _looks_around(token: re.Match[str], pure: Set[str]) -> bool:
    if token["variable"]:
        return token["variable"] not in pure
    function = token["function"]
    return function is not None and function not in _PURE and function not in pure


class Reduction:
    """Cuts documents down to the attributes that a group of expressions needs. `pure` is as in `needed_names`."""

    def __init__(self, expressions: Iterable[str], pure: Set[str] = frozenset()) -> None:
        needs = [needed_names(expression, pure) for expression in expressions]
        known = [names for names in needs if names is not None]
        self._names: list[bytes] | None = None
        if len(known) < len(needs):
            return
        names = sorted(frozenset().union(*known))
        struct: Any = msgspec.defstruct(
            "Needed",
            [(f"f{number}", msgspec.Raw, None) for number in range(len(names))],
            rename={f"f{number}": name for number, name in enumerate(names)},
            gc=False,
        )
        self._decoder = msgspec.json.Decoder(struct)
        self._names = [msgspec.json.encode(name) + b":" for name in names]

    def reduced(self, documents: Sequence[bytes]) -> Sequence[bytes]:
        """The documents with nothing but what is needed; as they are where that is not known or not possible."""
        if self._names is None:
            return documents
        try:
            records = list(map(self._decoder.decode, documents))
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            return documents
        return [self._written(msgspec.structs.astuple(record)) for record in records]

    def _written(self, values: Sequence[msgspec.Raw | None]) -> bytes:
        assert self._names is not None
        pairs = zip(self._names, values, strict=True)
        return b"{" + b",".join([name + bytes(value) for name, value in pairs if value is not None]) + b"}"
