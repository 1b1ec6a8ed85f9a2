"""The vault of a real service over its restarts: the operating system's one, and one with a passphrase."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from agent.api import configuration_models, flow_models, run_models, service_models, vault_models
from agent.api.client import AgentClient
from agent.domain.errors import AgentError
from agent.domain.run import RunState
from agent.sandbox import RunningSandbox
from agent.sandbox.faults import Fault, FaultKind
from tests.helpers import login_keyring
from tests.helpers.running_service import RunningService
from tests.service.asking import database_draft, store_draft, validated

PASSPHRASE = "a passphrase for the vault"


def session(folder: Path, shop: RunningSandbox, before: str) -> dict[str, Any]:
    """What a service sees in a session of its own, whose keyring was treated that way before."""
    program = [sys.executable, "-m", "tests.service.keyring_session", str(folder / "agent"), shop.api_path]
    return login_keyring.in_session(folder, before, program, stdin=shop.token)


@login_keyring.needs_keyring
def test_the_systems_vault_gives_the_secrets_back_after_a_crash_and_when_it_is_unlocked_again(
    tmp_path: Path, shop: RunningSandbox
) -> None:
    good = {"after": "open", "source": "system", "validated": "Test Connection Successful"}
    first = session(tmp_path, shop, login_keyring.UNLOCK)
    assert first == {"first": "not set up", "saved": "Connection Data Saved"} | good

    locked = session(tmp_path, shop, login_keyring.START_LOCKED)
    assert (locked["first"], locked["state"]) == ("locked", "locked")
    assert locked["error"] in ("vault-source-locked", "vault-source-silent")
    assert "Unlock" in locked["remedy"]

    assert session(tmp_path, shop, login_keyring.UNLOCK) == {"first": "open"} | good


def test_with_a_passphrase_runs_wait_after_a_restart_until_somebody_unlocks(
    service: RunningService, shop: RunningSandbox, tmp_path: Path
) -> None:
    async def prepare(client: AgentClient) -> str:
        choice = vault_models.VaultSetUp(kind="passphrase", passphrase=SecretStr(PASSPHRASE))
        assert (await client.set_up_vault(choice)).state == "open"
        await client.change_setting("enable_environment", "true")
        await client.save_configuration(store_draft(shop))
        await client.save_configuration(database_draft(tmp_path / "shop.db"))
        (sample,) = [one for one in await client.samples() if one.file == "orders-to-database.yaml"]
        await client.deploy(flow_models.DocumentRequest(document=sample.document, file=sample.file))
        shop.store.add_fault(Fault(FaultKind.HANG_BEFORE))  # so that the run cannot end before the crash
        return (await client.execute("orders-to-database")).id

    async def look(client: AgentClient) -> tuple[str, str, RunState]:
        state = await client.state()
        return state.vault.state, state.environment.value, (await client.run(run_id)).state

    async def unlock(client: AgentClient) -> run_models.Run:
        with pytest.raises(AgentError) as raised:
            await client.unlock_vault("not the passphrase")
        assert raised.value.code == "vault-passphrase"
        assert (await client.unlock_vault(PASSPHRASE)).state == "open"
        assert (await client.state()).environment is service_models.EnvironmentState.RUNNING
        run = await client.run(run_id, wait_seconds=20)
        (store,) = [one for one in await client.configurations() if one.app == "bigcommerce"]
        draft = store_draft(shop, stored=store.id, token=None)
        assert (await validated(client, draft)).message == "Test Connection Successful"
        return run

    service.start()
    run_id = service.ask(prepare)
    service.kill()
    shop.store.clear_faults()

    service.start()
    vault, environment, state = service.ask(look)
    assert (vault, environment, state.ended) == ("locked", "Starting", False)
    with pytest.raises(AgentError) as raised:
        service.ask(lambda client: client.execute("orders-to-database"))
    assert raised.value.code == "environment-starting"
    assert "unlock" in raised.value.remedy

    run = service.ask(unlock)
    assert (run.state, run.counts.written) == (RunState.SUCCESS, 40)
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        assert connection.execute("SELECT count(*) FROM orders").fetchone() == (40,)


def test_what_was_lost_with_a_vault_can_be_entered_again(service: RunningService, shop: RunningSandbox) -> None:
    async def lose(client: AgentClient) -> str:
        key_file = str(service.home / "vault.key")
        await client.set_up_vault(vault_models.VaultSetUp(kind="key-file", path=key_file))
        return (await client.save_configuration(store_draft(shop))).configuration.id

    async def recover(client: AgentClient) -> configuration_models.Validation:
        vault = (await client.state()).vault
        assert (vault.state, vault.cure != "") == ("missing", True)
        choice = vault_models.VaultSetUp(kind="key-file", path=str(service.home / "second.key"))
        with pytest.raises(AgentError) as raised:
            await client.set_up_vault(choice)
        assert raised.value.code == "vault-missing"
        afresh = choice.model_copy(update={"start_afresh": True})
        assert (await client.set_up_vault(afresh)).state == "open"
        stored = store_draft(shop, stored=configuration_id, token=None)
        with pytest.raises(AgentError) as raised:
            await client.validate(stored)
        assert (raised.value.code, raised.value.field) == ("field-empty", "api_token")
        await client.save_configuration(store_draft(shop, stored=configuration_id))
        return await validated(client, stored)

    service.start()
    configuration_id = service.ask(lose)
    service.stop()
    service.folders.vault.unlink()
    service.start()
    assert service.ask(recover).message == "Test Connection Successful"


def test_the_key_can_come_from_elsewhere_and_the_secrets_stay(service: RunningService, shop: RunningSandbox) -> None:
    key_file = service.home / "vault.key"

    async def prepare(client: AgentClient) -> str:
        change = vault_models.VaultSourceChange(kind="passphrase", passphrase=SecretStr(PASSPHRASE))
        with pytest.raises(AgentError) as raised:
            await client.change_vault_source(change)
        assert raised.value.code == "vault-not-set-up"
        await client.set_up_vault(vault_models.VaultSetUp(kind="key-file", path=str(key_file)))
        saved = (await client.save_configuration(store_draft(shop))).configuration.id
        assert (await client.change_vault_source(change)).state == "open"
        return saved

    async def look(client: AgentClient) -> configuration_models.Validation:
        assert (await client.state()).vault.state == "locked"
        await client.unlock_vault(PASSPHRASE)
        return await validated(client, store_draft(shop, stored=saved, token=None))

    async def look_again(client: AgentClient) -> configuration_models.Validation:
        for _ in range(2_000):  # the service answers before it has opened the vault
            if (await client.state()).vault.state == "open":
                break
        return await validated(client, store_draft(shop, stored=saved, token=None))

    service.start()
    saved = service.ask(prepare)
    assert key_file.read_text() == "", "the key before is gone"
    service.stop()
    service.start()
    assert service.ask(look).message == "Test Connection Successful"

    changed = service.opagent("vault", "change-source", "key-file", "--path", str(key_file))
    assert (changed.returncode, "Vault: open" in changed.stdout) == (0, True)
    service.stop()
    service.start()
    assert service.ask(look_again).message == "Test Connection Successful"
