"""The V3 resource of webhooks: list, one, make, change, remove. The sandbox keeps them; it sends nothing by itself."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import urlsplit

from agent.sandbox.bodies import v3_body
from agent.sandbox.moments import seconds
from agent.sandbox.paged import envelope
from agent.sandbox.queries import Query
from agent.sandbox.requests import Answer, Request, give, v3_refusal
from agent.sandbox.routing import ANYONE, Account, Route

_MOST_OF_A_SCOPE = 10


def _list(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    del ids
    allowed = ("is_active", "scope", "destination", "page", "limit")
    query = Query(request, version=3, allowed=allowed, now=account.store.now())
    paging = query.paging()
    active, scope, destination = query.boolean("is_active"), query.text("scope"), query.text("destination")
    found = [
        hook
        for hook in account.store.hooks.all()
        if (active is None or hook["is_active"] is active)
        and (scope is None or hook["scope"] == scope)
        and (destination is None or hook["destination"] == destination)
    ]
    return give(envelope(found[paging.offset : paging.offset + paging.limit], paging, total=len(found)))


def _one(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    Query(request, version=3, allowed=(), now=account.store.now())
    return give({"data": _existing(account, ids[0]), "meta": {}})


def _post(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    del ids
    body = _checked(v3_body(request))
    hooks, now = account.store.hooks, seconds(account.store.now())
    if missing := {name: "error.path.missing" for name in ("scope", "destination") if not body.get(name)}:
        raise v3_refusal(422, "The request is not valid.", missing)
    if hooks.owner_of(scope=body["scope"], destination=body["destination"]) is not None:
        raise v3_refusal(422, "The webhook already exists.", {"destination": "duplicate of another webhook"})
    if sum(hook["scope"] == body["scope"] for hook in hooks.all()) >= _MOST_OF_A_SCOPE:
        raise v3_refusal(422, "Too many webhooks of this scope.", {"scope": f"at most {_MOST_OF_A_SCOPE}"})
    options = account.store.options
    hook = {
        "client_id": hashlib.sha256(options.store_hash.encode()).hexdigest()[:31],
        "store_hash": options.store_hash,
        "is_active": True,
        "headers": {},
        **body,
        "created_at": now,
        "updated_at": now,
    }
    return give({"data": hooks.add(hook), "meta": {}})


def _put(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    _existing(account, ids[0])
    body = _checked(v3_body(request))
    changed = account.store.hooks.change(ids[0], {**body, "updated_at": seconds(account.store.now())})
    return give({"data": changed, "meta": {}})


def _delete(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    _existing(account, ids[0])
    return give({"data": account.store.hooks.remove(ids[0]), "meta": {}})


def _checked(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise v3_refusal(422, "The body must be an object.", {"": "error.expected.jsobject"})
    address = urlsplit(str(body.get("destination", "https://x")))
    if address.scheme != "https" or address.port not in {None, 443}:
        raise v3_refusal(422, "The request is not valid.", {"destination": "must be an https address at port 443"})
    if not str(body.get("scope", "store/")).startswith("store/"):
        raise v3_refusal(422, "The request is not valid.", {"scope": "unknown scope"})
    return {name: body[name] for name in ("scope", "destination", "is_active", "headers") if name in body}


def _existing(account: Account, number: int) -> dict[str, object]:
    hook = account.store.hooks.get(number)
    if hook is None:
        raise v3_refusal(404, f"There is no webhook {number}.")
    return hook


ROUTES = (
    Route("GET", "/v3/hooks", _list, ANYONE),
    Route("POST", "/v3/hooks", _post, ANYONE),
    Route("GET", "/v3/hooks/{id}", _one, ANYONE),
    Route("PUT", "/v3/hooks/{id}", _put, ANYONE),
    Route("DELETE", "/v3/hooks/{id}", _delete, ANYONE),
)
