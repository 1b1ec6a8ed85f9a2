"""Brings a database to the present schema, with Alembic, which takes a while to import: only who migrates does."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from agent.domain.errors import FatalError

_MIGRATIONS = Path(__file__).parents[1] / "migrations"


def migrate(connection: sa.Connection) -> None:
    """Migrate inside the connection's transaction.

    Raises:
        FatalError: code `database-newer`: a newer agent has upgraded this database.
    """
    config = _config()
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        if "Can't locate revision" not in str(error):
            raise
        raise FatalError(
            "This data folder was used by a newer version of the agent.",
            code="database-newer",
            remedy="Install that version or a later one.",
        ) from error


def newest() -> str | None:
    """The newest migration that there is."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", _MIGRATIONS.as_posix())
    return config
