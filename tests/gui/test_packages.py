"""Packages and the library: what is there, what an import would do, what a package holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agent.api.deployment_models import DeployRequest
from agent.api.package_models import Choice, ItemChoice, ItemKind, ItemRef, PackageImport, PackageRequest
from agent.domain.errors import ConfigurationError
from agent.gui.assembly import Shell
from agent.gui.flows.deploy_dialog import DeployDialog
from agent.gui.packages.dialog import LibraryDialog
from agent.gui.packages.export_dialog import ExportPackageDialog
from agent.gui.packages.import_dialog import ImportedDialog, ImportPackageDialog
from agent.gui.widgets.dialog import ConfirmDialog
from tests.gui.doubles import click
from tests.gui.pilot import FLOWS
from tests.gui.test_flows import dialog_of, words
from tests.helpers.fake_client import FakeClient


def opened(qtbot: Any, shell: Shell) -> LibraryDialog:
    """The library, from the menu of Processflows."""
    shell.window.show_panel(FLOWS)
    menu = shell.flows.view.more_actions.menu()
    next(one for one in menu.actions() if one.text() == "Packages and library…").trigger()
    dialog: LibraryDialog = dialog_of(shell, LibraryDialog)
    qtbot.waitUntil(lambda: dialog.model.rowCount() == 2)
    return dialog


def looked_at(qtbot: Any, shell: Shell, path: Path, content: str) -> ImportPackageDialog:
    """What importing a file would do."""
    path.write_text(content, "utf-8")
    dialog = opened(qtbot, shell)
    dialog.file_chosen.emit(path)
    qtbot.waitUntil(lambda: bool(shell.window.findChildren(ImportPackageDialog)))
    found: ImportPackageDialog = dialog_of(shell, ImportPackageDialog)
    return found


def test_it_says_what_packages_brought_and_what_of_it_is_deployed(qtbot: Any, shell: Shell) -> None:
    dialog = opened(qtbot, shell)
    assert dialog.model.cells(0)[:2] == ("Returns to files", "Orders, spring")
    assert [dialog.model.cells(row)[3] for row in range(2)] == ["not deployed", "version 2"]


def test_one_of_the_library_is_deployed_in_the_deploy_dialog_with_where_it_is_from(
    qtbot: Any, shell: Shell, fake: FakeClient
) -> None:
    click(qtbot, opened(qtbot, shell).deploy_button)
    qtbot.waitUntil(lambda: bool(shell.window.findChildren(DeployDialog)))
    dialog: DeployDialog = dialog_of(shell, DeployDialog)
    assert "From the package “Orders, spring”." in words(dialog)
    qtbot.waitUntil(dialog.deploy_button.isEnabled)
    click(qtbot, dialog.deploy_button)
    qtbot.waitUntil(lambda: bool(fake.asked))
    (request,) = fake.asked
    assert isinstance(request, DeployRequest)
    assert request.document == "processflow: returns-to-files\n"
    assert (request.file, request.note) == ("returns-to-files.yaml", "From the package “Orders, spring”.")


def test_removing_from_the_library_asks_first(qtbot: Any, shell: Shell, fake: FakeClient) -> None:
    dialog = opened(qtbot, shell)
    click(qtbot, dialog.remove_button)
    question = dialog_of(shell, ConfirmDialog)
    assert question.cancel_button.isDefault()
    assert len(fake.in_library) == 2
    click(qtbot, question.accept_button)
    qtbot.waitUntil(lambda: dialog.model.rowCount() == 1)
    assert list(fake.in_library) == ["orders-to-database"]


def test_a_package_of_new_things_is_imported_without_a_question(
    qtbot: Any, shell: Shell, fake: FakeClient, tmp_path: Path
) -> None:
    look = looked_at(qtbot, shell, tmp_path / "new.zip", "new")
    assert look.model.cells(0) == ("Processflow", "stock-to-store", "new")
    assert fake.asked == []
    click(qtbot, look.import_button)
    qtbot.waitUntil(lambda: bool(shell.window.findChildren(ImportedDialog)))
    assert "Processflow stock-to-store: It is imported into the library." in words(dialog_of(shell, ImportedDialog))
    assert fake.asked == [PackageImport(content="bmV3", choices=[])]


def test_what_is_different_here_is_asked_about_one_by_one(
    qtbot: Any, shell: Shell, fake: FakeClient, tmp_path: Path
) -> None:
    look = looked_at(qtbot, shell, tmp_path / "spring.zip", "clashes")
    assert look.banner.title.text() == "3 things of the same name, but different"
    countries, orders, function = look.clashes
    assert function.choice.findData(Choice.RENAME.value) < 0
    countries.choose(Choice.TAKE)
    function.choose(Choice.KEEP)
    assert not look.import_button.isEnabled()
    orders.choose(Choice.RENAME)
    assert orders.name.isVisible()
    orders.name.setText(" ")
    assert not look.import_button.isEnabled()
    orders.name.setText("orders-spring")
    click(qtbot, look.import_button)
    qtbot.waitUntil(lambda: bool(fake.asked))
    (request,) = fake.asked
    assert isinstance(request, PackageImport)
    assert request.choices == [
        ItemChoice(kind=ItemKind.LOOKUP, name="countries", choice=Choice.TAKE),
        ItemChoice(kind=ItemKind.FLOW, name="orders-to-database", choice=Choice.RENAME, new_name="orders-spring"),
        ItemChoice(kind=ItemKind.FUNCTION, name="without_tax", choice=Choice.KEEP),
    ]


def test_everything_here_can_be_kept_at_once(qtbot: Any, shell: Shell, tmp_path: Path) -> None:
    look = looked_at(qtbot, shell, tmp_path / "spring.zip", "clashes")
    click(qtbot, look.keep_button)
    assert [answer.choice for clash in look.clashes if (answer := clash.answer())] == [Choice.KEEP] * 3
    assert look.import_button.isEnabled()


def test_a_file_that_is_no_package_is_said_to_be_none(
    qtbot: Any, shell: Shell, fake: FakeClient, tmp_path: Path
) -> None:
    refused = ConfigurationError("This is no package.", code="package-damaged", remedy="Choose another file.")
    fake.fail["look_at_package"] = refused
    (tmp_path / "holiday.jpg").write_bytes(b"\xff\xd8")
    dialog = opened(qtbot, shell)
    dialog.file_chosen.emit(tmp_path / "holiday.jpg")
    qtbot.waitUntil(lambda: dialog.banner.title.text() == "This is no package.")
    dialog.file_chosen.emit(tmp_path / "gone.zip")
    qtbot.waitUntil(lambda: dialog.banner.title.text() == "gone.zip cannot be read.")


def test_processflows_are_exported_whole_or_not_at_all(
    qtbot: Any, shell: Shell, fake: FakeClient, tmp_path: Path
) -> None:
    dialog = opened(qtbot, shell)
    click(qtbot, dialog.export_button)
    asks: ExportPackageDialog = dialog_of(shell, ExportPackageDialog)
    assert asks.save_button.isEnabled()
    asks.some.setChecked(True)
    assert not asks.save_button.isEnabled()
    asks.choices["orders-to-database"].setChecked(True)
    asks.title.setText("Autumn")
    asks.save(tmp_path / "autumn.zip")
    qtbot.waitUntil((tmp_path / "autumn.zip").exists)
    assert fake.asked == [
        PackageRequest(title="Autumn", items=[ItemRef(kind=ItemKind.FLOW, name="orders-to-database")])
    ]
    assert (tmp_path / "autumn.zip").read_bytes() == b"a package"
    assert not list(tmp_path.glob("*.part"))


def test_an_export_of_everything_names_nothing(qtbot: Any, shell: Shell, fake: FakeClient, tmp_path: Path) -> None:
    click(qtbot, opened(qtbot, shell).export_button)
    dialog_of(shell, ExportPackageDialog).save(tmp_path / "all.zip")
    qtbot.waitUntil((tmp_path / "all.zip").exists)
    assert fake.asked == [PackageRequest(title="all", items=[])]


def test_a_place_that_cannot_be_written_is_said(qtbot: Any, shell: Shell, tmp_path: Path) -> None:
    dialog = opened(qtbot, shell)
    click(qtbot, dialog.export_button)
    dialog_of(shell, ExportPackageDialog).save(tmp_path / "nowhere" / "all.zip")
    qtbot.waitUntil(lambda: dialog.banner.title.text() == "all.zip cannot be written.")
