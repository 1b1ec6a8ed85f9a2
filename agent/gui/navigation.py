"""The ways between panels, for the presenters: the window's places by name. No widgets of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from agent.domain.packet import SyncState
from agent.gui.panel import Room


def _nowhere(*_: object) -> None:
    """Not wired yet."""


@dataclass(slots=True, weakref_slot=True)
class Ways:
    """A `Navigator` whose ways the assembly fills in once every panel exists."""

    to_apps: Callable[[], object] = field(default=_nowhere)
    to_configuration: Callable[[str], object] = field(default=_nowhere)
    to_flows: Callable[[str, bool], object] = field(default=_nowhere)
    to_deploy: Callable[[str], object] = field(default=_nowhere)
    to_room: Callable[[str, Room], object] = field(default=_nowhere)
    to_history: Callable[[str, str], object] = field(default=_nowhere)
    to_past: Callable[[], object] = field(default=_nowhere)
    to_library: Callable[[], object] = field(default=_nowhere)
    to_alerts: Callable[[], object] = field(default=_nowhere)
    to_sync_info: Callable[[str, SyncState | None], object] = field(default=_nowhere)
    to_log: Callable[[str, str], object] = field(default=_nowhere)
    to_cure: Callable[[str], object] = field(default=_nowhere)
    to_settings: Callable[[], object] = field(default=_nowhere)
    to_vault: Callable[[], object] = field(default=_nowhere)
    to_toast: Callable[[str], object] = field(default=_nowhere)

    def open_apps(self) -> None:
        """Show App Configurations."""
        self.to_apps()

    def edit_configuration(self, configuration_id: str) -> None:
        """Show App Configurations with that configuration's form."""
        self.to_configuration(configuration_id)

    def open_flows(self, name: str = "", *, attention: bool = False) -> None:
        """Show Processflows: all, one of them, or those that need a person."""
        self.to_flows(name, attention)

    def open_deploy(self, flow: str = "") -> None:
        """Show the Deploy dialog."""
        self.to_deploy(flow)

    def open_room(self, flow: str, room: Room) -> None:
        """Show a dialog about one processflow."""
        self.to_room(flow, room)

    def open_history(self, flow: str, source_id: str) -> None:
        """Show every run that touched a record."""
        self.to_history(flow, source_id)

    def open_past(self) -> None:
        """Show the processflows that are not deployed any more."""
        self.to_past()

    def open_library(self) -> None:
        """Show what packages brought."""
        self.to_library()

    def open_alerts(self) -> None:
        """Show Alerts."""
        self.to_alerts()

    def open_sync_info(self, flow: str, state: SyncState | None = None) -> None:
        """Show a processflow's records."""
        self.to_sync_info(flow, state)

    def open_log(self, flow: str = "", run: str = "") -> None:
        """Show the log of a processflow or of one run."""
        self.to_log(flow, run)

    def open_cure(self, target: str) -> None:
        """Show where something is cured."""
        self.to_cure(target)

    def open_settings(self) -> None:
        """Show Settings."""
        self.to_settings()

    def open_vault(self) -> None:
        """Show the dialog that sets the vault up or unlocks it."""
        self.to_vault()

    def say(self, text: str) -> None:
        """A short word that goes away by itself."""
        self.to_toast(text)
