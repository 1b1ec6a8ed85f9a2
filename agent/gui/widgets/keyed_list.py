"""A column of widgets that is brought up to date instead of built anew: focus, scroll and selection stay."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar, cast

from PySide6.QtWidgets import QBoxLayout, QWidget

Item = TypeVar("Item")
Item_contra = TypeVar("Item_contra", contravariant=True)


class Row(Protocol[Item_contra]):
    """A widget that can show another item of its kind."""

    def show_item(self, item: Item_contra, /) -> None:
        """Show it."""


class KeyedList(Generic[Item]):
    """Keeps one widget for each key in a layout, in the order of the items. What did not change is left alone."""

    def __init__(self, layout: QBoxLayout, key: Callable[[Item], str], make: Callable[[], QWidget]) -> None:
        self._layout, self._key, self._make = layout, key, make
        self._rows: dict[str, QWidget] = {}
        self._shown: dict[str, Item] = {}

    def show_items(self, items: Sequence[Item]) -> bool:
        """Show these items, and no others. Whether there are other widgets now, or in another order."""
        before = list(self._rows)
        wanted = {self._key(item): item for item in items}
        for key in [key for key in self._rows if key not in wanted]:
            gone = self._rows.pop(key)
            self._shown.pop(key, None)
            self._layout.removeWidget(gone)
            gone.hide()
            gone.deleteLater()
        for position, (key, item) in enumerate(wanted.items()):
            row = self._rows.get(key)
            if row is None:
                row = self._rows[key] = self._make()
                self._layout.insertWidget(position, row)
            elif self._layout.indexOf(row) != position:
                self._layout.removeWidget(row)
                self._layout.insertWidget(position, row)
            if self._shown.get(key) != item:
                self._shown[key] = item
                # What `make` makes is a widget and a row; Python has no type for both at once.
                cast("Row[Item]", row).show_item(item)
        self._rows = {key: self._rows[key] for key in wanted}
        return before != list(wanted)

    def row(self, key: str) -> QWidget | None:
        """The widget of a key."""
        return self._rows.get(key)

    @property
    def rows(self) -> list[QWidget]:
        """The widgets on show, from top to bottom."""
        return list(self._rows.values())
