"""The stand-in stays faithful to the client that it stands in for."""

from __future__ import annotations

import asyncio
import inspect

import pytest

from agent.api import configuration_models, live_models
from agent.api.client import AgentClient
from agent.domain.errors import AgentError, ConflictError, TransientError
from tests.helpers.fake_client import FakeClient


def _public(kind: type) -> dict[str, inspect.Signature]:
    return {
        name: inspect.signature(member)
        for name, member in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_")
    }


def test_it_has_every_method_of_the_client_with_the_same_parameters() -> None:
    real, fake = _public(AgentClient), _public(FakeClient)
    for name, signature in real.items():
        assert name in fake
        wanted = [(one.name, one.kind, one.default) for one in signature.parameters.values()]
        assert [(one.name, one.kind, one.default) for one in fake[name].parameters.values()] == wanted, name


def test_methods_that_the_client_awaits_are_awaited_here_too() -> None:
    for name in _public(AgentClient):
        real, fake = getattr(AgentClient, name), getattr(FakeClient, name)
        assert inspect.iscoroutinefunction(real) == inspect.iscoroutinefunction(fake), name
        assert inspect.isasyncgenfunction(real) == inspect.isasyncgenfunction(fake), name


async def test_a_hanging_method_waits_until_it_is_cancelled() -> None:
    fake = FakeClient()
    fake.hang.add("flows")
    task = asyncio.create_task(fake.flows())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert fake.cancelled == ["flows"]


async def test_wrong_credentials_are_refused_without_saying_which_part_was_wrong() -> None:
    fake = FakeClient()
    with pytest.raises(AgentError) as wrong_name:
        await fake.sign_in("bert", "correct horse")
    with pytest.raises(AgentError) as wrong_password:
        await fake.sign_in("anna", "nonsense")
    assert str(wrong_name.value) == str(wrong_password.value)


async def test_saving_keeps_the_hint_of_a_secret_that_was_left_out() -> None:
    fake = FakeClient()
    draft = configuration_models.ConfigurationDraft(
        id="c-main", app="bigcommerce", name="Demo Outdoor", values={"username": "x"}
    )
    saved = await fake.save_configuration(draft)
    assert saved.configuration.secrets == {"api_token": "••••9f3c"}


async def test_a_configuration_in_use_is_not_removed() -> None:
    fake = FakeClient()
    with pytest.raises(ConflictError, match="is used by"):
        await fake.remove_configuration("c-main")
    assert "c-main" in fake.stored


async def test_log_pages_are_dense_and_end_at_the_last_line() -> None:
    fake = FakeClient(log_lines=300)
    page = await fake.log_page(257, 256)
    assert [entry.id for entry in page.items] == list(range(257, 301))


async def test_an_event_reaches_a_listener() -> None:
    fake = FakeClient()
    stream = fake.events()
    waiting = asyncio.ensure_future(anext(stream))
    for _ in range(10):
        await asyncio.sleep(0)
    assert fake.listeners == 1
    fake.emit(live_models.EventKind.FLOW, {"name": "orders"})
    assert (await waiting).data == {"name": "orders"}
    fake.end_events()
    with pytest.raises(TransientError):
        await anext(stream)
