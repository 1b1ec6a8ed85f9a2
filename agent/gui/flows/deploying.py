"""Opens Deploy dialogs and wires each to a presenter of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from PySide6.QtWidgets import QWidget

from agent.api import configuration_models
from agent.api.package_models import LibraryFlowDetail
from agent.gui.apps.opening import CredentialForms
from agent.gui.bridge import Bridge
from agent.gui.catalog import Catalog
from agent.gui.flows.deploy_dialog import DeployDialog
from agent.gui.flows.deploy_presenter import DeployPresenter, Token

_LARGEST_BYTES = 5_000_000


class Deployments:
    """`execute` starts a run; `open_settings` leads to Enable Environment."""

    def __init__(
        self,
        bridge: Bridge,
        catalog: Catalog,
        forms: CredentialForms,
        execute: Callable[[str], object],
        open_settings: Callable[[], object],
    ) -> None:
        self._bridge, self._catalog, self._forms = bridge, catalog, forms
        self._execute, self._open_settings = execute, open_settings

    def open(self, parent: QWidget, redeploy: str = "", *, library: LibraryFlowDetail | None = None) -> DeployDialog:
        """Show the dialog over the window: for a new processflow, to redeploy one, or with one of the library."""
        dialog = DeployDialog(parent)
        scope = self._bridge.scope()
        presenter = DeployPresenter(dialog, scope, self._catalog, self._execute)

        def read(path: str) -> None:
            async def load(_: object) -> str:
                return await asyncio.to_thread(_read, Path(path))

            scope.start(
                load,
                lambda text: presenter.choose_document(text, Path(path).name),
                lambda error: presenter.refuse_file(Path(path).name, error.detail),
            )

        def create(token: Token) -> None:
            def saved(stored: configuration_models.Configuration) -> None:
                presenter.bind(token.name, stored.id)
                self._catalog.refresh()

            if token.app is not None:
                self._forms.open(dialog, token.app, None, saved)

        def closed() -> None:
            self._bridge.happened.disconnect(presenter.on_event)
            dialog.closed.disconnect(closed)
            presenter.close()

        dialog.sample_chosen.connect(presenter.choose_sample)
        dialog.file_chosen.connect(read)
        dialog.bound.connect(presenter.bind)
        dialog.create_clicked.connect(create)
        dialog.deploy_clicked.connect(presenter.deploy)
        dialog.insisted.connect(presenter.insist)
        dialog.cancel_clicked.connect(presenter.cancel)
        dialog.execute_clicked.connect(presenter.execute)
        dialog.settings_clicked.connect(self._open_settings)
        dialog.closed.connect(closed)
        self._bridge.happened.connect(presenter.on_event)
        presenter.open(redeploy)
        if library is not None:
            presenter.choose_library(library)
        dialog.open()
        return dialog


def _read(path: Path) -> str:
    if path.stat().st_size > _LARGEST_BYTES:
        raise ValueError("the file is too large")
    return path.read_text("utf-8")
