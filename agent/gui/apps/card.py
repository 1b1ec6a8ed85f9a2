"""An app's card with its saved configurations."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from agent.api import configuration_models
from agent.gui import formats, tones
from agent.gui.apps.presenter import AppEntry
from agent.gui.widgets.banner import Banner
from agent.gui.widgets.buttons import button, icon_button
from agent.gui.widgets.card import Card
from agent.gui.widgets.chip import Chip
from agent.gui.widgets.keyed_list import KeyedList
from agent.gui.widgets.pictures import Tile
from agent.gui.widgets.text import Elided, ShortName, Text

_PICTURES = {"bigcommerce": "store", "sql": "database", "files": "folder"}


class AppCard(Card):
    """Emits ids of apps and configurations."""

    add_clicked = Signal(str)
    validate_clicked = Signal(str)
    edit_clicked = Signal(str)
    remove_clicked = Signal(str)
    schemas_clicked = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._app_id = ""
        head = QHBoxLayout()
        head.setSpacing(14)
        self._tile = Tile("plug", "accent", 42)
        head.addWidget(self._tile)
        words = QVBoxLayout()
        words.setSpacing(3)
        top = QHBoxLayout()
        top.setSpacing(10)
        self._name, self._version, self._chip = ShortName("", "section"), Text("", "small"), Chip()
        top.addWidget(self._name)
        top.addWidget(self._version)
        top.addWidget(self._chip)
        top.addStretch()
        words.addLayout(top)
        self._about = Elided("", "muted")
        words.addWidget(self._about)
        head.addLayout(words, 1)
        self.add = button("Add", lambda: self.add_clicked.emit(self._app_id), picture="plus")
        head.addWidget(self.add)
        self.body.addLayout(head)
        self._banner = Banner()
        self.body.addWidget(self._banner)
        column = QVBoxLayout()
        column.setSpacing(8)
        self.body.addLayout(column)
        self._rows = KeyedList[tuple[configuration_models.Configuration, AppEntry]](
            column, lambda item: item[0].id, self._make_row
        )

    def show_item(self, entry: AppEntry) -> None:
        """Show an app."""
        app = entry.app
        self._app_id = app.id
        self._tile.show_picture(_PICTURES.get(app.id, "plug"), "accent")
        self._name.show_text(app.name)
        self._version.setText(app.version if app.version.startswith("v") else f"Version {app.version}")
        self._chip.show_state(app.status.value, tones.APP[app.status])
        count = formats.plural(app.configurations, "configuration") if app.configurations else "No configuration yet"
        self._about.show_text(f"{count} · {app.description}" if app.description else count)
        name = f"Add a configuration of {app.name}"
        self.add.setToolTip(name)
        self.add.setAccessibleName(name)
        self.add.setEnabled(app.problem is None)
        if app.problem is not None:
            cause = f"\nActual error: {app.problem.detail}" if app.problem.detail else ""
            self._banner.show_message(tones.Tone.ERROR, app.problem.title, f"{app.problem.remedy}{cause}")
        else:
            self._banner.hide()
        self._rows.show_items([(one, entry) for one in entry.configurations])

    def _make_row(self) -> QWidget:
        row = _ConfigurationRow()
        row.validate.clicked.connect(lambda _checked=False: self.validate_clicked.emit(row.configuration_id))
        row.edit.clicked.connect(lambda _checked=False: self.edit_clicked.emit(row.configuration_id))
        row.schemas.clicked.connect(lambda _checked=False: self.schemas_clicked.emit(row.configuration_id))
        row.remove.clicked.connect(lambda _checked=False: self.remove_clicked.emit(row.configuration_id))
        return row


class _ConfigurationRow(Card):
    def __init__(self) -> None:
        super().__init__(inset=True)
        self.configuration_id = ""
        row = QHBoxLayout()
        row.setSpacing(6)
        words = QVBoxLayout()
        words.setSpacing(3)
        top = QHBoxLayout()
        top.setSpacing(10)
        self._name, self._chip = ShortName("", "strong"), Chip()
        top.addWidget(self._name)
        top.addWidget(self._chip)
        top.addStretch()
        words.addLayout(top)
        self._facts = Elided("", "small")
        words.addWidget(self._facts)
        row.addLayout(words, 1)
        self.validate = button("Validate", picture="plug")
        self.edit, self.remove = icon_button("pencil", "Edit"), icon_button("trash-2", "Remove")
        self.schemas = icon_button("table", "What it has")
        row.addWidget(self.validate)
        row.addSpacing(6)
        row.addWidget(self.schemas)
        row.addWidget(self.edit)
        row.addWidget(self.remove)
        self.body.addLayout(row)

    def show_item(self, item: tuple[configuration_models.Configuration, AppEntry]) -> None:
        """Show a configuration."""
        one, entry = item
        self.configuration_id = one.id
        self._name.show_text(one.name)
        if one.tripped is not None:
            self._chip.show_state("Refused", tones.Tone.ERROR)
        else:
            self._chip.show_state(one.state.value, tones.CONFIGURATION[one.state])
        self._facts.show_text(_facts(one, entry))
        # Without its connector there is no form, and nothing to ask the app with.
        for control in (self.validate, self.edit, self.schemas):
            control.setEnabled(entry.app.problem is None)
        for control, words in (
            (self.validate, f"Validate {one.name}"), (self.edit, f"Edit {one.name}"),
            (self.remove, f"Remove {one.name}"), (self.schemas, f"What {one.name} has: schemas and attributes"),
        ):  # fmt: skip
            control.setToolTip(words)
            control.setAccessibleName(words)


def _facts(one: configuration_models.Configuration, entry: AppEntry) -> str:
    if one.tripped is not None:
        waiting = f" {formats.plural(one.tripped.waiting_runs, 'run')} waiting." if one.tripped.waiting_runs else ""
        return f"{one.tripped.message}{waiting}"
    if one.state is configuration_models.ConfigurationState.FAILED and one.message:
        return one.message
    parts = []
    if one.state is configuration_models.ConfigurationState.VALIDATED:
        parts.append(f"Validated {formats.relative(one.validated_at, entry.now)}")
    else:
        parts.append(f"Saved {formats.relative(one.saved_at, entry.now)}")
    parts += [f"{fact.label} {fact.value}" for fact in one.facts[:2]]
    secret_fields = {field.name: field.label for field in entry.app.fields}
    parts += [f"{secret_fields.get(name, name)} {hint}" for name, hint in list(one.secrets.items())[:1]]
    if one.used_by:
        parts.append(f"used by {formats.plural(len(one.used_by), 'processflow')}")
    return " · ".join(parts)
