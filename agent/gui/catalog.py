"""What several panels show, asked for once and kept up to date by events: processflows, configurations, apps. No Qt."""

from __future__ import annotations

from collections.abc import Callable

from agent.api import models
from agent.api.models import EventKind
from agent.domain.errors import AgentError
from agent.gui.calls import Call, Calls


class Catalog:
    """`listeners` are called after every change; `error` is why the last question had no answer."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._asked: list[Call] = []
        self._missing = 0
        self.flows: list[models.Flow] = []
        self.configurations: list[models.Configuration] = []
        self.apps: list[models.App] = []
        self.loaded = False
        self.error: AgentError | None = None
        self.listeners: list[Callable[[], object]] = []

    def refresh(self) -> None:
        """Ask for everything; a question under way is asked anew."""
        for call in self._asked:
            call.cancel()
        self._missing = 3
        self._asked = [
            self._calls.start(lambda client: client.flows(), self._on_flows, self._on_failed),
            self._calls.start(lambda client: client.configurations(), self._on_configurations, self._on_failed),
            self._calls.start(lambda client: client.apps(), self._on_apps, self._on_failed),
        ]

    def on_event(self, event: models.Event) -> None:
        """Take a change over, or ask again where the event does not say enough."""
        if event.kind is EventKind.RUN:
            try:
                self._on_run(models.Run.model_validate(event.data))
            except ValueError:
                self.refresh()
        elif event.kind in (EventKind.FLOW, EventKind.CONFIGURATION):
            self.refresh()

    def forget(self) -> None:
        """Drop everything."""
        self._calls.cancel_all()
        self._asked = []
        self.flows, self.configurations, self.apps, self.loaded, self.error = [], [], [], False, None

    def flow(self, name: str) -> models.Flow | None:
        """A processflow by name."""
        return next((flow for flow in self.flows if flow.name == name), None)

    def flow_title(self, name: str) -> str:
        """What a processflow is called on screen."""
        found = self.flow(name)
        return found.title or name if found else name

    def app_name(self, app_id: str) -> str:
        """What an app is called on screen."""
        return next((app.name for app in self.apps if app.id == app_id), app_id)

    def configuration(self, configuration_id: str) -> models.Configuration | None:
        """A configuration by id."""
        return next((one for one in self.configurations if one.id == configuration_id), None)

    def _on_run(self, run: models.Run) -> None:
        flow = self.flow(run.flow)
        if flow is None:
            self.refresh()
            return
        if run.state.ended:
            active = flow.active_run if flow.active_run and flow.active_run.id != run.id else None
            changed = flow.model_copy(update={"active_run": active, "last_run": run})
            self._ask_flows()
        else:
            changed = flow.model_copy(update={"active_run": run})
        self.flows = [changed if one.name == flow.name else one for one in self.flows]
        self._tell()

    def _ask_flows(self) -> None:
        """The next run's time and the failed records are known to the service alone."""
        self._missing += 1
        self._calls.start(lambda client: client.flows(), self._on_flows, self._on_failed)

    def _on_flows(self, flows: list[models.Flow]) -> None:
        self.flows = sorted(flows, key=lambda flow: (flow.title or flow.name).casefold())
        self._on_part()

    def _on_configurations(self, configurations: list[models.Configuration]) -> None:
        self.configurations = sorted(configurations, key=lambda one: one.name.casefold())
        self._on_part()

    def _on_apps(self, apps: list[models.App]) -> None:
        self.apps = apps
        self._on_part()

    def _on_part(self) -> None:
        self._missing = max(self._missing - 1, 0)
        if self._missing == 0:
            self.loaded, self.error = True, None
            self._tell()

    def _on_failed(self, error: AgentError) -> None:
        self._missing = max(self._missing - 1, 0)
        self.error = error
        self._tell()

    def _tell(self) -> None:
        for listener in self.listeners:
            listener()
