"""The credential form, built from the connector's field list."""

from __future__ import annotations

from PySide6.QtCore import QUrl, Signal
from PySide6.QtGui import QCloseEvent, QDesktopServices
from PySide6.QtWidgets import QLineEdit, QWidget

from agent.api import app_models, configuration_models
from agent.domain.app import MOST_DOCUMENT_CHARACTERS, FieldKind
from agent.gui.apps.credential_presenter import NAME, Entered
from agent.gui.tones import Tone
from agent.gui.vault.line import VaultLine
from agent.gui.widgets.banner import Banner
from agent.gui.widgets.buttons import button
from agent.gui.widgets.dialog import ConfirmDialog, Dialog
from agent.gui.widgets.field_row import FieldRow
from agent.gui.widgets.inputs import ChoiceInput, DocumentInput, PathInput, SecretInput
from agent.gui.widgets.text import Text


class CredentialForm(Dialog):
    """Emits what was entered. Enter validates, Esc closes; what came of it stands above the buttons."""

    validate_clicked = Signal(object)
    save_clicked = Signal(object)
    cancel_clicked = Signal()
    edited = Signal()
    vault_clicked = Signal()
    closed = Signal()

    def __init__(
        self,
        app: app_models.App,
        configuration: configuration_models.Configuration | None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(
            f"Edit {configuration.name}" if configuration else f"Connect {app.name}",
            app.description,
            width=520,
            parent=parent,
        )
        self._fields = app.fields
        self.rows: dict[str, FieldRow] = {}
        self.vault = VaultLine()
        self.vault.resized.connect(self.fit_soon)
        self.vault.open_clicked.connect(self.vault_clicked)
        self._leaving = False
        self._name_field = QLineEdit()
        self.body.addWidget(Text("Fields marked with * are required.", "small"))
        self._add(NAME, "&Name", self._name_field, required=True, help_text="What you call this connection.")
        for one in app.fields:
            self._add_field(one)
        self.body.addWidget(self.vault)
        self.body.addStretch()
        self.banner, self.warning = Banner(), Banner()
        self.outcome.addWidget(self.banner)
        self.outcome.addWidget(self.warning)
        self.validate_button = button("&Validate", self._on_validate, picture="plug")
        self.stop_button = button("Cancel &validation", self.cancel_clicked.emit)
        self.stop_button.hide()
        self.close_button = button("Close", self.reject)
        self.save_button = button("&Save", self._on_save, kind="primary")
        self.foot.addWidget(self.validate_button)
        self.foot.addWidget(self.stop_button)
        self.foot.addStretch()
        self.foot.addWidget(self.close_button)
        self.foot.addWidget(self.save_button)
        self.validate_button.setDefault(True)
        self._fill(app, configuration)
        self._show_wanted()
        self.rows[NAME].focus()
        self._name_field.selectAll()
        self._kept = self.entered()

    # -- what the presenter says -----------------------------------------------------------------------------------

    def show_field_errors(self, errors: dict[str, str]) -> None:
        """Errors under the fields that they belong to."""
        for name, row in self.rows.items():
            row.show_error(errors.get(name, ""))
        first = next((row for name, row in self.rows.items() if name in errors), None)
        if first is not None:
            first.focus()
            self.reveal(first)
        self.fit_soon()

    def show_progress(self, text: str) -> None:
        """Validate is at work."""
        self._busy(validating=True)
        self.banner.show_message(Tone.BUSY, "", text)
        self.fit_soon()

    def show_sign_in(self, address: str) -> None:
        """Open the page at which a person signs in; the button is for who has lost it."""

        def go() -> None:
            url = QUrl(address)
            if url.scheme() in {"https", "http"}:
                QDesktopServices.openUrl(url)

        self._busy(validating=True)
        self.banner.show_message(
            Tone.BUSY, "Sign in on the page in your browser",
            "Allow the access there. This window goes on by itself then.", [("Open the page again", go)],
        )  # fmt: skip
        self.fit_soon()
        go()

    def show_success(
        self, title: str, facts: list[configuration_models.Fact], notes: list[str], warnings: list[str]
    ) -> None:
        """Validate or Save succeeded; what is left to do has the focus."""
        self._busy(validating=False)
        found = [(fact.label, fact.value) for fact in facts]
        self.banner.show_message(Tone.OK, title, "\n".join(notes), facts=found)
        if warnings:
            self.warning.show_message(Tone.WARN, "", "\n".join(warnings))
        (self.save_button if facts else self.close_button).setFocus()
        self.fit_soon()

    def show_failure(self, title: str, remedy: str, notes: list[str]) -> None:
        """What is wrong, and what to do. The field that it is about has the focus."""
        self._busy(validating=False)
        self.banner.show_message(Tone.ERROR, title, "\n".join(part for part in (remedy, *notes) if part))
        wrong = next((row for row in self.rows.values() if row.error), None)
        if wrong is not None:
            wrong.focus()
            self.reveal(wrong)
        else:
            self.validate_button.setFocus()
        self.fit_soon()

    def show_vault_needed(self, title: str, remedy: str) -> None:
        """The vault has to be opened first; the button for it is where the eyes are."""
        self._busy(validating=False)
        word = self.vault.action.text() if self.vault.action.isVisibleTo(self) else "Open the vault…"
        self.banner.show_message(Tone.ERROR, title, remedy, [(word, self.vault_clicked.emit)])
        self.banner.focus_action()
        self.fit_soon()

    def show_nothing(self) -> None:
        """Neither progress nor result."""
        self._busy(validating=False)
        self.banner.hide()
        self.warning.hide()
        self.fit_soon()

    def show_values(self, values: dict[str, str]) -> None:
        """The service tidied what was entered."""
        for name, text in values.items():
            if name in self.rows:
                _write(self.rows[name].control, text)

    def show_saving(self, *, saving: bool) -> None:
        """Save is at work."""
        self.save_button.setEnabled(not saving)
        self.validate_button.setEnabled(not saving)
        if saving:
            self.banner.show_message(Tone.BUSY, "", "Saving …")
            self.fit_soon()

    def show_stored(self, configuration: configuration_models.Configuration) -> None:
        """Forget typed secrets, show hints."""
        self.setWindowTitle(f"Edit {configuration.name}")
        self.heading.setText(f"Edit {configuration.name}")
        self.show_values(configuration.values)
        for name, row in self.rows.items():
            if isinstance(row.control, SecretInput):
                row.control.clear()
                row.control.show_hint(configuration.secrets.get(name, ""))
        self._kept = self.entered()

    def entered(self) -> Entered:
        """What the form holds."""
        values, secrets = {}, {}
        for one in self._fields:
            control = self.rows[one.name].control
            if isinstance(control, SecretInput):
                secrets[one.name] = control.take()
            else:
                values[one.name] = _read(control)
        return Entered(self._name_field.text().strip(), values, secrets)

    def closeEvent(self, event: QCloseEvent) -> None:
        """The window's own button asks as Esc does; the program, when somebody signs out, does not."""
        self._leaving = self._leaving or not event.spontaneous()
        super().closeEvent(event)

    def reject(self) -> None:
        """Close and Esc. What was typed and is not saved is given up only when that is wanted."""
        if self._leaving or self.entered() == self._kept:
            self._let_go()
            super().reject()
            return
        question = ConfirmDialog(
            "Close without saving?", "What you entered here is lost then.", accept="Discard",
            on_accept=self.close, parent=self,
        )  # fmt: skip
        question.open()

    # -- building --------------------------------------------------------------------------------------------------

    def _add_field(self, one: app_models.CredentialField) -> None:
        control: QWidget
        if one.kind is FieldKind.SECRET:
            control = SecretInput(one.label)
        elif one.kind is FieldKind.FILE:
            control = PathInput(one.label)
        elif one.kind is FieldKind.DOCUMENT:
            control = DocumentInput(one.label, most_characters=MOST_DOCUMENT_CHARACTERS)
            control.unreadable.connect(lambda why, name=one.name: self.rows[name].show_error(why))
        elif one.kind is FieldKind.CHOICE:
            control = ChoiceInput()
            control.addItems(one.choices)
        else:
            control = QLineEdit()
        label = one.label.replace("&", "&&")
        self._add(one.name, label, control, required=one.required, help_text=one.help, example=one.example)

    def _add(
        self, name: str, label: str, control: QWidget, *, required: bool, help_text: str = "", example: str = ""
    ) -> None:
        row = FieldRow(label, control, required=required, help_text=help_text, example=example)
        if isinstance(control, QLineEdit):
            control.setMaxLength(1_000)
            control.setPlaceholderText(example)
            control.textEdited.connect(lambda _: self.edited.emit())
        elif isinstance(control, ChoiceInput):
            control.activated.connect(lambda _: self.edited.emit())
            control.currentTextChanged.connect(lambda _: self._show_wanted())
        elif isinstance(control, SecretInput | PathInput | DocumentInput):
            control.edited.connect(self.edited)
        self.rows[name] = row
        self.body.addWidget(row)

    def _show_wanted(self) -> None:
        """Fields that mean nothing for what was chosen are not shown, the others with the words for it."""
        for one in self._fields:
            if one.words and one.name in self.rows:
                fitting = (said for said in one.words if _read(self.rows[said.field].control) == said.choice)
                said = next(fitting, None)
                self.rows[one.name].reword(*(said.help, said.example) if said else (one.help, one.example))
            if one.shown_when is not None and one.name in self.rows:
                decider, *choices = one.shown_when
                self.rows[one.name].setVisible(_read(self.rows[decider].control) in choices)
        self.fit_soon()

    def _fill(self, app: app_models.App, configuration: configuration_models.Configuration | None) -> None:
        if configuration is None:
            proposed = app.name if app.configurations == 0 else f"{app.name} {app.configurations + 1}"
            self.show_values({NAME: proposed} | {one.name: one.default for one in app.fields if one.default})
            return
        self._name_field.setText(configuration.name)
        self.show_stored(configuration)
        if configuration.state is configuration_models.ConfigurationState.SAVED:
            self.banner.show_message(Tone.WARN, "Saved, not validated", "Press Validate to test the connection.")
        elif configuration.state is configuration_models.ConfigurationState.FAILED:
            self.banner.show_message(Tone.ERROR, "Validation failed", configuration.message)

    def _busy(self, *, validating: bool) -> None:
        """While validating the form keeps what is tested; only Cancel remains."""
        self.save_button.setEnabled(not validating)
        self.validate_button.setVisible(not validating)
        self.stop_button.setVisible(validating)
        if validating:
            self.stop_button.setFocus()
            self.warning.hide()
        for row in self.rows.values():
            row.setEnabled(not validating)

    def _on_validate(self) -> None:
        self.validate_clicked.emit(self.entered())

    def _on_save(self) -> None:
        self.save_clicked.emit(self.entered())

    def _let_go(self) -> None:
        for row in self.rows.values():
            if isinstance(row.control, SecretInput):
                row.control.clear()
        self.closed.emit()


def _read(control: QWidget) -> str:
    if isinstance(control, ChoiceInput):
        return control.currentText()
    if isinstance(control, DocumentInput):
        return control.field.toPlainText().strip()
    field = control.field if isinstance(control, PathInput) else control
    return field.text().strip() if isinstance(field, QLineEdit) else ""


def _write(control: QWidget, text: str) -> None:
    if isinstance(control, ChoiceInput):
        control.setCurrentText(text)
    elif isinstance(control, PathInput):
        control.field.setText(text)
    elif isinstance(control, DocumentInput):
        control.field.setPlainText(text)
    elif isinstance(control, QLineEdit):
        control.setText(text)
