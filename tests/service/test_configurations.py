"""App Configurations through the contract: Validate, Save, edit, remove, with a real store at the other end."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from pydantic import SecretStr

from agent.api import configuration_models, flow_models
from agent.api.app_models import AppStatus
from agent.api.client import AgentClient
from agent.api.configuration_models import ConfigurationState, ValidationState
from agent.api.live_models import EventKind
from agent.domain.errors import AgentError, ConflictError, NotFoundError
from agent.sandbox import RunningSandbox
from agent.sandbox.faults import Fault, FaultKind
from tests.service.asking import database_draft, ended, facts, set_up_vault, store_draft, validated
from tests.service.inside import Inside


async def status(client: AgentClient, app: str = "bigcommerce") -> tuple[AppStatus, int]:
    card = next(one for one in await client.apps() if one.id == app)
    return card.status, card.configurations


async def only(client: AgentClient) -> configuration_models.Configuration:
    (found,) = await client.configurations()
    return found


def wait_for(shop: RunningSandbox, counted: str) -> None:
    """Wait until the store has counted one of these."""
    end = time.monotonic() + 20
    while shop.store.stats()[counted] == 0:
        assert time.monotonic() < end, f"the store has not counted any {counted}"
        time.sleep(0.01)


async def test_validate_then_save_and_the_card_shows_it(inside: Inside, shop: RunningSandbox, tmp_path: Path) -> None:
    async with inside.client() as client:
        await set_up_vault(client, tmp_path)
        assert await status(client) == (AppStatus.NOT_CONFIGURED, 0)

        begun = await client.validate(store_draft(shop))
        assert (begun.state, begun.progress) == (ValidationState.RUNNING, ["Contacting BigCommerce …"])
        done = await ended(client, begun)
        assert (done.state, done.message) == (ValidationState.SUCCESS, "Test Connection Successful")
        assert facts(done)["Store ID"] == "demo1"
        assert (facts(done)["Read orders"], facts(done)["Write stock"]) == ("yes", "yes")
        assert len(done.progress) > 1
        assert await client.configurations() == [], "Validate stores nothing"

        saved = await client.save_configuration(store_draft(shop))
        assert saved.message == "Connection Data Saved"
        configuration = await only(client)
        assert configuration == saved.configuration
        assert configuration.state is ConfigurationState.VALIDATED, "exactly this was tested a moment ago"
        assert facts(configuration) == facts(done)
        assert configuration.secrets == {"api_token": f"••••{shop.token[-4:]}"}
        assert await status(client) == (AppStatus.VALIDATED, 1)


async def test_saved_but_not_validated_is_visible_until_it_is_validated(
    inside: Inside, shop: RunningSandbox, tmp_path: Path
) -> None:
    async with inside.client() as client:
        await set_up_vault(client, tmp_path)
        saved = (await client.save_configuration(store_draft(shop))).configuration
        assert (saved.state, saved.validated_at) == (ConfigurationState.SAVED, None)
        assert await status(client) == (AppStatus.SAVED, 1)

        stored = store_draft(shop, stored=saved.id, token=None)
        with inside.parts.hub.listen() as listener:
            assert (await validated(client, stored)).state is ValidationState.SUCCESS
            kinds = []
            while EventKind.CONFIGURATION not in kinds:
                event = await listener.next(10)
                assert event is not None
                kinds.append(event.kind)
        assert (await only(client)).state is ConfigurationState.VALIDATED

        shop.store.add_fault(Fault(FaultKind.STATUS, status=503))
        failed = await validated(client, stored)
        assert failed.state is ValidationState.FAILED
        assert failed.problem is not None
        configuration = await only(client)
        assert (configuration.state, await status(client)) == (ConfigurationState.FAILED, (AppStatus.FAILED, 1))
        assert failed.problem.title in configuration.message
        assert configuration.validated_at is not None, "it still says when it worked"

        shop.store.clear_faults()
        await validated(client, stored)
        assert (await only(client)).state is ConfigurationState.VALIDATED


async def test_a_secret_that_was_not_touched_is_kept(inside: Inside, shop: RunningSandbox, tmp_path: Path) -> None:
    async with inside.client() as client:
        await set_up_vault(client, tmp_path)
        await validated(client, store_draft(shop))
        first = (await client.save_configuration(store_draft(shop))).configuration

        renamed = store_draft(shop, stored=first.id, name="Main store", token=None)
        second = (await client.save_configuration(renamed)).configuration
        assert (second.id, second.name, second.secrets) == (first.id, "Main store", first.secrets)
        assert second.state is ConfigurationState.VALIDATED, "a name proves nothing and disproves nothing"

        moved = store_draft(shop, stored=first.id, name="Main store", token=None, username="somebody else")
        third = (await client.save_configuration(moved)).configuration
        assert (third.secrets, third.state) == (first.secrets, ConfigurationState.SAVED)
        assert (await validated(client, moved)).state is ValidationState.SUCCESS

        wrong = store_draft(shop, stored=first.id, name="Main store", token="another token of the store")
        fourth = (await client.save_configuration(wrong)).configuration
        assert fourth.secrets == {"api_token": "••••tore"}
        assert (await validated(client, store_draft(shop, stored=first.id, token=None))).state is ValidationState.FAILED


async def test_what_was_changed_while_saving_is_told(inside: Inside, shop: RunningSandbox, tmp_path: Path) -> None:
    async with inside.client() as client:
        await set_up_vault(client, tmp_path)
        pasted = store_draft(shop, token=f"  {shop.token}\n", api_path=f"  {shop.api_path.removesuffix('v3/')} ")
        saved = await client.save_configuration(pasted)
        assert len(saved.notes) >= 2
        tidy = await client.save_configuration(store_draft(shop, stored=saved.configuration.id))
        assert tidy.configuration.values == saved.configuration.values


async def test_several_configurations_of_an_app_have_names_of_their_own(
    inside: Inside, shop: RunningSandbox, tmp_path: Path
) -> None:
    async with inside.client() as client:
        await set_up_vault(client, tmp_path)
        await client.save_configuration(store_draft(shop, name="Köln"))
        second = (await client.save_configuration(store_draft(shop, name="Bonn"))).configuration
        for draft in (
            store_draft(shop, name="KÖLN"),
            store_draft(shop, name=" Köln "),
            store_draft(shop, name="köln", stored=second.id, token=None),
        ):
            with pytest.raises(ConflictError) as raised:
                await client.save_configuration(draft)
            assert (raised.value.code, raised.value.field) == ("name-taken", "name")
        await client.save_configuration(database_draft(tmp_path / "shop.db", name="Köln"))
        assert await status(client) == (AppStatus.SAVED, 2)


async def test_two_saves_of_one_name_at_once_leave_one(inside: Inside, shop: RunningSandbox, tmp_path: Path) -> None:
    async with inside.client() as client:
        await set_up_vault(client, tmp_path)
        results = await asyncio.gather(
            *(client.save_configuration(store_draft(shop, name=name)) for name in ("Store", "STORE") * 4),
            return_exceptions=True,
        )
        assert sorted(type(result).__name__ for result in results) == ["ConflictError"] * 7 + ["Saved"]
        (stored,) = await client.configurations()
        assert inside.parts.secrets.keeper.vault.names() == [f"configuration/{stored.id}/api_token"]


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"app": "nothing"}, "app-not-found", "app"),
        ({"values": {"api_path": "", "username": "x"}}, "field-empty", "api_path"),
        ({"secrets": {}}, "field-empty", "api_token"),
        ({"values": {"api_token": "typed into the wrong place"}}, "field-unknown", "api_token"),
        ({"secrets": {"username": SecretStr("typed into the wrong place")}}, "field-unknown", "username"),
        ({"values": {"colour": "blue"}}, "field-unknown", None),
        ({"id": "0123456789abcdef"}, "configuration-not-found", None),
        ({"name": "   "}, "request-invalid", "name"),
    ],
)
async def test_what_cannot_be_right_is_refused_with_its_field(
    shared_inside: Inside, shop: RunningSandbox, change: dict[str, object], code: str, field: str | None
) -> None:
    draft = configuration_models.ConfigurationDraft.model_construct(**{**dict(store_draft(shop)), **change})
    async with shared_inside.client() as client:
        for asked in (client.validate, client.save_configuration):
            with pytest.raises(AgentError) as raised:
                await asked(draft)
            assert (raised.value.code, raised.value.field) == (code, field)
            assert "typed into the wrong place" not in str(vars(raised.value))
    assert shop.store.stats()["requests"] == 0


async def test_a_failed_validation_says_what_is_wrong_and_where_and_heals(
    inside: Inside, shop: RunningSandbox, tmp_path: Path
) -> None:
    async with inside.client() as client:
        await set_up_vault(client, tmp_path)
        wrong = await validated(client, store_draft(shop, token="this is not the token"))
        assert wrong.problem is not None
        assert (wrong.state, wrong.problem.code, wrong.problem.field) == (
            ValidationState.FAILED,
            "credentials-rejected",
            "api_token",
        )
        assert wrong.problem.remedy
        kept = (await client.save_configuration(store_draft(shop, token="this is not the token"))).configuration
        assert kept.state is ConfigurationState.FAILED, "Save keeps it, and keeps saying so"
        assert (await validated(client, store_draft(shop))).message == "Test Connection Successful"
        healed = (await client.save_configuration(store_draft(shop, stored=kept.id))).configuration
        assert healed.state is ConfigurationState.VALIDATED


async def test_cancelling_drops_the_request_in_flight(inside: Inside, shop: RunningSandbox) -> None:
    shop.store.add_fault(Fault(FaultKind.HANG_BEFORE))
    async with inside.client() as client:
        begun = await client.validate(store_draft(shop))
        await asyncio.to_thread(wait_for, shop, "faults_struck")
        cancelled = await client.cancel_validation(begun.id)
        assert (cancelled.state, cancelled.message) == (ValidationState.CANCELLED, "Validation cancelled.")
        assert await client.cancel_validation(begun.id) == cancelled
        await asyncio.to_thread(wait_for, shop, "given_up")
        shop.store.clear_faults()
        assert (await validated(client, store_draft(shop))).state is ValidationState.SUCCESS


async def test_progress_and_end_are_told_as_events(inside: Inside, shop: RunningSandbox) -> None:
    async with inside.client() as client:
        with inside.parts.hub.listen() as listener:
            begun = await client.validate(store_draft(shop))
            seen: list[configuration_models.Validation] = []
            while not seen or seen[-1].state is ValidationState.RUNNING:
                event = await listener.next(20)
                assert event is not None
                if event.kind is EventKind.VALIDATION:
                    seen.append(configuration_models.Validation.model_validate(event.data))
        assert {one.id for one in seen} == {begun.id}
        assert [len(one.progress) for one in seen] == sorted(len(one.progress) for one in seen)
        assert seen[-1].message == "Test Connection Successful"


async def test_without_a_vault_save_says_what_to_do_and_validate_works(
    inside: Inside, shop: RunningSandbox, tmp_path: Path
) -> None:
    async with inside.client() as client:
        assert (await validated(client, store_draft(shop))).state is ValidationState.SUCCESS
        with pytest.raises(AgentError) as raised:
            await client.save_configuration(store_draft(shop))
        assert (raised.value.code, raised.value.remedy != "") == ("vault-not-set-up", True)
        assert await client.configurations() == []
        await client.save_configuration(database_draft(tmp_path / "shop.db"))
        await set_up_vault(client, tmp_path)
        assert (await client.save_configuration(store_draft(shop))).configuration.state is ConfigurationState.VALIDATED


async def test_with_a_locked_or_missing_vault_nothing_is_half_done(
    inside: Inside, shop: RunningSandbox, tmp_path: Path
) -> None:
    async with inside.client() as client:
        await set_up_vault(client, tmp_path)
        saved = (await client.save_configuration(store_draft(shop))).configuration
        stored, typed = store_draft(shop, stored=saved.id, token=None), store_draft(shop, stored=saved.id)

        inside.parts.secrets.keeper.vault.lock()
        assert (await client.state()).vault.state == "locked"
        for work in (client.save_configuration(stored), client.save_configuration(typed), client.validate(stored),
                     client.remove_configuration(saved.id)):  # fmt: skip
            with pytest.raises(AgentError) as raised:
                await work
            assert (raised.value.code, raised.value.remedy != "") == ("vault-locked", True)
        # With the token typed in again there is nothing to look up, and the test itself works.
        assert (await validated(client, typed)).state is ValidationState.SUCCESS
        assert await only(client) == saved
        await client.unlock_vault()
        assert (await validated(client, stored)).state is ValidationState.SUCCESS

        vault = inside.parts.folders.vault
        away = vault.rename(tmp_path / "away.json")
        with pytest.raises(AgentError) as raised:
            await client.save_configuration(stored)
        assert raised.value.code == "vault-missing"
        assert "backup" in raised.value.remedy
        away.rename(vault)
        await client.unlock_vault()
        assert (await client.save_configuration(stored)).configuration.state is ConfigurationState.VALIDATED


async def test_a_configuration_in_use_is_not_removed_and_names_its_users(
    running_inside: Inside, shop: RunningSandbox, tmp_path: Path
) -> None:
    async with running_inside.client() as client:
        await set_up_vault(client, tmp_path)
        await client.change_setting("enable_environment", "true")
        store = (await client.save_configuration(store_draft(shop))).configuration
        database = (await client.save_configuration(database_draft(tmp_path / "shop.db"))).configuration
        (sample,) = [one for one in await client.samples() if one.file == "orders-to-database.yaml"]
        await client.deploy(flow_models.DocumentRequest(document=sample.document, file=sample.file))
        assert {one.id: one.used_by for one in await client.configurations()} == {
            store.id: ["orders-to-database"],
            database.id: ["orders-to-database"],
        }
        with pytest.raises(ConflictError) as raised:
            await client.remove_configuration(store.id)
        assert raised.value.code == "configuration-in-use"
        assert "orders-to-database" in raised.value.message

        await client.undeploy("orders-to-database")
        await client.remove_configuration(store.id)
        assert [one.id for one in await client.configurations()] == [database.id]
        assert running_inside.parts.secrets.keeper.vault.names() == []
        with pytest.raises(AgentError) as gone:
            await client.remove_configuration(store.id)
        assert gone.value.code == "configuration-not-found"


async def test_what_is_in_the_database_of_a_configuration_can_be_looked_at(
    inside: Inside, shop: RunningSandbox, tmp_path: Path
) -> None:
    file = tmp_path / "looked-at.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE stock (sku TEXT NOT NULL PRIMARY KEY, level INTEGER)")
    async with inside.client() as client:
        await set_up_vault(client, tmp_path)
        database = (await client.save_configuration(database_draft(file))).configuration
        store = (await client.save_configuration(store_draft(shop))).configuration

        (stock,) = await client.described(database.id)
        assert (stock.name, [one.name for one in stock.attributes if one.primary]) == ("stock", ["sku"])
        assert [one.name for one in await client.described(store.id)] == [
            one.name for one in await client.schemas("bigcommerce")
        ], "an app that has always the same ones shows those"
        with pytest.raises(NotFoundError):
            await client.described("nobody")
