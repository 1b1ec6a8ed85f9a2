"""Tracked columns: kept beside each record, also of those that failed; searched; never a reason to fail."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.connectors.contract import Connector
from agent.domain.packet import SyncState
from agent.engine.checking.check import check
from agent.engine.documents.document import parse
from agent.store.databases.database import Database
from agent.store.records.sync_filter import RecordFilter
from tests.helpers.agent_database import BOTH_KINDS, opened
from tests.helpers.flow_rig import DOCUMENT, TOKENS, Rig
from tests.helpers.scripted_apps import ScriptedConnection, ScriptedConnector, Steps, scripted_app

TRACKED = DOCUMENT.replace(
    "  post: {type: post,",
    "    track: {Order no: number, Customer: customer.first & ' ' & customer.last, Twice: $number(number) * 2}\n"
    "  post: {type: post,",
)
MERGED = TRACKED.replace("  end: {type: end}\n", "  merge: {type: merger, packets: 2}\n  end: {type: end}\n").replace(
    "[start, get, map, post, end]", "[start, get, map, merge, post, end]"
)


@pytest.fixture(params=BOTH_KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    with opened(request, tmp_path) as made:
        yield made


def columns(rig: Rig) -> dict[str, dict[str, str]]:
    return {one: json.loads(row.tracked) if row.tracked else {} for one, row in rig.rows().items()}


@pytest.mark.parametrize("receipts", [True, False], ids=["receipts", "intents"])
@pytest.mark.parametrize("document", [TRACKED, MERGED], ids=["plain", "merged"])
def test_tracked_columns_stand_beside_records_that_arrived_and_that_failed(
    database: Database, document: str, receipts: bool
) -> None:
    rig = Rig(database, document=document, receipts=receipts)
    rig.source.put("fine", total=1, number="7", customer={"first": "Ada", "last": "L."})
    rig.source.put("refused", total=2, number="8")
    rig.source.put("unmapped", number="9")
    rig.destination.refused = {"refused": "No."}
    rig.execute()
    assert columns(rig) == {
        "fine": {"Order no": "7", "Customer": "Ada L.", "Twice": "14"},
        "refused": {"Order no": "8", "Customer": " ", "Twice": "16"},
        "unmapped": {"Order no": "9", "Customer": " ", "Twice": "18"},
    }
    assert rig.rows()["unmapped"].state is SyncState.FAILED
    found = rig.sync_info.page(rig.flow, RecordFilter(search="ada l"), limit=9)
    assert [row.source_id for row in found] == ["fine"]


def test_a_column_that_cannot_be_computed_fails_no_record(database: Database) -> None:
    rig = Rig(database, document=TRACKED)
    rig.source.put("odd", total=1, number="seven")
    rig.source.put("long", total=1, number="1", customer={"first": "x" * 500, "last": ""})
    rig.execute()
    assert set(rig.at_destination()) == {"odd", "long"}
    assert columns(rig)["odd"] == {"Order no": "seven", "Customer": " "}, "only its own column is empty"
    (told,) = [line for line in rig.journal.lines if "tracked column" in line.message]
    assert told.message.startswith("The tracked column “Twice” cannot be computed for odd, and perhaps others: ")
    assert (told.level, told.node, told.record) == ("warning", "map", "odd")
    assert len(columns(rig)["long"]["Customer"]) == 200


def test_columns_follow_the_record_and_stay_where_nothing_is_tracked_any_more(database: Database) -> None:
    rig = Rig(database, document=TRACKED)
    rig.source.put("one", total=1, number="7")
    rig.execute()
    rig.source.put("one", total=1, number="8")
    rig.execute()
    assert columns(rig)["one"]["Order no"] == "8"
    rig.deploy(DOCUMENT)
    rig.source.put("one", total=2, number="9")
    rig.execute()
    assert columns(rig)["one"]["Order no"] == "8"


@pytest.mark.parametrize(
    ("track", "code"),
    [
        ("[a, b]", "wrong-type"),
        (f"{{A: {'a' * 201}}}", "too-long"),
        (f"{{{'H' * 61}: a}}", "wrong-value"),
        ("{" + ", ".join(f"h{one}: a" for one in range(11)) + "}", "too-many"),
        ("{A: {value: a}}", "wrong-type"),
    ],
)
def test_what_is_too_much_is_refused_at_its_place(track: str, code: str) -> None:
    document = DOCUMENT.replace("  post: {type: post,", f"    track: {track}\n  post: {{type: post,")
    problems = parse(document.encode(), file="flow.yaml").problems
    assert [problem.code for problem in problems] == [code]


def test_an_expression_that_does_not_compile_is_refused_at_its_place() -> None:
    spoiled = DOCUMENT.replace("  post: {type: post,", "    track: {A: a ++}\n  post: {type: post,")
    document = parse(spoiled.encode(), file="flow.yaml")
    apps: dict[str, Connector] = {
        app: ScriptedConnector(scripted_app(app), ScriptedConnection(Steps())) for app in TOKENS.values()
    }
    (problem,) = [one for one in check(document, apps) if one.code == "expression-syntax"]
    assert "tracked column “A” does not compile" in problem.message
    assert spoiled.splitlines()[problem.line - 1].startswith("    track:")
