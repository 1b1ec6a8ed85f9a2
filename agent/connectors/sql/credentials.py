"""What is entered in the credential form: tidied, and as the address of a database."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from agent.connectors.contract import Prepared
from agent.connectors.sql.fields import (
    CA_FILE,
    DATABASE,
    DEFAULT_HOST,
    DEFAULT_PORTS,
    ENCRYPTION,
    HOST,
    KIND,
    LABELS,
    PASSWORD,
    PORT,
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
from agent.connectors.sql.pasted import KINDS, TLS_OF_SSLMODE, Draft, take_apart
from agent.domain.secret import Secret

_QUOTES = "\"'`“”„‘’«»"
_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff"))


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
            tls=(values.get(ENCRYPTION) or TLS_VERIFIED) if kind == SQL_SERVER else (values.get(TLS) or TLS_PREFERRED),
            ca_file=values.get(CA_FILE, ""),
        )
    return SqliteAddress(Path(values.get(DATABASE, "")))


def prepare(values: Mapping[str, str], secrets: Mapping[str, Secret]) -> Prepared:
    """Tidy what people paste; every change is told in a note.

    Raises:
        ConfigurationError: `field` is the field at fault; codes `field-empty`, `kind-unknown`, `path-format`,
            `host-format`, `port-format`, `url-format`, `tls-unknown`.
    """
    draft = Draft({name: _tidy(text) for name, text in values.items()}, "")
    for name, text in values.items():
        if text.strip() and draft.values[name] != text:
            draft.notes.append(f"Blanks or quotation marks around the {LABELS.get(name, name)} were removed.")
    if PASSWORD in secrets:
        # A password may begin or end with anything, so it is left alone but for the line break that copying adds.
        draft.password = secrets[PASSWORD].reveal().rstrip("\r\n")
    take_apart(draft)
    kind = _kind(draft)
    if not draft.values.get(DATABASE):
        what = "the path of the database file" if kind == SQLITE else "the name of the database"
        raise fault(DATABASE, "field-empty", f"Enter {what}.")
    return _sqlite(draft) if kind == SQLITE else _server(draft, kind)


def _kind(draft: Draft) -> str:
    entered = draft.values.get(KIND, "")
    kind = KINDS.get(entered.casefold())
    if kind is None:
        if not entered:
            raise fault(KIND, "field-empty", "Choose the kind of database.")
        raise fault(KIND, "kind-unknown", f"“{entered[:40]}” is not a kind of database that the agent knows.",
                     f"Choose {', '.join((SQLITE, *DEFAULT_PORTS))}.")  # fmt: skip
    return kind


def _sqlite(draft: Draft) -> Prepared:
    entered = draft.values[DATABASE]
    if entered == ":memory:" or "\0" in entered:
        raise fault(DATABASE, "path-format", "The database has to be a file.", "Enter the full path of a file.")
    text = entered
    if text.startswith("~"):
        try:
            text = str(Path(text).expanduser())
        except RuntimeError:
            raise fault(DATABASE, "path-format", "There is no such user's folder on this computer.",
                         "Enter the full path of the file.") from None  # fmt: skip
    if not Path(text).is_absolute():
        example = r"C:\Data\shop.db" if os.name == "nt" else "/srv/shop.db"
        raise fault(DATABASE, "path-format", "The path of the database file is not complete.",
                     f"Enter the full path, e.g. {example}.")  # fmt: skip
    if text.endswith(("/", os.sep)) or Path(text).is_dir():
        raise fault(DATABASE, "path-format", "This is a folder, not a database file.",
                     "Add the file's name at the end of the path.")  # fmt: skip
    text = os.path.normpath(text)
    if text != entered:
        draft.notes.append(f"The path was completed to {text}.")
    left_out = [LABELS[name] for name in (HOST, PORT, USERNAME, CA_FILE) if draft.values.get(name)]
    if draft.password:
        left_out.append(LABELS[PASSWORD])
    if left_out:
        draft.notes.append(f"SQLite needs no {', '.join(left_out)}: left out.")
    return Prepared({KIND: SQLITE, DATABASE: text}, {}, tuple(draft.notes))


def _server(draft: Draft, kind: str) -> Prepared:
    values = draft.values
    host = values.get(HOST, "")
    if not host:
        host = DEFAULT_HOST
        draft.notes.append(f"No Host was entered: {DEFAULT_HOST} is used.")
    if kind == SQL_SERVER:
        host = _of_instance(draft, host)
    host = _host(draft, host)
    port = _port(values.get(PORT, ""), kind)
    if not values.get(USERNAME):
        raise fault(USERNAME, "field-empty", f"Enter the Username for the {kind.removesuffix(' Server')} server.")
    for name in (DATABASE, USERNAME):
        if "\0" in values[name]:
            raise fault(name, "field-format", f"The {LABELS[name]} contains a character that it cannot have.")
    if "\0" in draft.password:
        raise fault(PASSWORD, "field-format", "The Password contains a character that it cannot have.")
    tls_field = ENCRYPTION if kind == SQL_SERVER else TLS
    tls = _encryption(values.get(ENCRYPTION, "")) if kind == SQL_SERVER else _tls(values.get(TLS, ""))
    prepared = {KIND: kind, DATABASE: values[DATABASE], HOST: host, PORT: str(port),
                USERNAME: values[USERNAME], tls_field: tls}  # fmt: skip
    if values.get(CA_FILE):
        if tls == TLS_VERIFIED:
            if not Path(values[CA_FILE]).is_absolute():
                raise fault(CA_FILE, "path-format", "The path of the CA certificate is not complete.",
                             "Enter its full path.")  # fmt: skip
            prepared[CA_FILE] = values[CA_FILE]
        else:
            draft.notes.append(f"The CA certificate is used with “{TLS_VERIFIED}” only: left out.")
    secrets = {PASSWORD: Secret(draft.password)} if draft.password else {}
    return Prepared(prepared, secrets, tuple(draft.notes))


def _of_instance(draft: Draft, host: str) -> str:
    """The computer of `computer\\instance` and `computer,port`, as SQL Server's programs write it."""
    bare, comma, port = host.partition(",")
    if comma and port.strip().isdigit() and draft.values.get(PORT) in (None, "", port.strip()):
        draft.values[PORT] = port.strip()
        draft.notes.append("The port was moved from the Host to its own field.")
        host = bare.strip()
    computer, backslash, instance = host.partition("\\")
    if not backslash:
        return host
    if not draft.values.get(PORT):
        raise fault(PORT, "port-missing", f"The instance {instance[:40]} is reached by its port, which is not known.",
                    "Enter the Port: SQL Server Configuration Manager shows it under TCP/IP.")  # fmt: skip
    draft.notes.append(f"The instance {instance[:40]} was left out: its Port leads to it.")
    return "localhost" if computer in ("", ".", "(local)") else computer


def _host(draft: Draft, host: str) -> str:
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
        raise fault(HOST, "host-format", "The Host cannot be right.",
                     "Enter a name such as db.example.com, or an address.")  # fmt: skip
    return host


def _port(text: str, kind: str) -> int:
    if not text:
        return DEFAULT_PORTS[kind]
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65_535):
        raise fault(PORT, "port-format", "The Port has to be a number from 1 to 65535.",
                     f"The usual one of {kind} is {DEFAULT_PORTS[kind]}.")  # fmt: skip
    return int(text)


def _tls(text: str) -> str:
    choices = {choice.casefold(): choice for choice in (TLS_PREFERRED, TLS_REQUIRED, TLS_VERIFIED, TLS_OFF)}
    tls = choices.get(text.casefold()) or TLS_OF_SSLMODE.get(text.casefold())
    if tls is None:
        if text:
            raise fault(TLS, "tls-unknown", f"“{text[:40]}” is not a choice for Encryption.",
                         f"Choose {', '.join(choices.values())}.")  # fmt: skip
        return TLS_PREFERRED
    return tls


def _encryption(text: str) -> str:
    choices = {choice.casefold(): choice for choice in (TLS_VERIFIED, TLS_REQUIRED, TLS_OFF)}
    if text and text.casefold() not in choices:
        raise fault(ENCRYPTION, "tls-unknown", f"“{text[:40]}” is not a choice for Encryption of SQL Server.",
                    f"Choose {', '.join(choices.values())}.")  # fmt: skip
    return choices.get(text.casefold(), TLS_VERIFIED)


def _tidy(text: str) -> str:
    before = None
    while text != before:
        before, text = text, text.translate(_INVISIBLE).strip()
        if len(text) > 1 and text[0] in _QUOTES and text[-1] in _QUOTES:
            text = text[1:-1]
    return text
