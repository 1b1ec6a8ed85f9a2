"""Alembic's entry: migrates over the connection of `agent.store.databases.database`, inside its transaction."""

from __future__ import annotations

from alembic import context

from agent.store.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA, render_as_batch=True)
context.run_migrations()
