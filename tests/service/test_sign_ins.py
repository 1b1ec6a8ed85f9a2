"""App Configurations at whose app a person signs in: whose sign-in it is, and that what the app replaces is kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from agent.api import configuration_models
from agent.api.client import AgentClient
from agent.api.configuration_models import ConfigurationState, ValidationState
from agent.store.configurations import secret_name
from tests.connectors.rest.shop import CLIENT, DESCRIPTION, SECRET, Service, running_service
from tests.connectors.rest.test_sign_in import browser
from tests.helpers.postgres_server import free_port
from tests.service.asking import set_up_vault
from tests.service.inside import Inside


@pytest.fixture
def service() -> Iterator[Service]:
    with running_service() as running:
        yield running


def draft_of(
    service: Service, name: str, port: int, *, stored: str | None = None, scope: str = ""
) -> configuration_models.ConfigurationDraft:
    origin = service.base.removesuffix("/api")
    values = {
        "base_url": service.base, "authentication": "OAuth 2.0, a person signs in", "client_id": CLIENT,
        "authorization_url": f"{origin}/authorize", "token_url": f"{origin}/token", "private": "Allow",
        "redirect_address": f"http://127.0.0.1:{port}/signed-in", "description": DESCRIPTION, "scope": scope,
    }  # fmt: skip
    secrets = {"client_secret_if_any": SecretStr(SECRET)}
    return configuration_models.ConfigurationDraft(id=stored, app="rest", name=name, values=values, secrets=secrets)


async def validated(
    client: AgentClient, draft: configuration_models.ConfigurationDraft, *, signs_in: bool = True
) -> configuration_models.Validation:
    """Validate to the end, or cancel where a person would have to sign in."""
    validation = await client.validate(draft)
    while validation.state is ValidationState.RUNNING:
        validation = await client.validation(validation.id, wait_seconds=20)
        if validation.sign_in_url and not signs_in:
            return await client.cancel_validation(validation.id)
        if validation.sign_in_url:
            await browser(validation.sign_in_url)
    return validation


def kept(inside: Inside, configuration: configuration_models.Configuration) -> str:
    """The refresh token in the vault."""
    secret = inside.parts.secrets.get(secret_name(configuration.id, "refresh_token"))
    assert secret is not None
    return secret.reveal()


async def test_a_sign_in_belongs_to_the_configuration_that_it_was_made_for(
    inside: Inside, service: Service, tmp_path: Path
) -> None:
    """Another one with the same fields, for another account, must not get it."""
    port = free_port()
    async with inside.client() as client:
        await set_up_vault(client, tmp_path)
        assert (await validated(client, draft_of(service, "A", port))).state is ValidationState.SUCCESS
        first = (await client.save_configuration(draft_of(service, "A", port))).configuration
        assert (first.state, "refresh_token" in first.secrets) == (ConfigurationState.VALIDATED, True)

        for name in ("B", "C"):
            if name == "C":
                cancelled = await validated(client, draft_of(service, name, port), signs_in=False)
                assert cancelled.state is ValidationState.CANCELLED
            other = (await client.save_configuration(draft_of(service, name, port))).configuration
            assert (other.state, "refresh_token" in other.secrets) == (ConfigurationState.SAVED, False)


async def test_what_the_service_replaces_is_kept_whoever_asks(inside: Inside, service: Service, tmp_path: Path) -> None:
    port = free_port()
    async with inside.client() as client:
        await set_up_vault(client, tmp_path)
        await validated(client, draft_of(service, "A", port))
        stored = (await client.save_configuration(draft_of(service, "A", port))).configuration
        assert kept(inside, stored) == service.refresh

        # Validated with something changed, and not saved.
        await validated(client, draft_of(service, "A", port, stored=stored.id, scope="less"))
        assert service.tokens == 2
        assert kept(inside, stored) == service.refresh

        # Tested by a deployment, where nobody is there to sign in.
        service.revoked = service.tokens
        test = await inside.parts.validations.start(draft_of(service, "A", port, stored=stored.id), asks=False)
        while test.state is ValidationState.RUNNING:
            test = await inside.parts.validations.get(test.id, wait_seconds=20)
        assert (test.state, service.tokens) == (ValidationState.SUCCESS, 3)
        assert kept(inside, stored) == service.refresh


async def test_without_anybody_to_sign_in_a_test_says_so(inside: Inside, service: Service, tmp_path: Path) -> None:
    async with inside.client() as client:
        await set_up_vault(client, tmp_path)
        test = await inside.parts.validations.start(draft_of(service, "A", free_port()), asks=False)
        while test.state is ValidationState.RUNNING:
            test = await inside.parts.validations.get(test.id, wait_seconds=20)
    assert test.problem is not None
    assert (test.problem.code, test.problem.field) == ("sign-in-needed", "refresh_token")
    assert not any("/authorize" in asked for asked in service.asked)
