"""The store's webhooks: who wants to hear of what, what is on its way to them, and when it is sent again.

Nothing here opens a connection; `hook_sender` does. A callback that is not taken is sent again, first after a minute
and then after twice as long each time, at most a day; what could not be delivered for two days ends its webhook.
"""

from __future__ import annotations

import hashlib
import itertools
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec

from agent.sandbox.moments import seconds

LONGEST_WAIT = timedelta(days=1)
GIVEN_UP_AFTER = timedelta(days=2)
STORE_ID = "1025646"


@dataclass(slots=True)
class Hook:
    """One webhook."""

    id: int
    scope: str
    destination: str
    headers: dict[str, str] | None
    is_active: bool
    created_at: int
    updated_at: int

    def wants(self, scope: str) -> bool:
        """Whether it is to hear of an event of this scope. `store/order/*` hears of everything below."""
        if self.scope.endswith("/*"):
            return self.is_active and scope.startswith(self.scope[:-1])
        return self.is_active and scope == self.scope


@dataclass(slots=True)
class Callback:
    """One event on its way to one webhook."""

    hook: Hook
    body: bytes
    since: datetime
    due: datetime
    tries: int = 0


@dataclass(slots=True)
class Hooks:
    """All webhooks of one store. Thread-safe.

    Args:
        store_hash: Named in what is sent.
        clock: The time of the store.
        first_wait: How long after the first try in vain the second one comes.
    """

    store_hash: str
    clock: Callable[[], datetime]
    first_wait: timedelta
    changed: threading.Condition = field(default_factory=threading.Condition)
    doubled: int = 0
    """How many of the next events are sent twice, as the real store does now and then."""
    _hooks: dict[int, Hook] = field(default_factory=dict)
    _waiting: list[Callback] = field(default_factory=list)
    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def add(self, scope: str, destination: str, headers: dict[str, str] | None, *, is_active: bool) -> Hook:
        """A new webhook."""
        with self.changed:
            now = seconds(self.clock())
            hook = Hook(next(self._ids), scope, destination, headers, is_active, now, now)
            self._hooks[hook.id] = hook
            return hook

    def change(self, hook: Hook, values: Mapping[str, object]) -> None:
        """Set some of its fields."""
        with self.changed:
            for name, value in values.items():
                setattr(hook, name, value)
            hook.updated_at = seconds(self.clock())

    def remove(self, hook: Hook) -> None:
        """Send it nothing more."""
        with self.changed:
            del self._hooks[hook.id]
            self._waiting = [one for one in self._waiting if one.hook is not hook]

    def get(self, number: int) -> Hook | None:
        """The webhook of an id."""
        return self._hooks.get(number)

    def all(self) -> list[Hook]:
        """Every webhook, the oldest first."""
        return list(self._hooks.values())

    def happened(self, scope: str, data: Mapping[str, object]) -> None:
        """Let everybody hear of an event who wants to."""
        with self.changed:
            hooks = [hook for hook in self._hooks.values() if hook.wants(scope)]
            if not hooks:
                return
            now = self.clock()
            event = {
                "created_at": seconds(now), "store_id": STORE_ID, "producer": f"stores/{self.store_hash}",
                "scope": scope, "data": dict(data),
            }  # fmt: skip
            digest = hashlib.sha1(msgspec.json.encode(event), usedforsecurity=False).hexdigest()
            body = msgspec.json.encode(event | {"hash": digest})
            times, self.doubled = (2, self.doubled - 1) if self.doubled else (1, 0)
            self._waiting += [Callback(hook, body, now, now) for hook in hooks for _ in range(times)]
            self.changed.notify_all()

    def take(self) -> Callback | None:
        """The callback that is due, if one is."""
        with self.changed:
            now = self.clock()
            for place, one in enumerate(self._waiting):
                if one.due <= now and one.hook.is_active:
                    return self._waiting.pop(place)
            return None

    def seconds_to_next(self) -> float | None:
        """How long nothing is due; None where nothing waits."""
        with self.changed:
            due = [one.due for one in self._waiting if one.hook.is_active]
            return max(0.0, (min(due) - self.clock()).total_seconds()) if due else None

    def failed(self, callback: Callback) -> None:
        """It was not taken: send it again later, or give its webhook up."""
        with self.changed:
            now = self.clock()
            if now - callback.since >= GIVEN_UP_AFTER:
                callback.hook.is_active = False
                callback.hook.updated_at = seconds(now)
                return
            callback.due = now + min(self.first_wait * 2**callback.tries, LONGEST_WAIT)
            callback.tries += 1
            self._waiting.append(callback)
            self.changed.notify_all()
