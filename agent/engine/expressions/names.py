"""Finds what a JSONata expression names with a `$` and does not define itself: functions and variables.

The look is at the words of the expression, as the library shows no syntax tree. Texts, regular expressions, comments
and names between backticks are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""(?P<blank>\s+|/\*.*?\*/)
    |(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    |(?P<named>`[^`]*`)
    |(?P<variable>\$[^\W\d]\w*|\$\$|\$)
    |(?P<word>[^\W\d]\w*|λ)
    |(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
    |(?P<sign>:=|~>|.)""",
    re.VERBOSE | re.DOTALL,
)
_PATTERN = re.compile(r"/(?:[^/\\\n\[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/[im]*")
_OPERATORS = frozenset({"and", "or", "in"})
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_ESCAPED = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Use:
    """A name with a `$`, at an offset of the expression; `name` is without it.

    `called` says whether arguments follow, `chained` whether `~>` puts one in front of them. `first` is the first
    argument where that is a quoted text, and `first_offset` where it stands.
    """

    name: str
    offset: int
    called: bool = False
    chained: bool = False
    first: str | None = None
    first_offset: int = 0


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    offset: int


def uses(expression: str) -> list[Use]:
    """What the expression names with a `$` and neither assigns nor takes as a parameter, in order."""
    if "$" not in expression:
        return []
    tokens = list(_tokens(expression))
    own = {tokens[place].text for place in _definitions(tokens)}
    return [
        _use(tokens, place)
        for place, token in enumerate(tokens)
        if token.kind == "variable" and token.text.strip("$") and token.text not in own
    ]


def named(expression: str) -> frozenset[str]:
    """The names of `uses`."""
    return frozenset(use.name for use in uses(expression))


def _use(tokens: Sequence[_Token], place: int) -> Use:
    token = tokens[place]
    called = _text(tokens, place + 1) == "("
    first = tokens[place + 2] if called and place + 2 < len(tokens) and tokens[place + 2].kind == "text" else None
    if first is not None and _text(tokens, place + 3) not in {",", ")"}:
        first = None
    return Use(
        token.text[1:],
        token.offset,
        called=called,
        chained=place > 0 and _text(tokens, place - 1) == "~>",
        first=_unquoted(first.text) if first is not None else None,
        first_offset=first.offset if first is not None else token.offset,
    )


def _definitions(tokens: Sequence[_Token]) -> Iterator[int]:
    """Where variables are assigned, and where parameters stand."""
    for place, token in enumerate(tokens):
        if token.kind == "variable" and _text(tokens, place + 1) == ":=":
            yield place
        elif token.text in {"function", "λ"} and token.kind == "word" and _text(tokens, place + 1) == "(":
            for inside in range(place + 2, len(tokens)):
                if tokens[inside].text == ")":
                    break
                if tokens[inside].kind == "variable":
                    yield inside
        elif token.text in {"@", "#"} and place + 1 < len(tokens) and tokens[place + 1].kind == "variable":
            yield place + 1


def _tokens(expression: str) -> Iterator[_Token]:
    offset, before = 0, _Token("sign", "", 0)
    while offset < len(expression):
        found = None
        # Behind a value a slash divides; elsewhere it begins a regular expression.
        if expression[offset] == "/" and (before.kind == "sign" and before.text not in {")", "]", "}"}):
            found = _PATTERN.match(expression, offset)
        if found is not None:
            token = _Token("pattern", found[0], offset)
        else:
            found = _TOKEN.match(expression, offset)
            assert found is not None, "everything is a sign at least"
            token = _Token(found.lastgroup or "sign", found[0], offset)
        offset = found.end()
        if token.kind != "blank":
            yield token
            before = _Token("sign", "", 0) if token.text in _OPERATORS else token


def _text(tokens: Sequence[_Token], place: int) -> str:
    return tokens[place].text if 0 <= place < len(tokens) else ""


def _unquoted(text: str) -> str:
    def plain(found: re.Match[str]) -> str:
        return chr(int(found[1], 16)) if found[1] else _ESCAPES.get(found[2], found[2])

    return _ESCAPED.sub(plain, text[1:-1])
