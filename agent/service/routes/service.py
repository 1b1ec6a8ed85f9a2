"""The service itself: health, state, events, vault, operators, settings, clearing, the end."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import SecretStr

from agent import __version__
from agent.api import clearing_models, operator_models, service_models, setting_models, vault_models
from agent.domain.secret import Secret
from agent.service import answers
from agent.service.routes.asking import PROBLEMS, Agent, Name, Who

router = APIRouter(responses=PROBLEMS)
_HEARTBEAT_SECONDS = 15.0
_EVENTS: dict[int | str, dict[str, Any]] = {
    200: {"description": "The stream.", "content": {"text/event-stream": {"schema": {"type": "string"}}}}
}
Challenge = Annotated[str, Query(max_length=100, description="Anything that has not been asked before.")]


@router.get("/health", tags=["service"])
async def health(request: Request, agent: Agent, challenge: Challenge = "") -> service_models.Health:
    """Whether the service answers. Wants no token; shows that it knows the token, so that a client may send it."""
    return service_models.Health(version=__version__, pid=agent.pid, proof=request.app.state.prove(challenge))


@router.get("/state", tags=["service"])
def state(agent: Agent) -> service_models.ServiceState:
    """What the service is and does."""
    return agent.state()


@router.post("/stop", status_code=202, tags=["service"], response_class=Response)
async def stop(request: Request, who: Who) -> Response:
    """Drain runs to their next checkpoint, then end."""
    request.app.state.stop(f"Stopped by {who}.")
    return Response(status_code=202)


@router.get("/events", tags=["service"], response_class=StreamingResponse, responses=_EVENTS)
async def events(agent: Agent) -> StreamingResponse:
    """Server-sent events: each `data` line is an `Event` in JSON. A comment every 15 s keeps the stream alive."""

    frames = agent.hub.frames(heartbeat_seconds=_HEARTBEAT_SECONDS)
    return StreamingResponse(frames, media_type="text/event-stream", headers={"Cache-Control": "no-store"})


@router.put("/vault", tags=["vault"])
def set_up_vault(agent: Agent, choice: vault_models.VaultSetUp) -> vault_models.Vault:
    """Choose where the vault's key comes from."""
    keeper, passphrase = agent.secrets.keeper, _passphrase(agent, choice.passphrase)
    path = Path(choice.path) if choice.path else None
    keeper.set_up(choice.kind, passphrase=passphrase, path=path, start_afresh=choice.start_afresh)
    agent.vault_opened()
    return answers.vault(keeper.report())


@router.put("/vault/source", tags=["vault"])
def change_vault_source(agent: Agent, who: Who, change: vault_models.VaultSourceChange) -> vault_models.Vault:
    """Let the key of the open vault come from another source."""
    agent.own_database.refuse_source(change.kind)
    keeper, passphrase = agent.secrets.keeper, _passphrase(agent, change.passphrase)
    keeper.change_source(change.kind, passphrase=passphrase, path=Path(change.path) if change.path else None)
    agent.journal.write("info", f"{who} gave the vault a new key. It comes from: {change.kind}.")
    agent.environment_changed()
    return answers.vault(keeper.report())


@router.post("/vault/unlock", tags=["vault"])
def unlock_vault(agent: Agent, unlock: vault_models.VaultUnlock) -> vault_models.Vault:
    """Open a locked vault."""
    keeper = agent.secrets.keeper
    keeper.open(_passphrase(agent, unlock.passphrase))
    agent.vault_opened()
    return answers.vault(keeper.report())


@router.post("/sessions", tags=["operators"])
def sign_in(agent: Agent, request: operator_models.SignIn) -> operator_models.Session:
    """Sign in, or create the first operator."""
    session = agent.operators.sign_in(request.name, Secret(request.password.get_secret_value()))
    agent.journal.write("info", f"{session.name} signed in.")
    agent.environment_changed()
    return session


@router.put("/operators/password", status_code=204, tags=["operators"], response_class=Response)
def change_password(agent: Agent, change: operator_models.PasswordChange) -> Response:
    """Change an operator's password; the present one is wanted. Every session of that operator ends."""
    old, new = Secret(change.old.get_secret_value()), Secret(change.new.get_secret_value())
    name = agent.operators.change_password(change.name, old, new)
    agent.journal.write("warning", f"{name} changed the password; every session of {name} has ended.")
    return Response(status_code=204)


@router.delete("/sessions", status_code=204, tags=["operators"], response_class=Response)
async def sign_off(request: Request, agent: Agent) -> Response:
    """End the session in the `Operator-Session` header."""
    session = request.scope.get("session")
    if session:
        agent.operators.sign_off(session)
    return Response(status_code=204)


@router.get("/settings", tags=["settings"])
def settings(agent: Agent) -> list[setting_models.Setting]:
    """Every setting with its declaration."""
    return agent.desk.all()


@router.put("/settings/{name}", tags=["settings"])
def change_setting(agent: Agent, who: Who, name: Name, change: setting_models.SettingChange) -> setting_models.Setting:
    """Change one setting."""
    changed = agent.desk.change(name, change.value)
    agent.journal.write("info", f"{who} set “{changed.label}” to “{changed.value}”.")
    return changed


@router.get("/clear/{target}", tags=["clear"])
def clear_preview(agent: Agent, target: clearing_models.ClearTarget) -> clearing_models.ClearReport:
    """What clearing would remove."""
    return agent.clearing.report(target, dry_run=True)


@router.post("/clear/{target}", tags=["clear"])
async def clear(agent: Agent, who: Who, target: clearing_models.ClearTarget) -> clearing_models.ClearReport:
    """Clear Temp or Cache."""
    report = await asyncio.to_thread(agent.clearing.report, target, dry_run=False)
    agent.journal.write("info", f"{who} cleared {target.value}: {report.files:,} files, {report.bytes:,} bytes.")
    return report


def _passphrase(agent: Agent, given: SecretStr | None) -> Secret | None:
    """What was typed, kept out of every text from now on."""
    if given is None:
        return None
    passphrase = Secret(given.get_secret_value())
    agent.secrets.know([passphrase])
    return passphrase
