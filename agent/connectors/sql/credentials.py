"""The credential fields, and what becomes of what people paste into them: paths, addresses, whole connection URLs."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from agent.connectors.contract import Prepared
from agent.domain.app import CredentialField, FieldKind
from agent.domain.errors import ConfigurationError
from agent.domain.secret import Secret

SQLITE, POSTGRESQL, MYSQL = "SQLite", "PostgreSQL", "MariaDB / MySQL"
KIND, DATABASE, HOST, PORT, USERNAME, PASSWORD, TLS, CA_FILE = (
    "kind", "database", "host", "port", "username", "password", "tls", "ca_file",
)  # fmt: skip
TLS_PREFERRED, TLS_REQUIRED, TLS_VERIFIED, TLS_OFF = "Preferred", "Required", "Verified", "Off"
DEFAULT_HOST = "localhost"
DEFAULT_PORTS = {POSTGRESQL: 5432, MYSQL: 3306}
PORT_LIST = ", ".join(f"{kind} {port}" for kind, port in DEFAULT_PORTS.items())

_SERVER = (KIND, *DEFAULT_PORTS)

FIELDS = (
    CredentialField(
        name=KIND,
        label="Kind",
        kind=FieldKind.CHOICE,
        help="SQLite is one file on this computer. The others are servers.",
        choices=(SQLITE, *DEFAULT_PORTS),
        default=SQLITE,
    ),
    CredentialField(
        name=DATABASE,
        label="Database",
        help="SQLite: the full path of the file; it is made when it is not there. Else the database's name. "
        "A whole URL such as postgresql://user@host/name or mysql://user@host/name can be pasted here.",
        example="/var/lib/shop/orders.db",
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
        shown_when=_SERVER,
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

_KINDS = {
    "sqlite": SQLITE, "sqlite3": SQLITE,
    "postgresql": POSTGRESQL, "postgres": POSTGRESQL, "pg": POSTGRESQL, "psql": POSTGRESQL, "pgsql": POSTGRESQL,
    "mariadb": MYSQL, "mysql": MYSQL, "mariadb / mysql": MYSQL,
}  # fmt: skip
_TLS_OF_SSLMODE = {
    "disable": TLS_OFF, "allow": TLS_PREFERRED, "prefer": TLS_PREFERRED, "require": TLS_REQUIRED,
    "verify-ca": TLS_VERIFIED, "verify-full": TLS_VERIFIED,
    "disabled": TLS_OFF, "preferred": TLS_PREFERRED, "trust": TLS_REQUIRED,
    "verify_ca": TLS_VERIFIED, "verify_identity": TLS_VERIFIED, "required": TLS_REQUIRED,
}  # fmt: skip
_QUOTES = "\"'`“”„‘’«»"
_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff"))
_URL = re.compile(r"(?:jdbc:)?(?P<scheme>[a-z][a-z0-9+.]*)://", re.IGNORECASE)
_PAIR = re.compile(r"(?P<name>\w+)\s*=\s*(?:'(?P<quoted>(?:[^'\\]|\\.)*)'|(?P<plain>\S+))")
_DRIVE = re.compile(r"/+(?=[A-Za-z]:)")
_LABELS = {one.name: one.label for one in FIELDS}


@dataclass(frozen=True, slots=True)
class SqliteAddress:
    """A SQLite file."""

    path: Path


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """A database on a server. `host` is where its local socket is, if it begins with a slash: the folder for
    PostgreSQL, the file itself for MariaDB and MySQL."""

    kind: str
    host: str
    port: int
    database: str
    username: str
    password: Secret
    tls: str
    ca_file: str

    @property
    def socket(self) -> bool:
        """Whether the server is talked to through a socket file."""
        return self.host.startswith("/")

    @property
    def local(self) -> bool:
        """Whether the server is on this computer."""
        return self.socket or self.host.lower() in ("localhost", "127.0.0.1", "::1")


def address(values: Mapping[str, str], secrets: Mapping[str, Secret]) -> SqliteAddress | ServerAddress:
    """Where prepared values lead."""
    kind = values.get(KIND, "")
    if kind in DEFAULT_PORTS:
        return ServerAddress(
            kind=kind,
            host=values.get(HOST) or DEFAULT_HOST,
            port=int(values.get(PORT) or DEFAULT_PORTS[kind]),
            database=values.get(DATABASE, ""),
            username=values.get(USERNAME, ""),
            password=secrets.get(PASSWORD) or Secret(""),
            tls=values.get(TLS) or TLS_PREFERRED,
            ca_file=values.get(CA_FILE, ""),
        )
    return SqliteAddress(Path(values.get(DATABASE, "")))


@dataclass(slots=True)
class _Draft:
    """What was entered, on its way to being prepared."""

    values: dict[str, str]
    password: str
    notes: list[str] = field(default_factory=list)


def prepare(values: Mapping[str, str], secrets: Mapping[str, Secret]) -> Prepared:
    """Tidy what people paste; every change is told in a note.

    Raises:
        ConfigurationError: `field` is the field at fault; codes `field-empty`, `kind-unknown`, `path-format`,
            `host-format`, `port-format`, `url-format`, `tls-unknown`.
    """
    draft = _Draft({name: _tidy(text) for name, text in values.items()}, "")
    for name, text in values.items():
        if text.strip() and draft.values[name] != text:
            draft.notes.append(f"Blanks or quotation marks around the {_LABELS.get(name, name)} were removed.")
    if PASSWORD in secrets:
        # A password may begin or end with anything, so it is left alone but for the line break that copying adds.
        draft.password = secrets[PASSWORD].reveal().rstrip("\r\n")
    _take_apart(draft)
    kind = _kind(draft)
    if not draft.values.get(DATABASE):
        what = "the path of the database file" if kind == SQLITE else "the name of the database"
        raise _fault(DATABASE, "field-empty", f"Enter {what}.")
    return _sqlite(draft) if kind == SQLITE else _server(draft, kind)


def _take_apart(draft: _Draft) -> None:
    """A URL, or the name=value form that psql takes, pasted into Database or Host."""
    for name in (DATABASE, HOST):
        text = draft.values.get(name, "")
        url = _URL.match(text)
        if url is not None:
            _take_url(draft, name, text.removeprefix("jdbc:"), url["scheme"].lower().partition("+")[0])
        elif text.startswith("file:"):
            draft.values |= {KIND: SQLITE, DATABASE: _path_of(text.removeprefix("file:"))}
            draft.notes.append("The file's URL was turned into a path.")
        elif "=" in text and {pair["name"] for pair in _PAIR.finditer(text)} & {"dbname", "host", "user"}:
            _take_pairs(draft, name, text)


def _take_url(draft: _Draft, name: str, text: str, scheme: str) -> None:
    if scheme in ("sqlite", "file"):
        text = re.sub(r"\A[^:]*:", "", text)
        path = text.removeprefix("//")
        # sqlite:///relative and sqlite:////absolute, file:///absolute
        path = path.removeprefix("/") if scheme == "sqlite" and not _DRIVE.match(path) else path
        draft.values |= {KIND: SQLITE, DATABASE: _path_of(path)}
        draft.notes.append("The URL was turned into a path.")
        return
    kind = _KINDS.get(scheme)
    if kind is None:
        raise _fault(name, "url-format", f"“{scheme}” is not a kind of database that the agent knows.",
                     "Enter a path for SQLite, or a URL such as postgresql://user@host/name or "
                     "mysql://user@host/name.")  # fmt: skip
    try:
        parts = urlsplit(text)
        port, host = parts.port, parts.hostname
        query = dict(parse_qsl(parts.query))
    except ValueError:
        raise _fault(name, "url-format", "The URL cannot be understood.",
                     "It should look like postgresql://user@host:5432/name.") from None  # fmt: skip
    found = {
        HOST: unquote(host or "") or query.get("host", ""),
        PORT: str(port) if port is not None else query.get("port", ""),
        USERNAME: unquote(parts.username or "") or query.get("user", ""),
        DATABASE: unquote(parts.path.lstrip("/")) or query.get("dbname", ""),
        TLS: _TLS_OF_SSLMODE.get((query.get("sslmode") or query.get("ssl-mode", "")).casefold(), ""),
        CA_FILE: query.get("sslrootcert") or query.get("ssl-ca") or query.get("ssl_ca", ""),
    }
    _take_found(
        draft, name, kind, found, password=unquote(parts.password or "") or query.get("password", ""), what="URL"
    )


def _take_pairs(draft: _Draft, name: str, text: str) -> None:
    pairs = {
        pair["name"]: re.sub(r"\\(.)", r"\1", pair["quoted"]) if pair["quoted"] is not None else pair["plain"]
        for pair in _PAIR.finditer(text)
    }
    found = {
        HOST: pairs.get("host", pairs.get("hostaddr", "")),
        PORT: pairs.get("port", ""),
        USERNAME: pairs.get("user", ""),
        DATABASE: pairs.get("dbname", ""),
        TLS: _TLS_OF_SSLMODE.get(pairs.get("sslmode", ""), ""),
        CA_FILE: pairs.get("sslrootcert", ""),
    }
    _take_found(draft, name, POSTGRESQL, found, password=pairs.get("password", ""), what="connection string")


def _take_found(draft: _Draft, name: str, kind: str, found: Mapping[str, str], *, password: str, what: str) -> None:
    draft.values[name] = ""
    draft.values[KIND] = kind
    draft.values |= {key: text for key, text in found.items() if text}
    labels = [_LABELS[key] for key in (HOST, PORT, USERNAME, DATABASE, TLS, CA_FILE) if found[key]]
    draft.notes.append(f"The {what} was taken apart: {', '.join(labels) or 'it was empty'}.")
    if password:
        draft.password = password
        draft.notes.append(f"The password in the {what} was moved to the field Password, which is kept in the vault.")


def _kind(draft: _Draft) -> str:
    entered = draft.values.get(KIND, "")
    kind = _KINDS.get(entered.casefold())
    if kind is None:
        if not entered:
            raise _fault(KIND, "field-empty", "Choose the kind of database.")
        raise _fault(KIND, "kind-unknown", f"“{entered[:40]}” is not a kind of database that the agent knows.",
                     f"Choose {', '.join((SQLITE, *DEFAULT_PORTS))}.")  # fmt: skip
    return kind


def _sqlite(draft: _Draft) -> Prepared:
    entered = draft.values[DATABASE]
    if entered == ":memory:" or "\0" in entered:
        raise _fault(DATABASE, "path-format", "The database has to be a file.", "Enter the full path of a file.")
    text = entered
    if text.startswith("~"):
        try:
            text = str(Path(text).expanduser())
        except RuntimeError:
            raise _fault(DATABASE, "path-format", "There is no such user's folder on this computer.",
                         "Enter the full path of the file.") from None  # fmt: skip
    if not Path(text).is_absolute():
        example = r"C:\Data\shop.db" if os.name == "nt" else "/srv/shop.db"
        raise _fault(DATABASE, "path-format", "The path of the database file is not complete.",
                     f"Enter the full path, e.g. {example}.")  # fmt: skip
    if text.endswith(("/", os.sep)) or Path(text).is_dir():
        raise _fault(DATABASE, "path-format", "This is a folder, not a database file.",
                     "Add the file's name at the end of the path.")  # fmt: skip
    text = os.path.normpath(text)
    if text != entered:
        draft.notes.append(f"The path was completed to {text}.")
    left_out = [_LABELS[name] for name in (HOST, PORT, USERNAME, CA_FILE) if draft.values.get(name)]
    if draft.password:
        left_out.append(_LABELS[PASSWORD])
    if left_out:
        draft.notes.append(f"SQLite needs no {', '.join(left_out)}: left out.")
    return Prepared({KIND: SQLITE, DATABASE: text}, {}, tuple(draft.notes))


def _server(draft: _Draft, kind: str) -> Prepared:
    values = draft.values
    host = values.get(HOST, "")
    if not host:
        host = DEFAULT_HOST
        draft.notes.append(f"No Host was entered: {DEFAULT_HOST} is used.")
    host = _host(draft, host)
    port = _port(values.get(PORT, ""), kind)
    if not values.get(USERNAME):
        raise _fault(USERNAME, "field-empty", f"Enter the Username for the {kind} server.")
    for name in (DATABASE, USERNAME):
        if "\0" in values[name]:
            raise _fault(name, "field-format", f"The {_LABELS[name]} contains a character that it cannot have.")
    if "\0" in draft.password:
        raise _fault(PASSWORD, "field-format", "The Password contains a character that it cannot have.")
    tls = _tls(values.get(TLS, ""))
    prepared = {KIND: kind, DATABASE: values[DATABASE], HOST: host, PORT: str(port),
                USERNAME: values[USERNAME], TLS: tls}  # fmt: skip
    if values.get(CA_FILE):
        if tls == TLS_VERIFIED:
            if not Path(values[CA_FILE]).is_absolute():
                raise _fault(CA_FILE, "path-format", "The path of the CA certificate is not complete.",
                             "Enter its full path.")  # fmt: skip
            prepared[CA_FILE] = values[CA_FILE]
        else:
            draft.notes.append(f"The CA certificate is used with “{TLS_VERIFIED}” only: left out.")
    secrets = {PASSWORD: Secret(draft.password)} if draft.password else {}
    return Prepared(prepared, secrets, tuple(draft.notes))


def _host(draft: _Draft, host: str) -> str:
    if host.startswith("/"):
        return host
    bare, colon, port = host.rpartition(":")
    if colon and port.isdigit() and (":" not in bare or bare.endswith("]")):
        if not draft.values.get(PORT):
            draft.values[PORT] = port
            draft.notes.append("The port was moved from the Host to its own field.")
            host = bare
        elif draft.values[PORT] == port:
            host = bare
    host = host.removeprefix("[").removesuffix("]").rstrip(".")
    if not host or re.search(r"[\s/\\@,?#\[\]\0]", host):
        raise _fault(HOST, "host-format", "The Host cannot be right.",
                     "Enter a name such as db.example.com, or an address.")  # fmt: skip
    return host


def _port(text: str, kind: str) -> int:
    if not text:
        return DEFAULT_PORTS[kind]
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65_535):
        raise _fault(PORT, "port-format", "The Port has to be a number from 1 to 65535.",
                     f"The usual one of {kind} is {DEFAULT_PORTS[kind]}.")  # fmt: skip
    return int(text)


def _tls(text: str) -> str:
    choices = {choice.casefold(): choice for choice in (TLS_PREFERRED, TLS_REQUIRED, TLS_VERIFIED, TLS_OFF)}
    tls = choices.get(text.casefold()) or _TLS_OF_SSLMODE.get(text.casefold())
    if tls is None:
        if text:
            raise _fault(TLS, "tls-unknown", f"“{text[:40]}” is not a choice for Encryption.",
                         f"Choose {', '.join(choices.values())}.")  # fmt: skip
        return TLS_PREFERRED
    return tls


def _path_of(text: str) -> str:
    """The path in a file's URL."""
    path = unquote(text.partition("?")[0])
    if path.startswith("///"):
        path = path[2:]
    return _DRIVE.sub("", path, count=1) if _DRIVE.match(path) else path


def _tidy(text: str) -> str:
    before = None
    while text != before:
        before, text = text, text.translate(_INVISIBLE).strip()
        if len(text) > 1 and text[0] in _QUOTES and text[-1] in _QUOTES:
            text = text[1:-1]
    return text


def _fault(name: str, code: str, message: str, remedy: str = "") -> ConfigurationError:
    return ConfigurationError(message, code=code, remedy=remedy, field=name)
