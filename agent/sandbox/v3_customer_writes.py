"""The V3 resources that make and change customers and their addresses: arrays of up to ten, refused as a whole."""

from __future__ import annotations

from typing import Any

from agent.sandbox.bodies import is_whole, v3_array
from agent.sandbox.moments import seconds
from agent.sandbox.requests import Answer, Request, give, v3_refusal
from agent.sandbox.routing import Account, Route, modifying

MOST_CUSTOMERS = 10
_TEXTS = frozenset({
    "email", "first_name", "last_name", "company", "phone", "notes", "tax_exempt_category", "registration_ip_address",
})  # fmt: skip
_KEPT = _TEXTS | {
    "customer_group_id",
    "origin_channel_id",
    "channel_ids",
    "accepts_product_review_abandoned_cart_emails",
}
_ADDRESS_TEXTS = frozenset({
    "first_name", "last_name", "company", "address1", "address2", "city", "state_or_province", "postal_code",
    "country_code", "phone", "address_type",
})  # fmt: skip
_ADDRESS_NEEDS = ("first_name", "last_name", "address1", "city", "country_code")


def _post(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    del ids
    customers = account.store.customers
    batch = v3_array(request, most=MOST_CUSTOMERS)
    wrong: dict[str, object] = {}
    emails: set[str] = set()
    for place, one in enumerate(batch):
        for name in ("email", "first_name", "last_name"):
            if not one.get(name):
                wrong[f"{place}.{name}"] = "error.path.missing"
        wrong |= _wrong(one, place)
        for address in one.get("addresses") or ():
            wrong |= _wrong_address(address, place, needs=_ADDRESS_NEEDS)
    if wrong:
        raise v3_refusal(422, "Create customers failed.", wrong)
    for one in batch:
        email = str(one["email"]).casefold()
        # The real store does not say which one it is.
        if email in emails or customers.owner_of_email(email) is not None:
            raise v3_refusal(422, "Some of the emails are already in use.", {".customer_create": "duplicate email"})
        emails.add(email)
    now = seconds(account.store.now())
    made = [customers.make(_kept(one), one.get("addresses") or (), now=now) for one in batch]
    for number in made:
        account.store.hooks.happened("store/customer/created", {"type": "customer", "id": number})
    return give({"data": [_record(account, number) for number in made], "meta": {}})


def _put(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    del ids
    customers = account.store.customers
    batch = v3_array(request, most=MOST_CUSTOMERS)
    wrong: dict[str, object] = {}
    for place, one in enumerate(batch):
        if not is_whole(one.get("id")):
            wrong[f"{place}.id"] = "error.path.missing"
        wrong |= _wrong(one, place)
    if wrong:
        raise v3_refusal(422, "Update customers failed.", wrong)
    for one in batch:
        if not 1 <= one["id"] <= customers.timeline.last_id:
            raise v3_refusal(422, "Update customers failed.", {".customer_update": "Not all customers were found."})
        if "email" in one and customers.owner_of_email(one["email"]) not in {None, one["id"]}:
            raise v3_refusal(422, "Some of the emails are already in use.", {".customer_update": "duplicate email"})
    for one in batch:
        account.store.edit_customer(one["id"], **_kept(one))
    return give({"data": [_record(account, one["id"]) for one in batch], "meta": {}})


def _post_addresses(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    """One that equals an address which the customer has already is passed over without a word."""
    del ids
    customers = account.store.customers
    batch = v3_array(request, most=None)
    wrong: dict[str, object] = {}
    for place, one in enumerate(batch):
        if not is_whole(one.get("customer_id")) or not 1 <= one["customer_id"] <= customers.timeline.last_id:
            wrong[f"{place}.customer_id"] = "customer not found"
        wrong |= _wrong_address(one, place, needs=_ADDRESS_NEEDS)
    if wrong:
        raise v3_refusal(422, "Create customer addresses failed.", wrong)
    made = [customers.add_address(one["customer_id"], _address(one)) for one in batch]
    return give({"data": [one for one in made if one is not None], "meta": {}})


def _put_addresses(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    del ids
    customers = account.store.customers
    batch = v3_array(request, most=None)
    wrong: dict[str, object] = {}
    for place, one in enumerate(batch):
        if not is_whole(one.get("id")) or customers.address(one["id"]) is None:
            wrong[f"{place}.id"] = "address not found"
        wrong |= _wrong_address(one, place, needs=())
    if wrong:
        raise v3_refusal(422, "Update customer addresses failed.", wrong)
    return give({"data": [customers.change_address(one["id"], _address(one)) for one in batch], "meta": {}})


def _record(account: Account, number: int) -> dict[str, object]:
    return account.store.customers.record(number)


def _kept(one: dict[str, Any]) -> dict[str, object]:
    return {name: value for name, value in one.items() if name in _KEPT}


def _address(one: dict[str, Any]) -> dict[str, object]:
    return {name: value for name, value in one.items() if name in _ADDRESS_TEXTS}


def _wrong(one: dict[str, Any], place: int) -> dict[str, object]:
    wrong: dict[str, object] = {
        f"{place}.{name}": "must be a string" for name in _TEXTS & one.keys() if not isinstance(one[name], str)
    }
    if "email" in one and "@" not in str(one["email"]):
        wrong[f"{place}.email"] = "must be a valid email address"
    if "customer_group_id" in one and not is_whole(one["customer_group_id"]):
        wrong[f"{place}.customer_group_id"] = "must be an integer"
    return wrong


def _wrong_address(one: dict[str, Any], place: int, *, needs: tuple[str, ...]) -> dict[str, object]:
    wrong: dict[str, object] = {f"{place}.{name}": "error.path.missing" for name in needs if not one.get(name)}
    wrong |= {
        f"{place}.{name}": "must be a string" for name in _ADDRESS_TEXTS & one.keys() if not isinstance(one[name], str)
    }
    if "country_code" in one and len(str(one["country_code"])) != 2:
        wrong[f"{place}.country_code"] = "must be a two-letter code"
    return wrong


_MODIFY = modifying("store_v2_customers")
ROUTES = (
    Route("POST", "/v3/customers", _post, _MODIFY),
    Route("PUT", "/v3/customers", _put, _MODIFY),
    Route("POST", "/v3/customers/addresses", _post_addresses, _MODIFY),
    Route("PUT", "/v3/customers/addresses", _put_addresses, _MODIFY),
)
