"""Credentials that an app refuses: one refusal is looked at again; a real one lets runs wait where they are, and once
the configuration is proven they go on, with nothing lost and nothing twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from agent.domain.errors import AccessError, CredentialsError
from agent.domain.run import RunState
from agent.engine.running.runner import Then
from agent.store.configurations import FAILED, SAVED, VALIDATED
from agent.store.databases.database import Database
from tests.helpers.flow_rig import QuickControl, Rig

SOURCE, DESTINATION = "flow-source", "flow-destination"


def refusal() -> CredentialsError:
    return CredentialsError("The token was rejected.", code="credentials-rejected", remedy="Enter it again.")


def forbidden() -> AccessError:
    return AccessError("This is not permitted.", code="not-permitted", remedy="Give the permission.")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.at(tmp_path / "agent.db")
    yield opened
    opened.close()


@pytest.fixture(params=[True, False], ids=["receipts", "intents"])
def rig(database: Database, request: pytest.FixtureRequest) -> Rig:
    return Rig(database, receipts=request.param)


def slice_of(rig: Rig, run_id: str) -> Then:
    return rig.runner().run_slice(run_id, QuickControl(rig.clock), budget_seconds=60)


def validate(rig: Rig, configuration: str) -> list[str] | None:
    """What follows from a good validation of the stored values."""
    rig.clock.now += 60
    return rig.configurations.note_validation(
        configuration, state=VALIDATED, message="", facts=(), at=rig.clock.utc()
    )  # fmt: skip


def test_a_run_waits_where_it_is_when_the_source_refuses_and_goes_on_after_a_good_validation(rig: Rig) -> None:
    rig.source.fill(23)
    rig.steps.at("read", None, None, refusal())
    rig.steps.at("check", refusal())
    run_id = rig.queue()
    assert slice_of(rig, run_id) is Then.PARKED
    waiting = rig.runs.get(run_id)
    assert (waiting.state, waiting.activity) == (RunState.WAITING, "Waits until “flow source” works again")
    assert (waiting.message, waiting.remedy) == ("The token was rejected.", "Enter it again.")
    assert waiting.counts.written == 10
    assert rig.configurations.get(SOURCE).state == FAILED
    assert rig.journal.said("“flow source” is refused by its app") == 1
    assert validate(rig, SOURCE) == [run_id]
    ended = rig.execute(run_id)
    assert (ended.state, ended.counts.written) == (RunState.SUCCESS, 23)
    assert rig.at_destination() == rig.expected()
    assert set(rig.destination.carried_out.values()) == {1}


def test_a_refused_write_is_neither_lost_nor_doubled(rig: Rig) -> None:
    rig.source.fill(12)
    rig.steps.at("write", None, refusal())
    rig.steps.at("check", refusal())
    run_id = rig.queue()
    assert slice_of(rig, run_id) is Then.PARKED
    assert rig.trips.all()[DESTINATION].message == "The token was rejected."
    validate(rig, DESTINATION)
    assert rig.execute(run_id).state is RunState.SUCCESS
    assert rig.at_destination() == rig.expected()
    assert set(rig.destination.carried_out.values()) == {1}


@pytest.mark.parametrize("place", ["open source", "open destination", "read", "write"])
def test_one_refusal_that_a_second_try_does_not_confirm_trips_nothing(database: Database, place: str) -> None:
    rig = Rig(database)
    rig.source.fill(3)
    rig.steps.at(place, refusal())
    assert rig.execute().state is RunState.SUCCESS
    assert rig.trips.all() == {}
    assert rig.at_destination() == rig.expected()


def test_what_is_not_permitted_while_the_account_is_let_in_fails_the_run_as_ever(database: Database) -> None:
    rig = Rig(database)
    rig.source.fill(3)
    rig.steps.at("write", forbidden())
    ended = rig.execute()
    assert (ended.state, ended.message) == (RunState.FAILED, "This is not permitted.")
    assert rig.trips.all() == {}


def test_an_account_that_may_do_nothing_at_all_trips(database: Database) -> None:
    rig = Rig(database)
    rig.source.fill(3)
    rig.steps.at("write", forbidden())
    rig.steps.at("check", refusal())
    assert slice_of(rig, rig.queue()) is Then.PARKED
    assert set(rig.trips.all()) == {DESTINATION}


def test_other_runs_of_a_tripped_configuration_wait_without_asking_the_app_and_without_another_line(
    database: Database,
) -> None:
    first, second = Rig(database), Rig(database, flow="second")
    second.deploy_with({"from": SOURCE, "to": DESTINATION})
    first.source.fill(3)
    first.steps.at("read", refusal())
    first.steps.at("check", refusal())
    ids = [first.queue(), second.queue()]
    assert slice_of(first, ids[0]) is Then.PARKED
    assert slice_of(second, ids[1]) is Then.PARKED
    assert second.steps.seen == []
    assert second.journal.said("refused") == 0
    assert validate(first, SOURCE) == sorted(ids)


def test_a_configuration_that_was_changed_meanwhile_is_not_blamed_for_the_old_one(database: Database) -> None:
    rig = Rig(database)
    rig.source.fill(3)
    rig.steps.at("read", refusal())

    def changed_meanwhile() -> None:
        row = rig.configurations.get(SOURCE)
        rig.configurations.save(replace(row, saved_at=row.saved_at + timedelta(seconds=5)))
        raise refusal()

    rig.steps.at("check", changed_meanwhile)
    assert rig.execute().state is RunState.SUCCESS
    assert rig.trips.all() == {}


def test_saving_values_that_nobody_has_tested_leaves_it_tripped(database: Database) -> None:
    rig = Rig(database)
    rig.source.fill(3)
    rig.steps.at("read", refusal())
    rig.steps.at("check", refusal())
    run_id = rig.queue()
    slice_of(rig, run_id)
    assert rig.configurations.save(replace(rig.configurations.get(SOURCE), state=SAVED)) is None
    assert set(rig.trips.all()) == {SOURCE}
    assert slice_of(rig, run_id) is Then.PARKED


def test_a_run_that_waits_can_be_cancelled(database: Database) -> None:
    rig = Rig(database)
    rig.source.fill(3)
    rig.steps.at("read", refusal())
    rig.steps.at("check", refusal())
    run_id = rig.queue()
    slice_of(rig, run_id)
    rig.runs.request_cancel(run_id, at=rig.clock.utc())
    assert slice_of(rig, run_id) is Then.ENDED
    assert rig.runs.get(run_id).state is RunState.CANCELLED


def test_a_run_looks_for_itself_after_an_hour_should_nobody_wake_it(database: Database) -> None:
    rig = Rig(database)
    rig.source.fill(3)
    rig.steps.at("read", refusal())
    rig.steps.at("check", refusal())
    run_id = rig.queue()
    slice_of(rig, run_id)
    rig.wake(run_id)
    assert slice_of(rig, run_id) is Then.PARKED
    assert rig.runs.get(run_id).parks == 2


def test_a_removed_configuration_holds_nothing_up(database: Database) -> None:
    rig = Rig(database)
    rig.source.fill(3)
    rig.steps.at("read", refusal())
    rig.steps.at("check", refusal())
    run_id = rig.queue()
    slice_of(rig, run_id)
    rig.configurations.remove(SOURCE)
    rig.clock.now += 3_600 * 24 * 365 * 10
    ended = rig.execute(run_id)
    assert ended.state is RunState.FAILED
    assert "Source Application Not Found" in ended.message
