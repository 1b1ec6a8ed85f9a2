"""`agent.api.real_time.RealTime` of a pretended service: one processflow waits for events."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from agent.api.event_models import EventUrl, Inbox, RealTime, SignatureState

if TYPE_CHECKING:
    from tests.helpers.fake_client import FakeClient

EVENT_FLOW = "webhook-to-database"


class FakeRealTime:
    """The secret of the URL is its number; it was renewed `url_number` times."""

    def __init__(self, client: FakeClient) -> None:
        self._client = client

    async def state(self) -> RealTime:
        await self._client._enter("real_time")
        return RealTime(
            on=self._client.receiving, listening=self._client.receiving, address="http://127.0.0.1:8080",
            public_url="https://events.example.com", inboxes=[self._client.inbox or self._inbox()],
        )  # fmt: skip

    async def url(self, flow: str) -> EventUrl:
        await self._client._enter("event_url")
        return EventUrl(flow=flow, url=f"https://events.example.com/events/{flow}/secret-{self._client.url_number}")

    async def renew(self, flow: str) -> EventUrl:
        await self._client._enter("renew_event_url")
        self._client.url_number += 1
        return await self.url(flow)

    async def sign(self, flow: str, secret: str) -> Inbox:
        await self._client._enter("sign_events")
        self._client.stored_secrets[flow, "signature"] = secret
        return self._inbox()

    def _inbox(self) -> Inbox:
        signed = (EVENT_FLOW, "signature") in self._client.stored_secrets
        return Inbox(
            flow=EVENT_FLOW, deployed=True, has_url=True, renewed_at=self._client.now - timedelta(days=3),
            renewed_by="anna", signature=SignatureState.SET if signed else SignatureState.MISSING, received=1_204,
            waiting=3, duplicates=17, refused=2, last_received_at=self._client.now - timedelta(minutes=1),
            last_refused_at=self._client.now - timedelta(hours=5), last_refusal="The signature is missing.",
        )  # fmt: skip
