"""Processflows on screen."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QMenu, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from agent.api import flow_models
from agent.gui import formats
from agent.gui.flows.card import FlowCard
from agent.gui.flows.presenter import ENVIRONMENT_OFF, FlowEntry
from agent.gui.flows.selection import PAGE, Selection, Standing
from agent.gui.tones import Tone
from agent.gui.widgets.buttons import button, menu_button
from agent.gui.widgets.dialog import ConfirmDialog
from agent.gui.widgets.empty_state import EmptyState
from agent.gui.widgets.inputs import SearchInput
from agent.gui.widgets.keyed_list import KeyedList
from agent.gui.widgets.page import Page, scrolled
from agent.gui.widgets.tab_order import order_tabs

_CLOCK_MILLISECONDS, _FAST_CLOCK_MILLISECONDS = 20_000, 1_000
_FEW = 8
"""Up to so many are seen at a glance and need no search."""


class FlowsPage(Page):
    """Emits names of processflows and ids of runs."""

    deploy_clicked = Signal()
    execute_clicked = Signal(str)
    cancel_clicked = Signal(str)
    redeploy_clicked = Signal(str)
    undeploy_clicked = Signal(str)
    undeploy_confirmed = Signal(str)
    records_clicked = Signal(str)
    log_clicked = Signal(str)
    room_chosen = Signal(str, object)
    past_clicked = Signal()
    library_clicked = Signal()
    searched = Signal(str)
    standing_chosen = Signal(object)
    more_clicked = Signal()
    grew_old = Signal()

    def __init__(self) -> None:
        super().__init__("Processflows", "What is deployed here, how far it has got, and what its last run did.")
        self.deploy = button("&Deploy…", self.deploy_clicked.emit, kind="primary", picture="upload")
        self.more_actions = menu_button("More", self._build_menu())
        self.tools.addWidget(self.more_actions)
        self.tools.addWidget(self.deploy)
        self._filters = self._build_filters()
        self.body.addWidget(self._filters)
        self._stack = QStackedWidget()
        self.body.addWidget(self._stack, 1)
        self._area, column = scrolled()
        cards = QVBoxLayout()
        cards.setSpacing(12)
        column.addLayout(cards)
        self.more = button("", self.more_clicked.emit, name="Show more processflows")
        column.addWidget(self.more, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch()
        self._cards = KeyedList[FlowEntry](cards, lambda entry: entry.flow.name, self._make_card)
        self._stack.addWidget(self._area)
        self.empty = EmptyState(
            "workflow",
            "No processflow is deployed yet",
            "A processflow fetches records from one app, maps them and writes them into another. "
            "Deploy one of the samples, or a document of your own.",
            ("Deploy…", self.deploy_clicked.emit),
            picture_of_action="upload",
        )
        self._stack.addWidget(self.empty)
        self._none = EmptyState("search", "No processflow matches", "Search for something else, or choose All.")
        self._stack.addWidget(self._none)
        self._clock = QTimer(self, interval=_CLOCK_MILLISECONDS)
        self._clock.timeout.connect(self.grew_old)
        self._clock.start()

    def show_flows(self, entries: list[FlowEntry], *, hidden: int, total: int) -> None:
        """Show the cards."""
        if self._cards.show_items(entries):
            order_tabs(
                [self.more_actions, self.deploy, self.search, *self.standings.values(), *self._cards.rows, self.more]
            )
        self._stack.setCurrentWidget(self.empty if not total else self._area if entries else self._none)
        self.deploy.setVisible(bool(total))
        self._filters.setVisible(total > _FEW)
        self.more.setText(f"Show {formats.number(min(hidden, PAGE))} more of {formats.number(hidden)}")
        self.more.setVisible(hidden > 0)
        running = any(entry.flow.active_run for entry in entries)
        self._clock.setInterval(_FAST_CLOCK_MILLISECONDS if running else _CLOCK_MILLISECONDS)

    def show_selection(self, chosen: Selection, found: dict[Standing, int]) -> None:
        """What was chosen."""
        for standing, control in self.standings.items():
            control.setChecked(standing is chosen.standing)
            control.setText(f"{standing.value}  {formats.number(found[standing])}")
            control.setAccessibleName(f"{standing.value}: {formats.plural(found[standing], 'processflow')}")

    def show_search(self, text: str) -> None:
        """A search that came from elsewhere; never while somebody types."""
        self.search.blockSignals(True)
        self.search.setText(text)
        self.search.blockSignals(False)

    def reveal(self, name: str) -> None:
        """Bring a card in sight."""
        QTimer.singleShot(0, self, lambda: self._reveal(name))

    def focus_search(self) -> None:
        """Ctrl+F."""
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()

    def show_environment_off(self, open_settings: Callable[[], object]) -> None:
        """The environment is not enabled."""
        self.banner.show_message(
            Tone.WARN,
            ENVIRONMENT_OFF,
            "Nothing is deployed, scheduled or executed until it is. Tick Enable Environment in Settings.",
            [("Open Settings", open_settings)],
        )

    def ask_undeploy(self, flow: flow_models.Flow) -> None:
        """Ask before a processflow is withdrawn."""
        question = ConfirmDialog(
            f"Undeploy “{flow.title or flow.name}”?",
            "It no longer runs here, neither by schedule nor by hand. Its history, bookmarks and Sync Info stay, "
            "so that it goes on where it stopped when it is deployed again.",
            accept="Undeploy",
            on_accept=lambda: self.undeploy_confirmed.emit(flow.name),
            parent=self.window(),
        )
        question.open()

    def _build_menu(self) -> QMenu:
        menu = QMenu(self)
        menu.addAction("Undeployed processflows…", self.past_clicked.emit)
        menu.addAction("Packages and library…", self.library_clicked.emit)
        return menu

    def _build_filters(self) -> QWidget:
        holder = QWidget()
        holder.setProperty("role", "clear")
        row = QHBoxLayout(holder)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        self.search = SearchInput("Search the processflows", "Search name, description or connection   (Ctrl+F)")
        self.search.searched.connect(self.searched)
        row.addWidget(self.search, 1)
        self._group = QButtonGroup(self)
        self.standings: dict[Standing, QPushButton] = {}
        for standing in Standing:
            control = button(standing.value, kind="filter")
            control.setCheckable(True)
            control.clicked.connect(lambda _checked=False, chosen=standing: self.standing_chosen.emit(chosen))
            self._group.addButton(control)
            self.standings[standing] = control
            row.addWidget(control)
        holder.hide()
        return holder

    def _reveal(self, name: str) -> None:
        card = self._cards.row(name)
        if isinstance(card, FlowCard):
            self._area.ensureWidgetVisible(card, 0, 12)
            (card.execute if card.execute.isVisible() else card.cancel).setFocus()

    def _make_card(self) -> QWidget:
        card = FlowCard()
        for mine, ours in (
            (card.execute_clicked, self.execute_clicked),
            (card.cancel_clicked, self.cancel_clicked),
            (card.redeploy_clicked, self.redeploy_clicked),
            (card.undeploy_clicked, self.undeploy_clicked),
            (card.records_clicked, self.records_clicked),
            (card.log_clicked, self.log_clicked),
        ):
            mine.connect(ours)
        card.room_chosen.connect(self.room_chosen)
        return card
