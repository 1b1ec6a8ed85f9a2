"""The credential fields: which folder the files are in, on this computer, on a share, on a server, or in a bucket."""

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
HERE, SFTP, S3 = "This computer or a network share", "SFTP server", "S3 bucket"
FOLDER = "folder"
HOST, PORT, USER, HOST_KEY = "host", "port", "user", "host_key"
PASSWORD, KEY_FILE, PASSPHRASE = "password", "key_file", "passphrase"
ENDPOINT, REGION, BUCKET = "endpoint", "region", "bucket"
ACCESS_KEY, SECRET_KEY, PATH_STYLE = "access_key", "secret_key", "path_style"
YES, NO = "Yes", "No"

_ON_SFTP, _IN_S3 = (PLACE, SFTP), (PLACE, S3)

FIELDS = (
    CredentialField(
        PLACE, "Where the files are", FieldKind.CHOICE, choices=(HERE, SFTP, S3), default=HERE,
        help="An SFTP server is reached over SSH, a bucket at Amazon or any server that is compatible with its S3; a "
        "share has to be connected for the account of the agent's service.",
    ),
    CredentialField(HOST, "Server", shown_when=_ON_SFTP, help="Its name or address.", example="sftp.example.com"),
    CredentialField(
        PORT, "Port", required=False, default="22", shown_when=_ON_SFTP, help="When left empty, the usual one: 22.",
    ),
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
        ENDPOINT, "Endpoint", required=False, shown_when=_IN_S3, example="https://s3.example.com:9000",
        help="The address of the S3-compatible server. Leave it empty for Amazon S3 itself.",
    ),
    CredentialField(
        REGION, "Region", required=False, default="us-east-1", shown_when=_IN_S3, example="eu-central-1",
        help="The region that the bucket is in. Servers without regions take us-east-1.",
    ),
    CredentialField(BUCKET, "Bucket", shown_when=_IN_S3, help="Its name. It has to be there.", example="exchange"),
    CredentialField(
        ACCESS_KEY, "Access key", shown_when=_IN_S3, example="OPAGENT7EXCHANGE",
        help="The id of the key, shown where keys are made. It needs to list the bucket, and to get, put and delete in "
        "it.",
    ),
    CredentialField(
        SECRET_KEY, "Secret key", FieldKind.SECRET, shown_when=_IN_S3, help="Shown once, when the key was made.",
    ),
    CredentialField(
        PATH_STYLE, "Bucket in the path", FieldKind.CHOICE, choices=(YES, NO), default=YES, shown_when=_IN_S3,
        help="Yes: https://server/bucket, as most servers take it. No: https://bucket.server. Amazon takes both, but "
        "for the oldest and the newest of its regions No is safer.",
    ),
    CredentialField(
        name=FOLDER,
        label="Folder",
        help="The full path of the folder that the files are in. The account that the agent's service runs under, or "
        "the user on the server, needs access to it. In a bucket: what the keys begin with, / for all of it.",
        example="/srv/exchange/orders",
    ),
)  # fmt: skip

_QUOTES = "\"'`“”„‘’«»"
_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff"))
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[?[0-9A-Fa-f:.]{2,45}\]?")
_ADDRESS = re.compile(r"https?://([A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?")
_REGION = re.compile(r"[a-z0-9-]{1,40}")
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]")
_ACCESS_KEY = re.compile(r"[\x21-\x7e]{3,128}")
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")


def prepare(values: Mapping[str, str], secrets: Mapping[str, Secret]) -> Prepared:
    """Tidy what people paste.

    Raises:
        ConfigurationError: a value cannot be right; `field` says which.
    """
    tidy = {name: text.translate(_INVISIBLE).strip().strip(_QUOTES).strip() for name, text in values.items()}
    place = tidy.get(PLACE) or HERE
    if place not in {HERE, SFTP, S3}:
        raise _wrong(PLACE, "There is no such place.", f"Choose “{HERE}”, “{SFTP}” or “{S3}”.")
    text = tidy.get(FOLDER, "")
    if not text:
        raise ConfigurationError("Enter the folder.", code="field-empty", field=FOLDER)
    if "\x00" in text or "\n" in text:
        raise _no_path("holds a character that no path can have")
    if place == SFTP:
        return _on_server(tidy, secrets)
    if place == S3:
        return _in_bucket(tidy, secrets)
    if not (PurePosixPath(text).is_absolute() or PureWindowsPath(text).is_absolute()):
        raise _no_path("is no full path")
    if not Path(text).is_absolute():
        raise _no_path("is a path of another kind of computer")
    return Prepared({PLACE: HERE, FOLDER: str(Path(text))}, {})


def _on_server(tidy: Mapping[str, str], secrets: Mapping[str, Secret]) -> Prepared:
    host, user = tidy.get(HOST, "").removeprefix("sftp://").rstrip("/"), tidy.get(USER, "")
    if not (_HOST.fullmatch(host) and _is_name(host)):
        raise _wrong(HOST, "This is no name or address of a server.", "Write it like sftp.example.com.")
    if not user or "\n" in user:
        raise _wrong(USER, "Enter the user name.", "It is the one that the server knows.")
    port = tidy.get(PORT) or "22"
    if not (port.isascii() and port.isdecimal() and 0 < int(port[:6]) < 65_536):
        raise _wrong(PORT, "The port is no number from 1 to 65535.", "Ask whoever runs the server; 22 is usual.")
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


def _is_name(host: str) -> bool:
    """Whether it can be looked up: parts between dots are neither empty nor longer than 63 characters."""
    try:
        host.encode("idna")
    except UnicodeError:
        return False
    return True


def _in_bucket(tidy: Mapping[str, str], secrets: Mapping[str, Secret]) -> Prepared:
    notes = []
    endpoint = tidy.get(ENDPOINT, "").rstrip("/")
    if endpoint and "://" not in endpoint:
        endpoint = f"https://{endpoint}"
        notes.append(f"The endpoint was taken as {endpoint}.")
    if endpoint and not _ADDRESS.fullmatch(endpoint):
        raise _wrong(ENDPOINT, "This is no address of a server.", "Write it like https://s3.example.com:9000.")
    if endpoint.startswith("http://"):
        notes.append("The endpoint is spoken to without TLS: whoever listens on the way can read the files.")
    region, bucket, key = tidy.get(REGION) or "us-east-1", tidy.get(BUCKET, "").strip("/"), tidy.get(ACCESS_KEY, "")
    if not _REGION.fullmatch(region):
        raise _wrong(REGION, "This is no region.", "Write it like eu-central-1.")
    if not _BUCKET.fullmatch(bucket):
        raise _wrong(
            BUCKET, "This is no name of a bucket.", "Write the name alone, without s3:// and without a folder."
        )
    if not _ACCESS_KEY.fullmatch(key):
        raise _wrong(ACCESS_KEY, "This is no access key.", "It is a short row of letters and digits.")
    if not secrets.get(SECRET_KEY):
        raise ConfigurationError("Enter the secret key.", code="field-empty", field=SECRET_KEY)
    if (path_style := tidy.get(PATH_STYLE) or YES) not in {YES, NO}:
        raise _wrong(PATH_STYLE, "This is no choice.", f"Choose {YES} or {NO}.")
    folder = tidy[FOLDER].strip("/")
    if folder and any(part in {"", ".", ".."} for part in folder.split("/")):
        raise _no_path("has a part without a name")
    prepared = {PLACE: S3, ENDPOINT: endpoint, REGION: region, BUCKET: bucket, ACCESS_KEY: key, PATH_STYLE: path_style}
    secret = Secret(secrets[SECRET_KEY].reveal().strip())
    return Prepared({**prepared, FOLDER: folder or "/"}, {SECRET_KEY: secret}, tuple(notes))


def _wrong(field: str, message: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(message, code="field-format", remedy=remedy, field=field)


def _no_path(why: str) -> ConfigurationError:
    return ConfigurationError(
        f"The folder {why}.",
        code="field-format",
        remedy="Write it from its beginning, such as /srv/exchange/orders or D:\\Exchange\\Orders.",
        field=FOLDER,
    )
