"""The fields of the credential form, and what becomes of what people paste into them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from agent.connectors.contract import Prepared
from agent.domain.app import CredentialField, FieldKind
from agent.domain.errors import ConfigurationError
from agent.domain.secret import Secret
from agent.http.factory import is_loopback

ADDRESS: Final = "address"
DATABASE: Final = "database"
USERNAME: Final = "username"
PASSWORD: Final = "password"  # noqa: S105 - the name of a field, not a secret

FIELDS = (
    CredentialField(
        ADDRESS,
        "Server address",
        help="Where Tryton answers: the address that Tryton's own program or the browser connects to.",
        example="https://tryton.mycompany.test",
    ),
    CredentialField(
        DATABASE,
        "Database",
        help="The name of the database, as it is chosen when somebody signs in to Tryton.",
        example="mycompany",
    ),
    CredentialField(
        USERNAME,
        "User",
        help="The login of a user of Tryton. Best make one for the agent alone, under Administration → Users, with the "
        "company and the groups that it needs.",
        example="opagent",
    ),
    CredentialField(PASSWORD, "Password", FieldKind.SECRET, help="The password of this user."),
)


def prepare(values: Mapping[str, str], secrets: Mapping[str, Secret]) -> Prepared:
    """Tidy what people paste. Called again on its own result each time somebody saves.

    Raises:
        ConfigurationError: `field` says which value cannot be right.
    """
    notes: list[str] = []
    address, database = _address(values.get(ADDRESS, "").strip()), values.get(DATABASE, "").strip().strip("/")
    base, slash, pasted = address.partition("/#")
    if slash:
        # The web client's address has the database behind the #.
        address = base
        notes.append("What came behind the # in the address was taken off.")
        database = database or pasted.strip("/").split("/")[0]
    username = values.get(USERNAME, "").strip()
    for field, text, what in ((DATABASE, database, "database"), (USERNAME, username, "user")):
        if not text:
            raise ConfigurationError(
                f"There is no {what}.", code="field-empty", remedy=f"Enter the {what}.", field=field
            )
    if any(character in database for character in "/?#%\\ "):
        raise ConfigurationError(
            "The name of the database has characters that no database of Tryton has.",
            code="database-format",
            remedy="Enter the name alone, as it is chosen when somebody signs in.",
            field=DATABASE,
        )
    password = secrets.get(PASSWORD, Secret(""))
    if not password:
        raise ConfigurationError(
            "There is no password.", code="field-empty", remedy="Enter the user's password.", field=PASSWORD
        )
    return Prepared({ADDRESS: address, DATABASE: database, USERNAME: username}, {PASSWORD: password}, tuple(notes))


def _address(text: str) -> str:
    parts = urlsplit(text)
    try:
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host = ""
    if parts.scheme not in {"http", "https"} or not host:
        raise ConfigurationError(
            "The address is not one of a web server.",
            code="address-format",
            remedy=f"Enter it with https://, such as {FIELDS[0].example}.",
            field=ADDRESS,
        )
    if parts.username is not None or parts.password is not None:
        raise ConfigurationError(
            "The address holds a user or a password.",
            code="address-format",
            remedy="Enter them in their own fields.",
            field=ADDRESS,
        )
    return text.rstrip("/")


def sends_in_clear(address: str) -> bool:
    """Whether a password would travel over a network without TLS."""
    parts = urlsplit(address)
    return parts.scheme == "http" and not is_loopback(parts.hostname or "")
