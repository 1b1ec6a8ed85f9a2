"""One editor per kind of setting. Each emits its new value as text, once, when the operator is done with it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QIntValidator
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from agent.api import setting_models
from agent.gui.widgets.inputs import ChoiceInput, PathInput
from agent.gui.widgets.text import Text, restyle

_LARGEST = 2_147_483_647
_CONTROL_WIDTH = 280


class SettingEditor(QWidget):
    """Label and help at the left, the control at the right; a check box carries its own label."""

    changed = Signal(str, str)

    def __init__(self, setting: setting_models.Setting) -> None:
        super().__init__()
        self.setting = setting
        self._showing = False
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(24)
        words = QVBoxLayout()
        words.setSpacing(3)
        row.addLayout(words, 1)
        self.control = self._make_control(setting)
        self.control.setAccessibleName(setting.label)
        proxy = self.control.focusProxy()
        if proxy is not None:
            proxy.setAccessibleName(setting.label)
        if setting.kind == "bool":
            self.beside = QHBoxLayout()
            self.beside.setSpacing(12)
            self.beside.addWidget(self.control)
            words.addLayout(self.beside)
            self.beside.addStretch()
        else:
            label = Text(setting.label, "strong")
            label.setBuddy(self.control)
            words.addWidget(label)
            self.control.setFixedWidth(_CONTROL_WIDTH)
            row.addWidget(self.control, 0, Qt.AlignmentFlag.AlignTop)
        self._note = Text(setting.help, "small", wrap=True)
        self._note.setVisible(bool(setting.help))
        words.addWidget(self._note)
        self.show_setting(setting)

    def show_setting(self, setting: setting_models.Setting) -> None:
        """Show a value that came from the service."""
        self.setting = setting
        self._showing = True
        if isinstance(self.control, QCheckBox):
            self.control.setChecked(setting.value == "true")
        elif isinstance(self.control, ChoiceInput):
            self.control.setCurrentIndex(self.control.findData(setting.value))
        elif isinstance(self.control, PathInput):
            self.control.field.setText(setting.value)
        elif isinstance(self.control, QLineEdit):
            self.control.setText(setting.value)
        self._showing = False

    def show_error(self, message: str) -> None:
        """What is wrong with the value."""
        self._note.setText(message or self.setting.help)
        self._note.setVisible(bool(self._note.text()))
        self._note.setProperty("role", "error" if message else "small")
        restyle(self._note)
        self.control.setAccessibleDescription(message or self.setting.help)

    def _make_control(self, setting: setting_models.Setting) -> QWidget:
        if setting.kind == "bool":
            box = QCheckBox(setting.label)
            box.toggled.connect(lambda on: self._emit("true" if on else "false"))
            return box
        if setting.kind == "choice":
            combo = ChoiceInput()
            for choice in setting.choices:
                combo.addItem(choice[:1].upper() + choice[1:], choice)
            combo.currentIndexChanged.connect(lambda _: self._emit(str(combo.currentData())))
            return combo
        if setting.kind == "int":
            return self._make_number(setting)
        if setting.kind == "path":
            path = PathInput(setting.label)
            path.field.editingFinished.connect(lambda: self._emit(path.field.text().strip()))
            return path
        field = QLineEdit()
        field.editingFinished.connect(lambda: self._emit(field.text().strip()))
        return field

    def _make_number(self, setting: setting_models.Setting) -> QLineEdit:
        number = QLineEdit()
        least = setting.minimum if setting.minimum is not None else 0
        most = setting.maximum if setting.maximum is not None else _LARGEST
        number.setValidator(QIntValidator(0, _LARGEST, number))
        if setting.minimum is not None and setting.maximum is not None:
            number.setToolTip(f"{setting.minimum:,} to {setting.maximum:,}")

        def done() -> None:
            value = int(number.text() or least)
            if least <= value <= most:
                self._emit(str(value))
            else:
                self.show_error(f"Enter a number from {least:,} to {most:,}.")

        number.editingFinished.connect(done)
        return number

    def _emit(self, value: str) -> None:
        if not self._showing:
            self.changed.emit(self.setting.name, value)
