"""The Clear dialog."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QWidget

from agent.api import clearing_models
from agent.domain.errors import AgentError
from agent.gui import formats
from agent.gui.tones import Tone
from agent.gui.widgets.banner import Banner
from agent.gui.widgets.buttons import button
from agent.gui.widgets.card import Card
from agent.gui.widgets.dialog import Dialog
from agent.gui.widgets.text import Text, line

_WHAT = {
    clearing_models.ClearTarget.TEMP: "Packets and spool that only diagnosis needs.",
    clearing_models.ClearTarget.CACHE: "Schemas, lookups and compiled processflows. They are built again when needed.",
}


class ClearDialog(Dialog):
    """Emits the operator's answers."""

    clear_clicked = Signal()
    redeploy_clicked = Signal()

    def __init__(self, target: clearing_models.ClearTarget, parent: QWidget | None = None) -> None:
        self._word = target.value.capitalize()
        super().__init__(f"Clear {self._word}", _WHAT[target], width=480, parent=parent)
        self._card = Card()
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(18)
        self._grid.setVerticalSpacing(8)
        self._grid.setColumnStretch(0, 1)
        self._card.body.addLayout(self._grid)
        self._card.hide()
        self.body.addWidget(self._card)
        self._kept = Text("", "small", wrap=True)
        self._kept.hide()
        self.body.addWidget(self._kept)
        self.banner = Banner()
        self.body.addWidget(self.banner)
        self.body.addStretch()
        self.cancel_button = button("Cancel", self.close)
        self.clear_button = button(f"&Clear {self._word}", self.clear_clicked.emit, kind="danger", picture="trash-2")
        self.redeploy_button = button("&Redeploy all", self.redeploy_clicked.emit, kind="primary", picture="upload")
        self.foot.addStretch()
        for control in (self.cancel_button, self.clear_button, self.redeploy_button):
            self.foot.addWidget(control)
        self.clear_button.setEnabled(False)
        self.redeploy_button.hide()
        self.cancel_button.setDefault(True)

    def show_busy(self, text: str) -> None:
        """The service is at it."""
        self.clear_button.setEnabled(False)
        self.redeploy_button.setEnabled(False)
        self.banner.show_message(Tone.BUSY, "", text)
        self.fit_soon()

    def show_preview(self, report: clearing_models.ClearReport) -> None:
        """What would go."""
        for row, place in enumerate(report.places):
            self._grid_row(row, place.label, formats.plural(place.files, "file"), formats.size(place.bytes), "")
        last = len(report.places)
        self._grid.addWidget(line(), last, 0, 1, 3)
        self._grid_row(
            last + 1, "Would go in all", formats.plural(report.files, "file"), formats.size(report.bytes), "strong"
        )
        self._card.show()
        self._kept.setText(report.kept)
        self._kept.setVisible(bool(report.kept))
        self.banner.hide()
        self.clear_button.setEnabled(report.files > 0 or report.bytes > 0)
        if not self.clear_button.isEnabled():
            self.banner.show_message(Tone.OK, "", "There is nothing to clear.")
        self.fit_soon()

    def show_cleared(self, report: clearing_models.ClearReport, flows: int) -> None:
        """What went."""
        offer = ""
        if flows:
            offer = "Redeploy the processflows now, so that they are built anew, or leave it: they go on as they are."
        self.banner.show_message(
            Tone.OK, f"Cleared {formats.plural(report.files, 'file')}, {formats.size(report.bytes)}", offer
        )
        self._card.hide()
        self._kept.setText(report.kept)
        self.clear_button.hide()
        self.cancel_button.setText("Close")
        self.cancel_button.setAccessibleName("Close")
        self.redeploy_button.setVisible(flows > 0)
        self.redeploy_button.setEnabled(True)
        self.fit_soon()

    def show_redeployed(self, title: str, left: int) -> None:
        """One processflow is deployed again."""
        self.show_busy(f"{title} is redeployed. {formats.plural(left, 'processflow')} to go …")

    def show_all_redeployed(self) -> None:
        """All are."""
        self.redeploy_button.hide()
        self.banner.show_message(Tone.OK, "Redeployed", "Every processflow is deployed again.")
        self.cancel_button.setFocus()
        self.fit_soon()

    def show_error(self, error: AgentError) -> None:
        """What failed and what to do."""
        self.banner.show_error(error)
        self.fit_soon()

    def _grid_row(self, row: int, label: str, files: str, size: str, role: str) -> None:
        for column, text in enumerate((label, files, size)):
            found = Text(text, role)
            if column:
                found.setAlignment(Qt.AlignmentFlag.AlignRight)
            self._grid.addWidget(found, row, column)
