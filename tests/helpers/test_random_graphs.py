from __future__ import annotations

from hypothesis import given, settings

from agent.domain.packet import SyncState
from agent.engine.checking.check import check
from agent.engine.documents.document import parse
from tests.helpers.flow_pieces import STRICT, document, get, post
from tests.helpers.random_graphs import Fate, Flow, Stage, Step, flows
from tests.helpers.scripted_apps import scripted_app

APPS = {app: scripted_app(app) for app in ("source", "destination", "other")}


def fine(_post: str, _identity: str) -> SyncState:
    return SyncState.SUCCESS


@given(flow=flows())
@settings(deadline=None, max_examples=100)
def test_every_flow_is_a_good_document_with_the_same_nodes(flow: Flow) -> None:
    found = parse(flow.document("flow", token_of=lambda _: "to").encode(), file="flow.json")
    assert [str(problem) for problem in check(found, APPS)] == []
    assert found.flow is not None
    assert {stage.source.id for stage in found.flow.all_stages} == {stage.id for stage in flow.all_stages}
    posts = {one.id for stage in found.flow.all_stages for one in stage.posts}
    assert posts == {step.id for step in flow.steps if step.kind == "post"} == set(flow.receipts)


def test_the_model_follows_a_record_to_every_post() -> None:
    attributes: dict[str, dict[str, object]] = {"attributes": {"id": {}, "total": {}, "via": {}, "ref": {}}}
    second = Step("p2", "post")
    delay = Step("w1", "delay", {"for": "00:10:00"}, [Step("m2", "mapper", attributes, [second])])
    which = Step("d1", "decision", {"when": "total > 4"}, [delay, None])
    first = Step("p1", "post", after=[which])
    mapper = Step("m1", "mapper", attributes, [first])
    stage = Stage("g1", {"schema": "s"}, [mapper, Step("end", "end")], ["start"])
    flow = Flow([stage], {"p1": True, "p2": True})

    large = flow.fates(stage, {"id": "r1", "total": 7}, fine)
    assert large.at == {
        "p1": Fate("p1", SyncState.SUCCESS, ("r1", 7, "m1;", None), 0.0, ()),
        "p2": Fate("p2", SyncState.SUCCESS, ("r1", 7, "m1;m2;", "dr1"), 600.0, ()),
    }
    small = flow.fates(stage, {"id": "r1", "total": 3}, fine)
    assert (list(small.at), small.skipped, small.failed) == (["p1"], False, False)
    wrong = flow.fates(stage, {"id": "r1", "total": "many"}, fine)
    assert [(fate.state, fate.row) for fate in wrong.at.values()] == [(SyncState.FAILED, None)]
    refused = flow.fates(stage, {"id": "r1", "total": 7}, lambda _post, _identity: SyncState.SKIPPED)
    assert [(fate.post, fate.state) for fate in refused.at.values()] == [("p1", SyncState.SKIPPED)]


def test_pieces_make_a_whole_document() -> None:
    text = document("start get map post get-too strict post-too", get_too=get("b", "loop: {times: 2}"), strict=STRICT,
                    post_too=post("c", "too"))  # fmt: skip
    found = parse(text.encode(), file="flow.yaml")
    assert [str(problem) for problem in check(found, APPS)] == []
    assert found.flow is not None
    assert [stage.source.schema for stage in found.flow.stages] == ["records", "b"]
