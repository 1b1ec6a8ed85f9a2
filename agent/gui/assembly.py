"""Puts the window together: one catalog, the panels with their presenters, and the ways between them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from PySide6.QtCore import QObject, QSettings

from agent.api import models
from agent.domain.errors import AgentError
from agent.gui.bridge import Bridge
from agent.gui.catalog import Catalog
from agent.gui.home.presenter import HomePresenter
from agent.gui.home.view import HomePage
from agent.gui.navigation import Ways
from agent.gui.panel import Panel
from agent.gui.session_presenter import SessionPresenter
from agent.gui.sign_in.presenter import SignInPresenter
from agent.gui.sign_in.view import SignInPage
from agent.gui.theme import Theme
from agent.gui.window import MainWindow


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Shell(QObject):
    """Everything that lives as long as the window."""

    def __init__(
        self,
        bridge: Bridge,
        chosen: Theme,
        memory: QSettings,
        *,
        session: models.Session | None = None,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        super().__init__()
        self.bridge, self.theme, self._memory, self._now = bridge, chosen, memory, now
        self.ways = Ways()
        self.catalog = Catalog(bridge.scope())
        self.panels = [self._home()]
        self.sign_in = SignInPage(lambda: bridge.retry(start=True))
        self.window = MainWindow(self.panels, self.sign_in, memory)
        self.session = SessionPresenter(self.window, bridge.scope(), session=session, use_session=bridge.use_session)
        self._sign_in = SignInPresenter(self.sign_in, bridge.scope(), self.session.on_signed_in)
        self.sign_in.submitted.connect(self._sign_in.submit)
        self.window.start_clicked.connect(lambda: bridge.retry(start=True))
        self.window.retry_clicked.connect(bridge.retry)
        self._wire()

    def _wire(self) -> None:
        self.bridge.link_changed.connect(self.session.on_link)
        self.bridge.happened.connect(self._on_event)
        self.bridge.call_failed.connect(self._on_error)
        self.window.add_agent_action("&Log off", self.session.sign_off, before_separator=False)
        self.ways.to_toast = self.window.say

    def _on_event(self, event: models.Event) -> None:
        if self.session.session is None:
            return
        self.session.on_event(event)
        self.catalog.on_event(event)
        for panel in self.panels:
            panel.presenter.on_event(event)

    def _on_error(self, error: AgentError) -> None:
        if not self.session.on_error(error):
            self.window.say(f"{error.message} {error.remedy}".strip())

    def _home(self) -> Panel:
        view = HomePage()
        presenter = HomePresenter(view, self.bridge.scope(), self.catalog, self.ways, self._now)
        view.cancel_clicked.connect(presenter.cancel)
        view.flow_chosen.connect(presenter.open_flow)
        view.deploy_clicked.connect(presenter.deploy)
        view.grew_old.connect(presenter.show)
        return Panel("Home", "house", view, presenter)
