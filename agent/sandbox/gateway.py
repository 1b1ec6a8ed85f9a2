"""The front door: tells the account kind by the path, checks credentials, quota and permissions, finds the handler.

It is a plain function from request to answer, so that it can be tried without a server.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from dataclasses import replace

from agent.sandbox.options import STORE_HASH_PATTERN
from agent.sandbox.order_encoding import OrderEncoder
from agent.sandbox.quota import Headers
from agent.sandbox.requests import Answer, Refusal, Request, v2_error, v3_error
from agent.sandbox.routes import LEGACY_ROUTES, TOKEN_ROUTES
from agent.sandbox.routing import ANYONE, Account, Match, Router
from agent.sandbox.store import Store

_GATEWAY_PATH = re.compile(r"/stores/([^/]+)(/v[23])(/.*)?")
_LEGACY_PATH = re.compile(r"/api(/v2)(/.*)?")
_MISSING_SCOPE = "You don't have a required scope to access the endpoint"


class Gateway:
    """Answers requests for one store, whose own address is `origin`."""

    def __init__(self, store: Store, *, origin: str) -> None:
        self._store = store
        options = store.options
        self._token_account = self._account(f"{origin}/stores/{options.store_hash}/v2", "")
        self._legacy_account = self._account(f"{origin}/api/v2", ".json")
        self._token_router = Router(TOKEN_ROUTES)
        self._legacy_router = Router(LEGACY_ROUTES)

    def answer(self, request: Request) -> Answer:
        """Answer one request, and count it."""
        with self._store.lock:
            answer = self._answer(request)
            self._store.statistics.answered(answer.status, len(answer.body))
            return answer

    def _answer(self, request: Request) -> Answer:
        gateway = _GATEWAY_PATH.fullmatch(request.path)
        if gateway is not None:
            path = gateway[2] + (gateway[3] or "")
            return self._with_token(request, gateway[1], path, self._matched(self._token_router, request, path))
        legacy = _LEGACY_PATH.fullmatch(request.path)
        if legacy is not None:
            path = legacy[1] + (legacy[2] or "")
            return self._with_password(request, path, self._matched(self._legacy_router, request, path))
        self._store.statistics.asked(request.method, "(unknown)")
        return v3_error(404, "Not found")

    def _matched(self, router: Router, request: Request, path: str) -> Match:
        match = router.match(request.method, path)
        self._store.statistics.asked(request.method, match.template)
        return match

    def _with_token(self, request: Request, store_hash: str, path: str, match: Match) -> Answer:
        options = self._store.options
        given = request.headers.get("x-auth-token", "")
        if not hmac.compare_digest(given.encode(), options.access_token.encode()):
            return v3_error(401, "Unauthorized: the token in the request is not valid for this store.")
        if not STORE_HASH_PATTERN.fullmatch(store_hash):
            return v3_error(403, _MISSING_SCOPE)
        if store_hash != options.store_hash:
            return _not_found(path)
        allowed, headers = self._store.quota.take()
        if not allowed:
            return replace(v3_error(429, "Too many requests"), headers=headers)
        if match.route is not None and match.route.scopes != ANYONE and not match.route.scopes & self._store.scopes:
            return replace(v3_error(403, _MISSING_SCOPE), headers=headers)
        return self._handled(self._token_account, request, path, match, headers)

    def _with_password(self, request: Request, path: str, match: Match) -> Answer:
        options = self._store.options
        expected = f"{options.username}:{options.access_token}"
        if not hmac.compare_digest(_basic(request).encode(), expected.encode()):
            return v2_error(401, "The username or the token is not valid.")
        allowed, headers = self._store.legacy_quota.take()
        if not allowed:
            return replace(v2_error(509, "The requests-per-hour limit has been reached."), headers=headers)
        return self._handled(self._legacy_account, request, path, match, headers)

    def _handled(self, account: Account, request: Request, path: str, match: Match, headers: Headers) -> Answer:
        if match.route is None:
            answer = _not_allowed(path, match) if match.allowed else _not_found(path)
            return replace(answer, headers=(*headers, *answer.headers))
        try:
            answer = match.route.handler(account, request, match.ids)
        except Refusal as refusal:
            answer = refusal.answer
        return replace(answer, headers=headers)

    def _account(self, link_base: str, link_suffix: str) -> Account:
        encoder = OrderEncoder(self._store.orders, link_base=link_base, link_suffix=link_suffix)
        return Account(self._store, encoder, link_base, link_suffix)


def plain_error(path: str, status: int, title: str) -> Answer:
    """An error in the shape that the path's version uses."""
    return v3_error(status, title) if "/v3" in path else v2_error(status, title)


def _not_found(path: str) -> Answer:
    return plain_error(path, 404, "Not found" if path.startswith("/v3") else "The requested resource was not found.")


def _not_allowed(path: str, match: Match) -> Answer:
    answer = plain_error(path, 405, "The method is not allowed here.")
    return replace(answer, headers=(("allow", ", ".join(match.allowed)),))


def _basic(request: Request) -> str:
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(value.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
