"""What people enter for a REST service, tidied, or refused with the field at fault."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from agent.connectors.contract import Prepared
from agent.connectors.rest.credentials import (
    ALLOW,
    AUTHENTICATION,
    AUTHORIZATION_URL,
    BASE_URL,
    CLIENT_PLACE,
    FIELDS,
    IN_BODY,
    IN_HEADER,
    KEY_NAME,
    MAY_LACK,
    PLAIN,
    PRIVATE,
    REALM,
    REDIRECT,
    REFUSE,
    SCOPE,
    SECRETS,
    SHA1,
    SHA256,
    SIGNATURE,
    TOKEN_URL,
    USUAL_REDIRECT,
    Authentication,
    authentication_of,
)
from agent.connectors.rest.description import DESCRIPTION, parse
from agent.connectors.rest.documents import document_of, is_openapi
from agent.connectors.rest.openapi import described
from agent.domain.errors import ConfigurationError
from agent.domain.secret import Secret

_MOST_TOLD = 6
_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff"))
LABELS = {field.name: field.label for field in FIELDS}
_LISTENS_AT = {"localhost", "127.0.0.1"}
_HOSTS_OF_THIS_COMPUTER = {"localhost", "127.0.0.1", "::1"}


def prepare(values: Mapping[str, str], secrets: Mapping[str, Secret]) -> Prepared:
    """Tidy what people paste; called again on its own result.

    Raises:
        ConfigurationError: `field` says which value cannot be right.
    """
    notes: list[str] = []
    tidy = {name: text.translate(_INVISIBLE).strip() for name, text in values.items() if name != DESCRIPTION}
    base = address_of(tidy.get(BASE_URL, ""), BASE_URL, LABELS[BASE_URL])
    if base != tidy.get(BASE_URL):
        notes.append(f"The base URL is {base}.")
    kind = authentication_of(tidy)
    prepared = {BASE_URL: base, AUTHENTICATION: kind.value, PRIVATE: tidy.get(PRIVATE) or REFUSE}
    if prepared[PRIVATE] not in {REFUSE, ALLOW}:
        raise _empty(PRIVATE)
    for name in PLAIN.get(kind, ()):
        text = tidy.get(name) or next((one.default for one in FIELDS if one.name == name), "")
        if not text and name not in {SCOPE, REALM}:
            raise _empty(name)
        prepared[name] = _tidied(name, text)
    for name, choices in ((SIGNATURE, {SHA256, SHA1}), (CLIENT_PLACE, {IN_HEADER, IN_BODY})):
        if name in prepared and prepared[name] not in choices:
            raise _empty(name)
    if kind is Authentication.KEY and not _is_name(prepared[KEY_NAME]):
        raise ConfigurationError(
            "This is no name of a header or parameter.", code="field-format",
            remedy="Write it as the service's manual does, such as X-API-Key.", field=KEY_NAME,
        )  # fmt: skip
    kept = _secrets(kind, secrets)
    text = values.get(DESCRIPTION, "").replace("\ufeff", "").strip()
    if not text:
        raise _empty(DESCRIPTION)
    if is_openapi(text):
        text, more = _turned(text)
        notes += more
    parse(text)
    prepared[DESCRIPTION] = text
    return Prepared(prepared, kept, tuple(notes))


def _turned(text: str) -> tuple[str, list[str]]:
    """The service description that an OpenAPI document leads to, and what there is to say of it."""
    try:
        document = document_of(text.encode(), "The OpenAPI document")
        found = described(document if isinstance(document, Mapping) else {})
    except ConfigurationError as error:
        raise ConfigurationError(
            error.message, code=error.code, remedy=error.remedy, detail=error.detail, field=DESCRIPTION
        ) from error
    told = [f"The OpenAPI document was turned into a service description: {', '.join(parse(found.text).schemas)}."]
    told += [f"It names the base URL {found.base_url}."] if found.base_url else []
    told += [found.sign_in] if found.sign_in else []
    left_out = found.left_out[:_MOST_TOLD]
    if len(found.left_out) > _MOST_TOLD:
        left_out.append(f"… and {len(found.left_out) - _MOST_TOLD} more; “opagent rest describe” tells all of them.")
    return found.text.strip(), [*told, *left_out]


def _tidied(name: str, text: str) -> str:
    """A plain value. Raises ConfigurationError where it cannot be right."""
    if name in {TOKEN_URL, AUTHORIZATION_URL}:
        return _page(text, name)
    return _own_address(text) if name == REDIRECT else text


def _secrets(kind: Authentication, secrets: Mapping[str, Secret]) -> dict[str, Secret]:
    kept: dict[str, Secret] = {}
    for name in SECRETS.get(kind, ()):
        secret = Secret(secrets[name].reveal().translate(_INVISIBLE).strip()) if name in secrets else Secret("")
        if not secret and name in MAY_LACK:
            continue
        if not secret:
            raise _empty(name)
        if any(ord(sign) < 32 or ord(sign) == 127 for sign in secret.reveal()):
            raise ConfigurationError(
                f"{LABELS[name]} holds a line break or another invisible sign.", code="field-format",
                remedy="Copy it again, alone.", field=name,
            )  # fmt: skip
        kept[name] = secret
    return kept


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


def _page(text: str, field: str) -> str:
    """The address of one page: unlike a base URL, it keeps a slash at its end, and may have a query."""
    address, mark, query = text.partition("?")
    slash = "/" if address.endswith("/") else ""
    return f"{address_of(address, field, LABELS[field])}{slash}{mark}{query}"


def _own_address(text: str) -> str:
    """An address of this computer with a port that an account without rights may listen at."""
    found = _page(text, REDIRECT)
    parts = urlsplit(found)
    if parts.scheme != "http" or parts.hostname not in _LISTENS_AT or not (parts.port or 0) >= 1024:
        raise ConfigurationError(
            "The redirect address is none of this computer.", code="field-format", field=REDIRECT,
            remedy=f"Write it like {USUAL_REDIRECT}, with a port from 1024 on.",
        )  # fmt: skip
    return found


def is_open(address: str) -> bool:
    """Whether what is sent there could be read on its way."""
    parts = urlsplit(address)
    return parts.scheme == "http" and parts.hostname not in _HOSTS_OF_THIS_COMPUTER


def _is_name(text: str) -> bool:
    return bool(text) and len(text) <= 100 and all(sign.isalnum() or sign in "-_.$[]" for sign in text)


def _empty(field: str) -> ConfigurationError:
    return ConfigurationError(
        f"{LABELS[field]} is missing.", code="field-empty", remedy="Enter or choose it.", field=field
    )


def _no_address(field: str, label: str, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"{label} {why}.", code="field-format", remedy="Write it like https://api.example.com/v1.", field=field
    )
