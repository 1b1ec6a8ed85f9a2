"""Connections to SQL Server: sessions that behave as the agent wants them to, and the driver as SQLAlchemy takes it.

Every answer is read to its end at once. An error may come behind the first rows, and what is left unread the driver
would have the server break off. Pages and batches are bounded, so that answers are.
"""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytds  # type: ignore[import-untyped]  # it ships no types
import sqlalchemy as sa
from pytds import tds_base, tds_socket
from pytds.row_strategies import tuple_row_strategy  # type: ignore[import-untyped]  # it ships no types
from pytds.tds_base import PreLoginEnc  # type: ignore[import-untyped]  # it ships no types
from sqlalchemy.engine.default import DefaultDialect

from agent.connectors.sql.credentials import ServerAddress
from agent.connectors.sql.dialect import Patience
from agent.connectors.sql.mssql import tls
from agent.connectors.sql.servers import keep_alive

# It tells the beginning of each statement.
logging.getLogger("pytds").setLevel(logging.WARNING)

_SETTINGS = (
    "SET NOCOUNT ON; SET XACT_ABORT OFF; SET IMPLICIT_TRANSACTIONS OFF; SET LANGUAGE us_english; SET DATEFORMAT ymd; "
    "SET ANSI_NULLS, ANSI_PADDING, ANSI_WARNINGS, ARITHABORT, CONCAT_NULL_YIELDS_NULL, QUOTED_IDENTIFIER ON; "
    "SET NUMERIC_ROUNDABORT OFF; SET ROWCOUNT 0; SET TEXTSIZE 2147483647; SET LOCK_TIMEOUT {busy:d}"
)
_MOST_ROUTES = 3
_SEVERE = 11
"""From here on a message is an error."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the server. Its text may quote data."""

    number: int
    severity: int
    text: str


class ServerError(pytds.DatabaseError):  # type: ignore[misc]  # of a library without types
    """What the server said instead of an answer: all of its errors, in their order."""

    def __init__(self, messages: Sequence[Message]) -> None:
        super().__init__(", ".join(f"error {one.number}" for one in messages) or "error")
        self.messages = tuple(messages)


class Session:
    """A connection, as SQLAlchemy takes it. Transactions are made by statements."""

    def __init__(self, tds: Any, line: socket.socket) -> None:
        self._tds, self._line = tds, line

    @property
    def encrypted(self) -> str:
        """The version of TLS; empty where the connection is not encrypted."""
        channel = self._tds.sock
        return channel.version() if isinstance(channel, tls.Channel) else ""

    def cursor(self) -> Cursor:
        """What runs a statement."""
        return Cursor(self._tds.main_session)

    def commit(self) -> None:
        """Nothing: see `COMMIT TRANSACTION`."""

    def rollback(self) -> None:
        """Nothing: see `ROLLBACK TRANSACTION`."""

    def close(self) -> None:
        """Hang up."""
        with contextlib.suppress(OSError, pytds.Error):
            self._tds.close()

    def cut(self) -> None:
        """Hang up from another thread than the one that waits for an answer: that one wakes up by it, and the server
        rolls back."""
        self._line.shutdown(socket.SHUT_RDWR)


class Cursor:
    """Runs statements, and has the rows of the first result."""

    arraysize = 1
    rowcount = -1

    def __init__(self, session: Any) -> None:
        self._session = session
        self._rows: Iterator[tuple[Any, ...]] = iter(())
        self.description: Any = None

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> None:
        """Run a statement to its end.

        Raises:
            ServerError: the server did not carry it out.
            UnicodeEncodeError: a parameter is no proper text.
            pytds.Error, OSError: the connection is of no use any more, or a parameter cannot be sent.
        """
        session, self.description = self._session, None
        rows: list[tuple[Any, ...]] = []
        try:
            session.execute(statement, tuple(map(_given, parameters)))
            while True:
                if session.res_info is not None and self.description is None:
                    self.description = session.res_info.description
                    rows = list(iter(session.fetchone, None))
                if not session.next_set():
                    break
        except pytds.DatabaseError as error:
            self._drain()
            raise ServerError(_messages(session) or [Message(error.number, _SEVERE, error.text)]) from None
        self._rows = iter(rows)

    def _drain(self) -> None:
        """Read what comes behind an error."""
        going = True
        while going:
            try:
                going = bool(self._session.next_set())
            except pytds.DatabaseError:
                continue

    def fetchone(self) -> tuple[Any, ...] | None:
        """The next row."""
        return next(self._rows, None)

    def fetchmany(self, size: int | None = None) -> list[tuple[Any, ...]]:
        """The next rows."""
        return [row for row, _ in zip(self._rows, range(size or self.arraysize), strict=False)]

    def fetchall(self) -> list[tuple[Any, ...]]:
        """All rows that are left."""
        return list(self._rows)

    def close(self) -> None:
        """Forget the rows."""
        self._rows = iter(())


def _given(value: Any) -> Any:
    """A parameter as the driver takes it. Raises UnicodeEncodeError, before anything was sent of it."""
    if isinstance(value, bytes):
        return pytds.Binary(value)
    if isinstance(value, str):
        value.encode("utf-16-le")
    return value


def _messages(session: Any) -> list[Message]:
    return [
        Message(one["msgno"], one["severity"], one["message"])
        for one in session.messages
        if one["severity"] >= _SEVERE and one["msgno"] != 3621  # “The statement has been terminated.”
    ]


def engine(connect: Callable[[], Session]) -> sa.Engine:
    """An engine for one connection at a time, that asks the server nothing by itself."""
    dialect = DefaultDialect(dbapi=pytds)
    dialect.name = "mssql"
    pool = sa.pool.NullPool(connect, dialect=dialect)  # type: ignore[arg-type]  # what SQLAlchemy uses of a connection
    return sa.Engine(pool, dialect, sa.URL.create("mssql"), hide_parameters=True)


def connect(address: ServerAddress, patience: Patience) -> Session:
    """A connection with a session as the agent wants it. A server may send us on to another one, as Azure does.

    Raises:
        ServerError, pytds.Error, OSError: there is none.
    """
    encryption = tls.context(address)
    host, port = address.host, address.port
    for _ in range(_MOST_ROUTES):
        line = socket.create_connection((host, port), timeout=patience.connect_seconds + 2)
        try:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            keep_alive(line)
            tds = tds_socket._TdsSocket(  # noqa: SLF001 - what `connect` makes, which takes no context of ours
                sock=line,
                login=_login(address, host, encryption),
                row_strategy=tuple_row_strategy,
                autocommit=True,
            )
            route = _logged_in(tds)
            if route is None:
                session = Session(tds, line)
                session.cursor().execute(_SETTINGS.format(busy=max(1, round(patience.busy_seconds * 1000))))
                line.settimeout(None)
                return session
        except BaseException:
            line.close()
            raise
        line.close()
        host, port = route["server"], route["port"]
    raise pytds.InterfaceError("sent on from server to server")


def _logged_in(tds: Any) -> Any:
    try:
        return tds.login()
    except pytds.DatabaseError as error:
        raise ServerError(_messages(tds.main_session) or [Message(error.number, _SEVERE, error.text)]) from None


def _login(address: ServerAddress, host: str, encryption: Any) -> Any:
    """What the driver's `connect` would make of its arguments."""
    login = tds_base._TdsLogin()  # noqa: SLF001 - as above
    login.client_host_name = socket.gethostname()[:128]
    login.library = login.app_name = "OP Agent"
    login.server_name = host
    login.port = address.port
    login.user_name = address.username
    login.password = address.password.reveal()
    login.database = address.database
    login.option_flag2 = tds_base.TDS_ODBC_ON
    login.bytes_to_unicode = True
    login.tls_ctx = encryption
    login.enc_flag = PreLoginEnc.ENCRYPT_NOT_SUP if encryption is None else PreLoginEnc.ENCRYPT_ON
    return login
