"""Processflows and Deploy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel

from agent.api import live_models, run_models
from agent.api.deployment_models import DeployRequest
from agent.api.service_models import EnvironmentState
from agent.domain.errors import ConfigurationError
from agent.domain.run import RunState
from agent.gui.apps.credential_form import CredentialForm
from agent.gui.assembly import Shell
from agent.gui.flows.card import FlowCard
from agent.gui.flows.deploy_dialog import DeployDialog
from agent.gui.flows.selection import PAGE, Standing
from agent.gui.flows.view import FlowsPage
from agent.gui.widgets.dialog import ConfirmDialog
from agent.gui.widgets.inputs import ChoiceInput
from tests.gui.doubles import click, control, editor
from tests.gui.pilot import FLOWS
from tests.helpers.fake_client import FakeClient, run


def card(shell: Shell, name: str) -> FlowCard:
    return next(one for one in shell.flows.view.findChildren(FlowCard) if one._name == name)


def dialog_of(shell: Shell, kind: type[Any]) -> Any:
    return shell.window.findChildren(kind)[-1]


def words(widget: Any) -> str:
    return "\n".join(label.text() for label in widget.findChildren(QLabel) if label.isVisibleTo(widget))


def test_execute_starts_a_run_and_cancel_stops_it(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    shell.window.show_panel(FLOWS)
    mine = card(shell, "stock-to-store")
    click(qtbot, mine.execute)
    qtbot.waitUntil(mine.cancel.isVisible)
    assert not mine.execute.isVisible()
    click(qtbot, mine.cancel)
    qtbot.waitUntil(lambda: "Cancelling" in words(mine))
    assert not mine.cancel.isEnabled()
    ended = run("stock-to-store", RunState.CANCELLED, fake.now, identity=mine._run_id)
    flow = fake.deployed["stock-to-store"]
    fake.deployed["stock-to-store"] = flow.model_copy(update={"active_run": None, "last_run": ended})
    fake.emit(live_models.EventKind.RUN, ended)
    qtbot.waitUntil(mine.execute.isVisible)
    assert "Cancelled" in words(mine)


def test_progress_is_shown_as_it_happens_with_separators(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    shell.window.show_panel(FLOWS)
    mine = card(shell, "orders-to-database")
    later = run(
        "orders-to-database", RunState.RUNNING, fake.now, identity="r-live", activity="Writing packet 99",
        counts=run_models.Counts(read=1_250_000, written=1_249_000),
    )  # fmt: skip
    fake.emit(live_models.EventKind.RUN, later)
    qtbot.waitUntil(lambda: "1,250,000 read · 1,249,000 written" in words(mine))
    assert "Writing packet 99" in words(mine)


def test_environment_off_is_said_with_the_way_to_settings(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    fake.environment = EnvironmentState.STOPPED
    shell.window.show_panel(FLOWS)
    click(qtbot, card(shell, "stock-to-store").execute)
    banner = shell.flows.view.banner
    qtbot.waitUntil(lambda: banner.title.text() == "Environment is not enabled" and banner.isVisible())
    click(qtbot, banner._buttons[0])
    assert shell.settings.view.isVisible()
    qtbot.waitUntil(lambda: "enable_environment" in shell.settings.view.editors)
    fake.declared["enable_environment"] = fake.declared["enable_environment"].model_copy(update={"value": "false"})
    shell.settings.presenter.refresh()
    box = editor(shell, "enable_environment")
    qtbot.waitUntil(lambda: not box.isChecked() and box.isEnabled())
    box.click()
    qtbot.waitUntil(lambda: fake.environment is EnvironmentState.RUNNING)
    shell.window.show_panel(FLOWS)
    qtbot.waitUntil(lambda: not banner.isVisible())
    click(qtbot, card(shell, "stock-to-store").execute)
    qtbot.waitUntil(card(shell, "stock-to-store").cancel.isVisible)


def test_undeploy_asks_first(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    shell.window.show_panel(FLOWS)
    shell.flows.presenter.undeploy("catalogue-to-store")
    question = dialog_of(shell, ConfirmDialog)
    assert question.cancel_button.isDefault()
    click(qtbot, question.cancel_button)
    assert "undeploy" not in fake.calls
    shell.flows.presenter.undeploy("catalogue-to-store")
    click(qtbot, dialog_of(shell, ConfirmDialog).accept_button)
    qtbot.waitUntil(lambda: "catalogue-to-store" not in {flow.name for flow in shell.catalog.flows})


def test_an_empty_page_offers_deploy(qtbot: Any, open_shell: Callable[..., Shell], fake: FakeClient) -> None:
    fake.deployed.clear()
    shell = open_shell()
    qtbot.waitUntil(lambda: shell.catalog.loaded)
    shell.window.show_panel(FLOWS)
    click(qtbot, shell.flows.view.empty.button)
    assert dialog_of(shell, DeployDialog).isVisible()


def names(page: FlowsPage) -> list[str]:
    return [one._name for one in page._cards.rows if isinstance(one, FlowCard)]


def many(fake: FakeClient, count: int) -> None:
    one = fake.deployed["catalogue-to-store"]
    for number in range(count):
        name = f"flow-{number:03}"
        fake.deployed[name] = one.model_copy(update={"name": name, "title": f"Flow {number:03} שלום"})


def test_two_hundred_processflows_are_searched_and_shown_in_part(
    qtbot: Any, open_shell: Callable[..., Shell], fake: FakeClient
) -> None:
    many(fake, 200)
    shell = open_shell()
    qtbot.waitUntil(lambda: shell.catalog.loaded)
    shell.window.show_panel(FLOWS)
    page = shell.flows.view
    qtbot.waitUntil(lambda: len(page.findChildren(FlowCard)) == PAGE)
    assert page.more.text() == "Show 40 more of 164"
    click(qtbot, page.more)
    assert len(page.findChildren(FlowCard)) == 2 * PAGE
    qtbot.keyClick(shell.window, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClicks(page.search, "137 flow")
    qtbot.waitUntil(lambda: names(page) == ["flow-137"])
    page.search.clear()
    qtbot.keyClick(page.search, Qt.Key.Key_Return)
    click(qtbot, page.standings[Standing.ATTENTION])
    assert sorted(names(page)) == ["customers-to-files", "stock-to-store"]


def test_home_leads_to_one_of_two_hundred(qtbot: Any, open_shell: Callable[..., Shell], fake: FakeClient) -> None:
    many(fake, 200)
    shell = open_shell()
    qtbot.waitUntil(lambda: shell.catalog.loaded)
    shell.home.presenter.open_flow("flow-150")
    qtbot.waitUntil(card(shell, "flow-150").execute.hasFocus)


def test_the_focus_goes_from_execute_to_cancel_and_back(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    shell.window.show_panel(FLOWS)
    mine = card(shell, "stock-to-store")
    mine.execute.setFocus()
    qtbot.keyClick(mine.execute, Qt.Key.Key_Return)
    qtbot.waitUntil(mine.cancel.isVisible)
    assert mine.cancel.hasFocus()


def test_a_failed_run_leads_from_its_card_to_the_cure(qtbot: Any, shell: Shell) -> None:
    shell.window.show_panel(FLOWS)
    click(qtbot, card(shell, "stock-to-store").cure)
    assert shell.sync_info.view.isVisible()
    shell.window.show_panel(FLOWS)
    click(qtbot, card(shell, "customers-to-files").cure)
    assert shell.log.view.isVisible()


def test_a_run_that_just_ended_is_not_in_the_future(
    qtbot: Any, open_shell: Callable[..., Shell], fake: FakeClient
) -> None:
    late = fake.now.replace(second=19)
    flow = fake.deployed["stock-to-store"]
    assert flow.last_run is not None
    ended = flow.last_run.model_copy(update={"ended_at": late})
    fake.deployed["stock-to-store"] = flow.model_copy(update={"last_run": ended})
    shell = open_shell(now=lambda: late)
    qtbot.waitUntil(lambda: shell.catalog.loaded)
    shell.window.show_panel(FLOWS)
    assert "now · 200 read" in words(card(shell, "stock-to-store"))


# -- Deploy -----------------------------------------------------------------------------------------------------------


def choose(qtbot: Any, dialog: DeployDialog, index: int) -> None:
    qtbot.waitUntil(lambda: dialog.samples.count() > index)
    dialog.samples.setCurrentIndex(index)
    dialog.samples.activated.emit(index)


def combos(dialog: DeployDialog) -> list[ChoiceInput]:
    return [one for one in dialog.findChildren(ChoiceInput) if one is not dialog.samples and one.isVisible()]


def test_a_sample_is_deployed_with_numbered_lines_and_executed(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    shell.open_deploy()
    dialog = dialog_of(shell, DeployDialog)
    choose(qtbot, dialog, 2)
    qtbot.waitUntil(lambda: len(combos(dialog)) == 2)
    assert dialog.deploy_button.isEnabled()
    click(qtbot, dialog.deploy_button)
    qtbot.waitUntil(dialog.execute_button.isVisible)
    qtbot.waitUntil(lambda: " 1  Processflow Publish Started" in words(dialog) and " 4  Deployed" in words(dialog))
    assert fake.deployed["stock-to-store"].version == 2
    click(qtbot, dialog.execute_button)
    qtbot.waitUntil(lambda: fake.deployed["stock-to-store"].active_run is not None)


def test_deploy_waits_until_every_token_is_bound(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    del fake.deployed["orders-to-database"], fake.stored["c-db"]
    shell.catalog.refresh()
    qtbot.waitUntil(lambda: len(shell.catalog.configurations) == 2)
    shell.open_deploy()
    dialog = dialog_of(shell, DeployDialog)
    choose(qtbot, dialog, 1)
    qtbot.waitUntil(lambda: len(combos(dialog)) == 2)
    assert not dialog.deploy_button.isEnabled()
    assert "There is no configuration of SQL database yet" in words(dialog)


def test_a_missing_configuration_is_made_from_the_dialog_and_bound(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    del fake.stored["c-db"]
    fake.deployed.clear()
    shell.catalog.refresh()
    qtbot.waitUntil(lambda: not shell.catalog.flows)
    shell.open_deploy()
    dialog = dialog_of(shell, DeployDialog)
    choose(qtbot, dialog, 1)
    qtbot.waitUntil(lambda: len(combos(dialog)) == 2)
    store = combos(dialog)[0]
    store.setCurrentIndex(1)
    store.activated.emit(1)
    buttons = [
        one for one in dialog.findChildren(type(dialog.deploy_button)) if one.accessibleName() == "New SQL database"
    ]
    click(qtbot, buttons[0])
    form = dialog_of(shell, CredentialForm)
    control(form, "name").setText("New database")
    control(form, "database").setText("/srv/new.db")
    click(qtbot, form.save_button)
    qtbot.waitUntil(lambda: form.banner.title.text() == "Connection Data Saved")
    form.close()
    qtbot.waitUntil(dialog.deploy_button.isEnabled)
    qtbot.waitUntil(lambda: any("New database" in one.currentText() for one in combos(dialog)))


def test_problems_of_a_file_are_listed_with_their_place(qtbot: Any, shell: Shell, tmp_path: Path) -> None:
    document = tmp_path / "mine.yaml"
    document.write_text("broken: true", "utf-8")
    shell.open_deploy()
    dialog = dialog_of(shell, DeployDialog)
    dialog.file_chosen.emit(str(document))
    qtbot.waitUntil(lambda: dialog.banner.title.text() == "The document has 2 problems")
    assert "mine.yaml:17:9" in words(dialog)
    assert "Did you mean “email”?" in words(dialog)
    assert not dialog.deploy_button.isEnabled()
    choose(qtbot, dialog, 2)
    qtbot.waitUntil(dialog.deploy_button.isEnabled)


def test_a_file_that_cannot_be_read_is_said(qtbot: Any, shell: Shell, tmp_path: Path) -> None:
    shell.open_deploy()
    dialog = dialog_of(shell, DeployDialog)
    dialog.file_chosen.emit(str(tmp_path / "gone.yaml"))
    qtbot.waitUntil(lambda: dialog.banner.title.text() == "gone.yaml cannot be read.")


def test_redeploy_starts_from_what_is_deployed(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    shell.open_deploy("stock-to-store")
    dialog = dialog_of(shell, DeployDialog)
    qtbot.waitUntil(lambda: dialog.heading.text() == "Redeploy Stock to store" and dialog.deploy_button.isEnabled())
    click(qtbot, dialog.deploy_button)
    qtbot.waitUntil(dialog.execute_button.isVisible)
    assert fake.deployed["stock-to-store"].version == 2


def test_deploying_without_environment_leads_to_settings(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    fake.environment = EnvironmentState.STOPPED
    shell.open_deploy()
    dialog = dialog_of(shell, DeployDialog)
    choose(qtbot, dialog, 2)
    qtbot.waitUntil(dialog.deploy_button.isEnabled)
    click(qtbot, dialog.deploy_button)
    qtbot.waitUntil(lambda: dialog.banner.title.text() == "Environment is not enabled")
    click(qtbot, dialog.banner._buttons[0])
    assert shell.settings.view.isVisible()


def test_a_hanging_deployment_can_be_cancelled_and_made_again(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    fake.hang.add("deploy")
    shell.open_deploy()
    dialog = dialog_of(shell, DeployDialog)
    choose(qtbot, dialog, 2)
    qtbot.waitUntil(dialog.deploy_button.isEnabled)
    click(qtbot, dialog.deploy_button)
    qtbot.waitUntil(lambda: "deploy" in fake.calls)
    assert dialog.close_button.text() == "Cancel"
    click(qtbot, dialog.close_button)
    qtbot.waitUntil(lambda: "deploy" in fake.cancelled)
    assert dialog.banner.title.text() == "Cancelled"
    fake.hang.clear()
    qtbot.waitUntil(dialog.deploy_button.isEnabled)
    click(qtbot, dialog.deploy_button)
    qtbot.waitUntil(dialog.execute_button.isVisible)


def test_tab_comes_to_the_connections_before_deploy(qtbot: Any, shell: Shell) -> None:
    shell.window.show_panel(FLOWS)
    shell.flows.presenter.deploy()
    dialog = dialog_of(shell, DeployDialog)
    choose(qtbot, dialog, 1)
    qtbot.waitUntil(lambda: len(combos(dialog)) == 2)
    dialog.samples.setFocus()
    walked = []
    for _ in range(8):
        qtbot.keyClick(dialog.focusWidget(), Qt.Key.Key_Tab)
        walked.append(dialog.focusWidget())
    assert walked.index(combos(dialog)[1]) < walked.index(dialog.close_button)


def chosen_sample(qtbot: Any, shell: Shell) -> DeployDialog:
    """The Deploy dialog with a sample whose tokens are bound."""
    shell.open_deploy()
    dialog: DeployDialog = dialog_of(shell, DeployDialog)
    choose(qtbot, dialog, 2)
    qtbot.waitUntil(dialog.deploy_button.isEnabled)
    return dialog


def asked_to_deploy(fake: FakeClient) -> list[DeployRequest]:
    return [one for one in fake.asked if isinstance(one, DeployRequest)]


def test_a_token_without_a_configuration_can_be_bound_later(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    del fake.deployed["orders-to-database"], fake.stored["c-db"]
    shell.catalog.refresh()
    qtbot.waitUntil(lambda: len(shell.catalog.configurations) == 2 and len(shell.catalog.flows) == 3)
    shell.open_deploy()
    dialog = dialog_of(shell, DeployDialog)
    choose(qtbot, dialog, 1)
    qtbot.waitUntil(lambda: len(combos(dialog)) == 2)
    store, warehouse = combos(dialog)
    for combo, text in ((store, "Demo Outdoor"), (warehouse, "Bind later")):
        combo.setCurrentIndex(combo.findText(text, Qt.MatchFlag.MatchStartsWith))
        combo.activated.emit(combo.currentIndex())
    assert "bound by itself" in words(dialog)
    click(qtbot, dialog.deploy_button)
    qtbot.waitUntil(lambda: dialog.banner.title.text() == "Deployed, and not bound yet")
    assert not dialog.execute_button.isVisible()
    (asked,) = asked_to_deploy(fake)
    assert asked.bind_later
    assert asked.bindings == {"store": "c-main", "warehouse": ""}
    dialog.close()
    qtbot.waitUntil(lambda: shell.catalog.flow("orders-to-database") is not None)
    assert "Not bound yet" in words(card(shell, "orders-to-database"))
    mine = card(shell, "orders-to-database")
    assert not mine.execute.isEnabled()
    click(qtbot, mine.cure)
    qtbot.waitUntil(lambda: dialog_of(shell, DeployDialog).heading.text() == "Redeploy Orders to database")


def test_an_app_that_fails_its_check_can_be_deployed_anyway_after_a_question(
    qtbot: Any, shell: Shell, fake: FakeClient
) -> None:
    fake.refuse = ConfigurationError("“Demo Outdoor” failed its check.", code="configuration-failed", remedy="Mend it.")
    dialog = chosen_sample(qtbot, shell)
    dialog.note.setText("Before the holidays")
    click(qtbot, dialog.deploy_button)
    qtbot.waitUntil(lambda: dialog.banner.title.text() == "“Demo Outdoor” failed its check.")
    click(qtbot, dialog.banner._buttons[0])
    question = dialog_of(shell, ConfirmDialog)
    assert question.cancel_button.isDefault()
    click(qtbot, question.accept_button)
    qtbot.waitUntil(dialog.execute_button.isVisible)
    first, second = asked_to_deploy(fake)
    assert (first.anyway, first.note) == (False, "Before the holidays")
    assert (second.anyway, second.without_tests, second.note) == (True, False, "Before the holidays")


def test_what_was_insisted_on_is_asked_again_for_the_next_deployment(
    qtbot: Any, shell: Shell, fake: FakeClient
) -> None:
    fake.refuse = ConfigurationError("Its test “taxes” failed.", code="tests-failed", remedy="Correct the mapping.")
    dialog = chosen_sample(qtbot, shell)
    click(qtbot, dialog.deploy_button)
    qtbot.waitUntil(lambda: bool(dialog.banner._buttons))
    assert dialog.banner._buttons[0].text() == "Deploy without the tests…"
    click(qtbot, dialog.deploy_button)
    qtbot.waitUntil(lambda: len(asked_to_deploy(fake)) == 2)
    assert not any(one.without_tests for one in asked_to_deploy(fake))


def test_a_long_line_of_a_deployment_is_seen_whole(qtbot: Any, shell: Shell) -> None:
    dialog = chosen_sample(qtbot, shell)
    dialog.show_line(1, f"“Warehouse”: Opening the database file /srv/{'a-long-folder/' * 12}warehouse.db …")
    assert dialog._inner.minimumSizeHint().width() <= dialog.width()
