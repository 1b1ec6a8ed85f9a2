"""The two limits of the store: so many requests per window with a token, so many per hour with a legacy account."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import datetime

_HOUR_SECONDS = 3600.0
_UNLIMITED = 1_000_000_000
_MOST_WINDOWS = 1_000

Headers = tuple[tuple[str, str], ...]


class WindowQuota:
    """A number of requests per window. A window begins with the first request after the last one ended.

    `windows` says how many requests each of the last windows let through; the present one is the last.
    """

    def __init__(self, *, quota: int | None, window_ms: int, clock: Callable[[], datetime]) -> None:
        self.quota = quota
        self._window_ms = window_ms
        self._clock = clock
        self._ends_ms = 0.0
        self._left = 0
        self.refused = 0
        self.windows: deque[int] = deque(maxlen=_MOST_WINDOWS)

    def take(self) -> tuple[bool, Headers]:
        """Take one request out of the window, if one is left, and give the headers that tell."""
        quota = self.quota if self.quota is not None else _UNLIMITED
        now_ms = self._clock().timestamp() * 1000
        if now_ms >= self._ends_ms or self._ends_ms - now_ms > self._window_ms:
            self._ends_ms = now_ms + self._window_ms
            self._left = quota
            self.windows.append(0)
        allowed = self._left > 0
        reset_ms = max(1, round(self._ends_ms - now_ms))
        if allowed:
            self._left -= 1
            self.windows[-1] += 1
        else:
            self.refused += 1
        headers: Headers = (
            ("x-rate-limit-requests-left", str(self._left)),
            ("x-rate-limit-requests-quota", str(quota)),
            ("x-rate-limit-time-window-ms", str(self._window_ms)),
            ("x-rate-limit-time-reset-ms", str(reset_ms)),
        )
        if not allowed:
            headers = (*headers, ("x-retry-after", str(-(-reset_ms // 1000))))
        return allowed, headers


class HourlyQuota:
    """A number of requests per rolling hour."""

    def __init__(self, *, quota: int | None, clock: Callable[[], datetime]) -> None:
        self._quota = quota
        self._clock = clock
        self._taken: deque[float] = deque()
        self.refused = 0

    def take(self) -> tuple[bool, Headers]:
        """Take one request out of the hour, if one is left, and give the header that tells."""
        if self._quota is None:
            return True, (("x-bc-apilimit-remaining", str(_UNLIMITED)),)
        now = self._clock().timestamp()
        while self._taken and self._taken[0] <= now - _HOUR_SECONDS:
            self._taken.popleft()
        allowed = len(self._taken) < self._quota
        if allowed:
            self._taken.append(now)
        else:
            self.refused += 1
        return allowed, (("x-bc-apilimit-remaining", str(self._quota - len(self._taken))),)
