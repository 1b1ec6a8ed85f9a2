"""The V3 resource of webhooks. It needs no permission of its own, and only token accounts have it."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from typing import Any
from urllib.parse import urlsplit

from agent.sandbox.bodies import v3_body
from agent.sandbox.hooks import Hook, Hooks
from agent.sandbox.paged import envelope
from agent.sandbox.queries import Query
from agent.sandbox.requests import Answer, Refusal, Request, give, v3_refusal
from agent.sandbox.routing import ANYONE, Account, Route

MOST_FOR_A_SCOPE = 10
_SCOPE = re.compile(r"store/[A-Za-z_]+(/[A-Za-z_0-9]+)*(/\*)?")
_FIELDS = ("scope", "destination", "is_active", "headers")


def _create(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    del ids
    values = _values(v3_body(request))
    missing = {name: "error.path.missing" for name in ("scope", "destination") if name not in values}
    if missing:
        raise _refuse(missing)
    hooks = account.store.hooks
    _check_room(hooks, values["scope"], values["destination"], instead_of=None)
    hook = hooks.add(
        values["scope"], values["destination"], values.get("headers") or {}, is_active=values.get("is_active", True)
    )
    return give({"data": _record(account, hook), "meta": {}})


def _list(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    del ids
    allowed = ("page", "limit", "is_active", "scope", "destination")
    query = Query(request, version=3, allowed=allowed, now=account.store.now())
    paging = query.paging()
    active, scope, destination = query.boolean("is_active"), query.text("scope"), query.text("destination")
    found = [
        _record(account, hook)
        for hook in account.store.hooks.all()
        if active in (None, hook.is_active) and scope in (None, hook.scope) and destination in (None, hook.destination)
    ]
    return give(envelope(found[paging.offset : paging.offset + paging.limit], paging, total=len(found)))


def _get(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    Query(request, version=3, allowed=(), now=account.store.now())
    return give({"data": _record(account, _found(account, ids[0])), "meta": {}})


def _update(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    hook = _found(account, ids[0])
    values = _values(v3_body(request))
    if not values:
        raise _refuse({"": "error.minProperties"})
    scope, destination = values.get("scope", hook.scope), values.get("destination", hook.destination)
    _check_room(account.store.hooks, scope, destination, instead_of=hook)
    account.store.hooks.change(hook, values)
    return give({"data": _record(account, hook), "meta": {}})


def _delete(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    del request
    hook = _found(account, ids[0])
    account.store.hooks.remove(hook)
    return give({"data": _record(account, hook), "meta": {}})


def _found(account: Account, number: int) -> Hook:
    hook = account.store.hooks.get(number)
    if hook is None:
        raise v3_refusal(404, f"Webhook with id [{number}] not found")
    return hook


def _record(account: Account, hook: Hook) -> dict[str, object]:
    store_hash = account.store.options.store_hash
    return {
        "id": hook.id, "client_id": hashlib.sha256(store_hash.encode()).hexdigest()[:31], "store_hash": store_hash,
        "scope": hook.scope,
        "destination": hook.destination, "headers": hook.headers, "is_active": hook.is_active,
        "created_at": hook.created_at, "updated_at": hook.updated_at,
    }  # fmt: skip


def _values(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise _refuse({"": "error.expected.jsobject"})
    wrong = {name: "not valid" for name in _FIELDS if name in body and not _is_valid(name, body[name])}
    if wrong:
        raise _refuse(wrong)
    return {name: body[name] for name in _FIELDS if name in body}


def _is_valid(name: str, value: object) -> bool:
    match name:
        case "scope":
            return isinstance(value, str) and _SCOPE.fullmatch(value) is not None
        case "destination":
            return isinstance(value, str) and _is_reachable(value)
        case "is_active":
            return isinstance(value, bool)
    return value is None or (isinstance(value, dict) and all(isinstance(one, str) for one in value.values()))


def _is_reachable(destination: str) -> bool:
    """Encrypted and on port 443. Unlike the real store, this one also reaches any port of its own machine."""
    try:
        target = urlsplit(destination)
        port = target.port
    except ValueError:
        return False
    if not target.hostname:
        return False
    if target.scheme in {"http", "https"} and _is_loopback(target.hostname):
        return True
    return target.scheme == "https" and port in (None, 443)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check_room(hooks: Hooks, scope: str, destination: str, *, instead_of: Hook | None) -> None:
    others = [one for one in hooks.all() if one is not instead_of and one.scope == scope]
    if any(one.destination == destination for one in others):
        raise _refuse({"destination": "a webhook with this scope and destination is there already"})
    if len(others) >= MOST_FOR_A_SCOPE:
        raise _refuse({"scope": f"at most {MOST_FOR_A_SCOPE} webhooks for a scope"})


def _refuse(errors: dict[str, str]) -> Refusal:
    return v3_refusal(422, "JSON data is missing or invalid", errors)


ROUTES = (
    Route("POST", "/v3/hooks", _create, ANYONE),
    Route("GET", "/v3/hooks", _list, ANYONE),
    Route("GET", "/v3/hooks/{id}", _get, ANYONE),
    Route("PUT", "/v3/hooks/{id}", _update, ANYONE),
    Route("DELETE", "/v3/hooks/{id}", _delete, ANYONE),
)
