"""The main window: menu, side navigation, the panels, the banners above them. It shows; presenters decide."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, QSettings, Signal
from PySide6.QtGui import QAction, QCloseEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QApplication, QHBoxLayout, QMainWindow, QMenu, QStackedWidget, QVBoxLayout, QWidget

from agent.api import operator_models, service_models
from agent.domain.errors import AgentError
from agent.gui import resources
from agent.gui.panel import Panel, Presenter
from agent.gui.side_bar import SideBar
from agent.gui.sign_in.view import SignInPage
from agent.gui.tones import Tone
from agent.gui.widgets.banner import Banner
from agent.gui.widgets.dialog import ConfirmDialog
from agent.gui.widgets.page import Page
from agent.gui.widgets.toast import Toast

if TYPE_CHECKING:
    from agent.gui.help.window import GuideWindow

_GOES_ON = "service-goes-on-said"


class MainWindow(QMainWindow):
    """The window's frame. `panels` come in the order of the navigation."""

    start_clicked = Signal()
    state_shown = Signal(object)
    retry_clicked = Signal()

    def __init__(self, panels: list[Panel[Page, Presenter]], sign_in: SignInPage, memory: QSettings) -> None:
        super().__init__()
        self.setWindowTitle("OP Agent")
        self.resize(1240, 800)
        self.setMinimumSize(900, 600)
        self._panels = panels
        self._memory = memory
        self._no_secret = ""
        self._operator = ""
        self._demo = False
        self._current = 0
        self._may_close = False
        self._guide: GuideWindow | None = None
        self.sign_in = sign_in
        self.sidebar = SideBar([(panel.title, panel.picture) for panel in panels])
        self.sidebar.chosen.connect(self.show_panel)
        self._build_menus([panel.title for panel in panels])
        self._build_pages()
        self.toast = Toast(self._root)
        search = QShortcut(QKeySequence(QKeySequence.StandardKey.Find), self)
        search.activated.connect(self._focus_search)
        geometry = memory.value("geometry")
        if isinstance(geometry, QByteArray):
            self.restoreGeometry(geometry)
        self._allow_agent(allowed=False)

    # -- what the session presenter says -------------------------------------------------------------------------

    def show_waiting(self, text: str) -> None:
        """Nothing is known yet."""
        self._root.setCurrentWidget(self.sign_in)
        self.sign_in.show_waiting(text)

    def show_lost_before_sign_in(self, error: AgentError) -> None:
        """The service does not answer and nobody is signed in."""
        self._root.setCurrentWidget(self.sign_in)
        self.sign_in.show_lost(error.message, error.remedy)

    def show_sign_in(self, *, first: bool, machine: str, reason: str = "") -> None:
        """Ask for the operator; nothing of the former one stays on screen."""
        for dialog in self.findChildren(QWidget):
            if dialog.isWindow() and dialog is not self and dialog.isVisible():
                dialog.close()
        self._allow_agent(allowed=False)
        for panel in self._panels:
            panel.presenter.forget()
        self._root.setCurrentWidget(self.sign_in)
        self.sign_in.show_form(first=first, machine=machine, reason=reason)
        self._title(machine)

    def show_agent(self, session: operator_models.Session) -> None:
        """Show the panels."""
        self._operator = session.name
        if self._root.currentWidget() is not self._agent:
            self._root.setCurrentWidget(self._agent)
            self._allow_agent(allowed=True)
            self.show_panel(0)

    def show_state(self, state: service_models.ServiceState) -> None:
        """Environment, vault, demo."""
        self._title(state.machine)
        self.sidebar.show_state(state, self._operator)
        if state.demo:
            self.demo.show_message(
                Tone.INFO,
                "This is the demo.",
                f"Store and database are made up and on this computer; nothing leaves it.{self._no_secret}",
            )
            self.demo.setToolTip(f"Its data is in {state.data_folder}.")
        else:
            self.demo.hide()
        for panel in self._panels:
            panel.presenter.on_state(state)
        self.state_shown.emit(state)

    def show_demo(self, name: str, password: str) -> None:
        """The demo's operator has a password that is no secret: say so wherever it helps."""
        self._no_secret = f" You are signed in as {name}, password {password}"
        self.sign_in.show_demo(name, password)

    def show_lost(self, error: AgentError | None) -> None:
        """The calm banner over the panels."""
        if error is None:
            self.lost.hide()
            return
        self.lost.show_message(
            Tone.WARN,
            "The agent's service does not answer.",
            "What you see is the last that was known. It is being looked for again by itself.",
            [("Start", self._on_start), ("Retry", self.retry_clicked.emit)],
        )
        self.lost.setToolTip(f"{error.message} {error.detail}")

    def _on_start(self) -> None:
        self._panels[self._current].view.setFocus()
        self.lost.show_message(Tone.BUSY, "", "Starting the agent's service …")
        self.start_clicked.emit()

    def refresh_panels(self) -> None:
        """Ask for everything again: now for the panel on show, later for the others."""
        for panel in self._panels:
            panel.presenter.grow_stale()
        self._panels[self._current].presenter.refresh()

    # -- navigation ----------------------------------------------------------------------------------------------

    def show_panel(self, index: int) -> None:
        """Bring a panel on show."""
        self._current = index
        self.sidebar.show_place(index)
        walks_navigation = self.sidebar.isAncestorOf(QApplication.focusWidget() or self)
        self._stack.setCurrentIndex(index)
        if not walks_navigation:  # Tab begins at the panel's first part; nobody is put into a field unasked
            self._panels[index].view.setFocus()
        self._panels[index].presenter.activate()

    def say(self, text: str) -> None:
        """A short word that goes away by itself."""
        self.toast.say(text)

    def _focus_search(self) -> None:
        self._panels[self._current].view.focus_search()

    def add_agent_action(self, text: str, on_triggered: Callable[[], object], *, before_separator: bool = True) -> None:
        """Put an action into the menu Agent, above the line or below it."""
        action = QAction(text, self)
        action.triggered.connect(lambda _checked=False: on_triggered())
        self.agent_menu.insertAction(self._agent_line if before_separator else self._quit, action)
        self._agent_actions.append(action)

    def remember_geometry(self) -> None:
        """Remember where the window is, for the next start."""
        self._memory.setValue("geometry", self.saveGeometry())

    def closeEvent(self, event: QCloseEvent) -> None:
        """Remember the geometry, and say once that the service goes on."""
        self.remember_geometry()
        if self._may_close or self._demo_or_signed_off() or self._memory.value(_GOES_ON) == "yes":
            event.accept()
            return
        event.ignore()
        self._memory.setValue(_GOES_ON, "yes")
        question = ConfirmDialog(
            "The agent goes on",
            "You close the window only. The agent's service goes on in the background and runs what is scheduled. "
            "To stop it, switch off Enable Environment in Settings. This is said once.",
            accept="Close the window",
            on_accept=self._close_now,
            danger=False,
            parent=self,
        )
        question.open()

    # -- building ------------------------------------------------------------------------------------------------

    def _build_menus(self, places: list[str]) -> None:
        self.agent_menu: QMenu = self.menuBar().addMenu("&Agent")
        self._agent_actions: list[QAction] = []
        self._agent_line = self.agent_menu.addSeparator()
        self._quit = QAction("&Quit", self)
        self._quit.setShortcut(QKeySequence("Ctrl+Q"))
        self._quit.triggered.connect(lambda _checked=False: self.close())
        self.agent_menu.addAction(self._quit)
        self.go_menu: QMenu = self.menuBar().addMenu("&Go")
        for index, place in enumerate(places):
            action = QAction(place, self)
            action.setShortcut(QKeySequence(f"Ctrl+{index + 1}"))
            action.triggered.connect(lambda _checked=False, chosen=index: self.show_panel(chosen))
            self.go_menu.addAction(action)
        self.go_menu.addSeparator()
        self._build_help()
        refresh = QAction("&Refresh", self)
        refresh.setShortcut(QKeySequence("F5"))
        refresh.triggered.connect(lambda _checked=False: self.refresh_panels())
        self.go_menu.addAction(refresh)

    def _build_help(self) -> None:
        self.help_menu: QMenu = self.menuBar().addMenu("&Help")
        guide = QAction("&Guide", self)
        guide.setShortcut(QKeySequence("F1"))
        guide.triggered.connect(lambda _checked=False: self._open_guide())
        self.help_menu.addAction(guide)
        guide.setVisible(resources.guide() is not None)
        about = QAction("&About OP Agent", self)
        about.triggered.connect(lambda _checked=False: self._open_about())
        self.help_menu.addAction(about)

    def _open_guide(self) -> None:
        signed_in = self._root.currentWidget() is self._agent
        self.open_guide(self._panels[self._current].guide if signed_in else "sign-in")

    def open_guide(self, page: str) -> None:
        """Show a page of the guide by its name."""
        folder = resources.guide()
        if folder is None:
            return
        if self._guide is None:
            from agent.gui.help.window import GuideWindow  # imported here: the first paint does not need it

            self._guide = GuideWindow(folder, self)
        self._guide.open(page)

    def restyle_guide(self) -> None:
        """The theme changed: pictures and colours of the guide with it."""
        if self._guide is not None:
            self._guide.browser.restyle()

    def _open_about(self) -> None:
        from agent.gui.help.about import AboutDialog  # imported here: the first paint does not need it

        AboutDialog(self).open()

    def _build_pages(self) -> None:
        self._root = QStackedWidget()
        self._agent = QWidget()
        row = QHBoxLayout(self._agent)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.sidebar)
        column = QVBoxLayout()
        column.setSpacing(0)
        self.demo, self.lost = Banner(strip=True), Banner(strip=True)
        column.addWidget(self.demo)
        column.addWidget(self.lost)
        self._stack = QStackedWidget()
        for panel in self._panels:
            self._stack.addWidget(panel.view)
        column.addWidget(self._stack, 1)
        row.addLayout(column, 1)
        self._root.addWidget(self.sign_in)
        self._root.addWidget(self._agent)
        self.setCentralWidget(self._root)

    def _allow_agent(self, *, allowed: bool) -> None:
        for action in self._agent_actions:
            action.setEnabled(allowed)
        for action in self.go_menu.actions():
            action.setEnabled(allowed)

    def _demo_or_signed_off(self) -> bool:
        return self.demo.isVisibleTo(self._agent) or self._root.currentWidget() is not self._agent

    def _close_now(self) -> None:
        self._may_close = True
        self.close()

    def _title(self, machine: str) -> None:
        self.setWindowTitle(f"OP Agent — {machine}" if machine else "OP Agent")
