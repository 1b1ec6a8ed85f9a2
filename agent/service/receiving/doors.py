"""Who may knock: the processflows that receive events, each behind the secret in its URL.

What is known about them is looked up when it was changed here, and at most once a second otherwise, for all of them
together: senders that guess names or secrets cause no work.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from agent.domain.errors import AgentError, ConfigurationError, FatalError
from agent.domain.event_trigger import EventTrigger, Signature
from agent.domain.processflow import Processflow, ReturnNode
from agent.domain.secret import Secret
from agent.engine.events.intake import Intake
from agent.store.flows.deployments import Deployment, DeploymentStore
from agent.store.inbox.inboxes import EventInboxes

_FRESH_SECONDS: Final = 1.0
_NOBODY: Final = hashlib.sha256(b"nobody").hexdigest()
_logger = logging.getLogger(__name__)


def url_secret_name(flow: str) -> str:
    """The name under which the vault keeps the secret in a processflow's URL."""
    return f"event/{flow}/url"


def signature_secret_name(flow: str) -> str:
    """The name under which the vault keeps what the senders of a processflow's events sign with."""
    return f"event/{flow}/signature"


def hash_of(secret: str) -> str:
    """What the database keeps of a secret. It is long and random, so no slow hash is needed."""
    return hashlib.sha256(secret.encode()).hexdigest()


class Vault(Protocol):
    """The vault, as far as it is needed here."""

    def get(self, name: str) -> Secret | None: ...


@dataclass(frozen=True, slots=True)
class Door:
    """Where the events of one processflow arrive.

    `intake` is None where the processflow is not deployed, or waits for no events any more. `signed_with` is None where
    the signature is to be checked and its secret cannot be had. `broken` says that the document cannot be used as it is
    now: its senders have to come back.
    """

    flow: str
    secret_hash: str
    intake: Intake | None = None
    at_once: ReturnNode | None = None
    wait_seconds: int = 0
    signature: Signature | None = None
    signed_with: Secret | None = None
    broken: bool = False


class EventDoors:
    """The doors of this agent. Use it in one event loop.

    `changes` counts what was changed in this service: a new URL opens at once, and the one before no longer does.
    """

    def __init__(
        self,
        *,
        inboxes: EventInboxes,
        deployments: DeploymentStore,
        parse: Callable[[Deployment], Processflow],
        secrets: Vault,
        changes: Callable[[], int],
    ) -> None:
        self._inboxes, self._deployments, self._parse, self._secrets = inboxes, deployments, parse, secrets
        self._changes, self._seen_changes = changes, -1
        self._doors: dict[str, Door] = {}
        self._intakes: dict[str, tuple[EventTrigger, Intake]] = {}
        self._looked_at = -_FRESH_SECONDS
        self._looking = asyncio.Lock()

    async def find(self, flow: str, secret: str) -> tuple[Door | None, bool]:
        """The door of that name, and whether the secret opens it. Takes the same time whatever is wrong.

        Raises:
            AgentError: the database does not answer.
        """
        async with self._looking:
            changes = self._changes()
            if changes != self._seen_changes or time.monotonic() - self._looked_at >= _FRESH_SECONDS:
                self._seen_changes = changes
                self._doors = await asyncio.to_thread(self._found)
                self._looked_at = time.monotonic()
        door = self._doors.get(flow)
        expected = door.secret_hash if door is not None else _NOBODY
        return door, hmac.compare_digest(hash_of(secret), expected) and door is not None

    def _found(self) -> dict[str, Door]:
        hashes = {row.flow: row.secret_hash for row in self._inboxes.all() if row.secret_hash}
        doors = {flow: Door(flow, secret_hash) for flow, secret_hash in hashes.items()}
        if hashes:
            for deployment in self._deployments.active():
                if deployment.flow in hashes:
                    doors[deployment.flow] = self._door(deployment, hashes[deployment.flow])
        return doors

    def _door(self, deployment: Deployment, secret_hash: str) -> Door:
        try:
            flow = self._parse(deployment)
        except (ConfigurationError, FatalError):
            # Why is said where it is listed. It must not keep the events of others out.
            return Door(deployment.flow, secret_hash, broken=True)
        trigger = flow.start.event
        if trigger is None:
            return Door(deployment.flow, secret_hash)
        known = self._intakes.get(deployment.flow)
        if known is None or known[0] != trigger:
            known = self._intakes[deployment.flow] = (trigger, Intake(trigger))
        at_once = next((one for one in flow.responses if one.text is not None), None)
        waits = [one.wait_seconds for one in flow.responses if one.text is None]
        return Door(
            deployment.flow, secret_hash, known[1], at_once=at_once, wait_seconds=max(waits, default=0),
            signature=trigger.signature,
            signed_with=self._signed_with(deployment.flow) if trigger.signature is not None else None,
        )  # fmt: skip

    def _signed_with(self, flow: str) -> Secret | None:
        try:
            return self._secrets.get(signature_secret_name(flow))
        except AgentError:
            return None
