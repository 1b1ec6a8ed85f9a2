"""Has a person sign in at a service with a browser: the authorisation code of OAuth 2.0 (RFC 6749, 4.1) with PKCE
(RFC 7636), whose answer comes to an address of this computer (RFC 8252, 7.3).
"""

from __future__ import annotations

import asyncio
import hmac
import os
import secrets as random
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from oauthlib.common import add_params_to_uri
from oauthlib.oauth2 import WebApplicationClient

from agent.connectors.rest.credentials import AUTHORIZATION_URL, CLIENT_ID, REDIRECT, SCOPE
from agent.connectors.rest.tokens import TokenAnswer, TokenServer
from agent.domain.errors import ConfigurationError, CredentialsError

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>OP Agent</title>
<body style="font: 16px sans-serif; margin: 4em auto; max-width: 30em"><h1>{}</h1><p>{}</p>"""
_DONE = _PAGE.format("You are signed in", "You can close this page and go back to OP Agent.")
_REFUSED = _PAGE.format("Nobody was signed in", "Go back to OP Agent: it says what happened.")
_STRANGE = _PAGE.format("This is not what OP Agent waits for", "Start again with Validate in OP Agent.")


async def sign_in(server: TokenServer, ask: Callable[[str], None]) -> TokenAnswer:
    """Wait until a person has signed in. Cancelling stops the wait.

    Args:
        server: Gives tokens; its values name the pages.
        ask: Given the address that the person has to open.

    Raises:
        CredentialsError: the person did not allow it, or the service gives no token.
        ConfigurationError: the redirect address is taken, or the service gives nothing that lasts.
    """
    values = server.values
    client = WebApplicationClient(values[CLIENT_ID])
    state, verifier = random.token_urlsafe(32), client.create_code_verifier(64)
    challenge = client.create_code_challenge(verifier, "S256")
    async with _listening(values[REDIRECT], state) as answer:
        # Not oauthlib's own way to make it, which takes https alone: a service in one's own network may have none.
        scope = [("scope", values[SCOPE])] if values.get(SCOPE) else []
        asked = [("response_type", "code"), ("client_id", values[CLIENT_ID]), ("redirect_uri", values[REDIRECT]),
                 *scope, ("state", state),
                 ("code_challenge", challenge), ("code_challenge_method", "S256")]  # fmt: skip
        ask(str(add_params_to_uri(values[AUTHORIZATION_URL], asked)))
        came = await answer
    code = came.get("code", "")
    if not code:
        word = came.get("error", "")
        shown = f" ({word})" if word.isascii() and word.replace("_", "").isalpha() and len(word) < 60 else ""
        raise CredentialsError(
            f"{server.host} let nobody sign in{shown}.", code="sign-in-refused", field=AUTHORIZATION_URL,
            remedy="Validate again, and allow the access that the page asks for.",
        )  # fmt: skip

    def body(include: bool, secret: str | None) -> str:
        return str(
            client.prepare_request_body(
                code, values[REDIRECT], code_verifier=verifier, include_client_id=include, client_secret=secret
            )
        )

    given = await server.ask(client, body)
    if given.refresh is None:
        raise ConfigurationError(
            f"{server.host} lets the agent in for a while only: it gave no refresh token.", code="no-refresh-token",
            remedy="Many services give one for the scope offline_access, or with ?access_type=offline&prompt=consent "
            "at the end of the authorization URL. The manual of the service says what it wants.",
            field=SCOPE,
        )  # fmt: skip
    return given


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = os.name == "posix"  # on Windows it would let two programs have one port


@asynccontextmanager
async def _listening(redirect: str, state: str) -> AsyncIterator[asyncio.Future[Mapping[str, str]]]:
    """Listen at the redirect address; gives what comes back there with the right state. Anything else is left out."""
    loop = asyncio.get_running_loop()
    came: asyncio.Future[Mapping[str, str]] = loop.create_future()
    parts = urlsplit(redirect)

    def take(query: Mapping[str, str]) -> None:
        if not came.done():
            came.set_result(query)

    class Handler(BaseHTTPRequestHandler):
        timeout = 10.0

        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            query = {name: texts[0] for name, texts in parse_qs(asked.query).items()}
            ours = asked.path == (parts.path or "/") and self.headers.get("Host", "").lower() == parts.netloc
            if not ours or not hmac.compare_digest(query.get("state", "").encode(), state.encode()):
                self._say(404 if not ours else 400, _STRANGE)
                return
            self._say(200, _DONE if query.get("code") else _REFUSED)
            loop.call_soon_threadsafe(take, query)

        def _say(self, status: int, page: str) -> None:
            content = page.encode()
            self.send_response_only(status)
            for name, value in (("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(content))),
                                ("Cache-Control", "no-store"), ("Referrer-Policy", "no-referrer")):  # fmt: skip
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
            """Say nothing: an address holds the code."""

    try:
        listener = _Listener((parts.hostname or "127.0.0.1", parts.port or 80), Handler)
    except OSError as error:
        raise ConfigurationError(
            "The redirect address cannot be listened at: another program, or another sign-in, uses its port.",
            code="redirect-taken", field=REDIRECT, detail=type(error).__name__,
            remedy="End the other one, or choose another port here and at the service.",
        ) from error  # fmt: skip
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    thread.start()
    try:
        yield came
    finally:
        await asyncio.to_thread(listener.shutdown)
        listener.server_close()
