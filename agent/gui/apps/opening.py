"""Opens credential forms: one presenter and one scope of calls each, gone when the form closes."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QWidget

from agent.api import app_models, configuration_models, service_models
from agent.gui.apps.credential_form import CredentialForm
from agent.gui.apps.credential_presenter import CredentialPresenter
from agent.gui.bridge import Bridge


class CredentialForms:
    """`state` is asked for the vault at opening, `open_vault` leads to its cure; `saved` is told of each Save."""

    def __init__(
        self,
        bridge: Bridge,
        state: Callable[[], service_models.ServiceState | None],
        open_vault: Callable[[QWidget], object],
        saved: Callable[[configuration_models.Configuration], object],
    ) -> None:
        self._bridge, self._state, self._open_vault, self._saved = bridge, state, open_vault, saved
        self._open: list[CredentialForm] = []

    def on_state(self, state: service_models.ServiceState) -> None:
        """The vault may have changed while a form is open."""
        for form in self._open:
            form.vault.show_vault(state.vault)

    def open(
        self,
        parent: QWidget,
        app: app_models.App,
        configuration: configuration_models.Configuration | None,
        saved: Callable[[configuration_models.Configuration], object] | None = None,
        *,
        validate: bool = False,
    ) -> CredentialForm:
        """Show a form over the window; with `validate`, test what is stored at once."""
        form = CredentialForm(app, configuration, parent)
        scope = self._bridge.scope()

        def on_saved(stored: configuration_models.Configuration) -> None:
            self._saved(stored)
            if saved is not None:
                saved(stored)

        presenter = CredentialPresenter(form, scope, app, configuration, on_saved)
        self._open.append(form)
        form.validate_clicked.connect(presenter.validate)
        form.save_clicked.connect(presenter.save)
        form.cancel_clicked.connect(presenter.cancel)
        form.edited.connect(presenter.edited)
        form.vault_clicked.connect(lambda: self._open_vault(form))

        def on_closed() -> None:
            presenter.close()  # this closure also keeps the presenter: signals hold methods weakly
            if form in self._open:
                self._open.remove(form)

        form.closed.connect(on_closed)
        state = self._state()
        if state is not None:
            form.vault.show_vault(state.vault)
        form.open()
        if validate:
            presenter.validate(form.entered())
        return form
