"""What needs a person."""

from __future__ import annotations

from fastapi import APIRouter

from agent.api.alert_models import Acknowledgement, Alerts
from agent.service.routes.asking import PROBLEMS, Agent, Who

router = APIRouter(responses=PROBLEMS, tags=["alerts"])


@router.get("/alerts")
def alerts(agent: Agent) -> Alerts:
    """Everything that needs a person now. An alert goes away by itself when its cause does."""
    return agent.alerts.all()


@router.post("/alerts/acknowledge")
def acknowledge_alert(agent: Agent, who: Who, seen: Acknowledgement) -> Alerts:
    """Note that somebody has seen an alert; returns all of them."""
    return agent.alerts.acknowledge(seen.id, by=who)
