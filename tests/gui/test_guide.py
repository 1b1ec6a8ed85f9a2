"""The guide in the window."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QImage, QTextDocument

from agent.gui import resources, theme
from agent.gui.assembly import Shell
from agent.gui.help.about import AboutDialog
from agent.gui.help.window import GuideWindow
from tests.gui.pilot import ALERTS, APPS, FLOWS, HOME, LOG, LOOKUPS, SETTINGS, SYNC_INFO


def guide_of(shell: Shell) -> GuideWindow:
    return shell.window.findChildren(GuideWindow)[-1]


@pytest.mark.parametrize(
    ("panel", "title"),
    [(HOME, "Operator's guide"), (ALERTS, "Alerts"), (APPS, "App Configurations and the vault"),
     (FLOWS, "Processflows"), (SYNC_INFO, "Sync Info"), (LOOKUPS, "Lookups"), (LOG, "Log"), (SETTINGS, "Settings")],
)  # fmt: skip
def test_f1_opens_the_page_of_the_panel_on_show(qtbot: Any, shell: Shell, panel: int, title: str) -> None:
    shell.window.show_panel(panel)
    qtbot.keyClick(shell.window, Qt.Key.Key_F1)
    assert guide_of(shell).browser.document().begin().text() == title


def test_links_lead_to_other_pages_and_back(qtbot: Any, shell: Shell) -> None:
    qtbot.keyClick(shell.window, Qt.Key.Key_F1)
    guide = guide_of(shell)
    assert not guide.back_button.isEnabled()
    guide.browser.anchorClicked.emit(QUrl("log.md"))
    assert guide.browser.document().begin().text() == "Log"
    guide.browser.anchorClicked.emit(QUrl("https://example.com/log.md"))
    guide.browser.anchorClicked.emit(QUrl("nowhere.md"))
    assert guide.browser.document().begin().text() == "Log"
    guide.back_button.click()
    assert guide.browser.document().begin().text() == "Operator's guide"
    qtbot.waitUntil(guide.isActiveWindow)
    qtbot.keyClick(guide.browser, Qt.Key.Key_Escape)
    assert not guide.isVisible()


def picture(guide: GuideWindow) -> QImage:
    kind = QTextDocument.ResourceType.ImageResource
    found = guide.browser.loadResource(kind.value, QUrl("../images/home.png"))
    assert isinstance(found, QImage)
    return found


def test_pictures_follow_the_mode_and_fit(qtbot: Any, shell: Shell) -> None:
    qtbot.keyClick(shell.window, Qt.Key.Key_F1)
    guide = guide_of(shell)
    light = picture(guide)
    assert 0 < light.width() < guide.browser.viewport().width()
    shell.theme.apply(theme.Mode.DARK)
    dark = picture(guide)
    assert light.pixelColor(300, 300).lightness() > 200
    assert dark.pixelColor(300, 300).lightness() < 60


def test_where_no_guide_was_installed_none_is_offered(
    qtbot: Any, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "_PROJECT", Path("/nowhere"))
    shell.window._open_guide()
    assert shell.window.findChildren(GuideWindow) == []


def test_about_says_version_and_licences(qtbot: Any, shell: Shell) -> None:
    shell.window._open_about()
    about = shell.window.findChildren(AboutDialog)[-1]
    assert "Version" in about.subtitle.text()
