"""What this program is, under which terms, and where its licences are."""

from __future__ import annotations

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QWidget

from agent import __version__
from agent.gui import resources
from agent.gui.widgets.buttons import button
from agent.gui.widgets.dialog import Dialog
from agent.gui.widgets.text import Text

_TEXT = (
    "OP Agent is free software under the Apache License 2.0. It uses Qt through PySide6 under the LGPL 3, the fonts "
    "Inter and JetBrains Mono under the SIL Open Font License, and icons of Lucide under the ISC licence."
)


class AboutDialog(Dialog):
    """Opens the folder with the licences on demand."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("OP Agent", f"Version {__version__}", width=460, parent=parent)
        self.body.addWidget(Text(_TEXT, wrap=True))
        self.body.addStretch()
        self.foot.addWidget(button("Show the &licences", self._show_licences))
        self.foot.addStretch()
        close = button("Close", self.close)
        close.setDefault(True)
        self.foot.addWidget(close)

    def _show_licences(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(resources.folder() / "licenses")))
