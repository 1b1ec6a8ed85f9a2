"""Every run that failed as a whole says what kind of trouble it had, and where that is mended."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.domain.errors import (
    AccessError,
    ConfigurationError,
    FatalError,
    RecordError,
    TransientError,
)
from agent.domain.run import RunState
from agent.domain.run_classes import NO_FAULT, RUN_CLASSES, RunClass, RunFault, known_run_class
from agent.service import answers
from agent.store.databases.database import Database
from tests.helpers.flow_rig import Rig

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guide" / "failed-runs.md"


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    database = Database.at(tmp_path / "agent.db")
    yield Rig(database)
    database.close()


def test_every_class_is_explained_and_has_its_place_in_the_guide() -> None:
    assert set(RUN_CLASSES) == set(RunClass) - {RunClass.NONE}
    named = re.findall(r"^## (.+)\n`([a-z-]+)` · ", GUIDE.read_text("utf-8"), re.MULTILINE)
    assert named == [(explained.title, one.value) for one, explained in RUN_CLASSES.items()]


def test_a_class_of_a_newer_agent_is_none_here() -> None:
    assert known_run_class("quantum-decay") is RunClass.NONE
    assert known_run_class("access") is RunClass.ACCESS


SOURCE, DESTINATION = "app-configuration:flow-source", "app-configuration:flow-destination"
GET = "processflow:flow#get"


@pytest.mark.parametrize(
    ("place", "error", "fault"),
    [
        ("read", AccessError("No.", code="x"), RunFault(RunClass.ACCESS, SOURCE)),
        ("read", ConfigurationError("No.", code="not-permitted"), RunFault(RunClass.ACCESS, SOURCE)),
        ("read", ConfigurationError("No.", code="tls-untrusted"), RunFault(RunClass.CONFIGURATION, SOURCE)),
        ("read", ConfigurationError("No.", code="unknown-column"), RunFault(RunClass.PROCESSFLOW, GET)),
        ("read", FatalError("No.", code="request-refused"), RunFault(RunClass.APP, SOURCE)),
        ("open source", ConfigurationError("No.", code="folder-missing"), RunFault(RunClass.CONFIGURATION, SOURCE)),
        ("write", FatalError("No.", code="database-error"), RunFault(RunClass.APP, DESTINATION)),
        ("write", AccessError("No.", code="x"), RunFault(RunClass.ACCESS, DESTINATION)),
        ("booked", ZeroDivisionError(), RunFault(RunClass.AGENT)),
    ],
)  # fmt: skip
def test_the_class_follows_from_what_went_wrong_and_where(
    rig: Rig, place: str, error: Exception, fault: RunFault
) -> None:
    rig.source.fill(3)
    rig.steps.at(place, error)
    run = rig.execute()
    assert (run.state, run.fault) == (RunState.FAILED, fault)
    again = rig.execute()
    assert (again.state, again.fault) == (RunState.SUCCESS, NO_FAULT)


def test_an_app_that_does_not_answer_for_too_long(rig: Rig) -> None:
    rig.source.fill(3)
    rig.steps.at("read", *[TransientError("Nobody there.", code="unreachable")] * 1_000)
    run = rig.execute()
    assert (run.state, run.fault) == (RunState.FAILED, RunFault(RunClass.CONNECTION, SOURCE))


def test_an_app_configuration_that_is_gone(rig: Rig) -> None:
    rig.configurations.remove("flow-source")
    run = rig.execute()
    assert (run.state, run.fault.error_class) == (RunState.FAILED, RunClass.CONFIGURATION)
    shown = answers.run(run)
    assert (shown.error_class, shown.error_title) == ("configuration", "App Configuration")
    assert shown.cause.startswith("An App Configuration is missing")
    assert shown.target


def test_where_every_record_failed_the_records_are_shown(rig: Rig) -> None:
    rig.source.fill(3)
    rig.destination.refused = {f"r{number}": RecordError("No.", code="no") for number in range(3)}
    run = rig.execute()
    assert (run.state, run.fault) == (RunState.FAILED, RunFault(RunClass.RECORDS, "sync-info:flow"))


def test_a_run_that_did_not_fail_has_no_class(rig: Rig) -> None:
    rig.source.fill(3)
    rig.destination.refused = {"r1": RecordError("No.", code="no")}
    run = rig.execute()
    assert (run.state, run.fault) == (RunState.PARTIAL, NO_FAULT)
    shown = answers.run(run)
    assert (shown.error_class, shown.error_title, shown.cause, shown.target) == ("", "", "", "")
