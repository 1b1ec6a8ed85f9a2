"""The agent's own database, once of each kind that it can be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.api.folders import Folders
from agent.domain.secret import Secret
from agent.store.databases.database import Database
from agent.store.databases.server import PASSWORD_NAME, DatabaseServer, ServerAccess, choose
from agent.store.vaults.keeper import VaultKeeper
from tests.helpers.postgres_server import ADMINISTRATOR, PostgresServer

BOTH_KINDS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]
"""For the `params` of a fixture."""


def access_to(server: PostgresServer, name: str) -> ServerAccess:
    """The way to a database of the tests' server."""
    return ServerAccess(DatabaseServer(server.host, server.port, name, ADMINISTRATOR), Secret(server.password))


@dataclass(slots=True)
class _Agents:
    """Where whole agents keep what they have: in their own folder, or on a server."""

    server: PostgresServer | None = None


_agents = _Agents()


@contextmanager
def agents_on(server: PostgresServer) -> Iterator[None]:
    """Let the agents that are made in the block have databases on a server."""
    _agents.server = server
    try:
        yield
    finally:
        _agents.server = None


def settle(home: Path) -> None:
    """Before the first start of an agent: put its database where agents are, its vault opening by itself."""
    server = _agents.server
    folders = Folders.below(home)
    if server is None or folders.database_choice.exists():
        return
    folders.create()
    access = access_to(server, server.database())
    keeper = VaultKeeper(vault=folders.vault, choice=folders.key_choice, environ={})
    keeper.set_up("key-file", path=home / "vault.key").set_many({PASSWORD_NAME: access.password})
    choose(folders.database_choice, access.server)


@contextmanager
def opened(request: pytest.FixtureRequest, folder: Path) -> Iterator[Database]:
    """An empty database of the kind that the fixture's parameter names."""
    if request.param == "sqlite":
        database = Database.at(folder / "agent.db")
    else:
        server: PostgresServer = request.getfixturevalue("postgres_server")
        name = server.emptied_database()
        database = Database.on(access_to(server, name))
    try:
        yield database
    finally:
        database.close()
