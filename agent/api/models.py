"""The contract's words: what travels between the service and its clients. Version 1, below `/api/v1`.

Times are aware and in UTC. Fields are only ever added within a version. A secret travels in one direction alone, from
a client to the service, as `SecretStr`; answers carry at most a hint ("••••9f3c").
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints

from agent.domain.app import DataType, FieldKind
from agent.domain.packet import SyncState
from agent.domain.run import RunState, Trigger
from agent.domain.schedule import DEFAULT_CAP, MissedTimes, PlanEnd, PlanKind

# No control characters, and none that turn the direction of a text: names stand in log lines and questions.
_ONE_LINE = r"^[^\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]*$"
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=_ONE_LINE)]
ShortText = Annotated[str, StringConstraints(max_length=1_000)]


class Model(BaseModel):
    """The base of all: unknown fields in a request are refused, in an answer ignored by older clients."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Request(Model):
    """The base of what clients send."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Problem(Model):
    """A problem detail (RFC 9457). `code` is stable; `title` says what failed and `remedy` what to do."""

    type: str = "about:blank"
    title: str
    status: int
    code: str
    remedy: str = ""
    detail: str = ""
    field: str | None = None


# -- the service ------------------------------------------------------------------------------------------------------


class EnvironmentState(StrEnum):
    """What *Enable Environment* shows."""

    STOPPED = "Stopped"
    STARTING = "Starting"
    RUNNING = "Running"
    STOPPING = "Stopping"


class Health(Model):
    """The answer of the health end point, the only one that wants no token.

    `proof` is the HMAC-SHA256 of the challenge under the token; see `agent.api.endpoint.proof`.
    """

    status: Literal["ok"] = "ok"
    version: str
    pid: int
    proof: str = ""


class LastEnd(Model):
    """How the service ended the time before."""

    at: datetime | None
    clean: bool
    reason: str


class VaultSource(Model):
    """Where the vault's key can come from. `works` says whether it would on this machine, `cure` what to do if not."""

    kind: str
    label: str
    works: bool
    needs: Literal["nothing", "passphrase", "path"] = "nothing"
    state: str
    cure: str = ""


class Vault(Model):
    """The vault that secrets are kept in: `state` is one of not set up, open, locked, missing, damaged."""

    state: str
    source: VaultSource | None
    sources: list[VaultSource]
    cure: str = ""


class ServiceState(Model):
    """What the service is and does."""

    version: str
    pid: int
    started_at: datetime
    environment: EnvironmentState
    data_folder: str
    machine: str
    operator_exists: bool
    demo: bool
    vault: Vault
    last_end: LastEnd | None
    active_runs: int


class VaultSetUp(Request):
    """Choose where the vault's key comes from, knowingly.

    `start_afresh` gives up what a missing or damaged vault held.
    """

    kind: Name
    passphrase: SecretStr | None = None
    path: str | None = None
    start_afresh: bool = False


class VaultUnlock(Request):
    """Open a vault that is locked with a passphrase, or try the operating system's vault again."""

    passphrase: SecretStr | None = None


# -- operators --------------------------------------------------------------------------------------------------------


class SignIn(Request):
    """An operator's name and password; creates the first operator where there is none yet."""

    name: Name
    password: SecretStr


class Session(Model):
    """A signed-in operator. The token goes into the `Operator-Session` header."""

    name: str
    token: str


# -- apps and their configurations ------------------------------------------------------------------------------------


class CredentialField(Model):
    """One field of a credential form. `shown_when` is the field, and its choice, for which this one means anything."""

    name: str
    label: str
    kind: FieldKind
    required: bool
    help: str
    example: str
    choices: list[str]
    default: str
    shown_when: tuple[str, str] | None = None


class Attribute(Model):
    """One field of a schema."""

    name: str
    type: DataType
    required: bool
    primary: bool
    description: str
    members: list[Attribute] = []


class Action(Model):
    """An operation on a schema."""

    name: str
    kind: str
    description: str
    filters: list[str]


class Schema(Model):
    """An entity of an app."""

    name: str
    description: str
    attributes: list[Attribute]
    actions: list[Action]


class AppStatus(StrEnum):
    """The status chip of an app's card: that of its worst configuration."""

    NOT_CONFIGURED = "Not configured"
    SAVED = "Saved, not validated"
    VALIDATED = "Validated"
    FAILED = "Validation failed"
    BROKEN = "Cannot load"


class App(Model):
    """An app's card."""

    id: str
    name: str
    version: str
    description: str
    status: AppStatus
    configurations: int
    fields: list[CredentialField]
    problem: Problem | None = None


class ConfigurationState(StrEnum):
    """Whether the stored values have been proven."""

    SAVED = "Saved, not validated"
    VALIDATED = "Validated"
    FAILED = "Validation failed"


class Fact(Model):
    """A label and a value for people."""

    label: str
    value: str


class Trip(Model):
    """Since when, and why, an app refuses a configuration: its processflows wait until it is validated again."""

    since: datetime
    message: str
    remedy: str
    waiting_runs: int


class Configuration(Model):
    """An App Configuration. `secrets` maps each stored secret's field to a hint."""

    id: str
    app: str
    name: str
    values: dict[str, str]
    secrets: dict[str, str]
    state: ConfigurationState
    message: str
    facts: list[Fact]
    validated_at: datetime | None
    saved_at: datetime
    used_by: list[str]
    tripped: Trip | None = None


class ConfigurationDraft(Request):
    """What a credential form holds. With `id`, secrets that are left out keep their stored value."""

    id: str | None = None
    app: Name
    name: Name
    values: dict[str, ShortText] = {}
    secrets: dict[str, SecretStr] = {}


class Saved(Model):
    """The answer to Save. `message` is "Connection Data Saved"; `notes` say what was tidied."""

    message: str
    notes: list[str]
    configuration: Configuration


class ValidationState(StrEnum):
    """How far a validation is."""

    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Validation(Model):
    """A validation, running or done. `message` is "Test Connection Successful" when it succeeded."""

    id: str
    state: ValidationState
    progress: list[str]
    message: str = ""
    facts: list[Fact] = []
    warnings: list[str] = []
    notes: list[str] = []
    values: dict[str, str] = {}
    problem: Problem | None = None


# -- processflows -----------------------------------------------------------------------------------------------------


class DocumentProblem(Model):
    """Something wrong in a document, at its place."""

    message: str
    suggestion: str
    file: str
    line: int
    column: int
    code: str


class DocumentRequest(Request):
    """A processflow document as text. `bindings` maps credential tokens to configurations, by id or name, `lookups` the
    lookups of the document to other tables than it names."""

    document: Annotated[str, StringConstraints(max_length=5_000_000)]
    file: ShortText = "processflow.yaml"
    bindings: dict[str, str] = {}
    lookups: dict[str, str] = {}
    note: ShortText = ""


class CheckResult(Model):
    """What `flow check` found. `tokens` maps credential tokens to app ids, `lookups` lookups to their tables.

    `notes` are worth knowing and no problems: deployed processflows that use older versions of its functions.
    """

    ok: bool
    name: str
    title: str
    tokens: dict[str, str]
    problems: list[DocumentProblem]
    lookups: dict[str, str] = {}
    notes: list[str] = []


class Binding(Model):
    """A credential token and the App Configuration that it is bound to."""

    token: str
    app: str
    configuration: str
    configuration_name: str
    state: ConfigurationState | None


class Node(Model):
    """One node of a processflow, in running order, with a line that says what it does."""

    id: str
    type: str
    title: str
    detail: str


class Counts(Model):
    """How many records were read, were unchanged, and what became of the rest."""

    read: int = 0
    unchanged: int = 0
    written: int = 0
    failed: int = 0
    skipped: int = 0


class Run(Model):
    """One execution. `message` and `remedy` are for the operator.

    `planned_for` is the time of its schedule that it stands for; none where it was started otherwise. `plan` says what
    it does where it does not simply read on: "Retry of 12 records".
    """

    id: str
    flow: str
    version: int
    trigger: Trigger
    state: RunState
    queued_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    counts: Counts
    activity: str
    message: str
    remedy: str
    requested_by: str
    planned_for: datetime | None = None
    plan: str = ""


class Flow(Model):
    """A deployed processflow.

    `schedule` is for people: "Manual", or "Every 15 minutes, Europe/Berlin". `alert` says why nothing ran though it
    should have; it is empty when all is well. `waits_for` maps credential tokens that nothing is bound to yet to their
    apps: it cannot run before. `note` says why this version was deployed. `by_events` says that events start it.
    """

    name: str
    title: str
    description: str
    version: int
    deployed_at: datetime
    deployed_by: str
    bindings: list[Binding]
    nodes: list[Node]
    active_run: Run | None
    last_run: Run | None
    next_run_at: datetime | None
    failed_records: int
    schedule: str = ""
    alert: str = ""
    waits_for: dict[str, str] = {}
    note: str = ""
    by_events: bool = False


class FlowDetail(Flow):
    """A deployed processflow with its document and what the deployment reported."""

    document: str
    deployment_log: list[str]
    functions: dict[str, int] = {}
    lookups: dict[str, str] = {}


class Deployed(Model):
    """The answer to Deploy."""

    flow: FlowDetail
    lines: list[str]


class Undeployed(Model):
    """The answer to Undeploy: what stays."""

    name: str
    message: str


class Sample(Model):
    """A processflow document that ships with the agent."""

    file: str
    title: str
    description: str
    tokens: dict[str, str]
    document: str


# -- schedules --------------------------------------------------------------------------------------------------------


class SchedulePlan(Model):
    """When a processflow runs by itself. What does not belong to the `kind` or `end` chosen is ignored.

    Attributes:
        kind: By hand; every so many minutes or hours; daily; or by a cron expression.
        every: With the kinds minutes (1–59) and hours (1–23): the interval.
        at: With the kind daily: the time of day, "HH:MM".
        cron: With the kind cron: minute, hour, day of month, month, day of week.
        zone: The IANA name of the time zone; empty: that of the machine that the service runs on.
        end: When it is over.
        end_after: With the end after: how many runs.
        end_on: With the end on: the last day.
        missed: What becomes of times that passed while nothing could run.
        missed_cap: With all missed times: how many runs make up for them at most (1–100).
    """

    kind: PlanKind = PlanKind.MANUAL
    every: int | None = None
    at: ShortText = ""
    cron: ShortText = ""
    zone: ShortText = ""
    end: PlanEnd = PlanEnd.NEVER
    end_after: int | None = None
    end_on: date | None = None
    missed: MissedTimes = MissedTimes.ONCE
    missed_cap: int = DEFAULT_CAP


class ScheduleChange(SchedulePlan):
    """A plan as clients send it."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Schedule(Model):
    """The schedule of a processflow and how far it has got; all counts are since it was set.

    Attributes:
        text: The plan for people; "Manual" where there is none.
        next_times: The next five times, as they stand now.
        over: Whether there is nothing more to come: its end is reached.
        runs: How many runs it has started.
        waiting: How many missed times still get a run.
        misfires: How many times passed while the run before was busy; `misfires_in_a_row` since the last run.
        missed: How many times passed while nothing could run, and got no run.
        alert: Why nothing ran though it should have; empty when all is well.
    """

    flow: str
    plan: SchedulePlan
    text: str
    since: datetime | None = None
    changed_by: str = ""
    next_run_at: datetime | None = None
    next_times: list[datetime] = []
    over: bool = False
    runs: int = 0
    waiting: int = 0
    misfires: int = 0
    misfires_in_a_row: int = 0
    missed: int = 0
    alert: str = ""


class SchedulePreviewRequest(Request):
    """A plan to be explained. With the processflow's name, as it would go on from its present one."""

    plan: ScheduleChange
    flow: ShortText = ""


class SchedulePreview(Model):
    """What a plan means: a text for people, and its next five times."""

    text: str
    times: list[datetime]


# -- records and log --------------------------------------------------------------------------------------------------


class SyncRecord(Model):
    """One row of Sync Info.

    Of a failed record, `error_class` is a stable name for the kind of trouble (see `docs/guide/errors.md`; empty where
    nobody recognises it), `error_title` and `cause` say it in words, and `target` is where it is cured:
    `processflow:<name>#<node>`, `app-configuration:<id>`, `lookup:<name>` or `guide:<page>#<heading>`. A record
    that was `skipped_by_operator` is not written in its present state. `tracked` has its tracked columns by header.
    """

    flow: str
    node: str
    source_id: str
    destination_id: str
    state: SyncState
    message: str
    remedy: str
    tries: int
    run_id: str
    updated_at: datetime
    error_class: str = ""
    error_title: str = ""
    cause: str = ""
    target: str = ""
    skipped_by_operator: bool = False
    tracked: dict[str, str] = {}


class SyncPage(Model):
    """A page of Sync Info, newest first. `counts` has an entry for each state; `next` continues."""

    items: list[SyncRecord]
    counts: dict[SyncState, int]
    next: str | None


class RunPage(Model):
    """A page of runs, newest first."""

    items: list[Run]
    next: str | None


class LogLevel(StrEnum):
    """How much a log line matters."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogEntry(Model):
    """One log line: a short text for people, a detail for support."""

    id: int
    at: datetime
    level: LogLevel
    flow: str
    run: str
    node: str
    record: str
    message: str
    detail: str


class LogBounds(Model):
    """The first and last id of the log; ids are dense. Both are 0 when it is empty."""

    first: int
    last: int


class LogSearch(Request):
    """What to look for in the whole log. `level` is the least that is shown; empty fields do not filter."""

    level: LogLevel | None = None
    flow: ShortText = ""
    run: ShortText = ""
    text: ShortText = ""
    since: datetime | None = None
    until: datetime | None = None


class LogHits(Model):
    """A finished search: rows 0 … count-1 are in log order, read by row number. `last` is the newest id seen."""

    id: str
    count: int
    last: int


class LogPage(Model):
    """Consecutive log lines, oldest first."""

    items: list[LogEntry]


# -- housekeeping and settings ----------------------------------------------------------------------------------------


class ClearTarget(StrEnum):
    """What can be cleared without fear."""

    TEMP = "temp"
    CACHE = "cache"


class ClearPlace(Model):
    """One kind of thing that would go, or went."""

    label: str
    files: int
    bytes: int


class ClearReport(Model):
    """What clearing would remove, or removed. `kept` names what is never touched."""

    target: ClearTarget
    places: list[ClearPlace]
    files: int
    bytes: int
    done: bool
    kept: str


class Setting(Model):
    """A setting with its declaration, from which the panel is built."""

    name: str
    label: str
    help: str
    section: str
    kind: Literal["bool", "int", "choice", "path", "text"]
    choices: list[str]
    minimum: int | None
    maximum: int | None
    default: str
    value: str


class SettingChange(Request):
    """A new value, as text: "true"/"false" for a check box."""

    value: ShortText


# -- events -----------------------------------------------------------------------------------------------------------


class EventKind(StrEnum):
    """What changed. The data of an event is the model in brackets."""

    ENVIRONMENT = "environment"  # ServiceState
    RUN = "run"  # Run
    LOG = "log"  # LogBounds
    VALIDATION = "validation"  # Validation
    DEPLOYMENT = "deployment"  # DeploymentLine
    CONFIGURATION = "configuration"  # Configuration, or its id alone when it was removed
    FLOW = "flow"  # name of the processflow
    SETTING = "setting"  # Setting
    ALERTS = "alerts"  # Alerts
    PREVIEW = "preview"  # Preview


class DeploymentLine(Model):
    """A numbered line of a deployment as it happens."""

    name: str
    number: int
    line: str


class Event(Model):
    """A server-sent event."""

    id: int
    kind: EventKind
    data: dict[str, object] = Field(default_factory=dict)
