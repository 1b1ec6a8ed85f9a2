"""Opens the Execute once dialog and starts what was chosen. It closes once the run has begun."""

from __future__ import annotations

from datetime import datetime

from PySide6.QtWidgets import QWidget

from agent.api import flow_models, run_models
from agent.api.rerun_models import ReplayWindow
from agent.gui.bridge import Bridge
from agent.gui.reruns.dialog import Filtered, OnceDialog


def open_once(bridge: Bridge, flow: flow_models.Flow, now: datetime, parent: QWidget) -> OnceDialog:
    """Show the dialog over a window."""
    sources = [(node.id, node.title) for node in flow.nodes if node.type == "get"]
    dialog = OnceDialog(flow.title or flow.name, sources, now, parent)
    calls = bridge.scope()

    def started(_: run_models.Run) -> None:
        dialog.close()

    def run_filtered(chosen: Filtered) -> None:
        dialog.show_busy()
        calls.start(
            lambda client: client.reruns.filtered(flow.name, chosen.clauses, node=chosen.node),
            started,
            dialog.show_error,
        )

    def run_window(window: ReplayWindow) -> None:
        dialog.show_busy()
        calls.start(lambda client: client.reruns.replay(flow.name, window), started, dialog.show_error)

    dialog.filter_chosen.connect(run_filtered)
    dialog.window_chosen.connect(run_window)
    dialog.closed.connect(calls.cancel_all)
    dialog.open()
    return dialog
