"""What a person has allowed by signing in: a refresh token, for which access tokens are given (RFC 6749, 6).

Many services give a new refresh token with each access token, and the one before counts no more. So all connections
with the same one share what became of it, one at a time asks for a new one, and a new one is kept before it is used.
Asking goes on in a thread of its own to its end, whoever is cancelled meanwhile: an answer that nobody takes would be
the end of the sign-in.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Callable, Generator
from dataclasses import dataclass, field

import httpx
from oauthlib.oauth2 import WebApplicationClient

from agent.connectors.rest.credentials import CLIENT_ID, REFRESH_TOKEN, TOKEN_URL
from agent.connectors.rest.tokens import BEFORE_IT_EXPIRES_SECONDS, TokenAnswer, TokenServer
from agent.domain.errors import CredentialsError
from agent.domain.secret import Secret

SIGN_IN_AGAIN = "Open the App Configuration and press Validate: the sign-in page then opens in your browser."

Keep = Callable[[Secret, Secret], None]
"""Keeps a new refresh token for good, in the place of another one, the second."""


@dataclass(slots=True)
class Grant:
    """One sign-in. Never shown.

    Args:
        refresh: The newest refresh token.
        kept: The one that was kept last: the same, but where it could not be kept yet.
        access: The access token that is known.
        expires: When it does, by the clock of `Grants`.
    """

    refresh: Secret = field(repr=False)
    kept: Secret = field(repr=False)
    access: Secret | None = field(default=None, repr=False)
    expires: float = 0.0
    at_work: threading.Lock = field(default_factory=threading.Lock, repr=False)


class Grants:
    """The sign-ins that connections of this process use. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[tuple[str, ...], Grant] = {}
        self._changing = threading.Lock()

    def of(self, server: TokenServer, refresh: Secret) -> Grant:
        """The sign-in with that refresh token, or with one that came after it."""
        with self._changing:
            return self._known.setdefault(_key(server, refresh), Grant(refresh, kept=refresh))

    def take(self, server: TokenServer, grant: Grant, answer: TokenAnswer) -> None:
        """Note what the service has given."""
        with self._changing:
            if answer.refresh is not None:
                grant.refresh = answer.refresh
                self._known[_key(server, answer.refresh)] = grant
            grant.access = answer.access
            grant.expires = self._clock() + answer.seconds - BEFORE_IT_EXPIRES_SECONDS

    def holding(self, grant: Grant) -> Secret | None:
        """The access token, if it still holds, and nothing is left to be kept."""
        return grant.access if grant.expires > self._clock() and grant.kept == grant.refresh else None


async def renewed(server: TokenServer, grants: Grants, grant: Grant, refused: Secret | None, keep: Keep) -> Secret:
    """An access token that is not the refused one; asks for it where nobody else has.

    Raises:
        CredentialsError: code `credentials-rejected`: a person has to sign in again.
        AgentError: the service does not answer, or a new refresh token cannot be kept.
    """
    return await asyncio.to_thread(_renewed, server, grants, grant, refused, keep)


def _renewed(server: TokenServer, grants: Grants, grant: Grant, refused: Secret | None, keep: Keep) -> Secret:
    with grant.at_work:
        _keep(grant, keep)
        known = grants.holding(grant)
        if known is not None and known != refused:
            return known
        client = WebApplicationClient(server.values[CLIENT_ID])

        def body(include: bool, secret: str | None) -> str:
            identity = {"client_id": server.values[CLIENT_ID]} if include else {}
            return str(
                client.prepare_refresh_body(
                    refresh_token=grant.refresh.reveal(), include_client_id=include, client_secret=secret, **identity
                )
            )

        answer = asyncio.run(server.ask(client, body))
        grants.take(server, grant, answer)
        _keep(grant, keep)
        return answer.access


def _keep(grant: Grant, keep: Keep) -> None:
    if grant.kept != grant.refresh:
        keep(grant.refresh, grant.kept)
        grant.kept = grant.refresh


class RefreshAuth(httpx.Auth):
    """Signs in with the access tokens of a grant, and has a new one given where one is refused.

    Args:
        server: Gives tokens.
        refresh: The refresh token; None where nobody has signed in.
        grants: The sign-ins that are known.
        keep: Keeps a new refresh token.
    """

    def __init__(self, server: TokenServer, refresh: Secret | None, grants: Grants, keep: Keep) -> None:
        self._server, self._grants, self._keep = server, grants, keep
        self._grant = grants.of(server, refresh) if refresh else None

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Not used: connections are asynchronous."""
        raise NotImplementedError

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """httpx calls this around each request."""
        grant = self._grant
        if grant is None:
            raise CredentialsError(
                "Nobody has signed in yet.", code="sign-in-needed", remedy=SIGN_IN_AGAIN, field=REFRESH_TOKEN
            )
        try:
            token = self._grants.holding(grant)
            known = token is not None
            token = token or await renewed(self._server, self._grants, grant, None, self._keep)
            request.headers["Authorization"] = f"Bearer {token.reveal()}"
            response = yield request
            if response.status_code == 401 and known:
                token = await renewed(self._server, self._grants, grant, token, self._keep)
                request.headers["Authorization"] = f"Bearer {token.reveal()}"
                yield request
        finally:
            request.headers.pop("Authorization", None)


def _key(server: TokenServer, refresh: Secret) -> tuple[str, ...]:
    # The token is in the key by its form in memory alone.
    values = server.values
    return values[TOKEN_URL], values[CLIENT_ID], str(hash(refresh.reveal()))
