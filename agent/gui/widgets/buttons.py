"""Buttons by kind, each with a name that a screen reader can say."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QMenu, QPushButton, QToolButton

from agent.gui.icons import icon

_ICON = QSize(16, 16)
_TINTS = {"primary": "on_accent", "danger": "page", "link": "accent"}
_ENTER = (Qt.Key.Key_Return, Qt.Key.Key_Enter)


class PushButton(QPushButton):
    """Enter presses the button that has the focus, as Space does; Qt would press the dialog's default instead."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in _ENTER:
            self.click()
        else:
            super().keyPressEvent(event)


class ToolButton(QToolButton):
    """The same for a button with an icon alone."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in _ENTER and self.menu() is not None:
            self.showMenu()
        elif event.key() in _ENTER:
            self.click()
        else:
            super().keyPressEvent(event)


def button(
    text: str,
    on_click: Callable[[], object] | None = None,
    *,
    kind: str = "",
    picture: str = "",
    name: str = "",
) -> QPushButton:
    """A push button: primary (once a page), danger, link, filter, or plain."""
    found = PushButton(f" {text}" if picture and text else text)
    if kind:
        found.setProperty("kind", kind)
    if picture:
        found.setIcon(icon(picture, _TINTS.get(kind, "text")))
        found.setIconSize(_ICON)
    found.setAccessibleName(name or text.replace("&", ""))
    found.setAutoDefault(False)
    found.setCursor(Qt.CursorShape.PointingHandCursor if kind == "link" else Qt.CursorShape.ArrowCursor)
    if on_click is not None:
        found.clicked.connect(lambda _checked=False: on_click())
    return found


def icon_button(
    picture: str, name: str, on_click: Callable[[], object] | None = None, *, kind: str = "", tint: str = "muted"
) -> QToolButton:
    """A square button with an icon; its name is its tooltip too."""
    found = ToolButton()
    if kind:
        found.setProperty("kind", kind)
    found.setIcon(icon(picture, tint))
    found.setIconSize(_ICON)
    found.setFixedSize(32, 32)
    found.setToolTip(name)
    found.setAccessibleName(name)
    found.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    if on_click is not None:
        found.clicked.connect(lambda _checked=False: on_click())
    return found


def menu_button(name: str, menu: QMenu) -> QToolButton:
    """A square button with three dots that opens a menu."""
    found = icon_button("ellipsis", name, kind="add", tint="text")
    found.setFixedSize(34, 34)
    found.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
    found.setMenu(menu)
    return found
