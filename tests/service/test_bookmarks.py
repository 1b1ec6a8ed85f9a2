"""Bookmarks and the audit trail through the contract and the command line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from agent.domain.errors import AgentError, ConfigurationError, NotFoundError
from agent.store.flows.deployments import DeploymentStore
from tests.helpers.sample_flow import GOOD
from tests.service.inside import Inside

MOMENT = datetime(2026, 1, 31, 9, 15, tzinfo=UTC)
FLOW, GET = "orders-to-database", "get-orders"


@pytest.fixture
def deployed(inside: Inside) -> Inside:
    DeploymentStore(inside.parts.database).add(
        flow=FLOW, document=GOOD, file="flow.yaml", bindings={}, note="", deployed_at=MOMENT, deployed_by="", log=[]
    )
    return inside


async def test_a_bookmark_is_listed_set_and_cleared_and_leaves_a_trail(deployed: Inside) -> None:
    async with deployed.client() as client:
        (before,) = await client.bookmarks.all(FLOW)
        assert (before.node, before.moment, before.since) == (GET, None, None)
        set_ = await client.bookmarks.set(FLOW, GET, MOMENT, reason="Lost")
        assert (set_.moment, set_.run_id) == (MOMENT, "")
        assert (await client.bookmarks.all(FLOW))[0] == set_
        assert (await client.bookmarks.set(FLOW, GET, None, reason="All again")).moment is None
        first = await client.bookmarks.audit(flow=FLOW, limit=1)
        assert [(one.what, one.reason, one.after) for one in first.items] == [("bookmark-clear", "All again", "")]
        rest = await client.bookmarks.audit(flow=FLOW, before=first.next, limit=1)
        assert "2026-01-31T09:15:00Z" in rest.items[0].after
        assert rest.next is None


@pytest.mark.parametrize("moment", [datetime.now(UTC) + timedelta(days=1), datetime(1200, 1, 1, tzinfo=UTC)])
async def test_a_moment_that_would_lose_changes_is_refused(deployed: Inside, moment: datetime) -> None:
    async with deployed.client() as client:
        with pytest.raises(ConfigurationError) as caught:
            await client.bookmarks.set(FLOW, GET, moment, reason="x")
    assert (caught.value.code, caught.value.field) == ("bookmark-moment", "moment")


async def test_a_node_and_a_processflow_that_are_not_there_are_named(deployed: Inside) -> None:
    async with deployed.client() as client:
        with pytest.raises(NotFoundError) as caught:
            await client.bookmarks.set(FLOW, "post-orders", None, reason="x")
        assert (caught.value.code, caught.value.remedy) == ("node-not-found", "Did you mean “get-orders”?")
        with pytest.raises(AgentError) as unheard:
            await client.bookmarks.all("unheard-of")
        assert unheard.value.code == "flow-not-found"


async def test_a_reason_is_demanded(deployed: Inside) -> None:
    async with deployed.http() as client:
        response = await client.put(f"/api/v1/flows/{FLOW}/bookmarks/{GET}", json={"reason": "  "})
    assert response.status_code == 422
