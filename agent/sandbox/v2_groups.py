"""The V2 resource of customer groups, which both kinds of account have: list, one, make, change."""

from __future__ import annotations

from typing import Any

from agent.sandbox.bodies import v2_body
from agent.sandbox.moments import parse_midnight, rfc2822, seconds
from agent.sandbox.queries import Query
from agent.sandbox.requests import Answer, Request, give, nothing, v2_refusal
from agent.sandbox.routing import Account, Route, modifying, reading

_DATES = tuple(f"{field}{end}" for field in ("date_created", "date_modified") for end in ("", ":min", ":max"))
_FIELDS = frozenset({"name", "is_default", "category_access", "discount_rules", "is_group_for_guests"})


def _list(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    del ids
    allowed = ("name", "name:like", "is_default", "is_group_for_guests", *_DATES, "page", "limit")
    query = Query(request, version=2, allowed=allowed, now=account.store.now())
    paging = query.paging()
    found = [group for group in account.store.groups.all() if _matches(group, query, account)]
    some = found[paging.offset : paging.offset + paging.limit]
    return give(some) if some else nothing()


def _one(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    Query(request, version=2, allowed=(), now=account.store.now())
    return give(_existing(account, ids[0]))


def _post(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    del ids
    values = _values(account, v2_body(request), None)
    if not values.get("name"):
        raise v2_refusal(400, "The required field 'name' was not supplied.", {"invalid_reason": "name"})
    now = rfc2822(seconds(account.store.now())).decode()
    group = {
        "is_default": False,
        "category_access": {"type": "all"},
        "discount_rules": [],
        "is_group_for_guests": False,
    }
    return give(account.store.groups.add({**group, **values, "date_created": now, "date_modified": now}))


def _put(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    group = _existing(account, ids[0])
    values = _values(account, v2_body(request), ids[0])
    now = rfc2822(seconds(account.store.now())).decode()
    return give(account.store.groups.change(ids[0], {**values, "date_modified": now})) if values else give(group)


def _values(account: Account, body: dict[str, Any], number: int | None) -> dict[str, object]:
    name = body.get("name")
    if name is not None and (not isinstance(name, str) or not name.strip()):
        raise v2_refusal(400, "The value of the field 'name' is not valid.", {"invalid_reason": "name"})
    if name is not None and account.store.groups.owner_of(name=name) not in {None, number}:
        raise v2_refusal(400, f"The customer group name '{name}' is already in use.", {"conflict_reason": "name"})
    for switch in ("is_default", "is_group_for_guests"):
        if switch in body and not isinstance(body[switch], bool):
            raise v2_refusal(400, f"The value of the field '{switch}' is not valid.", {"invalid_reason": switch})
    return {field: value for field, value in body.items() if field in _FIELDS}


def _existing(account: Account, number: int) -> dict[str, object]:
    group = account.store.groups.get(number)
    if group is None:
        raise v2_refusal(404, "The requested resource was not found.")
    return group


def _matches(group: dict[str, object], query: Query, account: Account) -> bool:
    name = str(group["name"]).casefold()
    wanted, like = query.text("name"), query.text("name:like")
    if (wanted is not None and name != wanted.casefold()) or (like is not None and like.casefold() not in name):
        return False
    for switch in ("is_default", "is_group_for_guests"):
        given = query.boolean(switch)
        if given is not None and group[switch] is not given:
            return False
    return all(
        parse_midnight(str(group[field]), now=account.store.now()) in query.dates(field, f"{field}:min", f"{field}:max")
        for field in ("date_created", "date_modified")
    )


_READ, _MODIFY = reading("store_v2_customers"), modifying("store_v2_customers")
ROUTES = (
    Route("GET", "/v2/customer_groups", _list, _READ),
    Route("POST", "/v2/customer_groups", _post, _MODIFY),
    Route("GET", "/v2/customer_groups/{id}", _one, _READ),
    Route("PUT", "/v2/customer_groups/{id}", _put, _MODIFY),
)
