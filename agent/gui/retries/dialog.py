"""The Retry dialog: when a processflow tries failed records again by itself, and how often."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Signal
from PySide6.QtGui import QIntValidator
from PySide6.QtWidgets import QLineEdit, QWidget

from agent.api.rerun_models import RetryPlanChange, RetrySchedule
from agent.domain.errors import AgentError
from agent.domain.retry_policy import MOST_BATCH, MOST_LAPSE_MINUTES, MOST_RETRIES
from agent.domain.schedule import PlanKind
from agent.gui import formats
from agent.gui.bridge import Bridge
from agent.gui.tones import Tone
from agent.gui.widgets.banner import Banner
from agent.gui.widgets.buttons import button
from agent.gui.widgets.dialog import Dialog
from agent.gui.widgets.field_row import FieldRow
from agent.gui.widgets.inputs import ChoiceInput
from agent.gui.widgets.text import Text

_KINDS = {
    PlanKind.MANUAL: "By hand alone: Retry in Sync Info",
    PlanKind.HOURS: "Every so many hours",
    PlanKind.DAILY: "Once a day at a time",
}


class RetryDialog(Dialog):
    """Emits the plan that is in the form."""

    save_clicked = Signal(object)

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(
            f"Retry of “{title}”",
            "Records that failed can be tried again by themselves, such as when an app was down. A change takes effect "
            "at once.",
            width=520, parent=parent,
        )  # fmt: skip
        self.banner = Banner()
        self.body.addWidget(self.banner)
        self.kind = ChoiceInput()
        for kind, word in _KINDS.items():
            self.kind.addItem(word, kind.value)
        self.every, self.at, self.zone = _number(1, 23), QLineEdit(), QLineEdit()
        self.retries, self.lapse, self.batch = (
            _number(1, MOST_RETRIES), _number(0, MOST_LAPSE_MINUTES), _number(1, MOST_BATCH),
        )  # fmt: skip
        self.rows = {
            "kind": FieldRow("&Tries again", self.kind),
            "every": FieldRow("&Interval in hours", self.every, required=True, help_text="From 1 to 23."),
            "at": FieldRow("Time of &day", self.at, required=True, example="06:00"),
            "zone": FieldRow(
                "Time &zone", self.zone, example="Europe/Berlin", help_text="Empty: that of the agent's machine."
            ),
            "retries": FieldRow(
                "At m&ost so often", self.retries, required=True,
                help_text=f"How often a record is tried again after its first try, from 1 to {MOST_RETRIES}.",
            ),
            "lapse_minutes": FieldRow(
                "&Pause in minutes", self.lapse, required=True,
                help_text="How long after its first try a record is left alone; after each further one, twice as long.",
            ),
            "batch": FieldRow(
                "&Records at a time", self.batch, required=True, help_text="How many records one retry tries at most."
            ),
        }  # fmt: skip
        for row in self.rows.values():
            self.body.addWidget(row)
        self.progress = Text("", "small", wrap=True)
        self.progress.hide()
        self.body.addWidget(self.progress)
        self.body.addStretch()
        self.cancel_button = button("Cancel", self.close)
        self.save_button = button("&Save", lambda: self.save_clicked.emit(self.plan()), kind="primary")
        self.save_button.setDefault(True)
        self.save_button.setEnabled(False)
        self.foot.addStretch()
        self.foot.addWidget(self.cancel_button)
        self.foot.addWidget(self.save_button)
        self.kind.currentIndexChanged.connect(lambda _: self._show_rows())
        self._show_rows()

    def plan(self) -> RetryPlanChange:
        """The plan that is in the form."""
        given = {
            name: int(field.text())
            for name, field in (("lapse_minutes", self.lapse), ("batch", self.batch), ("retries", self.retries))
            if field.text()
        }
        return RetryPlanChange(
            kind=self._kind, every=int(self.every.text()) if self.every.text() else None, at=self.at.text().strip(),
            zone=self.zone.text().strip(), **given,
        )  # fmt: skip

    def show_retry(self, found: RetrySchedule) -> None:
        """Put the plan into the form."""
        plan = found.plan
        self.kind.setCurrentIndex(self.kind.findData(plan.kind.value))
        self.every.setText(str(plan.every or 2))
        self.at.setText(plan.at or "06:00")
        self.zone.setText(plan.zone)
        for field, value in ((self.retries, plan.retries), (self.lapse, plan.lapse_minutes), (self.batch, plan.batch)):
            field.setText(str(value))
        if found.alert:
            self.banner.show_message(Tone.WARN, "Nothing is tried again", found.alert)
        self.progress.setText(_progress(found))
        self.progress.setVisible(bool(self.progress.text()))
        self.save_button.setEnabled(True)
        self._show_rows()

    def show_refused(self, error: AgentError) -> None:
        """What is wrong, at its field where there is one."""
        self.save_button.setEnabled(True)
        self._forgive()
        row = self.rows.get(error.field or "")
        if row is not None and not row.isHidden():
            row.show_error(formats.problem(error))
        else:
            self.banner.show_error(error)
        self.fit_soon()

    def show_busy(self) -> None:
        """It is being saved."""
        self._forgive()
        self.save_button.setEnabled(False)

    @property
    def _kind(self) -> PlanKind:
        return PlanKind(self.kind.currentData())  # Qt keeps the text of it

    def _forgive(self) -> None:
        self.banner.hide()
        for row in self.rows.values():
            row.show_error("")

    def _show_rows(self) -> None:
        kind = self._kind
        for name, row in self.rows.items():
            by_itself = kind is not PlanKind.MANUAL
            only = {"every": PlanKind.HOURS, "at": PlanKind.DAILY, "zone": PlanKind.DAILY}.get(name)
            row.setVisible(name == "kind" or (by_itself and only in (None, kind)))
        self.fit_soon()


def _number(least: int, most: int) -> QLineEdit:
    field = QLineEdit()
    field.setValidator(QIntValidator(least, most, field))
    return field


def _progress(found: RetrySchedule) -> str:
    if found.since is None:
        return ""
    text = f"Set {formats.local(found.since)} by {found.changed_by} · {formats.plural(found.runs, 'retry', 'retries')}"
    if found.due:
        return f"{text} · waits for the run that is busy"
    return f"{text} · next {formats.local(found.next_at)}" if found.next_at else text


def open_retry(bridge: Bridge, flow: str, title: str, *, say: Callable[[str], object], parent: QWidget) -> RetryDialog:
    """Show the dialog over a window. It closes once the plan is saved."""
    dialog, calls = RetryDialog(title, parent), bridge.scope()

    def saved(found: RetrySchedule) -> None:
        say(f"Retry saved: {found.text}")
        dialog.close()

    def save(plan: RetryPlanChange) -> None:
        dialog.show_busy()
        if plan.kind is PlanKind.MANUAL:
            calls.start(lambda client: client.reruns.clear_retry(flow), saved, dialog.show_refused)
        else:
            calls.start(lambda client: client.reruns.set_retry(flow, plan), saved, dialog.show_refused)

    dialog.save_clicked.connect(save)
    dialog.closed.connect(lambda: calls.cancel_all())  # noqa: PLW0108 - signals hold methods weakly, this holds it
    calls.start(lambda client: client.reruns.retry(flow), dialog.show_retry, dialog.show_refused)
    dialog.open()
    return dialog
