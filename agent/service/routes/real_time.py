"""Receiving events: URLs, what senders sign with, and what has arrived."""

from __future__ import annotations

from fastapi import APIRouter

from agent.api import event_models
from agent.domain.secret import Secret
from agent.service.routes.asking import PROBLEMS, Agent, Name, Who

router = APIRouter(responses=PROBLEMS, tags=["real time"])


@router.get("/real-time")
def real_time(agent: Agent) -> event_models.RealTime:
    """Whether and where events are received, and what has arrived."""
    return agent.events.desk.state()


@router.post("/flows/{name}/event-url")
def event_url(agent: Agent, who: Who, name: Name) -> event_models.EventUrl:
    """The URL of a processflow for its senders; made when it is asked for the first time. Treat it as a password."""
    found = agent.events.desk.url(name, by=who)
    agent.journal.write("info", f"{who} looked at its URL for events.", flow=name)
    return found


@router.post("/flows/{name}/event-url/renew")
def renew_event_url(agent: Agent, who: Who, name: Name) -> event_models.EventUrl:
    """A new URL for the senders of a processflow; the one before stops at once."""
    renewed = agent.events.desk.renew(name, by=who)
    agent.journal.write("info", f"{who} renewed its URL for events; the one before does not work any more.", flow=name)
    return renewed


@router.put("/flows/{name}/event-signature")
def set_event_signature(
    agent: Agent, who: Who, name: Name, signature: event_models.EventSignature
) -> event_models.Inbox:
    """Set what the senders of a processflow's events sign with."""
    changed = agent.events.desk.sign(name, Secret(signature.secret.get_secret_value()))
    agent.journal.write("info", f"{who} set what the senders of its events sign with.", flow=name)
    return changed
