"""Parses a processflow document, YAML or JSON, into a `Processflow` or into all that is wrong with its form.

Input is never trusted: see `agent.engine.documents.tree` for the limits. What needs the apps' metadata is in
`agent.engine.checking.check`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from agent.domain.processflow import Problem, Processflow, StartNode, unfolded
from agent.engine.documents import variable_forms
from agent.engine.documents.fields import Fields
from agent.engine.documents.flow_test_forms import flow_tests
from agent.engine.documents.graph import graph
from agent.engine.documents.node_forms import Formed, form_node
from agent.engine.documents.report import Place, Report, quoted
from agent.engine.documents.stages import stages
from agent.engine.documents.tree import Branch, Items, Leaf, Tree, read_tree

SCHEMA_VERSION = 1

_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_TABLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_MOST_CHARACTERS = 100
_MOST_NODES = 500
# Windows cannot make files of these names, and a processflow's name becomes part of some.
_DEVICES = frozenset({"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))})


@dataclass(frozen=True, slots=True)
class Document:
    """A document after parsing: the processflow, or else the problems of its form."""

    file: str
    flow: Processflow | None
    problems: tuple[Problem, ...]
    root: Tree | None

    def find(self, *path: str | int) -> Tree | None:
        """What stands at a path of the document; the deepest that there is where the path ends early."""
        tree = self.root
        for step in path:
            below: Tree | None = None
            if isinstance(tree, Branch) and isinstance(step, str):
                below = tree.members.get(step)
            elif isinstance(tree, Items) and isinstance(step, int) and step < len(tree.members):
                below = tree.members[step]
            if below is None:
                return tree
            tree = below
        return tree

    def place(self, *path: str | int) -> Place:
        """Where that stands."""
        tree = self.find(*path)
        return tree.place if tree is not None else Place(1, 1)

    def key_place(self, *path: str) -> Place:
        """Where the name stands that ends the path."""
        tree = self.find(*path[:-1])
        return tree.keys.get(path[-1], tree.place) if isinstance(tree, Branch) else self.place(*path)


def parse(content: bytes, *, file: str) -> Document:
    """Parse a document. Never raises for anything that is in it.

    Args:
        content: The document, in UTF-8.
        file: Its name, for messages.
    """
    report = Report(file)
    root = read_tree(content, report)
    flow = None
    if isinstance(root, Branch):
        flow = _flow(root, report)
    elif root is not None:
        report.add(root.place, "wrong-type", "A processflow must be a mapping.", "Begin with “schema_version: 1”.")
    return Document(file, None if report else flow, tuple(report.problems), root)


def _flow(root: Branch, report: Report) -> Processflow | None:
    fields = Fields(root, "the processflow", report)
    if not _known_version(fields.leaf("schema_version", required=True), report):
        return None
    name = _name(fields.leaf("name", required=True), report)
    title = fields.text("title") or name
    description = fields.text("description")
    credentials = _pairs(fields, "credentials", _IDENTIFIER, report)
    variables = variable_forms.variables(fields, report)
    lookups = _pairs(fields, "lookups", _IDENTIFIER, report)
    nodes, complete = _nodes(fields.branch("nodes", required=True), report)
    links = fields.items("links", required=True)
    tests = fields.items("tests")
    fields.finish()
    found = graph(root, nodes, links, report, complete=complete)
    made = stages(found, report) if found is not None else ()
    return Processflow(
        name=name,
        title=title,
        description=description,
        credentials=credentials,
        variables=variables,
        start=found.start.node if found is not None and isinstance(found.start.node, StartNode) else StartNode(""),
        stages=made,
        lookups=lookups,
        tests=flow_tests(tests, tuple(unfolded(made)), variables, report),
    )


def _known_version(leaf: Leaf | None, report: Report) -> bool:
    if leaf is None:
        return False
    if leaf.text.strip() == str(SCHEMA_VERSION):
        return True
    newer = leaf.text.strip().isdecimal() and leaf.text.strip() != "0"
    report.add(
        leaf.place, "schema-version", f"The schema version {quoted(leaf.text)} is not known here.",
        "The document was made for a later version of the agent: update the agent." if newer else "Write 1.",
    )  # fmt: skip
    return False


def _name(leaf: Leaf | None, report: Report) -> str:
    if leaf is None:
        return ""
    name = leaf.text.strip()
    if len(name) > _MOST_CHARACTERS or not _NAME.fullmatch(name):
        tidy = "-".join(re.findall(r"[a-z0-9]+", name.casefold()))[:_MOST_CHARACTERS].strip("-")
        report.add(
            leaf.place, "wrong-value", f"The name {quoted(name)} must consist of a-z, 0-9 and single hyphens.",
            f"Write “{tidy}”." if tidy else "",
        )  # fmt: skip
    elif name in _DEVICES:
        report.add(leaf.place, "wrong-value", f"Windows does not allow the name {quoted(name)}.", "Choose another one.")
    return name


def _pairs(fields: Fields, member: str, allowed: re.Pattern[str], report: Report) -> dict[str, str]:
    pairs = {}
    tree = fields.tree(member)
    for key, leaf in fields.leaves(member):
        place = tree.keys[key] if isinstance(tree, Branch) else leaf.place
        if len(key) > _MOST_CHARACTERS or not allowed.fullmatch(key):
            report.add(place, "wrong-value", f"{quoted(key)} in “{member}” must consist of letters, digits, - and _.")
        elif member == "credentials" and not leaf.text.strip():
            report.add(place, "missing-key", f"The credential token {quoted(key)} names no app.")
        elif member == "lookups" and not _TABLE.fullmatch(leaf.text.strip()):
            report.add(leaf.place, "wrong-value", f"The lookup {quoted(key)} must name a lookup table.",
                       f"Write {key}: {key}.")  # fmt: skip
        else:
            pairs[key] = leaf.text
    return pairs


def _nodes(branch: Branch, report: Report) -> tuple[dict[str, Formed], bool]:
    """The nodes by id, and whether all of them could be made."""
    nodes = {}
    if len(branch.members) > _MOST_NODES:
        report.add(branch.place, "too-large", f"The processflow has more than {_MOST_NODES} nodes.")
        return {}, False
    for node_id, tree in branch.members.items():
        place = branch.keys[node_id]
        if len(node_id) > _MOST_CHARACTERS or not _IDENTIFIER.fullmatch(node_id):
            report.add(place, "wrong-value", f"The node id {quoted(node_id)} must consist of letters, digits, - and _.")
            continue
        formed = form_node(node_id, tree, place, report)
        if formed is not None:
            nodes[node_id] = formed
    return nodes, len(nodes) == len(branch.members) and all(formed.node is not None for formed in nodes.values())
