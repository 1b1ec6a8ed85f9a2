"""Sets the vault up and opens it. A passphrase is handed to the client at once and kept nowhere. No Qt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from pydantic import SecretStr

from agent.api import service_models, vault_models
from agent.domain.errors import AgentError
from agent.gui.calls import Calls

_SHORTEST_PASSPHRASE = 12


class VaultView(Protocol):
    """What the presenter needs of the dialog."""

    def show_vault(self, vault: vault_models.Vault) -> None:
        """Show source, state and cure."""

    def show_busy(self, *, busy: bool) -> None:
        """The service is at it."""

    def show_error(self, message: str) -> None:
        """What is wrong and what to do; the empty text takes it back."""

    def forget(self) -> None:
        """Empty the passphrase fields."""


class VaultPresenter:
    """One dialog. `changed` is called with the vault after it was set up or opened."""

    def __init__(self, view: VaultView, calls: Calls, changed: Callable[[vault_models.Vault], object]) -> None:
        self._view, self._calls, self._changed = view, calls, changed

    def on_state(self, state: service_models.ServiceState) -> None:
        """The service said how the vault is."""
        self._view.show_vault(state.vault)

    def set_up(
        self, source: vault_models.VaultSource, passphrase: str, repeated: str, path: str, start_afresh: bool = False
    ) -> None:
        """Use a source from now on; `start_afresh` gives up what a lost vault held."""
        if source.needs == "passphrase" and len(passphrase) < _SHORTEST_PASSPHRASE:
            self._view.show_error(f"Choose a passphrase of at least {_SHORTEST_PASSPHRASE} characters.")
            return
        if source.needs == "passphrase" and passphrase != repeated:
            self._view.show_error("The two passphrases differ. Enter the same one twice.")
            return
        if source.needs == "path" and not path.strip():
            self._view.show_error("Choose where the key file is to lie.")
            return
        choice = vault_models.VaultSetUp(
            kind=source.kind,
            passphrase=SecretStr(passphrase) if source.needs == "passphrase" else None,
            path=path.strip() if source.needs == "path" else None,
            start_afresh=start_afresh,
        )
        self._begin()
        self._calls.start(lambda client: client.set_up_vault(choice), self._on_vault, self._on_failed)

    def unlock(self, passphrase: str | None) -> None:
        """Open a locked vault, or try again."""
        self._begin()
        self._calls.start(lambda client: client.unlock_vault(passphrase), self._on_vault, self._on_failed)

    def _begin(self) -> None:
        self._view.show_error("")
        self._view.show_busy(busy=True)

    def _on_vault(self, vault: vault_models.Vault) -> None:
        self._view.show_busy(busy=False)
        self._view.forget()
        self._changed(vault)
        self._view.show_vault(vault)

    def _on_failed(self, error: AgentError) -> None:
        self._view.show_busy(busy=False)
        self._view.show_error(f"{error.message} {error.remedy}".strip())
