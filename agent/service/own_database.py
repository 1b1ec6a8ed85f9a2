"""Where the agent's own database is: a file in the data folder, or a PostgreSQL server that somebody chose.

A choice counts from the next start on, when nothing else is at work: then the content of the file moves to the server,
in one transaction, and the file is set aside.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

from agent.api.database_models import AgentDatabase, ServerChoice
from agent.api.folders import Folders
from agent.domain.errors import AgentError, ConfigurationError, ConflictError
from agent.domain.secret import Secret
from agent.service.secrets import Secrets
from agent.store.databases import moving as database_move
from agent.store.databases import server as database_server
from agent.store.databases.database import Database
from agent.store.databases.server import PASSWORD_NAME, DatabaseServer, Encryption, ServerAccess
from agent.store.databases.sole_use import SoleUse
from agent.store.keysources.passphrase import Passphrase
from agent.store.logs.entries import LogLevel, LogLine
from agent.store.logs.logs import LogStore


class OwnDatabase:
    """The agent's own database, and what may be chosen instead.

    Args:
        folders: Of this installation.
        secrets: Keep the password.
        logs: Hear what happens at the start, and of the end.
        clock: The present, aware and in UTC.
    """

    def __init__(self, folders: Folders, secrets: Secrets, *, logs: LogStore, clock: Callable[[], datetime]) -> None:
        self._folders, self._secrets, self._logs, self._clock = folders, secrets, logs, clock
        self._access: ServerAccess | None = None

    @property
    def is_chosen(self) -> bool:
        """Whether a server was chosen: then the vault holds its password."""
        return self._folders.database_choice.exists()

    @property
    def engine_place(self) -> Path | ServerAccess:
        """Where the engine that carries durable runs keeps its tables."""
        return self._access or self._folders.runs_database

    def open(self, ending: ExitStack) -> Database:
        """Open it; the stack closes it.

        Raises:
            AgentError: it cannot be used; what was there before is as it was.
        """
        server = database_server.chosen(self._folders.database_choice)
        if server is None:
            database = Database.at(self._folders.database)
            ending.callback(database.close)
            return database
        access = ServerAccess(server, self._password())
        try:
            ending.callback(SoleUse(access, lost=self._lost).release)
            database = Database.on(access)
        except ConfigurationError as error:
            raise ConfigurationError(
                error.message,
                code=error.code,
                detail=error.detail,
                remedy=f"{error.remedy} The address is in {self._folders.database_choice}; the guide says how to give "
                "another password, under “The agent's own database on a server”.",
            ) from error
        ending.callback(database.close)
        self._access = access
        self._take_along(database, server)
        return database

    def report(self) -> AgentDatabase:
        """Where it is, and where it will be after the next start."""
        chosen = database_server.chosen(self._folders.database_choice)
        now = self._access.server.place if self._access is not None else str(self._folders.database)
        then = chosen.place if chosen is not None else str(self._folders.database)
        return AgentDatabase(
            kind="PostgreSQL" if self._access is not None else "SQLite", place=now,
            after_restart=then if then != now else "",
        )  # fmt: skip

    def choose(self, choice: ServerChoice) -> AgentDatabase:
        """Use a server from the next start on, after it was tried.

        Raises:
            ConfigurationError: the vault's key comes from a person, so that no start could use the password: code
                `database-needs-vault`; or the server says no.
            ConflictError: code `database-not-empty` or `database-empty`: it holds something else than was said.
            AgentError: the server or the vault cannot be used.
        """
        keeper = self._secrets.keeper
        _ = keeper.vault  # raises where it is not open
        source = keeper.report().source
        if source is not None and source.kind == Passphrase.kind:
            raise _needs_vault()
        password = Secret(choice.password.get_secret_value())
        self._secrets.know([password])
        server = DatabaseServer(
            host=choice.host, port=choice.port, name=choice.name, username=choice.username,
            encryption=Encryption(choice.encryption), ca_file=choice.ca_file,
        )  # fmt: skip
        _try(ServerAccess(server, password), use_existing=choice.use_existing)
        self._secrets.store({PASSWORD_NAME: password})
        database_server.choose(self._folders.database_choice, server)
        return self.report()

    def refuse_source(self, kind: str) -> None:
        """Keep the vault from being put under a key that no start could get.

        Raises:
            ConfigurationError: code `database-needs-vault`.
        """
        if kind == Passphrase.kind and self.is_chosen:
            raise _needs_vault()

    def _password(self) -> Secret:
        try:
            self._secrets.keeper.open()
            found = self._secrets.get(PASSWORD_NAME)
        except AgentError as error:
            raise ConfigurationError(
                "The agent's database is on a server, and its password cannot be had from the vault.",
                code="database-password",
                remedy=f"{error.remedy} Or remove {self._folders.database_choice}, start the service, set up the vault "
                "and type “opagent database use --use-existing”.".strip(),
                detail=error.code,
            ) from error
        if found is None:
            raise ConfigurationError(
                "The password of the server that holds the agent's database is not in the vault.",
                code="database-password",
                remedy=f"Remove {self._folders.database_choice}, start the service and type "
                "“opagent database use --use-existing”.",
            )
        return found

    def _take_along(self, database: Database, server: DatabaseServer) -> None:
        """Move what the file holds, once; a crash in the middle leaves all of it where it was."""
        path = self._folders.database
        if not path.exists():
            return
        if database_move.is_empty(database):
            source = Database.at(path)
            try:
                moved = database_move.move(source, database)
            finally:
                source.close()
            self._tell(LogLevel.INFO, f"The agent's database has moved to {server.place}: {moved:,} rows.")
        for old in (path, self._folders.runs_database):
            database_move.set_aside(old)

    def _tell(self, level: LogLevel, message: str) -> None:
        self._logs.append([LogLine(self._clock(), level, message)])

    def _lost(self) -> None:
        """Another agent has the database: end as in a crash, which every run can take, before anything is booked."""
        self._tell(LogLevel.ERROR, "Another agent uses this agent's database now; this service has ended.")
        self._logs.close()
        os._exit(1)


def _needs_vault() -> ConfigurationError:
    return ConfigurationError(
        "With a passphrase, the vault waits for somebody at each start; the password of the agent's database is in it.",
        code="database-needs-vault",
        remedy="Use a key file, the system's vault or a systemd credential: “opagent vault change-source”.",
    )


def _try(access: ServerAccess, *, use_existing: bool) -> None:
    """Do what the next start will do."""
    SoleUse(access, lost=lambda: None, patience_seconds=0).release()
    database = Database.on(access)
    try:
        empty = database_move.is_empty(database)
    finally:
        database.close()
    if not empty and not use_existing:
        raise ConflictError(
            f"An agent has used {access.server.place} before.",
            code="database-not-empty",
            remedy="Choose an empty database, or say that what is there is to be used in place of what this agent has.",
        )
    if empty and use_existing:
        raise ConflictError(
            f"No agent has used {access.server.place} yet.",
            code="database-empty",
            remedy="Check its name; to move there, leave out that what is there is to be used.",
        )
