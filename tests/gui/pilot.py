"""A person at the window: finds what is on screen by its name, types and presses, and waits for what follows.

Knows nothing of what is behind the window. `until` is how to wait; tests hand in pytest-qt's, the script that takes
the guide's pictures its own.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QDialog, QLineEdit, QWidget

from agent.api import run_models, service_models
from agent.gui.apps.credential_form import CredentialForm
from agent.gui.assembly import Shell
from agent.gui.flows.deploy_dialog import DeployDialog
from agent.gui.vault.dialog import VaultDialog
from agent.gui.widgets.inputs import ChoiceInput

HOME, ALERTS, APPS, FLOWS, SYNC_INFO, LOOKUPS, LOG, SETTINGS = range(8)
PANELS = range(8)
Until = Callable[[Callable[[], bool]], object]
D = TypeVar("D", bound=QDialog)


class Pilot:
    """One person at one window."""

    def __init__(self, shell: Shell, until: Until) -> None:
        self.shell, self.until = shell, until

    # -- hands and eyes ----------------------------------------------------------------------------------------

    def button(self, root: QWidget, name: str) -> QAbstractButton | None:
        """A visible button by what it says, or by its name for screen readers."""
        for found in root.findChildren(QAbstractButton):
            said = (found.text().replace("&", "").strip(), found.accessibleName())
            if found.isVisible() and found.isEnabled() and any(one.startswith(name) for one in said):
                return found
        return None

    def press(self, root: QWidget, name: str) -> None:
        """Press a button as soon as it is there."""
        self.until(lambda: self.button(root, name) is not None)
        found = self.button(root, name)
        assert found is not None
        QTest.mouseClick(found, Qt.MouseButton.LeftButton)

    def type_into(self, field: Any, text: str) -> None:
        """Replace what a field holds."""
        line: QLineEdit = getattr(field, "field", field)
        line.setFocus()
        line.selectAll()
        QTest.keyClicks(line, text)

    def enter(self, widget: QWidget) -> None:
        """Press Enter."""
        QTest.keyClick(widget, Qt.Key.Key_Return)

    def dialog(self, kind: type[D]) -> D:
        """The dialog of this kind, once it is on show."""
        self.until(lambda: any(one.isVisible() for one in self._dialogs(kind)))
        return next(one for one in self._dialogs(kind) if one.isVisible())

    def gone(self, kind: type[QDialog]) -> None:
        """Wait until no dialog of this kind is left."""
        self.until(lambda: not any(one.isVisible() for one in self._dialogs(kind)))

    def show(self, panel: int) -> None:
        """Bring a panel on show."""
        self.shell.window.show_panel(panel)

    # -- what an operator does ---------------------------------------------------------------------------------

    def create_operator(self, name: str, password: str) -> None:
        """The first start."""
        page = self.shell.sign_in
        self.until(page.repeated.isVisible)
        self.type_into(page.name, name)
        self.type_into(page.password, password)
        self.type_into(page.repeated, password)
        self.enter(page.repeated.field)
        self.until(lambda: self.shell.session.session is not None and self.shell.catalog.loaded)

    def sign_in(self, password: str, *, name: str = "") -> None:
        """A later start."""
        page = self.shell.sign_in
        self.until(lambda: page.password.isVisible() and not page.repeated.isVisible())
        if name:
            self.type_into(page.name, name)
        self.type_into(page.password, password)
        self.enter(page.password.field)
        self.until(lambda: self.shell.session.session is not None and self.shell.catalog.loaded)

    def log_off(self) -> None:
        """Through the menu."""
        self.menu("Log off")
        self.until(self.shell.sign_in.password.isVisible)

    def menu(self, name: str) -> None:
        """An entry of the menu Agent."""
        actions = self.shell.window.agent_menu.actions()
        next(one for one in actions if one.text().replace("&", "").startswith(name)).trigger()

    def set_up_vault(self, key_file: Path) -> None:
        """From Home, with a key file."""
        self.show(HOME)
        self.press(self.shell.home.view, "Set up the vault")
        dialog = self.dialog(VaultDialog)
        dialog.sources.choose("key-file")
        self.type_into(dialog.path, str(key_file))
        self.enter(dialog.path.field)
        self.gone(VaultDialog)

    def connect(self, app: str, name: str, fields: dict[str, str]) -> CredentialForm:
        """Fill in the credential form of an app and validate; gives the form as it is then."""
        self.show(APPS)
        self.press(self.shell.apps.view, f"Add a configuration of {app}")
        form = self.dialog(CredentialForm)
        self.type_into(form.rows["name"].control, name)
        for field, text in fields.items():
            control = form.rows[field].control
            if isinstance(control, ChoiceInput):
                control.setCurrentText(text)
            else:
                self.type_into(control, text)
        self.press(form, "Validate")
        self.until(lambda: form.validate_button.isVisible() and form.banner.isVisible())
        return form

    def save(self, form: CredentialForm) -> None:
        """Save, and close the form."""
        self.press(form, "Save")
        self.until(lambda: form.banner.title.text() == "Connection Data Saved")
        self.press(form, "Close")
        self.gone(CredentialForm)

    def enable_environment(self) -> None:
        """Tick the check box in Settings."""
        self.show(SETTINGS)
        editors = self.shell.settings.view.editors
        self.until(lambda: "enable_environment" in editors)
        box: Any = editors["enable_environment"].control
        if not box.isChecked():
            box.click()
        self.until(lambda: self.state().environment is service_models.EnvironmentState.RUNNING)

    def choose_sample(self, title: str) -> DeployDialog:
        """Open the Deploy dialog with a sample whose tokens are bound."""
        self.show(FLOWS)
        self.press(self.shell.flows.view, "Deploy…")
        dialog = self.dialog(DeployDialog)
        self.until(lambda: dialog.samples.findText(title) > 0)
        dialog.samples.setCurrentIndex(dialog.samples.findText(title))
        dialog.samples.activated.emit(dialog.samples.currentIndex())
        self.until(dialog.deploy_button.isEnabled)
        return dialog

    def deploy(self, title: str, *, execute: bool = False) -> None:
        """Deploy a sample."""
        dialog = self.choose_sample(title)
        self.press(dialog, "Deploy")
        self.until(dialog.execute_button.isVisible)
        if execute:
            self.press(dialog, "Execute now")
        else:
            self.press(dialog, "Close")
        self.gone(DeployDialog)

    def execute(self, title: str) -> None:
        """Start a run."""
        self.show(FLOWS)
        self.press(self.shell.flows.view, f"Execute {title}")

    # -- what the window knows ---------------------------------------------------------------------------------

    def state(self) -> service_models.ServiceState:
        """Of the service."""
        assert self.shell.session.state is not None
        return self.shell.session.state

    def last_run(self, flow: str) -> run_models.Run:
        """Of a processflow, once it has ended."""

        def ended() -> bool:
            found = self.shell.catalog.flow(flow)
            return found is not None and found.active_run is None and found.last_run is not None

        self.until(ended)
        found = self.shell.catalog.flow(flow)
        assert found is not None
        assert found.last_run is not None
        return found.last_run

    def _dialogs(self, kind: type[D]) -> list[D]:
        return [one for one in QApplication.topLevelWidgets() if isinstance(one, kind)]
