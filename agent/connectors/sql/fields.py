"""The credential fields of SQL databases, and the words for what is chosen in them."""

from __future__ import annotations

import sys

from agent.domain.app import ChoiceWords, CredentialField, FieldKind
from agent.domain.errors import ConfigurationError

SQLITE, POSTGRESQL, MYSQL, SQL_SERVER = "SQLite", "PostgreSQL", "MariaDB / MySQL", "SQL Server"
KIND, DATABASE, HOST, PORT, USERNAME, PASSWORD, TLS, ENCRYPTION, CA_FILE = (
    "kind", "database", "host", "port", "username", "password", "tls", "encryption", "ca_file",
)  # fmt: skip
TLS_PREFERRED, TLS_REQUIRED, TLS_VERIFIED, TLS_OFF = "Preferred", "Required", "Verified", "Off"
DEFAULT_HOST = "localhost"
DEFAULT_PORTS = {POSTGRESQL: 5432, MYSQL: 3306, SQL_SERVER: 1433}
PORT_LIST = ", ".join(f"{kind} {port}" for kind, port in DEFAULT_PORTS.items())

_SERVER = (KIND, *DEFAULT_PORTS)
_FILE_EXAMPLE = r"C:\Shop\orders.db" if sys.platform == "win32" else "/var/lib/shop/orders.db"
_URL_STARTS = {POSTGRESQL: "postgresql", MYSQL: "mysql", SQL_SERVER: "mssql"}
_OR_STRING = ", and a connection string such as Server=host;Database=name;User Id=user"

FIELDS = (
    CredentialField(
        name=KIND,
        label="Kind",
        kind=FieldKind.CHOICE,
        help="SQLite is one file on this computer. The others are servers. SQL Server has not been tried against a "
        "server yet: try it on a copy of your data first.",
        choices=(SQLITE, *DEFAULT_PORTS),
        default=SQLITE,
    ),
    CredentialField(
        name=DATABASE,
        label="Database",
        help="The full path of the file; it is made when it is not there. For a server, its whole URL can be pasted "
        "here, such as postgresql://user@host/name.",
        example=_FILE_EXAMPLE,
        words=tuple(
            ChoiceWords(
                KIND, kind, f"The database's name. A whole URL such as {_URL_STARTS[kind]}://user@host/name can be "
                f"pasted here{_OR_STRING if kind == SQL_SERVER else ''}.", "shop",
            )
            for kind in DEFAULT_PORTS
        ),
    ),
    CredentialField(
        name=HOST,
        label="Host",
        required=False,
        help="The server's name or address, or the folder of its socket.",
        example="db.example.com",
        shown_when=_SERVER,
    ),
    CredentialField(
        name=PORT, label="Port", required=False, help=f"When left empty, the usual one: {PORT_LIST}.", example="5432",
        shown_when=_SERVER,
        words=tuple(
            ChoiceWords(KIND, kind, f"When left empty, the usual one: {port}.", str(port))
            for kind, port in DEFAULT_PORTS.items()
        ),
    ),
    CredentialField(
        name=USERNAME, label="Username", required=False, help="The server's account that the agent uses.",
        example="opagent", shown_when=_SERVER,
    ),
    CredentialField(
        name=PASSWORD, label="Password", kind=FieldKind.SECRET, required=False,
        help="Leave it empty where the server asks for none.", shown_when=_SERVER,
    ),
    CredentialField(
        name=TLS,
        label="Encryption",
        kind=FieldKind.CHOICE,
        required=False,
        help="Preferred: when the server offers it. Required: always, whoever the server is. "
        "Verified: always, and the server has to prove its name. Off: never.",
        choices=(TLS_PREFERRED, TLS_REQUIRED, TLS_VERIFIED, TLS_OFF),
        default=TLS_PREFERRED,
        shown_when=(KIND, POSTGRESQL, MYSQL),
    ),
    CredentialField(
        name=ENCRYPTION,
        label="Encryption of SQL Server",
        kind=FieldKind.CHOICE,
        required=False,
        help="Verified: the server has to prove its name by its certificate. Required: encrypted, whoever the server "
        "is, for one that made its certificate itself. Off: never.",
        choices=(TLS_VERIFIED, TLS_REQUIRED, TLS_OFF),
        default=TLS_VERIFIED,
        shown_when=(KIND, SQL_SERVER),
    ),
    CredentialField(
        name=CA_FILE,
        label="CA certificate",
        kind=FieldKind.FILE,
        required=False,
        help="With Verified: the file with the certificate of the authority that signed the "
        "server's. Without it, those that this computer trusts.",
        example="/etc/ssl/company-ca.pem",
        shown_when=_SERVER,
    ),
)  # fmt: skip

LABELS = {one.name: one.label for one in FIELDS}


def fault(name: str, code: str, message: str, remedy: str = "") -> ConfigurationError:
    """An error of what was entered in a field."""
    return ConfigurationError(message, code=code, remedy=remedy, field=name)
