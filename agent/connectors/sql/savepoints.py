"""Savepoints: what undoes a part of a transaction, in the words of each kind of database.

A database may end a whole transaction when it refuses a part of it: SQL Server does for some errors, and when a trigger
rolls back. Then there is nothing to go back to, and whoever had sent records begins again without what was refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

from agent.domain.errors import TransientError

TRANSACTION_ENDED = "transaction-ended"
"""The code of the error after which the same records are sent again in another transaction."""


def _lasts(connection: sa.Connection) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Savepoints:
    """How a kind of database spells them.

    Attributes:
        make: The statement that makes one; `{}` is its name.
        back: The one that goes back to it.
        drop: The one that forgets it; empty where there is none.
        lasts: Whether the transaction is still there after something in it was refused.
    """

    make: str = "SAVEPOINT {}"
    back: str = "ROLLBACK TO SAVEPOINT {}"
    drop: str = "RELEASE SAVEPOINT {}"
    lasts: Callable[[sa.Connection], bool] = _lasts

    def set(self, connection: sa.Connection, name: str) -> None:
        """Make one."""
        connection.exec_driver_sql(self.make.format(name))

    def undo(self, connection: sa.Connection, name: str) -> bool:
        """Undo what was done since. False where the transaction is no more, so that all of it is undone."""
        if not self.lasts(connection):
            return False
        connection.exec_driver_sql(self.back.format(name))
        return True

    def release(self, connection: sa.Connection, name: str) -> None:
        """Keep what was done since."""
        if self.drop:
            connection.exec_driver_sql(self.drop.format(name))


def ended(place: str) -> TransientError:
    """The transaction is no more; what is known of its records is to be used in the next one."""
    return TransientError(
        f"The transaction was ended by {place} when it refused a record.",
        code=TRANSACTION_ENDED,
        remedy="The agent sends the other records again by itself.",
    )
