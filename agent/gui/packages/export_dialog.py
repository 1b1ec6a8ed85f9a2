"""The dialog that asks what a package is to hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtWidgets import QCheckBox, QFileDialog, QLineEdit, QRadioButton, QVBoxLayout, QWidget

from agent.api.flow_models import Flow
from agent.gui.widgets.buttons import button
from agent.gui.widgets.dialog import Dialog
from agent.gui.widgets.field_row import FieldRow
from agent.gui.widgets.text import Text


class ExportPackageDialog(Dialog):
    """Asks for a title, the processflows and a file. Emits nothing: `on_export` gets file, title and names, or None
    for everything."""

    def __init__(
        self,
        flows: Sequence[Flow],
        *,
        on_export: Callable[[Path, str, Sequence[str] | None], object],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(
            "Export a package",
            "One file for another agent, or to keep. It never holds secrets, nor anything else of an App "
            "Configuration.",
            width=560, parent=parent,
        )  # fmt: skip
        self._on_export = on_export
        self.title = QLineEdit()
        self.title.setMaxLength(200)
        self.body.addWidget(
            FieldRow("&Title", self.title, help_text="What the package is called where it is imported.")
        )
        self.everything = QRadioButton("&Everything: processflows, lookup tables, functions and filter templates")
        self.some = QRadioButton("&These processflows, with the tables, functions and templates that they need")
        self.everything.setChecked(True)
        self.some.setEnabled(bool(flows))
        self.body.addWidget(self.everything)
        self.body.addWidget(self.some)
        holder = QWidget()
        column = QVBoxLayout(holder)
        column.setContentsMargins(26, 0, 0, 0)
        column.setSpacing(8)
        self.choices: dict[str, QCheckBox] = {}
        for flow in flows:
            choice = QCheckBox((flow.title or flow.name).replace("&", "&&"))
            choice.setToolTip(flow.name)
            choice.toggled.connect(lambda _: self._show_ready())
            column.addWidget(choice)
            self.choices[flow.name] = choice
        if not flows:
            column.addWidget(Text("No processflow is deployed.", "muted"))
        self.body.addWidget(holder)
        self.body.addStretch()
        self.cancel_button = button("Cancel", self.close)
        self.save_button = button("&Save as…", self._ask_file, kind="primary", picture="download")
        self.save_button.setDefault(True)
        self.foot.addStretch()
        self.foot.addWidget(self.cancel_button)
        self.foot.addWidget(self.save_button)
        self.some.toggled.connect(lambda _: self._show_ready())
        self._show_ready()
        self.title.setFocus()

    def chosen(self) -> list[str] | None:
        """The names of the processflows; None for everything."""
        if self.everything.isChecked():
            return None
        return [name for name, choice in self.choices.items() if choice.isChecked()]

    def save(self, path: Path) -> None:
        """Export into this file."""
        chosen, title = self.chosen(), self.title.text().strip()
        self.close()
        self._on_export(path, title, chosen)

    def _show_ready(self) -> None:
        for choice in self.choices.values():
            choice.setEnabled(self.some.isChecked())
        self.save_button.setEnabled(self.chosen() != [])

    def _ask_file(self) -> None:
        dialog = QFileDialog(self, "Save the package", str(Path.home() / "package.zip"), "Packages (*.zip)")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("zip")
        dialog.fileSelected.connect(lambda file: self.save(Path(file)))
        dialog.open()
