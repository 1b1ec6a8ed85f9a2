"""The store's webhooks: what is sent to whom, again when it was not taken, and never after two days in vain."""

from __future__ import annotations

import json
from datetime import timedelta

from agent.sandbox import SandboxOptions
from agent.sandbox.hooks import Callback
from agent.sandbox.store import Store
from tests.sandbox.client import Clock

DESTINATION = "https://agent.example/events"


def store_with(*scopes: str) -> tuple[Store, Clock]:
    clock = Clock()
    store = Store(SandboxOptions(orders=10, customers=5, clock=clock))
    for scope in scopes:
        store.hooks.add(scope, DESTINATION, None, is_active=True)
    return store, clock


def taken(store: Store) -> list[Callback]:
    found = []
    while (one := store.hooks.take()) is not None:
        found.append(one)
    return found


def test_what_happens_to_orders_and_customers_is_told_with_the_id_only() -> None:
    store, clock = store_with("store/order/created", "store/order/statusUpdated", "store/customer/*")
    order = store.add_order(customer_message="Hello")
    store.edit_order(3, status_id=5)
    store.edit_order(3, staff_notes="The status stays")
    store.edit_customer(2, first_name="Ada")
    bodies = [json.loads(one.body) for one in taken(store)]
    assert [(body["scope"], body["data"]["id"]) for body in bodies] == [
        ("store/order/created", order), ("store/order/statusUpdated", 3), ("store/customer/updated", 2),
    ]  # fmt: skip
    first, changed, _ = bodies
    assert first["data"] == {"type": "order", "id": order}
    assert changed["data"]["status"]["new_status_id"] == 5
    assert (first["producer"], first["created_at"]) == ("stores/demo1", int(clock().timestamp()))
    assert len({body["hash"] for body in bodies}) == 3


def test_what_was_not_taken_comes_again_later_and_later_and_for_two_days_at_most() -> None:
    store, clock = store_with("store/order/created")
    store.add_order()
    waits = []
    (callback,) = taken(store)
    body = callback.body
    began = clock()
    while True:
        store.hooks.failed(callback)
        wait = store.hooks.seconds_to_next()
        if wait is None:
            break
        waits.append(wait)
        assert taken(store) == []
        clock.forward(wait)
        (callback,) = taken(store)
        assert callback.body == body
    assert waits[:3] == [60, 120, 240]
    assert max(waits) <= 86_400
    assert timedelta(days=2) <= clock() - began <= timedelta(days=3)
    (hook,) = store.hooks.all()
    assert not hook.is_active
    store.add_order()
    assert taken(store) == []


def test_an_event_may_come_twice_with_one_hash_and_a_removed_webhook_hears_nothing_more() -> None:
    store, _ = store_with("store/order/created")
    store.double_callbacks(1)
    store.add_order()
    store.add_order()
    hashes = [json.loads(one.body)["hash"] for one in taken(store)]
    assert (len(hashes), len(set(hashes))) == (3, 2)
    store.add_order()
    store.hooks.remove(store.hooks.all()[0])
    assert taken(store) == []
