"""Home, App Configurations, Sync Info, Settings, Clear."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QAbstractButton, QLabel, QPushButton, QToolButton

from agent.api import clearing_models, service_models
from agent.api.service_models import EnvironmentState
from agent.domain.errors import ConfigurationError, TransientError
from agent.domain.packet import SyncState
from agent.gui import theme
from agent.gui.apps.credential_form import CredentialForm
from agent.gui.assembly import Shell
from agent.gui.catalog import Catalog
from agent.gui.clear.dialog import ClearDialog
from agent.gui.flows.deploy_dialog import DeployDialog
from agent.gui.home.content import content
from agent.gui.navigation import Ways
from agent.gui.settings.presenter import SettingsPresenter
from agent.gui.vault.dialog import VaultDialog
from agent.gui.widgets.dialog import ConfirmDialog
from tests.gui.doubles import InstantCalls, Recorder, click, control, state_of
from tests.gui.pilot import APPS, FLOWS, SETTINGS, SYNC_INFO
from tests.helpers.fake_client import NOW, FakeClient, vault_in_state

OpenShell = Callable[..., Shell]


def words(widget: Any) -> str:
    return "\n".join(label.text() for label in widget.findChildren(QLabel) if label.isVisibleTo(widget))


def named(widget: Any, name: str) -> QPushButton:
    found: list[QPushButton] = widget.findChildren(QPushButton)
    return next(one for one in found if one.accessibleName().startswith(name))


# -- Home ------------------------------------------------------------


async def test_everything_that_needs_a_person_leads_to_its_cure(calls: InstantCalls, fake: FakeClient) -> None:
    fake.vault = vault_in_state("locked", "Enter the passphrase.")
    fake.environment = EnvironmentState.STOPPED
    catalog = Catalog(calls)
    went: list[object] = []
    catalog.refresh()
    await calls.settle()
    ways = Ways(
        to_settings=lambda: went.append("settings"),
        to_vault=lambda: went.append("vault"),
        to_flows=lambda flow, attention: went.append((flow, attention)),
        to_configuration=went.append,
        to_sync_info=lambda flow, state: went.append((flow, state)),
        to_cure=went.append,
    )
    found = content(catalog, await fake.state(), ways, fake.now).attention
    for item in found:
        item.act()
    assert [item.key for item in found] == [
        "vault", "environment", "app-files", "configuration-c-old", "flow-customers-to-files", "alert-stock-to-store",
        "flow-stock-to-store",
    ]  # fmt: skip
    assert went == [
        "vault", "settings", "c-old", "app-configuration:c-old", ("stock-to-store", False),
        ("stock-to-store", SyncState.FAILED),
    ]  # fmt: skip


async def test_refused_credentials_are_told_with_the_way_to_them(calls: InstantCalls, fake: FakeClient) -> None:
    fake.trip("c-main", "The store refused the API token.", waiting=2)
    catalog = Catalog(calls)
    catalog.refresh()
    await calls.settle()
    went: list[object] = []
    found = content(catalog, await fake.state(), Ways(to_configuration=went.append), fake.now).attention
    (refused,) = [item for item in found if "credentials refused" in item.title]
    assert "The store refused the API token." in refused.text
    refused.act()
    assert went == ["c-main"]


def test_a_configuration_that_is_refused_says_so_on_its_card(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    fake.trip("c-main", "The store refused the API token.", waiting=2)
    shell.window.show_panel(APPS)
    shell.catalog.refresh()
    qtbot.waitUntil(lambda: "The store refused the API token. 2 runs waiting." in words(shell.apps.view))


def test_the_news_of_an_unexpected_end_go_once_they_were_read(qtbot: Any, shell: Shell) -> None:
    ended = service_models.LastEnd(at=NOW, clean=False, reason="It was ended from outside.")
    shell.home.presenter.on_state(state_of(shell).model_copy(update={"last_end": ended}))
    dismiss = next(
        one for one in shell.home.view.findChildren(QToolButton) if "ended unexpectedly" in one.accessibleName()
    )
    qtbot.waitUntil(dismiss.isVisible)
    click(qtbot, dismiss)
    qtbot.waitUntil(lambda: "ended unexpectedly" not in words(shell.home.view))
    later = ended.model_copy(update={"at": NOW + timedelta(days=1)})
    shell.home.presenter.on_state(state_of(shell).model_copy(update={"last_end": later}))
    qtbot.waitUntil(lambda: "ended unexpectedly" in words(shell.home.view))


def test_records_that_failed_earlier_are_not_forgotten_after_a_success(
    qtbot: Any, open_shell: OpenShell, fake: FakeClient
) -> None:
    flow = fake.deployed["orders-to-database"]
    fake.deployed["orders-to-database"] = flow.model_copy(update={"failed_records": 3, "active_run": None})
    shell = open_shell()
    qtbot.waitUntil(lambda: "Orders to database: 3 failed records" in words(shell.home.view))


def test_a_run_of_a_stopped_environment_is_called_halted(qtbot: Any, open_shell: OpenShell, fake: FakeClient) -> None:
    fake.environment = EnvironmentState.STOPPED
    shell = open_shell()
    qtbot.waitUntil(lambda: "Halted" in words(shell.home.view))
    shell.window.show_panel(FLOWS)
    qtbot.waitUntil(lambda: "goes on when the environment is enabled" in words(shell.flows.view))


def test_home_shows_running_attention_and_the_table(qtbot: Any, shell: Shell) -> None:
    shown = words(shell.home.view)
    assert "Writing packet 14 to Warehouse database" in shown
    assert "Stock to store: partial 11 min ago" in shown
    model = shell.home.view.model
    rows = [model.cells(row) for row in range(model.rowCount())]
    assert rows[2] == (
        "Orders to database",
        "Success",
        "14 min ago",
        "1,204 read · 640 written · 564 unchanged",
        "in 14 min",
    )
    assert rows[0][1] == "Never ran"


def test_a_failure_on_home_leads_to_its_records(qtbot: Any, shell: Shell) -> None:
    click(qtbot, named(shell.home.view, "Show records"))
    assert shell.sync_info.view.isVisible()
    qtbot.waitUntil(lambda: shell.sync_info.view.model.rowCount() == 12)


def test_a_new_agent_shows_the_first_steps_and_the_next_one_leads_on(
    qtbot: Any, open_shell: OpenShell, fake: FakeClient
) -> None:
    fake.deployed.clear()
    fake.vault = vault_in_state("not set up", "")
    shell = open_shell()
    qtbot.waitUntil(shell.home.view.steps.isVisible)
    assert named(shell.home.view.steps, "Set up the vault").property("kind") == "primary"
    click(qtbot, named(shell.home.view.steps, "Set up the vault"))
    dialog = shell.window.findChildren(VaultDialog)[-1]
    qtbot.waitUntil(dialog.isVisible)
    click(qtbot, dialog.act_button)
    qtbot.waitUntil(lambda: not named(shell.home.view.steps, "Set up the vault").isVisible())
    click(qtbot, named(shell.home.view.steps, "Deploy a processflow"))
    qtbot.waitUntil(lambda: bool(shell.window.findChildren(DeployDialog)))


def test_the_first_steps_go_once_something_ran(qtbot: Any, shell: Shell) -> None:
    assert not shell.home.view.steps.isVisible()


def test_an_error_on_home_is_said_and_goes_when_it_heals(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    fake.fail["flows"] = TransientError("No answer.", code="x", remedy="Wait.")
    shell.window.refresh_panels()
    qtbot.waitUntil(lambda: shell.home.view.banner.title.text() == "No answer.")
    fake.fail.clear()
    shell.window.refresh_panels()
    qtbot.waitUntil(lambda: not shell.home.view.banner.isVisible())


# -- App Configurations ------------------------------------------------------------


def test_cards_show_states_and_the_app_that_cannot_be_loaded(qtbot: Any, shell: Shell) -> None:
    shell.window.show_panel(APPS)
    shown = words(shell.apps.view)
    for text in ("Saved, not validated", "Validation failed", "The connector cannot be loaded", "Version 1.0.0"):
        assert text in shown
    assert "2 configurations · An online store." in shown
    assert "Install opagent-files again, with everything that it needs, then restart the service." in shown
    assert "Actual error: ModuleNotFoundError: No module named 'openpyxl' (reading.py, line 12)" in shown


def test_what_is_saved_for_an_app_that_cannot_be_loaded_can_only_be_removed(
    qtbot: Any, open_shell: OpenShell, fake: FakeClient
) -> None:
    kept = fake.stored["c-old"].model_copy(update={"id": "c-files", "app": "files", "name": "Exchange", "used_by": []})
    fake.stored["c-files"] = kept
    shell = open_shell()
    shell.window.show_panel(APPS)

    def buttons() -> dict[str, bool]:
        found = shell.apps.view.findChildren(QAbstractButton)
        return {one.accessibleName(): one.isEnabled() for one in found}

    qtbot.waitUntil(lambda: "Remove Exchange" in buttons())
    wanted = {"Validate Exchange": False, "Edit Exchange": False, "Remove Exchange": True, "Edit Old store": True}
    assert {name: buttons()[name] for name in wanted} == wanted


def test_removing_names_the_processflows_and_needs_a_yes(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    shell.window.show_panel(APPS)
    shell.apps.presenter.remove("c-main")
    question = shell.window.findChildren(ConfirmDialog)[-1]
    assert "Orders to database" in question.text.text()
    assert "Stock to store" in question.text.text()
    click(qtbot, question.accept_button)
    qtbot.waitUntil(lambda: "is used by" in shell.apps.view.banner.title.text())
    shell.apps.presenter.remove("c-old")
    click(qtbot, shell.window.findChildren(ConfirmDialog)[-1].accept_button)
    qtbot.waitUntil(lambda: "c-old" not in fake.stored)
    qtbot.waitUntil(lambda: "Old store" not in words(shell.apps.view))


def test_edit_opens_the_stored_values(qtbot: Any, shell: Shell) -> None:
    shell.edit_configuration("c-old")
    form = shell.window.findChildren(CredentialForm)[-1]
    assert control(form, "username").text() == "op-agent"
    assert control(form, "api_token").take() == ""
    assert "stored" in control(form, "api_token").field.placeholderText()


# -- Sync Info ------------------------------------------------------------


def open_sync(qtbot: Any, shell: Shell) -> Any:
    shell.window.show_panel(SYNC_INFO)
    view = shell.sync_info.view
    qtbot.waitUntil(lambda: view.model.rowCount() == 200)
    return view


def test_the_processflow_with_failures_is_shown_first_with_counts(qtbot: Any, shell: Shell) -> None:
    view = open_sync(qtbot, shell)
    assert view.flow.currentText() == "Stock to store"
    assert [one.text() for one in view.states][:2] == ["All  240", "Failed  12"]


def test_scrolling_to_the_end_brings_the_rest(qtbot: Any, shell: Shell) -> None:
    view = open_sync(qtbot, shell)
    view.table.scrollToBottom()
    qtbot.waitUntil(lambda: view.model.rowCount() == 240)


def test_a_failed_record_says_what_to_do(qtbot: Any, shell: Shell) -> None:
    view = open_sync(qtbot, shell)
    click(qtbot, view.states[1])
    qtbot.waitUntil(lambda: view.model.rowCount() == 12)
    view.table.setCurrentIndex(view.model.index(0, 0))
    assert "What to do: Create the product in the store" in view.detail._text.toPlainText()


def test_a_search_without_hits_says_so(qtbot: Any, shell: Shell) -> None:
    view = open_sync(qtbot, shell)
    qtbot.keyClicks(view.search, "nowhere")
    qtbot.waitUntil(view.empty.isVisible)
    assert view.empty.title.text() == "No record matches"


# -- Settings ------------------------------------------------------------


def open_settings(qtbot: Any, shell: Shell) -> Any:
    shell.window.show_panel(SETTINGS)
    view = shell.settings.view
    qtbot.waitUntil(lambda: "theme" in view.editors and view.editors["theme"].isVisible())
    return view


def test_the_theme_switches_at_once_and_is_remembered(
    qtbot: Any, shell: Shell, look: theme.Theme, memory: QSettings
) -> None:
    view = open_settings(qtbot, shell)
    combo = view.editors["theme"].control
    combo.setCurrentIndex(combo.findData("dark"))
    qtbot.waitUntil(lambda: look.mode is theme.Mode.DARK)
    assert theme.tokens().page == "#13161c"
    assert memory.value("theme") == "dark"
    assert shell.window.palette().window().color().name() == "#13161c"
    combo.setCurrentIndex(combo.findData("light"))
    qtbot.waitUntil(lambda: look.mode is theme.Mode.LIGHT)
    assert shell.window.palette().window().color().name() == theme.tokens().page


def test_enable_environment_applies_at_once_and_shows_its_state(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    view = open_settings(qtbot, shell)
    assert view.environment.text() == "Running"
    view.editors["enable_environment"].control.click()
    assert view.environment.text() == "Stopping"
    qtbot.waitUntil(lambda: view.environment.text() == "Stopped")
    assert fake.environment is EnvironmentState.STOPPED


def test_a_refused_value_is_taken_back_with_the_reason(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    fake.fail["change_setting"] = ConfigurationError("Not possible.", code="x", remedy="Leave it.")
    view = open_settings(qtbot, shell)
    box = view.editors["diagnosis"].control
    box.click()
    qtbot.waitUntil(lambda: not box.isChecked())
    assert "Not possible. Leave it." in words(view.editors["diagnosis"])


def test_a_number_out_of_range_is_refused_here(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    view = open_settings(qtbot, shell)
    field = view.editors["packet_days"].control
    field.setText("900")
    field.editingFinished.emit()
    assert "1 to 365" in words(view.editors["packet_days"])
    field.setText("14")
    field.editingFinished.emit()
    qtbot.waitUntil(lambda: fake.declared["packet_days"].value == "14")


async def test_a_service_without_a_theme_setting_leaves_it_to_the_window(
    view: Recorder, calls: InstantCalls, fake: FakeClient
) -> None:
    del fake.declared["theme"]
    chosen: list[str] = []
    presenter = SettingsPresenter(
        view, calls, own_theme=lambda: "dark", theme_chosen=chosen.append, state_wanted=lambda: None
    )
    presenter.refresh()
    await calls.settle()
    presenter.change("theme", "light")
    await calls.settle()
    assert chosen == ["dark", "light"]
    assert "change_setting" not in fake.calls


async def test_the_last_of_several_quick_changes_wins(view: Recorder, calls: InstantCalls, fake: FakeClient) -> None:
    presenter = SettingsPresenter(view, calls, own_theme=lambda: "dark", theme_chosen=print, state_wanted=lambda: None)
    presenter.refresh()
    await calls.settle()
    for value in ("false", "true", "false"):
        presenter.change("enable_environment", value)
    await calls.settle()
    assert fake.declared["enable_environment"].value == "false"
    for value in ("true", "false", "true"):
        presenter.change("enable_environment", value)
    await calls.settle()
    assert fake.declared["enable_environment"].value == "true"


def test_a_locked_vault_is_why_the_environment_is_starting(qtbot: Any, shell: Shell) -> None:
    state = state_of(shell).model_copy(
        update={"environment": EnvironmentState.STARTING, "vault": vault_in_state("locked", "")}
    )
    shell.settings.presenter.on_state(state)
    assert shell.settings.view.environment.text() == "Starting: waits for the vault"


# -- Clear ------------------------------------------------------------


def test_clear_shows_bytes_asks_clears_and_offers_to_redeploy(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    shell.open_clear(clearing_models.ClearTarget.TEMP)
    dialog = shell.window.findChildren(ClearDialog)[-1]
    qtbot.waitUntil(dialog.clear_button.isEnabled)
    shown = words(dialog)
    assert "72.0 MB" in shown
    assert "430 files" in shown
    assert "never touched" in shown
    assert "clear" not in fake.calls
    click(qtbot, dialog.clear_button)
    qtbot.waitUntil(dialog.redeploy_button.isVisible)
    click(qtbot, dialog.redeploy_button)
    qtbot.waitUntil(lambda: dialog.banner.title.text() == "Redeployed")
    assert {flow.version for flow in fake.deployed.values()} == {2, 3, 4}


def test_clear_can_be_left_without_clearing(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    shell.open_clear(clearing_models.ClearTarget.CACHE)
    dialog = shell.window.findChildren(ClearDialog)[-1]
    qtbot.waitUntil(dialog.clear_button.isEnabled)
    click(qtbot, dialog.cancel_button)
    assert "clear" not in fake.calls
