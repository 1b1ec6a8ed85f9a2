"""Decides what the page of Processflows shows and does. No Qt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from agent.api import flow_models, live_models, run_models, service_models
from agent.api.service_models import EnvironmentState
from agent.domain.errors import AgentError
from agent.domain.packet import SyncState
from agent.gui.calls import Calls
from agent.gui.catalog import Catalog
from agent.gui.flows.selection import PAGE, Selection, Standing, counts
from agent.gui.home.content import is_halted
from agent.gui.panel import Navigator, Presenter, Room

ENVIRONMENT_OFF = "Environment is not enabled"


@dataclass(frozen=True, slots=True)
class FlowEntry:
    """A processflow as its card shows it.

    `starting` is set between Execute and the service's answer; `halted` while the environment is off.
    """

    flow: flow_models.Flow
    starting: bool
    now: datetime
    halted: bool = False


class FlowsView(Protocol):
    """What the presenter needs of the page."""

    def show_flows(self, entries: list[FlowEntry], *, hidden: int, total: int) -> None:
        """Show the cards; `hidden` more fit, of `total` that are deployed."""

    def show_selection(self, chosen: Selection, found: dict[Standing, int]) -> None:
        """Show what was chosen, and how many processflows stand how."""

    def show_search(self, text: str) -> None:
        """Show a search that came from elsewhere."""

    def reveal(self, name: str) -> None:
        """Bring a card in sight."""

    def show_error(self, error: AgentError | None) -> None:
        """What failed and what to do; None takes it back."""

    def show_environment_off(self, open_settings: Callable[[], object]) -> None:
        """Say that the environment is not enabled, with the button that leads to the cure."""

    def ask_undeploy(self, flow: flow_models.Flow) -> None:
        """Ask before a processflow is withdrawn."""


class FlowsPresenter(Presenter):
    """Shows what the catalog knows; executes, cancels, undeploys."""

    def __init__(
        self, view: FlowsView, calls: Calls, catalog: Catalog, go: Navigator, now: Callable[[], datetime]
    ) -> None:
        self._view, self._calls, self._catalog, self._go, self._now = view, calls, catalog, go, now
        self._starting: set[str] = set()
        self._error: AgentError | None = None
        self._state: service_models.ServiceState | None = None
        self._selection = Selection()
        catalog.listeners.append(self.show)

    def refresh(self) -> None:
        """Ask again."""
        self._error = None
        self._catalog.refresh()

    def on_state(self, state: service_models.ServiceState) -> None:
        """The environment may have been switched."""
        self._state = state
        if self._error is not None and state.environment is EnvironmentState.RUNNING and _environment_off(self._error):
            self._error = None
        self.show()

    def show(self) -> None:
        """Show what is known; called again by the view's clock, since relative times grow old."""
        error = self._error or self._catalog.error
        stopped = self._state is not None and self._state.environment is EnvironmentState.STOPPED
        if error is None and not stopped:
            self._view.show_error(None)
        elif error is None or _environment_off(error):
            self._view.show_environment_off(self._go.open_settings)
        else:
            self._view.show_error(error)
        if self._catalog.loaded:
            self._show_flows()

    def search(self, text: str) -> None:
        """Show the processflows with these words."""
        self._select(replace(self._selection, text=text, limit=PAGE))

    def choose(self, standing: Standing) -> None:
        """Show the processflows that stand so."""
        self._select(replace(self._selection, standing=standing, limit=PAGE))

    def more(self) -> None:
        """Show more of them."""
        self._select(replace(self._selection, limit=self._selection.limit + PAGE))

    def open(self, name: str = "", *, attention: bool = False) -> None:
        """Come from another panel: to one processflow, or to those that need a person."""
        place = next((at for at, flow in enumerate(self._catalog.flows) if flow.name == name), -1)
        standing = Standing.ATTENTION if attention else Standing.ALL
        self._view.show_search("")
        self._select(Selection(standing=standing, limit=max(PAGE, place + 1)))
        if place >= 0:
            self._view.reveal(name)

    def execute(self, name: str) -> None:
        """Start a run now."""
        self._error = None
        self._starting.add(name)
        self.show()

        def started(run: run_models.Run) -> None:
            self._starting.discard(name)
            self._catalog.on_event(
                live_models.Event(id=0, kind=live_models.EventKind.RUN, data=run.model_dump(mode="json"))
            )

        def refused(error: AgentError) -> None:
            self._starting.discard(name)
            self._error = error
            self.show()

        self._calls.start(lambda client: client.execute(name), started, refused)

    def cancel(self, run_id: str) -> None:
        """Cancel a run; its event says the rest."""
        self._calls.start(lambda client: client.cancel_run(run_id), lambda _: None, self._on_failed)

    def undeploy(self, name: str) -> None:
        """Ask, then withdraw."""
        flow = self._catalog.flow(name)
        if flow is not None:
            self._view.ask_undeploy(flow)

    def undeploy_confirmed(self, name: str) -> None:
        """The operator said yes."""

        def undeployed(answer: flow_models.Undeployed) -> None:
            self._go.say(f"Undeployed. {answer.message}".strip())
            self._catalog.refresh()

        self._calls.start(lambda client: client.undeploy(name), undeployed, self._on_failed)

    def deploy(self) -> None:
        """Deploy another processflow."""
        self._go.open_deploy()

    def redeploy(self, name: str) -> None:
        """Deploy the same processflow again, with another version or other configurations."""
        self._go.open_deploy(name)

    def open_room(self, name: str, room: Room) -> None:
        """A dialog about one of them."""
        self._go.open_room(name, room)

    def show_records(self, name: str) -> None:
        """To Sync Info; to the failed records where there are any."""
        flow = self._catalog.flow(name)
        failed = SyncState.FAILED if flow is not None and flow.failed_records else None
        self._go.open_sync_info(name, failed)

    def show_log(self, name: str) -> None:
        """To the log."""
        self._go.open_log(name)

    def forget(self) -> None:
        """Drop what is under way."""
        self._calls.cancel_all()
        self._starting.clear()
        self._error = None
        self._selection = Selection()
        self._view.show_search("")

    def _select(self, chosen: Selection) -> None:
        self._selection = chosen
        if self._catalog.loaded:
            self._show_flows()

    def _show_flows(self) -> None:
        flows, now = self._catalog.flows, self._now()
        steady = now.replace(second=now.second // 20 * 20, microsecond=0)  # cards that only grew old are left alone
        fitting = self._selection.narrowed(flows)
        shown = fitting[: self._selection.limit]
        self._view.show_selection(self._selection, counts(flows))
        self._view.show_flows(
            [
                FlowEntry(flow, flow.name in self._starting, _clock(flow, now, steady), is_halted(self._state))
                for flow in shown
            ],
            hidden=len(fitting) - len(shown), total=len(flows),
        )  # fmt: skip

    def _on_failed(self, error: AgentError) -> None:
        self._error = error
        self.show()


def _clock(flow: flow_models.Flow, now: datetime, steady: datetime) -> datetime:
    """The present as a card needs it: to the second only while something is happening or has just happened."""
    last = flow.last_run.ended_at if flow.last_run is not None else None
    recent = flow.active_run is not None or flow.deployed_at > steady or (last is not None and last > steady)
    return now if recent else steady


def _environment_off(error: AgentError) -> bool:
    return error.message.startswith(ENVIRONMENT_OFF)
