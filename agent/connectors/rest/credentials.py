"""The credential fields: where the service answers, how it wants to be signed in to, and its description. What people
enter into them is looked at in `entered`."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from agent.connectors.rest.description import DESCRIPTION
from agent.domain.app import CredentialField, FieldKind
from agent.domain.errors import ConfigurationError

BASE_URL: Final = "base_url"
AUTHENTICATION: Final = "authentication"
USERNAME, PASSWORD = "username", "password"
KEY_PLACE, KEY_NAME, KEY = "key_place", "key_name", "api_key"
TOKEN: Final = "token"  # noqa: S105 - the name of a field, no secret
TOKEN_URL, CLIENT_ID, CLIENT_SECRET, SCOPE = "token_url", "client_id", "client_secret", "scope"
CONSUMER_KEY, CONSUMER_SECRET = "consumer_key", "consumer_secret"
TOKEN_ID, TOKEN_SECRET, SIGNATURE, REALM = "token_id", "token_secret", "signature", "realm"
AUTHORIZATION_URL, REDIRECT = "authorization_url", "redirect_address"
PERSON_SECRET, REFRESH_TOKEN = "client_secret_if_any", "refresh_token"
CLIENT_PLACE: Final = "client_place"
PRIVATE: Final = "private"

REFUSE, ALLOW = "Refuse", "Allow"
HEADER, QUERY = "Header", "Query parameter"
IN_HEADER, IN_BODY = "Header", "Body"
USUAL_REDIRECT: Final = "http://127.0.0.1:53217/signed-in"
SHA256, SHA1 = "HMAC-SHA256", "HMAC-SHA1"


class Authentication(StrEnum):
    """How the service wants to be signed in to."""

    NONE = "None"
    BASIC = "User name and password"
    KEY = "API key"
    BEARER = "Bearer token"
    OAUTH2 = "OAuth 2.0 client credentials"
    PERSON = "OAuth 2.0, a person signs in"
    OAUTH1 = "OAuth 1.0a"


def _shown(*kinds: Authentication) -> tuple[str, ...]:
    return (AUTHENTICATION, *(one.value for one in kinds))


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
        AUTHORIZATION_URL, "Authorization URL", shown_when=_shown(Authentication.PERSON),
        help="The page of the service at which people sign in. Validate opens it in your browser.",
        example="https://login.example.com/oauth2/authorize",
    ),
    CredentialField(
        TOKEN_URL, "Token URL", shown_when=_shown(Authentication.OAUTH2, Authentication.PERSON),
        help="Where the service gives out access tokens.", example="https://login.example.com/oauth2/token",
    ),
    CredentialField(
        CLIENT_ID, "Client ID", shown_when=_shown(Authentication.OAUTH2, Authentication.PERSON),
        help="From the service's developer pages."
    ),
    CredentialField(
        CLIENT_SECRET, "Client secret", FieldKind.SECRET, shown_when=_shown(Authentication.OAUTH2),
        help="Kept in the vault.",
    ),
    CredentialField(
        PERSON_SECRET, "Client secret", FieldKind.SECRET, required=False, shown_when=_shown(Authentication.PERSON),
        help="Leave it empty where the service gave you none. Kept in the vault.",
    ),
    CredentialField(
        CLIENT_PLACE, "The client secret is sent in the", FieldKind.CHOICE, choices=(IN_HEADER, IN_BODY),
        default=IN_HEADER, shown_when=_shown(Authentication.OAUTH2, Authentication.PERSON),
        help="Most services take the header; some want it in the body, as their manual says.",
    ),
    CredentialField(
        REDIRECT, "Redirect address", required=False, default=USUAL_REDIRECT, shown_when=_shown(Authentication.PERSON),
        help="Where the browser comes back to after signing in. Enter exactly this as redirect or callback address at "
        "the service. It is on this computer; any free port will do.",
    ),
    CredentialField(
        SCOPE, "Scope", required=False, shown_when=_shown(Authentication.OAUTH2, Authentication.PERSON),
        help="What the token is for, where the service asks for it; names with spaces between them.",
    ),
    CredentialField(
        REFRESH_TOKEN, "Refresh token", FieldKind.SECRET, required=False, shown_when=_shown(Authentication.PERSON),
        help="Leave it empty: Validate gets it by signing in. Or enter one that the service has given you.",
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
        help="Which records the service has and how they are read and written, in YAML or JSON. Or the service's "
        "OpenAPI document: Validate turns it into one. The guide page “REST services” shows how to write one.",
    ),
)  # fmt: skip

SECRETS = {
    Authentication.BASIC: (PASSWORD,), Authentication.KEY: (KEY,), Authentication.BEARER: (TOKEN,),
    Authentication.OAUTH2: (CLIENT_SECRET,), Authentication.OAUTH1: (CONSUMER_SECRET, TOKEN_SECRET),
    Authentication.PERSON: (PERSON_SECRET, REFRESH_TOKEN),
}  # fmt: skip
MAY_LACK = {PERSON_SECRET, REFRESH_TOKEN}
PLAIN = {
    Authentication.BASIC: (USERNAME,), Authentication.KEY: (KEY_PLACE, KEY_NAME),
    Authentication.OAUTH2: (TOKEN_URL, CLIENT_ID, CLIENT_PLACE, SCOPE),
    Authentication.PERSON: (AUTHORIZATION_URL, TOKEN_URL, CLIENT_ID, CLIENT_PLACE, REDIRECT, SCOPE),
    Authentication.OAUTH1: (CONSUMER_KEY, TOKEN_ID, SIGNATURE, REALM),
}  # fmt: skip


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
    return REFRESH_TOKEN if kind is Authentication.PERSON else SECRETS.get(kind, (AUTHENTICATION,))[0]
