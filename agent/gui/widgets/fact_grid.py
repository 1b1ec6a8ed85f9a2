"""Facts as label and value, side by side where they are short; what may be done and what not, in a row each."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QWidget

from agent.gui.widgets.text import Text

Fact = tuple[str, str]
_SHORT = 24
_ANSWERS = {"yes": "Allowed", "no": "Not allowed"}


class FactGrid(QWidget):
    """Shows facts; yes and no are gathered, since a list of permissions is read as one."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "clear")
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 2, 0, 0)
        self._grid.setHorizontalSpacing(14)
        self._grid.setVerticalSpacing(3)
        self._grid.setColumnStretch(1, 1)
        self._grid.setColumnStretch(3, 1)
        self.hide()

    def show_facts(self, facts: Sequence[Fact]) -> None:
        """Show these facts instead; none hides the grid."""
        while (item := self._grid.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        row, left = 0, True
        for label, value in gathered(facts):
            if len(value) > _SHORT:
                row += not left
                self._put(row, 0, label, value, span=3)
                row, left = row + 1, True
            else:
                self._put(row, 0 if left else 2, label, value, span=1)
                row, left = (row, False) if left else (row + 1, True)
        self.setVisible(bool(facts))

    def text(self) -> str:
        """What is on show, a line for each fact."""
        labels = [item.widget() for index in range(self._grid.count()) if (item := self._grid.itemAt(index))]
        words = [label.text() for label in labels if isinstance(label, Text)]
        return "\n".join(f"{label}: {value}" for label, value in zip(words[::2], words[1::2], strict=True))

    def _put(self, row: int, column: int, label: str, value: str, *, span: int) -> None:
        name, shown = Text(label, "muted"), Text(value, wrap=span > 1)
        shown.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._grid.addWidget(name, row, column, Qt.AlignmentFlag.AlignTop)
        self._grid.addWidget(shown, row, column + 1, 1, span)


def gathered(facts: Sequence[Fact]) -> list[Fact]:
    """Facts as they are, then one line of what is allowed and one of what is not."""
    plain = [(label, value) for label, value in facts if value.casefold() not in _ANSWERS]
    for answer, word in _ANSWERS.items():
        names = [label for label, value in facts if value.casefold() == answer]
        if names:
            first, *others = names
            plain.append((word, ", ".join([first, *(name[:1].lower() + name[1:] for name in others)])))
    return plain
