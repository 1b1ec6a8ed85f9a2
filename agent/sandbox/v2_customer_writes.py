"""The V2 resources that make and change customers and their addresses, one at a time."""

from __future__ import annotations

from typing import Any

from agent.sandbox import money
from agent.sandbox.bodies import is_whole, v2_body
from agent.sandbox.customers import ADDRESS_NAMES
from agent.sandbox.moments import seconds
from agent.sandbox.queries import Query
from agent.sandbox.requests import Answer, Request, give, v2_refusal
from agent.sandbox.routing import Account, Route, modifying, reading

_TEXTS = frozenset({
    "email", "first_name", "last_name", "company", "phone", "notes", "tax_exempt_category", "registration_ip_address",
})  # fmt: skip
_FROM_V2 = {new: old for old, new in ADDRESS_NAMES.items()}
_ADDRESS = frozenset({
    "first_name", "last_name", "company", "street_1", "street_2", "city", "state", "zip", "country", "phone",
    "address_type",
})  # fmt: skip
_ADDRESS_NEEDS = ("first_name", "last_name", "phone", "street_1", "city", "state", "zip", "country")


def _post(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    del ids
    values = _values(account, v2_body(request), None)
    for name in ("first_name", "last_name", "email"):
        if not values.get(name):
            raise v2_refusal(400, f"The required field '{name}' was not supplied.", {"invalid_reason": name})
    number = account.store.customers.make(values, (), now=seconds(account.store.now()))
    return give(account.store.customers.legacy_record(number, account.link_base, account.link_suffix))


def _put(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    number = _existing(account, ids[0])
    values = _values(account, v2_body(request), number)
    account.store.customers.timeline.touch(number, now=seconds(account.store.now()), values=values)
    return give(account.store.customers.legacy_record(number, account.link_base, account.link_suffix))


def _address(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    Query(request, version=2, allowed=("page", "limit"), now=account.store.now())
    return give(_existing_address(account, ids))


def _post_address(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    number = _existing(account, ids[0])
    body = v2_body(request)
    for name in _ADDRESS_NEEDS:
        if not body.get(name):
            raise v2_refusal(400, f"The required field '{name}' was not supplied.", {"invalid_reason": name})
    made = account.store.customers.add_address(number, _address_values(body), twice=True)
    assert made is not None
    return give(account.store.customers.in_v2(made))


def _put_address(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    _existing_address(account, ids)
    changed = account.store.customers.change_address(ids[1], _address_values(v2_body(request)))
    return give(account.store.customers.in_v2(changed))


def _values(account: Account, body: dict[str, Any], number: int | None) -> dict[str, object]:
    for name, value in body.items():
        right = isinstance(value, str) if name in _TEXTS else name != "customer_group_id" or is_whole(value)
        if not right or (name == "email" and "@" not in value):
            raise v2_refusal(400, f"The value of the field '{name}' is not valid.", {"invalid_reason": name})
    email = body.get("email")
    if email is not None and account.store.customers.owner_of_email(email) not in {None, number}:
        raise v2_refusal(400, "The email address is already in use.", {"conflict_reason": "email"})
    values = {name: value for name, value in body.items() if name in _TEXTS or name == "customer_group_id"}
    if "store_credit" in body:
        values["store_credit"] = _credit(body["store_credit"])
    return values


def _credit(value: object) -> str:
    try:
        return money.text(money.cents(value))
    except ArithmeticError as error:
        raise v2_refusal(
            400, "The value of the field 'store_credit' is not valid.", {"invalid_reason": "store_credit"}
        ) from error


def _address_values(body: dict[str, Any]) -> dict[str, object]:
    for name in _ADDRESS & body.keys():
        if not isinstance(body[name], str):
            raise v2_refusal(400, f"The value of the field '{name}' is not valid.", {"invalid_reason": name})
    return {_FROM_V2.get(name, name): value for name, value in body.items() if name in _ADDRESS}


def _existing(account: Account, number: int) -> int:
    if not 1 <= number <= account.store.customers.timeline.last_id:
        raise v2_refusal(404, "The requested resource was not found.")
    return number


def _existing_address(account: Account, ids: tuple[int, ...]) -> dict[str, object]:
    found = account.store.customers.address(ids[1])
    if found is None or found["customer_id"] != _existing(account, ids[0]):
        raise v2_refusal(404, "The requested resource was not found.")
    return account.store.customers.in_v2(found)


_READ, _MODIFY = reading("store_v2_customers"), modifying("store_v2_customers")
ROUTES = (
    Route("POST", "/v2/customers", _post, _MODIFY),
    Route("PUT", "/v2/customers/{id}", _put, _MODIFY),
    Route("POST", "/v2/customers/{id}/addresses", _post_address, _MODIFY),
    Route("GET", "/v2/customers/{id}/addresses/{address_id}", _address, _READ),
    Route("PUT", "/v2/customers/{id}/addresses/{address_id}", _put_address, _MODIFY),
)
