"""A faithful in-memory stand-in for `agent.api.client.AgentClient`, for the window's tests and pictures.

It has the same methods, answers with the same models and raises the same errors. On top of that a test can let a
method hang (`hang`), fail (`fail`), see what was called (`calls`), and send events (`emit`).
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from pydantic import BaseModel

from agent.api import (
    app_models,
    base_models,
    clearing_models,
    configuration_models,
    flow_models,
    live_models,
    log_models,
    operator_models,
    record_models,
    run_models,
    schedule_models,
    service_models,
    setting_models,
    vault_models,
)
from agent.api.app_models import AppStatus
from agent.api.configuration_models import ConfigurationState, ValidationState
from agent.api.deployment_models import DeployRequest
from agent.api.event_models import Inbox
from agent.api.flow_test_models import FlowTestReport
from agent.api.log_models import LogLevel
from agent.api.preview_models import (
    Preview,
    PreviewChange,
    PreviewedRecord,
    PreviewPage,
    PreviewRequest,
    PreviewState,
    PreviewTotals,
)
from agent.api.record_models import ExportFormat, RecordChoice, RecordJob, RecordJobState, SkipRequest, Wanted
from agent.api.rerun_models import (
    Execution,
    FilterClause,
    ReplayWindow,
    Resync,
    RetryPlan,
    RetryPlanChange,
    RetrySchedule,
)
from agent.api.service_models import EnvironmentState
from agent.domain.app import DataType, FieldKind
from agent.domain.errors import AgentError, ConfigurationError, ConflictError, NotFoundError, TransientError
from agent.domain.packet import SyncState
from agent.domain.plan_form import parse_plan, plan_form
from agent.domain.preview import Outcome
from agent.domain.retry_policy import parse_retry_policy
from agent.domain.run import RunState, Trigger
from agent.domain.schedule import Plan
from agent.engine.schedules.look import begin, upcoming
from agent.engine.schedules.times import anchor_of
from tests.helpers.fake_alerts import FakeAlerts
from tests.helpers.fake_flow_data import FakeBookmarks, FakeVariables, bookmarks, variables
from tests.helpers.fake_lookups import FakeLookups, lookup_tables
from tests.helpers.fake_packages import FakePackages, library_flows
from tests.helpers.fake_real_time import FakeRealTime
from tests.helpers.fake_snapshots import FakeSnapshots
from tests.helpers.fake_versions import FakeVersions

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
ZONE = "Europe/Berlin"
ALERT = (
    "It missed 9 times from 2026-11-23 22:00 to 2026-11-24 06:00, as the agent was off, asleep, not enabled or refused "
    "by an app; its schedule leaves missed times out."
)
_FLOW_TITLES = {"orders-to-database": "Orders to database", "stock-to-store": "Stock to store"}


class FakeClient:
    """One pretended service. `now` is its clock; the log has `log_lines` made-up lines."""

    def __init__(self, *, now: datetime = NOW, log_lines: int = 0, empty: bool = False) -> None:
        self.now = now
        self.hang: set[str] = set()
        self._hanging: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None
        self.fail: dict[str, AgentError] = {}
        self.calls: list[str] = []
        self.asked: list[BaseModel] = []
        self.cancelled: list[str] = []
        self.operator: tuple[str, str] | None = ("anna", "correct horse")
        self.session: str | None = None
        self.environment = EnvironmentState.RUNNING
        self.demo = False
        self.started_afresh = False
        self.vault = vault_open()
        self.known_apps = apps()
        self.stored: dict[str, configuration_models.Configuration] = {} if empty else configurations(now)
        self.stored_secrets: dict[tuple[str, str], str] = {}
        self.deployed: dict[str, flow_models.FlowDetail] = {} if empty else flows(now)
        self.schedules: dict[str, schedule_models.Schedule] = {} if empty else schedules(now)
        self.sync: list[record_models.SyncRecord] = [] if empty else sync_records(now)
        self.declared = settings()
        self.log_first, self.log_last = (1, log_lines) if log_lines else (0, 0)
        self.refuse: AgentError | None = None
        """What a deployment is refused with until somebody insists."""
        self.past = [] if empty else ["returns-to-files", "prices-to-store"]
        self.receiving, self.url_number = True, 0
        self.inbox: Inbox | None = None
        self.tables = {} if empty else lookup_tables()
        self.in_library = {} if empty else library_flows(now)
        self.bookmarked, self.variable_values = bookmarks(now), variables(now)
        self.retry_plans: dict[str, RetryPlanChange] = {}
        self.acknowledged: dict[str, str] = {}
        self.validations: dict[str, configuration_models.Validation] = {}
        self.validation_result: configuration_models.Validation | None = None
        self.there: list[app_models.Schema] = described_schemas()
        self.sign_in_url = ""
        """While it is set, validations wait for a person who signs in there."""
        self.searches: dict[str, list[int]] = {}
        self.closed = False
        self._queues: list[tuple[asyncio.AbstractEventLoop, asyncio.Queue[live_models.Event | None]]] = []
        self._next_id = 0
        self._lock = threading.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.closed = True

    @property
    def listeners(self) -> int:
        """How many listen to events now."""
        return len(self._queues)

    # -- what tests do with it ---------------------------------------------------------------------------------

    def emit(self, kind: live_models.EventKind, data: BaseModel | dict[str, object] | None = None) -> None:
        """Send an event to every listener, from any thread."""
        plain: dict[str, object] = data.model_dump(mode="json") if isinstance(data, BaseModel) else data or {}
        event = live_models.Event(id=self._id(), kind=kind, data=plain)
        for loop, queue in list(self._queues):
            loop.call_soon_threadsafe(queue.put_nowait, event)

    def end_events(self) -> None:
        """End every event stream, as a service that goes away does."""
        for loop, queue in list(self._queues):
            loop.call_soon_threadsafe(queue.put_nowait, None)

    def log_more(self, count: int) -> None:
        """Append log lines and say so."""
        self.log_first = self.log_first or 1
        self.log_last += count
        self.emit(live_models.EventKind.LOG, log_models.LogBounds(first=self.log_first, last=self.log_last))

    # -- the service -------------------------------------------------------------------------------------------

    async def health(self) -> service_models.Health:
        await self._enter("health")
        return service_models.Health(version="0.1.0", pid=4711)

    async def state(self) -> service_models.ServiceState:
        await self._enter("state")
        return service_models.ServiceState(
            version="0.1.0",
            pid=4711,
            started_at=self.now - timedelta(days=6, hours=4),
            environment=self.environment,
            data_folder="/home/anna/.local/share/op-agent",
            machine="warehouse-01",
            operator_exists=self.operator is not None,
            demo=self.demo,
            vault=self.vault,
            last_end=service_models.LastEnd(at=self.now - timedelta(days=6, hours=5), clean=True, reason="restart"),
            active_runs=sum(1 for flow in self.deployed.values() if flow.active_run),
        )

    async def stop(self) -> None:
        await self._enter("stop")

    async def set_up_vault(self, choice: vault_models.VaultSetUp) -> vault_models.Vault:
        await self._enter("set_up_vault")
        source = next((source for source in self.vault.sources if source.kind == choice.kind), None)
        if source is None or not source.works:
            raise ConfigurationError(
                "This key source does not work here.", code="vault-source", remedy="Choose another."
            )
        self.started_afresh = choice.start_afresh
        self.vault = self.vault.model_copy(update={"state": "open", "source": source, "cure": ""})
        await self._say_state()
        return self.vault

    async def change_vault_source(self, change: vault_models.VaultSourceChange) -> vault_models.Vault:
        await self._enter("change_vault_source")
        source = next((source for source in self.vault.sources if source.kind == change.kind), None)
        if source is None or self.vault.state != "open":
            raise ConfigurationError("The vault is locked.", code="vault-locked", remedy="Unlock it.")
        self.vault = self.vault.model_copy(update={"source": source})
        await self._say_state()
        return self.vault

    async def unlock_vault(self, passphrase: str | None = None) -> vault_models.Vault:
        await self._enter("unlock_vault")
        if passphrase == "wrong":
            raise ConfigurationError("The passphrase is wrong.", code="vault-passphrase", remedy="Type it again.")
        self.vault = self.vault.model_copy(update={"state": "open", "cure": ""})
        await self._say_state()
        return self.vault

    # -- operators ---------------------------------------------------------------------------------------------

    async def sign_in(self, name: str, password: str) -> operator_models.Session:
        await self._enter("sign_in")
        if self.operator is None:
            self.operator = (name, password)
        if self.operator != (name, password):
            raise ConfigurationError(
                "User name or password is wrong.", code="wrong-credentials", remedy="Try again in a moment."
            )
        self.session = f"session-{self._id()}"
        return operator_models.Session(name=name, token=self.session)

    async def change_password(self, name: str, old: str, new: str) -> None:
        await self._enter("change_password")
        if self.operator != (name, old):
            raise ConfigurationError(
                "User name or password is wrong.", code="wrong-credentials", remedy="Try again in a moment."
            )
        self.operator, self.session = (name, new), None

    async def sign_off(self) -> None:
        await self._enter("sign_off")
        self.session = None

    # -- apps --------------------------------------------------------------------------------------------------

    async def apps(self) -> list[app_models.App]:
        await self._enter("apps")
        return [self._app(app) for app in self.known_apps]

    async def schemas(self, app: str) -> list[app_models.Schema]:
        await self._enter("schemas")
        return []

    async def described(self, configuration_id: str) -> list[app_models.Schema]:
        await self._enter("described")
        return self.there

    async def configurations(self) -> list[configuration_models.Configuration]:
        await self._enter("configurations")
        return list(self.stored.values())

    async def save_configuration(self, draft: configuration_models.ConfigurationDraft) -> configuration_models.Saved:
        await self._enter("save_configuration")
        for other in self.stored.values():
            if (other.app, other.name.casefold()) == (draft.app, draft.name.casefold()) and other.id != draft.id:
                raise ConflictError(
                    f"There is a configuration “{draft.name}” already.",
                    code="name-taken",
                    remedy="Choose another name.",
                    field="name",
                )
        before = self.stored.get(draft.id or "")
        hints = dict(before.secrets) if before else {}
        identity = draft.id or f"c{self._id()}"
        for field, secret in draft.secrets.items():
            text = secret.get_secret_value()
            self.stored_secrets[identity, field] = text
            hints[field] = f"••••{text[-4:]}" if len(text) >= 16 else "••••"
        proven = any(found.state is ValidationState.SUCCESS for found in self.validations.values())
        saved = configuration_models.Configuration(
            id=identity,
            app=draft.app,
            name=draft.name,
            values=draft.values,
            secrets=hints,
            state=ConfigurationState.VALIDATED if proven else ConfigurationState.SAVED,
            message="",
            facts=[],
            validated_at=self.now if proven else None,
            saved_at=self.now,
            used_by=before.used_by if before else [],
        )
        self.stored[identity] = saved
        self.emit(live_models.EventKind.CONFIGURATION, saved)
        return configuration_models.Saved(message="Connection Data Saved", notes=[], configuration=saved)

    async def remove_configuration(self, configuration_id: str) -> None:
        await self._enter("remove_configuration")
        found = self.stored.get(configuration_id)
        if found is None:
            raise NotFoundError("There is no such configuration.", code="not-found")
        if found.used_by:
            raise ConflictError(
                f"“{found.name}” is used by {', '.join(found.used_by)}.",
                code="configuration-in-use",
                remedy="Redeploy these processflows with another configuration, or undeploy them, first.",
            )
        del self.stored[configuration_id]
        self.emit(live_models.EventKind.CONFIGURATION, {"id": configuration_id})

    async def validate(self, draft: configuration_models.ConfigurationDraft) -> configuration_models.Validation:
        await self._enter("validate")
        started = configuration_models.Validation(
            id=f"v{self._id()}", state=ValidationState.RUNNING, progress=["Contacting the store …"]
        )
        self.validations[started.id] = started
        return started

    async def validation(self, validation_id: str, *, wait_seconds: float = 0) -> configuration_models.Validation:
        await self._enter("validation")
        if self.sign_in_url:
            await asyncio.sleep(min(wait_seconds, 0.05))
            waiting = {"progress": ["Sign in …"], "sign_in_url": self.sign_in_url}
            return self.validations[validation_id].model_copy(update=waiting)
        result = self.validation_result or configuration_models.Validation(
            id=validation_id,
            state=ValidationState.SUCCESS,
            progress=["Contacting the store …", "Reading the store's profile …"],
            message="Test Connection Successful",
            facts=[
                configuration_models.Fact(label="Store", value="Demo Outdoor"),
                configuration_models.Fact(label="Plan", value="Pro"),
                configuration_models.Fact(label="Orders", value="12,408"),
            ],
        )
        ended = result.model_copy(update={"id": validation_id})
        self.validations[validation_id] = ended
        return ended

    async def cancel_validation(self, validation_id: str) -> configuration_models.Validation:
        await self._enter("cancel_validation")
        found = self.validations[validation_id].model_copy(update={"state": ValidationState.CANCELLED})
        self.validations[validation_id] = found
        return found

    # -- processflows ------------------------------------------------------------------------------------------

    async def samples(self) -> list[flow_models.Sample]:
        await self._enter("samples")
        return samples()

    async def check_flow(self, request: flow_models.DocumentRequest) -> flow_models.CheckResult:
        await self._enter("check_flow")
        if "broken" in request.document:
            problems = [
                flow_models.DocumentProblem(
                    message="The attribute “emial” is not in the schema orders.",
                    suggestion="Did you mean “email”?",
                    file=request.file,
                    line=17,
                    column=9,
                    code="unknown-attribute",
                ),
                flow_models.DocumentProblem(
                    message="The node “write” has no link to an End node.",
                    suggestion="Add a link from “write” to “end”.",
                    file=request.file,
                    line=31,
                    column=1,
                    code="no-end",
                ),
            ]
            return flow_models.CheckResult(ok=False, name="", title="", tokens={}, problems=problems)
        sample = next((sample for sample in samples() if sample.document == request.document), samples()[0])
        return flow_models.CheckResult(
            ok=True,
            name=sample.file.rsplit(".", 1)[0],
            title=sample.title,
            tokens=sample.tokens,
            problems=[],
        )

    async def test_flow(self, request: flow_models.DocumentRequest) -> FlowTestReport:
        await self._enter("test_flow")
        return FlowTestReport(flow=request.file, passed=True, results=[])

    async def test_deployed(self, name: str) -> FlowTestReport:
        await self._enter("test_deployed")
        return FlowTestReport(flow=name, passed=True, results=[])

    async def deploy(self, request: flow_models.DocumentRequest) -> flow_models.Deployed:
        await self._enter("deploy")
        if self.environment is not EnvironmentState.RUNNING:
            raise ConflictError(
                "Environment is not enabled",
                code="environment-not-enabled",
                remedy="Open Settings and tick Enable Environment, then deploy again.",
            )
        if isinstance(request, DeployRequest):
            self.asked.append(request)
        insisted = isinstance(request, DeployRequest) and (request.anyway or request.without_tests)
        if self.refuse is not None and not insisted:
            raise self.refuse
        name = request.file.rsplit(".", 1)[0]
        waits = {token: "sql" for token, bound in request.bindings.items() if not bound}
        return self.deploy_again(name, note=request.note, waits_for=waits)

    def deploy_again(
        self, name: str, *, note: str = "", waits_for: dict[str, str] | None = None
    ) -> flow_models.Deployed:
        """Make another version, with the lines of a deployment as events."""
        lines = ["1 Processflow Publish Started", "2 Publish Completed", "3 Checking for LookUp data", "4 Deployed"]
        for number, line in enumerate(lines, 1):
            self.emit(
                live_models.EventKind.DEPLOYMENT, live_models.DeploymentLine(name=name, number=number, line=line[2:])
            )
        old = self.deployed.get(name)
        flow = flow_detail(
            name, self.now, version=old.version + 1 if old else 1, note=note, waits_for=waits_for or {},
            alert=_WAITING if waits_for else "",
        )  # fmt: skip
        self.deployed[name] = flow.model_copy(update={"deployment_log": lines})
        self.emit(live_models.EventKind.FLOW, {"name": name})
        return flow_models.Deployed(flow=self.deployed[name], lines=lines)

    async def flows(self) -> list[flow_models.Flow]:
        await self._enter("flows")
        return list(self.deployed.values())

    async def flow(self, name: str) -> flow_models.FlowDetail:
        await self._enter("flow")
        return self._flow(name)

    async def undeploy(self, name: str) -> flow_models.Undeployed:
        await self._enter("undeploy")
        self._flow(name)
        del self.deployed[name]
        self.emit(live_models.EventKind.FLOW, {"name": name})
        return flow_models.Undeployed(name=name, message="Its history, bookmarks and Sync Info stay.")

    # -- schedules ---------------------------------------------------------------------------------------------

    async def schedule(self, name: str) -> schedule_models.Schedule:
        await self._enter("schedule")
        self._flow(name)
        return self.schedules.get(name) or manual_schedule(name)

    async def set_schedule(self, name: str, plan: schedule_models.ScheduleChange) -> schedule_models.Schedule:
        await self._enter("set_schedule")
        flow = self._flow(name)
        parsed = parse_plan(plan.model_dump(), default_zone=ZONE)
        changed = planned_schedule(name, parsed, self.now) if parsed is not None else manual_schedule(name)
        self.schedules[name] = changed
        brief = {"schedule": changed.text, "next_run_at": changed.next_run_at, "alert": changed.alert}
        self.deployed[name] = flow.model_copy(update=brief)
        self.emit(live_models.EventKind.FLOW, {"name": name})
        return changed

    async def clear_schedule(self, name: str) -> schedule_models.Schedule:
        await self._enter("clear_schedule")
        flow = self._flow(name)
        self.schedules.pop(name, None)
        self.deployed[name] = flow.model_copy(update={"schedule": "Manual", "next_run_at": None, "alert": ""})
        self.emit(live_models.EventKind.FLOW, {"name": name})
        return manual_schedule(name)

    async def preview_schedule(
        self, plan: schedule_models.ScheduleChange, *, flow: str = ""
    ) -> schedule_models.SchedulePreview:
        await self._enter("preview_schedule")
        parsed = parse_plan(plan.model_dump(), default_zone=ZONE)
        if parsed is None:
            return schedule_models.SchedulePreview(text="Manual", times=[])
        shown = planned_schedule(flow, parsed, self.now)
        return schedule_models.SchedulePreview(text=shown.text, times=shown.next_times)

    # -- runs --------------------------------------------------------------------------------------------------

    async def execute(self, name: str) -> run_models.Run:
        await self._enter("execute")
        flow = self._flow(name)
        if self.environment is not EnvironmentState.RUNNING:
            raise ConflictError(
                "Environment is not enabled",
                code="environment-not-enabled",
                remedy="Open Settings and tick Enable Environment.",
            )
        started = run(name, RunState.RUNNING, self.now, identity=f"r{self._id()}", activity="Reading orders")
        self.deployed[name] = flow.model_copy(update={"active_run": started})
        self.emit(live_models.EventKind.RUN, started)
        return started

    async def runs(self, *, flow: str = "", after: str = "", limit: int = 50) -> run_models.RunPage:
        await self._enter("runs")
        found = [one.last_run for one in self.deployed.values() if one.last_run and flow in ("", one.name)]
        return run_models.RunPage(items=found[:limit], next=None)

    async def run(self, run_id: str, *, wait_seconds: float = 0) -> run_models.Run:
        await self._enter("run")
        return self._run(run_id)

    async def cancel_run(self, run_id: str) -> run_models.Run:
        await self._enter("cancel_run")
        cancelled = self._run(run_id).model_copy(update={"state": RunState.CANCELLING})
        flow = self.deployed[cancelled.flow]
        self.deployed[cancelled.flow] = flow.model_copy(update={"active_run": cancelled})
        self.emit(live_models.EventKind.RUN, cancelled)
        return cancelled

    async def sync_info(
        self, name: str, *, state: SyncState | None = None, search: str = "", after: str = "", limit: int = 100
    ) -> record_models.SyncPage:
        await self._enter("sync_info")
        mine = [one for one in self.sync if one.flow == name]
        found = [one for one in mine if search.casefold() in f"{one.source_id} {one.message}".casefold()]
        counts = {kind: sum(1 for one in found if one.state is kind) for kind in SyncState}
        found = [one for one in found if state in (None, one.state)]
        start = int(after or 0)
        following = str(start + limit) if start + limit < len(found) else None
        return record_models.SyncPage(items=found[start : start + limit], counts=counts, next=following)

    @property
    def alerts(self) -> FakeAlerts:
        """What needs a person."""
        return FakeAlerts(self)

    @property
    def versions(self) -> FakeVersions:
        """Every version of every processflow."""
        return FakeVersions(self)

    @property
    def real_time(self) -> FakeRealTime:
        """Receiving events."""
        return FakeRealTime(self)

    @property
    def snapshots(self) -> FakeSnapshots:
        """What runs did."""
        return FakeSnapshots(self)

    @property
    def packages(self) -> FakePackages:
        """Packages and the library."""
        return FakePackages(self)

    @property
    def lookups(self) -> FakeLookups:
        """Lookup tables."""
        return FakeLookups(self)

    @property
    def bookmarks(self) -> FakeBookmarks:
        """How far sources have been read."""
        return FakeBookmarks(self)

    @property
    def variables(self) -> FakeVariables:
        """What processflows remember."""
        return FakeVariables(self)

    @property
    def reruns(self) -> FakeReruns:
        """Runs that do something else than read on."""
        return FakeReruns(self)

    @property
    def previews(self) -> FakePreviews:
        """What runs would do."""
        return FakePreviews(self)

    @property
    def records(self) -> FakeRecords:
        """What is done to many records."""
        return FakeRecords(self)

    # -- log ---------------------------------------------------------------------------------------------------

    async def log_bounds(self) -> log_models.LogBounds:
        await self._enter("log_bounds")
        return log_models.LogBounds(first=self.log_first, last=self.log_last)

    async def log_page(self, first: int, count: int = 256) -> log_models.LogPage:
        await self._enter("log_page")
        last = min(first + count - 1, self.log_last)
        return log_models.LogPage(items=[self.log_entry(number) for number in range(max(first, 1), last + 1)])

    async def search_log(self, search: log_models.LogSearch) -> log_models.LogHits:
        await self._enter("search_log")
        identity = f"s{self._id()}"
        hits = [number for number in range(self.log_first, self.log_last + 1) if self._matches(number, search)]
        self.searches[identity] = hits
        return log_models.LogHits(id=identity, count=len(hits), last=self.log_last)

    async def log_hits(self, search_id: str, first: int, count: int = 256) -> log_models.LogPage:
        await self._enter("log_hits")
        wanted = self.searches[search_id][first : first + count]
        return log_models.LogPage(items=[self.log_entry(number) for number in wanted])

    async def extend_search(self, search_id: str) -> log_models.LogHits:
        await self._enter("extend_search")
        return log_models.LogHits(id=search_id, count=len(self.searches[search_id]), last=self.log_last)

    # -- housekeeping and settings -----------------------------------------------------------------------------

    async def clear_preview(self, target: clearing_models.ClearTarget) -> clearing_models.ClearReport:
        await self._enter("clear_preview")
        return clear_report(target, done=False)

    async def clear(self, target: clearing_models.ClearTarget) -> clearing_models.ClearReport:
        await self._enter("clear")
        return clear_report(target, done=True)

    async def settings(self) -> list[setting_models.Setting]:
        await self._enter("settings")
        return list(self.declared.values())

    async def change_setting(self, name: str, value: str) -> setting_models.Setting:
        await self._enter("change_setting")
        if name == "packet_days" and int(value) > 365:
            raise ConfigurationError("At most 365 days.", code="setting-range", remedy="Enter 1 to 365.", field=name)
        self.declared[name] = self.declared[name].model_copy(update={"value": value})
        if name == "enable_environment":
            self.environment = EnvironmentState.RUNNING if value == "true" else EnvironmentState.STOPPED
            await self._say_state()
        self.emit(live_models.EventKind.SETTING, self.declared[name])
        return self.declared[name]

    # -- events ------------------------------------------------------------------------------------------------

    async def events(self) -> AsyncIterator[live_models.Event]:
        await self._enter("events")
        entry = (asyncio.get_running_loop(), asyncio.Queue[live_models.Event | None]())
        self._queues.append(entry)
        try:
            while True:
                event = await entry[1].get()
                if event is None:
                    raise TransientError("The service does not answer.", code="service-unreachable")
                yield event
        finally:
            self._queues.remove(entry)

    # -- inside ------------------------------------------------------------------------------------------------

    def log_entry(self, number: int) -> log_models.LogEntry:
        """The made-up line of that id; the same one every time."""
        level, message, detail = _LINES[number * 7919 % len(_LINES)]
        return log_models.LogEntry(
            id=number,
            at=self.now - timedelta(seconds=(self.log_last - number) * 0.37),
            level=level,
            flow="orders-to-database" if number % 3 else "stock-to-store",
            run=f"r{number // 500}",
            node="read orders" if number % 2 else "write rows",
            record=str(1000 + number % 9000) if number % 4 else "",
            message=message.format(number),
            detail=detail,
        )

    def _matches(self, number: int, search: log_models.LogSearch) -> bool:
        entry = self.log_entry(number)
        order = list(LogLevel)
        return (
            (search.level is None or order.index(entry.level) >= order.index(search.level))
            and search.flow in ("", entry.flow)
            and search.run in ("", entry.run)
            and search.text.casefold() in f"{entry.message} {entry.record} {entry.flow}".casefold()
        )

    def trip(self, configuration_id: str, message: str, *, waiting: int) -> None:
        """Let an app refuse a configuration."""
        trip = configuration_models.Trip(
            since=self.now, message=message, remedy="Enter a new one.", waiting_runs=waiting
        )
        stored = self.stored[configuration_id]
        self.stored[configuration_id] = stored.model_copy(update={"tripped": trip})

    def change_records(self, fits: Callable[[record_models.SyncRecord], bool], change: dict[str, Any] | None) -> int:
        """Change the records that fit, or remove them; returns how many."""
        changed = sum(fits(one) for one in self.sync)
        if change is None:
            self.sync = [one for one in self.sync if not fits(one)]
        else:
            self.sync = [one.model_copy(update=change) if fits(one) else one for one in self.sync]
        return changed

    def let_go(self) -> None:
        """Let the method that began to hang last go on."""
        assert self._hanging is not None
        loop, until = self._hanging
        loop.call_soon_threadsafe(until.set)

    async def _enter(self, method: str) -> None:
        self.calls.append(method)
        try:
            if method in self.hang:
                until = asyncio.Event()
                self._hanging = asyncio.get_running_loop(), until
                await until.wait()
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            self.cancelled.append(method)
            raise
        if method in self.fail:
            raise self.fail[method]

    async def _say_state(self) -> None:
        self.emit(live_models.EventKind.ENVIRONMENT, await self.state())

    def _id(self) -> int:
        with self._lock:
            self._next_id += 1
            return self._next_id

    def _app(self, app: app_models.App) -> app_models.App:
        mine = [one for one in self.stored.values() if one.app == app.id]
        if app.status is AppStatus.BROKEN or not mine:
            return app.model_copy(update={"configurations": len(mine)})
        worst = AppStatus.VALIDATED
        if any(one.state is ConfigurationState.SAVED for one in mine):
            worst = AppStatus.SAVED
        if any(one.state is ConfigurationState.FAILED for one in mine):
            worst = AppStatus.FAILED
        return app.model_copy(update={"configurations": len(mine), "status": worst})

    def _flow(self, name: str) -> flow_models.FlowDetail:
        if name not in self.deployed:
            raise NotFoundError(f"There is no processflow “{name}”.", code="not-found", remedy="Deploy it first.")
        return self.deployed[name]

    def _run(self, run_id: str) -> run_models.Run:
        for flow in self.deployed.values():
            for one in (flow.active_run, flow.last_run):
                if one is not None and one.id == run_id:
                    return one
        raise NotFoundError("There is no such run.", code="not-found")


class FakeReruns:
    """`agent.api.reruns.Reruns` of a pretended service: every record that is tried again succeeds."""

    def __init__(self, client: FakeClient) -> None:
        self._client = client

    async def filtered(self, flow: str, clauses: Sequence[FilterClause], *, node: str = "") -> run_models.Run:
        await self._client._enter("filtered")
        self._client.asked.append(Execution(filter=list(clauses), node=node))
        return run(flow, RunState.QUEUED, self._client.now, identity="r-filtered")

    async def replay(self, flow: str, window: ReplayWindow) -> run_models.Run:
        await self._client._enter("replay")
        self._client.asked.append(window)
        return run(flow, RunState.QUEUED, self._client.now, identity="r-replay")

    async def retry(self, flow: str) -> RetrySchedule:
        await self._client._enter("retry")
        plan = self._client.retry_plans.get(flow)
        if plan is None:
            return RetrySchedule(flow=flow, plan=RetryPlan(), text="By hand")
        policy = parse_retry_policy(plan.model_dump(), default_zone=ZONE)
        assert policy is not None
        return RetrySchedule(
            flow=flow, plan=plan, text=policy.text, since=self._client.now, changed_by="anna",
            next_at=self._client.now + timedelta(hours=2),
        )  # fmt: skip

    async def set_retry(self, flow: str, plan: RetryPlanChange) -> RetrySchedule:
        await self._client._enter("set_retry")
        self._client.asked.append(plan)
        self._client.retry_plans[flow] = plan
        return await self.retry(flow)

    async def clear_retry(self, flow: str) -> RetrySchedule:
        await self._client._enter("clear_retry")
        self._client.retry_plans.pop(flow, None)
        return await self.retry(flow)

    async def resync(self, flow: str, which: Resync) -> run_models.Run:
        await self._client._enter("resync")
        self._client.asked.append(which)
        self._client.change_records(
            lambda one: one.source_id in which.ids if which.ids else one.state is which.state,
            {"state": SyncState.SUCCESS, "message": "", "remedy": ""},
        )
        return run(flow, RunState.QUEUED, self._client.now, identity="r-retry")


class FakePreviews:
    """`agent.api.previews.Previews` of a pretended service: 1,000 records of more, most of them as they are."""

    def __init__(self, client: FakeClient) -> None:
        self._client = client

    async def start(self, request: PreviewRequest) -> Preview:
        await self._client._enter("start_preview")
        self._client.asked.append(request)
        return self._preview(request.flow, PreviewState.RUNNING, request.limit)

    async def get(self, preview_id: str, *, wait_seconds: float = 0) -> Preview:
        await self._client._enter("preview")
        flow, _, limit = preview_id.partition(":")
        return self._preview(flow, PreviewState.DONE, int(limit))

    async def stop(self, preview_id: str) -> Preview:
        await self._client._enter("stop_preview")
        flow, _, limit = preview_id.partition(":")
        return self._preview(flow, PreviewState.CANCELLED, int(limit))

    async def records(
        self, preview_id: str, *, outcome: Outcome | None = None, node: str = "", after: str = "", limit: int = 100
    ) -> PreviewPage:
        await self._client._enter("preview_records")
        found = [one for one in previewed_records() if outcome in (None, one.outcome)]
        start = int(after or 0)
        following = str(start + limit) if start + limit < len(found) else None
        return PreviewPage(items=found[start : start + limit], next=following)

    def _preview(self, flow: str, state: PreviewState, limit: int) -> Preview:
        read = 420 if state is PreviewState.RUNNING else limit or 1_480
        totals = PreviewTotals(
            node="post", title="Write orders", created=64, changed=36, left=read - 108, skipped=3, failed=5,
            notes=["The column “channel” would be added to the table “orders”."],
        )  # fmt: skip
        return Preview(
            id=f"{flow}:{limit}", flow=flow, title=flow, version=3, state=state, requested_by="anna",
            started_at=self._client.now, limit=limit, read=read, more=bool(limit) and state is PreviewState.DONE,
            totals=[totals], records=read, activity="Reading orders",
        )  # fmt: skip


class FakeRecords:
    """`agent.api.records.Records` of a pretended service: what is asked for is done at once."""

    def __init__(self, client: FakeClient) -> None:
        self._client = client

    async def skip(self, flow: str, request: SkipRequest) -> RecordJob:
        return await self._done("skip", flow, request, {"state": SyncState.SKIPPED, "message": request.reason})

    async def unskip(self, flow: str, choice: RecordChoice) -> RecordJob:
        return await self._done("unskip", flow, choice, {"state": SyncState.UNPROCESSED, "message": ""})

    async def delete(self, flow: str, choice: RecordChoice) -> RecordJob:
        return await self._done("delete", flow, choice, None)

    async def export(self, flow: str, format_: ExportFormat, wanted: Wanted | None = None) -> AsyncIterator[bytes]:
        await self._client._enter("export")
        state = wanted.state if wanted is not None else None
        for record in self._client.sync:
            if record.flow == flow and state in (None, record.state):
                yield f"{record.source_id},{record.state.value}\r\n".encode()

    async def _done(self, what: str, flow: str, choice: RecordChoice, change: dict[str, Any] | None) -> RecordJob:
        await self._client._enter(what)
        self._client.asked.append(choice)
        ids = {key.source_id for key in choice.ids}
        state = choice.wanted.state if choice.wanted is not None else None
        changed = self._client.change_records(
            lambda one: one.source_id in ids if ids else state in (None, one.state), change
        )
        return RecordJob(id="job", flow=flow, what=what, state=RecordJobState.DONE, changed=changed)


_WAITING = (
    "Source Application Not Found: the credential token “warehouse” needs an App Configuration of SQL database. Add "
    "one under App Configurations and press Validate and Save: it is then bound by itself."
)
_LINES = [
    (LogLevel.INFO, "Page {} fetched: 250 orders, 3 changed since the bookmark", ""),
    (LogLevel.INFO, "Packet {} acknowledged by the destination: 250 records written", ""),
    (LogLevel.DEBUG, "Mapping orders: 41 attributes, 0 warnings", ""),
    (LogLevel.INFO, "Bookmark moved after packet {}", ""),
    (LogLevel.DEBUG, "Waiting 0.4 s for the store's quota", "X-Rate-Limit-Requests-Left: 2"),
    (LogLevel.WARNING, "The store asked for a pause of 2.4 s (try 2 of 6)", "status 429, request 8f31c2"),
    (
        LogLevel.ERROR,
        "Order {} has no billing address; it was put aside",
        "attribute billing_address.street_1 is required\nnode map orders, mapping 7",
    ),
    (LogLevel.INFO, "Run started by hand by anna", ""),
]


def vault_open() -> vault_models.Vault:
    """A vault that is open, with the operating system's key store behind it."""
    sources = [
        vault_models.VaultSource(kind="system", label="Secret Service of this desktop", works=True, state="available"),
        vault_models.VaultSource(
            kind="passphrase",
            label="A passphrase, typed at each start",
            works=True,
            needs="passphrase",
            state="ready",
        ),
        vault_models.VaultSource(
            kind="key-file", label="A key file that only this account can read", works=True, needs="path", state="ready"
        ),
    ]
    return vault_models.Vault(state="open", source=sources[0], sources=sources)


def described_schemas() -> list[app_models.Schema]:
    """What the app at the other end of a configuration has."""

    def attribute(
        name: str, kind: DataType, *members: app_models.Attribute, key: bool = False, required: bool = False
    ) -> app_models.Attribute:
        return app_models.Attribute(
            name=name, type=kind, required=required, primary=key, description=f"What {name} means", members=[*members]
        )

    lines = attribute(
        "lines", DataType.COLLECTION, attribute("sku", DataType.TEXT), attribute("price", DataType.DECIMAL)
    )
    orders = [attribute("id", DataType.INTEGER, key=True), attribute("total", DataType.DECIMAL, required=True), lines]
    reads = app_models.Action(name="GET", kind="read", description="Reads rows.", filters=["updated_at", "id"])
    writes = app_models.Action(name="UPSERT", kind="write", description="Changes rows, or makes them.", filters=[])
    return [
        app_models.Schema(
            name="orders", description="Table with 3 columns", attributes=orders, actions=[reads, writes]
        ),
        app_models.Schema(
            name="stock", description="View", attributes=[attribute("sku", DataType.TEXT, key=True)], actions=[reads]
        ),
        *(
            app_models.Schema(name=f"archive_{year}", description="", attributes=orders, actions=[reads])
            for year in range(2001, 2020)
        ),
    ]


def vault_in_state(state: str, cure: str) -> vault_models.Vault:
    """A vault in another state; "not set up" has no source yet."""
    vault = vault_open()
    source = None if state == "not set up" else vault.sources[1]
    return vault.model_copy(update={"state": state, "source": source, "cure": cure})


def apps() -> list[app_models.App]:
    """Three apps: one with every kind of field, one whose connector cannot be loaded."""

    def field(name: str, label: str, kind: FieldKind = FieldKind.TEXT, **more: Any) -> app_models.CredentialField:
        base: dict[str, Any] = {"required": True, "help": "", "example": "", "choices": [], "default": ""}
        return app_models.CredentialField(name=name, label=label, kind=kind, **(base | more))

    bigcommerce = [
        field(
            "api_path",
            "API path",
            help="From the store's API account page.",
            example="https://api.bigcommerce.com/stores/x1y2z3/v3/",
        ),
        field("username", "Username", example="op-agent"),
        field("api_token", "API token", FieldKind.SECRET, help="Shown once by the store when the account is made."),
    ]
    sql = [
        field("kind", "Kind", FieldKind.CHOICE, choices=["SQLite", "PostgreSQL", "MySQL"], default="SQLite"),
        field("database", "Database", help="The name of the database, or a file.", example="/srv/erp/agent.db"),
        field("host", "Host", required=False, example="erp.local", shown_when=("kind", "PostgreSQL")),
        field("password", "Password", FieldKind.SECRET, required=False, shown_when=("kind", "PostgreSQL")),
    ]
    files = [field("folder", "Folder", FieldKind.FILE, example="/srv/exchange")]
    problem = base_models.Problem(
        title="The connector cannot be loaded. It needs the Python module “openpyxl”, which is not installed.",
        status=409,
        code="connector-unloadable",
        remedy="Install opagent-files again, with everything that it needs, then restart the service.",
        detail="ModuleNotFoundError: No module named 'openpyxl' (reading.py, line 12)",
    )
    return [
        app_models.App(
            id="bigcommerce", name="BigCommerce", version="1.0.0", description="An online store.",
            status=AppStatus.NOT_CONFIGURED, configurations=0, fields=bigcommerce,
        ),
        app_models.App(
            id="sql", name="SQL database", version="1.0.0", description="Tables of a SQL database.",
            status=AppStatus.NOT_CONFIGURED, configurations=0, fields=sql,
        ),
        app_models.App(
            id="files", name="Files", version="0.9.0", description="A folder of CSV and Excel files.",
            status=AppStatus.BROKEN, configurations=0, fields=files, problem=problem,
        ),
    ]  # fmt: skip


def configurations(now: datetime) -> dict[str, configuration_models.Configuration]:
    """One in each state."""

    def one(
        identity: str, app: str, name: str, state: ConfigurationState, **more: Any
    ) -> configuration_models.Configuration:
        base: dict[str, Any] = {
            "values": {}, "secrets": {}, "message": "", "facts": [], "validated_at": None, "used_by": [],
            "saved_at": now - timedelta(days=3),
        }  # fmt: skip
        return configuration_models.Configuration(id=identity, app=app, name=name, state=state, **(base | more))

    found = [
        one(
            "c-main", "bigcommerce", "Demo Outdoor", ConfigurationState.VALIDATED,
            values={"api_path": "https://api.bigcommerce.com/stores/x1y2z3/v3/", "username": "op-agent"},
            secrets={"api_token": "••••9f3c"}, validated_at=now - timedelta(minutes=2),
            facts=[
                configuration_models.Fact(label="Store", value="Demo Outdoor"),
                configuration_models.Fact(label="Plan", value="Pro"),
            ],
            used_by=["orders-to-database", "stock-to-store"],
        ),
        one(
            "c-old", "bigcommerce", "Old store", ConfigurationState.FAILED,
            values={"api_path": "https://api.bigcommerce.com/stores/q9q9q9/v3/", "username": "op-agent"},
            secrets={"api_token": "••••11aa"}, validated_at=now - timedelta(hours=5),
            message="The store does not know this API token. Create a new API account and paste its token.",
        ),
        one(
            "c-db", "sql", "Warehouse database", ConfigurationState.SAVED,
            values={"kind": "SQLite", "database": "/srv/erp/warehouse.db"}, used_by=["orders-to-database"],
        ),
    ]  # fmt: skip
    return {each.id: each for each in found}


def run(
    flow: str, state: RunState, queued: datetime, *, identity: str = "r1", activity: str = "", **more: Any
) -> run_models.Run:
    """A run in a state."""
    base: dict[str, Any] = {
        "version": 3,
        "trigger": Trigger.MANUAL,
        "started_at": queued,
        "ended_at": queued + timedelta(seconds=48) if state.ended else None,
        "counts": run_models.Counts(read=1204, written=640, unchanged=564),
        "message": "",
        "remedy": "",
        "requested_by": "anna",
    }
    return run_models.Run(id=identity, flow=flow, state=state, queued_at=queued, activity=activity, **(base | more))


def flow_detail(name: str, now: datetime, *, version: int = 1, **more: Any) -> flow_models.FlowDetail:
    """A deployed processflow."""
    nodes = [
        flow_models.Node(id="start", type="start", title="Start", detail="Every 15 minutes"),
        flow_models.Node(id="read", type="get", title="GET orders", detail="orders changed since the bookmark"),
        flow_models.Node(id="map", type="mapper", title="Mapper", detail="41 attributes"),
        flow_models.Node(id="write", type="post", title="POST orders", detail="upsert by id"),
        flow_models.Node(id="end", type="end", title="End", detail=""),
    ]
    bindings = [
        flow_models.Binding(
            token="store", app="bigcommerce", configuration="c-main", configuration_name="Demo Outdoor",
            state=ConfigurationState.VALIDATED,
        ),
        flow_models.Binding(
            token="warehouse", app="sql", configuration="c-db", configuration_name="Warehouse database",
            state=ConfigurationState.SAVED,
        ),
    ]  # fmt: skip
    base: dict[str, Any] = {
        "title": _FLOW_TITLES.get(name, name),
        "description": "Reads what changed and writes it, record by record.",
        "deployed_at": now - timedelta(days=2),
        "deployed_by": "anna",
        "bindings": bindings,
        "nodes": nodes,
        "active_run": None,
        "last_run": None,
        "next_run_at": None,
        "failed_records": 0,
        "schedule": "Manual",
        "document": samples()[0].document,
        "deployment_log": ["1 Processflow Publish Started", "2 Deployed"],
    }
    return flow_models.FlowDetail(name=name, version=version, **(base | more))


def flows(now: datetime) -> dict[str, flow_models.FlowDetail]:
    """One that runs, one whose last run was Partial, one that failed, one that never ran."""
    running = run(
        "orders-to-database", RunState.RUNNING, now - timedelta(seconds=35), identity="r-live",
        activity="Writing packet 14 to Warehouse database", counts=run_models.Counts(read=3500, written=3250),
        trigger=Trigger.SCHEDULE,
    )  # fmt: skip
    partial = run(
        "stock-to-store", RunState.PARTIAL, now - timedelta(minutes=12), identity="r-part",
        counts=run_models.Counts(read=200, written=188, failed=12),
        message="12 of 200 records were refused by the store.",
        remedy="Look at the failed records in Sync Info, correct them and run again.",
    )  # fmt: skip
    failed = run(
        "customers-to-files", RunState.FAILED, now - timedelta(hours=3), identity="r-fail",
        counts=run_models.Counts(), message="The store does not know the API token of “Old store”.",
        remedy="Edit the configuration, validate and save it, then execute again.", error_class="configuration",
        error_title="App Configuration", cause="An App Configuration is missing or incomplete.",
        target="app-configuration:c-old",
    )  # fmt: skip
    success = run("orders-to-database", RunState.SUCCESS, now - timedelta(minutes=15), identity="r-good")
    return {
        "orders-to-database": flow_detail(
            "orders-to-database", now, version=3, active_run=running, last_run=success,
            next_run_at=now + timedelta(minutes=14), schedule="Every 15 minutes, Europe/Berlin",
        ),
        "stock-to-store": flow_detail(
            "stock-to-store", now, version=1, last_run=partial, failed_records=12,
            next_run_at=now + timedelta(minutes=48), schedule="Every hour, Europe/Berlin", alert=ALERT,
        ),
        "customers-to-files": flow_detail(
            "customers-to-files", now, version=2, title="Customers to files", last_run=failed
        ),
        "catalogue-to-store": flow_detail("catalogue-to-store", now, title="Catalogue to store"),
    }  # fmt: skip


def manual_schedule(name: str) -> schedule_models.Schedule:
    """The schedule of a processflow that is started by hand."""
    return schedule_models.Schedule(flow=name, plan=schedule_models.SchedulePlan(zone=ZONE), text="Manual")


def planned_schedule(name: str, plan: Plan, now: datetime, **more: Any) -> schedule_models.Schedule:
    """A schedule as it stands right after it was set."""
    anchor = anchor_of(plan, now)
    times = upcoming(plan, anchor, begin(plan, anchor, now), now, most=5)
    base: dict[str, Any] = {
        "plan": schedule_models.SchedulePlan.model_validate(plan_form(plan)), "text": plan.text, "since": now,
        "changed_by": "anna", "next_run_at": times[0] if times else None, "next_times": times,
    }  # fmt: skip
    return schedule_models.Schedule(flow=name, **(base | more))


def schedules(now: datetime) -> dict[str, schedule_models.Schedule]:
    """One that goes well, and one of a processflow that did not run."""
    quarter = parse_plan({"kind": "minutes", "every": 15}, default_zone=ZONE)
    hourly = parse_plan({"kind": "hours", "every": 1}, default_zone=ZONE)
    assert quarter is not None
    assert hourly is not None
    return {
        "orders-to-database": planned_schedule("orders-to-database", quarter, now, runs=412, misfires=3),
        "stock-to-store": planned_schedule("stock-to-store", hourly, now, runs=96, missed=9, alert=ALERT),
    }


def previewed_records() -> list[PreviewedRecord]:
    """What a preview found: 64 would be created, 36 changed, some left, three skipped, five fail."""
    outcomes = [Outcome.FAILED] * 5 + [Outcome.CHANGED] * 36 + [Outcome.CREATED] * 64 + [Outcome.SKIPPED] * 3
    outcomes += [Outcome.LEFT] * 200
    changes = [
        PreviewChange(attribute="status", old="Awaiting Payment", new="Shipped"),
        PreviewChange(attribute="total", old="129.90", new="119.90"),
        PreviewChange(attribute="lines[7].quantity", old=None, new="2"),
    ]
    words = {
        Outcome.FAILED: ("The attribute email has no value.", "Enter the customer's e-mail address in the store."),
        Outcome.SKIPPED: ("Skipped by anna: a test order.", ""),
        Outcome.LEFT: ("It is there already, with the same values.", ""),
    }
    return [
        PreviewedRecord(
            number=number, node="post", source_id=str(100 + number), destination_id=str(100 + number),
            outcome=outcome, changes=changes if outcome is Outcome.CHANGED else [],
            message=words.get(outcome, ("", ""))[0], remedy=words.get(outcome, ("", ""))[1],
            stand_in=outcome is Outcome.CREATED,
        )
        for number, outcome in enumerate(outcomes)
    ]  # fmt: skip


def sync_records(now: datetime, count: int = 240) -> list[record_models.SyncRecord]:
    """Records of the processflow stock-to-store, every twentieth failed."""
    found = []
    for number in range(count):
        state = SyncState.FAILED if number % 20 == 0 else SyncState.SKIPPED if number % 33 == 1 else SyncState.SUCCESS
        failed = state is SyncState.FAILED
        found.append(
            record_models.SyncRecord(
                flow="stock-to-store",
                node="write stock",
                source_id=f"SKU-{number:06}",
                destination_id="" if failed else str(70_000 + number),
                state=state,
                message=(
                    "The store has no product with this SKU."
                    if failed
                    else "Unchanged since the last run."
                    if state is SyncState.SKIPPED
                    else f"{number % 50} in stock written."
                ),
                remedy="Create the product in the store, or correct the SKU, then run again." if failed else "",
                tries=2 if failed else 1,
                run_id="r-part",
                updated_at=now - timedelta(minutes=12, seconds=number),
            )
        )
    return found


def samples() -> list[flow_models.Sample]:
    """Two sample documents."""
    document = "name: orders-to-database\ntitle: Orders to database\nnodes:\n  - id: start\n    type: start\n"
    return [
        flow_models.Sample(
            file="orders-to-database.yaml", title="Orders to database",
            description="Every order with its lines into two tables of a database.",
            tokens={"store": "bigcommerce", "warehouse": "sql"}, document=document,
        ),
        flow_models.Sample(
            file="stock-to-store.yaml", title="Stock to store",
            description="Stock levels from a table to the store's products.",
            tokens={"warehouse": "sql", "store": "bigcommerce"}, document=document.replace("orders", "stock"),
        ),
    ]  # fmt: skip


def clear_report(target: clearing_models.ClearTarget, *, done: bool) -> clearing_models.ClearReport:
    """What clearing removes."""
    places = (
        [
            clearing_models.ClearPlace(label="Packets of ended runs", files=412, bytes=73_400_320),
            clearing_models.ClearPlace(label="Diagnosis output", files=18, bytes=2_097_152),
        ]
        if target is clearing_models.ClearTarget.TEMP
        else [clearing_models.ClearPlace(label="Schemas and lookups", files=31, bytes=1_572_864)]
    )
    return clearing_models.ClearReport(
        target=target,
        places=places,
        files=sum(place.files for place in places),
        bytes=sum(place.bytes for place in places),
        done=done,
        kept="Credentials, deployments, bookmarks and Sync Info are never touched.",
    )


def settings() -> dict[str, setting_models.Setting]:
    """One setting of each kind."""

    def one(name: str, label: str, section: str, kind: Any, value: str, **more: Any) -> setting_models.Setting:
        base: dict[str, Any] = {"help": "", "choices": [], "minimum": None, "maximum": None, "default": value}
        return setting_models.Setting(name=name, label=label, section=section, kind=kind, value=value, **(base | more))

    found = [
        one(
            "enable_environment", "Enable Environment", "Environment", "bool", "true",
            help="Runs deployed processflows in the background, also while this window is closed.",
        ),
        one("theme", "Theme", "Appearance", "choice", "system", choices=["system", "light", "dark"]),
        one("diagnosis", "Diagnosis Mode", "Diagnosis", "bool", "false",
            help="Keeps the packets of every run. Costs disk space; switch it on to look into a problem."),
        one("packet_days", "Keep packets for (days)", "Diagnosis", "int", "7", minimum=1, maximum=365),
        one("log_level", "Log level", "Log", "choice", "info", choices=["debug", "info", "warning", "error"]),
        one("log_days", "Keep the log for (days)", "Log", "int", "30", minimum=1, maximum=3650),
        one("output", "Output folder", "Diagnosis", "path", "/var/lib/op-agent/output"),
    ]  # fmt: skip
    return {setting.name: setting for setting in found}
