"""The Versions dialog: the list, what differs in two of them, the way back, and the deployment log."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QPlainTextEdit,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from agent.api import flow_models
from agent.api.deployment_models import DeploymentEntry, Version, VersionDiff
from agent.domain.deployment import Outcome
from agent.domain.errors import AgentError
from agent.gui import formats
from agent.gui.insisting import Offer
from agent.gui.tones import Tone
from agent.gui.widgets.banner import Banner
from agent.gui.widgets.buttons import button
from agent.gui.widgets.card import Card
from agent.gui.widgets.dialog import ConfirmDialog, Dialog
from agent.gui.widgets.diff_text import DiffText
from agent.gui.widgets.inputs import ChoiceInput
from agent.gui.widgets.page import clear_layout
from agent.gui.widgets.rows_model import Line, RowsModel
from agent.gui.widgets.table import CellDelegate, Table
from agent.gui.widgets.text import Text, mono

_OUTCOMES = {
    Outcome.RUNNING: Tone.INFO,
    Outcome.DEPLOYED: Tone.OK,
    Outcome.FAILED: Tone.ERROR,
    Outcome.CANCELLED: Tone.IDLE,
    Outcome.INTERRUPTED: Tone.WARN,
    Outcome.UNDEPLOYED: Tone.IDLE,
}


class VersionsDialog(Dialog):
    """Emits numbers of versions. `deployed` says whether the processflow is deployed now."""

    compared = Signal(int, int)
    roll_back_confirmed = Signal(int)
    insisted = Signal(object)
    cancel_clicked = Signal()

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(
            f"Versions of “{title}”",
            "Every version that was deployed here. Select one to see what differs, or to go back to it.",
            width=860, parent=parent,
        )  # fmt: skip
        self._title, self._working = title, False
        self._versions: list[Version] = []
        self.banner = Banner()
        self.body.addWidget(self.banner)
        self._lines = Card(inset=True)
        self._lines.body.setSpacing(4)
        self._lines.hide()
        self._shown_lines: set[int] = set()
        self.body.addWidget(self._lines)
        self.body.addLayout(self._build_views())
        self._stack = QStackedWidget()
        self._stack.addWidget(self._build_versions())
        self._stack.addWidget(self._build_log())
        self._stack.setMinimumHeight(460)
        self.body.addWidget(self._stack, 1)
        self.close_button = button("Close", self._on_close)
        self.back_button = button("&Go back to this version…", self._ask, kind="primary", picture="rotate-ccw")
        self.back_button.setEnabled(False)
        self.foot.addStretch()
        self.foot.addWidget(self.close_button)
        self.foot.addWidget(self.back_button)

    # -- what the presenter says -----------------------------------------------------------------------------------

    def show_versions(self, versions: list[Version]) -> None:
        """All of them."""
        chosen = self._chosen()
        self._versions = versions
        self.model.show_lines([_version_line(one) for one in versions])
        row = next((row for row, one in enumerate(versions) if chosen and one.version == chosen.version), 0)
        self.table.setCurrentIndex(self.model.index(row, 0) if versions else QModelIndex())
        self._on_current()
        self.fit_soon()

    def show_log(self, entries: list[DeploymentEntry]) -> None:
        """What was deployed and undeployed, and what failed."""
        self.log_model.show_lines([_log_line(one) for one in entries])
        if entries and not self.log_table.currentIndex().isValid():
            self.log_table.setCurrentIndex(self.log_model.index(0, 0))

    def show_diff(self, diff: VersionDiff) -> None:
        """What is not the same in two versions."""
        found = [f"{one.name}: {one.before or 'not bound'} → {one.after or 'not bound'}" for one in diff.bindings]
        found += [f"Function ${one.name}: version {one.before or '–'} → {one.after or '–'}" for one in diff.functions]
        found += [f"Lookup {one.name}: table {one.before or '–'} → {one.after or '–'}" for one in diff.lookups]
        if diff.schedule is not None:
            found.append(f"Schedule: {diff.schedule.before or 'by hand'} → {diff.schedule.after or 'by hand'}")
        self._changes.setText("\n".join(found))
        self._changes.setVisible(bool(found))
        same = f"Versions {diff.before} and {diff.after} are the same."
        documents = "" if diff.document else "The documents are the same." if found else same
        self.diff.show_diff(diff.document or documents)

    def show_working(self) -> None:
        """It goes back to a version."""
        clear_layout(self._lines.body)
        self._shown_lines.clear()
        self._lines.hide()
        self.banner.show_message(Tone.BUSY, "", "Checking and deploying …")
        self._show_at_work(working=True)

    def show_line(self, number: int, line: str) -> None:
        """A numbered line of that deployment."""
        if number not in self._shown_lines:
            self._shown_lines.add(number)
            self._lines.body.addWidget(mono(f"{number:>2}  {line}", wrap=True))
            self._lines.show()
            self.fit_soon()

    def show_done(self, flow: flow_models.FlowDetail) -> None:
        """It has gone back."""
        self._show_at_work(working=False)
        text = f"{flow.title or flow.name} is version {flow.version} here now. The next run uses it."
        self.banner.show_message(Tone.OK, "Deployed", flow.alert if flow.waits_for else text)

    def show_cancelled(self) -> None:
        """The operator did not wait."""
        self._show_at_work(working=False)
        self.banner.show_message(
            Tone.WARN, "Cancelled", "If it was nearly done it may stand: the list below says what is deployed."
        )

    def show_error(self, error: AgentError, offered: Offer | None) -> None:
        """What failed and what to do."""
        self._show_at_work(working=False)
        actions = [(offered.action, lambda: self._ask_to_insist(offered))] if offered is not None else []
        self.banner.show_error(error, actions)
        self.fit_soon()

    # -- building --------------------------------------------------------------------------------------------------

    def _build_views(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        self._group = QButtonGroup(self)
        self.views: list[QPushButton] = []
        for index, word in enumerate(("Versions", "Deployment log")):
            control = button(word, kind="filter")
            control.setCheckable(True)
            control.setChecked(index == 0)
            control.clicked.connect(lambda _checked=False, at=index: self._show_view(at))
            self._group.addButton(control)
            self.views.append(control)
            row.addWidget(control)
        row.addStretch()
        return row

    def _build_versions(self) -> QWidget:
        holder, column = _column()
        self.model = RowsModel(("Version", "State", "Deployed", "By", "Note"), self)
        self.table = Table("Versions", (70, 110, 160, 110, 200), stretch=4)
        self.table.use(self.model, CellDelegate(self.model, chips=frozenset({1}), monos=frozenset({2})))
        self.table.setFixedHeight(160)
        self.table.selectionModel().currentRowChanged.connect(lambda *_: self._on_current())
        column.addWidget(self.table)
        self._about = Text("", "muted", wrap=True)
        column.addWidget(self._about)
        row = QHBoxLayout()
        row.setSpacing(10)
        row.addWidget(Text("What differs from", "label"))
        self.other = ChoiceInput("Compare with", least_characters=22)
        self.other.activated.connect(lambda _: self._compare())
        row.addWidget(self.other)
        row.addStretch()
        column.addLayout(row)
        self._changes = Text("", "", wrap=True)
        self._changes.hide()
        column.addWidget(self._changes)
        self.diff = DiffText("What differs in the documents")
        self.diff.setMinimumHeight(130)
        column.addWidget(self.diff, 1)
        return holder

    def _build_log(self) -> QWidget:
        holder, column = _column()
        self.log_model = RowsModel(("Outcome", "Version", "Time", "By", "Note"), self)
        self.log_table = Table("Deployment log", (120, 70, 160, 110, 200), stretch=4)
        self.log_table.use(self.log_model, CellDelegate(self.log_model, chips=frozenset({0}), monos=frozenset({2})))
        self.log_table.setFixedHeight(190)
        self.log_table.selectionModel().currentRowChanged.connect(lambda *_: self._on_log_current())
        column.addWidget(self.log_table)
        self.log_text = QPlainTextEdit()
        self.log_text.setReadOnly(True)
        self.log_text.setTabChangesFocus(True)
        self.log_text.setAccessibleName("What the deployment reported")
        column.addWidget(self.log_text, 1)
        return holder

    # -- what is chosen --------------------------------------------------------------------------------------------

    def _show_view(self, index: int) -> None:
        self._stack.setCurrentIndex(index)
        self.back_button.setVisible(index == 0)

    def _chosen(self) -> Version | None:
        row = self.table.currentIndex().row()
        return self._versions[row] if 0 <= row < len(self._versions) else None

    def _on_current(self) -> None:
        version = self._chosen()
        self.back_button.setEnabled(version is not None and not version.active and not self._working)
        if version is None:
            return
        self.back_button.setText(f" &Go back to version {version.version}…")
        self.back_button.setAccessibleName(f"Go back to version {version.version}")
        bound = ", ".join(f"{one.token} = {one.configuration_name or 'not bound'}" for one in version.bindings)
        parts = [f"Connections: {bound}" if bound else "", f"Schedule then: {version.schedule}", *version.remarks]
        self._about.setText("\n".join(part for part in parts if part))
        self._fill_others(version)
        self._compare()

    def _fill_others(self, version: Version) -> None:
        """The deployed one first, since that is what going back would change; for that one, the one before it."""
        others = [one for one in self._versions if one.version != version.version]
        self.other.clear()
        for one in others:
            self.other.addItem(f"version {one.version}{', deployed now' if one.active else ''}", one.version)
        wanted = next((one for one in others if one.active), None) or next(
            (one for one in others if one.version < version.version), None
        )
        self.other.setCurrentIndex(self.other.findData(wanted.version) if wanted is not None else -1)
        self.other.setEnabled(bool(others))

    def _compare(self) -> None:
        version, other = self._chosen(), self.other.currentData()
        self._changes.hide()
        if version is None or other is None:
            self.diff.show_diff("There is no other version yet.")
            return
        self.diff.show_diff("")
        before, after = sorted((version.version, int(other)))
        self.compared.emit(before, after)

    def _on_log_current(self) -> None:
        row = self.log_table.currentIndex().row()
        entry = self.log_model.line(row).value if row >= 0 else None
        if isinstance(entry, DeploymentEntry):
            parts = [f"{entry.message} {entry.remedy}".strip(), "\n".join(entry.lines)]
            self.log_text.setPlainText("\n\n".join(part for part in parts if part) or "Nothing was reported.")

    def _ask(self) -> None:
        version = self._chosen()
        if version is None:
            return
        ConfirmDialog(
            f"Go back to version {version.version} of “{self._title}”?",
            "That version is checked and deployed again, as a new one, with the connections that it had. The schedule "
            "stays as it is now. A run that is under way ends with the version it began with.",
            accept="Go back", on_accept=lambda: self.roll_back_confirmed.emit(version.version), danger=False,
            parent=self,
        ).open()  # fmt: skip

    def _ask_to_insist(self, offered: Offer) -> None:
        ConfirmDialog(
            offered.title, offered.text, accept="Deploy", on_accept=lambda: self.insisted.emit(offered.given),
            parent=self,
        ).open()  # fmt: skip

    def _show_at_work(self, *, working: bool) -> None:
        self._working = working
        self.table.setEnabled(not working)
        self.close_button.setText("Cancel" if working else "Close")
        self.close_button.setAccessibleName(self.close_button.text())
        version = self._chosen()
        self.back_button.setEnabled(version is not None and not version.active and not working)

    def _on_close(self) -> None:
        if self._working:
            self.cancel_clicked.emit()
        else:
            self.close()


def _column() -> tuple[QWidget, QVBoxLayout]:
    holder = QWidget()
    holder.setProperty("role", "clear")
    column = QVBoxLayout(holder)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(12)
    return holder, column


def _version_line(one: Version) -> Line:
    state = "Deployed" if one.active else ""
    note = one.note or (f"Version {one.restored_from} again" if one.restored_from else "")
    if one.remarks:
        note = " · ".join(part for part in (note, *one.remarks) if part)
    cells = (str(one.version), state, formats.local(one.deployed_at), one.deployed_by, note)
    return Line(cells, Tone.OK, ("", "", formats.moment_tip(one.deployed_at), "", note), one)


def _log_line(one: DeploymentEntry) -> Line:
    version = str(one.version) if one.version is not None else formats.DASH
    note = one.message or one.note
    cells = (one.outcome.value, version, formats.local(one.started_at), one.asked_by, note)
    return Line(cells, _OUTCOMES[one.outcome], ("", "", formats.moment_tip(one.started_at), "", note), one)
