"""The dialog about what an app has: its schemas at the left, the attributes and actions of one at the right."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QApplication, QHBoxLayout, QVBoxLayout, QWidget

from agent.api import app_models, configuration_models
from agent.domain.errors import AgentError
from agent.gui import formats
from agent.gui.bridge import Bridge
from agent.gui.schemas.presenter import SchemasPresenter, paths
from agent.gui.tones import Tone
from agent.gui.widgets.banner import Banner
from agent.gui.widgets.buttons import button
from agent.gui.widgets.dialog import Dialog
from agent.gui.widgets.inputs import SearchInput
from agent.gui.widgets.rows_model import Line, RowsModel
from agent.gui.widgets.table import CellDelegate, Table
from agent.gui.widgets.text import Text

ANY = "(any name)"
"""Stands for a schema without a name: the app takes any."""
_HEIGHT = 330


class SchemasDialog(Dialog):
    """Emits what was searched for, and names of schemas."""

    searched = Signal(str)
    chosen = Signal(str)
    refresh_clicked = Signal()

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(
            f"What “{name}” has",
            "The schemas that this connection offers now, with their attributes and actions. Processflows name them as "
            "they stand here.",
            width=940, parent=parent,
        )  # fmt: skip
        self.banner = Banner()
        self.body.addWidget(self.banner)
        self.search = SearchInput("Search schemas and attributes", "Search schemas and attributes   (Ctrl+F)")
        self.search.searched.connect(self.searched)
        self.body.addWidget(self.search)
        columns = QHBoxLayout()
        columns.setSpacing(16)
        columns.addWidget(self._build_schemas())
        columns.addWidget(self._build_schema(), 1)
        self.body.addLayout(columns, 1)
        self.count = Text("", "small")
        self.refresh_button = button("&Ask again", self.refresh_clicked.emit, picture="refresh-cw")
        self.copy_button = button("&Copy the names", self._copy, picture="copy")
        self.close_button = button("Close", self.close, kind="primary")
        self.foot.addWidget(self.count)
        self.foot.addStretch()
        for control in (self.refresh_button, self.copy_button, self.close_button):
            self.foot.addWidget(control)
        self.copy_button.setEnabled(False)
        QShortcut(QKeySequence(QKeySequence.StandardKey.Find), self, self.search.setFocus)
        self.search.setFocus()

    # -- what the presenter says -----------------------------------------------------------------------------------

    def show_schemas(self, schemas: list[app_models.Schema], *, all_there: int) -> None:
        """Those that the search has left."""
        before = self._current()
        lines = [Line((one.name or ANY, _kinds(one)), tips=(one.description, ""), value=one.name) for one in schemas]
        self.schemas.show_lines(lines)
        row = next((row for row, one in enumerate(schemas) if one.name == before), 0)
        self.schemas_table.setCurrentIndex(self.schemas.index(row, 0) if schemas else QModelIndex())
        self.count.setText(
            f"{formats.number(len(schemas))} of {formats.plural(all_there, 'schema')}" if all_there else "Nothing yet"
        )
        self._on_current()

    def show_schema(self, schema: app_models.Schema | None) -> None:
        """The one that was chosen."""
        self.copy_button.setEnabled(schema is not None and bool(schema.attributes))
        self.title.setText("" if schema is None else schema.name or ANY)
        self.about.setText(schema.description if schema is not None else "")
        self.about.setVisible(bool(self.about.text()))
        self.uses.setText("\n".join(_action(one) for one in schema.actions) if schema is not None else "")
        found = paths(schema.attributes) if schema is not None else []
        self.attributes.show_lines(
            [
                Line(
                    (name, one.type.value, _mark(one), one.description),
                    tips=(name, "", "", one.description), value=name,
                )
                for name, one in found
            ]
        )  # fmt: skip
        self.fit_soon()

    def show_busy(self, *, busy: bool) -> None:
        """The app is being asked."""
        self.refresh_button.setEnabled(not busy)
        if busy:
            self.banner.show_message(Tone.BUSY, "", "Asking the app what it has … Close the window to stop.")
        else:
            self.banner.hide()
        self.fit_soon()

    def show_error(self, error: AgentError | None) -> None:
        """What failed and what to do."""
        if error is None:
            self.banner.hide()
        else:
            self.banner.show_error(error)
        self.fit_soon()

    # -- building --------------------------------------------------------------------------------------------------

    def _build_schemas(self) -> QWidget:
        self.schemas = RowsModel(("Schema", "Actions"), self)
        self.schemas_table = Table("Schemas", (190, 120), stretch=0)
        self.schemas_table.use(self.schemas, CellDelegate(self.schemas, muted=frozenset({1})))
        self.schemas_table.setFixedSize(330, _HEIGHT)
        self.schemas_table.selectionModel().currentRowChanged.connect(lambda *_: self._on_current())
        return self.schemas_table

    def _build_schema(self) -> QWidget:
        whole = QWidget()
        column = QVBoxLayout(whole)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        self.title = Text("", "section")
        self.about = Text("", "muted", wrap=True)
        self.uses = Text("", "small", wrap=True)
        self.attributes = RowsModel(("Attribute", "Type", "", "Description"), self)
        self.attributes_table = Table("Attributes", (190, 84, 76, 160), stretch=3)
        self.attributes_table.use(
            self.attributes, CellDelegate(self.attributes, monos=frozenset({0}), muted=frozenset({1, 2, 3}))
        )
        self.attributes_table.setMinimumHeight(180)
        for each in (self.title, self.about, self.uses):
            column.addWidget(each)
        column.addWidget(self.attributes_table, 1)
        return whole

    def _current(self) -> str | None:
        row = self.schemas_table.currentIndex().row()
        return str(self.schemas.line(row).value) if 0 <= row < self.schemas.rowCount() else None

    def _on_current(self) -> None:
        name = self._current()
        if name is None:
            self.show_schema(None)
        else:
            self.chosen.emit(name)

    def _copy(self) -> None:
        names = [self.attributes.cells(row)[0] for row in range(self.attributes.rowCount())]
        QApplication.clipboard().setText("\n".join(names))


def _mark(attribute: app_models.Attribute) -> str:
    return "key" if attribute.primary else "required" if attribute.required else ""


def _kinds(schema: app_models.Schema) -> str:
    return ", ".join(one.name for one in schema.actions)


def _action(action: app_models.Action) -> str:
    filters = f" Filters: {', '.join(sorted(action.filters))}." if action.filters else ""
    return f"{action.name}  ·  {action.description}{filters}"


def open_schemas(bridge: Bridge, configuration: configuration_models.Configuration, parent: QWidget) -> SchemasDialog:
    """Show the dialog over a window."""
    dialog = SchemasDialog(configuration.name, parent)
    presenter = SchemasPresenter(dialog, bridge.scope(), configuration.id)
    dialog.searched.connect(presenter.search)
    dialog.chosen.connect(presenter.choose)
    dialog.refresh_clicked.connect(presenter.refresh)
    dialog.closed.connect(lambda: presenter.close())  # noqa: PLW0108 - signals hold methods weakly, this holds it
    presenter.refresh()
    dialog.open()
    return dialog
