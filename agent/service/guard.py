"""Who may ask: this machine's owner of the token file, from no web page, for a session that is known.

An ASGI layer before the contract. It refuses other hosts' names (DNS rebinding) and every Origin (web pages), wants the
bearer token from everybody but the health end point, and bounds the size of what is sent.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent.api.base_models import Problem
from agent.domain.secret import Secret

PREFIX = "/api/v1"
_OPEN_PATHS = frozenset({f"{PREFIX}/health"})
_SIGN_IN = f"{PREFIX}/sessions"
_LARGEST_BODY = 16_000_000


class Guard:
    """Lets requests through to the contract, or refuses them with a problem detail.

    Args:
        contract: What comes behind.
        token: The bearer token.
        hosts: The Host headers that mean us, known once the port is.
        operator_of: The operator of a session token, or None.
    """

    def __init__(
        self,
        contract: ASGIApp,
        *,
        token: Secret,
        hosts: Callable[[], frozenset[str]],
        operator_of: Callable[[str], str | None],
    ) -> None:
        self._contract, self._token = contract, token.reveal().encode()
        self._hosts, self._operator_of = hosts, operator_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._contract(scope, receive, send)
            return
        headers = Headers(scope=scope)
        stranger = self._stranger(scope, headers)
        refused = stranger or self._refusal(scope, headers)
        if refused is not None:
            await _answer(refused)(scope, receive, _closing(send) if stranger is not None else send)
            return
        session = headers.get("operator-session")
        scope["session"] = session
        scope["operator"] = self._operator_of(session) if session else None
        await self._contract(scope, receive, _closing(send) if scope["path"] in _OPEN_PATHS else send)

    def _stranger(self, scope: Scope, headers: Headers) -> Problem | None:
        """Why somebody may not ask anything."""
        if headers.get("host", "") not in self._hosts():
            return Problem(title="This is not the address of the agent.", status=403, code="host-refused",
                           remedy="Use the address in the file endpoint.json.")  # fmt: skip
        if "origin" in headers:
            return Problem(title="Web pages may not use the agent.", status=403, code="origin-refused",
                           remedy="Use the window or the command line.")  # fmt: skip
        if scope["path"] in _OPEN_PATHS:
            return None
        given = headers.get("authorization", "").encode("latin-1")
        if not hmac.compare_digest(given, b"Bearer " + self._token):
            return Problem(title="The token of the service is missing or wrong.", status=401, code="token-wrong",
                           remedy="Use the account that runs the service, or start the window again.")  # fmt: skip
        return None

    def _refusal(self, scope: Scope, headers: Headers) -> Problem | None:
        """Why this cannot be asked, by whoever has the token."""
        if scope["path"] in _OPEN_PATHS:
            return None
        if "transfer-encoding" in headers or _is_too_large(headers.get("content-length", "0")):
            return Problem(title="The request is too large.", status=413, code="too-large",
                           remedy=f"Send at most {_LARGEST_BODY:,} bytes, with their length.")  # fmt: skip
        session = headers.get("operator-session")
        signing_in = scope["path"] == _SIGN_IN and scope["method"] == "POST"
        if session and not signing_in and self._operator_of(session) is None:
            return Problem(title="The session has ended.", status=401, code="session-expired",
                           remedy="Open the agent by providing correct credentials.")  # fmt: skip
        return None


def _is_too_large(length: str) -> bool:
    # Only so many digits: Python refuses to read numbers of thousands of them.
    return not length.isdecimal() or len(length) > 20 or int(length) > _LARGEST_BODY


def _closing(send: Send) -> Send:
    """Close the connection after the answer: who has not shown the token may not keep any."""

    async def send_and_close(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], (b"connection", b"close")]
        await send(message)

    return send_and_close


def _answer(problem: Problem) -> Response:
    headers = {"WWW-Authenticate": "Bearer"} if problem.status == 401 else {}
    return Response(
        problem.model_dump_json(), status_code=problem.status, media_type="application/problem+json", headers=headers
    )
