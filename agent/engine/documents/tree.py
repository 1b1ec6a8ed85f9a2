"""Reads YAML or JSON text into a plain tree in which everything knows its place. Owns the limits for hostile input.

Only the scanner and the parser of ruamel.yaml are used: nothing is constructed, tags, anchors and aliases are refused
before they are looked at, and every scalar stays the text that was written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.scanner import Scanner

from agent.engine.documents.report import Place, Report

MOST_BYTES: Final = 1_000_000
MOST_DEPTH: Final = 30
MOST_VALUES: Final = 20_000

_UNCLOSED: Final = ("end of stream", "stream end")


@dataclass(frozen=True, slots=True)
class Leaf:
    """A scalar as it was written. `bare` means without quotes."""

    text: str
    place: Place
    style: str = field(repr=False)
    source: str = field(repr=False)
    start: int
    end: int

    @property
    def bare(self) -> bool:
        """Whether it was written without quotes."""
        return not self.style

    def place_at(self, offset: int) -> Place:
        """Where the character at an offset of the text stands in the document; the beginning where that is unclear."""
        if self.style == "|":
            return self._place_in_block(offset)
        quote = 0 if self.bare else 1
        if self.source[self.start + quote : self.end - quote] != self.text or "\n" in self.text:
            return self.place
        return Place(self.place.line, self.place.column + quote + min(offset, len(self.text)))

    def _place_in_block(self, offset: int) -> Place:
        lines = self.source[self.start : self.end].split("\n")[1:]
        before = self.text[:offset].split("\n")
        indent = next((len(line) - len(line.lstrip(" ")) for line in lines if line.strip()), 0)
        return Place(self.place.line + len(before), indent + len(before[-1]) + 1)


@dataclass(slots=True)
class Items:
    """A sequence."""

    place: Place
    members: list[Tree] = field(default_factory=list)


@dataclass(slots=True)
class Branch:
    """A mapping. `keys` has the place of each key."""

    place: Place
    members: dict[str, Tree] = field(default_factory=dict)
    keys: dict[str, Place] = field(default_factory=dict)


Tree: TypeAlias = Leaf | Items | Branch


def read_tree(content: bytes, report: Report) -> Tree | None:
    """The tree of a document, or None with the reason in the report."""
    if len(content) > MOST_BYTES:
        report.add(Place(1, 1), "too-large", f"The document is larger than {MOST_BYTES // 1000:,} KB.")
        return None
    text = _decoded(content, report)
    if text is None:
        return None
    if text.lstrip().startswith("{"):
        # JSON may be indented with tabs, YAML may not. Inside its texts JSON has no tabs.
        text = text.replace("\t", " ")
    try:
        return _Builder(text, report).build()
    except _Refused as refused:
        report.add(refused.place, refused.code, refused.message, refused.suggestion)
    except MarkedYAMLError as error:
        unclosed = any(words in str(error.problem) for words in _UNCLOSED)
        mark = (error.context_mark if unclosed else None) or error.problem_mark or error.context_mark
        report.add(_place(mark), "syntax", *_explained(error))
    except YAMLError as error:
        position = getattr(error, "position", 0)
        report.add(
            _place_of(text, position if isinstance(position, int) else 0),
            "syntax",
            "The document contains a character that is not allowed.",
            "Remove it; a text editor shows it when invisible characters are shown.",
        )
    except (ValueError, OverflowError, RecursionError, AttributeError, IndexError, TypeError, KeyError):
        # Faults of the parser itself on input that makes no sense.
        report.add(Place(1, 1), "syntax", "The document cannot be read as YAML or JSON.")
    return None


class _Refused(Exception):  # noqa: N818 - never leaves this module
    def __init__(self, place: Place, code: str, message: str, suggestion: str = "") -> None:
        super().__init__(message)
        self.place, self.code, self.message, self.suggestion = place, code, message, suggestion


class _StrictScanner(Scanner):
    """Refuses everything that a processflow does not need and that could be misused."""

    def fetch_tag(self) -> None:
        raise self._refused("!", "Tags are not allowed")

    def fetch_anchor(self) -> None:
        raise self._refused("&", "Anchors are not allowed")

    def fetch_alias(self) -> None:
        raise self._refused("*", "Aliases are not allowed")

    def fetch_directive(self) -> None:
        raise self._refused("%", "Directives are not allowed")

    def _refused(self, sign: str, message: str) -> _Refused:
        return _Refused(
            _place(self.reader.get_mark()), "not-allowed", f"{message} in a processflow.",
            f"Put a value that begins with {sign} between quotes.",
        )  # fmt: skip


class _Builder:
    """Builds the tree from the parser's events."""

    def __init__(self, text: str, report: Report) -> None:
        yaml: Any = YAML(typ="safe", pure=True)
        yaml.Scanner = _StrictScanner
        self._text = text
        self._report = report
        self._events: Iterator[Any] = yaml.parse(text)
        self._values = 0

    def build(self) -> Tree | None:
        root: Tree | None = None
        documents = 0
        for event in self._events:
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise _Refused(_place(event.start_mark), "several-documents", "The file holds several documents.")
                root = self._value(next(self._events), 1)
        if root is None:
            self._report.add(Place(1, 1), "empty", "The document is empty.")
        return root

    def _value(self, event: Any, depth: int) -> Tree:
        place = _place(event.start_mark)
        self._values += 1
        if self._values > MOST_VALUES:
            raise _Refused(place, "too-large", f"The document holds more than {MOST_VALUES:,} values.")
        if depth > MOST_DEPTH:
            raise _Refused(place, "too-deep", f"The document is nested more than {MOST_DEPTH} levels deep.")
        if isinstance(event, ScalarEvent):
            return self._leaf(event)
        if isinstance(event, SequenceStartEvent):
            items = Items(place)
            while not isinstance(member := next(self._events), SequenceEndEvent):
                items.members.append(self._value(member, depth + 1))
            return items
        assert isinstance(event, MappingStartEvent)
        branch = Branch(place)
        while not isinstance(key := next(self._events), MappingEndEvent):
            self._member(branch, key, depth)
        return branch

    def _member(self, branch: Branch, event: Any, depth: int) -> None:
        place = _place(event.start_mark)
        if not isinstance(event, ScalarEvent):
            raise _Refused(place, "wrong-type", "A name is expected here, not a list or a mapping.")
        name = self._leaf(event).text
        value = self._value(next(self._events), depth + 1)
        if name in branch.members:
            first = branch.keys[name]
            self._report.add(place, "duplicate-key", f"“{name}” is given twice; first in line {first.line}.")
            return
        branch.members[name] = value
        branch.keys[name] = place

    def _leaf(self, event: Any) -> Leaf:
        start, end = event.start_mark, event.end_mark
        text = event.value
        if any("\ud800" <= sign <= "\udfff" for sign in text):
            # JSON writes characters beyond the basic plane as two escapes.
            try:
                text = text.encode("utf-16", "surrogatepass").decode("utf-16")
            except UnicodeDecodeError:
                raise _Refused(
                    _place(start), "syntax", "The text holds half a character (a lone \\u escape)."
                ) from None
        return Leaf(text, _place(start), event.style or "", self._text, start.index, end.index)


def _decoded(content: bytes, report: Report) -> str | None:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        report.add(Place(1, 1), "encoding", "The file is encoded in UTF-16.", "Save it as UTF-8.")
        return None
    try:
        return content.removeprefix(b"\xef\xbb\xbf").decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8")
        place = _place_of(before, len(before))
        report.add(place, "encoding", "The file is not encoded in UTF-8.", "Save it as UTF-8.")
        return None


def _place(mark: Any) -> Place:
    return Place(mark.line + 1, mark.column + 1) if mark is not None else Place(1, 1)


def _place_of(text: str, index: int) -> Place:
    before = text[:index]
    return Place(before.count("\n") + 1, index - before.rfind("\n"))


def _explained(error: MarkedYAMLError) -> tuple[str, str]:
    problem = str(error.problem or "")
    if "'\\t'" in problem:
        return "A tab is used for indentation.", "Use blanks."
    if "cannot start any token" in problem:
        sign = problem.split("'")[1] if problem.count("'") >= 2 else "this sign"
        return f"A value cannot begin with {sign}.", "Put the value between quotes."
    if "mapping values are not allowed" in problem:
        return "A colon is not allowed here.", "Put the value between quotes, or correct the indentation."
    if any(words in problem for words in _UNCLOSED):
        return "Something that was opened here is not closed before the end.", "Close the quote or bracket."
    if "could not find expected ':'" in problem:
        return "A colon is missing after a name.", ""
    if "block end" in problem:
        return "The indentation does not fit the lines above.", ""
    return f"This is not valid YAML: {problem or error.context}.", ""
