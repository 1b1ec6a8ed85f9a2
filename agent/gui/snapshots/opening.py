"""Opens the Runs dialog: one presenter and one scope of calls each, gone when it closes."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QWidget

from agent.gui.bridge import Bridge
from agent.gui.snapshots.dialog import RunsDialog
from agent.gui.snapshots.presenter import RunsPresenter


def open_runs(
    bridge: Bridge,
    flow: str,
    title: str,
    *,
    log: Callable[[str], object],
    parent: QWidget,
    run: str = "",
    search: str = "",
) -> RunsDialog:
    """Show the dialog over a window: with the newest run, or with one of them. `log` shows a run in the log."""
    dialog = RunsDialog(title, parent)
    presenter = RunsPresenter(dialog, bridge.scope(), flow)

    def closed() -> None:
        bridge.happened.disconnect(presenter.on_event)
        presenter.close()

    def show_log(run_id: str) -> None:
        dialog.close()
        log(run_id)

    dialog.run_chosen.connect(presenter.choose_run)
    dialog.look_chosen.connect(presenter.choose_look)
    dialog.searched.connect(presenter.search)
    dialog.more_wanted.connect(presenter.more)
    dialog.packet_chosen.connect(presenter.open_packet)
    dialog.log_clicked.connect(show_log)
    dialog.closed.connect(closed)
    bridge.happened.connect(presenter.on_event)
    presenter.open(run, search)
    dialog.open()
    return dialog
