"""Small named values of one area (settings, the service's own memory), as text."""

from __future__ import annotations

import sqlalchemy as sa

from agent.store.databases.database import Database
from agent.store.tables.service import KEY_VALUES


class KeyValues:
    """The named values of one area."""

    def __init__(self, database: Database, area: str) -> None:
        self._database = database
        self._area = area

    def load(self) -> dict[str, str]:
        """Every value of the area."""
        query = sa.select(KEY_VALUES.c.name, KEY_VALUES.c.value).where(KEY_VALUES.c.area == self._area)
        with self._database.read() as connection:
            return {row.name: row.value for row in connection.execute(query)}

    def save(self, name: str, value: str) -> None:
        """Store one value."""
        with self._database.write() as connection:
            where = sa.and_(KEY_VALUES.c.area == self._area, KEY_VALUES.c.name == name)
            if connection.execute(KEY_VALUES.update().where(where).values(value=value)).rowcount == 0:
                connection.execute(KEY_VALUES.insert().values(area=self._area, name=name, value=value))
