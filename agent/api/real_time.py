"""What a client asks about receiving events."""

from __future__ import annotations

from pydantic import SecretStr

from agent.api import event_models
from agent.api.calls import Calls


class RealTime:
    """Receiving events, through the contract."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def state(self) -> event_models.RealTime:
        """Whether and where events are received, and what has arrived."""
        return await self._calls.get("/real-time", event_models.RealTime)

    async def url(self, flow: str) -> event_models.EventUrl:
        """The URL of a processflow for its senders; made when it is asked for the first time."""
        return await self._calls.send("POST", f"/flows/{flow}/event-url", event_models.EventUrl)

    async def renew(self, flow: str) -> event_models.EventUrl:
        """A new URL; the one before stops at once."""
        return await self._calls.send("POST", f"/flows/{flow}/event-url/renew", event_models.EventUrl)

    async def sign(self, flow: str, secret: str) -> event_models.Inbox:
        """Set what the senders of a processflow's events sign with."""
        request = event_models.EventSignature(secret=SecretStr(secret))
        return await self._calls.send("PUT", f"/flows/{flow}/event-signature", event_models.Inbox, request)
