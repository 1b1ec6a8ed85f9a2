"""Counts what the store was asked for, so that a test or a benchmark can say how many requests something took."""

from __future__ import annotations

from collections import Counter
from typing import Any


class Statistics:
    """Requests since the start or the last reset, by method and path template.

    `given_up` counts those that hung until the client went away.
    """

    def __init__(self) -> None:
        self.requests = 0
        self.by_route: Counter[tuple[str, str]] = Counter()
        self.by_status: Counter[int] = Counter()
        self.bytes_sent = 0
        self.given_up = 0

    def asked(self, method: str, template: str) -> None:
        """A request came in."""
        self.requests += 1
        self.by_route[method, template] += 1

    def answered(self, status: int, size: int) -> None:
        """An answer went out."""
        self.by_status[status] += 1
        self.bytes_sent += size

    def as_values(self) -> dict[str, Any]:
        """Plain values for the control interface."""
        return {
            "requests": self.requests,
            "by_route": {f"{method} {template}": count for (method, template), count in sorted(self.by_route.items())},
            "by_status": {str(status): count for status, count in sorted(self.by_status.items())},
            "rate_limited": self.by_status[429] + self.by_status[509],
            "bytes_sent": self.bytes_sent,
            "given_up": self.given_up,
        }
