"""Reads the members of a mapping of a document by name and kind; notes what is missing, unknown or of a wrong kind."""

from __future__ import annotations

from collections.abc import Iterator

from agent.engine.documents.report import Place, Report, quoted
from agent.engine.documents.tree import Branch, Items, Leaf, Tree

_NOTHING = frozenset({"", "~", "null", "Null", "NULL"})
_TRUTH = {"true": True, "false": False}


def is_nothing(tree: Tree | None) -> bool:
    """Whether a value was left empty."""
    return tree is None or (isinstance(tree, Leaf) and tree.bare and tree.text in _NOTHING)


class Fields:
    """The members of a mapping.

    Args:
        branch: The mapping.
        what: How the mapping is called in messages, e.g. `the node “get-orders”`.
        report: Gets the problems.
    """

    def __init__(self, branch: Branch, what: str, report: Report) -> None:
        self._branch = branch
        self._what = what
        self._report = report
        self._asked: set[str] = set()

    @property
    def place(self) -> Place:
        """Where the mapping begins."""
        return self._branch.place

    def tree(self, name: str) -> Tree | None:
        """The member of that name, whatever it is; None where it is missing or empty."""
        self._asked.add(name)
        member = self._branch.members.get(name)
        return None if is_nothing(member) else member

    def leaf(self, name: str, *, required: bool = False) -> Leaf | None:
        """A text or number."""
        member = self.tree(name)
        if member is None:
            if required:
                self._missing(name)
            return None
        if isinstance(member, Leaf):
            return member
        self._report.add(member.place, "wrong-type", f"“{name}” of {self._what} must be a text.")
        return None

    def text(self, name: str, *, required: bool = False) -> str:
        """A text; empty where there is none."""
        leaf = self.leaf(name, required=required)
        return leaf.text.strip() if leaf is not None else ""

    def flag(self, name: str) -> bool:
        """True or false; false where it is missing."""
        leaf = self.leaf(name)
        if leaf is None:
            return False
        truth = _TRUTH.get(leaf.text.casefold()) if leaf.bare else None
        if truth is None:
            self._report.add(leaf.place, "wrong-type", f"“{name}” of {self._what} must be true or false.")
        return bool(truth)

    def branch(self, name: str, *, required: bool = False) -> Branch:
        """A mapping; an empty one where there is none."""
        member = self.tree(name)
        if isinstance(member, Branch):
            return member
        if member is not None:
            self._report.add(member.place, "wrong-type", f"“{name}” of {self._what} must be a mapping (name: value).")
        elif required:
            self._missing(name)
        return Branch(self.place)

    def items(self, name: str, *, required: bool = False) -> Items:
        """A list; an empty one where there is none."""
        member = self.tree(name)
        if isinstance(member, Items):
            return member
        if member is not None:
            self._report.add(member.place, "wrong-type", f"“{name}” of {self._what} must be a list.")
        elif required:
            self._missing(name)
        return Items(self.place)

    def texts(self, name: str) -> dict[str, str]:
        """A mapping of texts."""
        return {key: leaf.text for key, leaf in self.leaves(name)}

    def leaves(self, name: str) -> Iterator[tuple[str, Leaf]]:
        """The members of a mapping of texts."""
        for key, member in self.branch(name).members.items():
            if isinstance(member, Leaf):
                yield key, member
            else:
                self._report.add(member.place, "wrong-type", f"{quoted(key)} in “{name}” must be a text.")

    def finish(self) -> None:
        """Note every member that nobody asked for."""
        for name, place in self._branch.keys.items():
            if name not in self._asked:
                message = f"{self._what[0].upper()}{self._what[1:]} has no {quoted(name)}."
                self._report.add_unknown(place, "unknown-key", message, name=name, known=self._asked)

    def _missing(self, name: str) -> None:
        place = self._branch.keys.get(name, self._branch.place)
        self._report.add(place, "missing-key", f"“{name}” is missing in {self._what}.")
