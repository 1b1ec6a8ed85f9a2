"""The Deploy dialog: document, check, connections, progress, and Execute at the end."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from agent.api import flow_models
from agent.domain.errors import AgentError
from agent.gui.flows.deploy_presenter import BIND_LATER, Token
from agent.gui.insisting import Offer
from agent.gui.tones import Tone
from agent.gui.widgets.banner import Banner
from agent.gui.widgets.buttons import button
from agent.gui.widgets.card import Card
from agent.gui.widgets.dialog import ConfirmDialog, Dialog
from agent.gui.widgets.field_row import FieldRow
from agent.gui.widgets.inputs import ChoiceInput
from agent.gui.widgets.page import clear_layout
from agent.gui.widgets.tab_order import order_tabs
from agent.gui.widgets.text import Text, mono

_NONE = "Choose a configuration"
_LATER = "Bind later: there is none yet"
_LATER_MEANS = (
    "It is deployed, and cannot run yet. As soon as there is one configuration of this app, and it is validated, it is "
    "bound by itself."
)


class DeployDialog(Dialog):
    """Emits what was chosen."""

    sample_chosen = Signal(object)
    file_chosen = Signal(str)
    bound = Signal(str, str)
    create_clicked = Signal(object)
    deploy_clicked = Signal(str)
    insisted = Signal(object)
    execute_clicked = Signal()
    settings_clicked = Signal()
    cancel_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(
            "Deploy a processflow",
            "Choose one of the samples, or a document of your own, and the connections that it uses.",
            width=600,
            parent=parent,
        )
        self._working = False
        self._build_choice()
        self.banner = Banner()
        self.body.addWidget(self.banner)
        self._problems = Card()
        self.body.addWidget(self._problems)
        self._problems.hide()
        self._tokens_title = Text("Connections", "section")
        self.body.addWidget(self._tokens_title)
        self._tokens = QVBoxLayout()
        self._tokens.setSpacing(12)
        self.body.addLayout(self._tokens)
        self._tokens_title.hide()
        self.note = QLineEdit()
        self.note.setMaxLength(200)
        self.note.setPlaceholderText("What is new in this version")
        self._note_row = FieldRow("&Note", self.note, help_text="Stands beside the version. It may stay empty.")
        self._note_row.hide()
        self.body.addWidget(self._note_row)
        self._lines = Card(inset=True)
        self._lines.body.setSpacing(4)
        self._lines.hide()
        self._shown_lines: dict[int, Text] = {}
        self.body.addWidget(self._lines)
        self.body.addStretch()
        self.close_button = button("Close", self._on_close)
        self.deploy_button = button("&Deploy", self._on_deploy, kind="primary")
        self.execute_button = button("E&xecute now", self._on_execute, kind="primary", picture="play")
        self.execute_button.hide()
        self.foot.addStretch()
        for control in (self.close_button, self.deploy_button, self.execute_button):
            self.foot.addWidget(control)
        self.deploy_button.setEnabled(False)

    # -- what the presenter says -----------------------------------------------------------------------------------

    def show_samples(self, samples: list[flow_models.Sample]) -> None:
        """Offer the samples."""
        while self.samples.count() > 1:
            self.samples.removeItem(1)
        for sample in samples:
            self.samples.addItem(sample.title, sample)
            self.samples.setItemData(self.samples.count() - 1, sample.description, Qt.ItemDataRole.ToolTipRole)

    def show_document(self, title: str, description: str, *, redeploy: bool) -> None:
        """Which document is chosen."""
        self.heading.setText(f"Redeploy {title}" if redeploy else "Deploy a processflow")
        self.setWindowTitle(self.heading.text())
        self._chosen.setText(description or f"Chosen: {title}")
        self._chosen.show()

    def show_checking(self) -> None:
        """The document is being checked."""
        self._problems.hide()
        self._show_no_tokens()
        self.banner.show_message(Tone.BUSY, "", "Checking the document …")
        self.fit_soon()

    def show_problems(self, problems: list[flow_models.DocumentProblem]) -> None:
        """What is wrong in the document."""
        clear_layout(self._problems.body)
        for problem in problems:
            place = mono(f"{problem.file}:{problem.line}:{problem.column}")
            self._problems.body.addWidget(place)
            text = Text(f"{problem.message} {problem.suggestion}".strip(), wrap=True)
            text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            self._problems.body.addWidget(text)
        self._problems.setVisible(bool(problems))
        if problems:
            count = "one problem" if len(problems) == 1 else f"{len(problems)} problems"
            self.banner.show_message(
                Tone.ERROR, f"The document has {count}", "Correct it at these places, then choose it again."
            )
        else:
            self.banner.show_message(Tone.OK, "", "The document is fine.")
        self.fit_soon()

    def show_tokens(self, tokens: list[Token]) -> None:
        """Let the tokens be bound."""
        self._show_no_tokens()
        self._tokens_title.setVisible(bool(tokens))
        self._note_row.show()
        for token in tokens:
            self._tokens.addWidget(self._token_row(token))
        rows = [item.widget() for index in range(self._tokens.count()) if (item := self._tokens.itemAt(index))]
        order_tabs(
            [
                self._choice,
                *(row for row in rows if row),
                self._note_row,
                self.close_button,
                self.deploy_button,
                self.execute_button,
            ]
        )
        self.fit_soon()

    def show_ready(self, *, ready: bool) -> None:
        """Whether Deploy can be pressed."""
        self.deploy_button.setEnabled(ready)
        if ready:
            self.deploy_button.setDefault(True)

    def show_deploying(self) -> None:
        """The deployment is at work."""
        self._show_at_work(working=True)
        clear_layout(self._lines.body)
        self._shown_lines.clear()
        self.banner.show_message(Tone.BUSY, "", "Deploying …")
        self.fit_soon()

    def show_line(self, number: int, line: str) -> None:
        """A numbered line of the deployment."""
        if number not in self._shown_lines:
            self._shown_lines[number] = mono(f"{number:>2}  {line}", wrap=True)
            self._lines.body.addWidget(self._shown_lines[number])
            self._lines.show()
            self.fit_soon()

    def show_deployed(self, flow: flow_models.FlowDetail, lines: list[str]) -> None:
        """It succeeded."""
        for number, line in enumerate(lines, 1):
            self.show_line(number, line.removeprefix(f"{number}").lstrip(" .:"))
        version = f"{flow.title or flow.name} is version {flow.version} here now."
        if flow.waits_for:
            self.banner.show_message(Tone.WARN, "Deployed, and not bound yet", f"{version} {flow.alert}")
        else:
            self.banner.show_message(Tone.OK, "Deployed", f"{version} Execute it to see it run.")
        self._show_at_work(working=False)
        self._choice.hide()
        self._show_no_tokens()
        self.deploy_button.hide()
        if flow.waits_for:
            self.close_button.setFocus()
            self.fit_soon()
            return
        self.execute_button.show()
        self.execute_button.setDefault(True)
        self.execute_button.setFocus()
        self.fit_soon()

    def show_failure(self, error: AgentError, *, environment_off: bool, offered: Offer | None) -> None:
        """It failed."""
        self._show_at_work(working=False)
        cure = [("Open Settings", self._on_settings)] if environment_off else []
        if offered is not None:
            cure.append((offered.action, lambda: self._ask_to_insist(offered)))
        self.banner.show_error(error, cure)
        self.fit_soon()

    def show_cancelled(self) -> None:
        """The operator did not wait; the service may have finished all the same."""
        self._show_at_work(working=False)
        self.banner.show_message(
            Tone.WARN,
            "Cancelled",
            "If the deployment was nearly done it may stand: look at Processflows, or deploy again.",
        )
        self.fit_soon()

    # -- building --------------------------------------------------------------------------------------------------

    def _build_choice(self) -> None:
        self._choice = QWidget()
        self._choice.setProperty("role", "clear")
        column = QVBoxLayout(self._choice)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        row = QHBoxLayout()
        row.setSpacing(10)
        self.samples = ChoiceInput()
        self.samples.addItem("Choose a sample")
        self.samples.activated.connect(self._on_sample)
        row.addWidget(FieldRow("&Sample", self.samples), 1)
        self.browse = button("Open a &file…", self._on_browse, picture="folder")
        row.addWidget(self.browse, 0, Qt.AlignmentFlag.AlignBottom)
        column.addLayout(row)
        self._chosen = Text("", "small", wrap=True)
        self._chosen.hide()
        column.addWidget(self._chosen)
        self.body.addWidget(self._choice)

    def _token_row(self, token: Token) -> QWidget:
        control = QWidget()
        control.setProperty("role", "clear")
        row = QHBoxLayout(control)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(10)
        combo = ChoiceInput()
        combo.addItem(_NONE, "")
        for one in token.choices:
            combo.addItem(f"{one.name}  ·  {one.state.value}", one.id)
        if token.app is not None:
            combo.addItem(_LATER, BIND_LATER)
        combo.setCurrentIndex(max(combo.findData(token.bound), 0))
        row.addWidget(combo, 1)
        create = button("New…", lambda: self.create_clicked.emit(token), picture="plus", name=f"New {token.app_name}")
        create.setEnabled(token.app is not None)
        row.addWidget(create)
        control.setFocusProxy(combo)
        none = f"There is no configuration of {token.app_name} yet: create one, or bind it later."
        field = FieldRow(f"{token.name}  ({token.app_name})", control, required=True)

        def explain() -> None:
            later = combo.currentData() == BIND_LATER
            field.say(_LATER_MEANS if later else "" if token.choices else none)

        def chosen() -> None:
            explain()
            self.bound.emit(token.name, str(combo.currentData()))
            self.fit_soon()

        combo.activated.connect(lambda _: chosen())
        explain()
        return field

    def _on_deploy(self) -> None:
        self.deploy_clicked.emit(self.note.text().strip())

    def _ask_to_insist(self, offered: Offer) -> None:
        ConfirmDialog(
            offered.title, offered.text, accept="Deploy", on_accept=lambda: self.insisted.emit(offered.given),
            parent=self,
        ).open()  # fmt: skip

    def _show_at_work(self, *, working: bool) -> None:
        """While deploying only Cancel remains."""
        self._working = working
        self._choice.setEnabled(not working)
        for index in range(self._tokens.count()):
            item = self._tokens.itemAt(index)
            row = item.widget() if item is not None else None
            if row is not None:
                row.setEnabled(not working)
        if working:
            self.deploy_button.setEnabled(False)
        self.close_button.setText("Cancel" if working else "Close")
        self.close_button.setAccessibleName(self.close_button.text())

    def _on_close(self) -> None:
        if self._working:
            self.cancel_clicked.emit()
        else:
            self.close()

    def _show_no_tokens(self) -> None:
        clear_layout(self._tokens)
        self._tokens_title.hide()
        self._note_row.hide()

    def _on_sample(self) -> None:
        sample = self.samples.currentData()
        if isinstance(sample, flow_models.Sample):
            self.sample_chosen.emit(sample)

    def _on_browse(self) -> None:
        dialog = QFileDialog(self, "Open a processflow", str(Path.home()), "Processflows (*.yaml *.yml *.json)")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(self.file_chosen)
        dialog.open()

    def _on_execute(self) -> None:
        self.execute_clicked.emit()
        self.close()

    def _on_settings(self) -> None:
        self.close()
        self.settings_clicked.emit()
