"""Connection URLs and connection strings, as people paste them into the form, taken apart into its fields."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from agent.connectors.sql.fields import (
    CA_FILE,
    DATABASE,
    ENCRYPTION,
    HOST,
    KIND,
    LABELS,
    MYSQL,
    PORT,
    POSTGRESQL,
    SQL_SERVER,
    SQLITE,
    TLS,
    TLS_OFF,
    TLS_PREFERRED,
    TLS_REQUIRED,
    TLS_VERIFIED,
    USERNAME,
    fault,
)  # fmt: skip

KINDS = {
    "sqlite": SQLITE, "sqlite3": SQLITE,
    "postgresql": POSTGRESQL, "postgres": POSTGRESQL, "pg": POSTGRESQL, "psql": POSTGRESQL, "pgsql": POSTGRESQL,
    "mariadb": MYSQL, "mysql": MYSQL, "mariadb / mysql": MYSQL,
    "mssql": SQL_SERVER, "sqlserver": SQL_SERVER, "sql server": SQL_SERVER, "microsoft sql server": SQL_SERVER,
}  # fmt: skip
TLS_OF_SSLMODE = {
    "disable": TLS_OFF, "allow": TLS_PREFERRED, "prefer": TLS_PREFERRED, "require": TLS_REQUIRED,
    "verify-ca": TLS_VERIFIED, "verify-full": TLS_VERIFIED,
    "disabled": TLS_OFF, "preferred": TLS_PREFERRED, "trust": TLS_REQUIRED,
    "verify_ca": TLS_VERIFIED, "verify_identity": TLS_VERIFIED, "required": TLS_REQUIRED,
}  # fmt: skip
_URL = re.compile(r"(?:jdbc:)?(?P<scheme>[a-z][a-z0-9+.]*)://", re.IGNORECASE)
_PAIR = re.compile(r"(?P<name>\w+)\s*=\s*(?:'(?P<quoted>(?:[^'\\]|\\.)*)'|(?P<plain>\S+))")
_SETTING = re.compile(r"\s*(?P<name>[^=;]+?)\s*=\s*(?P<value>\"[^\"]*\"|'[^']*'|\{[^}]*\}|[^;]*?)\s*(?:;|\Z)")
_JDBC_SQL_SERVER = re.compile(r"(?:jdbc:)?sqlserver://(?P<server>[^;/]*);?", re.IGNORECASE)
_DRIVE = re.compile(r"/+(?=[A-Za-z]:)")


@dataclass(slots=True)
class Draft:
    """What was entered, on its way to being prepared."""

    values: dict[str, str]
    password: str
    notes: list[str] = field(default_factory=list)


def take_apart(draft: Draft) -> None:
    """A URL, or the name=value forms that psql and SQL Server's programs take, pasted into Database or Host."""
    for name in (DATABASE, HOST):
        text = draft.values.get(name, "")
        url = _URL.match(text)
        jdbc = _JDBC_SQL_SERVER.match(text)
        settings = _settings(text[jdbc.end() :] if jdbc is not None else text)
        if jdbc is not None and "@" not in jdbc["server"]:
            _take_settings(draft, name, {"server": jdbc["server"].replace(":", ","), **settings})
        elif url is None and ";" in text and settings.keys() & {"server", "data source"}:
            _take_settings(draft, name, settings)
        elif url is not None:
            _take_url(draft, name, text.removeprefix("jdbc:"), url["scheme"].lower().partition("+")[0])
        elif text.startswith("file:"):
            draft.values |= {KIND: SQLITE, DATABASE: _path_of(text.removeprefix("file:"))}
            draft.notes.append("The file's URL was turned into a path.")
        elif "=" in text and {pair["name"] for pair in _PAIR.finditer(text)} & {"dbname", "host", "user"}:
            _take_pairs(draft, name, text)


def _take_url(draft: Draft, name: str, text: str, scheme: str) -> None:
    if scheme in ("sqlite", "file"):
        text = re.sub(r"\A[^:]*:", "", text)
        path = text.removeprefix("//")
        # sqlite:///relative and sqlite:////absolute, file:///absolute
        path = path.removeprefix("/") if scheme == "sqlite" and not _DRIVE.match(path) else path
        draft.values |= {KIND: SQLITE, DATABASE: _path_of(path)}
        draft.notes.append("The URL was turned into a path.")
        return
    kind = KINDS.get(scheme)
    if kind is None:
        raise fault(name, "url-format", f"“{scheme}” is not a kind of database that the agent knows.",
                     "Enter a path for SQLite, or a URL such as postgresql://user@host/name or "
                     "mysql://user@host/name.")  # fmt: skip
    password = ""
    try:
        parts = urlsplit(text)
        port, host = parts.port, parts.hostname
        query = dict(parse_qsl(parts.query))
        password = unquote(parts.password or "") or query.get("password", "")
    except ValueError:
        raise fault(name, "url-format", "The URL cannot be understood.",
                     "It should look like postgresql://user@host:5432/name.") from None  # fmt: skip
    found = {
        HOST: unquote(host or "") or query.get("host", ""),
        PORT: str(port) if port is not None else query.get("port", ""),
        USERNAME: unquote(parts.username or "") or query.get("user", ""),
        DATABASE: unquote(parts.path.lstrip("/")) or query.get("dbname", ""),
        TLS: TLS_OF_SSLMODE.get((query.get("sslmode") or query.get("ssl-mode", "")).casefold(), ""),
        CA_FILE: query.get("sslrootcert") or query.get("ssl-ca") or query.get("ssl_ca", ""),
    }
    if kind == SQL_SERVER:
        del found[TLS]
        found[ENCRYPTION] = _encryption({key.casefold(): value for key, value in query.items()})
    _take_found(draft, name, kind, found, password=password, what="URL")


def _take_pairs(draft: Draft, name: str, text: str) -> None:
    pairs = {
        pair["name"]: re.sub(r"\\(.)", r"\1", pair["quoted"]) if pair["quoted"] is not None else pair["plain"]
        for pair in _PAIR.finditer(text)
    }
    found = {
        HOST: pairs.get("host", pairs.get("hostaddr", "")),
        PORT: pairs.get("port", ""),
        USERNAME: pairs.get("user", ""),
        DATABASE: pairs.get("dbname", ""),
        TLS: TLS_OF_SSLMODE.get(pairs.get("sslmode", ""), ""),
        CA_FILE: pairs.get("sslrootcert", ""),
    }
    _take_found(draft, name, POSTGRESQL, found, password=pairs.get("password", ""), what="connection string")


def _settings(text: str) -> dict[str, str]:
    """A connection string of SQL Server's programs, by its names in small letters."""
    return {
        found["name"].casefold(): found["value"].strip("\"'") if found["value"][:1] != "{" else found["value"][1:-1]
        for found in _SETTING.finditer(text)
    }


def _take_settings(draft: Draft, name: str, settings: Mapping[str, str]) -> None:
    server = settings.get("server") or settings.get("data source", "")
    host, _, port = server.removeprefix("tcp:").partition(",")

    def first(*names: str) -> str:
        return next((settings[one] for one in names if settings.get(one)), "")

    found = {
        HOST: host.strip(),
        PORT: port.strip() or settings.get("port", ""),
        USERNAME: first("user id", "uid", "user"),
        DATABASE: first("database", "initial catalog", "databasename"),
        ENCRYPTION: _encryption(settings),
        CA_FILE: first("servercertificate"),
    }
    _take_found(draft, name, SQL_SERVER, found, password=first("password", "pwd"), what="connection string")


def _encryption(settings: Mapping[str, str]) -> str:
    """What a connection string of SQL Server says about encryption; empty where it says nothing."""
    yes = ("true", "yes", "mandatory", "strict", "1")
    trusting = settings.get("trustservercertificate", settings.get("trust server certificate", "")).casefold() in yes
    encrypt = settings.get("encrypt", "").casefold()
    if encrypt and encrypt not in yes:
        return TLS_OFF
    if trusting:
        return TLS_REQUIRED
    return TLS_VERIFIED if encrypt else ""


def _take_found(draft: Draft, name: str, kind: str, found: Mapping[str, str], *, password: str, what: str) -> None:
    draft.values[name] = ""
    draft.values[KIND] = kind
    draft.values |= {key: text for key, text in found.items() if text}
    labels = [LABELS[key] for key in (HOST, PORT, USERNAME, DATABASE, TLS, ENCRYPTION, CA_FILE) if found.get(key)]
    draft.notes.append(f"The {what} was taken apart: {', '.join(labels) or 'it was empty'}.")
    if password:
        draft.password = password
        draft.notes.append(f"The password in the {what} was moved to the field Password, which is kept in the vault.")


def _path_of(text: str) -> str:
    """The path in a file's URL."""
    path = unquote(text.partition("?")[0])
    if path.startswith("///"):
        path = path[2:]
    return _DRIVE.sub("", path, count=1) if _DRIVE.match(path) else path
