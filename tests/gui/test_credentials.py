"""The credential form and its presenter."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QPlainTextEdit, QPushButton, QWidget

from agent.api import app_models, base_models, configuration_models
from agent.connectors.sql.connector import SqlConnector
from agent.domain.errors import ConfigurationError
from agent.gui.apps.credential_form import CredentialForm
from agent.gui.apps.credential_presenter import CredentialPresenter, Entered
from agent.gui.assembly import Shell
from agent.gui.vault.dialog import VaultDialog
from agent.gui.widgets.dialog import ConfirmDialog
from agent.gui.widgets.fact_grid import gathered
from agent.gui.widgets.field_row import FieldRow
from agent.gui.widgets.inputs import ChoiceInput
from agent.service import answers
from tests.gui.doubles import InstantCalls, Recorder, click, control
from tests.gui.pilot import APPS
from tests.helpers.fake_client import FakeClient, apps, configurations, vault_in_state

SECRET = "a-secret-of-a-store-9f3c"
VALUES = {"api_path": "https://api.example.com/stores/x/v3/", "username": "op-agent"}


def entered(*, name: str = "Second store", secret: str = SECRET, **values: str) -> Entered:
    return Entered(name, VALUES | values, {"api_token": secret})


@pytest.fixture
def saved() -> list[configuration_models.Configuration]:
    return []


@pytest.fixture
def presenter(
    view: Recorder, calls: InstantCalls, saved: list[configuration_models.Configuration]
) -> CredentialPresenter:
    return CredentialPresenter(view, calls, apps()[0], None, saved.append)


async def test_required_fields_are_named_under_themselves(
    presenter: CredentialPresenter, view: Recorder, fake: FakeClient, calls: InstantCalls
) -> None:
    presenter.save(entered(name=" ", secret="", username=""))
    await calls.settle()
    (errors,) = view.said("show_field_errors")
    assert sorted(errors) == ["api_token", "name", "username"]
    assert fake.calls == []


async def test_validate_shows_progress_at_once_and_ends_in_the_fixed_text(
    presenter: CredentialPresenter, view: Recorder, calls: InstantCalls
) -> None:
    presenter.validate(entered())
    assert view.said("show_progress") == ("Contacting BigCommerce …",)
    await calls.settle()
    assert view.said("show_success")[0] == "Test Connection Successful"


async def test_a_refused_validation_marks_its_field(
    presenter: CredentialPresenter, view: Recorder, calls: InstantCalls, fake: FakeClient
) -> None:
    problem = base_models.Problem(
        title="Bad token.", status=401, code="unauthorized", remedy="Make one.", field="api_token"
    )
    fake.validation_result = configuration_models.Validation(
        id="v", state=configuration_models.ValidationState.FAILED, progress=[], problem=problem
    )
    presenter.validate(entered())
    await calls.settle()
    assert view.said("show_field_errors") == ({"api_token": "Bad token."},)
    assert view.said("show_failure") == ("Validation failed: look at “API token”", "Make one.", [])


def test_a_person_signs_in_in_the_browser_and_the_form_goes_on_by_itself(
    qtbot: Any, shell: Shell, fake: FakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toString()))
    form = open_form(qtbot, shell)
    type_all(qtbot, form)
    fake.sign_in_url = "https://login.example.com/authorize?state=a"
    click(qtbot, form.validate_button)
    qtbot.waitUntil(lambda: form.banner.title.text() == "Sign in on the page in your browser")
    assert opened == [fake.sign_in_url]
    assert form.stop_button.isVisible()
    click(qtbot, form.banner.findChildren(QPushButton)[0])
    assert opened == [fake.sign_in_url] * 2
    fake.sign_in_url = ""
    qtbot.waitUntil(lambda: form.banner.title.text() == "Test Connection Successful")
    assert len(opened) == 2


def test_a_form_that_is_closed_while_validate_begins_leaves_nothing_waiting(
    qtbot: Any, shell: Shell, fake: FakeClient
) -> None:
    form = open_form(qtbot, shell)
    type_all(qtbot, form)
    fake.hang.add("validate")
    click(qtbot, form.validate_button)
    qtbot.waitUntil(lambda: "validate" in fake.calls)
    form.close()
    fake.let_go()
    qtbot.waitUntil(lambda: "cancel_validation" in fake.calls)


def test_a_page_that_is_none_of_the_web_is_not_opened(
    qtbot: Any, shell: Shell, fake: FakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[object] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", opened.append)
    form = open_form(qtbot, shell)
    form.show_sign_in("file:///etc/passwd")
    assert opened == []


async def test_save_keeps_the_secret_when_the_field_is_untouched(
    view: Recorder, calls: InstantCalls, fake: FakeClient, saved: list[configuration_models.Configuration]
) -> None:
    stored = configurations(fake.now)["c-main"]
    editing = CredentialPresenter(view, calls, apps()[0], stored, saved.append)
    editing.save(entered(name="Renamed", secret=""))
    await calls.settle()
    assert saved[0].name == "Renamed"
    assert saved[0].secrets == {"api_token": "••••9f3c"}
    assert fake.stored_secrets == {}
    assert view.said("show_success")[0] == "Connection Data Saved"


async def test_a_taken_name_is_said_under_the_name_and_works_with_another(
    presenter: CredentialPresenter, view: Recorder, calls: InstantCalls, saved: list[configuration_models.Configuration]
) -> None:
    presenter.save(entered(name="Demo Outdoor"))
    await calls.settle()
    assert "already" in view.said("show_field_errors")[0]["name"]
    presenter.save(entered())
    await calls.settle()
    assert len(saved) == 1


async def test_an_answer_after_closing_touches_no_view(
    presenter: CredentialPresenter, view: Recorder, calls: InstantCalls, saved: list[configuration_models.Configuration]
) -> None:
    presenter.save(entered())
    presenter.close()
    told = len(view.told)
    await calls.settle()
    assert len(view.told) == told
    assert len(saved) == 1


def test_entered_secrets_are_not_in_a_repr() -> None:
    assert SECRET not in repr(entered())


# -- with a window ------------------------------------------------------------------------------------------------


def open_form(qtbot: Any, shell: Shell, app: str = "bigcommerce") -> CredentialForm:
    shell.window.show_panel(APPS)
    shell.apps.presenter.add(app)
    form = shell.window.findChildren(CredentialForm)[-1]
    qtbot.waitUntil(form.isVisible)
    return form


def type_all(qtbot: Any, form: CredentialForm) -> None:
    qtbot.keyClicks(control(form, "name"), "Second store")
    for name, text in VALUES.items():
        qtbot.keyClicks(control(form, name), text)
    qtbot.keyClicks(control(form, "api_token").field, SECRET)


def words_on_screen() -> str:
    found = []
    for widget in QApplication.allWidgets():
        if isinstance(widget, QLabel | QLineEdit):
            found.append(widget.text())
        elif isinstance(widget, QPlainTextEdit):
            found.append(widget.toPlainText())
        found += [widget.toolTip(), widget.accessibleName(), widget.accessibleDescription(), widget.windowTitle()]
    return "\n".join(found)


def test_the_keyboard_walks_the_form_in_order_and_saves(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    form = open_form(qtbot, shell)
    qtbot.keyClicks(control(form, "name"), "Second store")
    qtbot.keyClick(form.focusWidget(), Qt.Key.Key_Tab)
    assert form.focusWidget() is control(form, "api_path")
    qtbot.keyClicks(form.focusWidget(), VALUES["api_path"])
    qtbot.keyClick(form.focusWidget(), Qt.Key.Key_Tab)
    qtbot.keyClicks(form.focusWidget(), VALUES["username"])
    qtbot.keyClick(form.focusWidget(), Qt.Key.Key_Tab)
    assert form.focusWidget() is control(form, "api_token").field
    qtbot.keyClicks(form.focusWidget(), SECRET)
    qtbot.keyClick(form.focusWidget(), Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: form.banner.title.text() == "Test Connection Successful")
    qtbot.keyClick(form, Qt.Key.Key_S, Qt.KeyboardModifier.AltModifier)
    qtbot.waitUntil(lambda: form.banner.title.text() == "Connection Data Saved")
    qtbot.keyClick(form, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: not shell.window.findChildren(CredentialForm))
    assert any(one.name == "Second store" for one in fake.stored.values())


def test_after_save_the_secret_is_nowhere_in_the_window(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    form = open_form(qtbot, shell)
    type_all(qtbot, form)
    click(qtbot, form.save_button)
    qtbot.waitUntil(lambda: form.banner.title.text() == "Connection Data Saved")
    assert SECRET in fake.stored_secrets.values()
    assert SECRET not in words_on_screen()
    assert "••••9f3c" in control(form, "api_token").field.placeholderText()


def test_saved_but_not_validated_is_said_on_the_form_and_on_the_card(qtbot: Any, shell: Shell) -> None:
    form = open_form(qtbot, shell)
    type_all(qtbot, form)
    click(qtbot, form.save_button)
    qtbot.waitUntil(lambda: "not validated" in form.banner.body.text())
    form.close()
    qtbot.waitUntil(lambda: "Second store" in words_on_screen())
    assert "Saved, not validated" in words_on_screen()


def test_a_hanging_validation_can_be_cancelled_and_tried_again(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    fake.hang.add("validation")
    form = open_form(qtbot, shell)
    type_all(qtbot, form)
    click(qtbot, form.validate_button)
    assert form.stop_button.isVisible()
    assert "Contacting" in form.banner.body.text()
    qtbot.waitUntil(lambda: "validation" in fake.calls)
    click(qtbot, form.stop_button)
    qtbot.waitUntil(lambda: "cancel_validation" in fake.calls and "validation" in fake.cancelled)
    assert form.banner.title.text() == "Validation cancelled."
    fake.hang.clear()
    click(qtbot, form.validate_button)
    qtbot.waitUntil(lambda: form.banner.title.text() == "Test Connection Successful")


def test_reveal_shows_the_secret_and_hides_it_again(qtbot: Any, shell: Shell) -> None:
    form = open_form(qtbot, shell)
    secret = control(form, "api_token")
    reveal = secret.findChildren(QLineEdit)
    assert reveal[0].echoMode() is QLineEdit.EchoMode.Password
    secret._on_reveal()
    assert reveal[0].echoMode() is QLineEdit.EchoMode.Normal
    secret._on_reveal()
    assert reveal[0].echoMode() is QLineEdit.EchoMode.Password


def test_a_result_is_taken_back_when_a_field_changes(qtbot: Any, shell: Shell) -> None:
    form = open_form(qtbot, shell)
    type_all(qtbot, form)
    click(qtbot, form.validate_button)
    qtbot.waitUntil(lambda: form.banner.title.text() == "Test Connection Successful")
    qtbot.keyClicks(control(form, "username"), "x")
    assert not form.banner.isVisible()


def vault_dialog(qtbot: Any, shell: Shell, state: str, fake: FakeClient) -> tuple[CredentialForm, VaultDialog]:
    """The dialog, as the credential form leads to it."""
    fake.vault = vault_in_state(state, "")
    shell.session.refresh_state()
    qtbot.waitUntil(lambda: shell.session.state is not None and shell.session.state.vault.state == state)
    form = open_form(qtbot, shell)
    click(qtbot, form.vault.action)
    dialog = form.findChildren(VaultDialog)[-1]
    qtbot.waitUntil(dialog.isVisible)
    return form, dialog


def test_a_locked_vault_is_opened_from_the_form(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    form, dialog = vault_dialog(qtbot, shell, "locked", fake)
    qtbot.keyClicks(dialog.passphrase.field, "wrong")
    qtbot.keyClick(dialog.passphrase.field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: "wrong" in dialog.banner.body.text())
    assert form.rows["name"].error == ""  # Enter was the vault's alone
    dialog.passphrase.clear()
    qtbot.keyClicks(dialog.passphrase.field, "the right one")
    qtbot.keyClick(dialog.passphrase.field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: form.vault.vault is not None and form.vault.vault.state == "open")
    qtbot.waitUntil(lambda: not form.findChildren(VaultDialog))
    assert not form.vault.action.isVisible()
    assert "the right one" not in words_on_screen()


def test_a_vault_is_set_up_knowingly_with_a_passphrase_twice(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    _, dialog = vault_dialog(qtbot, shell, "not set up", fake)
    assert not dialog.passphrase.isVisible()
    dialog.sources.choose("passphrase")
    qtbot.keyClicks(dialog.passphrase.field, "a long passphrase")
    qtbot.keyClicks(dialog.repeated.field, "another")
    qtbot.keyClick(dialog.repeated.field, Qt.Key.Key_Return)
    assert "differ" in dialog.banner.body.text()
    dialog.repeated.clear()
    qtbot.keyClicks(dialog.repeated.field, "a long passphrase")
    qtbot.keyClick(dialog.repeated.field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: fake.vault.state == "open")


def test_a_lost_vault_is_set_up_anew_only_when_that_is_ticked(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    _, dialog = vault_dialog(qtbot, shell, "missing", fake)
    assert dialog.act_button.text() == "Try again"
    assert not dialog.sources.isVisible()
    dialog.afresh.click()
    assert "given up" in dialog.banner.title.text()
    click(qtbot, dialog.act_button)
    qtbot.waitUntil(lambda: fake.vault.state == "open")
    assert fake.started_afresh


def test_fields_that_mean_nothing_for_the_choice_are_not_shown(qtbot: Any, shell: Shell) -> None:
    form = open_form(qtbot, shell, "sql")
    assert form.rows["database"].isVisible()
    assert not form.rows["host"].isVisible()
    control(form, "kind").setCurrentText("PostgreSQL")
    assert form.rows["host"].isVisible()
    assert form.rows["password"].isVisible()


def test_enter_presses_the_button_that_has_the_focus(qtbot: Any, shell: Shell) -> None:
    form = open_form(qtbot, shell)
    type_all(qtbot, form)
    form.save_button.setFocus()
    qtbot.keyClick(form.save_button, Qt.Key.Key_Return)  # not the default, which is Validate
    qtbot.waitUntil(lambda: form.banner.title.text() == "Connection Data Saved")


def test_a_refused_field_has_the_focus(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    problem = base_models.Problem(
        title="Bad token.", status=401, code="unauthorized", remedy="Make one.", field="api_token"
    )
    fake.validation_result = configuration_models.Validation(
        id="v",
        state=configuration_models.ValidationState.FAILED,
        progress=[],
        problem=problem,
        notes=["“/v2” was removed."],
    )
    form = open_form(qtbot, shell)
    type_all(qtbot, form)
    click(qtbot, form.validate_button)
    qtbot.waitUntil(lambda: form.rows["api_token"].error == "Bad token.")
    assert form.focusWidget() is control(form, "api_token").field
    assert form.banner.body.text() == "Make one.\n“/v2” was removed."


def test_a_save_without_vault_leads_to_it(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    fake.vault = vault_in_state("not set up", "")
    shell.session.refresh_state()
    qtbot.waitUntil(lambda: shell.session.state is not None and shell.session.state.vault.state == "not set up")
    fake.fail["save_configuration"] = ConfigurationError("The vault is not set up.", code="vault-not-set-up")
    form = open_form(qtbot, shell)
    type_all(qtbot, form)
    click(qtbot, form.save_button)
    qtbot.waitUntil(lambda: form.banner.title.text() == "The vault is not set up.")
    click(qtbot, form.banner._buttons[0])
    qtbot.waitUntil(lambda: bool(form.findChildren(VaultDialog)))


def test_a_stored_configuration_is_validated_from_its_card(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    shell.window.show_panel(APPS)
    shell.apps.presenter.validate("c-main")
    form = shell.window.findChildren(CredentialForm)[-1]
    qtbot.waitUntil(lambda: form.banner.title.text() == "Test Connection Successful")


def test_what_a_token_may_do_is_read_as_one_list() -> None:
    facts = [("Store", "Demo"), ("Read orders", "yes"), ("Read customers", "yes"), ("Write stock", "no")]
    assert gathered(facts) == [
        ("Store", "Demo"), ("Allowed", "Read orders, read customers"), ("Not allowed", "Write stock"),
    ]  # fmt: skip


def test_a_refused_save_leaves_the_form_usable(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    fake.fail["save_configuration"] = ConfigurationError("The vault is locked.", code="vault", remedy="Unlock it.")
    form = open_form(qtbot, shell)
    type_all(qtbot, form)
    click(qtbot, form.save_button)
    qtbot.waitUntil(lambda: form.banner.title.text() == "The vault is locked.")
    fake.fail.clear()
    click(qtbot, form.save_button)
    qtbot.waitUntil(lambda: form.banner.title.text() == "Connection Data Saved")


def test_what_was_typed_is_given_up_only_when_that_is_wanted(qtbot: Any, shell: Shell) -> None:
    form = open_form(qtbot, shell)
    qtbot.keyClicks(control(form, "api_token").field, SECRET)
    qtbot.keyClick(form, Qt.Key.Key_Escape)
    question = form.findChildren(ConfirmDialog)[-1]
    qtbot.waitUntil(question.isVisible)
    qtbot.keyClick(question, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: not form.findChildren(ConfirmDialog))
    assert control(form, "api_token").take() == SECRET
    click(qtbot, form.close_button)
    click(qtbot, form.findChildren(ConfirmDialog)[-1].accept_button)
    qtbot.waitUntil(lambda: not shell.window.findChildren(CredentialForm))


def test_an_untouched_form_closes_without_a_question(qtbot: Any, shell: Shell) -> None:
    form = open_form(qtbot, shell, "sql")
    qtbot.keyClick(form, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: not shell.window.findChildren(CredentialForm))


def test_signing_out_asks_nothing_about_an_open_form(qtbot: Any, shell: Shell) -> None:
    form = open_form(qtbot, shell)
    type_all(qtbot, form)
    shell.window.show_sign_in(first=False, machine="shop-1")
    qtbot.waitUntil(lambda: not shell.window.findChildren(CredentialForm))


def test_an_error_leaves_the_help_of_its_field_on_show(qtbot: Any, shell: Shell) -> None:
    form = open_form(qtbot, shell, "sql")
    click(qtbot, form.validate_button)
    row = form.rows["database"]
    shown = [one.text() for one in row.findChildren(QLabel) if one.isVisible()]
    assert row.error in shown
    assert next(one.help for one in apps()[1].fields if one.name == "database") in shown


def test_on_a_small_screen_the_wrong_field_and_the_result_are_both_in_sight(
    qtbot: Any, shell: Shell, fake: FakeClient
) -> None:
    problem = base_models.Problem(title="No such store.", status=400, code="config", remedy="Look.", field="api_path")
    fake.validation_result = configuration_models.Validation(
        id="v", state=configuration_models.ValidationState.FAILED, progress=[], problem=problem
    )
    form = open_form(qtbot, shell)
    form.fit = lambda: form.resize(520, 430)  # type: ignore[method-assign]  # as on a screen of that height
    type_all(qtbot, form)
    click(qtbot, form.validate_button)

    def in_sight(widget: QWidget) -> bool:
        return widget.isVisible() and widget.visibleRegion().boundingRect() == widget.rect()

    qtbot.waitUntil(lambda: in_sight(form.rows["api_path"]) and in_sight(form.banner))


def test_the_words_of_a_database_are_those_of_its_kind(qtbot: Any) -> None:
    app = answers.app(SqlConnector().app, status=app_models.AppStatus.NOT_CONFIGURED, configurations=0)
    form = CredentialForm(app, None)
    qtbot.addWidget(form)
    kind, database, port = (form.rows[name].control for name in ("kind", "database", "port"))
    assert isinstance(kind, ChoiceInput)
    assert isinstance(database, QLineEdit)
    assert isinstance(port, QLineEdit)
    assert database.placeholderText().endswith("orders.db")

    kind.setCurrentText("MariaDB / MySQL")
    assert (database.placeholderText(), port.placeholderText()) == ("shop", "3306")
    assert "The database's name" in shown_texts(form.rows["database"])
    assert "mysql://" in database.accessibleDescription()

    kind.setCurrentText("SQLite")
    assert "The full path of the file" in shown_texts(form.rows["database"])


def shown_texts(row: FieldRow) -> str:
    return " ".join(label.text() for label in row.findChildren(QLabel) if not label.isHidden())
