"""Opens the vault's dialog: one presenter and one scope of calls each, gone when it closes."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QWidget

from agent.api import service_models, vault_models
from agent.gui.bridge import Bridge
from agent.gui.vault.dialog import VaultDialog
from agent.gui.vault.presenter import VaultPresenter


class VaultDialogs:
    """`state` is asked at opening; `changed` is told when the vault was opened."""

    def __init__(
        self,
        bridge: Bridge,
        state: Callable[[], service_models.ServiceState | None],
        changed: Callable[[vault_models.Vault], object],
    ) -> None:
        self._bridge, self._state, self._changed = bridge, state, changed
        self._open: list[VaultPresenter] = []

    def on_state(self, state: service_models.ServiceState) -> None:
        """The vault may have changed while the dialog is open."""
        for presenter in list(self._open):
            presenter.on_state(state)

    def open(self, parent: QWidget) -> VaultDialog | None:
        """Show the dialog over a window; nothing to show while the vault is open or its state unknown."""
        state = self._state()
        if state is None or state.vault.state == "open":
            return None
        dialog = VaultDialog(parent)
        scope = self._bridge.scope()
        presenter = VaultPresenter(dialog, scope, self._changed)
        self._open.append(presenter)
        dialog.set_up_clicked.connect(presenter.set_up)
        dialog.unlock_clicked.connect(presenter.unlock)

        def on_closed() -> None:
            scope.cancel_all()
            if presenter in self._open:
                self._open.remove(presenter)

        dialog.closed.connect(on_closed)
        presenter.on_state(state)
        dialog.open()
        return dialog
