"""The agent's own database: where it is, and choosing another place."""

from __future__ import annotations

from fastapi import APIRouter

from agent.api.database_models import AgentDatabase, ServerChoice
from agent.service.routes.asking import PROBLEMS, Agent, Who

router = APIRouter(responses=PROBLEMS, tags=["database"])


@router.get("/database")
def agent_database(agent: Agent) -> AgentDatabase:
    """Where the agent's own database is."""
    return agent.own_database.report()


@router.put("/database")
def use_database_server(agent: Agent, who: Who, choice: ServerChoice) -> AgentDatabase:
    """Try a PostgreSQL server, and use it from the next start on. Wants an open vault, for the password."""
    report = agent.own_database.choose(choice)
    agent.journal.write("info", f"{who} chose another place for the agent's database.", detail=report.after_restart)
    return report
