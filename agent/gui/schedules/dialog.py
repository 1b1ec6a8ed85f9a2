"""The Schedule dialog: a form in which only what belongs to the choice is seen, and what it means, at once."""

from __future__ import annotations

from datetime import date

from PySide6.QtCore import QDate, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QIntValidator
from PySide6.QtWidgets import QDateEdit, QLineEdit, QWidget

from agent.api import schedule_models
from agent.domain.errors import AgentError
from agent.domain.schedule import MissedTimes, PlanEnd, PlanKind
from agent.gui import formats
from agent.gui.tones import Tone
from agent.gui.widgets.banner import Banner
from agent.gui.widgets.buttons import button
from agent.gui.widgets.dialog import Dialog
from agent.gui.widgets.field_row import FieldRow
from agent.gui.widgets.inputs import ChoiceInput
from agent.gui.widgets.text import Text

_PAUSE_MILLISECONDS = 300
_KINDS = {
    PlanKind.MANUAL: "By hand",
    PlanKind.MINUTES: "Every so many minutes",
    PlanKind.HOURS: "Every so many hours",
    PlanKind.DAILY: "Daily at a time",
    PlanKind.CRON: "By a cron expression",
}
_ENDS = {PlanEnd.NEVER: "Never", PlanEnd.AFTER: "After so many runs", PlanEnd.ON: "On a date"}
_MISSED = {
    MissedTimes.ONCE: "One run makes up for all of them",
    MissedTimes.SKIP: "They are skipped",
    MissedTimes.ALL: "Each gets a run of its own",
}


class ScheduleDialog(Dialog):
    """Emits the plan that is in the form, as it changes and when it is to be saved."""

    edited = Signal(object)
    save_clicked = Signal(object)
    closed = Signal()

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(f"Schedule of “{title}”", "A change takes effect at once.", width=520, parent=parent)
        self._alert = ""
        self.banner = Banner()
        self.body.addWidget(self.banner)
        self.kind = _choices(_KINDS)
        self.every, self.at, self.cron, self.zone = QLineEdit(), QLineEdit(), QLineEdit(), QLineEdit()
        self.end_after, self.cap = QLineEdit(), QLineEdit()
        for number in (self.every, self.end_after, self.cap):
            number.setValidator(QIntValidator(0, 1_000_000, number))
        self.end_on = QDateEdit()
        self.end_on.setDisplayFormat("yyyy-MM-dd")
        self.end_on.setCalendarPopup(True)
        self.end_on.setDate(QDate.currentDate().addMonths(1))
        self.end, self.missed = _choices(_ENDS), _choices(_MISSED)
        self.rows = {
            "kind": FieldRow("&Runs", self.kind),
            "every": FieldRow("&Interval", self.every, required=True),
            "at": FieldRow("&Time of day", self.at, required=True, example="06:00"),
            "cron": FieldRow(
                "&Cron expression", self.cron, required=True, example="30 6 * * mon-fri",
                help_text="Minute, hour, day of the month, month, day of the week.",
            ),
            "zone": FieldRow(
                "Time &zone", self.zone, example="Europe/Berlin", help_text="Empty: that of the agent's machine."
            ),
            "end": FieldRow("&Ends", self.end),
            "end_after": FieldRow("&Number of runs", self.end_after, required=True),
            "end_on": FieldRow("&Last day", self.end_on, required=True),
            "missed": FieldRow(
                "Times that were &missed", self.missed,
                help_text="While the machine was off or asleep, the environment was not enabled, or the run before was "
                "still at work.",
            ),
            "missed_cap": FieldRow("At m&ost so many runs", self.cap, help_text="From 1 to 100."),
        }  # fmt: skip
        for row in self.rows.values():
            self.body.addWidget(row)
        self.meaning, self.times = Text("", "strong", wrap=True), Text("", "muted", wrap=True)
        self.body.addWidget(self.meaning)
        self.body.addWidget(self.times)
        self.progress = Text("", "small", wrap=True)
        self.body.addWidget(self.progress)
        self.body.addStretch()
        self.cancel_button = button("Cancel", self.close)
        self.save_button = button("&Save", lambda: self.save_clicked.emit(self.plan()), kind="primary")
        self.foot.addStretch()
        self.foot.addWidget(self.cancel_button)
        self.foot.addWidget(self.save_button)
        self.save_button.setDefault(True)
        self.save_button.setEnabled(False)
        self._pause = QTimer(self, singleShot=True, interval=_PAUSE_MILLISECONDS)
        self._pause.timeout.connect(lambda: self.edited.emit(self.plan()))
        self._wire()
        self._show_rows()

    def plan(self) -> schedule_models.ScheduleChange:
        """The plan that is in the form."""
        day = self.end_on.date()
        return schedule_models.ScheduleChange(
            kind=self._kind,
            every=_number(self.every),
            at=self.at.text().strip()[:100],
            cron=self.cron.text().strip()[:100],
            zone=self.zone.text().strip()[:100],
            end=self._end,
            end_after=_number(self.end_after),
            end_on=date(day.year(), day.month(), day.day()) if self._end is PlanEnd.ON else None,
            missed=self._missed,
            missed_cap=_number(self.cap) or 0,
        )

    def show_schedule(self, schedule: schedule_models.Schedule) -> None:
        """Put the plan into the form."""
        plan = schedule.plan
        for choice, value in ((self.kind, plan.kind), (self.end, plan.end), (self.missed, plan.missed)):
            choice.setCurrentIndex(choice.findData(value.value))
        self.every.setText(str(plan.every or 15))
        self.at.setText(plan.at or "06:00")
        self.cron.setText(plan.cron)
        self.zone.setText(plan.zone)
        self.end_after.setText(str(plan.end_after or 10))
        if plan.end_on is not None:
            self.end_on.setDate(QDate(plan.end_on.year, plan.end_on.month, plan.end_on.day))
        self.cap.setText(str(plan.missed_cap))
        self._alert = schedule.alert
        self._forgive()
        self.progress.setText(_progress(schedule))
        self.progress.setVisible(bool(self.progress.text()))
        self._on_edit()

    def show_meaning(self, text: str, times: list[str]) -> None:
        """What the plan means."""
        self._forgive()
        self.meaning.setText(text)
        self.times.setText(f"Next: {' · '.join(times)}" if times else "")
        self.times.setVisible(bool(times))
        self.save_button.setEnabled(True)
        self.fit_soon()

    def show_refused(self, error: AgentError) -> None:
        """What is wrong, at its field where there is one."""
        self._forgive()
        row = self.rows.get(error.field or "")
        text = f"{error.message} {error.remedy}".strip()
        self.meaning.setText("")
        self.times.hide()
        if row is not None and not row.isHidden():
            row.show_error(text)
        else:
            self.banner.show_message(Tone.ERROR, "The schedule cannot be used", text)
        self.save_button.setEnabled(False)
        self.fit_soon()

    def show_busy(self, *, busy: bool) -> None:
        """It is being saved."""
        self.save_button.setEnabled(not busy)
        self.save_button.setText("Saving …" if busy else "&Save")

    def finish(self) -> None:
        """It is saved."""
        self.close()

    def closeEvent(self, event: QCloseEvent) -> None:
        self._let_go()
        super().closeEvent(event)

    def reject(self) -> None:
        self._let_go()
        super().reject()

    @property
    def _kind(self) -> PlanKind:
        return PlanKind(self.kind.currentData())  # Qt keeps the text of it

    @property
    def _end(self) -> PlanEnd:
        return PlanEnd(self.end.currentData())

    @property
    def _missed(self) -> MissedTimes:
        return MissedTimes(self.missed.currentData())

    def _wire(self) -> None:
        for choice in (self.kind, self.end, self.missed):
            choice.currentIndexChanged.connect(lambda _: self._on_edit())
        for field in (self.every, self.at, self.cron, self.zone, self.end_after, self.cap):
            field.textEdited.connect(lambda _: self._on_edit())
        self.end_on.dateChanged.connect(lambda _: self._on_edit())

    def _on_edit(self) -> None:
        self._show_rows()
        self._pause.start()

    def _show_rows(self) -> None:
        kind, end = self._kind, self._end
        planned = kind is not PlanKind.MANUAL
        seen = {
            "kind": True,
            "every": kind in (PlanKind.MINUTES, PlanKind.HOURS),
            "at": kind is PlanKind.DAILY,
            "cron": kind is PlanKind.CRON,
            "zone": planned,
            "end": planned,
            "end_after": planned and end is PlanEnd.AFTER,
            "end_on": planned and end is PlanEnd.ON,
            "missed": planned,
            "missed_cap": planned and self._missed is MissedTimes.ALL,
        }
        for name, visible in seen.items():
            self.rows[name].setVisible(visible)
        unit = "hours, from 1 to 23" if kind is PlanKind.HOURS else "minutes, from 1 to 59"
        self.every.setPlaceholderText(unit)
        self.every.setAccessibleDescription(f"In {unit}")
        self.fit_soon()

    def _forgive(self) -> None:
        for row in self.rows.values():
            row.show_error("")
        self.banner.setVisible(bool(self._alert))
        if self._alert:
            self.banner.show_message(Tone.WARN, "Nothing ran", self._alert)

    def _let_go(self) -> None:
        self._pause.stop()
        self.closed.emit()


def _choices(texts: dict[PlanKind, str] | dict[PlanEnd, str] | dict[MissedTimes, str]) -> ChoiceInput:
    combo = ChoiceInput()
    for value, text in texts.items():
        combo.addItem(text, value.value)
    return combo


def _number(field: QLineEdit) -> int | None:
    return int(field.text()) if field.text() else None


def _progress(schedule: schedule_models.Schedule) -> str:
    """How far the schedule has got; empty before it has."""
    if schedule.since is None:
        return ""
    parts = [f"Since {formats.local(schedule.since)}: {formats.plural(schedule.runs, 'run')}"]
    if schedule.misfires:
        parts.append(f"{formats.plural(schedule.misfires, 'time')} came while the run before was still at work")
    if schedule.missed:
        parts.append(f"{formats.plural(schedule.missed, 'time')} passed while nothing could run")
    if schedule.waiting:
        parts.append(f"{formats.plural(schedule.waiting, 'run')} still to be made up for")
    return f"{', '.join(parts)}."
