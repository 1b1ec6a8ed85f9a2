"""Receiving events as operators see it: URLs, what senders sign with, and what has arrived."""

from __future__ import annotations

import secrets as random_secrets
from collections.abc import Callable
from datetime import datetime
from typing import Final

from agent.api import event_models
from agent.domain.errors import AgentError, ConfigurationError, FatalError
from agent.domain.event_trigger import EventTrigger
from agent.domain.processflow import Processflow
from agent.domain.secret import Secret
from agent.service.receiving.doors import hash_of, signature_secret_name, url_secret_name
from agent.service.receiving.real_time import RealTime
from agent.service.secrets import Secrets
from agent.store.flows.deployments import Deployment, DeploymentStore
from agent.store.inbox.inboxes import EventInboxes, InboxRow

_SECRET_BYTES: Final = 32
_OFF: Final = "Nothing is received yet: turn on “Receive events” under Settings, section Real Time."


class EventDesk:
    """Receiving events, for the contract."""

    def __init__(
        self,
        *,
        inboxes: EventInboxes,
        deployments: DeploymentStore,
        parse: Callable[[Deployment], Processflow],
        secrets: Secrets,
        real_time: RealTime,
        changed: Callable[[], object],
        clock: Callable[[], datetime],
    ) -> None:
        self._inboxes, self._deployments, self._parse = inboxes, deployments, parse
        self._secrets, self._real_time, self._changed, self._clock = secrets, real_time, changed, clock

    def state(self) -> event_models.RealTime:
        """Whether and where events are received, and what has arrived."""
        rows = {row.flow: row for row in self._inboxes.all()}
        triggers = {one.flow: found for one in self._deployments.active() if (found := self._trigger(one)) is not None}
        listening = self._real_time.listening
        return event_models.RealTime(
            on=listening.on or bool(listening.trouble), listening=listening.on, address=self._real_time.address,
            public_url=self._real_time.public_url, trouble=listening.trouble,
            inboxes=[self._inbox(flow, rows.get(flow), triggers.get(flow)) for flow in sorted({*rows, *triggers})],
        )  # fmt: skip

    def waits_for_events(self, flow: str) -> bool:
        """Whether the deployed version of a processflow is started by events. Raises NotFoundError."""
        return self._trigger(self._deployments.get(flow)) is not None

    def url(self, flow: str, *, by: str) -> event_models.EventUrl:
        """The URL of a processflow; made when it is asked for the first time.

        Raises:
            NotFoundError: code `flow-not-found`.
            ConfigurationError: code `no-event`, or the vault is not open.
        """
        self._required(flow)
        row = self._inboxes.find(flow)
        secret = self._secrets.get(url_secret_name(flow))
        if row is None or row.secret_hash is None or secret is None or hash_of(secret.reveal()) != row.secret_hash:
            if row is not None and row.secret_hash is not None:
                raise ConfigurationError(
                    f"The vault does not hold the URL of {flow} any more.",
                    code="event-url-lost",
                    remedy="Renew it, and give the new one to its senders.",
                )
            return self.renew(flow, by=by)
        return self._url(flow, secret)

    def renew(self, flow: str, *, by: str) -> event_models.EventUrl:
        """A new URL; the one before stops at once. Raises as `url`."""
        self._required(flow)
        secret = Secret(random_secrets.token_urlsafe(_SECRET_BYTES))
        # The vault first: an inbox whose secret nobody knows would have to be renewed again.
        self._secrets.store({url_secret_name(flow): secret})
        self._inboxes.renew(flow, hash_of(secret.reveal()), at=self._clock(), by=by)
        self._changed()
        return self._url(flow, secret)

    def sign(self, flow: str, secret: Secret) -> event_models.Inbox:
        """Set what the senders of a processflow's events sign with.

        Raises:
            NotFoundError: code `flow-not-found`.
            ConfigurationError: code `no-event` or `no-signature`, or the vault is not open.
        """
        trigger = self._required(flow)
        if trigger.signature is None:
            raise ConfigurationError(
                f"{flow} checks no signatures.",
                code="no-signature",
                remedy="Add verify: {header: …} to its start, then deploy it again.",
            )
        self._secrets.store({signature_secret_name(flow): secret})
        self._changed()
        return self._inbox(flow, self._inboxes.find(flow), trigger)

    def _required(self, flow: str) -> EventTrigger:
        trigger = self._trigger(self._deployments.get(flow))
        if trigger is None:
            raise ConfigurationError(
                f"{flow} does not wait for events.",
                code="no-event",
                remedy="Write trigger: event at its start, then deploy it again.",
            )
        return trigger

    def _trigger(self, deployment: Deployment) -> EventTrigger | None:
        try:
            return self._parse(deployment).start.event
        except (ConfigurationError, FatalError):
            return None

    def _url(self, flow: str, secret: Secret) -> event_models.EventUrl:
        listening = self._real_time.listening
        return event_models.EventUrl(
            flow=flow, url=f"{self._real_time.public_url}/events/{flow}/{secret.reveal()}",
            note="" if listening.on else listening.trouble or _OFF,
        )  # fmt: skip

    def _inbox(self, flow: str, row: InboxRow | None, trigger: EventTrigger | None) -> event_models.Inbox:
        found = event_models.Inbox(
            flow=flow, deployed=trigger is not None, has_url=row is not None and row.secret_hash is not None,
            signature=self._signature(flow, trigger),
        )  # fmt: skip
        if row is None:
            return found
        return found.model_copy(
            update={
                "renewed_at": row.renewed_at, "renewed_by": row.renewed_by, "received": row.received,
                "waiting": row.waiting, "duplicates": row.duplicates, "refused": row.refused,
                "last_received_at": row.last_received_at, "last_refused_at": row.last_refused_at,
                "last_refusal": row.last_refusal,
            }
        )  # fmt: skip

    def _signature(self, flow: str, trigger: EventTrigger | None) -> event_models.SignatureState:
        if trigger is None or trigger.signature is None:
            return event_models.SignatureState.NONE
        try:
            known = self._secrets.get(signature_secret_name(flow))
        except AgentError:
            known = None
        return event_models.SignatureState.SET if known is not None else event_models.SignatureState.MISSING
