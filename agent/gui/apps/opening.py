"""Opens credential forms: one presenter, one scope of calls and one vault box each, gone when the form closes."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QWidget

from agent.api import models
from agent.gui.apps.credential_form import CredentialForm
from agent.gui.apps.credential_presenter import CredentialPresenter
from agent.gui.bridge import Bridge
from agent.gui.vault.presenter import VaultPresenter


class CredentialForms:
    """`state` is asked for the vault at opening; `saved` is told of each Save."""

    def __init__(
        self,
        bridge: Bridge,
        state: Callable[[], models.ServiceState | None],
        vault_changed: Callable[[models.Vault], object],
        saved: Callable[[models.Configuration], object],
    ) -> None:
        self._bridge, self._state, self._vault_changed, self._saved = bridge, state, vault_changed, saved
        self._open: list[VaultPresenter] = []

    def on_state(self, state: models.ServiceState) -> None:
        """The vault may have changed while a form is open."""
        for presenter in self._open:
            presenter.on_state(state)

    def open(
        self,
        parent: QWidget,
        app: models.App,
        configuration: models.Configuration | None,
        saved: Callable[[models.Configuration], object] | None = None,
    ) -> CredentialForm:
        """Show a form over the window."""
        form = CredentialForm(app, configuration, parent)
        scope = self._bridge.scope()

        def on_saved(stored: models.Configuration) -> None:
            self._saved(stored)
            if saved is not None:
                saved(stored)

        presenter = CredentialPresenter(form, scope, app, configuration, on_saved)
        vault_scope = self._bridge.scope()
        vault = VaultPresenter(form.vault, vault_scope, self._vault_changed)
        self._open.append(vault)
        form.validate_clicked.connect(presenter.validate)
        form.save_clicked.connect(presenter.save)
        form.cancel_clicked.connect(presenter.cancel)
        form.edited.connect(presenter.edited)
        form.vault.set_up_clicked.connect(vault.set_up)
        form.vault.unlock_clicked.connect(vault.unlock)

        def on_closed() -> None:
            presenter.close()  # this closure also keeps the presenter: signals hold methods weakly
            vault_scope.cancel_all()
            if vault in self._open:
                self._open.remove(vault)

        form.closed.connect(on_closed)
        state = self._state()
        if state is not None:
            vault.on_state(state)
        form.open()
        return form
