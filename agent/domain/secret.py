"""A secret that cannot be shown by accident."""

from __future__ import annotations


class Secret:
    """Text that must never reach a log, an exception, a repr or an answer.

    It compares by value, is unhashable, cannot be pickled, and shows itself as dots. `reveal()` is the only way out;
    call it at the last moment, where the text is handed to the vault or to the wire.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself."""
        return self._text

    def hint(self) -> str:
        """The last four characters of a long secret, for people to tell two tokens apart; dots otherwise."""
        return f"••••{self._text[-4:]}" if len(self._text) >= 16 else "••••"

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    __hash__ = None  # type: ignore[assignment]  # Python's own way to say that it has none

    def __repr__(self) -> str:
        return "Secret(••••)"

    __str__ = __repr__

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("A secret cannot be pickled.")
