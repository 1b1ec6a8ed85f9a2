"""A store that takes the token no more: what uses it waits, also over a kill, and goes on after a good Validate."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.api import configuration_models, log_models, run_models
from agent.api.client import AgentClient
from agent.domain.errors import ConflictError
from agent.domain.run import RunState
from tests.end2end.orders import FLOW, arrived, in_store
from tests.helpers.shop import open_shop
from tests.helpers.stage import Stage, open_stage

pytestmark = pytest.mark.slow


async def _store(client: AgentClient) -> configuration_models.Configuration:
    return next(one for one in await client.configurations() if one.app == "bigcommerce")


async def _waits(client: AgentClient, run_id: str) -> run_models.Run:
    run = await client.run(run_id)
    while "works again" not in run.activity:
        assert not run.state.ended, run
        run = await client.run(run_id, wait_seconds=0.2)
    return run


async def _validate(client: AgentClient) -> configuration_models.Validation:
    stored = await _store(client)
    draft = configuration_models.ConfigurationDraft(
        id=stored.id, app=stored.app, name=stored.name, values=stored.values
    )
    validation = await client.validate(draft)
    while validation.state is configuration_models.ValidationState.RUNNING:
        validation = await client.validation(validation.id, wait_seconds=20)
    return validation


def _lines(stage: Stage, text: str) -> int:
    search = log_models.LogSearch(text=text)
    return stage.ask(lambda client: client.search_log(search)).count


def test_flows_wait_over_a_kill_while_a_token_is_refused_and_go_on_after_a_good_validation(tmp_path: Path) -> None:
    with open_shop(tmp_path, "--orders", "3000", "--no-quota") as shop, open_stage(tmp_path / "agent") as stage:
        stage.prepare(shop)
        stage.deploy(FLOW)
        # Some of it is read before the store takes the token no more.
        shop.control("POST", "faults", {"kind": "latency", "latency_ms": 300})
        run_id = stage.execute(FLOW).id
        shop.control("POST", "faults", {"kind": "status", "status": 401})
        waiting = stage.ask(lambda client: _waits(client, run_id))
        assert waiting.state is RunState.WAITING
        assert "rejected the API Token" in waiting.message

        stage.kill()
        tripped = stage.ask(_store).tripped
        assert tripped is not None
        assert tripped.waiting_runs == 1
        assert stage.ask(lambda client: client.run(run_id)).state is RunState.WAITING
        with pytest.raises(ConflictError) as caught:
            stage.execute(FLOW)
        assert caught.value.code == "configuration-tripped"
        assert _lines(stage, "is refused by its app") == 1

        assert stage.ask(_validate).state is configuration_models.ValidationState.FAILED
        assert stage.ask(_store).tripped is not None
        shop.control("DELETE", "faults")
        assert stage.ask(_validate).state is configuration_models.ValidationState.SUCCESS
        assert stage.ask(_store).tripped is None
        assert stage.ended(run_id).state is RunState.SUCCESS
        assert arrived(stage.rows) == in_store(shop)
        assert _lines(stage, "works again") == 1
