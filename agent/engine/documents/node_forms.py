"""The form of each node of a document: which members it has, of which kind. Makes the nodes of `agent.domain`.

Whether apps, schemas and attributes exist is looked at by `agent.engine.checking.check`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from agent.domain.app import DataType
from agent.domain.processflow import (
    AttributeMapping,
    FlowNode,
    GetNode,
    MapperNode,
    NodeType,
    PostNode,
    StartNode,
)
from agent.engine.documents import event_forms, flow_forms
from agent.engine.documents.fields import Fields, is_nothing
from agent.engine.documents.filter_forms import filter_parts
from agent.engine.documents.report import Place, Report, quoted
from agent.engine.documents.tree import Branch, Items, Leaf, Tree
from agent.engine.expressions.moments import read_moment
from agent.engine.mapping.tracking import MOST_COLUMNS, MOST_EXPRESSION_CHARACTERS, MOST_HEADER_CHARACTERS

_TYPES = tuple(type_.value for type_ in DataType if type_ is not DataType.COLLECTION)


@dataclass(frozen=True, slots=True)
class EndNode:
    """Where packets end."""

    id: str


Node = StartNode | GetNode | FlowNode | EndNode


@dataclass(frozen=True, slots=True)
class Formed:
    """A node of a document. `node` is None where it could not be made; the report says why."""

    id: str
    type: NodeType
    place: Place
    node: Node | None


def form_node(node_id: str, tree: Tree, place: Place, report: Report) -> Formed | None:
    """A node as its member `type` says. None where that is not known. `place` is where its id stands."""
    what = f"the node {quoted(node_id)}"
    if not isinstance(tree, Branch):
        report.add(tree.place, "wrong-type", f"{what[0].upper()}{what[1:]} must be a mapping.", "Write {type: …}.")
        return None
    fields = Fields(tree, what, report)
    leaf = fields.leaf("type", required=True)
    if leaf is None:
        return None
    name = leaf.text.strip().casefold().replace("_", "-").replace(" ", "-")
    try:
        type_ = NodeType(name)
    except ValueError:
        message = f"There is no node type {quoted(leaf.text)}."
        report.add_unknown(leaf.place, "unknown-node-type", message, name=name, known=NodeType)
        return None
    if type_ is NodeType.SELF_LOOP:
        report.add(leaf.place, "self-loop", "A GET repeats by itself: there is no node for it.",
                   "Remove the node and add loop: {until: no-data} to the GET.")  # fmt: skip
        return Formed(node_id, type_, place, None)
    return Formed(node_id, type_, place, _FORMS[type_](node_id, fields, report))


def _end(node_id: str, fields: Fields, _: Report) -> EndNode:
    fields.text("description")
    fields.finish()
    return EndNode(node_id)


def _get(node_id: str, fields: Fields, report: Report) -> GetNode:
    node = GetNode(
        id=node_id,
        credential=fields.text("credential", required=True),
        schema=fields.text("schema", required=True),
        action=fields.text("action", required=True),
        description=fields.text("description"),
        options=fields.texts("options"),
        filters=filter_parts(fields, "filter", report),
        start_from=_moment(fields.leaf("start_from"), report),
        loop=flow_forms.loop(fields, report),
        retry_filters=filter_parts(fields, "retry_filter", report),
    )
    fields.finish()
    return node


def _post(node_id: str, fields: Fields, _: Report) -> PostNode:
    node = PostNode(
        id=node_id,
        credential=fields.text("credential", required=True),
        schema=fields.text("schema", required=True),
        action=fields.text("action", required=True),
        description=fields.text("description"),
        options=fields.texts("options"),
    )
    fields.finish()
    return node


def _mapper(node_id: str, fields: Fields, report: Report) -> MapperNode:
    description = fields.text("description")
    attributes = fields.branch("attributes", required=True)
    node = MapperNode(node_id, _mappings(attributes, report), description, _tracked(fields, report))
    if not node.mappings and fields.tree("attributes") is not None and not report:
        report.add(attributes.place, "missing-key", f"The mapper {quoted(node_id)} maps no attribute.")
    fields.finish()
    return node


def _moment(leaf: Leaf | None, report: Report) -> datetime | None:
    if leaf is None:
        return None
    try:
        return read_moment(leaf.text)
    except (ValueError, OverflowError):
        report.add(
            leaf.place, "wrong-value", f"“start_from” is {quoted(leaf.text)}, which is not a date and time.",
            "Write it like 2020-01-01T00:00:00Z.",
        )  # fmt: skip
        return None


def _tracked(fields: Fields, report: Report) -> dict[str, str]:
    """The tracked columns."""
    columns = dict(fields.leaves("track"))
    if len(columns) > MOST_COLUMNS:
        report.add(fields.branch("track").place, "too-many", f"“track” has more than {MOST_COLUMNS} columns.")
    for header, leaf in columns.items():
        if not header.strip() or len(header) > MOST_HEADER_CHARACTERS:
            message = f"The header of a tracked column has 1 to {MOST_HEADER_CHARACTERS} characters."
            report.add(leaf.place, "wrong-value", message)
        if len(leaf.text) > MOST_EXPRESSION_CHARACTERS:
            message = f"The tracked column {quoted(header)} is longer than {MOST_EXPRESSION_CHARACTERS} characters."
            report.add(leaf.place, "too-long", message)
    return {header: leaf.text for header, leaf in columns.items()}


def _mappings(attributes: Branch, report: Report) -> tuple[AttributeMapping, ...]:
    mappings = []
    for name, member in attributes.members.items():
        place = attributes.keys[name]
        if not name.strip() or len(name) > 200:
            report.add(place, "wrong-value", "The name of an attribute must have 1 to 200 characters.")
        elif is_nothing(member):
            report.add(place, "missing-key", f"The attribute {quoted(name)} has no expression.")
        elif isinstance(member, Leaf):
            mappings.append(AttributeMapping(name, member.text, DataType.TEXT, typed=False))
        elif isinstance(member, Branch):
            mapping = _long_form(name, member, report)
            if mapping is not None:
                mappings.append(mapping)
        else:
            report.add(member.place, "wrong-type", f"The attribute {quoted(name)} must be an expression or a mapping.")
    return tuple(mappings)


def _long_form(name: str, branch: Branch, report: Report) -> AttributeMapping | None:
    fields = Fields(branch, f"the attribute {quoted(name)}", report)
    if "each" in branch.members or "attributes" in branch.members:
        each = _selections(fields, report)
        members = _mappings(fields.branch("attributes", required=True), report)
        fields.finish()
        if not each or not members:
            return None
        return AttributeMapping(name, each[0], DataType.COLLECTION, members=members, further=tuple(each[1:]))
    value = fields.leaf("value", required=True)
    type_ = fields.leaf("type")
    required, key = fields.flag("required"), fields.flag("key")
    fields.finish()
    if type_ is not None and type_.text.casefold() not in _TYPES:
        message = f"There is no type {quoted(type_.text)}."
        report.add_unknown(type_.place, "unknown-type", message, name=type_.text, known=_TYPES)
        type_ = None
    if value is None:
        return None
    data_type = DataType(type_.text.casefold()) if type_ is not None else DataType.TEXT
    return AttributeMapping(name, value.text, data_type, required=required, key=key, typed=type_ is not None)


def _selections(fields: Fields, report: Report) -> list[str]:
    """The member `each`: an expression, or a list of them."""
    tree = fields.tree("each")
    if not isinstance(tree, Items):
        leaf = fields.leaf("each", required=True)
        return [leaf.text] if leaf is not None else []
    selections = []
    for member in tree.members:
        if isinstance(member, Leaf) and not is_nothing(member):
            selections.append(member.text)
        else:
            report.add(member.place, "wrong-type", "“each” must be an expression, or a list of expressions.")
    if not tree.members:
        report.add(tree.place, "missing-key", "“each” names no expression.")
    return selections


_FORMS: Mapping[NodeType, Callable[[str, Fields, Report], Node]] = {
    NodeType.START: event_forms.start,
    NodeType.GET: _get,
    NodeType.MAPPER: _mapper,
    NodeType.POST: _post,
    NodeType.SPLITTER: flow_forms.splitter,
    NodeType.MERGER: flow_forms.merger,
    NodeType.DELAY: flow_forms.delay,
    NodeType.DECISION: flow_forms.decision,
    NodeType.HALT: flow_forms.halt,
    NodeType.RESUME: flow_forms.resume,
    NodeType.RETURN_RESPONSE: event_forms.return_response,
    NodeType.END: _end,
}
