"""A credential field that is a whole document: typed, or taken from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agent.api import app_models
from agent.domain.app import FieldKind
from agent.gui.apps.credential_form import CredentialForm
from agent.gui.widgets.inputs import DocumentInput


def form(qtbot: Any) -> tuple[CredentialForm, DocumentInput]:
    field = app_models.CredentialField(
        name="description", label="Service description", kind=FieldKind.DOCUMENT, required=True, help="", example="",
        choices=[], default="",
    )  # fmt: skip
    app = app_models.App(
        id="rest", name="REST service", version="1", description="", fields=[field],
        status=app_models.AppStatus.NOT_CONFIGURED, configurations=0,
    )  # fmt: skip
    opened = CredentialForm(app, None)
    qtbot.addWidget(opened)
    opened.show()
    control = opened.rows["description"].control
    assert isinstance(control, DocumentInput)
    return opened, control


def test_lines_are_kept_as_they_were_typed(qtbot: Any) -> None:
    opened, control = form(qtbot)
    control.field.setPlainText("service: 1\nschemas:\n  orders: {}\n")
    assert opened.entered().values["description"] == "service: 1\nschemas:\n  orders: {}"


def test_a_file_takes_the_place_of_what_was_there(qtbot: Any, tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text("\ufeffservice: 1\n", "utf-8")
    opened, control = form(qtbot)
    with qtbot.waitSignal(opened.edited):
        control.take_file(tmp_path / "shop.yaml")
    assert opened.entered().values["description"] == "service: 1"


def test_what_is_no_text_is_said_at_the_field(qtbot: Any, tmp_path: Path) -> None:
    (tmp_path / "logo.png").write_bytes(b"\x89PNG\xff\xfe")
    opened, control = form(qtbot)
    control.take_file(tmp_path / "logo.png")
    assert opened.rows["description"].error == "logo.png cannot be read as text."
    control.take_file(tmp_path / "gone.yaml")
    assert opened.rows["description"].error == "gone.yaml cannot be read as text."
