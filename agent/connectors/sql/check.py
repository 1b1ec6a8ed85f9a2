"""Validates an App Configuration: opens the database, and says what is found there and what the user may do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from agent.connectors.contract import CheckReport
from agent.connectors.sql.client import Client
from agent.connectors.sql.sqlite.catalog import new_file
from agent.connectors.sql.sqlite.dialect import SqliteDialect


async def check(client: Client, progress: Callable[[str], None]) -> CheckReport:
    """Prove that the database can be used. A SQLite file that is not there yet is not made."""
    dialect = client.dialect
    if isinstance(dialect, SqliteDialect) and not dialect.exists():
        progress("Looking at the folder …")
        facts, warnings = await asyncio.to_thread(new_file, dialect.path)
    else:
        progress(f"Opening {dialect.place} …")
        facts, warnings = await client.read(dialect.facts)
    return CheckReport(tuple(facts), tuple(warnings))
