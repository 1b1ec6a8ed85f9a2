"""What went wrong with the agent's own database, as an error of ours. PostgreSQL's are told apart by SQLSTATE, and
while it connects by a text, which is never shown: it could quote anything."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import sqlalchemy as sa

from agent.domain.errors import AgentError, ConfigurationError, FatalError, TransientError

_FULL, _BUSY, _UNWRITABLE, _DAMAGED, _UNREACHABLE = "full", "busy", "unwritable", "damaged", "unreachable"
_REFUSED, _MISSING, _FOREIGN = "refused", "missing", "foreign"
_BY_STATE = {
    "53100": _FULL,
    "55P03": _BUSY, "40001": _BUSY, "40P01": _BUSY, "53300": _BUSY, "53200": _BUSY, "57014": _BUSY,
    "42501": _UNWRITABLE, "25006": _UNWRITABLE,
    "28000": _REFUSED, "28P01": _REFUSED,
    "3D000": _MISSING,
    "42P07": _FOREIGN,
    "XX001": _DAMAGED, "XX002": _DAMAGED,
    "25P03": _UNREACHABLE,
}  # fmt: skip
# While it connects, the driver has no state, only the server's words, and on Windows and elsewhere the system's.
_BY_WORDS = (
    ("password authentication failed", _REFUSED), ("no password supplied", _REFUSED), ("pg_hba.conf", _REFUSED),
    ("certificate", _REFUSED), ("does not support ssl", _REFUSED), ("does not exist", _MISSING),
    ("too many clients", _BUSY), ("remaining connection slots", _BUSY),
)  # fmt: skip


@contextmanager
def explained() -> Iterator[None]:
    """Let failures of the database leave the block as ours; mistakes of our own statements leave it as they are.

    Raises:
        AgentError: as `Database.write` says.
    """
    try:
        yield
    except sa.exc.DBAPIError as error:
        postgresql = isinstance(error.orig, psycopg.Error)
        kind = _of_server(error.orig) if isinstance(error.orig, psycopg.Error) else _of_file(str(error.orig).lower())
        if kind is None and error.connection_invalidated:
            kind = _UNREACHABLE
        if kind is None:
            raise
        detail = (getattr(error.orig, "sqlstate", "") or type(error.orig).__name__) if postgresql else str(error.orig)
        raise _error(kind, detail, server=postgresql) from (None if postgresql else error)
    except sa.exc.TimeoutError as error:
        raise _error(_BUSY, "no connection became free", server=False) from error


def unreached(error: psycopg.Error) -> AgentError:
    """Why the server could not be connected to."""
    return _error(_of_server(error) or _UNREACHABLE, error.sqlstate or type(error).__name__, server=True)


def _of_file(text: str) -> str | None:
    if "disk is full" in text or "no space left" in text:
        return _FULL
    if "is locked" in text or "is busy" in text:
        return _BUSY
    if "readonly database" in text or "read-only" in text:
        return _UNWRITABLE
    if "malformed" in text or "not a database" in text:
        return _DAMAGED
    return _UNREACHABLE if "i/o error" in text or "unable to open" in text else None


def _of_server(error: psycopg.Error) -> str | None:
    if error.sqlstate is not None:
        lost = error.sqlstate[:2] in {"08", "57", "58"}
        return _BY_STATE.get(error.sqlstate) or (_UNREACHABLE if lost else None)
    if not isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return None
    text = str(error).lower()
    return next((kind for words, kind in _BY_WORDS if words in text), _UNREACHABLE)


def _error(kind: str, detail: str, *, server: bool) -> AgentError:
    if kind == _FULL:
        return TransientError(
            "The disk of the server that holds the agent's database is full."
            if server
            else "The disk that holds the agent's data is full.",
            code="disk-full",
            remedy="Make room on the server; the agent goes on by itself."
            if server
            else "Make room, for instance with Agent → Clear Temp; the agent goes on by itself.",
        )
    if kind == _BUSY:
        return TransientError(
            "The agent's database stayed locked.",
            code="database-busy",
            remedy="Close other programs that have opened it; the agent tries again by itself.",
            detail=detail,
        )
    if kind == _UNWRITABLE:
        return ConfigurationError(
            "The agent's database cannot be written.",
            code="database-unwritable",
            remedy="Make the agent's account of the server the owner of the database."
            if server
            else "Give the account that runs the agent write access to its data folder.",
            detail=detail,
        )
    if kind == _DAMAGED:
        return FatalError(
            "The agent's database is damaged.",
            code="database-damaged",
            remedy="Stop the agent and restore its database from a backup."
            if server
            else "Stop the agent and restore its data folder from a backup.",
            detail=detail,
        )
    if kind == _REFUSED:
        return ConfigurationError(
            "The server that holds the agent's database does not let the agent in.",
            code="database-refused",
            remedy="Check username, password and encryption, and on the server pg_hba.conf.",
            detail=detail,
        )
    if kind == _MISSING:
        return ConfigurationError(
            "The server has no such database or no such account.",
            code="database-missing",
            remedy="Make the database and its owner on the server first.",
            detail=detail,
        )
    if kind == _FOREIGN:
        return ConfigurationError(
            "The database holds tables of something else.",
            code="database-foreign",
            remedy="Give the agent a database of its own.",
            detail=detail,
        )
    return TransientError(
        "The agent's database does not answer.",
        code="database-unreachable",
        remedy="Check the disk or the server that holds it; the agent tries again by itself.",
        detail=detail,
    )
