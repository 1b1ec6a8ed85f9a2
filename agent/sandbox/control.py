"""The control interface under `/_sandbox/`, over HTTP: statistics, troubles, permissions, and changes to the records.

It takes the token of the store in X-Auth-Token, costs no quota and knows no troubles.

    GET stats · POST reset-stats · GET, POST, DELETE faults · GET, POST, DELETE scopes
    POST orders · POST orders/touch · POST orders/{id}/edit · POST customers · POST customers/{id}/edit
    GET, POST stock/{sku} · POST hooks/double
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from typing import Annotated

import msgspec

from agent.sandbox.faults import Fault
from agent.sandbox.requests import Answer, Request, give, nothing, v3_error
from agent.sandbox.store import Store

PREFIX = "/_sandbox/"
_EDIT = re.compile(r"(orders|customers)/(\d{1,9})/edit")
_STOCK = re.compile(r"stock/(.+)")


class _Touch(msgspec.Struct, forbid_unknown_fields=True):
    count: Annotated[int, msgspec.Meta(ge=1)]
    first_id: Annotated[int, msgspec.Meta(ge=1)] = 1


class _Double(msgspec.Struct, forbid_unknown_fields=True):
    count: Annotated[int, msgspec.Meta(ge=0)]


class _Scopes(msgspec.Struct, forbid_unknown_fields=True):
    scopes: frozenset[str]


class _Stock(msgspec.Struct, forbid_unknown_fields=True):
    quantity: Annotated[int, msgspec.Meta(ge=0)]


class Control:
    """Answers control requests for one store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._actions: dict[tuple[str, str], Callable[[bytes], Answer]] = {
            ("GET", "stats"): self._stats,
            ("POST", "reset-stats"): self._reset_stats,
            ("GET", "faults"): self._faults,
            ("POST", "faults"): self._add_fault,
            ("DELETE", "faults"): self._clear_faults,
            ("GET", "scopes"): self._scopes,
            ("POST", "scopes"): self._set_scopes,
            ("DELETE", "scopes"): self._restore_scopes,
            ("POST", "orders"): self._add_order,
            ("POST", "orders/touch"): self._touch_orders,
            ("POST", "customers"): self._add_customer,
            ("POST", "hooks/double"): self._double_callbacks,
        }

    def answer(self, request: Request) -> Answer:
        """Answer one control request."""
        given = request.headers.get("x-auth-token", "")
        if not hmac.compare_digest(given.encode(), self._store.options.access_token.encode()):
            return v3_error(401, "The control interface wants the token of the store in X-Auth-Token.")
        name = request.path.removeprefix(PREFIX).rstrip("/")
        try:
            if (edited := _EDIT.fullmatch(name)) and request.method == "POST":
                edit = self._edit_order if edited[1] == "orders" else self._edit_customer
                return edit(int(edited[2]), request.body)
            if (stock := _STOCK.fullmatch(name)) and request.method in {"GET", "POST"}:
                return self._stock(stock[1]) if request.method == "GET" else self._set_stock(stock[1], request.body)
            action = self._actions.get((request.method, name))
            return v3_error(404, "There is no such control.") if action is None else action(request.body)
        except KeyError as error:
            return v3_error(404, f"There is no such record: {error.args[0]}.")
        except (msgspec.MsgspecError, ValueError, TypeError, ArithmeticError) as error:
            return v3_error(422, f"The body is not what this control takes: {error}")

    def _stats(self, body: bytes) -> Answer:
        del body
        return give(self._store.stats())

    def _reset_stats(self, body: bytes) -> Answer:
        del body
        self._store.reset_stats()
        return nothing()

    def _faults(self, body: bytes) -> Answer:
        del body
        return give(self._store.faults.active())

    def _add_fault(self, body: bytes) -> Answer:
        self._store.add_fault(msgspec.json.decode(body, type=Fault))
        return nothing()

    def _clear_faults(self, body: bytes) -> Answer:
        del body
        self._store.clear_faults()
        return nothing()

    def _scopes(self, body: bytes) -> Answer:
        del body
        return give({"scopes": sorted(self._store.scopes)})

    def _set_scopes(self, body: bytes) -> Answer:
        self._store.set_scopes(msgspec.json.decode(body, type=_Scopes).scopes)
        return nothing()

    def _restore_scopes(self, body: bytes) -> Answer:
        del body
        self._store.set_scopes(self._store.options.scopes)
        return nothing()

    def _add_order(self, body: bytes) -> Answer:
        return give({"id": self._store.add_order(**_values(body))})

    def _touch_orders(self, body: bytes) -> Answer:
        touch = msgspec.json.decode(body, type=_Touch)
        self._store.touch_orders(touch.count, first_id=touch.first_id)
        return nothing()

    def _double_callbacks(self, body: bytes) -> Answer:
        self._store.double_callbacks(msgspec.json.decode(body, type=_Double).count)
        return nothing()

    def _edit_order(self, order_id: int, body: bytes) -> Answer:
        values = _values(body)
        status_id = values.pop("status_id", None)
        if status_id is not None and not isinstance(status_id, int):
            raise ValueError("status_id is a whole number")
        self._store.edit_order(order_id, status_id=status_id, **values)
        return nothing()

    def _add_customer(self, body: bytes) -> Answer:
        return give({"id": self._store.add_customer(**_values(body))})

    def _edit_customer(self, customer_id: int, body: bytes) -> Answer:
        self._store.edit_customer(customer_id, **_values(body))
        return nothing()

    def _stock(self, sku: str) -> Answer:
        return give({"sku": sku, "quantity": self._store.stock(sku), "writes": self._store.writes(sku)})

    def _set_stock(self, sku: str, body: bytes) -> Answer:
        self._store.set_stock(sku, msgspec.json.decode(body, type=_Stock).quantity)
        return nothing()


def _values(body: bytes) -> dict[str, object]:
    return msgspec.json.decode(body, type=dict[str, object]) if body else {}
