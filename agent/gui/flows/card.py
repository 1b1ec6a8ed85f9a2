"""A processflow's card: where it stands, what its last run did, what can be done with it."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QHBoxLayout, QMenu, QVBoxLayout

from agent.api import flow_models
from agent.domain.run import RunState
from agent.gui import formats, tones
from agent.gui.flows.presenter import FlowEntry
from agent.gui.panel import Room
from agent.gui.widgets.buttons import button, menu_button
from agent.gui.widgets.card import Card
from agent.gui.widgets.chip import Chip
from agent.gui.widgets.spinner import BusyBar
from agent.gui.widgets.text import Elided, ShortName, Text


class FlowCard(Card):
    """Emits the processflow's name, or the run's id."""

    execute_clicked = Signal(str)
    cancel_clicked = Signal(str)
    redeploy_clicked = Signal(str)
    undeploy_clicked = Signal(str)
    records_clicked = Signal(str)
    log_clicked = Signal(str)
    room_chosen = Signal(str, object)

    def __init__(self) -> None:
        super().__init__()
        self._name, self._run_id, self._records_failed = "", "", False
        self._focus_waits = self._waits = False
        head = QHBoxLayout()
        head.setSpacing(8)
        words = QVBoxLayout()
        words.setSpacing(3)
        top = QHBoxLayout()
        top.setSpacing(10)
        self._title, self._chip = ShortName("", "section"), Chip()
        top.addWidget(self._title)
        top.addWidget(self._chip)
        top.addStretch()
        words.addLayout(top)
        self._path = Elided("", "muted")
        words.addWidget(self._path)
        head.addLayout(words, 1)
        self.cancel = button("Cancel", lambda: self.cancel_clicked.emit(self._run_id), picture="square")
        self.execute = button("Execute", lambda: self.execute_clicked.emit(self._name), picture="play")
        self.menu = self._build_menu()
        self.more = menu_button("More", self.menu)
        for control in (self.cancel, self.execute, self.more):
            head.addWidget(control)
        self.body.addLayout(head)
        self._busy, self._activity = BusyBar(), Elided("", "muted")
        self.body.addWidget(self._busy)
        self.body.addWidget(self._activity)
        facts = QHBoxLayout()
        facts.setSpacing(28)
        self._last, self._next, self._version = _Fact("Last run"), _Fact("Next run"), _Fact("Deployed")
        self._bound = _Fact("Connections")
        for fact, share in ((self._last, 8), (self._next, 2), (self._bound, 5), (self._version, 4)):
            facts.addWidget(fact, share)
        self.body.addLayout(facts)
        self._result = Text("", "", wrap=True)
        self.cure = button("", self._on_cure, kind="link")
        result = QHBoxLayout()
        result.setSpacing(14)
        result.addWidget(self._result, 1)
        result.addWidget(self.cure)
        self.body.addLayout(result)

    def show_item(self, entry: FlowEntry) -> None:
        """Show a processflow."""
        flow, run = entry.flow, entry.flow.active_run
        self._name, self._run_id = flow.name, run.id if run else ""
        title = flow.title or flow.name
        self._title.show_text(title)
        self._show_chip(entry)
        self._path.show_text("  →  ".join(node.title for node in flow.nodes) or flow.description)
        self._show_progress(entry)
        had_focus = self._focus_waits or self.execute.hasFocus() or self.cancel.hasFocus()
        self._focus_waits = had_focus and entry.starting  # Qt hands the focus of a disabled button on
        self.execute.setVisible(run is None)
        self.execute.setEnabled(not entry.starting and not flow.waits_for)
        self.cancel.setVisible(run is not None)
        self.cancel.setEnabled(run is not None and run.state is not RunState.CANCELLING)
        if had_focus and not entry.starting:  # the button that was pressed gives way to the other one, with the focus
            (self.cancel if run is not None else self.execute).setFocus()
        for control, word in ((self.execute, "Execute"), (self.cancel, "Cancel"), (self.more, "More for")):
            control.setAccessibleName(f"{word} {title}")
        self._events.setVisible(flow.by_events)
        self._scheduled.setVisible(not flow.by_events)
        self._show_facts(entry)

    def _show_chip(self, entry: FlowEntry) -> None:
        run = entry.flow.active_run or entry.flow.last_run
        if entry.flow.waits_for:
            self._chip.show_state("Not bound yet", tones.Tone.WARN)
        elif entry.starting:
            self._chip.show_state("Starting", tones.Tone.INFO)
        elif entry.halted and entry.flow.active_run:
            self._chip.show_state("Halted", tones.Tone.WARN)
        elif run is None:
            self._chip.show_state("Never ran", tones.Tone.IDLE)
        else:
            self._chip.show_state(run.state.value, tones.RUN[run.state])

    def _show_progress(self, entry: FlowEntry) -> None:
        run = entry.flow.active_run
        self._busy.setVisible((run is not None and not entry.halted) or entry.starting)
        self._activity.setVisible(run is not None)
        if run is not None and entry.halted:
            self._activity.show_text(
                f"{formats.counts(run.counts)}  ·  It goes on when the environment is enabled again"
            )
        elif run is not None:
            self._activity.show_text(f"{formats.progress(run, entry.now)}  ·  {run.activity or 'Starting …'}")

    def _show_facts(self, entry: FlowEntry) -> None:
        flow, last, now = entry.flow, entry.flow.last_run, entry.now
        if last is None:
            self._last.show_fact("Never", "")
        else:
            when = formats.relative(last.ended_at or last.queued_at, now)
            text = f"{last.state.value} {when}" if flow.active_run else when
            if last.counts.read:
                text += f" · {formats.counts(last.counts)}"
            elif last.state is RunState.SUCCESS and last.message:
                text += f" · {last.message.rstrip('.')}"
            tip = formats.moment_tip(last.ended_at or last.queued_at)
            if last.started_at and last.ended_at:
                tip += f"\nIt took {formats.took(last.ended_at - last.started_at)}"
            self._last.show_fact(text, tip)
        by_itself = "When events arrive" if flow.by_events else "By hand"
        upcoming = formats.relative(flow.next_run_at, now) if flow.next_run_at else by_itself
        self._next.show_fact(
            upcoming, "\n".join(part for part in (flow.schedule, formats.moment_tip(flow.next_run_at)) if part)
        )
        names = [one.configuration_name for one in flow.bindings] + ["not bound yet"] * len(flow.waits_for)
        self._bound.show_fact(", ".join(names) or formats.DASH, "")
        deployed = f"Version {flow.version} · {formats.relative(flow.deployed_at, now)}"
        self._version.show_fact(deployed, f"{formats.moment_tip(flow.deployed_at)}\nby {flow.deployed_by}")
        message = _message(flow)
        self._result.setText(message)
        self._result.setVisible(bool(message) and flow.active_run is None)
        self._show_cure(entry, wanted=bool(message) and flow.active_run is None)

    def _show_cure(self, entry: FlowEntry, *, wanted: bool) -> None:
        """The way to the records that failed, or to the log where it was the run itself."""
        self._records_failed, self._waits = entry.flow.failed_records > 0, bool(entry.flow.waits_for)
        word = "Show failed records" if self._records_failed else "Show the log"
        if self._waits:
            word = "Choose the connections"
        self.cure.setText(word)
        self.cure.setAccessibleName(f"{word} of {entry.flow.title or entry.flow.name}")
        self.cure.setVisible(wanted)

    def _on_cure(self) -> None:
        if self._waits:
            self.redeploy_clicked.emit(self._name)
            return
        (self.records_clicked if self._records_failed else self.log_clicked).emit(self._name)

    def _build_menu(self) -> QMenu:
        menu = QMenu(self)
        self._add_room(menu, "Execute once…", Room.ONCE)
        self._add_room(menu, "Preview…", Room.PREVIEW)
        menu.addSeparator()
        self._add_room(menu, "Runs…", Room.RUNS)
        menu.addAction("Show records", lambda: self.records_clicked.emit(self._name))
        menu.addAction("Show log", lambda: self.log_clicked.emit(self._name))
        menu.addSeparator()
        self._scheduled = self._add_room(menu, "Schedule…", Room.SCHEDULE)
        self._add_room(menu, "Retry…", Room.RETRY)
        self._add_room(menu, "Data of this processflow…", Room.DATA)
        self._events = self._add_room(menu, "Event URL…", Room.EVENTS)
        self._add_room(menu, "Versions…", Room.VERSIONS)
        menu.addAction("Redeploy…", lambda: self.redeploy_clicked.emit(self._name))
        menu.addAction("Undeploy…", lambda: self.undeploy_clicked.emit(self._name))
        return menu

    def _add_room(self, menu: QMenu, text: str, room: Room) -> QAction:
        return menu.addAction(text, lambda: self.room_chosen.emit(self._name, room))


def _message(flow: flow_models.Flow) -> str:
    """What needs a person, most recent first; empty when all is well."""
    parts = [flow.alert]
    last = flow.last_run
    if last is not None and last.state in (RunState.FAILED, RunState.PARTIAL):
        parts.append(f"{last.message} {last.remedy}".strip())
    elif flow.failed_records:
        parts.append(f"{formats.plural(flow.failed_records, 'record')} failed in an earlier run.")
    return "\n".join(part for part in parts if part)


class _Fact(Card):
    def __init__(self, caption: str) -> None:
        super().__init__()
        self.setProperty("role", "clear")
        self.body.setContentsMargins(0, 0, 0, 0)
        self.body.setSpacing(2)
        self.body.addWidget(Text(caption, "overline"))
        self._text = Elided()
        self.body.addWidget(self._text)

    def show_fact(self, text: str, tip: str) -> None:
        """Show it."""
        self._text.show_text(text)
        if tip:
            self.setToolTip(tip)
