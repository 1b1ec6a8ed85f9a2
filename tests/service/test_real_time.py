"""Receiving events through the contract and the command line, on the real service."""

from __future__ import annotations

import asyncio
import json
import socket
from functools import partial

import httpx
import pytest

from agent.api import configuration_models, event_models, flow_models, schedule_models, vault_models
from agent.api.client import AgentClient
from agent.domain.errors import ConfigurationError, NotFoundError
from agent.domain.schedule import PlanKind
from tests.helpers.event_senders import free_port
from tests.helpers.running_service import RunningService

FLOW = """\
schema_version: 1
name: {name}
credentials: {{database: sql}}
nodes:
  start: {start}
  map: {{type: mapper, attributes: {{id: {{value: id, key: true}}}}}}
  post: {{type: post, credential: database, schema: rows, action: UPSERT}}
links: [[start, map, post]]
"""


@pytest.fixture
def receiving(service: RunningService) -> RunningService:
    """A service with a vault, a database, and two processflows that wait for events."""
    service.start()
    key = str(service.home / "vault.key")
    service.ask(lambda client: client.set_up_vault(vault_models.VaultSetUp(kind="key-file", path=key)))
    service.ask(lambda client: client.change_setting("enable_environment", "true"))
    values = {"kind": "SQLite", "database": str(service.home / "target.db")}
    draft = configuration_models.ConfigurationDraft(app="sql", name="Database", values=values)
    service.ask(lambda client: client.save_configuration(draft))
    for name, verify in (("plain", ""), ("signed", ", verify: {header: X-S}")):
        document = FLOW.format(name=name, start=f"{{type: start, trigger: event{verify}}}")
        request = flow_models.DocumentRequest(document=document, file="flow.yaml")
        service.ask(partial(AgentClient.deploy, request=request))
    return service


def test_the_url_is_made_once_shown_again_and_renewed(receiving: RunningService) -> None:
    receiving.ask(lambda client: client.change_setting("real_time_public_url", "https://events.example.com/"))
    first = receiving.ask(lambda client: client.real_time.url("plain"))
    assert first.url.startswith("https://events.example.com/events/plain/")
    assert len(first.url.rsplit("/", 1)[1]) == 43
    assert "turn on “Receive events”" in first.note
    assert receiving.ask(lambda client: client.real_time.url("plain")) == first
    renewed = receiving.ask(lambda client: client.real_time.renew("plain"))
    assert renewed.url != first.url
    told = json.dumps([inbox.model_dump(mode="json") for inbox in _state(receiving).inboxes])
    assert renewed.url.rsplit("/", 1)[1] not in told


def test_it_listens_as_the_settings_say_at_once_and_says_why_it_cannot(receiving: RunningService) -> None:
    assert (_state(receiving).on, _state(receiving).listening) == (False, False)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        receiving.ask(lambda client: client.change_setting("real_time_port", str(taken.getsockname()[1])))
        receiving.ask(lambda client: client.change_setting("real_time", "true"))
        state = _state(receiving)
        assert (state.on, state.listening) == (True, False)
        assert "in use" in state.trouble
    port = free_port()
    receiving.ask(lambda client: client.change_setting("real_time_port", str(port)))
    url = receiving.ask(lambda client: client.real_time.url("plain")).url
    assert _post(url) == 202
    receiving.ask(lambda client: client.change_setting("real_time", "false"))
    with pytest.raises(httpx.ConnectError):
        _post(url)


def test_the_secret_stays_out_of_the_log_and_out_of_the_database(receiving: RunningService) -> None:
    receiving.ask(lambda client: client.change_setting("real_time_port", str(free_port())))
    receiving.ask(lambda client: client.change_setting("real_time", "true"))
    url = receiving.ask(lambda client: client.real_time.url("plain")).url
    secret = url.rsplit("/", 1)[1].encode()
    assert _post(url) == 202
    assert _post(f"{url}x") == 404
    receiving.stop()
    files = [path for path in receiving.home.rglob("*") if path.is_file()]
    assert [path for path in files if secret in path.read_bytes()] == []


def test_only_what_waits_for_events_has_a_url_and_it_has_no_schedule(receiving: RunningService) -> None:
    with pytest.raises(NotFoundError):
        receiving.ask(lambda client: client.real_time.url("nothing"))
    change = schedule_models.ScheduleChange(kind=PlanKind.DAILY, at="02:30")
    with pytest.raises(ConfigurationError) as caught:
        receiving.ask(lambda client: client.set_schedule("plain", change))
    assert caught.value.code == "event-triggered"
    with pytest.raises(ConfigurationError) as caught:
        receiving.ask(lambda client: client.real_time.sign("plain", "shared"))
    assert caught.value.code == "no-signature"


def test_what_senders_sign_with_is_set_on_the_command_line(receiving: RunningService) -> None:
    assert _inbox(receiving, "signed").signature is event_models.SignatureState.MISSING
    done = receiving.opagent("event", "sign", "signed", "--secret-stdin", stdin="shared secret\n")
    assert done.returncode == 0, done.stderr
    assert _inbox(receiving, "signed").signature is event_models.SignatureState.SET
    shown = receiving.opagent("event", "url", "plain")
    assert shown.stdout.strip() == receiving.ask(lambda client: client.real_time.url("plain")).url
    listed = receiving.opagent("event", "list")
    assert "Events are not received." in listed.stdout
    assert {"plain", "signed"} <= set(listed.stdout.split())
    renewed = json.loads(receiving.opagent("event", "renew", "plain", "--json").stdout)
    assert renewed["url"] != shown.stdout.strip()


def _state(service: RunningService) -> event_models.RealTime:
    return service.ask(lambda client: client.real_time.state())


def _inbox(service: RunningService, flow: str) -> event_models.Inbox:
    return next(inbox for inbox in _state(service).inboxes if inbox.flow == flow)


def _post(url: str) -> int:
    async def post() -> int:
        async with httpx.AsyncClient(trust_env=False) as client:
            return (await client.post(url, json={"id": "a"})).status_code

    return asyncio.run(post())
