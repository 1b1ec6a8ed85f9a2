"""The vault as the service uses it: every secret that leaves it is known to the redactor before anybody has it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress

from agent.domain.errors import AgentError
from agent.domain.secret import Secret
from agent.store.vaults.keeper import VaultKeeper
from agent.store.vaults.redaction import Redactor
from agent.store.vaults.vault import VaultState


class Secrets:
    """Reads and writes the secrets of App Configurations. Thread-safe; calls may take a moment."""

    def __init__(self, keeper: VaultKeeper, redactor: Redactor) -> None:
        self.keeper = keeper
        self._redactor = redactor

    def get(self, name: str) -> Secret | None:
        """The secret of that name. Raises ConfigurationError while the vault is not open."""
        secret = self.keeper.vault.get(name)
        if secret is not None:
            self._redactor.register(secret)
        return secret

    def store(self, values: Mapping[str, Secret]) -> None:
        """Store secrets, all or none. Raises ConfigurationError while the vault is not open."""
        self.know(values.values())
        if values:
            self.keeper.vault.set_many(values)

    def remove(self, names: Iterable[str]) -> None:
        """Remove secrets. Where the vault is lost, they are lost already.

        Raises:
            ConfigurationError: the vault is locked.
        """
        wanted = list(names)
        if not wanted or self.keeper.report().state in {VaultState.MISSING, VaultState.NOT_SET_UP, VaultState.DAMAGED}:
            return
        self.keeper.vault.delete(wanted)

    def know(self, secrets: Iterable[Secret]) -> None:
        """Keep secrets that were typed out of every text from now on."""
        for secret in secrets:
            self._redactor.register(secret)

    def know_passing(self, secret: Secret) -> None:
        """Keep a secret out of every text of whose kind there may be any number."""
        self._redactor.register(secret, passing=True)

    def redact(self, text: str) -> str:
        """A text with dots in the place of secrets."""
        return self._redactor.redact(text)

    def know_all(self) -> None:
        """Keep every stored secret out of every text. Call it whenever the vault was opened."""
        with suppress(AgentError):
            vault = self.keeper.vault
            for name in vault.names():
                secret = vault.get(name)
                if secret is not None:
                    self._redactor.register(secret)
