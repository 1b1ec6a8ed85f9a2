"""Signs requests in, in each of the ways that a service may want, and takes the secret off them again.

OAuth 2.0 (RFC 6749) is spoken by `oauthlib`; an access token is kept in memory alone, for all connections with the same
credentials, until it expires or is refused.
"""

from __future__ import annotations

import base64
import time
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
from oauthlib.oauth2 import BackendApplicationClient, OAuth2Error

from agent.connectors.rest.credentials import (
    CLIENT_ID,
    CLIENT_SECRET,
    HEADER,
    KEY,
    KEY_NAME,
    KEY_PLACE,
    PASSWORD,
    SCOPE,
    TOKEN,
    TOKEN_URL,
    USERNAME,
    Authentication,
    authentication_of,
)
from agent.connectors.rest.signatures import SignatureAuth
from agent.domain.errors import ConfigurationError, CredentialsError
from agent.domain.secret import Secret
from agent.http.failures import made_error, network_failure, status_failure

_BEFORE_IT_EXPIRES_SECONDS = 30.0
_AUTHORIZATION = "Authorization"


class HeaderAuth(httpx.Auth):
    """Puts a secret into a header, and takes it out again, so that no failed request carries it about."""

    def __init__(self, name: str, value: Secret) -> None:
        self._name, self._value = name, value

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """httpx calls this around each request."""
        request.headers[self._name] = self._value.reveal()
        try:
            yield request
        finally:
            request.headers.pop(self._name, None)


class QueryAuth(httpx.Auth):
    """Has a key put into the query, by `KeyTransport`: earlier, it would be logged with the address."""

    def __init__(self, name: str, value: Secret) -> None:
        self.name, self._value = name, value

    def inside(self, transport: httpx.AsyncBaseTransport) -> KeyTransport:
        """A way to the network, with the key on it."""
        return KeyTransport(transport, self.name, self._value)

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """httpx calls this around each request."""
        yield request


class KeyTransport(httpx.AsyncBaseTransport):
    """Adds a key to the query of what goes over the wire; the request itself stays as it was."""

    def __init__(self, inner: httpx.AsyncBaseTransport, name: str, value: Secret) -> None:
        self._inner, self._name, self._value = inner, name, value

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """httpx calls this with each request."""
        url = request.url.copy_add_param(self._name, self._value.reveal())
        signed = httpx.Request(request.method, url, headers=request.headers, stream=request.stream)
        signed.extensions = request.extensions
        return await self._inner.handle_async_request(signed)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


@dataclass(slots=True)
class Tokens:
    """Access tokens with the times when they expire, by the credentials they were given for. Never shown."""

    clock: Callable[[], float] = time.monotonic
    _known: dict[tuple[str, ...], tuple[Secret, float]] = field(default_factory=dict, repr=False)

    def get(self, key: tuple[str, ...]) -> Secret | None:
        """A token that still holds."""
        found = self._known.get(key)
        return found[0] if found is not None and found[1] > self.clock() else None

    def keep(self, key: tuple[str, ...], token: Secret, seconds: float) -> None:
        """A new one, and how long it holds."""
        self._known[key] = token, self.clock() + max(seconds - _BEFORE_IT_EXPIRES_SECONDS, 0.0)

    def drop(self, key: tuple[str, ...], token: Secret) -> None:
        """One that the service refuses."""
        if self.get(key) == token:
            self._known.pop(key, None)


class ClientCredentialsAuth(httpx.Auth):
    """OAuth 2.0 with client credentials (RFC 6749, 4.4): fetches a token where there is none, and a new one where the
    service refuses it.

    Args:
        values: The plain fields.
        secret: The client secret.
        tokens: Tokens that are known.
        http: Fetches tokens.
    """

    requires_response_body = False

    def __init__(
        self, values: Mapping[str, str], secret: Secret, tokens: Tokens, http: Callable[[], httpx.AsyncClient]
    ) -> None:
        self._values, self._secret, self._tokens, self._http = values, secret, tokens, http
        # The secret is in the key by its form in memory alone: who has changed it gets a token of his own.
        self._key = (values[TOKEN_URL], values[CLIENT_ID], values.get(SCOPE, ""), str(hash(secret.reveal())))

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Not used: connections are asynchronous."""
        raise NotImplementedError

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """httpx calls this around each request."""
        try:
            token = self._tokens.get(self._key)
            known = token is not None
            token = token or await self._fetched()
            request.headers[_AUTHORIZATION] = f"Bearer {token.reveal()}"
            response = yield request
            if response.status_code == 401:
                self._tokens.drop(self._key, token)
                if known:
                    token = await self._fetched()
                    request.headers[_AUTHORIZATION] = f"Bearer {token.reveal()}"
                    yield request
        finally:
            request.headers.pop(_AUTHORIZATION, None)

    async def _fetched(self) -> Secret:
        client = BackendApplicationClient(self._values[CLIENT_ID], scope=self._values.get(SCOPE) or None)
        body = client.prepare_request_body(include_client_id=False)
        async with self._http() as http:
            try:
                response = await http.post(
                    self._values[TOKEN_URL], content=body,
                    headers={"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
                    auth=basic(self._values[CLIENT_ID], self._secret),
                )  # fmt: skip
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                raise network_failure(error, host=httpx.URL(self._values[TOKEN_URL]).host, writing=False) from None
        return self._taken(client, response)

    def _taken(self, client: BackendApplicationClient, response: httpx.Response) -> Secret:
        host = httpx.URL(self._values[TOKEN_URL]).host
        if response.status_code in {400, 401, 403}:
            raise CredentialsError(
                f"{host} gives no access token for these credentials{_reason(response)}.",
                code="credentials-rejected", remedy="Enter client ID, client secret and scope again.",
                detail=f"{host} → {response.status_code}", field=CLIENT_SECRET,
            )  # fmt: skip
        line = status_failure(response.status_code)
        if line is not None:
            raise made_error(
                line, host=host, writing=False, reason=f"status {response.status_code}", field=TOKEN_URL
            )  # fmt: skip
        try:
            answer: dict[str, Any] = client.parse_request_body_response(response.text)
            token, seconds = Secret(str(answer["access_token"])), float(answer.get("expires_in") or 3600)
        except (OAuth2Error, KeyError, ValueError, TypeError):
            raise ConfigurationError(
                f"What {host} answers is no access token.", code="no-token",
                remedy="Check the token URL.", field=TOKEN_URL,
            ) from None  # fmt: skip
        if seconds > _BEFORE_IT_EXPIRES_SECONDS:
            self._tokens.keep(self._key, token, seconds)
        return token


def basic(name: str, password: Secret) -> HeaderAuth:
    """HTTP Basic (RFC 7617)."""
    pair = base64.b64encode(f"{name}:{password.reveal()}".encode()).decode()
    return HeaderAuth(_AUTHORIZATION, Secret(f"Basic {pair}"))


def signed_in(
    values: Mapping[str, str], secrets: Mapping[str, Secret], tokens: Tokens, http: Callable[[], httpx.AsyncClient]
) -> httpx.Auth | None:
    """What signs requests of this configuration in."""
    match authentication_of(values):
        case Authentication.BASIC:
            return basic(values[USERNAME], secrets[PASSWORD])
        case Authentication.KEY if values[KEY_PLACE] == HEADER:
            return HeaderAuth(values[KEY_NAME], secrets[KEY])
        case Authentication.KEY:
            return QueryAuth(values[KEY_NAME], secrets[KEY])
        case Authentication.BEARER:
            return HeaderAuth(_AUTHORIZATION, Secret(f"Bearer {secrets[TOKEN].reveal()}"))
        case Authentication.OAUTH2:
            return ClientCredentialsAuth(values, secrets[CLIENT_SECRET], tokens, http)
        case Authentication.OAUTH1:
            return SignatureAuth(values, secrets)
    return None


def _reason(response: httpx.Response) -> str:
    """The error code of RFC 6749, 5.2, which is one of a few words; nothing else of the answer is shown."""
    try:
        code = response.json().get("error", "")
    except (ValueError, AttributeError):
        return ""
    return f" ({code})" if isinstance(code, str) and code.isascii() and code.replace("_", "").isalpha() else ""
