"""Opens the Schedule dialog: one presenter and one scope of calls each, gone when it closes."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QWidget

from agent.api import schedule_models
from agent.gui import formats
from agent.gui.bridge import Bridge
from agent.gui.schedules.dialog import ScheduleDialog
from agent.gui.schedules.presenter import SchedulePresenter


def open_schedule(
    bridge: Bridge, flow: str, title: str, say: Callable[[str], object], parent: QWidget
) -> ScheduleDialog:
    """Show the dialog over a window."""
    dialog = ScheduleDialog(title, parent)
    presenter = SchedulePresenter(dialog, bridge.scope(), flow, say=say, local=_local)
    dialog.edited.connect(presenter.explain)
    dialog.save_clicked.connect(presenter.save)
    dialog.closed.connect(lambda: presenter.close())  # noqa: PLW0108 - signals hold methods weakly, this holds it
    presenter.open()
    dialog.open()
    return dialog


def _local(preview: schedule_models.SchedulePreview) -> list[str]:
    return [formats.local(moment) for moment in preview.times]
