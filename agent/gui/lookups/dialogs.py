"""The dialogs of Lookups: one row, and what importing a file would do."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QLineEdit, QPlainTextEdit, QWidget

from agent.api.lookup_models import ImportReport, LookupImport, LookupRow
from agent.domain.lookup import MOST_CHARACTERS, MOST_SOURCE_CHARACTERS, LookupType
from agent.gui import formats
from agent.gui.tones import Tone
from agent.gui.widgets.banner import Banner
from agent.gui.widgets.buttons import button
from agent.gui.widgets.dialog import Dialog
from agent.gui.widgets.fact_grid import FactGrid
from agent.gui.widgets.field_row import FieldRow
from agent.gui.widgets.inputs import ChoiceInput

_TYPES = {
    LookupType.TEXT: "Text",
    LookupType.INTEGER: "Whole number",
    LookupType.DECIMAL: "Number",
    LookupType.BOOLEAN: "Yes or no (true, false)",
}


class RowDialog(Dialog):
    """Edits one row. `on_accept` gets it."""

    def __init__(
        self, row: LookupRow | None, *, on_accept: Callable[[LookupRow], object], parent: QWidget | None = None
    ) -> None:
        super().__init__("Edit the row" if row else "Add a row", width=460, parent=parent)
        self.source, self.destination, self.description = QLineEdit(), QLineEdit(), QLineEdit()
        self.source.setMaxLength(MOST_SOURCE_CHARACTERS)
        self.type = ChoiceInput()
        for kind, word in _TYPES.items():
            self.type.addItem(word, kind.value)
        for field in (self.destination, self.description):
            field.setMaxLength(MOST_CHARACTERS)
        self.body.addWidget(
            FieldRow("&Source value", self.source, required=True, help_text="As the source app writes it, with case.")
        )
        self.body.addWidget(FieldRow("&Destination value", self.destination, help_text="What stands for it."))
        self.body.addWidget(FieldRow("&Type of the destination value", self.type))
        self.body.addWidget(FieldRow("D&escription", self.description))
        self.cancel_button = button("Cancel", self.reject)
        self.accept_button = button("&Save", self.accept, kind="primary")
        self.accept_button.setDefault(True)
        self.foot.addStretch()
        self.foot.addWidget(self.cancel_button)
        self.foot.addWidget(self.accept_button)
        if row is not None:
            self.source.setText(row.source)
            self.destination.setText(row.destination)
            self.type.setCurrentIndex(self.type.findData(row.type.value))
            self.description.setText(row.description)
        self.source.textChanged.connect(lambda _: self._show_ready())
        self._show_ready()
        self.accepted.connect(lambda: on_accept(self.row()))
        (self.destination if row else self.source).setFocus()

    def row(self) -> LookupRow:
        """What was typed."""
        return LookupRow(
            source=self.source.text().strip(), destination=self.destination.text().strip(),
            type=LookupType(self.type.currentData()), description=self.description.text().strip(),
        )  # fmt: skip

    def _show_ready(self) -> None:
        self.accept_button.setEnabled(bool(self.source.text().strip()))


class ImportDialog(Dialog):
    """What an import would do. Emits the file again with another choice, and when it is to be imported."""

    choice_changed = Signal(object)
    import_clicked = Signal(object)

    def __init__(self, table: str, parent: QWidget | None = None) -> None:
        super().__init__(
            f"Import into “{table}”", "Nothing is changed before you press Import.", width=560, parent=parent
        )
        self.table = table
        self._file: LookupImport | None = None
        self.banner = Banner()
        self.body.addWidget(self.banner)
        self.facts = FactGrid()
        self.body.addWidget(self.facts)
        self.clear = QCheckBox("&Remove first what the table holds")
        self.clear.toggled.connect(self._on_clear)
        self.body.addWidget(self.clear)
        self.problems = QPlainTextEdit()
        self.problems.setReadOnly(True)
        self.problems.setTabChangesFocus(True)
        self.problems.setAccessibleName("Rows that cannot be imported, and rows that are left out")
        self.problems.setFixedHeight(150)
        self.body.addWidget(self.problems)
        self.body.addStretch()
        self.cancel_button = button("Cancel", self.close)
        self.import_button = button("&Import", self._on_import, kind="primary", picture="upload")
        self.import_button.setDefault(True)
        self.foot.addStretch()
        self.foot.addWidget(self.cancel_button)
        self.foot.addWidget(self.import_button)

    def show_report(self, file: LookupImport, report: ImportReport) -> None:
        """What it would do."""
        self._file = file
        self.facts.show_facts(
            [
                ("New rows", formats.number(report.added)), ("Changed", formats.number(report.changed)),
                ("Equal", formats.number(report.unchanged)), ("Removed", formats.number(report.removed)),
            ]
        )  # fmt: skip
        if report.bad_rows:
            count = formats.plural(report.bad_rows, "row")
            self.banner.show_message(
                Tone.ERROR, f"{count} of {file.name} cannot be imported", "Correct the file, then choose it again."
            )
        else:
            self.banner.show_message(Tone.OK, "", f"{file.name} can be imported.")
        found = [f"Line {one.line}: {one.reason}" for one in (*report.bad, *report.duplicates)]
        hidden = report.bad_rows + report.duplicate_rows - len(found)
        found += [f"… and {formats.number(hidden)} more"] if hidden > 0 else []
        self.problems.setPlainText("\n".join(found))
        self.problems.setVisible(bool(found))
        self.clear.setEnabled(True)
        self.import_button.setEnabled(not report.bad_rows and bool(report.added or report.changed or report.removed))
        self.fit_soon()

    def _on_clear(self, checked: bool) -> None:
        if self._file is not None:
            self.clear.setEnabled(False)
            self.import_button.setEnabled(False)
            self.choice_changed.emit(self._file.model_copy(update={"clear": checked}))

    def _on_import(self) -> None:
        if self._file is not None:
            self.import_clicked.emit(self._file)
            self.close()
