"""Decides what Alerts shows: what needs a person, since when, the way to its cure, and who has seen it. No Qt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from agent.api.alert_models import Alert, AlertCode, Alerts
from agent.domain.errors import AgentError
from agent.gui.calls import Calls
from agent.gui.catalog import Catalog
from agent.gui.cures import act_for
from agent.gui.panel import Navigator, Presenter
from agent.gui.tones import Tone

_TITLES = {
    AlertCode.CONFIGURATION_TRIPPED: "Credentials refused",
    AlertCode.SCHEDULE_HELD: "Did not run when it should have",
    AlertCode.RETRY_HELD: "Did not try again when it should have",
    AlertCode.RUN_FAILED: "The last run failed",
    AlertCode.RECORDS_FAILED: "Records failed",
    AlertCode.DATABASE: "Nothing can be written down",
    AlertCode.DISK: "Hardly any room on a disk",
}
_ERRORS = (AlertCode.CONFIGURATION_TRIPPED, AlertCode.RUN_FAILED, AlertCode.DATABASE)


@dataclass(frozen=True, slots=True)
class AlertEntry:
    """An alert as its card shows it. `act` is what the button to the cure says; `busy` while it is being noted."""

    alert: Alert
    title: str
    tone: Tone
    act: str
    now: datetime
    busy: bool = False


class AlertsView(Protocol):
    """What the presenter needs of the page."""

    def show_alerts(self, fresh: list[AlertEntry], seen: list[AlertEntry]) -> None:
        """Those that nobody has acknowledged, and those that somebody has."""

    def show_error(self, error: AgentError | None) -> None:
        """What failed and what to do; None takes it back."""


class AlertsPresenter(Presenter):
    """Shows what the catalog knows; acknowledges."""

    def __init__(
        self, view: AlertsView, calls: Calls, catalog: Catalog, go: Navigator, now: Callable[[], datetime]
    ) -> None:
        self._view, self._calls, self._catalog, self._go, self._now = view, calls, catalog, go, now
        self._noting: set[str] = set()
        self._error: AgentError | None = None
        catalog.listeners.append(self.show)

    def refresh(self) -> None:
        """Ask again."""
        self._error = None
        self._catalog.refresh()

    def show(self) -> None:
        """Show what is known; called again by the view's clock, since relative times grow old."""
        self._view.show_error(self._error or self._catalog.error)
        if not self._catalog.loaded:
            return
        now, items = self._now(), self._catalog.alerts.items
        entries = [self._entry(one, now) for one in items]
        self._view.show_alerts(
            [one for one in entries if one.alert.acknowledged_at is None],
            [one for one in entries if one.alert.acknowledged_at is not None],
        )

    def cure(self, target: str) -> None:
        """To where it is mended."""
        self._go.open_cure(target)

    def acknowledge(self, alert_id: str) -> None:
        """Note that the operator has seen it."""
        self._error = None
        self._noting.add(alert_id)
        self.show()

        def noted(alerts: Alerts) -> None:
            self._noting.discard(alert_id)
            self._catalog.take_alerts(alerts)

        def refused(error: AgentError) -> None:
            self._noting.discard(alert_id)
            self._error = error
            self._catalog.refresh()
            self.show()

        self._calls.start(lambda client: client.alerts.acknowledge(alert_id), noted, refused)

    def forget(self) -> None:
        """Drop every call."""
        self._calls.cancel_all()
        self._noting.clear()
        self._error = None

    def _entry(self, alert: Alert, now: datetime) -> AlertEntry:
        title = _TITLES[alert.code]
        if alert.flow:
            title = f"{self._catalog.flow_title(alert.flow)}: {title[:1].lower()}{title[1:]}"
        tone = Tone.ERROR if alert.code in _ERRORS else Tone.WARN
        return AlertEntry(alert, title, tone, act_for(alert.target), now, alert.id in self._noting)
