"""The first steps on screen: a card with a row for each, of which the next one to do stands out."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from agent.gui.home.first_steps import Step
from agent.gui.widgets.buttons import button
from agent.gui.widgets.card import Card
from agent.gui.widgets.keyed_list import KeyedList
from agent.gui.widgets.pictures import Picture
from agent.gui.widgets.text import Text, line, restyle


class StepsCard(Card):
    """Hidden where there is no step."""

    def __init__(self) -> None:
        super().__init__()
        self.body.setContentsMargins(20, 18, 20, 18)
        self.body.setSpacing(12)
        self.body.addWidget(Text("First steps", "section"))
        self.body.addWidget(
            Text("From here to the first records in their place. Each step ticks itself off.", "muted", wrap=True)
        )
        column = QVBoxLayout()
        column.setSpacing(10)
        self.body.addLayout(column)
        self._rows = KeyedList[tuple[int, Step, bool]](column, lambda item: item[1].key, _StepRow)
        self.hide()

    def show_steps(self, steps: list[Step]) -> None:
        """Show them; the first that is not done is the next."""
        upcoming = next((step.key for step in steps if not step.done), "")
        self._rows.show_items([(number, step, step.key == upcoming) for number, step in enumerate(steps, 1)])
        self.setVisible(bool(steps))


class _StepRow(QWidget):
    def __init__(self) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(10)
        column.addWidget(line())
        row = QHBoxLayout()
        row.setSpacing(14)
        self._number = QLabel()
        self._number.setProperty("role", "step")
        self._tick = Picture("circle-check", "ok", 26)
        row.addWidget(self._number)
        row.addWidget(self._tick)
        words = QVBoxLayout()
        words.setSpacing(2)
        self._title, self._text = Text("", "strong"), Text("", "small", wrap=True)
        words.addWidget(self._title)
        words.addWidget(self._text)
        row.addLayout(words, 1)
        self.action = button("", self._act)
        row.addWidget(self.action)
        column.addLayout(row)

    def show_item(self, item: tuple[int, Step, bool]) -> None:
        """Show a step."""
        number, self._step, upcoming = item
        step = self._step
        self._number.setText(str(number))
        self._number.setVisible(not step.done)
        self._tick.setVisible(step.done)
        self._tick.setAccessibleName("Done" if step.done else "")
        self._title.setText(step.title)
        self._title.setAccessibleName(f"{step.title}: {'done' if step.done else 'to do'}")
        self._text.setText(step.text)
        self.action.setText(step.action)
        self.action.setAccessibleName(f"{step.title}: {step.action}")
        self.action.setVisible(not step.done)
        kind = "primary" if upcoming else ""
        if self.action.property("kind") != kind:
            self.action.setProperty("kind", kind)
            restyle(self.action)

    def _act(self) -> None:
        self._step.act()
