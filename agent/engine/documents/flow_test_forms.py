"""The form of the tests of a document: reads them strictly, each fault at its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from agent.domain.flow_test import Expected, FlowTest, Given
from agent.domain.processflow import Stage
from agent.domain.variables import Variable, VariableValue
from agent.engine.documents.fields import Fields, is_nothing
from agent.engine.documents.report import Report, quoted
from agent.engine.documents.tree import Branch, Items, Leaf
from agent.engine.documents.tree_json import as_json
from agent.engine.documents.variable_forms import value_of

MOST_TESTS = 100
_MOST_CHARACTERS = 200


def flow_tests(
    items: Items, stages: Sequence[Stage], variables: Mapping[str, Variable], report: Report
) -> tuple[FlowTest, ...]:
    """The tests of a processflow.

    Args:
        items: The member `tests` of the document.
        stages: Every stage; none where the graph is not right, and nothing is then said of nodes.
        variables: The variables of the processflow.
        report: Gets the problems.
    """
    if len(items.members) > MOST_TESTS:
        report.add(items.place, "too-large", f"The processflow has more than {MOST_TESTS} tests.")
        return ()
    return tuple(_tests(items, {stage.source.id: stage for stage in stages}, variables, report))


def _tests(
    items: Items, sources: Mapping[str, Stage], variables: Mapping[str, Variable], report: Report
) -> Iterator[FlowTest]:
    names: set[str] = set()
    for member in items.members:
        if not isinstance(member, Branch):
            report.add(member.place, "wrong-type", "A test must be a mapping.", "Write {name: …, records: …}.")
            continue
        name = member.members.get("name")
        known = isinstance(name, Leaf) and name.text.strip()
        fields = Fields(member, f"the test {quoted(known)}" if known else "the test", report)
        leaf = fields.leaf("name", required=True)
        if leaf is not None and (leaf.text.strip() in names or len(leaf.text) > _MOST_CHARACTERS):
            report.add(leaf.place, "wrong-value", f"Another test is called {quoted(leaf.text)}, or it is too long.",
                       "Give each test a short name of its own.")  # fmt: skip
        names.add(leaf.text.strip() if leaf is not None else "")
        source = _source(fields, sources, report)
        yield FlowTest(
            name=leaf.text.strip() if leaf is not None else "",
            source=source,
            records=tuple(_records(fields, report)),
            expected=_expected(fields, sources.get(source), report),
            failures={key: one.text for key, one in fields.leaves("failures")},
            variables=dict(_variables(fields, variables, report)),
            line=member.place.line,
        )
        fields.finish()


def _source(fields: Fields, sources: Mapping[str, Stage], report: Report) -> str:
    leaf = fields.leaf("source", required=len(sources) > 1)
    if leaf is None:
        return next(iter(sources), "")
    if sources and leaf.text.strip() not in sources:
        message = f"{quoted(leaf.text)} is no GET node whose records could be tested."
        report.add_unknown(leaf.place, "unknown-node", message, name=leaf.text, known=sources)
    return leaf.text.strip()


def _records(fields: Fields, report: Report) -> Iterator[Given]:
    key = fields.text("key") or "id"
    seen: set[str] = set()
    for member in fields.items("records", required=True).members:
        if not isinstance(member, Branch):
            report.add(member.place, "wrong-type", "A record must be a mapping, as the source gives it.")
            continue
        identity = member.members.get(key)
        if not isinstance(identity, Leaf) or is_nothing(identity):
            report.add(member.place, "missing-key", f"The record has no {quoted(key)}, which is to be its id.",
                       "Add it, or name another attribute with “key”.")  # fmt: skip
            continue
        if identity.text in seen:
            report.add(identity.place, "duplicate-key", f"Another record has the id {quoted(identity.text)}.")
        seen.add(identity.text)
        yield Given(identity.text, as_json(member))


def _variables(
    fields: Fields, variables: Mapping[str, Variable], report: Report
) -> Iterator[tuple[str, VariableValue]]:
    for name, leaf in fields.leaves("variables"):
        if name not in variables:
            message = f"There is no variable {quoted(name)}."
            report.add_unknown(leaf.place, "unknown-variable", message, name=name, known=variables)
            continue
        try:
            value = value_of(leaf.text, variables[name].type)
        except ValueError as error:
            report.add(leaf.place, "wrong-value", f"The variable {quoted(name)} cannot hold that: {error}.")
        else:
            if value is not None:
                yield name, value


def _expected(fields: Fields, stage: Stage | None, report: Report) -> dict[str, Expected]:
    posts = [post.id for post in stage.posts] if stage is not None else []
    branch = fields.branch("expect")
    expected = {}
    for node_id, member in branch.members.items():
        place = branch.keys[node_id]
        if stage is not None and node_id not in posts:
            message = f"{quoted(node_id)} is no POST node that records of {quoted(stage.source.id)} reach."
            report.add_unknown(place, "unknown-node", message, name=node_id, known=posts)
        any_order, items = False, member
        if isinstance(member, Branch):
            inner = Fields(member, f"what is expected of {quoted(node_id)}", report)
            any_order, items = inner.flag("any_order"), inner.items("records", required=True)
            inner.finish()
        if is_nothing(items):
            items = Items(place)
        if isinstance(items, Items):
            expected[node_id] = Expected(tuple(_objects(items, report)), any_order)
        else:
            report.add(place, "wrong-type", f"What is expected of {quoted(node_id)} must be a list of records.")
    return expected


def _objects(items: Items, report: Report) -> Iterator[bytes]:
    for member in items.members:
        if isinstance(member, Branch):
            yield as_json(member)
        else:
            report.add(member.place, "wrong-type", "An expected record must be a mapping of attributes.")
