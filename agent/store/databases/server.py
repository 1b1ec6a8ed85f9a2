"""The PostgreSQL server that keeps the agent's own database where one was chosen: its address, and how to connect.

The address lies in a small file beside the configuration. The password is never in it: it is in the vault, under
`PASSWORD_NAME`, and is handed to the server alone.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg.abc import Buffer
from psycopg.types.string import StrDumperUnknown

from agent.domain.errors import FatalError
from agent.domain.secret import Secret
from agent.store.private_files import write_private

PASSWORD_NAME = "agent-database/password"  # noqa: S105 - the name, not the password
_CONNECT_SECONDS = 15
_SESSION = (
    # An export may be fetched slowly.
    "SET TIME ZONE 'UTC'; SET idle_in_transaction_session_timeout = '1h'; SET statement_timeout = 0;"
    "SET lock_timeout = '30s';"
    # A server whose other end was switched off notices it within a minute, and lets go of what that one held.
    "SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3;"
    # What is acknowledged has to be on the disk.
    "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
)


class Encryption(StrEnum):
    """Whether the connection is encrypted. `VERIFIED`: and the server has to prove its name."""

    PREFERRED = "Preferred"
    REQUIRED = "Required"
    VERIFIED = "Verified"
    OFF = "Off"


_SSLMODES = {
    Encryption.PREFERRED: "prefer",
    Encryption.REQUIRED: "require",
    Encryption.VERIFIED: "verify-full",
    Encryption.OFF: "disable",
}


@dataclass(frozen=True, slots=True)
class DatabaseServer:
    """One database of one server. `host` may be the folder of a local socket; `ca_file` is for `VERIFIED`."""

    host: str
    port: int
    name: str
    username: str
    encryption: Encryption = Encryption.PREFERRED
    ca_file: str = ""

    @property
    def place(self) -> str:
        """What people call it."""
        return f"the database {self.name} on {self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class ServerAccess:
    """A server and the account's password."""

    server: DatabaseServer
    password: Secret

    def engine(self) -> sa.Engine:
        """Connections to it; none is made yet."""
        return sa.create_engine(
            "postgresql+psycopg://", creator=self.connect, pool_pre_ping=True, hide_parameters=True,
            use_native_hstore=False,
        )  # fmt: skip

    def connect(self) -> psycopg.Connection[Any]:
        """A connection of the driver. Raises psycopg.Error."""
        server = self.server
        verified = server.encryption is Encryption.VERIFIED
        connection = psycopg.connect(
            host=server.host,
            port=server.port,
            dbname=server.name,
            user=server.username,
            password=self.password.reveal(),
            # Nobody else's password, should the service's user have some in a file.
            passfile=os.devnull,
            sslmode=_SSLMODES[server.encryption],
            sslrootcert=(server.ca_file or "system") if verified else "",
            sslcertmode="disable",
            connect_timeout=_CONNECT_SECONDS,
            application_name="OP Agent",
            client_encoding="utf8",
            keepalives_idle=30,
            keepalives_interval=10,
            keepalives_count=3,
            tcp_user_timeout=60_000,
            autocommit=True,
        )
        try:
            connection.execute(_SESSION)
            connection.autocommit = False
            connection.adapters.register_dumper(str, _TextDumper)
        except BaseException:
            connection.close()
            raise
        return connection


class _TextDumper(StrDumperUnknown):
    """Texts of apps may hold what PostgreSQL cannot keep: NUL becomes the sign that stands for it, U+2400."""

    def dump(self, obj: str) -> Buffer | None:
        return super().dump(obj.replace("\0", "\u2400") if "\0" in obj else obj)


def chosen(path: Path) -> DatabaseServer | None:
    """The server that was chosen; None where it is a file of the agent's own.

    Raises:
        FatalError: code `database-choice-damaged`.
    """
    try:
        found = json.loads(path.read_bytes())
        return DatabaseServer(**{**found, "encryption": Encryption(found["encryption"]), "port": int(found["port"])})
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FatalError(
            "The file that says where the agent's database is cannot be read.",
            code="database-choice-damaged",
            remedy=f"Restore {path} from a backup.",
            detail=type(error).__name__,
        ) from error


def choose(path: Path, server: DatabaseServer) -> None:
    """Use this server from the next start on. Raises what `write_private` raises."""
    write_private(path, json.dumps(asdict(server), indent=2).encode())
