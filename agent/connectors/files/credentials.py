"""The credential fields: which folder the files are in, on this computer, on a share, or on an SFTP server."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Final

from agent.connectors.contract import Prepared
from agent.domain.app import CredentialField, FieldKind
from agent.domain.errors import ConfigurationError
from agent.domain.secret import Secret

PLACE: Final = "place"
HERE, SFTP = "This computer or a network share", "SFTP server"
FOLDER = "folder"
HOST, PORT, USER, HOST_KEY = "host", "port", "user", "host_key"
PASSWORD, KEY_FILE, PASSPHRASE = "password", "key_file", "passphrase"

_ON_SFTP = (PLACE, SFTP)

FIELDS = (
    CredentialField(
        PLACE, "Where the files are", FieldKind.CHOICE, choices=(HERE, SFTP), default=HERE,
        help="An SFTP server is reached over SSH; a share has to be connected for the account of the agent's service.",
    ),
    CredentialField(HOST, "Server", shown_when=_ON_SFTP, help="Its name or address.", example="sftp.example.com"),
    CredentialField(PORT, "Port", required=False, default="22", shown_when=_ON_SFTP, help="22 where nobody says else."),
    CredentialField(USER, "User name", shown_when=_ON_SFTP, help="As the server knows it."),
    CredentialField(
        PASSWORD, "Password", FieldKind.SECRET, required=False, shown_when=_ON_SFTP,
        help="Leave it empty where a key signs in.",
    ),
    CredentialField(
        KEY_FILE, "Private key file", FieldKind.FILE, required=False, shown_when=_ON_SFTP,
        help="The file with the private key, where one signs in. It stays where it is.",
        example="/home/op/.ssh/id_ed25519",
    ),
    CredentialField(
        PASSPHRASE, "Passphrase of the key", FieldKind.SECRET, required=False, shown_when=_ON_SFTP,
        help="Where the key file has one.",
    ),
    CredentialField(
        HOST_KEY, "Fingerprint of the server's key", required=False, shown_when=_ON_SFTP,
        help="Leave it empty and press Validate: the fingerprint is shown. Compare it with what the server's operator "
        "says, and enter it here. A server with another key is then refused.",
        example="SHA256:uNiVztksCsDhcc0u9e8BrxtyyrJXaPyjqUQmwMgyo4s",
    ),
    CredentialField(
        name=FOLDER,
        label="Folder",
        help="The full path of the folder that the files are in. The account that the agent's service runs under, or "
        "the user on the server, needs access to it.",
        example="/srv/exchange/orders",
    ),
)  # fmt: skip

_QUOTES = "\"'`“”„‘’«»"
_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff"))
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[?[0-9A-Fa-f:.]{2,45}\]?")
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")


def prepare(values: Mapping[str, str], secrets: Mapping[str, Secret]) -> Prepared:
    """Tidy what people paste.

    Raises:
        ConfigurationError: a value cannot be right; `field` says which.
    """
    tidy = {name: text.translate(_INVISIBLE).strip().strip(_QUOTES).strip() for name, text in values.items()}
    place = tidy.get(PLACE) or HERE
    if place not in {HERE, SFTP}:
        raise _wrong(PLACE, "There is no such place.", f"Choose “{HERE}” or “{SFTP}”.")
    text = tidy.get(FOLDER, "")
    if not text:
        raise ConfigurationError("Enter the folder.", code="field-empty", field=FOLDER)
    if "\x00" in text or "\n" in text:
        raise _no_path("holds a character that no path can have")
    if place == SFTP:
        return _on_server(tidy, secrets)
    if not (PurePosixPath(text).is_absolute() or PureWindowsPath(text).is_absolute()):
        raise _no_path("is no full path")
    if not Path(text).is_absolute():
        raise _no_path("is a path of another kind of computer")
    return Prepared({PLACE: HERE, FOLDER: str(Path(text))}, {})


def _on_server(tidy: Mapping[str, str], secrets: Mapping[str, Secret]) -> Prepared:
    host, user = tidy.get(HOST, "").removeprefix("sftp://").rstrip("/"), tidy.get(USER, "")
    if not _HOST.fullmatch(host):
        raise _wrong(HOST, "This is no name or address of a server.", "Write it like sftp.example.com.")
    if not user or "\n" in user:
        raise _wrong(USER, "Enter the user name.", "It is the one that the server knows.")
    port = tidy.get(PORT) or "22"
    if not (port.isascii() and port.isdecimal() and 0 < int(port[:6]) < 65_536):
        raise _wrong(PORT, "This is no port.", "Write a number from 1 to 65535; 22 is usual.")
    fingerprint = tidy.get(HOST_KEY, "").rstrip("=")
    if fingerprint and not _FINGERPRINT.fullmatch(fingerprint):
        raise _wrong(
            HOST_KEY, "This is no fingerprint.", "It begins with SHA256: and is shown by Validate where it is empty."
        )
    if not PurePosixPath(tidy[FOLDER]).is_absolute() or ".." in PurePosixPath(tidy[FOLDER]).parts:
        raise _no_path("is no full path")
    kept = {name: secrets[name] for name in (PASSWORD, PASSPHRASE) if secrets.get(name)}
    if not tidy.get(KEY_FILE) and PASSWORD not in kept:
        raise _wrong(PASSWORD, "Nothing signs in.", "Enter the password, or the private key file.")
    prepared = {PLACE: SFTP, HOST: host.strip("[]"), PORT: str(int(port)), USER: user, HOST_KEY: fingerprint}
    folder = str(PurePosixPath(tidy[FOLDER]))
    return Prepared({**prepared, KEY_FILE: tidy.get(KEY_FILE, ""), FOLDER: folder}, kept)


def _wrong(field: str, message: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(message, code="field-format", remedy=remedy, field=field)


def _no_path(why: str) -> ConfigurationError:
    return ConfigurationError(
        f"The folder {why}.",
        code="field-format",
        remedy="Write it from its beginning, such as /srv/exchange/orders or D:\\Exchange\\Orders.",
        field=FOLDER,
    )
