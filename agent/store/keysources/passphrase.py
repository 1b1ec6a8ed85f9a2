"""A passphrase that a person types at every start. It is stored nowhere; the vault's header holds salt and cost."""

from __future__ import annotations

import base64
import binascii
import os
import unicodedata
from collections.abc import Mapping

from argon2.low_level import Type, hash_secret_raw

from agent.domain.errors import ConfigurationError
from agent.domain.secret import Secret
from agent.store.keysources.source import NewKey, SourceReport
from agent.store.vaults.file import KEY_BYTES, DamagedVaultError

SHORTEST_PASSPHRASE = 12
_SALT_BYTES = 16
_MEMORY_KIB, _PASSES, _LANES = 64 * 1_024, 3, 2
# The header is read before anything proves it genuine: it must not make us work for ever.
_MOST = {"memory_kib": 1_024 * 1_024, "passes": 20, "lanes": 16}


class Passphrase:
    """The key is derived with Argon2id. Without a passphrase the vault stays locked."""

    kind = "passphrase"

    def __init__(self, passphrase: Secret | None) -> None:
        self._passphrase = passphrase

    def report(self) -> SourceReport:
        """Works everywhere."""
        return SourceReport(
            self.kind,
            "A passphrase, typed at each start",
            works=True,
            needs="passphrase",
            state="available",
            cure="" if self._passphrase else "Enter the passphrase. Nobody can recover it when it is forgotten.",
        )

    def key(self, parameters: Mapping[str, str]) -> bytes:
        """The key of the passphrase that was typed; whether it is the right one shows at the vault."""
        if not self._passphrase:
            raise ConfigurationError(
                "The vault is locked with a passphrase.",
                code="vault-passphrase-needed",
                remedy="Enter it under Settings → Vault.",
                field="passphrase",
            )
        try:
            salt = base64.b64decode(parameters["salt"], validate=True)
            cost = {name: int(parameters[name]) for name in _MOST}
        except (KeyError, ValueError, binascii.Error):
            raise DamagedVaultError("The header lacks salt or cost.") from None
        if len(salt) < _SALT_BYTES or any(not 0 < cost[name] <= most for name, most in _MOST.items()):
            raise DamagedVaultError("Salt or cost in the header are out of range.")
        return _derived(self._passphrase, salt, **cost)

    def new_key(self) -> NewKey:
        """A key of this passphrase under a fresh salt.

        Raises:
            ConfigurationError: code `vault-passphrase-short`.
        """
        if self._passphrase is None or len(self._passphrase.reveal()) < SHORTEST_PASSPHRASE:
            raise ConfigurationError(
                "The passphrase is too short.",
                code="vault-passphrase-short",
                remedy=f"Choose one of at least {SHORTEST_PASSPHRASE} characters.",
                field="passphrase",
            )
        salt = os.urandom(_SALT_BYTES)
        parameters = {
            "kind": self.kind,
            "salt": base64.b64encode(salt).decode("ascii"),
            "memory_kib": str(_MEMORY_KIB),
            "passes": str(_PASSES),
            "lanes": str(_LANES),
        }
        return NewKey(
            _derived(self._passphrase, salt, memory_kib=_MEMORY_KIB, passes=_PASSES, lanes=_LANES), parameters
        )

    def retire(self, parameters: Mapping[str, str]) -> None:
        """Nothing was kept."""


def _derived(passphrase: Secret, salt: bytes, *, memory_kib: int, passes: int, lanes: int) -> bytes:
    # Keyboards of different systems send the same letter in different forms.
    text = unicodedata.normalize("NFC", passphrase.reveal()).encode("utf-8")
    return hash_secret_raw(
        text,
        salt,
        time_cost=passes,
        memory_cost=max(memory_kib, 8 * lanes),
        parallelism=lanes,
        hash_len=KEY_BYTES,
        type=Type.ID,
    )
