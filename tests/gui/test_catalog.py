"""The catalog: what several panels show, asked for once."""

from __future__ import annotations

import pytest

from agent.api import live_models
from agent.domain.errors import TransientError
from agent.domain.run import RunState
from agent.gui.catalog import Catalog
from tests.gui.doubles import InstantCalls
from tests.helpers.fake_client import FakeClient, run


@pytest.fixture
def catalog(calls: InstantCalls) -> Catalog:
    return Catalog(calls)


def progress(fake: FakeClient, flow: str) -> live_models.Event:
    data = run(flow, RunState.RUNNING, fake.now, identity="r-new").model_dump(mode="json")
    return live_models.Event(id=1, kind=live_models.EventKind.RUN, data=data)


async def test_a_processflow_that_is_not_known_yet_appears_while_its_run_goes_on(
    catalog: Catalog, calls: InstantCalls, fake: FakeClient
) -> None:
    hidden = fake.deployed.pop("orders-to-database")
    catalog.refresh()
    await calls.settle()
    fake.deployed["orders-to-database"] = hidden
    for _ in range(50):  # progress comes faster than the answer to the first question
        catalog.on_event(progress(fake, "orders-to-database"))
    await calls.settle()
    assert catalog.flow("orders-to-database") is not None
    assert fake.calls.count("flows") == 3  # at first, for the first event, and once more for all the others


async def test_one_question_that_fails_is_told_until_it_is_answered(
    catalog: Catalog, calls: InstantCalls, fake: FakeClient
) -> None:
    fake.fail["flows"] = TransientError("No answer.", code="x")
    catalog.refresh()
    await calls.settle()
    assert [catalog.error is not None, catalog.loaded] == [True, False]
    fake.fail.clear()
    catalog.refresh()
    await calls.settle()
    assert [catalog.error is not None, catalog.loaded] == [False, True]
