"""Puts the window together: one catalog, the panels with their presenters, and the ways between them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from PySide6.QtCore import QObject, QSettings

from agent.api import clearing_models, configuration_models, live_models, operator_models, vault_models
from agent.domain.errors import AgentError
from agent.domain.packet import SyncState
from agent.gui import panels
from agent.gui.apps.opening import CredentialForms
from agent.gui.bridge import Bridge
from agent.gui.catalog import Catalog
from agent.gui.clear.dialog import ClearDialog
from agent.gui.clear.presenter import ClearPresenter
from agent.gui.flows.deploying import Deployments
from agent.gui.log.presenter import Filter
from agent.gui.navigation import Ways
from agent.gui.panel import Room
from agent.gui.rooms import Rooms
from agent.gui.service_link import LINK_CODES, Link, LinkState
from agent.gui.session_presenter import SessionPresenter
from agent.gui.sign_in.password_dialog import PasswordDialog
from agent.gui.sign_in.password_presenter import PasswordPresenter
from agent.gui.sign_in.presenter import SignInPresenter
from agent.gui.sign_in.view import SignInPage
from agent.gui.theme import Mode, Theme
from agent.gui.vault.opening import VaultDialogs
from agent.gui.window import MainWindow


def _utc_now() -> datetime:
    return datetime.now(UTC)


CONNECTING = "Connecting to the agent's service …"


@dataclass(frozen=True, slots=True)
class Welcome:
    """An operator who is signed in without typing, and whose password is no secret: the demo's."""

    session: operator_models.Session
    password: str


class Shell(QObject):
    """Everything that lives as long as the window."""

    def __init__(
        self,
        bridge: Bridge,
        chosen: Theme,
        memory: QSettings,
        *,
        session: operator_models.Session | None = None,
        welcome: Callable[[], Welcome | None] = lambda: None,
        waiting: str = CONNECTING,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        super().__init__()
        self.bridge, self.theme, self._memory, self._welcome = bridge, chosen, memory, welcome
        self._now = now
        self.ways = Ways()
        self.catalog = Catalog(bridge.scope())
        parts = panels.Parts(bridge, self.catalog, self.ways, now)
        self.vault = VaultDialogs(bridge, lambda: self.session.state, self._on_vault)
        self.forms = CredentialForms(bridge, lambda: self.session.state, self.vault.open, self._on_saved)
        self.home = panels.home(parts)
        self.alerts = panels.alerts(parts)
        self.apps = panels.apps(parts, self.forms.open)
        self.flows = panels.flows(parts)
        self.sync_info = panels.sync_info(parts)
        self.lookups = panels.lookups(parts)
        self.log = panels.log(parts)
        self.settings = panels.settings(
            parts,
            own_theme=lambda: chosen.mode.value,
            theme_chosen=self._on_theme,
            state_wanted=self._refresh_state,
        )
        self.panels: list[panels.AnyPanel] = [
            self.home, self.alerts, self.apps, self.flows, self.sync_info, self.lookups, self.log, self.settings
        ]  # fmt: skip
        self.sign_in = SignInPage(lambda: bridge.retry(start=True))
        self.sign_in.show_waiting(waiting)
        self.window = MainWindow(self.panels, self.sign_in, memory)
        self._known: Welcome | None = None
        self._renewing = False
        self.session = SessionPresenter(
            self.window, bridge.scope(), session=session, use_session=bridge.use_session, renew=self._renew
        )
        self._sign_in = SignInPresenter(self.sign_in, bridge.scope(), self.session.on_signed_in)
        self.deployments = Deployments(
            bridge, self.catalog, self.forms, self._execute, lambda: self._show(self.settings)
        )
        self.rooms = Rooms(
            bridge, self.catalog, self.window, execute=self._execute, now=now,
            settings=lambda: self._show(self.settings),
            log=lambda run: self.open_log("", run),
            deploy=lambda flow: self.deployments.open(self.window, library=flow),
        )  # fmt: skip
        self.apps.view.schemas_clicked.connect(self.rooms.open_schemas)
        self._wire()

    # -- ways ----------------------------------------------------------------------------------------------------

    def open_deploy(self, flow: str = "") -> None:
        """Show the Deploy dialog."""
        self._show(self.flows)
        self.deployments.open(self.window, flow)

    def open_clear(self, target: clearing_models.ClearTarget) -> None:
        """Show the Clear dialog."""
        dialog = ClearDialog(target, self.window)
        presenter = ClearPresenter(dialog, self.bridge.scope(), self.catalog, target)
        dialog.clear_clicked.connect(presenter.clear)
        dialog.redeploy_clicked.connect(presenter.redeploy)
        dialog.closed.connect(lambda: presenter.close())  # noqa: PLW0108 - signals hold methods weakly, this holds it
        presenter.open()
        dialog.open()

    def open_password(self) -> None:
        """Show the dialog in which the operator who is signed in changes the own password."""
        if self.session.session is None:
            return
        name = self.session.session.name
        dialog = PasswordDialog(name, self.window)
        presenter = PasswordPresenter(dialog, self.bridge.scope(), name, self._on_password)
        submit = lambda old, new, again: presenter.submit(old, new, again)  # noqa: E731, PLW0108 - holds the presenter
        dialog.submitted.connect(submit)
        dialog.open()

    def open_room(self, flow: str, room: Room) -> None:
        """Show a dialog about one processflow."""
        self._show(self.flows)
        self.rooms.open(flow, room)

    def open_cure(self, target: str) -> None:
        """Show the place where something is cured: an App Configuration, a processflow, or a page of the guide."""
        kind, _, place = target.partition(":")
        name, _, _ = place.partition("#")
        match kind:
            case "app-configuration":
                self.edit_configuration(name)
            case "processflow" | "retry":
                self.open_flows(name, attention=False)
            case "schedule":
                self.open_room(name, Room.SCHEDULE)
            case "run":
                self.open_log("", name)
            case "sync-info":
                self.open_sync_info(name, SyncState.FAILED)
            case "guide":
                self.window.open_guide(name)
            case _:
                self.window.open_guide("errors")

    def edit_configuration(self, configuration_id: str) -> None:
        """Show App Configurations with that configuration's form."""
        self._show(self.apps)
        self.apps.presenter.edit(configuration_id)

    def open_flows(self, name: str, attention: bool) -> None:
        """Show Processflows: all, one of them, or those that need a person."""
        self._show(self.flows)
        self.flows.presenter.open(name, attention=attention)

    def open_sync_info(self, flow: str, state: SyncState | None) -> None:
        """Show a processflow's records."""
        self.window.show_panel(self.panels.index(self.sync_info))
        self.sync_info.presenter.open(flow, state)

    def open_log(self, flow: str, run: str) -> None:
        """Show the log of a processflow or of one run."""
        self.window.show_panel(self.panels.index(self.log))
        self.log.presenter.open(Filter(flow=flow, run=run))

    def _wire(self) -> None:
        self.catalog.listeners.append(self._count_alerts)
        self.bridge.link_changed.connect(self._on_link)
        self.theme.changed.connect(self.window.restyle_guide)
        self.bridge.happened.connect(self._on_event)
        self.bridge.call_failed.connect(self._on_error)
        self.sign_in.submitted.connect(self._sign_in.submit)
        self.window.start_clicked.connect(lambda: self.bridge.retry(start=True))
        self.window.retry_clicked.connect(self.bridge.retry)
        self.window.state_shown.connect(self.forms.on_state)
        self.window.state_shown.connect(self.vault.on_state)
        self.window.add_agent_action("Clear &Temp…", lambda: self.open_clear(clearing_models.ClearTarget.TEMP))
        self.window.add_agent_action("Clear &Cache…", lambda: self.open_clear(clearing_models.ClearTarget.CACHE))
        self.window.add_agent_action("Change &password…", self.open_password, before_separator=False)
        self.window.add_agent_action("&Log off", self._sign_off, before_separator=False)
        ways = self.ways
        ways.to_apps = lambda: self._show(self.apps)
        ways.to_flows = self.open_flows
        ways.to_cure = self.open_cure
        ways.to_settings = lambda: self._show(self.settings)
        ways.to_vault = lambda: self.vault.open(self.window)
        ways.to_configuration = self.edit_configuration
        ways.to_deploy = self.open_deploy
        ways.to_room = self.open_room
        ways.to_history = self.rooms.open_history
        ways.to_past = self.rooms.open_past
        ways.to_library = self.rooms.open_library
        ways.to_alerts = lambda: self._show(self.alerts)
        ways.to_sync_info = self.open_sync_info
        ways.to_log = self.open_log
        ways.to_toast = self.window.say

    def _count_alerts(self) -> None:
        place = self.panels.index(self.alerts)
        self.window.sidebar.show_count(place, self.catalog.alerts.unacknowledged)

    def _show(self, panel: panels.AnyPanel) -> None:
        self.window.show_panel(self.panels.index(panel))

    def _execute(self, flow: str) -> None:
        self._show(self.flows)
        self.flows.presenter.execute(flow)

    def _sign_off(self) -> None:
        self.session.sign_off()
        self.catalog.forget()

    def _on_password(self) -> None:
        self._known = None  # the demo cannot sign its operator in by itself any more
        self.session.end("The password is changed. Sign in with the new one.")
        self.catalog.forget()

    # -- what happens --------------------------------------------------------------------------------------------

    def _on_link(self, link: Link) -> None:
        welcome = self._welcome() if link.state is LinkState.ONLINE else None
        if welcome is not None:
            self._welcome, self._known = (lambda: None), welcome
            self.window.show_demo(welcome.session.name, welcome.password)
            self.session.adopt(welcome.session)
        self.session.on_link(link)

    def _renew(self) -> bool:
        """The demo's operator is signed in again by himself after a restart of the service."""
        known = self._known
        if known is None:
            return False
        if not self._renewing:  # several calls may have been refused at once
            self._renewing = True
            self.bridge.scope().start(
                lambda client: client.sign_in(known.session.name, known.password),
                self._on_renewed,
                self._on_not_renewed,
            )
        return True

    def _on_renewed(self, session: operator_models.Session) -> None:
        self._renewing = False
        if self.session.session is not None:  # else he logged off meanwhile
            self.session.on_signed_in(session)

    def _on_not_renewed(self, error: AgentError) -> None:
        self._renewing, self._known = False, None
        self._on_error(error)

    def _on_event(self, event: live_models.Event) -> None:
        if self.session.session is None:
            return
        self.session.on_event(event)
        self.catalog.on_event(event)
        for panel in self.panels:
            panel.presenter.on_event(event)

    def _on_error(self, error: AgentError) -> None:
        if not self.session.on_error(error) and error.code not in LINK_CODES:
            self.window.say(f"{error.message} {error.remedy}".strip())

    def _refresh_state(self) -> None:
        self.session.refresh_state()

    def _on_vault(self, vault: vault_models.Vault) -> None:
        if vault.state == "open":
            self.window.say("The vault is open")
        self.session.refresh_state()

    def _on_saved(self, _: configuration_models.Configuration) -> None:
        self.window.say("Connection Data Saved")
        self.catalog.refresh()

    def _on_theme(self, value: str) -> None:
        try:
            mode = Mode(value.casefold())
        except ValueError:
            mode = Mode.SYSTEM
        self._memory.setValue("theme", mode.value)
        self.theme.apply(mode)
