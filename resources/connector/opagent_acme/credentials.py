"""The fields of the credential form, and what becomes of what people paste into them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from agent.connectors.contract import Prepared
from agent.domain.app import CredentialField, FieldKind
from agent.domain.errors import ConfigurationError
from agent.domain.secret import Secret

ADDRESS: Final = "address"
API_TOKEN: Final = "api_token"

FIELDS = (
    CredentialField(
        ADDRESS,
        "Address",
        help="Where Acme answers: the beginning of its address in the browser.",
        example="https://acme.mycompany.test",
    ),
    CredentialField(
        API_TOKEN,
        "API token",
        FieldKind.SECRET,
        help="In Acme, under Settings → API tokens, press New. It is shown only once.",
    ),
)


def prepare(values: Mapping[str, str], secrets: Mapping[str, Secret]) -> Prepared:
    """Tidy what people paste. Called again on its own result each time somebody saves.

    Raises:
        ConfigurationError: `field` says which value cannot be right.
    """
    address = values.get(ADDRESS, "").strip().rstrip("/")
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise ConfigurationError(
            "The address is not one of a web server.",
            code="address-format",
            remedy=f"Enter it with https://, such as {FIELDS[0].example}.",
            field=ADDRESS,
        )
    token = Secret(secrets[API_TOKEN].reveal().strip()) if API_TOKEN in secrets else Secret("")
    if not token:
        raise ConfigurationError(
            "There is no API token.", code="field-empty", remedy="Enter the token.", field=API_TOKEN
        )
    return Prepared({ADDRESS: address}, {API_TOKEN: token})
