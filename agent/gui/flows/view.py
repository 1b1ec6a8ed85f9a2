"""Processflows on screen."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from agent.api import models
from agent.domain.errors import AgentError
from agent.gui.flows.card import FlowCard
from agent.gui.flows.presenter import ENVIRONMENT_OFF, FlowEntry
from agent.gui.tones import Tone
from agent.gui.widgets.buttons import button
from agent.gui.widgets.dialog import ConfirmDialog
from agent.gui.widgets.empty_state import EmptyState
from agent.gui.widgets.keyed_list import KeyedList
from agent.gui.widgets.page import Page, scrolled

_CLOCK_MILLISECONDS = 20_000


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
    grew_old = Signal()

    def __init__(self) -> None:
        super().__init__("Processflows", "What is deployed here, how far it has got, and what its last run did.")
        self.deploy = button("&Deploy…", self.deploy_clicked.emit, kind="primary", picture="upload")
        self.tools.addWidget(self.deploy)
        self._stack = QStackedWidget()
        self.body.addWidget(self._stack, 1)
        area, column = scrolled()
        cards = QVBoxLayout()
        cards.setSpacing(12)
        column.addLayout(cards)
        column.addStretch()
        self._cards = KeyedList[FlowEntry](cards, lambda entry: entry.flow.name, self._make_card)
        self._stack.addWidget(area)
        self.empty = EmptyState(
            "workflow",
            "No processflow is deployed yet",
            "A processflow fetches records from one app, maps them and writes them into another. "
            "Deploy one of the samples, or a document of your own.",
            ("Deploy…", self.deploy_clicked.emit),
            picture_of_action="upload",
        )
        self._stack.addWidget(self.empty)
        self._clock = QTimer(self, interval=_CLOCK_MILLISECONDS)
        self._clock.timeout.connect(self.grew_old)
        self._clock.start()

    def show_flows(self, entries: list[FlowEntry]) -> None:
        """Show the cards."""
        self._cards.show_items(entries)
        self._stack.setCurrentIndex(0 if entries else 1)
        self.deploy.setVisible(bool(entries))

    def show_error(self, error: AgentError | None) -> None:
        """What failed and what to do."""
        if error is None:
            self.banner.hide()
        else:
            self.banner.show_error(error)

    def show_environment_off(self, open_settings: Callable[[], object]) -> None:
        """The environment is not enabled."""
        self.banner.show_message(
            Tone.WARN,
            ENVIRONMENT_OFF,
            "Nothing is deployed, scheduled or executed until it is. Tick Enable Environment in Settings.",
            [("Open Settings", open_settings)],
        )

    def ask_undeploy(self, flow: models.Flow) -> None:
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
        return card
