"""The frame of our dialogs: title, a body that scrolls where the screen is small, what came of it, buttons; and the
yes-no question."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QShowEvent
from PySide6.QtWidgets import QDialog, QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from agent.gui.widgets.buttons import button
from agent.gui.widgets.text import Text, line, restyle

_SETTLED_MILLISECONDS, _ROOM_AROUND = 40, 10


class Dialog(QDialog):
    """A window-modal dialog of a fixed width that is as high as what it shows. Says once when it is `closed`."""

    closed = Signal()

    def __init__(self, title: str, subtitle: str = "", *, width: int = 480, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setWindowModality(Qt.WindowModality.WindowModal)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._width, self._is_closed = width, False
        frame = QVBoxLayout(self)
        frame.setContentsMargins(0, 20, 0, 18)
        frame.setSpacing(14)
        head = QVBoxLayout()
        head.setContentsMargins(24, 0, 24, 0)
        head.setSpacing(4)
        self.heading = Text(title, "dialog-title", wrap=True)
        head.addWidget(self.heading)
        self.subtitle = Text(subtitle, "muted", wrap=True)
        self.subtitle.setVisible(bool(subtitle))
        head.addWidget(self.subtitle)
        frame.addLayout(head)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._inner = QWidget()
        self._inner.setProperty("role", "page")
        self.body = QVBoxLayout(self._inner)
        self.body.setContentsMargins(24, 2, 24, 2)
        self.body.setSpacing(14)
        self._scroll.setWidget(self._inner)
        self._scroll.verticalScrollBar().rangeChanged.connect(self._on_range)
        self._scroll.verticalScrollBar().valueChanged.connect(lambda _: self._mark_more())
        frame.addWidget(self._scroll, 1)
        self._goes_on = line()
        self._goes_on.setProperty("role", "clear")
        frame.addWidget(self._goes_on)
        self.outcome = QVBoxLayout()
        self.outcome.setContentsMargins(24, 0, 24, 0)
        self.outcome.setSpacing(10)
        frame.addLayout(self.outcome)
        self.foot = QHBoxLayout()
        self.foot.setContentsMargins(24, 0, 24, 0)
        self.foot.setSpacing(10)
        frame.addLayout(self.foot)
        self.setMinimumWidth(width)

    def showEvent(self, event: QShowEvent) -> None:
        self.fit()
        super().showEvent(event)
        QTimer.singleShot(0, self, self.fit)

    def closeEvent(self, event: QCloseEvent) -> None:
        self._say_closed()
        super().closeEvent(event)

    def done(self, result: int) -> None:
        """Esc and the answers of a question come here, and not to closeEvent."""
        self._say_closed()
        super().done(result)

    def _say_closed(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self.closed.emit()

    def fit(self) -> None:
        """Take the height that the content needs, as far as the screen allows."""
        width = max(self.width(), self._width)
        self.body.activate()
        grows = self.body.hasHeightForWidth()
        needed = self.body.totalHeightForWidth(width) if grows else self.body.sizeHint().height()
        margins = 20 + 18 + 4 * 14 + self._goes_on.sizeHint().height() + self._outcome_height(width)
        head = self.heading.heightForWidth(width - 48)
        if not self.subtitle.isHidden():
            head += 4 + self.subtitle.heightForWidth(width - 48)
        foot = self.foot.sizeHint().height()
        screen = self.screen().availableGeometry().height()
        self.resize(width, min(margins + head + needed + foot + 2, screen - 60))
        if self.isVisible():
            self._keep_on_screen()

    def reveal(self, widget: QWidget) -> None:
        """Scroll to a part of the body, once the layouts have seen what changed."""
        for pause in (0, _SETTLED_MILLISECONDS):
            QTimer.singleShot(pause, self, lambda: self._scroll.ensureWidgetVisible(widget, 0, _ROOM_AROUND))

    def _outcome_height(self, width: int) -> int:
        shown = [part.widget() for place in range(self.outcome.count()) if (part := self.outcome.itemAt(place))]
        heights = [one.heightForWidth(width - 48) for one in shown if one is not None and not one.isHidden()]
        return sum(heights) + max(len(heights) - 1, 0) * self.outcome.spacing()

    def _on_range(self, _least: int, most: int) -> None:
        """The fields keep their right edge, above that of the buttons, when the scroll bar comes."""
        taken = self._scroll.verticalScrollBar().sizeHint().width() if most > 0 else 0
        self.body.setContentsMargins(24, 2, max(24 - taken, 0), 2)
        self._mark_more()

    def _mark_more(self) -> None:
        """A hairline where the body goes on below."""
        bar = self._scroll.verticalScrollBar()
        role = "line" if bar.value() < bar.maximum() else "clear"
        if self._goes_on.property("role") != role:
            self._goes_on.setProperty("role", role)
            restyle(self._goes_on)

    def _keep_on_screen(self) -> None:
        """A dialog that grows must not grow off the screen. Its title stays where it is as long as that is possible."""
        screen, frame = self.screen().availableGeometry(), self.frameGeometry()
        frame.moveBottom(min(frame.bottom(), screen.bottom()))
        frame.moveTop(max(frame.top(), screen.top()))
        if frame.topLeft() != self.frameGeometry().topLeft():
            self.move(frame.topLeft())

    def fit_soon(self) -> None:
        """Fit once the layouts have seen what changed, and again where that still was not enough."""
        QTimer.singleShot(0, self, self.fit)
        QTimer.singleShot(20, self, self._grow)

    def _grow(self) -> None:
        hidden = self._scroll.verticalScrollBar().maximum()
        room = self.screen().availableGeometry().height() - 60 - self.height()
        if self.isVisible() and hidden > 0 and room > 0:
            self.resize(self.width(), self.height() + min(hidden, room))
            self._keep_on_screen()


class ConfirmDialog(Dialog):
    """A question before something that cannot be taken back lightly. Enter does nothing dangerous: it cancels."""

    def __init__(
        self,
        title: str,
        text: str,
        *,
        accept: str,
        on_accept: Callable[[], object],
        danger: bool = True,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(title, width=440, parent=parent)
        self.text = Text(text, wrap=True)
        self.body.addWidget(self.text)
        self.cancel_button = button("Cancel", self.reject)
        self.accept_button = button(accept, self.accept, kind="danger" if danger else "primary")
        self.foot.addStretch()
        self.foot.addWidget(self.cancel_button)
        self.foot.addWidget(self.accept_button)
        chosen = self.cancel_button if danger else self.accept_button
        chosen.setDefault(True)
        chosen.setFocus()
        self.accepted.connect(on_accept)
