"""Signing in: the first operator, sessions, and the growing wait after refusals.

A session says which operator a front end speaks for. What keeps other accounts of the machine out is the bearer token
in a file that only its owner can read; see docs/decisions.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime

from agent.api import operator_models
from agent.domain.errors import ConfigurationError, TransientError
from agent.domain.secret import Secret
from agent.store.operators import Operator, OperatorStore
from agent.store.vaults.passwords import Passwords, SignInDelays, delay_seconds

_MOST_SESSIONS = 1_000


class Operators:
    """The operators of this agent and who is signed in. Thread-safe.

    Args:
        store: The operators.
        passwords: Makes and checks hashes; tens of milliseconds each.
        clock: Gives the present, aware and in UTC.
        monotonic: Seconds that only ever grow.
    """

    def __init__(
        self,
        store: OperatorStore,
        passwords: Passwords,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._passwords, self._clock = store, passwords, clock
        self._delays = SignInDelays(monotonic)
        self._lock = threading.Lock()
        self._trying = threading.Lock()
        self._sessions: OrderedDict[str, str] = OrderedDict()

    def exists(self) -> bool:
        """Whether there is any operator yet."""
        return self._store.exists()

    def sign_in(self, name: str, password: Secret) -> operator_models.Session:
        """Sign in, or create the first operator.

        Raises:
            ConfigurationError: code `wrong-credentials`, or `password-length` for a first operator.
            TransientError: code `sign-in-delayed`, with the seconds to wait.
        """
        # One after the other: tries that overlap would all be let through before the first of them has failed.
        with self._trying:
            return self._sign_in(name, password)

    def change_password(self, name: str, old: Secret, new: Secret) -> str:
        """Change an operator's password, and end every session of that operator. Returns the name as it is kept.

        Raises:
            ConfigurationError: code `wrong-credentials`: the old one is wrong, or there is no such operator; code
                `password-length`, `password-same` or `password-name`: the new one cannot be taken.
            TransientError: code `sign-in-delayed`, with the seconds to wait.
        """
        if new.reveal() == old.reveal():
            raise _not_taken("The new password is the present one.", "password-same")
        if new.reveal().casefold() == name.casefold():
            raise _not_taken("The new password is the user name.", "password-name")
        hashed = self._passwords.hash(new)
        with self._trying:
            operator = self._known(name, old)
            self._store.set_password(operator.name, hashed)
        with self._lock:
            for token in [token for token, who in self._sessions.items() if who == operator.name]:
                del self._sessions[token]
        return operator.name

    def name_of(self, token: str) -> str | None:
        """Who is signed in with this session token; None where nobody is."""
        with self._lock:
            return self._sessions.get(token)

    def sign_off(self, token: str) -> None:
        """End a session; an unknown one has ended already."""
        with self._lock:
            self._sessions.pop(token, None)

    def _sign_in(self, name: str, password: Secret) -> operator_models.Session:
        if not self._store.exists():
            hashed = self._passwords.hash(password)
            if self._store.create_first(name, hashed, at=self._clock()):
                return self._session(name)
        operator = self._known(name, password)
        if (after := self._passwords.renewed(operator.password_hash, password)) is not None:
            self._store.renew_hash(operator.name, before=operator.password_hash, after=after)
        return self._session(operator.name)

    def _known(self, name: str, password: Secret) -> Operator:
        """The operator whose password that is; failures make the next try wait."""
        operator = self._store.find(name)
        self._refuse_haste(name, operator)
        fits = self._passwords.verify(operator.password_hash if operator is not None else None, password)
        if operator is None or not fits:
            self._delays.failed(name)
            if operator is not None:
                self._store.note_failure(operator.name, at=self._clock())
            raise ConfigurationError(
                "Open the agent by providing correct credentials.",
                code="wrong-credentials",
                remedy="Check the user name, the password and the Caps Lock key.",
            )
        self._delays.succeeded(name)
        if operator.failures:
            self._store.note_success(operator.name)
        return operator

    def _refuse_haste(self, name: str, operator: Operator | None) -> None:
        """Unknown names wait like known ones; a restart of the service does not help."""
        wait = self._delays.wait_seconds(name)
        if operator is not None and operator.last_failure_at is not None:
            passed = (self._clock() - operator.last_failure_at).total_seconds()
            wait = max(wait, delay_seconds(operator.failures) - max(0.0, passed))
        if wait > 0:
            raise TransientError(
                "Too many tries.",
                code="sign-in-delayed",
                remedy=f"Wait {max(1, round(wait))} s, then try again.",
                retry_after_seconds=wait,
            )

    def _session(self, name: str) -> operator_models.Session:
        token = secrets.token_urlsafe(32)
        with self._lock:
            self._sessions[token] = name
            while len(self._sessions) > _MOST_SESSIONS:
                self._sessions.popitem(last=False)
        return operator_models.Session(name=name, token=token)


def _not_taken(message: str, code: str) -> ConfigurationError:
    return ConfigurationError(message, code=code, remedy="Choose another one.", field="new")
