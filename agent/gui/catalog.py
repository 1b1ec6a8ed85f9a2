"""What several panels show, asked for once and kept up to date by events: processflows, configurations, apps,
alerts. No Qt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from agent.api import app_models, configuration_models, flow_models, live_models, run_models
from agent.api.alert_models import Alerts
from agent.api.live_models import EventKind
from agent.domain.errors import AgentError
from agent.gui.calls import Calls, Work

T = TypeVar("T")
_NO_ALERTS = Alerts(items=[], unacknowledged=0)


class Catalog:
    """`listeners` are called after every change; `error` is why the last question had no answer."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self.flows: list[flow_models.Flow] = []
        self.configurations: list[configuration_models.Configuration] = []
        self.apps: list[app_models.App] = []
        self.alerts = _NO_ALERTS
        self.listeners: list[Callable[[], object]] = []
        self._flows = _Question(calls, lambda client: client.flows(), self._on_flows, self._tell)
        self._configurations = _Question(
            calls, lambda client: client.configurations(), self._on_configurations, self._tell
        )
        self._apps = _Question(calls, lambda client: client.apps(), self._on_apps, self._tell)
        self._alerts = _Question(calls, lambda client: client.alerts.all(), self.take_alerts, self._tell)

    @property
    def loaded(self) -> bool:
        """Whether everything is known."""
        return all(question.answered for question in self._questions)

    @property
    def error(self) -> AgentError | None:
        """Why something was not answered the last time."""
        return next((question.error for question in self._questions if question.error is not None), None)

    def refresh(self) -> None:
        """Ask for everything."""
        for question in self._questions:
            question.ask()

    def on_event(self, event: live_models.Event) -> None:
        """Take a change over, or ask again where the event does not say enough."""
        if event.kind is EventKind.RUN:
            try:
                self._on_run(run_models.Run.model_validate(event.data))
            except ValueError:
                self.refresh()
        elif event.kind is EventKind.ALERTS:
            try:
                self.take_alerts(Alerts.model_validate(event.data))
            except ValueError:
                self._alerts.ask()
        elif event.kind in (EventKind.FLOW, EventKind.CONFIGURATION):
            self.refresh()

    def forget(self) -> None:
        """Drop everything."""
        self._calls.cancel_all()
        for question in self._questions:
            question.forget()
        self.flows, self.configurations, self.apps, self.alerts = [], [], [], _NO_ALERTS

    def flow(self, name: str) -> flow_models.Flow | None:
        """A processflow by name."""
        return next((flow for flow in self.flows if flow.name == name), None)

    def flow_title(self, name: str) -> str:
        """What a processflow is called on screen."""
        found = self.flow(name)
        return found.title or name if found else name

    def app_name(self, app_id: str) -> str:
        """What an app is called on screen."""
        return next((app.name for app in self.apps if app.id == app_id), app_id)

    def configuration(self, configuration_id: str) -> configuration_models.Configuration | None:
        """A configuration by id."""
        return next((one for one in self.configurations if one.id == configuration_id), None)

    def acknowledged(self, alert_id: str) -> bool:
        """Whether somebody has seen an alert, and its cause is as it was then."""
        return any(one.id == alert_id and one.acknowledged_at is not None for one in self.alerts.items)

    def take_alerts(self, alerts: Alerts) -> None:
        """They are so now."""
        self.alerts = alerts
        self._on_part()

    @property
    def _questions(self) -> tuple[_Question[Any], ...]:
        return self._flows, self._configurations, self._apps, self._alerts

    def _on_run(self, run: run_models.Run) -> None:
        flow = self.flow(run.flow)
        if flow is None:
            self._flows.ask()
            return
        if run.state.ended:
            active = flow.active_run if flow.active_run and flow.active_run.id != run.id else None
            changed = flow.model_copy(update={"active_run": active, "last_run": run})
            self._flows.ask()  # the next run's time and the failed records are known to the service alone
        else:
            changed = flow.model_copy(update={"active_run": run})
        self.flows = [changed if one.name == flow.name else one for one in self.flows]
        self._tell()

    def _on_flows(self, flows: list[flow_models.Flow]) -> None:
        self.flows = sorted(flows, key=lambda flow: (flow.title or flow.name).casefold())
        self._on_part()

    def _on_configurations(self, configurations: list[configuration_models.Configuration]) -> None:
        self.configurations = sorted(configurations, key=lambda one: one.name.casefold())
        self._on_part()

    def _on_apps(self, apps: list[app_models.App]) -> None:
        self.apps = apps
        self._on_part()

    def _on_part(self) -> None:
        if self.loaded:
            self._tell()

    def _tell(self) -> None:
        for listener in self.listeners:
            listener()


class _Question(Generic[T]):
    """Asks one thing, never twice at once: asked again meanwhile, it asks once more after the answer.

    Cancelling and asking anew instead would never come to an answer while events arrive faster than it does.
    """

    def __init__(self, calls: Calls, work: Work[T], done: Callable[[T], object], failed: Callable[[], object]) -> None:
        self._calls, self._work, self._done, self._failed = calls, work, done, failed
        self._under_way = self._again = False
        self.answered = False
        self.error: AgentError | None = None

    def ask(self) -> None:
        """Ask, now or after the answer that is under way."""
        if self._under_way:
            self._again = True
            return
        self._under_way, self._again = True, False
        self._calls.start(self._work, self._on_answer, self._on_error)

    def forget(self) -> None:
        """The question under way was dropped."""
        self._under_way = self._again = self.answered = False
        self.error = None

    def _on_answer(self, answer: T) -> None:
        self.answered, self.error = True, None
        self._done(answer)
        self._ended()

    def _on_error(self, error: AgentError) -> None:
        self.error = error
        self._failed()
        self._ended()

    def _ended(self) -> None:
        self._under_way = False
        if self._again:
            self.ask()
