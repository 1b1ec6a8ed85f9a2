"""Opens the Versions dialog: one presenter and one scope of calls each, gone when it closes."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from agent.gui.bridge import Bridge
from agent.gui.catalog import Catalog
from agent.gui.versions.dialog import VersionsDialog
from agent.gui.versions.presenter import VersionsPresenter


def open_versions(bridge: Bridge, catalog: Catalog, flow: str, title: str, parent: QWidget) -> VersionsDialog:
    """Show the dialog over a window; also for a processflow that is not deployed any more."""
    dialog = VersionsDialog(title, parent)
    presenter = VersionsPresenter(dialog, bridge.scope(), flow, catalog.refresh)

    def closed() -> None:
        bridge.happened.disconnect(presenter.on_event)
        dialog.closed.disconnect(closed)
        presenter.close()

    dialog.compared.connect(presenter.compare)
    dialog.roll_back_confirmed.connect(presenter.roll_back)
    dialog.insisted.connect(presenter.insist)
    dialog.cancel_clicked.connect(presenter.cancel)
    dialog.closed.connect(closed)
    bridge.happened.connect(presenter.on_event)
    presenter.open()
    dialog.open()
    return dialog
