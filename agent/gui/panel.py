"""What the window expects of a panel, and what a panel may ask of the window."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Generic, Protocol, TypeVar

from agent.api import live_models, service_models
from agent.domain.packet import SyncState
from agent.gui.widgets.page import Page


class Presenter:
    """The base of the panels' presenters: does nothing until told otherwise."""

    def activate(self) -> None:
        """The panel comes on show: bring it up to date."""
        self.refresh()

    def refresh(self) -> None:
        """F5, or the service came back: ask for everything again."""

    def grow_stale(self) -> None:
        """What is known may be out of date: ask again when the panel comes on show."""

    def on_event(self, event: live_models.Event) -> None:
        """Something changed in the service."""

    def on_state(self, state: service_models.ServiceState) -> None:
        """Environment, vault or demo changed."""

    def forget(self) -> None:
        """The operator signed off: drop what is on show and every call."""


V_co = TypeVar("V_co", bound=Page, covariant=True)
P_co = TypeVar("P_co", bound=Presenter, covariant=True)


@dataclass(frozen=True)
class Panel(Generic[V_co, P_co]):
    """A place of the navigation with what fills it."""

    title: str
    picture: str
    view: V_co
    presenter: P_co
    guide: str = "index"
    """The page of the guide that F1 opens here."""


class Room(Enum):
    """The dialogs about one processflow."""

    PREVIEW = auto()
    """What a run would do."""
    ONCE = auto()
    """A run out of turn: with a filter, or over a window of time."""
    SCHEDULE = auto()
    """When it runs by itself."""
    RUNS = auto()
    """What its runs did."""
    RETRY = auto()
    """When failed records are tried again by themselves."""
    DATA = auto()
    """What it remembers between its runs: bookmarks and variables."""
    EVENTS = auto()
    """Where it receives events."""
    VERSIONS = auto()
    """Who deployed what, what differs, and the way back."""


class Navigator(Protocol):
    """The ways from a panel to another, or to a dialog."""

    def open_apps(self) -> None:
        """Show App Configurations."""

    def edit_configuration(self, configuration_id: str) -> None:
        """Show App Configurations with that configuration's form."""

    def open_flows(self, name: str = "", *, attention: bool = False) -> None:
        """Show Processflows: all, one of them, or those that need a person."""

    def open_deploy(self, flow: str = "") -> None:
        """Show the Deploy dialog, for a new processflow or to redeploy one."""

    def open_room(self, flow: str, room: Room) -> None:
        """Show a dialog about one processflow."""

    def open_history(self, flow: str, source_id: str) -> None:
        """Show every run that touched a record."""

    def open_past(self) -> None:
        """Show the processflows that are not deployed any more."""

    def open_library(self) -> None:
        """Show what packages brought, with the ways to import and export them."""

    def open_alerts(self) -> None:
        """Show Alerts."""

    def open_sync_info(self, flow: str, state: SyncState | None = None) -> None:
        """Show a processflow's records."""

    def open_log(self, flow: str = "", run: str = "") -> None:
        """Show the log of a processflow or of one run."""

    def open_cure(self, target: str) -> None:
        """Show where something is cured that needs a person; `target` is as the service names it."""

    def open_settings(self) -> None:
        """Show Settings."""

    def open_vault(self) -> None:
        """Show the dialog that sets the vault up or unlocks it."""

    def say(self, text: str) -> None:
        """A short word that goes away by itself."""
