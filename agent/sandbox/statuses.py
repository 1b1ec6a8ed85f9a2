"""The states an order can be in, as the store numbers and names them, and how often each occurs."""

from __future__ import annotations

INCOMPLETE, PENDING, SHIPPED, PARTIALLY_SHIPPED, COMPLETED, AWAITING_FULFILLMENT = 0, 1, 2, 3, 10, 11
STATUS_NAMES = {
    0: "Incomplete",
    1: "Pending",
    2: "Shipped",
    3: "Partially Shipped",
    4: "Refunded",
    5: "Cancelled",
    6: "Declined",
    7: "Awaiting Payment",
    8: "Awaiting Pickup",
    9: "Awaiting Shipment",
    10: "Completed",
    11: "Awaiting Fulfillment",
    12: "Manual Verification Required",
    13: "Disputed",
    14: "Partially Refunded",
}
PAYMENT_STATUSES = {
    0: "", 1: "pending", 4: "refunded", 5: "void", 6: "declined", 7: "pending", 12: "held for review",
    14: "partially refunded",
}  # fmt: skip
FREQUENT = (COMPLETED,) * 20 + (SHIPPED,) * 12 + (AWAITING_FULFILLMENT,) * 12 + tuple(range(15)) + (9, 9, 7, 5, 5)


def next_status(status_id: int) -> int:
    """The state that a touch moves an order to: on towards Completed, and back to work from there."""
    return {0: 1, 1: 11, 11: 9, 9: 2, 2: 10, 10: 11}.get(status_id, 10)
