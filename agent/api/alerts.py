"""The client's part for alerts."""

from __future__ import annotations

from agent.api.alert_models import Acknowledgement, Alerts
from agent.api.calls import Calls


class AlertCalls:
    """Asks what needs a person."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def all(self) -> Alerts:
        """Everything that needs a person now."""
        return await self._calls.get("/alerts", Alerts)

    async def acknowledge(self, alert_id: str) -> Alerts:
        """Note that it has been seen; returns all alerts."""
        return await self._calls.send("POST", "/alerts/acknowledge", Alerts, Acknowledgement(id=alert_id))
