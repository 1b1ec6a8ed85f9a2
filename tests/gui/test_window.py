"""The window as a whole: navigation, names for screen readers, a lost service, log off, closing, the demo."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QObject, QSettings, Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QApplication,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QWidget,
)

from agent.api import live_models, operator_models, service_models
from agent.domain.errors import ConfigurationError, TransientError
from agent.gui import theme
from agent.gui.apps.credential_form import CredentialForm
from agent.gui.assembly import Shell, Welcome
from agent.gui.bridge import Bridge
from agent.gui.widgets.dialog import ConfirmDialog
from tests.gui import pilot
from tests.gui.doubles import click, pretended, state_of
from tests.gui.pilot import ALERTS, APPS, HOME, LOG
from tests.gui.scenes import SCENES
from tests.helpers.fake_client import NOW, FakeClient

_INTERACTIVE = (QAbstractButton, QAbstractItemView, QComboBox, QLineEdit, QPlainTextEdit)
OpenShell = Callable[..., Shell]


@pytest.mark.parametrize("index", pilot.PANELS)
def test_ctrl_and_a_digit_bring_each_panel(qtbot: Any, shell: Shell, index: int) -> None:
    qtbot.keyClick(shell.window, getattr(Qt.Key, f"Key_{index + 1}"), Qt.KeyboardModifier.ControlModifier)
    assert shell.panels[index].view.isVisible()
    assert shell.window.sidebar.buttons[index].isChecked()


def test_f5_asks_again(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    before = fake.calls.count("flows")
    qtbot.keyClick(shell.window, Qt.Key.Key_F5)
    qtbot.waitUntil(lambda: fake.calls.count("flows") > before)


def _nameless(root: QWidget) -> list[str]:
    found = []
    for widget in root.findChildren(QWidget):
        inside = isinstance(widget.parent(), QComboBox | QAbstractItemView) or "qt_" in widget.objectName()
        is_menu_part = type(widget).__name__ in {"QToolButton", "QScrollBar"} and widget.objectName().startswith("qt_")
        popup = any(isinstance(above, QComboBox) for above in _ancestors(widget))
        if not isinstance(widget, _INTERACTIVE) or inside or is_menu_part or popup:
            continue
        if not (widget.accessibleName() or (isinstance(widget, QAbstractButton) and widget.text())):
            found.append(f"{type(widget).__name__} in {type(widget.parent()).__name__}")
    return found


def _ancestors(widget: QWidget) -> list[object]:
    above: object = widget.parent()
    found: list[object] = []
    while isinstance(above, QObject):
        found.append(above)
        above = above.parent()
    return found


@pytest.mark.parametrize("name", ["home", "apps", "flows", "sync", "log", "settings", "form", "form-sql", "deploy",
                                  "clear", "apps-remove", "form-no-vault"])  # fmt: skip
def test_no_interactive_part_is_without_a_name(qtbot: Any, open_shell: OpenShell, fake: FakeClient, name: str) -> None:
    scene = SCENES[name]
    scene.prepare(fake)
    shell = open_shell()
    qtbot.waitUntil(lambda: shell.catalog.loaded and shell.session.state is not None)
    for step in list(scene.steps(shell, fake))[:2]:
        step()
    assert _nameless(shell.window) == []


def test_a_lost_service_is_a_calm_banner_that_goes_by_itself(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    qtbot.waitUntil(lambda: fake.listeners == 1)
    fake.fail["health"] = TransientError("The service does not answer.", code="service-unreachable")
    fake.end_events()
    qtbot.waitUntil(shell.window.lost.isVisible)
    assert [one.text() for one in shell.window.lost._buttons] == ["Start", "Retry"]
    assert shell.home.view.isVisible()
    del fake.fail["health"]
    click(qtbot, shell.window.lost._buttons[1])
    qtbot.waitUntil(lambda: not shell.window.lost.isVisible())


def test_before_sign_in_a_missing_service_says_so(qtbot: Any, open_shell: OpenShell, fake: FakeClient) -> None:
    fake.fail["health"] = TransientError(
        "The agent's service is not running.", code="service-not-running", remedy="Go."
    )
    shell = open_shell(signed_in=False)
    qtbot.waitUntil(shell.sign_in._lost.isVisible)
    assert shell.sign_in._lost.title.text() == "The agent's service is not running."
    del fake.fail["health"]
    qtbot.waitUntil(shell.sign_in.name.isVisible)


def test_log_off_closes_dialogs_and_asks_for_the_operator(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    shell.window.show_panel(APPS)
    shell.apps.presenter.add("bigcommerce")
    next(one for one in shell.window.agent_menu.actions() if one.text() == "&Log off").trigger()
    qtbot.waitUntil(shell.sign_in.name.isVisible)
    qtbot.waitUntil(lambda: not shell.window.findChildren(CredentialForm) and "sign_off" in fake.calls)
    assert shell.catalog.flows == []
    qtbot.keyClick(shell.window, Qt.Key.Key_2, Qt.KeyboardModifier.ControlModifier)
    assert not shell.apps.view.isVisible()


def test_an_ended_session_leads_back_to_sign_in(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    fake.fail["execute"] = ConfigurationError("Sign in again.", code="sign-in-required")
    shell.bridge.call_failed.emit(fake.fail["execute"])
    qtbot.waitUntil(shell.sign_in.name.isVisible)


def test_the_menu_has_what_the_agent_needs(shell: Shell) -> None:
    texts = [one.text().replace("&", "") for one in shell.window.agent_menu.actions() if one.text()]
    assert texts == ["Clear Temp…", "Clear Cache…", "Change password…", "Log off", "Quit"]
    assert all(one.isEnabled() for one in shell.window.agent_menu.actions())


def test_closing_says_once_that_the_service_goes_on(qtbot: Any, shell: Shell) -> None:
    shell.window.close()
    assert shell.window.isVisible()
    question = shell.window.findChildren(ConfirmDialog)[-1]
    assert "service goes on" in question.text.text()
    click(qtbot, question.accept_button)
    assert not shell.window.isVisible()
    shell.window.show()
    shell.window._may_close = False
    shell.window.close()
    assert not shell.window.isVisible()


def test_the_window_is_titled_by_its_machine_and_remembers_its_place(
    qtbot: Any, shell: Shell, memory: QSettings
) -> None:
    assert shell.window.windowTitle() == "OP Agent — warehouse-01"
    shell.window.close()
    assert memory.value("geometry") is not None


def test_the_demo_says_what_it_is_and_where_its_data_is(qtbot: Any, open_shell: OpenShell, fake: FakeClient) -> None:
    fake.demo = True
    shell = open_shell()
    qtbot.waitUntil(shell.window.demo.isVisible)
    assert "/home/anna/.local/share/op-agent" in shell.window.demo.toolTip()
    assert fake.calls.count("sign_in") == 0


def test_the_gui_answers_keys_while_the_service_hangs(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    fake.hang |= {"flows", "apps", "configurations", "log_bounds", "settings", "sync_info", "state"}
    for index in (*pilot.PANELS[1:], HOME):
        qtbot.keyClick(shell.window, getattr(Qt.Key, f"Key_{index + 1}"), Qt.KeyboardModifier.ControlModifier)
        assert shell.panels[index].view.isVisible()


def test_an_error_nobody_waits_for_is_said_at_the_foot(qtbot: Any, shell: Shell) -> None:
    shell.bridge.call_failed.emit(ConfigurationError("It failed.", code="x", remedy="Do this."))
    assert shell.window.toast.label.text() == "It failed. Do this."


def test_an_environment_event_changes_chip_and_settings(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    qtbot.waitUntil(lambda: fake.listeners == 1)
    state = state_of(shell).model_copy(update={"environment": service_models.EnvironmentState.STOPPING})
    fake.emit(live_models.EventKind.ENVIRONMENT, state)
    qtbot.waitUntil(lambda: shell.settings.view.environment.text() == "Stopping")


def test_a_service_that_is_gone_is_said_once_and_not_on_every_panel(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    gone = TransientError("The agent's service is not running.", code="service-not-running", remedy="Start it.")
    qtbot.waitUntil(lambda: fake.listeners == 1)
    fake.fail["health"] = fake.fail["flows"] = gone
    fake.end_events()
    qtbot.waitUntil(shell.window.lost.isVisible)
    shell.window.refresh_panels()
    qtbot.waitUntil(lambda: shell.catalog.error is not None)
    assert not shell.home.view.banner.isVisible()


def test_a_session_that_ended_by_itself_says_why_it_is_asked_for_again(
    qtbot: Any, shell: Shell, fake: FakeClient
) -> None:
    fake.fail["log_bounds"] = fake.fail["state"] = ConfigurationError("Sign in.", code="sign-in-required")
    shell.bridge.scope().start(lambda client: client.log_bounds(), print)
    qtbot.waitUntil(shell.sign_in.name.isVisible)
    assert "Sign in again" in shell.sign_in.banner.body.text()


def test_the_demo_signs_in_again_by_itself_after_a_restart(
    qtbot: Any, look: theme.Theme, fake: FakeClient, memory: QSettings
) -> None:
    fake.operator = ("demo", "no-secret")
    bridge = Bridge(pretended(fake), first_delay_seconds=0.02)
    session = operator_models.Session(name="demo", token="t")
    shell = Shell(bridge, look, memory, welcome=lambda: Welcome(session, "no-secret"), now=lambda: NOW)
    qtbot.addWidget(shell.window)
    shell.window.show()
    qtbot.waitUntil(lambda: shell.catalog.loaded)
    fake.fail["log_bounds"] = ConfigurationError("Sign in.", code="sign-in-required")
    for _ in range(2):
        bridge.scope().start(lambda client: client.log_bounds(), print)
    qtbot.waitUntil(lambda: fake.calls.count("sign_in") == 1)
    qtbot.waitUntil(lambda: shell.session.session is not None and shell.session.session.token != "t")
    assert not shell.sign_in.isVisible()
    shell.session.sign_off()
    qtbot.waitUntil(shell.sign_in.name.isVisible)
    assert "no-secret" in shell.sign_in._intro.text()
    bridge.close()
    shell.deleteLater()


def test_a_list_to_choose_from_opens_in_full(qtbot: Any, shell: Shell) -> None:
    shell.window.show_panel(LOG)
    level = shell.log.view.level
    level.showPopup()
    qtbot.waitUntil(level.view().isVisible)
    assert level.view().viewport().height() >= level.count() * level.view().sizeHintForRow(0)
    below = level.mapToGlobal(level.rect().bottomLeft()).y()
    assert level.view().window().geometry().top() >= below - 2  # over the field it is cut off on X11
    level.hidePopup()


def test_a_panel_that_comes_on_show_puts_nobody_into_a_field(qtbot: Any, shell: Shell) -> None:
    shell.window.show_panel(LOG)
    assert QApplication.focusWidget() is shell.log.view
    qtbot.keyClick(shell.log.view, Qt.Key.Key_Tab)
    assert QApplication.focusWidget() is shell.log.view.search


def tab_stops(qtbot: Any, most: int = 40) -> list[str]:
    """The names that Tab comes to, from the widget that has the focus until it comes round."""
    found: list[str] = []
    for _ in range(most):
        focused = QApplication.focusWidget()
        assert focused is not None
        qtbot.keyClick(focused, Qt.Key.Key_Tab)
        after = QApplication.focusWidget()
        assert after is not None
        name = after.accessibleName()
        if name in found:
            break
        found.append(name)
    return found


def test_tab_walks_home_from_top_to_bottom(qtbot: Any, shell: Shell) -> None:
    names = tab_stops(qtbot)
    assert names[:4] == [
        "All alerts",
        "Show: Files: The connector cannot be loaded. It needs the Python module “openpyxl”, which is not installed.",
        "Edit: BigCommerce “Old store”: validation failed",
        "Open the App Configuration: Customers to files: failed 2 h 59 min ago: App Configuration",
    ]
    assert names[-3:] == ["Cancel Orders to database", "Processflows with their last and next run", "Home"]


def test_the_arrow_keys_walk_the_navigation(qtbot: Any, shell: Shell) -> None:
    home, alerts = shell.window.sidebar.buttons[HOME], shell.window.sidebar.buttons[ALERTS]
    home.setFocus()
    qtbot.keyClick(home, Qt.Key.Key_Down)
    assert shell.alerts.view.isVisible()
    assert alerts.hasFocus()
    qtbot.keyClick(alerts, Qt.Key.Key_Up)
    assert shell.home.view.isVisible()
    qtbot.keyClick(home, Qt.Key.Key_Up)
    assert home.isChecked()


def test_a_signal_ends_the_window_though_it_would_ask_whoever_closes_it(tmp_path: Path) -> None:
    program = (
        "import pathlib, signal, sys\n"
        "from PySide6.QtCore import QSettings, QTimer\n"
        "from agent.api.operator_models import Session\n"
        "from agent.gui import theme\n"
        "from agent.gui.application import end_on_signals, make_application\n"
        "from agent.gui.assembly import Shell\n"
        "from agent.gui.bridge import Bridge\n"
        "from tests.gui.doubles import pretended\n"
        "from tests.gui.scenes import SCENES\n"
        "from tests.helpers.fake_client import FakeClient\n"
        "application = make_application([])\n"
        "memory = QSettings(str(pathlib.Path(sys.argv[1]) / 'window.ini'), QSettings.Format.IniFormat)\n"
        "fake = FakeClient()\n"
        "SCENES['home'].prepare(fake)\n"
        "bridge = Bridge(pretended(fake), first_delay_seconds=0.1)\n"
        "anna = Session(name='anna', token='t')\n"
        "shell = Shell(bridge, theme.Theme(application), memory, session=anna, now=lambda: fake.now)\n"
        "shell.window.show()\n"
        "end_on_signals(application)\n"
        "def end_once_home_is_there():\n"
        "    if shell.panels[0].view.isVisible():\n"
        "        looking.stop()\n"
        "        signal.raise_signal(signal.SIGTERM)\n"
        "looking = QTimer(interval=20)\n"
        "looking.timeout.connect(end_once_home_is_there)\n"
        "looking.start()\n"
        "QTimer.singleShot(20_000, lambda: application.exit(5))\n"
        "status = application.exec()\n"
        "bridge.close()\n"
        "raise SystemExit(status)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 0, ended.stderr
