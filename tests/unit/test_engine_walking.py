"""Packets on their way through a stage: what each node makes of them, as a list of things to do."""

from __future__ import annotations

import msgspec
import pytest

from agent.domain.app import Attribute, DataType
from agent.domain.errors import ConfigurationError, RecordError
from agent.domain.packet import Row
from agent.domain.processflow import DecisionNode, Stage
from agent.engine.documents.loading import load
from agent.engine.walking.decisions import Condition
from agent.engine.walking.load import Load, alike, joined
from agent.engine.walking.walking import Action, Walker, Write
from tests.helpers.flow_pieces import STRICT, document, get, post
from tests.helpers.scripted_apps import scripted_app

APPS = {app: scripted_app(app) for app in ("source", "destination", "other")}
WRONG = RecordError("Wrong.", code="wrong")


def stage(*paths: str, **nodes: str) -> Stage:
    found, *_ = load(document(*paths, **nodes).encode(), file="flow.yaml", apps=APPS).stages
    return found


def packet(*records: object) -> Load:
    """Records by their totals, with ids a, b, c …"""
    keys = [chr(ord("a") + number) for number in range(len(records))]
    documents = [msgspec.json.encode({"id": key, "total": total}) for key, total in zip(keys, records, strict=True)]
    return Load(keys, list(range(1, len(keys) + 1)), documents)


def waiting(walker: Walker) -> bool:
    return walker.holds


def told(actions: list[Action]) -> list[tuple[str, str, str]]:
    """Each action with its node, its records, and those of them that failed."""
    found = []
    for action in actions:
        node = action.post.id if isinstance(action, Write) else action.node
        failed = "".join(action.load.source_ids[index] for index in sorted(action.load.errors))
        name = f"{type(action).__name__} {node if isinstance(node, str) else node.id}"
        found.append((name, "".join(action.load.source_ids), failed))
    return found


def test_every_way_on_is_gone_in_link_order() -> None:
    walker = Walker(
        stage("start get wait map post", "get map-too end", "map post-too", wait="{type: delay, for: 5}",
              map_too=STRICT, post_too=post("too"))
    )  # fmt: skip
    assert told(list(walker.walk(packet(1, "many")))) == [
        ("Hold wait", "ab", ""), ("Write post", "ab", "b"), ("Write post-too", "ab", "b"), ("Drop map-too", "ab", "b"),
    ]  # fmt: skip


def test_an_empty_packet_goes_nowhere() -> None:
    walker = Walker(stage("start get wait which", "map post", wait="{type: delay, for: 5}",
                          which="{type: decision, when: total > 3, then: map}"))  # fmt: skip
    assert list(walker.walk(packet())) == []


def test_a_splitter_cuts_and_a_merger_joins_with_ids_and_errors_in_their_places() -> None:
    walker = Walker(stage("start get map cut join post", cut="{type: splitter, size: 2}",
                          join="{type: merger, packets: 2}"))  # fmt: skip
    assert told(list(walker.walk(packet(1, "no", 3, "no", 5)))) == [("Write post", "abcd", "bd")]
    assert waiting(walker)
    assert told(list(walker.walk(packet("no", 7)))) == [("Write post", "eab", "a")]
    assert not waiting(walker)
    assert list(walker.flush()) == []


def test_what_mergers_wait_with_goes_on_one_merger_after_the_other() -> None:
    walker = Walker(stage("start get join map join-too post", join="{type: merger, packets: 9}",
                          join_too="{type: merger, packets: 9}"))  # fmt: skip
    assert list(walker.walk(packet(1, 2))) == []
    assert list(walker.flush()) == []  # from the first into the second one
    assert waiting(walker)
    assert told(list(walker.flush())) == [("Write post", "ab", "")]
    assert not waiting(walker)


def test_a_record_is_let_go_of_wherever_a_merger_waits_with_it() -> None:
    walker = Walker(stage("start get join map post", "get cut join-too end", join="{type: merger, packets: 2}",
                          cut="{type: splitter, size: 1}", join_too="{type: merger, packets: 9}"))  # fmt: skip
    list(walker.walk(packet(1, "no", 3)))
    assert walker.let_go({"a", "z"}) == ["a", "a"]
    assert told(list(walker.walk(packet(4)))) == [("Write post", "bca", "b")]
    assert told(list(walker.flush())) == [("Drop join-too", "bca", "")]
    assert walker.let_go({"a"}) == []


def test_each_record_goes_one_way_and_one_that_cannot_be_decided_goes_the_first_way_as_failed() -> None:
    walker = Walker(stage("start get which", "map post",
                          which="{type: decision, when: total > 3, then: map, otherwise: end}"))  # fmt: skip
    assert told(list(walker.walk(packet(1, 9, "many", 2, 8)))) == [("Write post", "bce", "c"), ("Drop which", "ad", "")]


def test_what_was_written_walks_on_from_its_post() -> None:
    chain = stage("start get map post which", "link post-too", link=STRICT, post_too=post("too"),
                  which='{type: decision, when: destination_id = "x", then: link, otherwise: end}')  # fmt: skip
    walker = Walker(chain)
    (write,) = walker.walk(packet(1, 2))
    assert isinstance(write, Write)
    assert write.onward
    attributes = (*write.load.attributes, Attribute("destination_id"))
    rows: list[Row | None] = [
        None if row is None else (*row, there) for row, there in zip(write.load.rows or (), ["x", "y"], strict=True)
    ]
    arrived = Load(write.load.source_ids, write.load.fingerprints, (), attributes, rows)
    assert told(list(walker.onward(write.post, arrived))) == [("Write post-too", "a", ""), ("Drop which", "b", "")]


def test_a_halt_holds_every_packet() -> None:
    walker = Walker(
        stage("start get stop get-too map-too post-too go-on map post", stop="{type: halt}",
              go_on="{type: resume, halt: stop}", get_too=get("b"), map_too=STRICT, post_too=post("b"))
    )  # fmt: skip
    assert told(list(walker.walk(packet(1)))) == [("Hold stop", "a", ""), ("Write post", "a", "")]


@pytest.mark.parametrize(
    ("condition", "then"),
    [
        ("true", "ab"), ("false", ""), ("total", "b"), ("$exists(total)", "ab"), ("total > 0", "b"), ("missing", ""),
        ("missing = missing", ""), ("[1, 2]", "ab"), ("[]", ""), ('""', ""), ('"no"', "ab"), ("{}", ""), ("null", ""),
        ('id = "a" or total = 5', "ab"), ("total > 0 /* a comment */", "b"),
    ],
)  # fmt: skip
def test_a_condition_holds_as_jsonata_sees_truth(condition: str, then: str) -> None:
    decided = Condition(DecisionNode("which", condition)).decide(packet(0, 5))
    assert "".join("ab"[index] for index in decided.then) == then
    assert (sorted([*decided.then, *decided.otherwise]), decided.errors) == ([0, 1], {})


@pytest.mark.parametrize("condition", ["total >", "a, b", "a) or (b", ""])
def test_a_condition_that_does_not_compile_is_refused(condition: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Condition(DecisionNode("which", condition))
    assert caught.value.code == "expression-syntax"


# -- loads -------------------------------------------------------------------------------------------------------------


def test_mapped_records_are_json_again_for_the_next_mapper_exactly() -> None:
    attributes = (
        Attribute("text"), Attribute("number", DataType.DECIMAL), Attribute("json", DataType.JSON),
        Attribute("lines", DataType.COLLECTION, members=(Attribute("sku"), Attribute("price", DataType.DECIMAL))),
        Attribute("flag", DataType.BOOLEAN),
    )  # fmt: skip
    rows: list[Row | None] = [
        ('"Ö', "12.3400000000000000001", '{"a":[1,2.50]}', [("x", "1.10"), (None, None)], True),
        None,
        (None, None, None, [], None),
    ]
    mapped = Load(["a", "b", "c"], [1, 2, 3], (), attributes, rows, {1: WRONG})
    assert list(mapped.as_documents()) == [
        '{"text":"\\"Ö","number":12.3400000000000000001,"json":{"a":[1,2.50]},'
        '"lines":[{"sku":"x","price":1.10},{"sku":null,"price":null}],"flag":true}'.encode(),
        b"{}",
        b'{"text":null,"number":null,"json":null,"lines":[],"flag":null}',
    ]


def test_of_a_record_that_is_there_several_times_the_last_state_is_the_newest() -> None:
    several = Load(["a", "b", "a", "c", "b"], [1, 2, 3, 4, 5], [b"1", b"2", b"3", b"4", b"5"])
    newest = several.newest()
    assert (newest.source_ids, newest.fingerprints) == (["a", "c", "b"], [3, 4, 5])
    assert newest.newest() is newest


def test_loads_are_joined_only_where_they_are_alike() -> None:
    plain, mapped = packet(1), Load(["a"], [1], (), (Attribute("id"),), [("a",)])
    other = Load(["a"], [1], (), (Attribute("key"),), [("a",)])
    assert alike(plain, packet(2, 3))
    assert alike(mapped, mapped)
    assert not any(alike(one, two) for one, two in [(plain, mapped), (mapped, other)])
    both = joined([mapped, Load(["b"], [2], (), (Attribute("id"),), [None], {0: WRONG})])
    assert (both.source_ids, both.rows, both.errors) == (["a", "b"], [("a",), None], {1: WRONG})
