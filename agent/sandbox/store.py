"""The store itself: everything that lasts from one request to the next, and the ways to change it from a test.

One lock guards it. The server holds the lock while it answers a request; every public method here takes it, too.
"""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Any

from agent.sandbox.counting import Statistics
from agent.sandbox.customers import Customers
from agent.sandbox.faults import Fault, Faults
from agent.sandbox.hooks import Hooks
from agent.sandbox.inventory import Inventory
from agent.sandbox.kept import Kept
from agent.sandbox.moments import FIRST_MOMENT, rfc2822, seconds
from agent.sandbox.options import SandboxOptions
from agent.sandbox.orders import Orders
from agent.sandbox.products import Products
from agent.sandbox.quota import HourlyQuota, WindowQuota


class Store:
    """One sandbox store."""

    def __init__(self, options: SandboxOptions) -> None:
        self.options = options
        self.lock = threading.RLock()
        self.orders = Orders(options)
        self.customers = Customers(options)
        self.products = Products(options)
        self.inventory = Inventory(self.products, seed=options.seed)
        made = rfc2822(FIRST_MOMENT).decode()
        self.groups = Kept(
            {
                "name": name,
                "is_default": False,
                "category_access": {"type": "all"},
                "discount_rules": [],
                "date_created": made,
                "date_modified": made,
                "is_group_for_guests": False,
            }
            for name in ("Retail", "Wholesale", "Staff")
        )
        self.brands = Kept({"name": f"Brand {number}", "page_title": ""} for number in range(1, 8))
        self.categories = Kept(
            (
                {"parent_id": 0, "name": f"Category {number}", "is_visible": True, "sort_order": 0}
                for number in range(20, 26)
            ),
            first_id=20,
        )
        self.shipments = Kept()
        self.shipped: dict[int, dict[int, int]] = {}
        self.faults = Faults()
        self.statistics = Statistics()
        self.quota = WindowQuota(quota=options.quota, window_ms=options.window_ms, clock=options.clock)
        self.legacy_quota = HourlyQuota(quota=options.legacy_quota, clock=options.clock)
        self.scopes = options.scopes
        self.hooks = Hooks(options.store_hash, options.clock, timedelta(seconds=options.hook_wait_seconds))

    def now(self) -> datetime:
        """The time of the store."""
        return self.options.clock()

    def edit_order(self, order_id: int, *, status_id: int | None = None, **values: object) -> None:
        """Change an order now; without any value its status moves on. Raises KeyError for an unknown id."""
        with self.lock:
            self._edit_order(order_id, status_id, values)

    def touch_orders(self, count: int, *, first_id: int = 1) -> None:
        """Change many orders now, as a bulk edit in the control panel does. Raises KeyError past the last order."""
        with self.lock:
            for order_id in range(first_id, first_id + count):
                self._edit_order(order_id, None, {})

    def add_order(self, **values: object) -> int:
        """Make a new order now, and give its id."""
        with self.lock:
            order_id = self.orders.timeline.add(now=seconds(self.now()))
            status_id = values.pop("status_id", 11)
            assert isinstance(status_id, int)
            self.orders.edit(order_id, now=seconds(self.now()), status_id=status_id, values=values)
            self.hooks.happened("store/order/created", {"type": "order", "id": order_id})
            return order_id

    def _edit_order(self, order_id: int, status_id: int | None, values: dict[str, object]) -> None:
        before = self.orders.facts(order_id).status_id if 1 <= order_id <= self.orders.timeline.last_id else 0
        self.orders.edit(order_id, now=seconds(self.now()), status_id=status_id, values=values)
        data: dict[str, object] = {"type": "order", "id": order_id}
        self.hooks.happened("store/order/updated", data)
        after = self.orders.facts(order_id).status_id
        if after != before:
            status = {"previous_status_id": before, "new_status_id": after}
            self.hooks.happened("store/order/statusUpdated", data | {"status": status})

    def edit_customer(self, customer_id: int, **values: object) -> None:
        """Change a customer now, in the words of V3. Raises KeyError for an unknown id."""
        with self.lock:
            if not 1 <= customer_id <= self.customers.timeline.last_id:
                raise KeyError(customer_id)
            self.customers.timeline.touch(customer_id, now=seconds(self.now()), values=values)
            self.hooks.happened("store/customer/updated", {"type": "customer", "id": customer_id})

    def add_customer(self, **values: object) -> int:
        """Make a new customer now, and give its id."""
        with self.lock:
            customer_id = self.customers.timeline.add(now=seconds(self.now()), values=values)
            self.hooks.happened("store/customer/created", {"type": "customer", "id": customer_id})
            return customer_id

    def double_callbacks(self, count: int) -> None:
        """Send each of the next events twice, as the real store does now and then."""
        with self.hooks.changed:
            self.hooks.doubled = count

    def stock(self, sku: str) -> int:
        """How many of an item there are. Raises KeyError for an unknown SKU."""
        with self.lock:
            return self.inventory.quantity_of_sku(sku)

    def set_stock(self, sku: str, quantity: int) -> None:
        """Set how many of an item there are, as a person at the shelf does. Raises KeyError for an unknown SKU."""
        with self.lock:
            self.inventory.correct(sku, quantity)

    def writes(self, sku: str) -> int:
        """How often the stock of an item was written through the API."""
        with self.lock:
            return self.inventory.writes[sku]

    def add_fault(self, fault: Fault) -> None:
        """Switch a trouble on."""
        self.faults.add(fault)

    def clear_faults(self) -> None:
        """Switch all troubles off."""
        self.faults.clear()

    def set_scopes(self, scopes: frozenset[str]) -> None:
        """Give the token other permissions."""
        with self.lock:
            self.scopes = scopes

    def stats(self) -> dict[str, Any]:
        """Everything that was counted."""
        with self.lock:
            return {
                **self.statistics.as_values(),
                "quota_windows": list(self.quota.windows),
                "most_items_per_inventory_request": self.inventory.most_items_per_request,
                "applied_adjustments": self.inventory.applied_adjustments,
                "writes": dict(self.inventory.writes),
                "faults_struck": self.faults.struck,
            }

    def reset_stats(self) -> None:
        """Count from nothing again. Stock and changes stay."""
        with self.lock:
            self.statistics = Statistics()
            self.inventory.writes.clear()
            self.inventory.applied_adjustments = 0
            self.inventory.most_items_per_request = 0
            self.faults.struck = 0
