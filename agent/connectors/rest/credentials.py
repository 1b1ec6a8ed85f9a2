"""The credential fields: where the service answers, how it wants to be signed in to, and its description."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from agent.connectors.contract import Prepared
from agent.connectors.rest.description import DESCRIPTION, parse
from agent.domain.app import CredentialField, FieldKind
from agent.domain.errors import ConfigurationError
from agent.domain.secret import Secret

BASE_URL: Final = "base_url"
AUTHENTICATION: Final = "authentication"
USERNAME, PASSWORD = "username", "password"
KEY_PLACE, KEY_NAME, KEY = "key_place", "key_name", "api_key"
TOKEN: Final = "token"  # noqa: S105 - the name of a field, no secret
TOKEN_URL, CLIENT_ID, CLIENT_SECRET, SCOPE = "token_url", "client_id", "client_secret", "scope"
CONSUMER_KEY, CONSUMER_SECRET = "consumer_key", "consumer_secret"
TOKEN_ID, TOKEN_SECRET, SIGNATURE, REALM = "token_id", "token_secret", "signature", "realm"
PRIVATE: Final = "private"

REFUSE, ALLOW = "Refuse", "Allow"
HEADER, QUERY = "Header", "Query parameter"
SHA256, SHA1 = "HMAC-SHA256", "HMAC-SHA1"


class Authentication(StrEnum):
    """How the service wants to be signed in to."""

    NONE = "None"
    BASIC = "User name and password"
    KEY = "API key"
    BEARER = "Bearer token"
    OAUTH2 = "OAuth 2.0 client credentials"
    OAUTH1 = "OAuth 1.0a"


def _shown(kind: Authentication) -> tuple[str, ...]:
    return (AUTHENTICATION, kind.value)


FIELDS = (
    CredentialField(
        BASE_URL, "Base URL", help="The beginning of all addresses of the service. Paths of the description follow it.",
        example="https://api.example.com/v1",
    ),
    CredentialField(
        AUTHENTICATION, "Authentication", FieldKind.CHOICE, choices=tuple(one.value for one in Authentication),
        default=Authentication.NONE.value, help="How the service wants to be signed in to; its manual tells.",
    ),
    CredentialField(USERNAME, "User name", shown_when=_shown(Authentication.BASIC), help="As the service knows it."),
    CredentialField(
        PASSWORD, "Password", FieldKind.SECRET, shown_when=_shown(Authentication.BASIC), help="Kept in the vault."
    ),
    CredentialField(
        KEY_PLACE, "The key is sent in a", FieldKind.CHOICE, choices=(HEADER, QUERY), default=HEADER,
        shown_when=_shown(Authentication.KEY), help="Take the header where the service leaves you the choice.",
    ),
    CredentialField(
        KEY_NAME, "Name of the header or parameter", default="X-API-Key", shown_when=_shown(Authentication.KEY),
        help="As the service's manual writes it.", example="X-API-Key",
    ),
    CredentialField(
        KEY, "API key", FieldKind.SECRET, shown_when=_shown(Authentication.KEY), help="Kept in the vault."
    ),
    CredentialField(
        TOKEN, "Token", FieldKind.SECRET, shown_when=_shown(Authentication.BEARER), help="Kept in the vault."
    ),
    CredentialField(
        TOKEN_URL, "Token URL", shown_when=_shown(Authentication.OAUTH2),
        help="Where the service gives out access tokens.", example="https://login.example.com/oauth2/token",
    ),
    CredentialField(
        CLIENT_ID, "Client ID", shown_when=_shown(Authentication.OAUTH2), help="From the service's developer pages."
    ),
    CredentialField(
        CLIENT_SECRET, "Client secret", FieldKind.SECRET, shown_when=_shown(Authentication.OAUTH2),
        help="Kept in the vault.",
    ),
    CredentialField(
        SCOPE, "Scope", required=False, shown_when=_shown(Authentication.OAUTH2),
        help="What the token is for, where the service asks for it; names with spaces between them.",
    ),
    CredentialField(
        CONSUMER_KEY, "Consumer key", shown_when=_shown(Authentication.OAUTH1),
        help="Of the integration, as the service shows it.",
    ),
    CredentialField(
        CONSUMER_SECRET, "Consumer secret", FieldKind.SECRET, shown_when=_shown(Authentication.OAUTH1),
        help="Kept in the vault.",
    ),
    CredentialField(
        TOKEN_ID, "Access token", shown_when=_shown(Authentication.OAUTH1),
        help="Of the account that the integration may use; some services call it token id.",
    ),
    CredentialField(
        TOKEN_SECRET, "Access token secret", FieldKind.SECRET, shown_when=_shown(Authentication.OAUTH1),
        help="Kept in the vault.",
    ),
    CredentialField(
        SIGNATURE, "Signature", FieldKind.CHOICE, choices=(SHA256, SHA1), default=SHA256,
        shown_when=_shown(Authentication.OAUTH1), help="As the service's manual says; older ones take SHA1 alone.",
    ),
    CredentialField(
        REALM, "Realm", required=False, shown_when=_shown(Authentication.OAUTH1),
        help="Where the service asks for one, such as the number of the account.",
    ),
    CredentialField(
        PRIVATE, "Addresses in private networks", FieldKind.CHOICE, choices=(REFUSE, ALLOW), default=REFUSE,
        help="Allow them where the service runs in your own network or on this computer.",
    ),
    CredentialField(
        DESCRIPTION, "Service description", FieldKind.DOCUMENT,
        help="Which records the service has and how they are read and written, in YAML or JSON. The guide page “REST "
        "services” shows how to write one.",
    ),
)  # fmt: skip

_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff"))
_SECRETS = {
    Authentication.BASIC: (PASSWORD,), Authentication.KEY: (KEY,), Authentication.BEARER: (TOKEN,),
    Authentication.OAUTH2: (CLIENT_SECRET,), Authentication.OAUTH1: (CONSUMER_SECRET, TOKEN_SECRET),
}  # fmt: skip
_PLAIN = {
    Authentication.BASIC: (USERNAME,), Authentication.KEY: (KEY_PLACE, KEY_NAME),
    Authentication.OAUTH2: (TOKEN_URL, CLIENT_ID, SCOPE),
    Authentication.OAUTH1: (CONSUMER_KEY, TOKEN_ID, SIGNATURE, REALM),
}  # fmt: skip
_LABELS = {field.name: field.label for field in FIELDS}
_HOSTS_OF_THIS_COMPUTER = {"localhost", "127.0.0.1", "::1"}


def prepare(values: Mapping[str, str], secrets: Mapping[str, Secret]) -> Prepared:
    """Tidy what people paste; called again on its own result.

    Raises:
        ConfigurationError: `field` says which value cannot be right.
    """
    notes: list[str] = []
    tidy = {name: text.translate(_INVISIBLE).strip() for name, text in values.items() if name != DESCRIPTION}
    base = address_of(tidy.get(BASE_URL, ""), BASE_URL, _LABELS[BASE_URL])
    if base != tidy.get(BASE_URL):
        notes.append(f"The base URL is {base}.")
    kind = authentication_of(tidy)
    prepared = {BASE_URL: base, AUTHENTICATION: kind.value, PRIVATE: tidy.get(PRIVATE) or REFUSE}
    if prepared[PRIVATE] not in {REFUSE, ALLOW}:
        raise _empty(PRIVATE)
    for name in _PLAIN.get(kind, ()):
        text = tidy.get(name) or next((one.default for one in FIELDS if one.name == name), "")
        if not text and name not in {SCOPE, REALM}:
            raise _empty(name)
        prepared[name] = address_of(text, name, _LABELS[name]) if name == TOKEN_URL else text
    if kind is Authentication.OAUTH1 and prepared[SIGNATURE] not in {SHA256, SHA1}:
        raise _empty(SIGNATURE)
    if kind is Authentication.KEY and not _is_name(prepared[KEY_NAME]):
        raise ConfigurationError(
            "This is no name of a header or parameter.", code="field-format",
            remedy="Write it as the service's manual does, such as X-API-Key.", field=KEY_NAME,
        )  # fmt: skip
    kept: dict[str, Secret] = {}
    for name in _SECRETS.get(kind, ()):
        secret = Secret(secrets[name].reveal().translate(_INVISIBLE).strip()) if name in secrets else Secret("")
        if not secret:
            raise _empty(name)
        if any(ord(sign) < 32 or ord(sign) == 127 for sign in secret.reveal()):
            raise ConfigurationError(
                f"{_LABELS[name]} holds a line break or another invisible sign.", code="field-format",
                remedy="Copy it again, alone.", field=name,
            )  # fmt: skip
        kept[name] = secret
    prepared[DESCRIPTION] = values.get(DESCRIPTION, "").replace("\ufeff", "").strip()
    if not prepared[DESCRIPTION]:
        raise _empty(DESCRIPTION)
    parse(prepared[DESCRIPTION])
    return Prepared(prepared, kept, tuple(notes))


def authentication_of(values: Mapping[str, str]) -> Authentication:
    """How the service is signed in to. Raises ConfigurationError."""
    try:
        return Authentication(values.get(AUTHENTICATION) or Authentication.NONE.value)
    except ValueError as error:
        raise ConfigurationError(
            "There is no such authentication.", code="field-choice",
            remedy=f"Choose one of {', '.join(one.value for one in Authentication)}.", field=AUTHENTICATION,
        ) from error  # fmt: skip


def secret_field(kind: Authentication) -> str:
    """The field to look at where the service refuses the credentials."""
    return _SECRETS.get(kind, (AUTHENTICATION,))[0]


def address_of(text: str, field: str, label: str) -> str:
    """An address of a web server, tidied. Raises ConfigurationError, which calls it by its label."""
    if not text:
        raise ConfigurationError(f"{label} is missing.", code="field-empty", remedy="Enter it.", field=field)
    if "://" not in text:
        text = f"https://{text}"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise _no_address(field, label, "is no address of a web server") from None
    if parts.scheme.lower() not in {"http", "https"} or not parts.hostname or " " in text or port == 0:
        raise _no_address(field, label, "is no address of a web server")
    if parts.username or parts.password:
        raise _no_address(field, label, "holds a user name or a password, which belong into their own fields")
    if parts.query or parts.fragment:
        raise _no_address(field, label, "has a part after ? or #, which belongs into the service description")
    if any(part in {".", ".."} for part in parts.path.split("/")):
        raise _no_address(field, label, "leads upwards")
    return f"{parts.scheme.lower()}://{parts.netloc.lower()}{parts.path}".rstrip("/")


def is_open(address: str) -> bool:
    """Whether what is sent there could be read on its way."""
    parts = urlsplit(address)
    return parts.scheme == "http" and parts.hostname not in _HOSTS_OF_THIS_COMPUTER


def _is_name(text: str) -> bool:
    return bool(text) and len(text) <= 100 and all(sign.isalnum() or sign in "-_.$[]" for sign in text)


def _empty(field: str) -> ConfigurationError:
    return ConfigurationError(
        f"{_LABELS[field]} is missing.", code="field-empty", remedy="Enter or choose it.", field=field
    )


def _no_address(field: str, label: str, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"{label} {why}.", code="field-format", remedy="Write it like https://api.example.com/v1.", field=field
    )
