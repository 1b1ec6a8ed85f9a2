"""Decides what the log shows: the whole of it or a search's hits, page by page, growing at its end. No Qt."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from agent.api import live_models, log_models
from agent.api.live_models import EventKind
from agent.domain.errors import AgentError
from agent.gui.calls import Call, Calls
from agent.gui.catalog import Catalog
from agent.gui.log.pages import PAGE_ROWS
from agent.gui.panel import Presenter

MOST_ROWS = 60_000_000
"""More rows than this cannot be scrolled to: Qt counts pixels in 31 bits. Older lines are found by searching."""
_MOST_PAGES_ASKED = 6


@dataclass(frozen=True, slots=True)
class Filter:
    """What is looked for; empty means everything."""

    level: log_models.LogLevel | None = None
    flow: str = ""
    run: str = ""
    text: str = ""

    def __bool__(self) -> bool:
        return self != Filter()


class LogView(Protocol):
    """What the presenter needs of the page."""

    def show_rows(self, count: int) -> None:
        """Other rows: forget every page."""

    def grow(self, count: int) -> None:
        """More rows at the end."""

    def show_page(self, number: int, entries: list[log_models.LogEntry]) -> None:
        """A page arrived."""

    def page_missed(self, number: int) -> None:
        """A page does not come."""

    def show_summary(self, *, hits: int | None, lines: int) -> None:
        """How many lines there are, and how many of them are hits."""

    def show_searching(self, *, searching: bool) -> None:
        """A search is at work."""

    def show_flows(self, flows: list[tuple[str, str]]) -> None:
        """Names and titles of the processflows, for the filter."""

    def show_error(self, error: AgentError | None) -> None:
        """What failed and what to do."""

    def show_filter(self, chosen: Filter) -> None:
        """A filter that came from elsewhere."""


class LogPresenter(Presenter):
    """One log page."""

    def __init__(self, view: LogView, calls: Calls, catalog: Catalog) -> None:
        self._view, self._calls, self._catalog = view, calls, catalog
        self._filter = Filter()
        self._first = self._last = 0
        self._hits: log_models.LogHits | None = None
        self._count = 0
        self._seeking: Call | None = None
        self._extending = False
        self._extend_again = False
        self._asked: OrderedDict[int, Call] = OrderedDict()
        self._shown = False
        catalog.listeners.append(self._on_catalog)

    def activate(self) -> None:
        """Ask at the first time; events keep it up to date afterwards."""
        self._on_catalog()
        if not self._shown:
            self.refresh()

    def refresh(self) -> None:
        """Ask for everything again."""
        self._shown = True
        self.apply(self._filter)

    def grow_stale(self) -> None:
        """The service may be another one, which does not know our search: begin anew when the panel comes on show."""
        self._shown = False

    def forget(self) -> None:
        """Drop what is on show."""
        self._calls.cancel_all()
        self._asked.clear()
        self._filter, self._hits, self._first, self._last = Filter(), None, 0, 0
        self._shown = self._extending = self._extend_again = False
        self._show(0)

    def open(self, chosen: Filter) -> None:
        """Come from another panel with a filter."""
        self._shown = True
        self._view.show_filter(chosen)
        self.apply(chosen)

    def apply(self, chosen: Filter) -> None:
        """Show what a filter finds in the whole log; an earlier search is cancelled."""
        self._filter = chosen
        if self._seeking is not None:
            self._seeking.cancel()
        self._view.show_error(None)
        self._view.show_searching(searching=bool(chosen))
        if chosen:
            search = log_models.LogSearch(
                level=chosen.level, flow=chosen.flow, run=chosen.run, text=chosen.text[:1_000]
            )
            self._seeking = self._calls.start(lambda client: client.search_log(search), self._on_hits, self._on_failed)
        else:
            self._seeking = self._calls.start(lambda client: client.log_bounds(), self._on_bounds, self._on_failed)

    def request(self, number: int) -> None:
        """A page is looked at. Of many asked for at once, as while scrolling, the oldest are given up."""
        while len(self._asked) >= _MOST_PAGES_ASKED:
            given_up, call = self._asked.popitem(last=False)
            call.cancel()
            self._view.page_missed(given_up)
        hits, start = self._hits, number * PAGE_ROWS
        first = self._first + start
        if hits is not None:
            self._asked[number] = self._calls.start(
                lambda client: client.log_hits(hits.id, start, PAGE_ROWS), self._page(number), self._no_page(number)
            )
        else:
            self._asked[number] = self._calls.start(
                lambda client: client.log_page(first, PAGE_ROWS), self._page(number), self._no_page(number)
            )

    def on_event(self, event: live_models.Event) -> None:
        """Lines were logged."""
        if event.kind is not EventKind.LOG or not self._shown or self._seeking is not None:
            return
        try:
            bounds = log_models.LogBounds.model_validate(event.data)
        except ValueError:
            return
        if self._hits is not None:
            self._last = max(self._last, bounds.last)
            self._extend()
        elif _first_shown(bounds) != self._first or bounds.last < self._last:
            self._on_bounds(bounds)
        else:
            self._last = bounds.last
            self._grow(bounds.last - self._first + 1)

    def _extend(self) -> None:
        if self._extending or self._hits is None:
            self._extend_again = True
            return
        self._extending, self._extend_again = True, False
        search = self._hits.id
        self._calls.start(lambda client: client.extend_search(search), self._on_extended, self._on_not_extended)

    def _on_extended(self, hits: log_models.LogHits) -> None:
        self._extending = False
        if self._hits is None or hits.id != self._hits.id:
            return
        self._hits = hits
        self._last = max(self._last, hits.last)
        self._grow(hits.count)
        if self._extend_again:
            self._extend()

    def _on_not_extended(self, _: AgentError) -> None:
        """The service forgot the search, as after its restart: search anew."""
        self._extending = False
        if self._hits is not None:
            self.apply(self._filter)

    def _on_bounds(self, bounds: log_models.LogBounds) -> None:
        self._seeking = self._hits = None
        self._view.show_searching(searching=False)
        self._first, self._last = _first_shown(bounds), bounds.last
        self._show(bounds.last - self._first + 1 if bounds.last else 0)

    def _on_hits(self, hits: log_models.LogHits) -> None:
        self._seeking, self._hits, self._last = None, hits, hits.last
        self._extending = False
        self._view.show_searching(searching=False)
        self._show(min(hits.count, MOST_ROWS))

    def _on_failed(self, error: AgentError) -> None:
        self._seeking = None
        self._view.show_searching(searching=False)
        self._view.show_error(error)

    def _show(self, count: int) -> None:
        for call in self._asked.values():
            call.cancel()
        self._asked.clear()
        self._count = count
        self._view.show_rows(count)
        self._say()

    def _grow(self, count: int) -> None:
        if count > self._count:
            self._count = min(count, MOST_ROWS)
            self._view.grow(self._count)
        self._say()

    def _say(self) -> None:
        lines = self._last - max(self._first, 1) + 1 if self._last else 0
        self._view.show_summary(hits=self._count if self._hits is not None else None, lines=lines)

    def _page(self, number: int) -> Callable[[log_models.LogPage], object]:
        def arrived(page: log_models.LogPage) -> None:
            self._asked.pop(number, None)
            self._view.show_page(number, page.items)

        return arrived

    def _no_page(self, number: int) -> Callable[[AgentError], object]:
        def missed(error: AgentError) -> None:
            self._asked.pop(number, None)
            self._view.page_missed(number)
            self._view.show_error(error)

        return missed

    def _on_catalog(self) -> None:
        self._view.show_flows([(flow.name, flow.title or flow.name) for flow in self._catalog.flows])


def _first_shown(bounds: log_models.LogBounds) -> int:
    return max(bounds.first, bounds.last - MOST_ROWS + 1)
