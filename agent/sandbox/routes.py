"""All operations of the store, by the kind of account that has them."""

from __future__ import annotations

from agent.sandbox import (
    legacy_products,
    order_extras,
    v2_customer_writes,
    v2_customers,
    v2_groups,
    v2_order_writes,
    v2_orders,
    v3_catalog,
    v3_customer_writes,
    v3_customers,
    v3_hooks,
    v3_inventory,
    v3_listings,
)

_SHARED = (
    *v2_orders.ROUTES,
    *v2_order_writes.ROUTES,
    *order_extras.V2_ROUTES,
    *v2_customers.ROUTES,
    *v2_customer_writes.ROUTES,
    *v2_groups.ROUTES,
)
TOKEN_ROUTES = (
    *_SHARED,
    *order_extras.V3_ROUTES,
    *v3_customers.ROUTES,
    *v3_customer_writes.ROUTES,
    *v3_catalog.ROUTES,
    *v3_listings.ROUTES,
    *v3_inventory.ROUTES,
    *v3_hooks.ROUTES,
)
LEGACY_ROUTES = (*_SHARED, *legacy_products.ROUTES)
