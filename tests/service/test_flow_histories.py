"""Deleting the history of a processflow that received events: all that it left anywhere goes, and is named before."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.api.client import AgentClient
from agent.api.flow_models import DocumentRequest
from agent.domain.errors import ConfigurationError, NotFoundError
from agent.domain.run import RunState
from agent.service.agent_parts import utc_now
from agent.service.receiving.doors import signature_secret_name, url_secret_name
from agent.store.inbox.events import Delivery, EventStore
from agent.store.looks.kept import Kept, KeptKind
from agent.store.runs.runs import RunStore, new_run_id
from tests.helpers.queued_runs import queue_run
from tests.service.asking import database_draft, set_up_vault
from tests.service.inside import Inside

FLOW = """\
schema_version: 1
name: {name}
credentials: {{database: sql}}
nodes:
  start: {{type: start, trigger: event, verify: {{header: X-S}}}}
  map: {{type: mapper, attributes: {{id: {{value: id, key: true}}}}}}
  post: {{type: post, credential: database, schema: rows, action: UPSERT}}
links: [[start, map, post]]
"""
SHOWN = b'{"id": "of somebody"}'


async def receiving(inside: Inside, client: AgentClient, name: str) -> str:
    """An undeployed processflow with a URL, a signature, a run with sample and packet, and three events, one processed.

    Returns the run's id.
    """
    parts = inside.parts
    await client.deploy(DocumentRequest(document=FLOW.format(name=name), file="flow.yaml"))
    await client.real_time.url(name)
    await client.real_time.sign(name, "what they sign with")
    await client.undeploy(name)
    at = utc_now()
    deliveries = [Delivery(name, f"id:{one}", False, [(one, b"{}")], at) for one in "abc"]
    EventStore(parts.database).put(deliveries, most_bytes=1_000)
    EventStore(parts.database).note_processed(name, 1)
    run_id = queue_run(parts.database, new_run_id(at), flow=name, at=at).id
    RunStore(parts.database).end(run_id, state=RunState.SUCCESS, message="", remedy="", at=at)
    parts.diagnosis.packets.write(run=run_id, node="map", kind=KeptKind.AFTER, number=1, piece=1, content=SHOWN)
    parts.diagnosis.samples.append(
        Kept(run=run_id, node="map", kind=KeptKind.AFTER, number=1, piece=1, records=1, shown=1, at=at, content=SHOWN)
    )
    return run_id


async def test_nothing_of_a_deleted_history_stays_anywhere_and_all_of_another_one(
    running_inside: Inside, tmp_path: Path
) -> None:
    inside, parts = running_inside, running_inside.parts
    async with inside.client() as client:
        await set_up_vault(client, tmp_path)
        await client.change_setting("enable_environment", "true")
        await client.save_configuration(database_draft(tmp_path / "target.db"))
        gone, kept = await receiving(inside, client, "gone"), await receiving(inside, client, "kept")
        told = await client.versions.history("gone")
        assert told.waiting_events == 2
        for part in (
            "1 run with its packets and samples",
            "2 received event records that still wait",
            "the URL for its",
        ):
            assert part in told.text
        await client.versions.forget("gone")

        assert [parts.secrets.get(name("gone")) for name in (url_secret_name, signature_secret_name)] == [None, None]
        assert all(parts.secrets.get(name("kept")) for name in (url_secret_name, signature_secret_name))
        assert (parts.diagnosis.samples.rows(gone), parts.diagnosis.packets.packets(gone)) == ([], [])
        assert len(parts.diagnosis.samples.rows(kept)) == len(parts.diagnosis.packets.packets(kept)) == 1
        assert EventStore(parts.database).page("gone", after=0, upto=9, most=9) == []
        assert len(EventStore(parts.database).page("kept", after=0, upto=9, most=9)) == 3
        with pytest.raises(NotFoundError):
            await client.versions.history("gone")


async def test_while_the_vault_is_locked_nothing_is_deleted(tmp_path: Path) -> None:
    inside = Inside(tmp_path / "agent")
    inside.parts.start()
    async with inside.client() as client:
        key_file = await set_up_vault(client, tmp_path)
        await client.change_setting("enable_environment", "true")
        await client.save_configuration(database_draft(tmp_path / "target.db"))
        run_id = await receiving(inside, client, "gone")
        before = await client.versions.history("gone")
    inside.close()
    key_file.unlink()
    again = Inside(tmp_path / "agent")
    async with again.client() as client:
        with pytest.raises(ConfigurationError):
            await client.versions.forget("gone")
        assert await client.versions.history("gone") == before
        assert len(again.parts.diagnosis.samples.rows(run_id)) == 1
    again.close()
