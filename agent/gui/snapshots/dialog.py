"""The Runs dialog: choose a run of a processflow, then look at its nodes, records, packets, or its log."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QHBoxLayout,
    QPlainTextEdit,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from agent.api.log_models import LogEntry
from agent.api.run_models import Run
from agent.api.snapshot_models import KeptPacket, KeptPacketContent, LoggedRecord, Snapshot, SnapshotNode
from agent.domain.errors import AgentError
from agent.gui import formats, theme, tones
from agent.gui.snapshots import lines
from agent.gui.snapshots.presenter import Look
from agent.gui.widgets.banner import Banner
from agent.gui.widgets.buttons import button
from agent.gui.widgets.chip import Chip
from agent.gui.widgets.dialog import Dialog
from agent.gui.widgets.inputs import ChoiceInput, SearchInput
from agent.gui.widgets.rows_model import RowsModel
from agent.gui.widgets.spinner import Spinner
from agent.gui.widgets.table import CellDelegate, Table
from agent.gui.widgets.text import Text

_WORDS = {Look.NODES: "Nodes", Look.RECORDS: "Records", Look.PACKETS: "Packets and requests", Look.ACTIVITY: "Activity"}
_NOTHING_KEPT = (
    "No packets are kept of this run. Samples are kept while “Keep samples of packets” is ticked under Settings → "
    "Diagnosis, and every packet in Diagnosis Mode."
)
_ROWS_AHEAD = 40


class RunsDialog(Dialog):
    """Emits what was chosen."""

    run_chosen = Signal(str)
    look_chosen = Signal(object)
    searched = Signal(str)
    more_wanted = Signal()
    packet_chosen = Signal(str)
    log_clicked = Signal(str)

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(
            f"Runs of “{title}”", "What a run did: node by node, record by record, packet by packet.", width=980,
            parent=parent,
        )  # fmt: skip
        self._entries: list[LogEntry] = []
        self._left_out = 0
        self._more = False
        self.banner = Banner()
        self.body.addWidget(self.banner)
        self.body.addLayout(self._build_head())
        self._about = Text("", "muted", wrap=True)
        self._about.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.body.addWidget(self._about)
        self.body.addLayout(self._build_looks())
        self._stack = QStackedWidget()
        self._stack.setMinimumHeight(390)
        for widget in (self._build_nodes(), self._build_records(), self._build_packets(), self._build_activity()):
            self._stack.addWidget(widget)
        self.body.addWidget(self._stack, 1)
        self.log_button = button("Show in the &log", lambda: self.log_clicked.emit(str(self.run.currentData() or "")))
        self.close_button = button("Close", self.close)
        self.foot.addWidget(self.log_button)
        self.foot.addStretch()
        self.foot.addWidget(self.close_button)

    # -- what the presenter says -----------------------------------------------------------------------------------

    def show_runs(self, runs: list[Run], chosen: str) -> None:
        """The runs to choose from."""
        self.run.clear()
        for one in runs:
            self.run.addItem(lines.run_title(one), one.id)
        self.run.setCurrentIndex(self.run.findData(chosen))
        for control in (self.run, self.log_button, *self.looks.values()):
            control.setEnabled(bool(runs))
        if not runs:
            self._about.setText("It has not run yet. Execute it; what it does is kept here.")
            self.fit_soon()

    def show_look(self, look: Look, search: str) -> None:
        """Mark what is on show."""
        self.looks[look].setChecked(True)
        self._stack.setCurrentIndex(list(Look).index(look))
        self.search.blockSignals(True)
        self.search.setText(search)
        self.search.blockSignals(False)

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """How the run stands, and its nodes."""
        run = snapshot.run
        self.chip.show_state(run.state.value, tones.RUN[run.state])
        text = lines.about(run)
        if not snapshot.complete:
            text += "\nA part of it is no longer kept: see Settings → Diagnosis."
        self._about.setText(text)
        self.looks[Look.RECORDS].setText(f"Records  {formats.number(snapshot.records)}")
        self.looks[Look.PACKETS].setText(f"Packets and requests  {formats.number(snapshot.packets)}")
        self.nodes.show_lines(lines.node_lines(snapshot))
        self._show_node()
        self.fit_soon()

    def show_records(self, records: list[LoggedRecord], *, more: bool) -> None:
        """Show these records instead."""
        self._more = more
        self.records.show_lines([])
        self.records.show_lines(lines.record_lines(records, place="node"))
        none = "No record matches." if self.search.text() else "Nothing was written, and nothing failed."
        self._record_text.setPlainText("" if records else none)
        if records:
            self.record_table.setCurrentIndex(self.records.index(0, 0))

    def add_records(self, records: list[LoggedRecord], *, more: bool) -> None:
        """Show more at the end."""
        self._more = more
        self.records.append_lines(lines.record_lines(records, place="node"))

    def show_packets(self, packets: list[KeptPacket]) -> None:
        """What is kept."""
        self.packets.show_lines([])
        self.packets.show_lines(lines.packet_lines(packets))
        self.content.setPlainText("" if packets else _NOTHING_KEPT)
        if packets:
            self.packet_table.setCurrentIndex(self.packets.index(0, 0))

    def show_packet(self, content: KeptPacketContent) -> None:
        """One of them."""
        row = self.packet_table.currentIndex().row()
        chosen = self.packets.line(row).value if row >= 0 else None
        if isinstance(chosen, KeptPacket) and chosen.id == content.packet.id:
            self.content.setPlainText(lines.pretty(content.content))

    def show_activity(self, entries: list[LogEntry], *, left_out: int) -> None:
        """The lines of the log."""
        self._entries, self._left_out = entries, left_out
        self._write_activity()

    def show_busy(self, *, busy: bool) -> None:
        """A question is under way."""
        self._spinner.setVisible(busy)

    def show_error(self, error: AgentError | None) -> None:
        """What failed and what to do."""
        if error is None:
            self.banner.hide()
        else:
            self.banner.show_error(error)

    # -- building --------------------------------------------------------------------------------------------------

    def _build_head(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(10)
        self.run = ChoiceInput("Run", least_characters=40)
        self.run.activated.connect(lambda _: self.run_chosen.emit(str(self.run.currentData())))
        self.chip, self._spinner = Chip(), Spinner(16)
        row.addWidget(self.run, 1)
        row.addWidget(self.chip)
        row.addWidget(self._spinner)
        return row

    def _build_looks(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        group = QButtonGroup(self)
        self.looks: dict[Look, QPushButton] = {}
        for look, word in _WORDS.items():
            control = button(word, kind="filter")
            control.setCheckable(True)
            control.clicked.connect(lambda _checked=False, chosen=look: self.look_chosen.emit(chosen))
            group.addButton(control)
            self.looks[look] = control
            row.addWidget(control)
        row.addStretch()
        return row

    def _build_nodes(self) -> QWidget:
        headers = ("Node", "Type", "State", "Worked", "In", "Out", "Unchanged", "Failed", "Skipped")
        self.nodes = RowsModel(headers, self)
        self.node_table = Table("Nodes", (190, 90, 130, 90, 80, 80, 90, 70, 70), stretch=0)
        self.node_table.use(self.nodes, CellDelegate(self.nodes, chips=frozenset({2})))
        self._node_text = _reading("The node")
        self.node_table.selectionModel().currentRowChanged.connect(lambda *_: self._show_node())
        return _split(self.node_table, self._node_text)

    def _build_records(self) -> QWidget:
        self.search = SearchInput("Search the records", "Search source id, destination id or message")
        self.search.searched.connect(self.searched)
        headers = ("Status", "Source id", "Destination id", "Node", "Message", "Tries", "Time")
        self.records = RowsModel(headers, self)
        self.record_table = Table("Records", (118, 120, 120, 120, 200, 56, 166), stretch=4)
        self.record_table.use(
            self.records, CellDelegate(self.records, chips=frozenset({0}), monos=frozenset({1, 2, 6}))
        )
        self._record_text = _reading("The record")
        self.record_table.selectionModel().currentRowChanged.connect(self._show_record)
        self.record_table.verticalScrollBar().valueChanged.connect(lambda _: self._on_scrolled())
        holder = QWidget()
        holder.setProperty("role", "clear")
        column = QVBoxLayout(holder)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.search)
        column.addWidget(_split(self.record_table, self._record_text), 1)
        return holder

    def _build_packets(self) -> QWidget:
        self.packets = RowsModel(("Node", "What it is", "Packet", "Records", "Time", "Size"), self)
        self.packet_table = Table("Packets and requests", (170, 190, 70, 110, 166, 100), stretch=0)
        self.packet_table.use(self.packets, CellDelegate(self.packets, monos=frozenset({4})))
        self.content = _reading("The packet or request, secrets taken out")
        self.content.setFont(theme.mono(12))
        self.content.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.packet_table.selectionModel().currentRowChanged.connect(self._on_packet)
        return _split(self.packet_table, self.content)

    def _build_activity(self) -> QWidget:
        holder = QWidget()
        holder.setProperty("role", "clear")
        column = QVBoxLayout(holder)
        column.setContentsMargins(0, 0, 0, 0)
        self.detailed = QCheckBox("With &details for support")
        self.detailed.toggled.connect(lambda _: self._write_activity())
        column.addWidget(self.detailed)
        self.activity = _reading("What the run logged")
        self.activity.setFont(theme.mono(12))
        self.activity.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        column.addWidget(self.activity, 1)
        return holder

    # -- what is chosen --------------------------------------------------------------------------------------------

    def _show_node(self) -> None:
        row = self.node_table.currentIndex().row()
        node = self.nodes.line(row).value if 0 <= row < self.nodes.rowCount() else None
        if isinstance(node, SnapshotNode):
            did = node.total
            times = f"From {formats.local(did.began_at)} to {formats.local(did.last_at)}" if did is not None else ""
            parts = (node.description, times, node.fault)
            self._node_text.setPlainText("\n".join(part for part in parts if part))
        else:
            self._node_text.setPlainText("Select a node to see what it is for, and what stopped it.")

    def _show_record(self, current: QModelIndex) -> None:
        record = self.records.line(current.row()).value if current.isValid() else None
        if isinstance(record, LoggedRecord):
            remedy = f"What to do: {record.remedy}" if record.remedy else ""
            self._record_text.setPlainText("\n\n".join(part for part in (record.message, remedy) if part))

    def _on_packet(self, current: QModelIndex) -> None:
        packet = self.packets.line(current.row()).value if current.isValid() else None
        if isinstance(packet, KeptPacket):
            self.content.setPlainText("")
            self.packet_chosen.emit(packet.id)

    def _write_activity(self) -> None:
        text = lines.activity(self._entries, left_out=self._left_out, detailed=self.detailed.isChecked())
        self.activity.setPlainText(text)

    def _on_scrolled(self) -> None:
        lowest = self.record_table.rowAt(self.record_table.viewport().height() - 1)
        if self._more and (lowest < 0 or lowest >= self.records.rowCount() - _ROWS_AHEAD):
            self.more_wanted.emit()


def _reading(name: str) -> QPlainTextEdit:
    """A text to read; Tab leaves it."""
    found = QPlainTextEdit()
    found.setReadOnly(True)
    found.setTabChangesFocus(True)
    found.setAccessibleName(name)
    return found


def _split(above: QWidget, below: QWidget) -> QSplitter:
    found = QSplitter(Qt.Orientation.Vertical)
    found.setChildrenCollapsible(False)
    found.setHandleWidth(10)
    found.addWidget(above)
    found.addWidget(below)
    found.setSizes([250, 130])
    return found
