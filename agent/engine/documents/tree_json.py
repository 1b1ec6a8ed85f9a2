"""A tree of a document as JSON, bare values read as JSON has them: numbers to the last digit, true, false, null."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from agent.engine.documents.fields import is_nothing
from agent.engine.documents.tree import Branch, Items, Leaf, Tree

# As JSON writes numbers. What YAML knows besides (0x1F, 1_000, 010) is text: an article number would change.
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,300})(\.[0-9]{1,300})?([eE][+-]?[0-9]{1,3})?")
_TRUTH = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}


def as_json(tree: Tree) -> bytes:
    """The tree as JSON text."""
    return msgspec.json.encode(_plain(tree))


def _plain(tree: Tree) -> Any:
    if isinstance(tree, Branch):
        return {name: _plain(member) for name, member in tree.members.items()}
    if isinstance(tree, Items):
        return [_plain(member) for member in tree.members]
    return _scalar(tree)


def _scalar(leaf: Leaf) -> Any:
    if not leaf.bare:
        return leaf.text
    if is_nothing(leaf):
        return None
    if _NUMBER.fullmatch(leaf.text):
        return msgspec.Raw(leaf.text.encode())
    return _TRUTH.get(leaf.text, leaf.text)
