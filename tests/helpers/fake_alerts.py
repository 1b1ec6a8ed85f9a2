"""`agent.api.alerts.AlertCalls` of a pretended service: what is wrong there now, and who has seen it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from agent.api import flow_models
from agent.api.alert_models import Alert, AlertCode, Alerts
from agent.api.live_models import EventKind
from agent.domain.errors import NotFoundError
from agent.domain.run import RunState

if TYPE_CHECKING:
    from tests.helpers.fake_client import FakeClient


class FakeAlerts:
    """An acknowledgement holds for the text that was acknowledged."""

    def __init__(self, client: FakeClient) -> None:
        self._client = client

    async def all(self) -> Alerts:
        await self._client._enter("alerts")
        return self._alerts()

    async def acknowledge(self, alert_id: str) -> Alerts:
        await self._client._enter("acknowledge_alert")
        found = next((one for one in self._causes() if one.id == alert_id), None)
        if found is None:
            raise NotFoundError("This alert is gone.", code="alert-not-found", remedy="Its cause was mended.")
        self._client.acknowledged[found.id] = found.text
        alerts = self._alerts()
        self._client.emit(EventKind.ALERTS, alerts)
        return alerts

    def _alerts(self) -> Alerts:
        items = [self._noted(one) for one in self._causes()]
        items.sort(key=lambda one: one.since, reverse=True)
        items.sort(key=lambda one: one.acknowledged_at is not None)
        return Alerts(items=items, unacknowledged=sum(one.acknowledged_at is None for one in items))

    def _noted(self, alert: Alert) -> Alert:
        if self._client.acknowledged.get(alert.id) != alert.text:
            return alert
        return alert.model_copy(update={"acknowledged_by": "anna", "acknowledged_at": self._client.now})

    def _causes(self) -> list[Alert]:
        now, found = self._client.now, list[Alert]()
        for one in self._client.stored.values():
            if one.tripped is not None:
                text = f"The App Configuration “{one.name}” is refused by its app: {one.tripped.message}"
                code, target = AlertCode.CONFIGURATION_TRIPPED, f"app-configuration:{one.id}"
                found.append(
                    Alert(
                        id=f"{code.value}:{one.id}",
                        code=code,
                        flow="",
                        since=now,
                        text=text,
                        remedy=one.tripped.remedy,
                        target=target,
                    )
                )
        for flow in self._client.deployed.values():
            found += _of_flow(flow, now)
        return found


def _of_flow(flow: flow_models.Flow, now: datetime) -> list[Alert]:
    name, last = flow.name, flow.last_run

    def alert(code: AlertCode, since: datetime, text: str, remedy: str, target: str) -> Alert:
        return Alert(
            id=f"{code.value}:{name}", code=code, flow=name, since=since, text=text, remedy=remedy, target=target
        )

    found = []
    if flow.alert:
        remedy, since = "Look at its schedule, and at what kept it from running.", now - timedelta(hours=11)
        found.append(alert(AlertCode.SCHEDULE_HELD, since, f"{name}: {flow.alert}", remedy, f"schedule:{name}"))
    if last is not None and last.state is RunState.FAILED:
        text, since = f"The last run of {name} failed. {last.message}", last.ended_at or now
        found.append(alert(AlertCode.RUN_FAILED, since, text, last.remedy, f"run:{last.id}"))
    if flow.failed_records:
        text, remedy = f"{flow.failed_records:,} records of {name} failed.", "Sync Info says of each why."
        since = now - timedelta(minutes=12)
        found.append(alert(AlertCode.RECORDS_FAILED, since, text, remedy, f"sync-info:{name}"))
    return found
