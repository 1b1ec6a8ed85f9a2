"""The log: a million lines, filters in the service, the live tail, detail and copy."""

from __future__ import annotations

import time
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication

from agent.api import live_models
from agent.api.live_models import EventKind
from agent.api.log_models import LogLevel
from agent.domain.errors import NotFoundError, TransientError
from agent.gui.assembly import Shell
from agent.gui.catalog import Catalog
from agent.gui.log.pages import PAGE_ROWS, PageCache
from agent.gui.log.presenter import MOST_ROWS, Filter, LogPresenter
from agent.gui.log.view import LogPage
from tests.gui.doubles import InstantCalls, Recorder, click
from tests.gui.pilot import LOG
from tests.helpers.fake_client import FakeClient


@pytest.fixture
def presenter(view: Recorder, calls: InstantCalls) -> LogPresenter:
    return LogPresenter(view, calls, Catalog(calls))


def log_event(first: int, last: int) -> live_models.Event:
    return live_models.Event(id=1, kind=EventKind.LOG, data={"first": first, "last": last})


# -- pages ------------------------------------------------------------


def test_a_missing_page_is_asked_for_once() -> None:
    asked: list[int] = []
    cache = PageCache[int](asked.append)
    assert [cache.row(row) for row in (0, 1, 300)] == [None, None, None]
    assert asked == [0, 1]
    cache.put(0, range(PAGE_ROWS))
    assert cache.row(255) == 255
    assert asked == [0, 1]


def test_a_page_that_may_have_grown_is_asked_for_again() -> None:
    asked: list[int] = []
    cache = PageCache[int](asked.append)
    cache.put(0, range(10))
    assert cache.row(9) == 9
    assert cache.row(10) is None
    assert asked == [0]


def test_no_more_than_64_pages_are_kept() -> None:
    cache = PageCache[int](lambda _: None)
    for number in range(100):
        cache.put(number, range(PAGE_ROWS))
    assert len(cache) == 64
    assert cache.row(0) is None
    assert cache.row(99 * PAGE_ROWS) == 0


# -- the presenter ------------------------------------------------------------


async def test_the_whole_log_is_shown_by_its_bounds(
    presenter: LogPresenter, view: Recorder, calls: InstantCalls, fake: FakeClient
) -> None:
    fake.log_first, fake.log_last = 11, 1_000_010
    presenter.activate()
    await calls.settle()
    assert view.said("show_rows") == (1_000_000,)
    presenter.request(2)
    await calls.settle()
    number, entries = view.said("show_page")
    assert (number, entries[0].id, len(entries)) == (2, 11 + 2 * PAGE_ROWS, PAGE_ROWS)


async def test_more_lines_than_qt_can_scroll_show_the_newest(
    presenter: LogPresenter, view: Recorder, calls: InstantCalls, fake: FakeClient
) -> None:
    fake.log_first, fake.log_last = 1, 90_000_000
    presenter.activate()
    await calls.settle()
    assert view.said("show_rows") == (MOST_ROWS,)


async def test_new_lines_grow_the_list_without_a_question(
    presenter: LogPresenter, view: Recorder, calls: InstantCalls, fake: FakeClient
) -> None:
    fake.log_first, fake.log_last = 1, 100
    presenter.activate()
    await calls.settle()
    asked = len(fake.calls)
    presenter.on_event(log_event(1, 130))
    assert view.said("grow") == (130,)
    assert len(fake.calls) == asked


async def test_dropped_old_lines_show_the_log_anew(
    presenter: LogPresenter, view: Recorder, calls: InstantCalls, fake: FakeClient
) -> None:
    fake.log_first, fake.log_last = 1, 100
    presenter.activate()
    await calls.settle()
    presenter.on_event(log_event(51, 120))
    assert view.said("show_rows") == (70,)


async def test_a_second_search_cancels_the_first(
    presenter: LogPresenter, view: Recorder, calls: InstantCalls, fake: FakeClient
) -> None:
    fake.log_first, fake.log_last = 1, 800
    presenter.apply(Filter(text="b"))
    presenter.apply(Filter(text="billing", level=LogLevel.ERROR))
    await calls.settle()
    assert fake.calls.count("search_log") == 1
    assert view.said("show_summary") == (100, 800)


async def test_a_search_the_service_forgot_is_made_anew(
    presenter: LogPresenter, view: Recorder, calls: InstantCalls, fake: FakeClient
) -> None:
    fake.log_first, fake.log_last = 1, 80
    presenter.activate()
    presenter.apply(Filter(text="billing"))
    await calls.settle()
    fake.fail["extend_search"] = NotFoundError("No such search.", code="not-found")
    presenter.on_event(log_event(1, 90))
    await calls.settle()
    assert fake.calls.count("search_log") == 2


async def test_a_failed_search_says_so_and_the_next_one_works(
    presenter: LogPresenter, view: Recorder, calls: InstantCalls, fake: FakeClient
) -> None:
    fake.log_first, fake.log_last = 1, 80
    fake.fail["search_log"] = TransientError("No answer.", code="service-unreachable")
    presenter.apply(Filter(text="billing"))
    await calls.settle()
    assert view.said("show_error")[0].message == "No answer."
    fake.fail.clear()
    presenter.apply(Filter(text="billing"))
    await calls.settle()
    assert view.said("show_error") == (None,)
    assert view.said("show_rows") == (10,)


async def test_scrolling_far_gives_up_the_pages_that_passed(
    presenter: LogPresenter, view: Recorder, calls: InstantCalls, fake: FakeClient
) -> None:
    fake.log_first, fake.log_last = 1, 100_000
    presenter.activate()
    await calls.settle()
    for number in range(50):
        presenter.request(number)
    await calls.settle()
    assert fake.calls.count("log_page") <= 6
    assert view.names().count("page_missed") >= 44


# -- the window ------------------------------------------------------------


def open_log(qtbot: Any, shell: Shell, fake: FakeClient, lines: int) -> LogPage:
    fake.log_first, fake.log_last = 1, lines
    shell.window.show_panel(LOG)
    page = shell.log.view
    qtbot.waitUntil(lambda: page.model.rowCount() == lines)
    return page


def test_select_all_on_a_million_lines_is_instant(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    page = open_log(qtbot, shell, fake, 1_000_000)
    page.table.setFocus()
    before = time.monotonic()
    qtbot.keyClick(page.table, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClick(page.table, Qt.Key.Key_Home, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClick(page.table, Qt.Key.Key_End, Qt.KeyboardModifier.ControlModifier)
    assert time.monotonic() - before < 0.5


def test_a_row_shows_a_placeholder_until_its_page_arrives(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    page = open_log(qtbot, shell, fake, 100_000)
    assert page.model.cells(50_000)[4] == "…"
    qtbot.waitUntil(lambda: page.model.cells(50_000)[4] != "…")
    entry = page.model.entry(50_000)
    assert entry is not None
    assert entry.id == 50_001


def test_follow_keeps_the_newest_line_in_sight_and_scrolling_up_lets_go(
    qtbot: Any, shell: Shell, fake: FakeClient
) -> None:
    page = open_log(qtbot, shell, fake, 2_000)
    bar = page.table.verticalScrollBar()
    qtbot.waitUntil(lambda: bar.value() == bar.maximum() and bar.maximum() > 0)
    qtbot.waitUntil(lambda: fake.listeners == 1)
    fake.log_more(100)
    qtbot.waitUntil(lambda: page.model.rowCount() == 2_100 and bar.value() == bar.maximum())
    page.table.setFocus()
    qtbot.keyClick(page.table, Qt.Key.Key_Home, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: not page.follow.isChecked())
    fake.log_more(100)
    qtbot.waitUntil(lambda: page.model.rowCount() == 2_200)
    assert bar.value() < bar.maximum()


def test_typing_searches_the_whole_log_in_the_service(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    page = open_log(qtbot, shell, fake, 4_000)
    qtbot.keyClick(shell.window, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    assert page.search.hasFocus()
    qtbot.keyClicks(page.search, "billing")
    qtbot.waitUntil(lambda: page.summary.text() == "500 hits in the whole log")
    assert fake.calls.count("search_log") == 1
    qtbot.waitUntil(lambda: "billing" in page.model.cells(0)[4])
    qtbot.keyClick(page.search, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: page.summary.text() == "4,000 lines")


def test_the_level_is_a_word_and_a_tone(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    page = open_log(qtbot, shell, fake, 500)
    page.level.setCurrentIndex(3)
    qtbot.waitUntil(lambda: page.model.rowCount() < 100 and page.model.cells(0)[1] == "Error")
    assert page.model.tone(0).value == "error"


def test_the_detail_is_copied_whole(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    page = open_log(qtbot, shell, fake, 500)
    page.level.setCurrentIndex(3)
    qtbot.waitUntil(lambda: page.model.rowCount() < 100 and page.model.cells(0)[1] == "Error")
    page.table.setCurrentIndex(page.model.index(0, 0))
    click(qtbot, page.detail.copy_button)
    text = QGuiApplication.clipboard().text()
    assert "has no billing address" in text
    assert "attribute billing_address.street_1 is required" in text


def test_an_empty_log_says_why(qtbot: Any, shell: Shell) -> None:
    shell.window.show_panel(LOG)
    qtbot.waitUntil(shell.log.view.empty.isVisible)
    assert shell.log.view.empty.title.text() == "Nothing logged yet"
