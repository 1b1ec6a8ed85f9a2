"""Parsing processflow documents: what a good one becomes, and where each fault of a bad one is found."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.domain.app import DataType
from agent.domain.clauses import Clause, FilterPlace
from agent.domain.processflow import MapperNode, Processflow, Stage, Way
from agent.engine.documents.document import parse
from agent.engine.documents.tree import MOST_BYTES
from tests.helpers.sample_flow import GOOD, spoiled


def good() -> Processflow:
    document = parse(GOOD.encode(), file="flow.yaml")
    assert document.problems == ()
    assert document.flow is not None
    return document.flow


def mapper(stage: Stage, node_id: str) -> MapperNode:
    node = stage.nodes[node_id]
    assert isinstance(node, MapperNode)
    return node


def codes(content: bytes) -> list[str]:
    return [problem.code for problem in parse(content, file="flow.yaml").problems]


def test_a_good_document_becomes_a_processflow() -> None:
    flow = good()
    assert (flow.name, flow.title) == ("orders-to-database", "Orders to database")
    assert flow.credentials == {"store": "bigcommerce", "database": "sql"}
    assert {name: one.default for name, one in flow.variables.items()} == {"shop": "EU"}
    (stage,) = flow.stages
    assert stage.source.start_from == datetime(2020, 1, 1, tzinfo=UTC)
    assert stage.source.options == {"sort": "id"}
    clauses = [clause for clause in stage.source.filters if isinstance(clause, Clause)]
    assert [clause.place for clause in clauses] == [FilterPlace.QUERY, FilterPlace.HEADER]
    assert clauses[1].operator == "="
    assert stage.source.loop is None
    assert list(stage.nodes) == ["map-orders", "post-orders"]
    assert stage.ways == {"get-orders": (Way("map-orders"),), "map-orders": (Way("post-orders"),)}
    (post,) = stage.posts
    assert post.action == "UPSERT"
    by_name = {mapping.attribute: mapping for mapping in mapper(stage, "map-orders").mappings}
    assert by_name["id"].key
    assert not by_name["total"].typed
    assert by_name["paid_at"].type is DataType.DATETIME
    assert by_name["paid_at"].required
    assert [member.attribute for member in by_name["lines"].members] == ["id", "sku"]


def test_json_gives_the_same_processflow_also_when_it_is_indented_with_tabs() -> None:
    document = {
        "schema_version": 1, "name": "a", "credentials": {"s": "x", "d": "y"},
        "nodes": {
            "start": {"type": "start"},
            "get": {"type": "get", "credential": "s", "schema": "o", "action": "GET", "description": "é \U0001f600/"},
            "map": {"type": "mapper", "attributes": {"id": {"value": "id", "key": True}}},
            "post": {"type": "post", "credential": "d", "schema": "o", "action": "UPSERT"},
        },
        "links": [["start", "get", "map", "post"]],
    }  # fmt: skip
    for text in (json.dumps(document), json.dumps(document, indent="\t"), json.dumps(document).replace("/", "\\/")):
        flow = parse(text.encode(), file="flow.json").flow
        assert flow is not None
        assert flow.stages[0].source.description == "é \U0001f600/"
        assert mapper(flow.stages[0], "map").mappings[0].key


def test_a_byte_order_mark_and_windows_line_ends_are_no_trouble() -> None:
    assert parse(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode(), file="flow.yaml").flow == good()


def test_words_that_yaml_would_turn_into_something_else_stay_text() -> None:
    flow = parse(spoiled("{shop: EU}", "{shop: NO, on: on, code: 0012, day: 2020-01-01}"), file="flow.yaml").flow
    assert flow is not None
    found = {name: one.default for name, one in flow.variables.items()}
    assert found == {"shop": "NO", "on": "on", "code": "0012", "day": "2020-01-01"}


HEADER = '{key: X-Shop, value: "${shop}", in: header}'


@pytest.mark.parametrize(
    ("old", "new", "fault", "words"),
    [
        ("type: get\n", "type: gte\n", "9:11 unknown-node-type", "Did you mean “get”?"),
        ("    credential: store\n", "", "9:5 missing-key", "“credential” is missing"),
        ("    credential: store", "    credental: store", "10:5 unknown-key", "Did you mean “credential”?"),
        ("title: Orders to database\n", "titel: x\n", "3:1 unknown-key", "Did you mean “title”?"),
        ("schema_version: 1", "schema_version: 2", "1:17 schema-version", "update the agent"),
        ("schema_version: 1\n", "", "1:1 missing-key", "“schema_version” is missing"),
        ("name: orders-to-database", "name: Orders & more", "2:7 wrong-value", "Write “orders-more”."),
        ("name: orders-to-database", "name: aux", "2:7 wrong-value", "Windows"),
        ("title: Orders to database", "title: [a]", "3:8 wrong-type", "must be a text"),
        ("title: Orders to database", "name: b", "3:1 duplicate-key", "first in line 2"),
        ("title: Orders to database", "title: *x", "3:8 not-allowed", "Put a value that begins with *"),
        ("title: Orders to database", "title: &x y", "3:8 not-allowed", "Anchors"),
        ("title: Orders to database", "title: !!python/object:os.system x", "3:8 not-allowed", "Tags"),
        ("title: Orders to database", "title: `x`", "3:8 syntax", "A value cannot begin with `"),
        ("title: Orders to database", "title: 'x", "3:8 syntax", "not closed before the end"),
        ("title: Orders to database", "title: a: b", "3:9 syntax", "colon is not allowed"),
        ("    action: GET\n", "\taction: GET\n", "12:1 syntax", "A tab is used"),
        ("start_from: 2020-01-01T00:00:00Z", "start_from: soon", "16:17 wrong-value", "2020-01-01T00:00:00Z"),
        ('operator: "="', 'operator: "=<"', "14:44 unknown-operator", "Did you mean “<=”?"),
        ("in: header}", "in: path}", "15:45 wrong-value", "query, header or body"),
        ("in: header}", 'in: header, join: "||"}', "15:53 unknown-key", "Write {any: […]} for ||"),
        ("in: header}", "in: header, any: []}", "15:53 wrong-value", "either a key with its value, or a group"),
        (HEADER, "{any: []}", "15:15 missing-key", "“any” holds no clause"),
        (HEADER, "{children: [{key: a}]}", "15:9 missing-key", "“join” is missing"),
        (HEADER, "{join: or, children: [{key: a}]}", "15:16 wrong-value", "&& or ||"),
        (HEADER, "{all: [{key: a}], any: [{key: a}]}", "15:27 wrong-value", "a group"),
        (HEADER, "{all: [{key: a, in: header}]}", "15:15 wrong-value", "no condition"),
        (HEADER, "{any: [{key: a, in: body}, {key: b}]}", "15:15 wrong-value", "same place"),
        ("key: true}\n      total", "key: 1}\n      total", "21:28 wrong-type", "true or false"),
        ("type: datetime", "type: date", "24:45 unknown-type", "Did you mean “datetime”?"),
        ("total: total_inc_tax", "total:", "22:7 missing-key", "“total” has no expression"),
        ("each: consignments.shipping.line_items\n        ", "", "26:9 missing-key", "“each” is missing"),
        ("post-orders, end]", "post-order, end]", "33:37 unknown-node", "Did you mean “post-orders”?"),
        ("map-orders, post-orders, end]", "post-orders, end]", "30:3 unmapped-post", "Put a Mapper before it"),
        ("start, get-orders, map", "start, map", "33:13 wrong-order", "A Mapper cannot follow Start"),
        ("post-orders, end]", "post-orders, get-orders]", "33:50 cycle", "is reached from itself"),
        ("end]", "end, end]", "33:55 cycle", "Remove the link from the node to itself"),
        ("[start, get-orders", "[start, get-orders, get-orders", "33:25 cycle", "Add loop: {until: no-data}"),
        (", post-orders, end]", "]", "18:3 open-end", "something must follow"),
        ("  start: {type: start}\n", "", "32:6 unknown-node", "There is no node “start”"),
        ("end: {type: end}", "end: {type: end}\n  more: {type: start}", "32:3 several-starts", "more than one"),
        ("end: {type: end}", "end: {type: end}\n  more: {type: end}", "32:3 node-not-reached", "Link it or remove it"),
        ("{type: end}", "end", "31:8 wrong-type", "must be a mapping"),
        ("  - [start", "  - [start]\n  - [start", "33:5 wrong-type", "two or more"),
        ("  - [start", "  - start\n  - [start", "33:5 wrong-type", "two or more"),
    ],
)  # fmt: skip
def test_a_fault_is_found_at_its_line_and_column(old: str, new: str, fault: str, words: str) -> None:
    problems = parse(spoiled(old, new), file="flow.yaml").problems
    found = {f"{problem.line}:{problem.column} {problem.code}": str(problem) for problem in problems}
    assert fault in found
    assert words in found[fault]
    assert found[fault].startswith("flow.yaml:")


def test_all_faults_are_reported_at_once_in_the_order_of_the_document() -> None:
    content = spoiled("type: get\n", "type: gte\n").replace(b"type: datetime", b"type: date")
    content = content.replace(b"title:", b"titel:")
    problems = parse(content, file="flow.yaml").problems
    assert [problem.code for problem in problems] == ["unknown-key", "unknown-node-type", "unknown-type"]


def test_several_branches_are_passed_in_the_order_of_their_links() -> None:
    more = (
        "  post-too: {type: post, credential: database, schema: b, action: UPSERT}\n"
        "  map-too: {type: mapper, attributes: {id: id}}\n"
    )
    document = GOOD.replace("links:\n", f"{more}links:\n")
    document += "  - [get-orders, map-too, post-too, end]\n"
    flow = parse(document.encode(), file="flow.yaml").flow
    assert flow is not None
    (stage,) = flow.stages
    assert stage.ways == {
        "get-orders": (Way("map-orders"), Way("map-too")),
        "map-orders": (Way("post-orders"),),
        "map-too": (Way("post-too"),),
    }
    assert [post.id for post in stage.posts] == ["post-orders", "post-too"]


def test_two_paths_to_one_post_are_refused() -> None:
    document = GOOD.replace(
        "  end: {type: end}\n", "  map-too: {type: mapper, attributes: {id: id}}\n  end: {type: end}\n"
    )
    document += "  - [get-orders, map-too, post-orders]\n"
    assert codes(document.encode()) == ["shared-post"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        (b"# nothing\n", "empty"),
        (b"- a\n", "wrong-type"),
        (b"text", "wrong-type"),
        (b"a: 1\n---\nb: 2\n", "several-documents"),
        (b"%YAML 1.1\n---\na: 1\n", "not-allowed"),
        (b"\xff\xfea\x00", "encoding"),
        (b"title: caf\xe9", "encoding"),
        (b"a: \x00", "syntax"),
        (b'a: "\\ud83d"', "syntax"),
        (b"? [a]\n: 1\n", "wrong-type"),
        (b"[" * 500_000, "too-deep"),
        (b"{a: " * 200_000, "too-deep"),
        (b"a: [" + b"1," * 300_000 + b"]", "too-large"),
        (b"x" * (MOST_BYTES + 1), "too-large"),
        (b"!" * 500_000, "not-allowed"),
        (b"a: &a [x]\nb: &b [*a, *a]\nc: [*b, *b]\n", "not-allowed"),
        (
            b"nodes: {" + b", ".join(b"n%d: {type: start}" % n for n in range(600)) + b"}\nschema_version: 1\n",
            "too-large",
        ),
    ],
)
def test_hostile_input_is_refused_with_a_reason(content: bytes, code: str) -> None:
    document = parse(content, file="flow.yaml")
    assert document.flow is None
    assert code in [problem.code for problem in document.problems]


def test_a_wrong_encoding_is_shown_where_it_begins() -> None:
    (problem,) = parse(b"a: 1\nb: caf\xe9\n", file="flow.yaml").problems
    assert (problem.line, problem.column) == (2, 7)


def test_the_number_of_problems_is_bounded() -> None:
    content = b"schema_version: 1\n" + b"".join(b"key%d: 1\n" % number for number in range(5_000))
    assert len(parse(content, file="flow.yaml").problems) == 100


def test_messages_quote_little_and_no_control_characters() -> None:
    problems = parse(spoiled("type: get\n", f'type: "{"x" * 5000}\\a"\n'), file="flow.yaml").problems
    assert all(len(str(problem)) < 300 and "\a" not in str(problem) for problem in problems)


@given(st.text() | st.text(alphabet="{}[]:,-?&*!|>'\"%@` \n\tab#~$"))
@settings(deadline=None)
def test_any_text_gives_a_processflow_or_problems(text: str) -> None:
    document = parse(text.encode("utf-8", "surrogatepass"), file="flow.yaml")
    assert (document.flow is None) == bool(document.problems)


@given(st.binary())
@settings(deadline=None)
def test_any_bytes_give_a_processflow_or_problems(content: bytes) -> None:
    document = parse(content, file="flow.yaml")
    assert (document.flow is None) == bool(document.problems)


@given(
    st.integers(0, len(GOOD)), st.integers(0, 40), st.text(max_size=12) | st.sampled_from(["start", "{}", "[]", "''"])
)
@settings(deadline=None, max_examples=150)
def test_a_damaged_document_gives_a_processflow_or_problems(place: int, cut: int, inserted: str) -> None:
    text = GOOD[:place] + inserted + GOOD[place + cut :]
    document = parse(text.encode("utf-8", "surrogatepass"), file="flow.yaml")
    assert (document.flow is None) == bool(document.problems)
    assert all(problem.line >= 1 and problem.column >= 1 for problem in document.problems)
