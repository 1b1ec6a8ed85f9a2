"""Lookups on screen."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QMenu, QStackedWidget

from agent.api.lookup_models import ImportReport, LookupImport, LookupRow, LookupTable
from agent.gui import formats
from agent.gui.lookups.dialogs import ImportDialog, RowDialog
from agent.gui.widgets.buttons import button, menu_button
from agent.gui.widgets.dialog import ConfirmDialog
from agent.gui.widgets.empty_state import EmptyState
from agent.gui.widgets.inputs import ChoiceInput, SearchInput
from agent.gui.widgets.page import Page
from agent.gui.widgets.question import LineDialog
from agent.gui.widgets.rows_model import Line, RowsModel
from agent.gui.widgets.spinner import Spinner
from agent.gui.widgets.table import CellDelegate, Table
from agent.gui.widgets.text import Text

_ROWS_AHEAD = 40
_FILES = "Tables (*.xlsx *.csv);;Excel (*.xlsx);;CSV (*.csv)"


class LookupsPage(Page):
    """Emits what was chosen."""

    table_chosen = Signal(str)
    searched = Signal(str)
    more_wanted = Signal()
    table_named = Signal(str)
    description_given = Signal(str)
    row_given = Signal(object, str)
    rows_removed = Signal(object)
    cleared = Signal()
    removed = Signal()
    file_chosen = Signal(object)
    import_looked_at = Signal(str, object)
    import_confirmed = Signal(str, object)
    export_chosen = Signal(object)

    def __init__(self) -> None:
        super().__init__(
            "Lookups", "Tables that say which value stands for which: DE for Germany. Processflows use them by name."
        )
        self._filling = self._more = False
        self._tables: list[LookupTable] = []
        self.body.addLayout(self._build_choice())
        self._about = Text("", "muted", wrap=True)
        self.body.addWidget(self._about)
        self.body.addLayout(self._build_actions())
        self.model = RowsModel(("Source value", "Destination value", "Type", "Description"), self)
        self.table = Table("Rows", (240, 260, 110, 240), stretch=3)
        self.table.use(self.model, CellDelegate(self.model, muted=frozenset({2, 3})))
        self.table.setSelectionMode(Table.SelectionMode.ExtendedSelection)
        self.table.activated.connect(lambda _: self._edit())
        self.table.selectionModel().selectionChanged.connect(lambda *_: self._show_actions())
        self.table.verticalScrollBar().valueChanged.connect(lambda _: self._on_scrolled())
        self._stack = QStackedWidget()
        self._stack.addWidget(self.table)
        self.no_rows = EmptyState("table", "No row yet", "Add a row, or import an Excel or CSV file.")
        self._stack.addWidget(self.no_rows)
        self.empty = EmptyState(
            "table", "No lookup table yet",
            "A lookup table says which destination value stands for a source value. The samples bring their own.",
            ("New table…", self._ask_name), picture_of_action="plus",
        )  # fmt: skip
        self._stack.addWidget(self.empty)
        self.body.addWidget(self._stack, 1)
        self._show_actions()

    def show_tables(self, tables: list[LookupTable], chosen: str) -> None:
        """Every table."""
        self._filling, self._tables = True, tables
        self.choice.clear()
        for one in tables:
            self.choice.addItem(f"{one.name}  ·  {formats.plural(one.rows, 'row')}", one.name)
        self.choice.setCurrentIndex(self.choice.findData(chosen))
        self._filling = False
        for control in (self.choice, self.search):
            control.setEnabled(bool(tables))
        self._show_about()
        self._show_actions()
        if not tables:
            self._stack.setCurrentWidget(self.empty)

    def show_rows(self, rows: list[LookupRow], *, more: bool) -> None:
        """Show these rows instead."""
        self._more = more
        self.model.show_lines([])
        self.model.show_lines([_line(row) for row in rows])
        if self._tables:
            none = "No row matches" if self.search.text() else "No row yet"
            self.no_rows.show_text(none, "Add a row, or import an Excel or CSV file.")
            self._stack.setCurrentWidget(self.table if rows else self.no_rows)
        self._show_actions()
        QTimer.singleShot(0, self, self._on_scrolled)

    def add_rows(self, rows: list[LookupRow], *, more: bool) -> None:
        """Show more at the end."""
        self._more = more
        self.model.append_lines([_line(row) for row in rows])

    def show_import(self, table: str, file: LookupImport, report: ImportReport) -> None:
        """What importing a file would do: ask, or bring the question up to date."""
        open_now = [one for one in self.window().findChildren(ImportDialog) if one.isVisible()]
        if open_now:
            open_now[-1].show_report(file, report)
            return
        dialog = ImportDialog(table, self.window())
        dialog.choice_changed.connect(lambda changed: self.import_looked_at.emit(table, changed))
        dialog.import_clicked.connect(lambda wanted: self.import_confirmed.emit(table, wanted))
        dialog.show_report(file, report)
        dialog.open()

    def show_busy(self, *, busy: bool) -> None:
        """A question is under way."""
        self._spinner.setVisible(busy)

    def focus_search(self) -> None:
        """Ctrl+F."""
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()

    # -- building --------------------------------------------------------------------------------------------------

    def _build_choice(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        self.choice = ChoiceInput("Lookup table", least_characters=30)
        self.choice.setPlaceholderText("No table yet")
        self.choice.currentIndexChanged.connect(self._on_choice)
        row.addWidget(self.choice)
        self.search = SearchInput("Search the rows", "Search source, destination or description   (Ctrl+F)")
        self.search.searched.connect(self.searched)
        row.addWidget(self.search, 1)
        return row

    def _build_actions(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        self.add = button("&Add a row…", self._add, picture="plus")
        self.edit = button("&Edit…", self._edit, picture="pencil")
        self.delete = button("Remove…", self._ask_remove_rows)
        self.import_button = button("&Import…", self._ask_file, picture="upload")
        self.export_button = button("E&xport…", self._ask_export, picture="download")
        menu = QMenu(self)
        self.new_table = menu.addAction("New table…", self._ask_name)
        self.describe = menu.addAction("Describe this table…", self._ask_description)
        menu.addSeparator()
        self.clear = menu.addAction("Remove all rows…", self._ask_clear)
        self.remove = menu.addAction("Remove this table…", self._ask_remove)
        self.more_actions = menu_button("More", menu)
        self._spinner = Spinner(16)
        self._spinner.hide()
        for control in (self.add, self.edit, self.delete):
            row.addWidget(control)
        row.addWidget(self._spinner)
        row.addStretch()
        for control in (self.import_button, self.export_button):
            row.addWidget(control)
        row.addWidget(self.more_actions)
        return row

    # -- what is chosen --------------------------------------------------------------------------------------------

    def _table_now(self) -> LookupTable | None:
        return next((one for one in self._tables if one.name == self.choice.currentData()), None)

    def _selected(self) -> list[LookupRow]:
        rows = sorted(index.row() for index in self.table.selectionModel().selectedRows())
        values = [self.model.line(row).value for row in rows]
        return [value for value in values if isinstance(value, LookupRow)]

    def _show_about(self) -> None:
        table = self._table_now()
        self._about.setVisible(table is not None)
        if table is None:
            return
        used = f"Used by {', '.join(table.used_by)}" if table.used_by else "No deployed processflow uses it"
        changed = f"changed {formats.local(table.changed_at)} by {table.changed_by}"
        self._about.setText(" · ".join(part for part in (table.description, used, changed) if part))

    def _show_actions(self) -> None:
        there, selected = self._table_now() is not None, len(self._selected())
        for control in (self.add, self.import_button, self.export_button):
            control.setEnabled(there)
        self.edit.setEnabled(selected == 1)
        self.delete.setEnabled(selected > 0)
        for action in (self.describe, self.clear, self.remove):
            action.setEnabled(there)

    def _on_choice(self) -> None:
        if not self._filling and self.choice.currentData():
            self._show_about()
            self.table_chosen.emit(str(self.choice.currentData()))

    def _on_scrolled(self) -> None:
        if not self._more or not self.table.isVisible():
            return
        lowest = self.table.rowAt(self.table.viewport().height() - 1)
        if lowest < 0 or lowest >= self.model.rowCount() - _ROWS_AHEAD:
            self.more_wanted.emit()

    # -- questions -------------------------------------------------------------------------------------------------

    def _add(self) -> None:
        RowDialog(None, on_accept=lambda row: self.row_given.emit(row, ""), parent=self.window()).open()

    def _edit(self) -> None:
        selected = self._selected()
        if len(selected) == 1:
            before = selected[0]
            RowDialog(
                before, on_accept=lambda row: self.row_given.emit(row, before.source), parent=self.window()
            ).open()

    def _ask_remove_rows(self) -> None:
        sources = [row.source for row in self._selected()]
        ConfirmDialog(
            f"Remove {formats.plural(len(sources), 'row')}?",
            "A record with such a value fails from the next run on, unless its processflow has a default for it.",
            accept="Remove", on_accept=lambda: self.rows_removed.emit(sources), parent=self.window(),
        ).open()  # fmt: skip

    def _ask_clear(self) -> None:
        ConfirmDialog(
            f"Remove all rows of “{self.choice.currentData()}”?",
            "The table stays, empty. Export it first if you may want the rows back.",
            accept="Remove all", on_accept=self.cleared.emit, parent=self.window(),
        ).open()  # fmt: skip

    def _ask_remove(self) -> None:
        ConfirmDialog(
            f"Remove the table “{self.choice.currentData()}”?",
            "With all its rows. One that a deployed processflow uses cannot be removed.",
            accept="Remove", on_accept=self.removed.emit, parent=self.window(),
        ).open()  # fmt: skip

    def _ask_name(self) -> None:
        LineDialog(
            "New lookup table", "Letters, digits, dots, dashes and underscores, such as countries_2027.",
            label="&Name", accept="Make it", on_accept=self.table_named.emit, longest=100, parent=self.window(),
        ).open()  # fmt: skip

    def _ask_description(self) -> None:
        LineDialog(
            f"What is “{self.choice.currentData()}” for?", "It stands below the table's name.", label="&Description",
            accept="Save", on_accept=self.description_given.emit, longest=1_000, parent=self.window(),
        ).open()  # fmt: skip

    def _ask_file(self) -> None:
        dialog = QFileDialog(self, "Import a file of rows", str(Path.home()), _FILES)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(lambda path: self.file_chosen.emit(Path(path)))
        dialog.open()

    def _ask_export(self) -> None:
        name = f"{self.choice.currentData() or 'table'}.xlsx"
        dialog = QFileDialog(self, "Export the table", name, "Excel (*.xlsx);;CSV (*.csv)")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("xlsx")
        dialog.selectFile(name)
        dialog.fileSelected.connect(lambda path: self.export_chosen.emit(Path(path)))
        dialog.open()


def _line(row: LookupRow) -> Line:
    return Line(
        (row.source, row.destination, row.type.value.capitalize(), row.description),
        tips=(row.source, row.destination, "", row.description),
        value=row,
    )
