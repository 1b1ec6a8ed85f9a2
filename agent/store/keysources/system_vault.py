"""The operating system's own vault: Secret Service, Windows Credential Manager or the macOS keychain.

The backend is named by class and never looked for: keyring's own search may end at one that keeps plain text or asks
on the terminal. Every call runs in a thread of its own with a limit, since a vault that wants to be unlocked may wait
for a prompt that nobody sees. Only the vault's key, 44 characters, goes in there; Windows takes no more than 1,280.
"""

from __future__ import annotations

import importlib
import secrets
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Protocol, TypeVar, cast

from agent.domain.errors import ConfigurationError
from agent.store.keysources.source import NewKey, SourceReport, key_from_text, key_to_text, random_key

_SERVICE = "op-agent"
_LIMIT_SECONDS = 10.0
_Result = TypeVar("_Result")

_BACKENDS = {
    "linux": ("keyring.backends.SecretService", "Keyring", "The Secret Service of this desktop"),
    "win32": ("keyring.backends.Windows", "WinVaultKeyring", "The Windows Credential Manager"),
    "darwin": ("keyring.backends.macOS", "Keyring", "The macOS keychain"),
}
_CURES = {
    "linux": "Start a Secret Service (GNOME Keyring, KWallet, KeePassXC) in the session of the agent's account, "
    "or choose another key source; a service without a desktop session has none.",
    "win32": "Run the agent under an account with a profile, or choose another key source.",
    "darwin": "Run the agent in a user's session, or choose another key source.",
}
_UNLOCK = "Unlock the login keyring (signing in to the desktop does that), then try again."


class KeyBackend(Protocol):
    """The part of a keyring backend that is used."""

    def get_password(self, service: str, username: str) -> str | None:
        """A stored text."""

    def set_password(self, service: str, username: str, password: str) -> None:
        """Store a text."""

    def delete_password(self, service: str, username: str) -> None:
        """Remove a text."""


class SystemVault:
    """Keys in the operating system's vault, each under a name of its own.

    Args:
        backend: Makes the backend; without it the platform's one is used.
        limit_seconds: How long a call may take.
    """

    kind = "system"

    def __init__(
        self, *, backend: Callable[[], KeyBackend] | None = None, limit_seconds: float = _LIMIT_SECONDS
    ) -> None:
        self._backend = backend or _platform_backend
        self._probe = _platform_state if backend is None else (lambda: "available")
        self._limit_seconds = limit_seconds

    def report(self) -> SourceReport:
        """Whether it is there, and open. Never makes it ask anybody."""
        try:
            state = self._limited(self._probe)
        except ConfigurationError as error:
            state = "locked" if error.code == "vault-source-silent" else "absent"
        cure = {"available": "", "locked": _UNLOCK}.get(state, _CURES.get(sys.platform, "Choose another key source."))
        label = _BACKENDS.get(sys.platform, ("", "", "The operating system's vault"))[2]
        return SourceReport(self.kind, label, works=state == "available", state=state, cure=cure)

    def key(self, parameters: Mapping[str, str]) -> bytes:
        """The key of that name."""
        entry = parameters.get("entry", "")
        text = self._limited(lambda: self._backend().get_password(_SERVICE, entry))
        if text is None:
            raise ConfigurationError(
                "The operating system's vault does not hold this vault's key.",
                code="vault-key-missing",
                remedy="Use the account that set the vault up, or set up a new vault and enter the credentials again.",
                detail=f"{_SERVICE} / {entry}",
            )
        return key_from_text(text)

    def new_key(self) -> NewKey:
        """A fresh key, stored and read back."""
        entry, key = f"vault-key-{secrets.token_hex(4)}", random_key()
        parameters = {"kind": self.kind, "entry": entry}
        self._limited(lambda: self._backend().set_password(_SERVICE, entry, key_to_text(key)))
        if self.key(parameters) != key:
            raise ConfigurationError(
                "The operating system's vault did not give back what was put in.",
                code="vault-source",
                remedy="Choose another key source.",
            )
        return NewKey(key, parameters)

    def retire(self, parameters: Mapping[str, str]) -> None:
        """Remove the key."""
        self._limited(lambda: self._backend().delete_password(_SERVICE, parameters.get("entry", "")))

    def _limited(self, call: Callable[[], _Result]) -> _Result:
        results: list[_Result] = []
        failures: list[Exception] = []

        def run() -> None:
            try:
                results.append(call())
            except Exception as error:  # noqa: BLE001 - backends raise what their platform does; sorted below
                failures.append(error)

        thread = threading.Thread(target=run, name="system-vault", daemon=True)
        thread.start()
        thread.join(self._limit_seconds)
        if thread.is_alive():
            raise ConfigurationError(
                f"The operating system's vault did not answer within {self._limit_seconds:g} seconds.",
                code="vault-source-silent",
                remedy=f"It may wait at a prompt. {_UNLOCK}",
            )
        if failures:
            raise _explained(failures[0]) from failures[0]
        return results[0]


def _platform_backend() -> KeyBackend:
    module, name, _ = _BACKENDS[sys.platform]
    return cast("KeyBackend", getattr(importlib.import_module(module), name)())


def _platform_state() -> str:
    module, name, _ = _BACKENDS[sys.platform]
    if sys.platform != "linux":
        # `priority` raises where the platform's interface is missing.
        return "available" if getattr(importlib.import_module(module), name).priority else "absent"
    return _secret_service_state()


def _secret_service_state() -> str:
    import secretstorage  # takes a moment, and exists on Linux only

    with closing(secretstorage.dbus_init()) as bus:
        if not secretstorage.check_service_availability(bus):
            return "absent"
        try:
            # Not get_default_collection: that one makes a collection, and for it asks at a prompt.
            return "locked" if secretstorage.Collection(bus).is_locked() else "available"
        except secretstorage.ItemNotFoundException:
            return "locked"


def _explained(error: Exception) -> ConfigurationError:
    name = type(error).__name__
    if name in ("KeyringLocked", "InitError", "LockedException", "PromptDismissedException"):
        return ConfigurationError(
            "The operating system's vault is locked.", code="vault-source-locked", remedy=_UNLOCK, detail=name
        )
    return ConfigurationError(
        "The operating system's vault cannot be used.",
        code="vault-source",
        remedy=_CURES.get(sys.platform, "Choose another key source."),
        detail=name,
    )
