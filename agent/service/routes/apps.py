"""Apps, App Configurations and validations."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Response

from agent.api import app_models, configuration_models
from agent.service.routes.asking import PROBLEMS, Agent, Name, WaitSeconds, Who

router = APIRouter(responses=PROBLEMS, tags=["apps"])


@router.get("/apps")
def apps(agent: Agent) -> list[app_models.App]:
    """Every app that has a connector here."""
    return agent.configurations.apps()


@router.get("/apps/{app}/schemas")
def schemas(agent: Agent, app: Name) -> list[app_models.Schema]:
    """An app's schemas with their attributes and actions."""
    return agent.configurations.schemas(app)


@router.get("/configurations/{configuration_id}/schemas")
async def described(agent: Agent, configuration_id: Name) -> list[app_models.Schema]:
    """The schemas that are there at the other end of a configuration: of a database its tables and views."""
    return await agent.configurations.described(configuration_id)


@router.get("/configurations")
def configurations(agent: Agent) -> list[configuration_models.Configuration]:
    """Every App Configuration."""
    return agent.configurations.all()


@router.post("/configurations")
async def save_configuration(
    agent: Agent, who: Who, draft: configuration_models.ConfigurationDraft
) -> configuration_models.Saved:
    """Save: plain values into the store, secrets into the vault."""
    entered = await asyncio.to_thread(agent.configurations.prepare, draft)
    prepared = agent.validations.signed_in(draft, entered)
    proof = agent.validations.proof(draft.app, prepared)
    saved = await asyncio.to_thread(agent.configurations.save, draft, prepared, proof)
    agent.validations.saved(draft, entered)
    agent.journal.write("info", f"{who} saved the App Configuration “{saved.configuration.name}”.")
    return saved


@router.delete("/configurations/{configuration_id}", status_code=204, response_class=Response)
def remove_configuration(agent: Agent, who: Who, configuration_id: Name) -> Response:
    """Remove a configuration and its secrets."""
    agent.configurations.remove(configuration_id)
    agent.journal.write("info", f"{who} removed an App Configuration.", detail=configuration_id)
    return Response(status_code=204)


@router.post("/validations", status_code=202)
async def validate(agent: Agent, draft: configuration_models.ConfigurationDraft) -> configuration_models.Validation:
    """Start a validation."""
    return await agent.validations.start(draft)


@router.get("/validations/{validation_id}")
async def validation(
    agent: Agent, validation_id: Name, wait_seconds: WaitSeconds = 0
) -> configuration_models.Validation:
    """A validation; waits for its next progress or its end."""
    return await agent.validations.get(validation_id, wait_seconds=wait_seconds)


@router.delete("/validations/{validation_id}")
async def cancel_validation(agent: Agent, validation_id: Name) -> configuration_models.Validation:
    """Cancel a validation."""
    return await asyncio.shield(agent.validations.cancel(validation_id))
