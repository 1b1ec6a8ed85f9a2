"""The contract's words for the agent's own database."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, SecretStr

from agent.api.base_models import Model, Name, Request, ShortText


class AgentDatabase(Model):
    """Where the agent's own database is. `after_restart` is where it will be from the next start on, if elsewhere."""

    kind: Literal["SQLite", "PostgreSQL"]
    place: str
    after_restart: str = ""


class ServerChoice(Request):
    """A PostgreSQL database to use from the next start on.

    The agent's content moves there; with `use_existing`, what is there is used in its place.
    """

    host: Name
    port: Annotated[int, Field(ge=1, le=65_535)] = 5432
    name: Name
    username: Name
    password: SecretStr
    encryption: Literal["Preferred", "Required", "Verified", "Off"] = "Preferred"
    ca_file: ShortText = ""
    use_existing: bool = False
