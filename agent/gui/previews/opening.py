"""Opens the Preview dialog: one presenter and one scope of calls each, gone when it closes."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QWidget

from agent.api.preview_models import USUAL_LIMIT
from agent.gui.bridge import Bridge
from agent.gui.previews.dialog import PreviewDialog
from agent.gui.previews.presenter import PreviewPresenter


def open_preview(
    bridge: Bridge,
    flow: str,
    title: str,
    *,
    execute: Callable[[str], object],
    say: Callable[[str], object],
    parent: QWidget,
) -> PreviewDialog:
    """Show the dialog over a window, and begin to read."""
    dialog = PreviewDialog(title, parent)
    presenter = PreviewPresenter(dialog, bridge.scope(), flow, execute)
    dialog.outcome_chosen.connect(presenter.choose)
    dialog.more_wanted.connect(presenter.more)
    dialog.cancel_clicked.connect(presenter.cancel)
    dialog.everything_clicked.connect(lambda: presenter.start(0))
    dialog.execute_clicked.connect(presenter.execute)
    dialog.copied.connect(lambda: say("Copied"))
    dialog.closed.connect(presenter.close)
    presenter.start(USUAL_LIMIT)
    dialog.open()
    return dialog
