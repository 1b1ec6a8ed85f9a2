"""The agent's own database, once of each kind that it can be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from agent.store.database import Database
from tests.helpers.postgres_server import ADMINISTRATOR, PostgresServer

BOTH_KINDS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]
"""For the `params` of a fixture."""


@contextmanager
def opened(request: pytest.FixtureRequest, folder: Path) -> Iterator[Database]:
    """An empty database of the kind that the fixture's parameter names."""
    if request.param == "sqlite":
        database = Database.at(folder / "agent.db")
    else:
        server: PostgresServer = request.getfixturevalue("postgres_server")
        name = server.emptied_database()
        url = sa.URL.create(
            "postgresql+psycopg", ADMINISTRATOR, server.password, server.host, server.port, database=name
        )
        database = Database(url.render_as_string(hide_password=False))
    try:
        yield database
    finally:
        database.close()
