"""Every failed record says what kind of trouble it has; the table, the guide and Sync Info agree on the kinds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.connectors.bigcommerce.complaint_classes import complaint_class
from agent.domain.error_classes import CLASSES, ErrorClass, known_class
from agent.domain.errors import RecordError
from agent.domain.packet import SyncState
from agent.service.records.cures import FlowCures
from agent.store.databases.database import Database
from agent.store.records.message_shapes import shape
from tests.helpers.flow_rig import Rig

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guide" / "errors.md"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.at(tmp_path / "agent.db")
    yield opened
    opened.close()


def test_every_class_is_explained_and_has_its_place_in_the_guide() -> None:
    assert set(CLASSES) == set(ErrorClass)
    headings = re.findall(r"^## (.+)$", GUIDE.read_text("utf-8"), re.MULTILINE)
    anchors = {heading.lower().replace(" ", "-") for heading in headings}
    assert anchors == {one.value or "other" for one in ErrorClass}
    named = set(re.findall(r"^`([a-z-]+)`, \*(.+?)\* · ", GUIDE.read_text("utf-8"), re.MULTILINE))
    assert named == {(one.value, explained.title) for one, explained in CLASSES.items() if one.value}


def test_a_class_of_a_newer_agent_is_unknown_here() -> None:
    assert known_class("quantum-decay") is ErrorClass.UNKNOWN
    assert known_class("duplicate") is ErrorClass.DUPLICATE


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("Products not found: 12", ErrorClass.DEPENDENT_MISSING),
        ("name is required", ErrorClass.DATA_MISSING),
        ("The sku is already in use", ErrorClass.DUPLICATE),
        ("quantity must be an integer", ErrorClass.TYPE_MISMATCH),
        ("SKU is tracked by variant", ErrorClass.INCONSISTENT),
        ("The product has been deleted", ErrorClass.DATA_INACTIVE),
        ("name: at most 250 characters", ErrorClass.DATA_TOO_LONG),
        ("unknown field foo", ErrorClass.ATTRIBUTE_INVALID),
        ("quantity must be above 0", ErrorClass.VALIDATION_FAILED),
        ("You don't have a required scope to access the endpoint", ErrorClass.ACCESS_NOT_GRANTED),
        ("Wibble", ErrorClass.UNKNOWN),
    ],
)
def test_what_a_store_says_is_sorted(said: str, expected: ErrorClass) -> None:
    assert complaint_class(said) is expected


def test_where_a_store_says_nothing_its_status_counts() -> None:
    assert complaint_class("", status=409) is ErrorClass.DUPLICATE
    assert complaint_class("", status=404) is ErrorClass.DEPENDENT_MISSING
    assert complaint_class("", status=422) is ErrorClass.UNKNOWN


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The stock of sku ABC-1 was refused: not found.", "The stock of sku XY9 was refused: not found."),
        ("12 characters, and the column takes 3.", "7,000 characters, and the column takes 3."),
        ("No customer “Ada”.", "No customer “Bob Smith”."),
    ],
)
def test_messages_that_differ_in_ids_and_values_are_alike(one: str, other: str) -> None:
    assert shape("duplicate", one, "") == shape("duplicate", other, "")


def test_messages_of_other_words_classes_and_records_are_told_apart() -> None:
    assert shape("duplicate", "total: missing", "") != shape("duplicate", "name: missing", "")
    assert shape("duplicate", "x", "") != shape("inconsistent", "x", "")
    assert shape("", "The record alpha is bad.", "alpha") == shape("", "The record beta is bad.", "beta")


def test_a_failed_record_keeps_its_class_and_what_has_to_be_mended(database: Database) -> None:
    rig = Rig(database)
    rig.source.put("good", total=1)
    rig.source.put("no-total", total=None)
    rig.source.put("refused", total=2)
    rig.destination.refused = {"refused": RecordError("Already there.", code="twice", error_class=ErrorClass.DUPLICATE)}
    rig.execute()
    rows, cures = rig.rows(), FlowCures("flow", {"post": "abc"})
    assert (rows["no-total"].error_class, rows["no-total"].cure) == (ErrorClass.DATA_MISSING, "node:map")
    assert cures.target(rows["no-total"]) == "processflow:flow#map"
    assert (rows["refused"].error_class, rows["refused"].cure) == (ErrorClass.DUPLICATE, "")
    assert cures.target(rows["refused"]) == "guide:errors#duplicate"
    assert rows["good"].error_class is ErrorClass.UNKNOWN
    assert cures.target(rows["good"]) == ""


def test_a_record_that_succeeds_later_has_no_trouble_any_more(database: Database) -> None:
    rig = Rig(database)
    rig.source.put("one", total=None)
    rig.execute()
    rig.source.put("one", total=5)
    rig.execute()
    row = rig.rows()["one"]
    assert (row.state, row.error_class, row.cure, row.message) == (SyncState.SUCCESS, ErrorClass.UNKNOWN, "", "")
