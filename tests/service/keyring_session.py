"""Run inside a D-Bus session with a keyring: save a secret, kill the service, start it again, and see what is there.

`python keyring_session.py HOME API_PATH`, with the store's token on standard input. Says what it saw in a line of JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from pydantic import SecretStr

from agent.api import configuration_models, vault_models
from agent.api.client import AgentClient
from agent.domain.errors import AgentError
from tests.helpers.running_service import service_below

_NAME = "Store"


def main(home: Path, api_path: str, token: str) -> dict[str, object]:
    """What was seen, by what it is."""
    with service_below(home) as service:
        service.start()
        said = service.ask(lambda client: _save(client, api_path, token))
        if "saved" in said:
            service.kill()
            service.start()
        if "error" not in said:
            said |= service.ask(_use)
        service.stop()
        return said


async def _save(client: AgentClient, api_path: str, token: str) -> dict[str, object]:
    vault = (await client.state()).vault
    said: dict[str, object] = {"first": vault.state}
    try:
        if vault.state == "not set up":
            await client.set_up_vault(vault_models.VaultSetUp(kind="system"))
        else:
            await client.unlock_vault()
        if not await client.configurations():
            draft = configuration_models.ConfigurationDraft(
                app="bigcommerce", name=_NAME, values={"api_path": api_path}, secrets={"api_token": SecretStr(token)}
            )
            said["saved"] = (await client.save_configuration(draft)).message
    except AgentError as error:
        said |= {"error": error.code, "remedy": error.remedy, "state": (await client.state()).vault.state}
    return said


async def _use(client: AgentClient) -> dict[str, object]:
    (stored,) = await client.configurations()
    vault = (await client.state()).vault
    draft = configuration_models.ConfigurationDraft(
        id=stored.id, app=stored.app, name=stored.name, values=stored.values
    )
    validation = await client.validate(draft)
    while validation.state is configuration_models.ValidationState.RUNNING:
        validation = await client.validation(validation.id, wait_seconds=20)
    source = vault.source.kind if vault.source is not None else ""
    return {"after": vault.state, "source": source, "validated": validation.message}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(Path(sys.argv[1]), sys.argv[2], sys.stdin.read())) + "\n")
