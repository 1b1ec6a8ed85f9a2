"""What a sandbox store is made of: its size, its seed, its account and its limits. Plain values, checked once."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

STORE_HASH_PATTERN = re.compile(r"[a-z0-9]{3,20}")
MOST_RECORDS = 1_000_000
EVERY_SCOPE = frozenset({
    "store_v2_information",
    "store_v2_customers",
    "store_v2_orders",
    "store_v2_products",
    "store_v2_transactions",
    "store_inventory",
    "store_locations",
})  # fmt: skip


def utc_now() -> datetime:
    """The real time."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class SandboxOptions:
    """One sandbox store. The same size and seed always give the same records."""

    orders: int = 1_000
    customers: int = 200
    products: int = 500
    seed: int = 1
    port: int = 0
    store_hash: str = "demo1"
    username: str = "sandbox"
    token: str = field(default="", repr=False)
    quota: int | None = 150
    window_ms: int = 30_000
    legacy_quota: int | None = 20_000
    latency_ms: int = 0
    customers_without_email: int = 0
    long_order_every: int = 0
    long_order_lines: int = 64
    hook_wait_seconds: float = 60.0
    scopes: frozenset[str] = EVERY_SCOPE
    clock: Callable[[], datetime] = utc_now

    def __post_init__(self) -> None:
        for name in ("orders", "customers", "products"):
            if not 0 <= getattr(self, name) <= MOST_RECORDS:
                raise ValueError(f"{name} must be from 0 to {MOST_RECORDS:,}")
        if not STORE_HASH_PATTERN.fullmatch(self.store_hash):
            raise ValueError("store_hash must be 3 to 20 lower-case letters and digits")
        if not 1 <= self.long_order_lines <= 99:
            raise ValueError("long_order_lines must be from 1 to 99")
        if self.customers_without_email > self.customers:
            raise ValueError("there are fewer customers than customers_without_email")
        if self.window_ms < 1 or (self.quota is not None and self.quota < 1):
            raise ValueError("quota and window_ms must be at least 1")

    @property
    def access_token(self) -> str:
        """The token that opens the store: the given one, or a demo one that protects nothing."""
        if self.token:
            return self.token
        digest = hashlib.sha256(f"{self.store_hash}:{self.seed}".encode()).hexdigest()
        return f"sandbox-not-a-secret-{digest[:12]}"
