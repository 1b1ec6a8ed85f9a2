"""Shows a page of the guide: Markdown with our fonts and colours, pictures as wide as there is room, in either mode."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, QUrl, Signal
from PySide6.QtGui import (
    QColor,
    QFont,
    QImage,
    QPalette,
    QResizeEvent,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFormat,
    QTextFrameFormat,
    QTextLength,
    QTextTable,
)
from PySide6.QtWidgets import QTextBrowser

from agent.gui import theme
from agent.gui.palette import DARK

_HEADINGS = {1: 21, 2: 16, 3: 14}
_MARGIN = 28
_WIDEST_PICTURE = 900


class GuideBrowser(QTextBrowser):
    """Emits `turned` with the page that is on show."""

    turned = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Guide")
        self.setProperty("role", "guide")
        self.setOpenLinks(False)
        self.anchorClicked.connect(self._follow)
        self._visited: list[Path] = []
        self._width = 0
        self._shown: QTextDocument | None = None

    @property
    def page(self) -> Path | None:
        """The page on show."""
        return self._visited[-1] if self._visited else None

    @property
    def can_go_back(self) -> bool:
        """Whether there was a page before."""
        return len(self._visited) > 1

    def open(self, page: Path) -> None:
        """Show a page."""
        if page != self.page:
            self._visited.append(page)
        self._show()

    def back(self) -> None:
        """Show the page before."""
        if self.can_go_back:
            self._visited.pop()
            self._show()

    def restyle(self) -> None:
        """The theme changed."""
        if self._visited:
            self._show()

    def loadResource(self, kind: int, name: QUrl | str) -> Any:
        """Pictures: those of the mode, and no wider than there is room."""
        if kind != QTextDocument.ResourceType.ImageResource.value or self.page is None:
            return super().loadResource(kind, name)
        url = QUrl(name)
        path = Path(url.toLocalFile() if url.isLocalFile() else self.page.parent / url.path()).resolve()
        in_dark = path.with_name(f"{path.stem}-dark{path.suffix}")
        if theme.tokens() is DARK and in_dark.exists():
            path = in_dark
        picture = QImage(str(path))
        ratio = self.devicePixelRatioF()
        room = round(min(self.viewport().width() - 2 * _MARGIN - 4, _WIDEST_PICTURE) * ratio)
        if picture.width() > room > 0:
            picture = picture.scaledToWidth(room, Qt.TransformationMode.SmoothTransformation)
        picture.setDevicePixelRatio(ratio)
        return picture

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._visited and abs(self.viewport().width() - self._width) > 8:
            self._show()

    def _show(self) -> None:
        page = self.page
        if page is None:
            return
        self._width = self.viewport().width()
        palette = self.palette()
        palette.setColor(QPalette.ColorRole.Link, theme.color("accent"))
        self.setPalette(palette)
        before = self._shown
        document = QTextDocument(self)  # a used one would lend its last heading's font to the next page
        document.setBaseUrl(QUrl.fromLocalFile(f"{page.parent}/"))
        document.setDefaultFont(theme.font(13))
        document.setDocumentMargin(_MARGIN)
        try:
            document.setMarkdown(page.read_text("utf-8"))
        except OSError:
            document.setPlainText("This page of the guide is missing. Install the agent again.")
        _dress(document)
        self.setDocument(document)
        self._shown = document
        if before is not None:
            before.deleteLater()
        self.verticalScrollBar().setValue(0)
        self.turned.emit(page)

    def _follow(self, link: QUrl) -> None:
        if self.page is None or link.scheme() not in ("", "file"):
            return
        target = (self.page.parent / link.path()).resolve()
        if target.suffix == ".md" and target.is_file():
            self.open(target)


def _dress(document: QTextDocument) -> None:
    """Give headings, code and tables our looks; Markdown has no style sheet."""
    block = document.begin()
    while block.isValid():
        cursor = QTextCursor(block)
        level = block.blockFormat().headingLevel()
        spaced = QTextBlockFormat()
        spaced.setLineHeight(135, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value)
        if level:
            cursor.movePosition(QTextCursor.MoveOperation.EndOfBlock, QTextCursor.MoveMode.KeepAnchor)
            looks = QTextCharFormat()
            looks.setFont(theme.font(_HEADINGS.get(level, 13), QFont.Weight.Bold))
            cursor.mergeCharFormat(looks)
            spaced.setTopMargin(6 if level == 1 else 18)
            spaced.setBottomMargin(6)
        if _is_code(cursor):
            spaced.setBackground(theme.color("sunken"))
        elif not level and cursor.currentTable() is None and cursor.currentList() is None:
            spaced.setBottomMargin(9)
        cursor.mergeBlockFormat(spaced)
        block = block.next()
    for frame in document.rootFrame().childFrames():
        if isinstance(frame, QTextTable):
            _dress_table(frame)


def _is_code(cursor: QTextCursor) -> bool:
    looks = cursor.blockFormat()
    return looks.nonBreakableLines() or looks.hasProperty(QTextFormat.Property.BlockCodeLanguage.value)


def _dress_table(table: QTextTable) -> None:
    if not any(table.cellAt(0, column).firstCursorPosition().block().text() for column in range(table.columns())):
        table.removeRows(0, 1)  # a head without words
    looks = table.format()
    looks.setBorder(1)
    looks.setBorderStyle(QTextFrameFormat.BorderStyle.BorderStyle_Solid)
    looks.setBorderBrush(QColor(theme.tokens().line))
    looks.setBorderCollapse(True)
    looks.setCellPadding(7)
    looks.setCellSpacing(0)
    looks.setTopMargin(8)
    looks.setBottomMargin(12)
    looks.setWidth(QTextLength(QTextLength.Type.PercentageLength, 100))
    looks.clearColumnWidthConstraints()
    table.setFormat(looks)
