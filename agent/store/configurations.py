"""App Configurations as rows: plain values, hints of secrets, whether they were proven. Secrets are in the vault."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from agent.domain.errors import ConflictError, NotFoundError
from agent.store.databases.database import Database
from agent.store.runs.trips import REFUSED, release
from agent.store.tables.configurations import CONFIGURATIONS

SAVED = "saved"
VALIDATED = "validated"
FAILED = REFUSED
# Built once: runs ask again and again, and building takes as long as asking.
_ONE = sa.select(CONFIGURATIONS).where(CONFIGURATIONS.c.id == sa.bindparam("wanted"))


@dataclass(frozen=True, slots=True)
class ConfigurationRow:
    """One App Configuration. `secret_hints` maps the fields whose secret is in the vault to what may be shown of it."""

    id: str
    app: str
    name: str
    values: Mapping[str, str]
    secret_hints: Mapping[str, str]
    state: str
    message: str
    facts: Sequence[tuple[str, str]]
    validated_at: datetime | None
    saved_at: datetime

    def secret_name(self, field: str) -> str:
        """The name under which the vault keeps the secret of a field."""
        return secret_name(self.id, field)


def secret_name(configuration_id: str, field: str) -> str:
    """The name under which the vault keeps a configuration's secret."""
    return f"configuration/{configuration_id}/{field}"


class ConfigurationStore:
    """The App Configurations of this agent."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[ConfigurationRow]:
        """Every configuration, by app and name."""
        query = sa.select(CONFIGURATIONS).order_by(CONFIGURATIONS.c.app, CONFIGURATIONS.c.name)
        with self._database.read() as connection:
            return [_row(row) for row in connection.execute(query)]

    def find(self, configuration_id: str) -> ConfigurationRow | None:
        """One configuration by its id, or None."""
        with self._database.read() as connection:
            row = connection.execute(_ONE, {"wanted": configuration_id}).first()
        return _row(row) if row is not None else None

    def get(self, configuration_id: str) -> ConfigurationRow:
        """One configuration by its id. Raises NotFoundError."""
        found = self.find(configuration_id)
        if found is None:
            raise NotFoundError(
                "This App Configuration does not exist any more.",
                code="configuration-not-found",
                remedy="Reload App Configurations.",
            )
        return found

    def save(self, row: ConfigurationRow) -> list[str] | None:
        """Insert or replace a configuration. One that is proven does not stay tripped.

        Returns the ids of the runs that waited for it and now go on; None where it had not tripped.

        Raises:
            ConflictError: code `name-taken`: another configuration of the app has this name.
        """
        values = {
            "app": row.app, "name": row.name, "plain_values": dict(row.values), "state": row.state,
            "secret_hints": dict(row.secret_hints), "message": row.message, "facts": [list(fact) for fact in row.facts],
            "validated_at": row.validated_at, "saved_at": row.saved_at,
        }  # fmt: skip
        try:
            with self._database.write() as connection:
                updated = connection.execute(
                    CONFIGURATIONS.update().where(CONFIGURATIONS.c.id == row.id).values(values)
                )
                if updated.rowcount == 0:
                    connection.execute(CONFIGURATIONS.insert().values(id=row.id, **values))
                if row.state != VALIDATED:
                    return None
                return release(connection, row.id, at=row.validated_at or row.saved_at)
        except sa.exc.IntegrityError as error:
            raise ConflictError(
                f"There is already a configuration named “{row.name}” for this app.",
                code="name-taken",
                remedy="Choose another name.",
                field="name",
            ) from error

    def note_validation(
        self, configuration_id: str, *, state: str, message: str, facts: Sequence[tuple[str, str]], at: datetime
    ) -> list[str] | None:
        """Note how a validation of the stored values ended. Returns what `save` does."""
        found = self.get(configuration_id)
        validated_at = at if state == VALIDATED else found.validated_at
        row = replace(found, state=state, message=message, facts=tuple(facts), validated_at=validated_at)
        return self.save(row)

    def remove(self, configuration_id: str) -> None:
        """Remove a configuration; its secrets are the caller's to remove from the vault. What waits for it goes on, to
        find that it is gone."""
        with self._database.write() as connection:
            release(connection, configuration_id, at=datetime.now(UTC))
            connection.execute(CONFIGURATIONS.delete().where(CONFIGURATIONS.c.id == configuration_id))


def _row(row: sa.Row[Any]) -> ConfigurationRow:
    return ConfigurationRow(
        id=row.id, app=row.app, name=row.name, values=row.plain_values, secret_hints=row.secret_hints, state=row.state,
        message=row.message, facts=tuple((label, value) for label, value in row.facts), validated_at=row.validated_at,
        saved_at=row.saved_at,
    )  # fmt: skip
