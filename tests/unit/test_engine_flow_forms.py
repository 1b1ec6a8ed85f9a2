"""The nodes that steer packets: what a good document becomes, and each fault of a bad one at its line and column."""

from __future__ import annotations

import pytest

from agent.domain.app import DataType
from agent.domain.processflow import (
    DecisionNode,
    DelayNode,
    HaltNode,
    Loop,
    MapperNode,
    MergerNode,
    Output,
    Processflow,
    ResumeNode,
    SplitterNode,
    Way,
)
from agent.engine.checking.check import check
from agent.engine.documents.attribute_types import with_types
from agent.engine.documents.catalogue import Catalogue
from agent.engine.documents.document import parse
from agent.engine.documents.flow_forms import seconds_of
from agent.engine.running.plain_carrying import is_plain
from tests.helpers.flow_pieces import MAP, document, get, post
from tests.helpers.sample_apps import APPS

CHAIN = "start get map post"
DECISION = "{type: decision, when: total > 3, then: map, otherwise: end}"
HALT = {"stop": "{type: halt}", "go_on": "{type: resume, halt: stop}", "get_too": get("b"), "map_too": MAP,
        "post_too": post("b")}  # fmt: skip


def flow(text: str) -> Processflow:
    found = parse(text.encode(), file="flow.yaml")
    assert found.problems == ()
    assert found.flow is not None
    return found.flow


def faults(text: str) -> dict[str, str]:
    return {
        f"{problem.line}:{problem.column} {problem.code}": str(problem)
        for problem in parse(text.encode(), file="flow.yaml").problems
    }


# -- good ones ---------------------------------------------------------------------------------------------------------


def test_every_node_becomes_what_its_form_says() -> None:
    text = document(
        "start get cut join wait wait-for which", "map stop get-too map-too post-too go-on post end",
        get=get(more="loop: {until: no-data, times: 7, for: 2 h}"),
        cut="{type: splitter, size: 100, description: Small}", join="{type: Merger, packets: 3}",
        wait="{type: delay, for: 01:02:03:500}", wait_for="{type: delay, expression: pause}", which=DECISION, **HALT,
    )  # fmt: skip
    (stage,) = flow(text).stages
    assert stage.source.loop == Loop(passes=7, seconds=7_200)
    nodes = stage.nodes
    assert nodes["cut"] == SplitterNode("cut", 100, "Small")
    assert nodes["join"] == MergerNode("join", 3)
    assert nodes["wait"] == DelayNode("wait", seconds=3_723.5)
    assert nodes["wait-for"] == DelayNode("wait-for", expression="pause")
    assert nodes["which"] == DecisionNode("which", "total > 3")
    assert (nodes["stop"], nodes["go-on"]) == (HaltNode("stop"), ResumeNode("go-on", "stop"))
    assert stage.ways["which"] == (Way("map", Output.THEN),)  # the other way leads to End
    assert stage.ways["stop"] == (Way("go-on"),)
    (inner,) = stage.inner["stop"]
    assert (inner.source.id, list(inner.nodes)) == ("get-too", ["map-too", "post-too"])
    assert inner.ways == {"get-too": (Way("map-too"),), "map-too": (Way("post-too"),)}
    assert [one.source.id for one in flow(text).all_stages] == ["get", "get-too"]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90), ("1.5 s", 1.5), ("250ms", 0.25), ("15 MIN", 900), ("2 h", 7_200), ("30d", 2_592_000), ("0", 0),
        ("00:05:00", 300), ("0:0:1:5", 1.005), ("1:00:00.250", 3_600.25), ("", None), ("soon", None), ("-1", None),
        ("1 w", None), ("00:61:00", None), ("1e3", None), ("5:00", None), ("٣", None),
    ],
)  # fmt: skip
def test_lengths_of_time(text: str, seconds: float | None) -> None:
    assert seconds_of(text) == seconds


def test_stages_run_once_all_that_lead_to_them_have_run_and_else_in_link_order() -> None:
    more = {f"{kind}_{letter}": form for letter in "abc" for kind, form in (
        ("get", get(letter)), ("map", MAP), ("post", post(letter)))}  # fmt: skip
    text = document("start get-c map-c post-c", "start get-a map-a post-a get-b map-b post-b", "post-b get-c", **more)
    assert [stage.source.id for stage in flow(text).stages] == ["get-a", "get-b", "get-c"]
    text = document("start get-c map-c post-c", "start get-a map-a post-a get-b map-b post-b", **more)
    assert [stage.source.id for stage in flow(text).stages] == ["get-c", "get-a", "get-b"]


def test_after_a_halt_the_next_stage_follows_its_resume() -> None:
    text = document("start get stop get-too map-too post-too go-on map post", "go-on get-c map-c post-c",
                    get_c=get("c"), map_c=MAP, post_c=post("c"), **HALT)  # fmt: skip
    found = flow(text)
    assert [stage.source.id for stage in found.stages] == ["get", "get-c"]
    assert [stage.source.id for stage in found.all_stages] == ["get", "get-too", "get-c"]
    assert found.stages[0].ways["go-on"] == (Way("map"),)


@pytest.mark.parametrize(
    ("paths", "plain"),
    [
        ([CHAIN], True),
        (["start get map map-two post"], True),
        (["start get map post end"], True),
        (["start get map post", "get map-two post-two"], False),
        (["start get map post map-two post-two"], False),
        (["start get map post map-two end"], False),
        (["start get cut map post"], False),
        (["start get join map post"], False),
        (["start get wait map post"], False),
        (["start get which", "map post"], False),
        (["start get map end"], False),
    ],
)
def test_only_where_packets_go_straight_to_one_post_are_they_booked_in_one_go(paths: list[str], plain: bool) -> None:
    forms = {
        "map-two": MAP, "post-two": post("two"), "cut": "{type: splitter, size: 2}", "which": DECISION,
        "join": "{type: merger, packets: 2}", "wait": "{type: delay, for: 1}",
    }  # fmt: skip
    more = {name.replace("-", "_"): form for name, form in forms.items() if any(name in path for path in paths)}
    (stage,) = flow(document(*paths, **more)).stages
    assert is_plain(stage) is plain


def test_a_get_that_repeats_is_not_booked_in_one_go() -> None:
    (stage,) = flow(document(CHAIN, get=get(more="loop: {times: 2}"))).stages
    assert not is_plain(stage)


# -- bad ones ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "fault", "words"),
    [
        ("{type: splitter}", "9:6 missing-key", "“size” is missing"),
        ("{type: splitter, size: 0}", "9:29 wrong-value", "a whole number from 1 to 1,000,000"),
        ("{type: splitter, size: 2.5}", "9:29 wrong-value", "a whole number"),
        ("{type: splitter, size: [5]}", "9:29 wrong-type", "must be a text"),
        ("{type: splitter, size: 5, batch: 3}", "9:32 unknown-key", "batch"),
        ("{type: merger}", "9:6 missing-key", "“packets” is missing"),
        ("{type: merger, packets: 1000}", "9:30 wrong-value", "from 1 to 999"),
        ("{type: merger, packets: ٣}", "9:30 wrong-value", "from 1 to 999"),
        ("{type: merger, packets: 99999999999}", "9:30 wrong-value", "from 1 to 999"),
        ("{type: delay}", "9:6 missing-key", "needs either “for” or “expression”"),
        ("{type: delay, for: 5, expression: a}", "9:6 missing-key", "needs either"),
        ("{type: delay, for: soon}", "9:25 wrong-value", "Write it like 00:05:00"),
        ("{type: delay, for: 31 d}", "9:25 wrong-value", "30 days at most"),
        ("{type: delay, expression: a +}", "9:35 expression-syntax", "does not compile"),
        ("{type: decision, then: map}", "9:6 missing-key", "“when” is missing"),
        ("{type: decision, when: a > 1}", "9:6 missing-key", "“then” is missing"),
        ("{type: decision, when: a >, then: map}", "9:32 expression-syntax", "does not compile"),
        ("{type: decision, when: a, then: mpa}", "9:38 unknown-node", "Did you mean “map”?"),
        ("{type: decision, when: a, then: map, otherwise: ned}", "9:54 unknown-node", "There is no node “ned”"),
        ("{type: decision, when: a, then: [map]}", "9:38 wrong-type", "must be a text"),
        ("{type: decision, when: a, then: n}", "9:38 cycle", "a Decision needs no loop"),
        ("{type: resume, halt: stop}", "9:3 unknown-halt", "names no halt: “stop”"),
        ("{type: resume}", "9:6 missing-key", "“halt” is missing"),
        ("{type: self-loop}", "9:13 self-loop", "add loop: {until: no-data} to the GET"),
    ],
)
def test_a_fault_of_a_node_is_found_at_its_line_and_column(form: str, fault: str, words: str) -> None:
    paths = ["start get n", "map post"] if "decision" in form else ["start get n map post"]
    found = faults(document(*paths, n=form))
    assert list(found) == [fault]
    assert words.casefold() in found[fault].casefold()


@pytest.mark.parametrize(
    ("form", "fault", "words"),
    [
        ("loop: {}", "8:74 missing-key", "needs until: no-data, times or for"),
        ("loop: {until: dark}", "8:82 wrong-value", "must be no-data"),
        ("loop: {times: 0}", "8:82 wrong-value", "from 1 to 999"),
        ("loop: {for: ever}", "8:80 wrong-value", "Write it like"),
        ("loop: {times: 5, until_now: x}", "8:85 unknown-key", "until"),
        ("loop: 5", "8:74 wrong-type", "must be a mapping"),
    ],
)
def test_a_fault_of_a_get_is_found_at_its_line_and_column(form: str, fault: str, words: str) -> None:
    found = faults(document(CHAIN, get=get(more=form)))
    assert list(found) == [fault]
    assert words in found[fault]


def test_a_start_is_polled_or_waits_for_events() -> None:
    assert list(faults(document(CHAIN, start="{type: start, trigger: weekly}"))) == ["8:33 wrong-value"]
    for trigger in ("Polling", "event"):
        assert faults(document(CHAIN, start=f"{{type: start, trigger: {trigger}}}")) == {}


TOO = {"get_too": get("b"), "map_too": MAP, "post_too": post("b")}
TO_POST = DECISION.replace("end", "post")
AGAIN = "{type: resume, halt: stop}"
OPEN, SHARED, UNMAPPED = "something must follow", "Give each of them a POST node of its own", "Put a Mapper before it"


@pytest.mark.parametrize(
    ("paths", "faults_and_words"),
    [
        (["start get map post", "get map-too post"], {"8:3 shared-post": "twice, on both ways out of “get”"}),
        (["start get which", "get map-too post", "map post"], {"8:3 shared-post": SHARED}),
        (["start get map post map-too post-too", "map post-too"], {"10:3 shared-post": "both ways out of “map”"}),
        (["start get map post", "start get-too map"], {"8:3 shared-post": "Records of “get” and of “get-too”"}),
        (["start get map post post-too"], {"9:3 unmapped-post": UNMAPPED}),
        (["start get to-post", "map post"], {"8:3 unmapped-post": UNMAPPED}),
        (["start get post"], {"7:3 unmapped-post": UNMAPPED}),
        (["start get stop get-too map-too post-too"], {"7:3 unpaired-halt": "{type: resume, halt: stop}"}),
        (
            ["start get stop get-too map-too post-too go-on end", "post-too again end"],
            {"8:3 unpaired-halt": "needs exactly one resume"},
        ),
        (
            ["start get stop get-too map-too post-too", "go-on map post"],
            {"9:3 unpaired-halt": "one resume", "13:3 node-not-reached": "No path leads from the halt “stop”"},
        ),
        (["start get map stop post go-on end"], {"13:29 wrong-order": "POST cannot follow a Halt"}),
        (["start get map go-on post", "get stop get-too map-too post-too go-on"],
         {"8:3 unmapped-post": UNMAPPED, "8:3 shared-post": SHARED}),
        (["start get cut", "get map post"], {"9:3 open-end": OPEN}),
        (["start get"], {"6:3 open-end": OPEN}),
        (["start end"], {"5:3 open-end": "Link a GET", "8:13 wrong-order": "End cannot follow Start"}),
        (["start get map post map"], {"10:29 cycle": "“map” is reached from itself"}),
        (["start get map post which"], {"10:50 cycle": "“map” is reached from itself"}),
        (["start get map get-too map-too post"], {"12:23 wrong-order": "GET cannot follow a Mapper"}),
        (["start get which map post"], {"12:25 wrong-order": "its “then” and “otherwise”"}),
        (["start get map post end get-too map-too post-too"], {"14:34 wrong-order": "GET cannot follow End"}),
        (["start get map cut cut post"], {"11:28 cycle": "a Splitter needs no loop"}),
        (["start get get map post"], {"10:18 cycle": "Add loop: {until: no-data}"}),
        (["start get map nowhere"], {"9:23 unknown-node": "There is no node “nowhere”"}),
        (["start get map post", "get-too map"], {"9:3 node-not-reached": "Link it or remove it"}),
    ],
)  # fmt: skip
def test_a_graph_that_cannot_run_is_refused_at_the_place_of_the_reason(
    paths: list[str], faults_and_words: dict[str, str]
) -> None:
    known = TOO | {
        "which": DECISION, "to-post": TO_POST, "cut": "{type: splitter, size: 2}", "stop": "{type: halt}",
        "go-on": AGAIN, "again": AGAIN,
    }  # fmt: skip
    known = {name.replace("_", "-"): form for name, form in known.items()}
    named = " ".join(paths).split()
    nodes = {name: form for name, form in known.items() if name in named}
    nodes = {name: nodes[name] for name in sorted(nodes, key=named.index)}
    found = faults(document(*paths, **nodes))
    assert set(found) == set(faults_and_words)
    for fault, words in faults_and_words.items():
        assert words.casefold() in found[fault].casefold()


def test_where_parts_are_refused_no_more_is_said_of_what_follows_from_that() -> None:
    text = document("start get wait map post", wait="{type: delya, for: 5}")
    assert list(faults(text)) == ["9:16 unknown-node-type"]


# -- what the apps offer -----------------------------------------------------------------------------------------------

SHOP = """\
schema_version: 1
name: shop
credentials: {store: bigcommerce, database: sql}
nodes:
  start: {type: start}
  get: {type: get, credential: store, schema: orders, action: GET}
  which: {type: decision, when: status = "x", then: map, otherwise: end}
  map: {type: mapper, attributes: {id: {value: id, key: true}, total: total_inc_tax}}
  post: {type: post, credential: database, schema: orders, action: UPSERT}
  link:
    type: mapper
    attributes:
      sku: destination_id
      inventory_level: total
  back: {type: post, credential: store, schema: products, action: PUT}
  end: {type: end}
links:
  - [start, get, which]
  - [map, post, link, back, end]
"""

SHOP_WITH_HALT = SHOP.replace(
    "  end:",
    """\
  stop: {type: halt}
  go-on: {type: resume, halt: stop}
  get-too: {type: get, credential: store, schema: orders, action: GET}
  map-too: {type: mapper, attributes: {id: {value: id, key: true}}}
  post-too: {type: post, credential: database, schema: b, action: UPSERT}
  end:""",
).replace("[map, post, link", "[map, stop, get-too, map-too, post-too, go-on, post, link")


def checked(text: str) -> dict[str, str]:
    problems = check(parse(text.encode(), file="flow.yaml"), APPS)
    return {f"{problem.line}:{problem.column} {problem.code}": str(problem) for problem in problems}


def test_every_post_is_checked_with_the_mapper_before_it() -> None:
    assert checked(SHOP) == {}
    found = checked(SHOP.replace("inventory_level", "stock"))
    assert set(found) == {"14:7 unknown-destination-attribute", "12:5 missing-attribute"}
    assert "“products”, where back writes, has no attribute “stock”" in found["14:7 unknown-destination-attribute"]
    assert list(checked(SHOP.replace("action: PUT", "action: PATCH"))) == ["15:67 unknown-action"]


def test_only_what_comes_straight_from_a_get_is_compared_with_its_attributes() -> None:
    """What comes from another Mapper may be called anything: `total` and `destination_id` are not of orders."""
    assert list(checked(SHOP.replace("total: total_inc_tax", "total: total_incl_tax"))) == ["8:71 unknown-attribute"]


def test_a_mapper_that_leads_to_two_posts_has_to_suit_both() -> None:
    text = SHOP.replace("[map, post, link, back, end]", "[map, post, end]\n  - [map, back]")
    text = text.replace(text[text.index("  link:") : text.index("  back:")], "")
    found = checked(text)
    assert [fault.split(" ")[1] for fault in found] == [
        "missing-attribute", "unknown-destination-attribute", "unknown-destination-attribute",
    ]  # fmt: skip


def test_a_stage_inside_a_halt_is_checked_too() -> None:
    text = SHOP_WITH_HALT.replace(
        "schema: orders, action: GET}\n  map-too", "schema: customer, action: GET}\n  map-too"
    )
    found = checked(text)
    assert list(found) == ["18:51 unknown-schema"]
    assert "Did you mean “customers”?" in found["18:51 unknown-schema"]


def test_types_come_from_the_source_before_the_first_mapper_and_from_the_destination_after_it() -> None:
    types: dict[str, DataType] = {}
    (stage,) = with_types(flow(SHOP), Catalogue(flow(SHOP), APPS)).stages
    for node in stage.nodes.values():
        if isinstance(node, MapperNode):
            types |= {f"{node.id}.{mapping.attribute}": mapping.type for mapping in node.mappings}
    assert types == {
        "map.id": DataType.INTEGER, "map.total": DataType.DECIMAL, "link.sku": DataType.TEXT,
        "link.inventory_level": DataType.INTEGER,
    }  # fmt: skip


def test_types_are_looked_up_inside_a_halt_too() -> None:
    found = flow(SHOP_WITH_HALT)
    (stage,) = with_types(found, Catalogue(found, APPS)).stages
    mapper = stage.inner["stop"][0].nodes["map-too"]
    assert isinstance(mapper, MapperNode)
    assert mapper.mappings[0].type is DataType.INTEGER
