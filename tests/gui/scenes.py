"""The scenes of the preview: what the pretended service holds, and what the person does."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import NamedTemporaryFile

from agent.api import base_models, clearing_models, configuration_models
from agent.api.package_models import Choice
from agent.api.rerun_models import RetryPlanChange
from agent.api.service_models import EnvironmentState
from agent.domain.errors import ConfigurationError, TransientError
from agent.domain.run import RunState
from agent.domain.schedule import PlanKind
from agent.gui.apps.credential_form import CredentialForm
from agent.gui.assembly import Shell
from agent.gui.clear.dialog import ClearDialog
from agent.gui.flow_data.dialog import DataDialog
from agent.gui.flows.deploy_dialog import DeployDialog
from agent.gui.packages.dialog import LibraryDialog
from agent.gui.packages.import_dialog import ImportPackageDialog
from agent.gui.panel import Room
from agent.gui.previews.dialog import PreviewDialog
from agent.gui.snapshots.dialog import RunsDialog
from agent.gui.snapshots.presenter import Look
from agent.gui.versions.dialog import VersionsDialog
from agent.gui.widgets.inputs import ChoiceInput
from tests.gui.doubles import control
from tests.gui.pilot import ALERTS, APPS, FLOWS, LOG, LOOKUPS, SETTINGS, SYNC_INFO
from tests.helpers.fake_client import FakeClient, flow_detail, run, vault_in_state
from tests.helpers.fake_real_time import EVENT_FLOW

Steps = Callable[[Shell, FakeClient], Iterable[Callable[[], object]]]


def _nothing(_shell: Shell, _fake: FakeClient) -> list[Callable[[], object]]:
    return []


def _panel(index: int) -> Steps:
    return lambda shell, _: [lambda: shell.window.show_panel(index)]


def _as_is(_fake: FakeClient) -> None:
    """The pretended service as it comes."""


@dataclass(frozen=True)
class Scene:
    """One picture."""

    steps: Steps = _nothing
    prepare: Callable[[FakeClient], object] = _as_is
    empty: bool = False
    signed_in: bool = True


def _first_start(fake: FakeClient) -> None:
    fake.operator = None


def _demo(fake: FakeClient) -> None:
    fake.demo = True


def _locked(fake: FakeClient) -> None:
    fake.vault = vault_in_state("locked", "Enter the passphrase to open it.")


def _no_vault(fake: FakeClient) -> None:
    fake.vault = vault_in_state("not set up", "")


def _environment_off(fake: FakeClient) -> None:
    fake.environment = EnvironmentState.STOPPED


def _many_lines(fake: FakeClient) -> None:
    fake.log_first, fake.log_last = 1, 1_000_000


def _refused(fake: FakeClient) -> None:
    problem = base_models.Problem(
        title="The store does not know this API token.",
        status=401,
        code="unauthorized",
        remedy="Create a new API account in the store and paste its token.",
        field="api_token",
    )
    fake.validation_result = configuration_models.Validation(
        id="v", state=configuration_models.ValidationState.FAILED, progress=["Contacting the store …"], problem=problem
    )


def _refused_store(fake: FakeClient) -> None:
    fake.trip("c-main", "The store refused the API token.", waiting=2)


def _seen(fake: FakeClient) -> None:
    fake.acknowledged["records-failed:stock-to-store"] = "12 records of stock-to-store failed."


def _hanging_validation(fake: FakeClient) -> None:
    fake.hang.add("validation")


def _on_form(shell: Shell, act: Callable[[CredentialForm], object]) -> None:
    act(form_of(shell))


def _form(app: str, *more: Callable[[CredentialForm], object]) -> Steps:
    def steps(shell: Shell, _: FakeClient) -> list[Callable[[], object]]:
        found: list[Callable[[], object]] = [
            lambda: shell.window.show_panel(APPS),
            lambda: shell.apps.presenter.add(app),
        ]
        return found + [partial(_on_form, shell, act) for act in more]

    return steps


def form_of(shell: Shell) -> CredentialForm:
    """The credential form that is open."""
    return shell.window.findChildren(CredentialForm)[-1]


def fill(form: CredentialForm) -> None:
    """Type what the BigCommerce form wants."""
    control(form, "name").setText("Demo Outdoor 2")
    control(form, "api_path").setText("https://api.bigcommerce.com/stores/x1y2z3/v3/")
    control(form, "username").setText("op-agent")
    control(form, "api_token").field.setText("a-secret-of-a-store-9f3c")


def _press(name: str) -> Callable[[CredentialForm], object]:
    return lambda form: getattr(form, name).click()


def _edit(shell: Shell, _: FakeClient) -> list[Callable[[], object]]:
    return [lambda: shell.edit_configuration("c-old")]


def _remove(shell: Shell, _: FakeClient) -> list[Callable[[], object]]:
    return [lambda: shell.window.show_panel(APPS), lambda: shell.apps.presenter.remove("c-main")]


def _deploy(*more: Callable[[DeployDialog], object]) -> Steps:
    def steps(shell: Shell, _: FakeClient) -> list[Callable[[], object]]:
        def dialog() -> DeployDialog:
            return shell.window.findChildren(DeployDialog)[-1]

        return [shell.open_deploy, *[lambda act=act: act(dialog()) for act in more]]

    return steps


def _sample(dialog: DeployDialog) -> None:
    dialog.samples.setCurrentIndex(1)
    dialog.samples.activated.emit(1)


def _bind_all(dialog: DeployDialog) -> None:
    for combo in dialog.findChildren(ChoiceInput):
        if combo is not dialog.samples:
            combo.setCurrentIndex(1)
            combo.activated.emit(1)


def _bind_later(dialog: DeployDialog) -> None:
    combo = dialog.findChildren(ChoiceInput)[-1]
    combo.setCurrentIndex(combo.count() - 1)
    combo.activated.emit(combo.count() - 1)


def _only_store(fake: FakeClient) -> None:
    del fake.stored["c-db"], fake.deployed["orders-to-database"]


def _failing_tests(fake: FakeClient) -> None:
    fake.refuse = ConfigurationError(
        "The processflow was not deployed: its test “taxes” failed, total is 119.90 instead of 129.90.",
        code="tests-failed", remedy="Correct the mapping or the test, then deploy again; or deploy without the tests.",
    )  # fmt: skip


def _broken_document(dialog: DeployDialog) -> None:
    with NamedTemporaryFile("w", suffix=".yaml", delete=False) as file:
        file.write("broken: true")
    dialog.file_chosen.emit(file.name)


def _press_deploy(dialog: DeployDialog) -> None:
    dialog.deploy_button.click()


def _log(search: str = "", row: int = 12) -> Steps:
    def steps(shell: Shell, _: FakeClient) -> list[Callable[[], object]]:
        view = shell.log.view

        def select() -> None:
            last = view.model.rowCount() - row
            view.table.setCurrentIndex(view.model.index(last, 0))

        return [lambda: shell.window.show_panel(LOG), lambda: view.search.setText(search), lambda: None, select]

    return steps


def _sync(shell: Shell, _: FakeClient) -> list[Callable[[], object]]:
    view = shell.sync_info.view
    return [lambda: shell.window.show_panel(SYNC_INFO), lambda: view.table.setCurrentIndex(view.model.index(0, 0))]


def _schedule(flow: str) -> Steps:
    return lambda shell, _: [partial(shell.open_room, flow, Room.SCHEDULE)]


def _versions(shell: Shell, _: FakeClient) -> list[Callable[[], object]]:
    def select() -> None:
        dialog = shell.window.findChildren(VersionsDialog)[-1]
        dialog.table.setCurrentIndex(dialog.model.index(1, 0))

    return [partial(shell.open_room, "orders-to-database", Room.VERSIONS), lambda: None, select, lambda: None]


def _versions_log(shell: Shell, fake: FakeClient) -> list[Callable[[], object]]:
    def log() -> None:
        shell.window.findChildren(VersionsDialog)[-1].views[1].click()

    return [*_versions(shell, fake), log]


def _waits_for_events(fake: FakeClient) -> None:
    fake.deployed[EVENT_FLOW] = flow_detail(EVENT_FLOW, fake.now, by_events=True, title="Webhook to database")


def _receives_nothing(fake: FakeClient) -> None:
    _waits_for_events(fake)
    fake.receiving = False


def _events(shell: Shell, _: FakeClient) -> list[Callable[[], object]]:
    return [partial(shell.open_room, EVENT_FLOW, Room.EVENTS)]


def _logged(fake: FakeClient) -> None:
    fake.log_first, fake.log_last = 1, 40
    ended = run("stock-to-store", RunState.SUCCESS, fake.now, identity="r0")
    fake.deployed["stock-to-store"] = fake.deployed["stock-to-store"].model_copy(update={"last_run": ended})


def _runs(look: Look) -> Steps:
    def steps(shell: Shell, _: FakeClient) -> list[Callable[[], object]]:
        def choose() -> None:
            dialog = shell.window.findChildren(RunsDialog)[-1]
            dialog.looks[look].click()
            dialog.node_table.setCurrentIndex(dialog.nodes.index(0, 0))

        return [partial(shell.open_room, "stock-to-store", Room.RUNS), lambda: None, choose, lambda: None]

    return steps


def _lookups(shell: Shell, _: FakeClient) -> list[Callable[[], object]]:
    view = shell.lookups.view
    return [
        lambda: shell.window.show_panel(LOOKUPS),
        lambda: view.choice.setCurrentIndex(1),
        lambda: view.table.selectRow(0),
    ]


def _lookups_import(shell: Shell, fake: FakeClient) -> list[Callable[[], object]]:
    def choose() -> None:
        with NamedTemporaryFile("w", suffix=".csv", delete=False) as file:
            file.write("DE,Deutschland\nES,Spain\nIT")
        shell.lookups.view.file_chosen.emit(Path(file.name))

    return [*_lookups(shell, fake), choose, lambda: None]


def _data(shell: Shell, _: FakeClient) -> list[Callable[[], object]]:
    return [partial(shell.open_room, "orders-to-database", Room.DATA)]


def _data_bookmark(shell: Shell, fake: FakeClient) -> list[Callable[[], object]]:
    def change() -> None:
        dialog = shell.window.findChildren(DataDialog)[-1]
        dialog.bookmark_table.selectRow(0)
        dialog.move_button.click()

    return [*_data(shell, fake), change]


def _schemas(shell: Shell, _: FakeClient) -> list[Callable[[], object]]:
    return [lambda: shell.window.show_panel(APPS), lambda: shell.rooms.open_schemas("c-main")]


def _library(shell: Shell, _: FakeClient) -> list[Callable[[], object]]:
    return [lambda: shell.window.show_panel(FLOWS), shell.rooms.open_library]


def _package(shell: Shell, fake: FakeClient) -> list[Callable[[], object]]:
    with NamedTemporaryFile(suffix=".zip", delete=False) as file:
        file.write(b"clashes")

    def choose() -> None:
        shell.window.findChildren(LibraryDialog)[-1].file_chosen.emit(Path(file.name))

    def rename() -> None:
        shell.window.findChildren(ImportPackageDialog)[-1].clashes[1].choose(Choice.RENAME)

    return [*_library(shell, fake), choose, rename]


def _export(shell: Shell, fake: FakeClient) -> list[Callable[[], object]]:
    def export() -> None:
        shell.window.findChildren(LibraryDialog)[-1].export_clicked.emit()

    return [*_library(shell, fake), export]


def _retry(shell: Shell, fake: FakeClient) -> list[Callable[[], object]]:
    fake.retry_plans["orders-to-database"] = RetryPlanChange(kind=PlanKind.HOURS, every=2)
    return [partial(shell.open_room, "orders-to-database", Room.RETRY)]


def _preview(shell: Shell, _: FakeClient) -> list[Callable[[], object]]:
    def select() -> None:
        dialog = shell.window.findChildren(PreviewDialog)[-1]
        dialog.table.setCurrentIndex(dialog.model.index(5, 0))

    return [partial(shell.open_room, "orders-to-database", Room.PREVIEW), lambda: None, select]


def _clear(*buttons: str) -> Steps:
    def steps(shell: Shell, _: FakeClient) -> list[Callable[[], object]]:
        def press(name: str) -> None:
            getattr(shell.window.findChildren(ClearDialog)[-1], name).click()

        found: list[Callable[[], object]] = [lambda: shell.open_clear(clearing_models.ClearTarget.TEMP)]
        return found + [lambda name=name: press(name) for name in buttons]

    return steps


def _wrong(shell: Shell, _: FakeClient) -> list[Callable[[], object]]:
    return [lambda: shell.sign_in.submitted.emit("anna", "wrong", None)]


def _lost(shell: Shell, fake: FakeClient) -> list[Callable[[], object]]:
    def go() -> None:
        fake.fail["health"] = TransientError("The service does not answer.", code="service-unreachable")
        fake.end_events()

    return [go]


def _last(shell: Shell, _: FakeClient) -> list[Callable[[], object]]:
    return [shell.window.close]


SCENES: dict[str, Scene] = {
    "schedule": Scene(_schedule("orders-to-database")),
    "schedule-alert": Scene(_schedule("stock-to-store")),
    "versions": Scene(_versions),
    "versions-log": Scene(_versions_log),
    "events": Scene(_events, _waits_for_events),
    "events-off": Scene(_events, _receives_nothing),
    "runs": Scene(_runs(Look.NODES)),
    "runs-records": Scene(_runs(Look.RECORDS)),
    "runs-packets": Scene(_runs(Look.PACKETS)),
    "runs-activity": Scene(_runs(Look.ACTIVITY), _logged),
    "history": Scene(lambda shell, _: [partial(shell.rooms.open_history, "stock-to-store", "SKU-000000")]),
    "data": Scene(_data),
    "data-bookmark": Scene(_data_bookmark),
    "retry": Scene(_retry),
    "past": Scene(lambda shell, _: [lambda: shell.window.show_panel(FLOWS), shell.rooms.open_past]),
    "library": Scene(_library),
    "schemas": Scene(_schemas),
    "package": Scene(_package),
    "package-export": Scene(_export),
    "preview": Scene(_preview),
    "once": Scene(lambda shell, _: [partial(shell.open_room, "orders-to-database", Room.ONCE)]),
    "sign-in": Scene(signed_in=False),
    "sign-in-wrong": Scene(_wrong, signed_in=False),
    "first-start": Scene(prepare=_first_start, signed_in=False),
    "home": Scene(),
    "home-demo": Scene(prepare=_demo),
    "home-empty": Scene(empty=True),
    "home-lost": Scene(_lost),
    "close": Scene(_last),
    "alerts": Scene(_panel(ALERTS), _refused_store),
    "alerts-seen": Scene(_panel(ALERTS), _seen),
    "alerts-none": Scene(_panel(ALERTS), empty=True),
    "home-seen": Scene(prepare=_seen),
    "apps": Scene(_panel(APPS)),
    "apps-empty": Scene(_panel(APPS), empty=True),
    "apps-remove": Scene(_remove),
    "form": Scene(_form("bigcommerce")),
    "form-sql": Scene(_form("sql")),
    "form-missing": Scene(_form("bigcommerce", _press("save_button"))),
    "form-busy": Scene(_form("bigcommerce", fill, _press("validate_button")), _hanging_validation),
    "form-ok": Scene(_form("bigcommerce", fill, _press("validate_button"))),
    "form-refused": Scene(_form("bigcommerce", fill, _press("validate_button")), _refused),
    "form-saved": Scene(_form("bigcommerce", fill, _press("save_button"))),
    "form-edit": Scene(_edit),
    "form-locked": Scene(_form("bigcommerce"), _locked),
    "form-no-vault": Scene(_form("bigcommerce"), _no_vault),
    "flows": Scene(_panel(FLOWS)),
    "flows-empty": Scene(_panel(FLOWS), empty=True),
    "flows-off": Scene(_panel(FLOWS), _environment_off),
    "deploy": Scene(_deploy()),
    "deploy-tokens": Scene(_deploy(_sample)),
    "deploy-broken": Scene(_deploy(_broken_document)),
    "deploy-later": Scene(_deploy(_sample, _bind_later)),
    "deploy-refused": Scene(_deploy(_sample, _press_deploy), _failing_tests),
    "deploy-waits": Scene(_deploy(_sample, _bind_later, _press_deploy), _only_store),
    "deploy-done": Scene(_deploy(_sample, _bind_all, _press_deploy)),
    "deploy-off": Scene(_deploy(_sample, _bind_all, _press_deploy), _environment_off),
    "lookups": Scene(_lookups),
    "lookups-import": Scene(_lookups_import),
    "lookups-empty": Scene(_panel(LOOKUPS), empty=True),
    "sync": Scene(_sync),
    "sync-empty": Scene(_panel(SYNC_INFO), empty=True),
    "log": Scene(_log(), _many_lines),
    "log-search": Scene(_log("billing", 3), lambda fake: setattr(fake, "log_last", 9_000)),
    "log-empty": Scene(_panel(LOG), empty=True),
    "settings": Scene(_panel(SETTINGS)),
    "settings-off": Scene(_panel(SETTINGS), _environment_off),
    "clear": Scene(_clear()),
    "clear-done": Scene(_clear("clear_button")),
}
