"""Access tokens: asked for as OAuth 2.0 has it (RFC 6749, which `oauthlib` speaks), and kept in memory alone."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
from oauthlib.oauth2 import Client, OAuth2Error

from agent.connectors.rest.credentials import CLIENT_ID, CLIENT_PLACE, IN_BODY, TOKEN_URL
from agent.connectors.rest.headers import HeaderAuth
from agent.domain.errors import ConfigurationError, CredentialsError
from agent.domain.secret import Secret
from agent.http.failures import made_error, network_failure, status_failure

BEFORE_IT_EXPIRES_SECONDS = 30.0

MakeHttp = Callable[[], httpx.AsyncClient]
"""Makes a client that signs in with nothing."""


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
        self._known[key] = token, self.clock() + max(seconds - BEFORE_IT_EXPIRES_SECONDS, 0.0)

    def drop(self, key: tuple[str, ...], token: Secret) -> None:
        """One that the service refuses."""
        if self.get(key) == token:
            self._known.pop(key, None)


@dataclass(frozen=True, slots=True)
class TokenAnswer:
    """What a token server gives: an access token, how long it holds, and the refresh token where there is a new one."""

    access: Secret
    seconds: float
    refresh: Secret | None


@dataclass(frozen=True, slots=True)
class TokenServer:
    """A service's token server.

    Args:
        values: The plain fields.
        secret: The client secret; None where the client has none.
        http: Makes a client that signs in with nothing.
        field: The field of the form at fault where nothing is given.
        remedy: What to do then.
    """

    values: Mapping[str, str]
    secret: Secret | None
    http: MakeHttp
    field: str
    remedy: str

    @property
    def host(self) -> str:
        """Its host, for people."""
        return httpx.URL(self.values[TOKEN_URL]).host

    async def ask(self, client: Client, body: Callable[[bool, str | None], str]) -> TokenAnswer:
        """Ask for a token.

        Args:
            client: Understands the answer.
            body: Makes the form that asks, given whether the client's id and which client secret are to be in it.

        Raises:
            CredentialsError: it gives none for these credentials.
            ConfigurationError, TransientError: it is none, or does not answer.
        """
        in_body = self.secret is None or self.values.get(CLIENT_PLACE) == IN_BODY
        auth = None if in_body or self.secret is None else basic(self.values[CLIENT_ID], self.secret)
        form = body(in_body, self.secret.reveal() if in_body and self.secret is not None else None)
        async with self.http() as http:
            try:
                response = await http.post(
                    self.values[TOKEN_URL], content=form, auth=auth or httpx.USE_CLIENT_DEFAULT,
                    headers={"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
                )  # fmt: skip
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                raise network_failure(error, host=self.host, writing=False) from None
        return self._understood(client, response)

    def _understood(self, client: Client, response: httpx.Response) -> TokenAnswer:
        if response.status_code in {400, 401, 403}:
            raise CredentialsError(
                f"{self.host} gives no access token for these credentials{_reason(response)}.",
                code="credentials-rejected", remedy=self.remedy,
                detail=f"{self.host} → {response.status_code}", field=self.field,
            )  # fmt: skip
        line = status_failure(response.status_code)
        if line is not None:
            raise made_error(
                line, host=self.host, writing=False, reason=f"status {response.status_code}", field=TOKEN_URL
            )  # fmt: skip
        try:
            answer: dict[str, Any] = client.parse_request_body_response(response.text)
            refresh = answer.get("refresh_token")
            return TokenAnswer(
                Secret(str(answer["access_token"])), float(answer.get("expires_in") or 3600),
                Secret(refresh) if isinstance(refresh, str) and refresh else None,
            )  # fmt: skip
        except (OAuth2Error, KeyError, ValueError, TypeError):
            raise ConfigurationError(
                f"What {self.host} answers is no access token.", code="no-token",
                remedy="Check the token URL.", field=TOKEN_URL,
            ) from None  # fmt: skip


def basic(name: str, password: Secret) -> HeaderAuth:
    """HTTP Basic (RFC 7617)."""
    pair = base64.b64encode(f"{name}:{password.reveal()}".encode()).decode()
    return HeaderAuth("Authorization", Secret(f"Basic {pair}"))


def _reason(response: httpx.Response) -> str:
    """The error code of RFC 6749, 5.2, which is one of a few words; nothing else of the answer is shown."""
    try:
        code = response.json().get("error", "")
    except (ValueError, AttributeError):
        return ""
    return f" ({code})" if isinstance(code, str) and code.isascii() and code.replace("_", "").isalpha() else ""
