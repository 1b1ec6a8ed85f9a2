"""The dialog that says what importing a package would do, and asks about everything that is different here."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtWidgets import QLineEdit, QWidget

from agent.api.package_models import Choice, ItemChoice, ItemKind, ItemState, PackageItem, PackageLook
from agent.gui import formats
from agent.gui.tones import Tone
from agent.gui.widgets.banner import Banner
from agent.gui.widgets.buttons import button
from agent.gui.widgets.dialog import Dialog
from agent.gui.widgets.field_row import FieldRow
from agent.gui.widgets.inputs import ChoiceInput
from agent.gui.widgets.rows_model import Line, RowsModel
from agent.gui.widgets.table import CellDelegate, Table
from agent.gui.widgets.text import Text

KINDS = {
    ItemKind.FLOW: "Processflow",
    ItemKind.LOOKUP: "Lookup table",
    ItemKind.FUNCTION: "Function",
    ItemKind.FILTER_TEMPLATE: "Filter template",
}
_STATES = {ItemState.NEW: "new", ItemState.EQUAL: "the same", ItemState.CLASH: "different"}
_CHOICES = {
    Choice.KEEP: "Keep what is here",
    Choice.TAKE: "Take that of the package",
    Choice.RENAME: "Keep both: the package's gets another name",
}


class Clash(QWidget):
    """Asks about one thing that is different here."""

    def __init__(self, item: PackageItem, *, changed: Callable[[], object]) -> None:
        super().__init__()
        self.item = item
        self.choice = ChoiceInput()
        self.choice.addItem("Choose …", None)
        for choice, words in _CHOICES.items():
            if choice is not Choice.RENAME or item.can_rename:
                self.choice.addItem(words, choice.value)
        self.row = FieldRow(f"{KINDS[item.kind]} “{item.name}”".replace("&", "&&"), self.choice, help_text=item.text)
        self.name = QLineEdit(f"{item.name}-2")
        self.name.setMaxLength(100)
        self.name.setAccessibleName(f"New name of {item.name}")
        self.name.hide()
        self.choice.currentIndexChanged.connect(lambda _: self._on_chosen(changed))
        self.name.textChanged.connect(lambda _: changed())

    def answer(self) -> ItemChoice | None:
        """What was chosen; None as long as nothing is."""
        value = self.choice.currentData()
        new_name = self.name.text().strip()
        if value is None or (value == Choice.RENAME.value and not new_name):
            return None
        choice = Choice(value)
        return ItemChoice(
            kind=self.item.kind, name=self.item.name, choice=choice,
            new_name=new_name if choice is Choice.RENAME else "",
        )  # fmt: skip

    def choose(self, choice: Choice) -> None:
        """Choose for the operator."""
        self.choice.setCurrentIndex(self.choice.findData(choice.value))

    def _on_chosen(self, changed: Callable[[], object]) -> None:
        self.name.setVisible(self.choice.currentData() == Choice.RENAME.value)
        changed()


class ImportPackageDialog(Dialog):
    """What an import would do. `on_import` gets the choices."""

    def __init__(
        self,
        file: str,
        look: PackageLook,
        *,
        on_import: Callable[[Sequence[ItemChoice]], object],
        parent: QWidget | None = None,
    ) -> None:
        made = f"{file}, made {formats.local(look.made_at)}."
        super().__init__(
            f"Import “{look.title or file}”", f"{made} Nothing is changed before you press Import.",
            width=640, parent=parent,
        )  # fmt: skip
        self._on_import = on_import
        self.banner = Banner()
        self.body.addWidget(self.banner)
        self.model = RowsModel(("What", "Name", "Here it is"), self)
        self.table = Table("What is in the package", (140, 330, 110), stretch=1)
        self.table.use(self.model, CellDelegate(self.model))
        self.table.setFixedHeight(min(56 + 36 * len(look.items), 240))
        self.model.show_lines(
            [
                Line((KINDS[item.kind], item.name, _STATES[item.state]), tips=("", item.name, item.text))
                for item in look.items
            ]
        )
        self.body.addWidget(self.table)
        self.clashes = [Clash(item, changed=self._show_ready) for item in look.items if item.state is ItemState.CLASH]
        for clash in self.clashes:
            self.body.addWidget(clash.row)
            self.body.addWidget(clash.name)
        self.body.addStretch()
        self.keep_button = button("&Keep all that is here", self._keep_all)
        self.keep_button.setVisible(len(self.clashes) > 1)
        self.cancel_button = button("Cancel", self.close)
        self.import_button = button("&Import", self._import, kind="primary", picture="upload")
        self.import_button.setDefault(True)
        self.foot.addWidget(self.keep_button)
        self.foot.addStretch()
        self.foot.addWidget(self.cancel_button)
        self.foot.addWidget(self.import_button)
        self._new = sum(item.state is ItemState.NEW for item in look.items)
        self._tell()
        self._show_ready()

    def _tell(self) -> None:
        flows = "Processflows come into the library and wait there until you deploy them."
        if self.clashes:
            count = formats.plural(len(self.clashes), "thing")
            self.banner.show_message(Tone.WARN, f"{count} of the same name, but different", f"Choose for each. {flows}")
        elif self._new:
            self.banner.show_message(Tone.OK, "", f"It can be imported. {flows}")
        else:
            self.banner.show_message(Tone.IDLE, "", "Everything in it is here already: there is nothing to import.")

    def _keep_all(self) -> None:
        for clash in self.clashes:
            clash.choose(Choice.KEEP)

    def _answers(self) -> list[ItemChoice] | None:
        answers = [clash.answer() for clash in self.clashes]
        known = [answer for answer in answers if answer is not None]
        return known if len(known) == len(answers) else None

    def _show_ready(self) -> None:
        answers = self._answers()
        changes = self._new or any(answer.choice is not Choice.KEEP for answer in answers or ())
        self.import_button.setEnabled(answers is not None and bool(changes))
        self.fit_soon()

    def _import(self) -> None:
        answers = self._answers()
        if answers is not None:
            self.close()
            self._on_import(answers)


def imported_text(kind: ItemKind, name: str, text: str) -> str:
    """A line of what an import did."""
    return f"{KINDS[kind]} {name}: {text}"


class ImportedDialog(Dialog):
    """What an import did, line by line."""

    def __init__(self, title: str, lines: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(f"“{title}” is imported", width=560, parent=parent)
        for line in lines:
            self.body.addWidget(Text(line, wrap=True))
        self.body.addStretch()
        self.close_button = button("Close", self.close, kind="primary")
        self.close_button.setDefault(True)
        self.foot.addStretch()
        self.foot.addWidget(self.close_button)
