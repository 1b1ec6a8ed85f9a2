"""Operators' passwords: Argon2id hashes, the same work for unknown names, and how long to wait after failures.

Storing hashes and counting failures across restarts belong to others; this module decides and computes.
"""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import cached_property

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from agent.domain.errors import ConfigurationError
from agent.domain.secret import Secret

SHORTEST_PASSWORD = 10
_LONGEST_PASSWORD = 1_024
_LONGEST_DELAY_SECONDS = 60.0
_FREE_FAILURES = 2
_REMEMBERED_NAMES = 10_000


class Passwords:
    """Makes and checks hashes. Takes tens of milliseconds on purpose, so call it off the event loop."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()

    @cached_property
    def _decoy(self) -> str:
        # Made when it is first needed: a service that nobody signs in to starts without that work.
        return self._hasher.hash(secrets.token_urlsafe(24))

    def hash(self, password: Secret) -> str:
        """The hash to store.

        Raises:
            ConfigurationError: code `password-length`.
        """
        if not SHORTEST_PASSWORD <= len(password.reveal()) <= _LONGEST_PASSWORD:
            raise ConfigurationError(
                "The password is too short." if len(password.reveal()) < SHORTEST_PASSWORD else "It is too long.",
                code="password-length",
                remedy=f"Choose one of at least {SHORTEST_PASSWORD} characters.",
                field="password",
            )
        return self._hasher.hash(password.reveal())

    def verify(self, stored: str | None, password: Secret) -> bool:
        """Whether the password fits. `stored` is None for an unknown name: the same work, and always False."""
        text = password.reveal()[: _LONGEST_PASSWORD + 1]
        # Asked for whatever the name is, so that the first sign-in costs the same for one that does not exist, too.
        decoy = self._decoy
        try:
            self._hasher.verify(stored or decoy, text)
        except (VerificationError, InvalidHashError):
            return False
        return stored is not None and len(text) <= _LONGEST_PASSWORD

    def renewed(self, stored: str, password: Secret) -> str | None:
        """A new hash of a password that fits `stored`, where that was made with less work than is usual today."""
        return self._hasher.hash(password.reveal()) if self._hasher.check_needs_rehash(stored) else None


def delay_seconds(consecutive_failures: int) -> float:
    """How long the next try has to wait: 0, 0, 0, 1, 2, 4 … 60 seconds after 0, 1, 2, 3, 4, 5 … failures."""
    beyond = consecutive_failures - _FREE_FAILURES
    if beyond <= 0:
        return 0.0
    return min(2.0 ** min(beyond - 1, 16), _LONGEST_DELAY_SECONDS)


class SignInDelays:
    """Who has to wait, and how long. Unknown names wait like known ones. Thread-safe.

    Args:
        clock: Monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def wait_seconds(self, name: str) -> float:
        """How long this name still has to wait; 0 when it may try."""
        with self._lock:
            failures, last = self._failures.get(_key(name), (0, 0.0))
        return max(0.0, last + delay_seconds(failures) - self._clock()) if failures else 0.0

    def failed(self, name: str) -> None:
        """A try failed."""
        with self._lock:
            failures, _ = self._failures.pop(_key(name), (0, 0.0))
            self._failures[_key(name)] = (failures + 1, self._clock())
            while len(self._failures) > _REMEMBERED_NAMES:
                self._failures.popitem(last=False)

    def succeeded(self, name: str) -> None:
        """A try succeeded: the name starts afresh."""
        with self._lock:
            self._failures.pop(_key(name), None)


def _key(name: str) -> str:
    return name.strip().casefold()[:200]
