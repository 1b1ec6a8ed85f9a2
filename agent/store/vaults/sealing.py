"""Seals texts that have to lie in the database: under a key of their own, which is kept in the vault.

So they are as safe as the vault, and stay readable when the vault's own key is replaced. A sealed text is bound to what
it belongs to: put elsewhere, it does not open.
"""

from __future__ import annotations

import base64
import binascii
import os
import threading
from collections.abc import Mapping
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from agent.domain.errors import ConfigurationError
from agent.domain.secret import Secret

KEY_NAME: Final = "variables/key"
"""The name of the key in the vault."""
_KEY_BYTES = 32
_NONCE_BYTES = 12


class SecretKeeper(Protocol):
    """The vault, as far as sealing needs it. Every method raises ConfigurationError while it is not open."""

    def get(self, name: str) -> Secret | None: ...

    def store(self, values: Mapping[str, Secret]) -> None: ...

    def know_passing(self, secret: Secret) -> None:
        """Keep it out of every text from now on, one of any number."""
        ...


class Sealer:
    """Seals and opens texts. Thread-safe. Whoever knows their form keeps them out of other texts: `know`."""

    def __init__(self, secrets: SecretKeeper) -> None:
        self._secrets = secrets
        self._lock = threading.Lock()

    def seal(self, text: Secret, *, to: str) -> str:
        """The text, sealed and bound to what `to` names.

        Raises:
            ConfigurationError: the vault is not open.
        """
        nonce = os.urandom(_NONCE_BYTES)
        sealed = AESGCM(self._key(make=True)).encrypt(nonce, text.reveal().encode(), to.encode())
        return base64.b64encode(nonce + sealed).decode("ascii")

    def open(self, sealed: str, *, to: str) -> Secret:
        """The text that was sealed.

        Raises:
            ConfigurationError: the vault is not open; code `seal-broken`: it was sealed for another vault or place.
        """
        key = self._key(make=False)
        try:
            content = base64.b64decode(sealed, validate=True)
            text = Secret(AESGCM(key).decrypt(content[:_NONCE_BYTES], content[_NONCE_BYTES:], to.encode()).decode())
        except (InvalidTag, binascii.Error, ValueError):
            raise _broken() from None
        return text

    def know(self, text: Secret) -> None:
        """Keep a text out of every other one from now on."""
        self._secrets.know_passing(text)

    def _key(self, *, make: bool) -> bytes:
        with self._lock:
            known = self._secrets.get(KEY_NAME)
            if known is None:
                if not make:
                    raise _broken()
                known = Secret(base64.b64encode(os.urandom(_KEY_BYTES)).decode("ascii"))
                self._secrets.store({KEY_NAME: known})
            return base64.b64decode(known.reveal())


def _broken() -> ConfigurationError:
    return ConfigurationError(
        "An encrypted value was sealed for another vault and cannot be opened.",
        code="seal-broken",
        remedy="Set it again with “opagent variable set”.",
    )
