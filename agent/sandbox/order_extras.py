"""What the store keeps beside orders, to be read: taxes and messages in V2, transactions and refunds in V3."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from agent.sandbox import money
from agent.sandbox.moments import iso8601, rfc2822
from agent.sandbox.paged import envelope
from agent.sandbox.queries import Query
from agent.sandbox.requests import Answer, Request, give, nothing, v2_refusal, v3_refusal
from agent.sandbox.routing import Account, Route, reading

_UNPAID = frozenset({0, 1, 6, 7})
_REFUNDED = frozenset({4, 14})


def _taxes(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    query = Query(request, version=2, allowed=("details", "page", "limit"), now=account.store.now())
    number, paging = _existing(account, ids[0]), query.paging()
    taxes = [
        {
            "id": line["id"],
            "order_id": number,
            "order_address_id": number,
            "tax_rate_id": 1,
            "tax_class_id": 0,
            "name": "Tax",
            "class": "Default Tax Class",
            "rate": "10.0000",
            "priority": 0,
            "priority_amount": line["total_tax"],
            "line_amount": line["total_tax"],
            "order_product_id": str(line["id"]),
            "line_item_type": "item",
        }
        for line in (msgspec.json.decode(raw, type=dict[str, Any]) for raw in account.encoder.lines(number))
    ]
    some = taxes[paging.offset : paging.offset + paging.limit]
    return give(some) if some else nothing()


def _messages(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    allowed = ("min_id", "max_id", "customer_id", "min_date_created", "max_date_created", "is_flagged", "status",
               "page", "limit")  # fmt: skip
    paging = Query(request, version=2, allowed=allowed, now=account.store.now()).paging()
    number = _existing(account, ids[0])
    if number % 5 or paging.page > 1:
        return nothing()
    orders = account.store.orders
    message = {
        "id": number * 10 + 1,
        "order_id": number,
        "staff_id": 0,
        "customer_id": orders.facts(number).customer_id,
        "type": "Order",
        "subject": "Delivery",
        "message": "When will it arrive?",
        "status": "unread",
        "is_flagged": False,
        "date_created": rfc2822(orders.timeline.created(number)).decode(),
    }
    return give([message])


def _transactions(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    Query(request, version=3, allowed=(), now=account.store.now())
    number = ids[0]
    if not 1 <= number <= account.store.orders.timeline.last_id:
        raise v3_refusal(404, f"There is no order {number}.")
    facts = account.store.orders.facts(number)
    if facts.status_id in _UNPAID:
        return give({"data": [], "meta": {}})
    transaction = {
        "id": number * 10 + 1,
        "order_id": str(number),
        "event": "purchase",
        "method": "credit_card",
        "amount": money.number(facts.basket.total),
        "currency": "USD",
        "gateway": "sandbox",
        "gateway_transaction_id": f"t-{number}",
        "status": "ok",
        "test": True,
        "fraud_review": False,
        "date_created": iso8601(account.store.orders.timeline.created(number)),
    }
    return give({"data": [transaction], "meta": {}})


def _refunds(account: Account, request: Request, ids: tuple[int, ...]) -> Answer:
    del ids
    allowed = ("order_id:in", "id:in", "created:min", "created:max", "transaction_id", "page", "limit")
    query = Query(request, version=3, allowed=allowed, now=account.store.now())
    paging = query.paging()
    orders = account.store.orders
    wanted, refunds = query.integers("order_id:in"), query.integers("id:in")
    created = query.dates(None, "created:min", "created:max")
    everything = range(1, orders.timeline.last_id + 1)
    numbers = everything if wanted is None else [number for number in sorted(wanted) if number in everything]
    found = [
        number
        for number in numbers
        if orders.status_of(number, orders.chance(number)) in _REFUNDED
        and (refunds is None or number * 10 + 2 in refunds)
        and orders.timeline.modified(number) in created
    ]
    some = [_refund(account, number) for number in found[paging.offset : paging.offset + paging.limit]]
    return give(envelope(some, paging, total=len(found)))


def _refund(account: Account, number: int) -> dict[str, object]:
    orders = account.store.orders
    total = money.number(orders.facts(number).basket.total)
    return {
        "id": number * 10 + 2,
        "order_id": number,
        "user_id": 1,
        "created": datetime.fromtimestamp(orders.timeline.modified(number), UTC).isoformat(),
        "reason": "Returned",
        "total_amount": total,
        "total_tax": 0,
        "uses_merchant_override_values": True,
        "items": [{"item_type": "ORDER", "item_id": number, "reason": "Returned", "quantity": 1,
                   "requested_amount": total}],
        "payments": [{"id": 1, "provider_id": "sandbox", "amount": total, "offline": False, "is_declined": False,
                      "declined_message": ""}],
    }  # fmt: skip


def _existing(account: Account, number: int) -> int:
    if not 1 <= number <= account.store.orders.timeline.last_id:
        raise v2_refusal(404, "The requested resource was not found.")
    return number


_ORDERS, _PAYMENTS = reading("store_v2_orders"), reading("store_v2_transactions")
V2_ROUTES = (
    Route("GET", "/v2/orders/{id}/taxes", _taxes, _ORDERS),
    Route("GET", "/v2/orders/{id}/messages", _messages, _ORDERS),
)
V3_ROUTES = (
    Route("GET", "/v3/orders/{id}/transactions", _transactions, _PAYMENTS),
    Route("GET", "/v3/orders/payment_actions/refunds", _refunds, _ORDERS | _PAYMENTS),
)
