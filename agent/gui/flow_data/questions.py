"""The questions of the Data dialog: where to read from, and what a variable is to hold. Each wants a reason."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from PySide6.QtCore import QDateTime
from PySide6.QtWidgets import QDateTimeEdit, QLineEdit, QWidget

from agent.api.bookmark_models import Bookmark
from agent.api.variable_models import Variable
from agent.domain.app import DataType
from agent.gui.widgets.buttons import button
from agent.gui.widgets.dialog import Dialog
from agent.gui.widgets.field_row import FieldRow
from agent.gui.widgets.inputs import ChoiceInput, SecretInput
from agent.gui.widgets.text import Text

_MOMENT, _BEGINNING = "moment", "beginning"


class _Reasoned(Dialog):
    """A question that can be answered once there is a reason."""

    def __init__(self, title: str, text: str, *, accept: str, parent: QWidget | None) -> None:
        super().__init__(title, width=480, parent=parent)
        self.body.addWidget(Text(text, wrap=True))
        self.reason = QLineEdit()
        self.reason.setMaxLength(500)
        self._reason_row = FieldRow(
            "&Reason", self.reason, required=True, help_text="It is kept, with your name and what was there before."
        )
        self.cancel_button = button("Cancel", self.reject)
        self.accept_button = button(accept, self.accept, kind="primary")
        self.accept_button.setDefault(True)
        self.accept_button.setEnabled(False)
        self.reason.textChanged.connect(lambda _: self.show_ready())
        self.foot.addStretch()
        self.foot.addWidget(self.cancel_button)
        self.foot.addWidget(self.accept_button)

    def show_ready(self) -> None:
        """Whether there is a reason."""
        self.accept_button.setEnabled(bool(self.reason.text().strip()))


class BookmarkDialog(_Reasoned):
    """Where the next run begins to read. `on_accept` gets the moment, None for the beginning, and the reason."""

    def __init__(
        self,
        bookmark: Bookmark,
        now: datetime,
        *,
        on_accept: Callable[[datetime | None, str], object],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(
            f"From where does {bookmark.node} read?",
            "Moving it back is safe: what is at the destination unchanged is not written again. Moving it forward "
            "leaves out what changed in between, unless that changes again.",
            accept="&Move it", parent=parent,
        )  # fmt: skip
        self.way = ChoiceInput()
        if not bookmark.detail or bookmark.moment is not None:
            self.way.addItem("A moment", _MOMENT)
        self.way.addItem("The beginning: everything is read again", _BEGINNING)
        start = bookmark.moment or now
        self.moment = QDateTimeEdit(QDateTime.fromSecsSinceEpoch(int(start.timestamp()) // 60 * 60))
        self.moment.setDisplayFormat("yyyy-MM-dd HH:mm")
        self.moment.setCalendarPopup(True)
        self.body.addWidget(FieldRow("Read &from", self.way))
        self._moment_row = FieldRow("&Moment", self.moment, help_text="In the time of this computer.")
        self.body.addWidget(self._moment_row)
        self.body.addWidget(self._reason_row)
        self.way.currentIndexChanged.connect(lambda _: self._show_way())
        self._show_way()
        self.accepted.connect(lambda: on_accept(self.chosen(), self.reason.text().strip()))

    def chosen(self) -> datetime | None:
        """The moment; None is the beginning."""
        if self.way.currentData() == _BEGINNING:
            return None
        return datetime.fromtimestamp(self.moment.dateTime().toSecsSinceEpoch()).astimezone()

    def _show_way(self) -> None:
        self._moment_row.setVisible(self.way.currentData() == _MOMENT)
        self.fit_soon()


class VariableDialog(_Reasoned):
    """What a variable is to hold. `on_accept` gets the value and the reason."""

    def __init__(
        self, variable: Variable, *, on_accept: Callable[[str, str], object], parent: QWidget | None = None
    ) -> None:
        super().__init__(
            f"Set {variable.name}", "It counts from the next run on, until a run or a person changes it again.",
            accept="&Set", parent=parent,
        )  # fmt: skip
        self.secret, self.value = SecretInput(variable.name), QLineEdit()
        kind = "true or false" if variable.type is DataType.BOOLEAN else variable.type.value
        if variable.encrypted:
            self.body.addWidget(
                FieldRow(
                    "&Value", self.secret, required=True, help_text="It is stored encrypted and never shown again."
                )
            )
        else:
            self.value.setText(variable.value or "")
            self.body.addWidget(FieldRow("&Value", self.value, help_text=f"Of the type {kind}."))
        self.body.addWidget(self._reason_row)
        self._encrypted = variable.encrypted
        self.secret.edited.connect(self.show_ready)
        self.accepted.connect(lambda: on_accept(self._take(), self.reason.text().strip()))

    def show_ready(self) -> None:
        """A secret has to be typed anew."""
        ready = bool(self.reason.text().strip())
        self.accept_button.setEnabled(ready and (not self._encrypted or bool(self.secret.take())))

    def _take(self) -> str:
        value = self.secret.take() if self._encrypted else self.value.text()
        self.secret.clear()
        return value
