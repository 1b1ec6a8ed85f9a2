"""The look, applied: tokens to palette and style sheet, fonts, light, dark or as the system, switched live."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum

from PySide6.QtCore import QObject, Qt, QTemporaryDir, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QPalette
from PySide6.QtWidgets import QApplication

from agent.gui import resources
from agent.gui.palette import DARK, LIGHT, Tokens
from agent.gui.stylesheet import STYLE_SHEET

_FAMILY = "Inter"
_MONO_FAMILY = "JetBrains Mono"


class Mode(StrEnum):
    """What the operator chose."""

    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


class _Current:
    """The tokens in use, for what is painted by hand."""

    tokens: Tokens = LIGHT


def tokens() -> Tokens:
    """The colours in use now."""
    return _Current.tokens


def color(name: str) -> QColor:
    """A token as a colour."""
    return QColor(getattr(_Current.tokens, name))


def load_fonts(application: QApplication) -> None:
    """Register the bundled fonts and set the base font, in pixels so that the layout does not depend on DPI."""
    for path in resources.fonts():
        QFontDatabase.addApplicationFont(str(path))
    application.setFont(font(13))


def font(pixels: int, weight: QFont.Weight = QFont.Weight.Normal) -> QFont:
    """The window's font."""
    found = QFont(_FAMILY)
    found.setPixelSize(pixels)
    found.setWeight(weight)
    found.setHintingPreference(QFont.HintingPreference.PreferNoHinting)
    return found


def mono(pixels: int = 12) -> QFont:
    """The font of ids, times and documents, without ligatures: "->" stays what it is."""
    found = QFont(_MONO_FAMILY)
    found.setPixelSize(pixels)
    found.setStyleHint(QFont.StyleHint.Monospace)
    found.setHintingPreference(QFont.HintingPreference.PreferNoHinting)
    for tag in ("calt", "liga"):
        found.setFeature(QFont.Tag(tag), 0)
    return found


class Theme(QObject):
    """Applies a mode to the application and follows the system where that is the mode."""

    changed = Signal()

    def __init__(self, application: QApplication) -> None:
        super().__init__(application)
        self._application = application
        self._mode = Mode.SYSTEM
        self._pictures = QTemporaryDir()
        self._applied: Tokens | None = None
        application.styleHints().colorSchemeChanged.connect(self._on_system_changed)

    @property
    def mode(self) -> Mode:
        """What was chosen."""
        return self._mode

    def apply(self, mode: Mode) -> None:
        """Switch to a mode, at once and everywhere."""
        self._mode = mode
        hints = self._application.styleHints()
        if mode is Mode.SYSTEM:
            hints.unsetColorScheme()
        else:
            hints.setColorScheme(Qt.ColorScheme.Dark if mode is Mode.DARK else Qt.ColorScheme.Light)
        self._use(DARK if self._wants_dark() else LIGHT)

    def _wants_dark(self) -> bool:
        if self._mode is Mode.SYSTEM:
            return self._application.styleHints().colorScheme() == Qt.ColorScheme.Dark
        return self._mode is Mode.DARK

    def _on_system_changed(self) -> None:
        if self._mode is Mode.SYSTEM:
            self._use(DARK if self._wants_dark() else LIGHT)

    def _use(self, wanted: Tokens) -> None:
        if wanted is self._applied:
            return
        self._applied = _Current.tokens = wanted
        self._application.setPalette(_palette(wanted))
        self._application.setStyleSheet(STYLE_SHEET % (asdict(wanted) | self._write_pictures(wanted)))
        self.changed.emit()

    def _write_pictures(self, wanted: Tokens) -> dict[str, str]:
        from agent.gui.icons import write_tinted  # icons looks colours up here

        name = "dark" if wanted is DARK else "light"
        pictures = {
            "arrow_down": ("chevron-down", wanted.muted),
            "arrow_off": ("chevron-down", wanted.disabled),
            "tick": ("check", wanted.on_accent),
            "tick_off": ("check", wanted.disabled),
        }
        paths: dict[str, str] = {}
        for key, (picture, tint) in pictures.items():
            path = self._pictures.filePath(f"{key}-{name}.svg")
            write_tinted(picture, tint, path)
            paths[key] = path.replace("\\", "/")
        return paths


def _palette(wanted: Tokens) -> QPalette:
    palette = QPalette()
    role = QPalette.ColorRole
    for target, name in (
        (role.Window, wanted.page),
        (role.WindowText, wanted.text),
        (role.Base, wanted.surface),
        (role.AlternateBase, wanted.sunken),
        (role.Text, wanted.text),
        (role.Button, wanted.surface),
        (role.ButtonText, wanted.text),
        (role.Highlight, wanted.accent),
        (role.HighlightedText, wanted.on_accent),
        (role.ToolTipBase, wanted.surface),
        (role.ToolTipText, wanted.text),
        (role.PlaceholderText, wanted.muted),
        (role.Link, wanted.accent),
        (role.Mid, wanted.line),
        (role.Light, wanted.surface),
        (role.Dark, wanted.control),
        (role.Accent, wanted.accent),
    ):
        palette.setColor(target, QColor(name))
    for target in (role.Text, role.WindowText, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, target, QColor(wanted.disabled))
    return palette
