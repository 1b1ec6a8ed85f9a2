"""Signs requests as OAuth 1.0a wants it (RFC 5849), which `oauthlib` speaks."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from urllib.parse import quote, urlencode

import httpx
from oauthlib import oauth1

from agent.connectors.rest.credentials import CONSUMER_KEY, CONSUMER_SECRET, REALM, SIGNATURE, TOKEN_ID, TOKEN_SECRET
from agent.connectors.rest.description import DESCRIPTION
from agent.domain.errors import ConfigurationError
from agent.domain.secret import Secret

_AUTHORIZATION = "Authorization"


class SignatureAuth(httpx.Auth):
    """Each request is signed anew. Bodies are not signed: they are no forms.

    Args:
        values: The plain fields.
        secrets: The consumer's secret and the token's.
    """

    def __init__(self, values: Mapping[str, str], secrets: Mapping[str, Secret]) -> None:
        self._values, self._secrets = values, secrets

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """httpx calls this around each request."""
        client = oauth1.Client(
            self._values[CONSUMER_KEY],
            client_secret=self._secrets[CONSUMER_SECRET].reveal(),
            resource_owner_key=self._values[TOKEN_ID],
            resource_owner_secret=self._secrets[TOKEN_SECRET].reveal(),
            signature_method=self._values[SIGNATURE],
            realm=self._values.get(REALM) or None,
        )
        try:
            _, headers, _ = client.sign(_with_plain_query(request.url), http_method=request.method)  # type: ignore[arg-type]  # one of them
        except ValueError as error:
            raise ConfigurationError(
                "An address of the service has signs that cannot be signed.", code="address-signs",
                remedy="Check the paths and queries of the service description.", field=DESCRIPTION,
            ) from error  # fmt: skip
        request.headers[_AUTHORIZATION] = headers[_AUTHORIZATION]
        try:
            yield request
        finally:
            request.headers.pop(_AUTHORIZATION, None)


def _with_plain_query(url: httpx.URL) -> str:
    """The address with every sign of its query encoded that may be: only so does oauthlib take it. It means the same,
    and the signature is made of what it means."""
    return str(url.copy_with(query=urlencode(url.params.multi_items(), quote_via=quote).encode()))
