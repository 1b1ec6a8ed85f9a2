"""The service put together: every part, made once, in the order in which they need each other."""

from __future__ import annotations

import getpass
import logging
import os
import platform
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from functools import partial

from agent import __version__
from agent.api import models
from agent.api.folders import Folders
from agent.connectors.registry import connectors
from agent.domain.errors import AgentError, FatalError, NotFoundError
from agent.engine.bindings import Bindings
from agent.engine.runner import Parts, Runner
from agent.engine.vocabularies import Vocabularies
from agent.service import answers
from agent.service.alerts import AlertDesk
from agent.service.bookmarks import Bookmarks
from agent.service.chosen_bindings import UNBOUND, BindingChoice
from agent.service.clearing import Clearing
from agent.service.companions import Companions
from agent.service.compiled import CompiledFlows
from agent.service.configuration_checks import ConfigurationChecks
from agent.service.configurations import Configurations
from agent.service.correcting import Correcting, Reading
from agent.service.cures import Cures
from agent.service.deployment_parts import DeploymentParts
from agent.service.diagnosis import Diagnosis
from agent.service.disk_room import short_of_room
from agent.service.environment import Environment
from agent.service.event_answers import EventAnswers
from agent.service.event_parts import EventParts
from agent.service.events import Hub
from agent.service.filter_templates import FilterTemplates
from agent.service.flows import Flows
from agent.service.functions import FunctionLibrary
from agent.service.history import History
from agent.service.housekeeping import Housekeeping
from agent.service.journal import LogHandler, ServiceJournal
from agent.service.late_binding import LateBinding
from agent.service.log_access import LogAccess
from agent.service.lookups import LookupTables
from agent.service.machine_zone import machine_zone
from agent.service.operators import Operators
from agent.service.own_database import OwnDatabase
from agent.service.preview_plans import PreviewParts
from agent.service.previews import Previews
from agent.service.record_jobs import RecordJobs
from agent.service.records import Records
from agent.service.reruns import Reruns
from agent.service.retrying import Retrying
from agent.service.runs import Runs
from agent.service.scheduler import Scheduler, hindrance_of
from agent.service.schedules import Schedules
from agent.service.secrets import Secrets
from agent.service.settings_desk import SettingsDesk
from agent.service.snapshots import Snapshots
from agent.service.trips import Trips
from agent.service.validations import Validations
from agent.service.variables import Variables
from agent.service.worker import Worker
from agent.store.alerts import AlertStore
from agent.store.audit import Audit
from agent.store.bookmarks import BookmarkStore
from agent.store.configurations import ConfigurationStore
from agent.store.corrections import Corrections
from agent.store.deployments import DeploymentStore
from agent.store.events import EventStore
from agent.store.filter_templates import FilterTemplateStore
from agent.store.functions import FunctionStore
from agent.store.key_values import KeyValues
from agent.store.keysources.passphrase import Passphrase
from agent.store.ledger import Ledger
from agent.store.log_entries import LogLevel, LogLine
from agent.store.logs import LogStore
from agent.store.lookups import LookupStore
from agent.store.operators import OperatorStore
from agent.store.passwords import Passwords
from agent.store.past import Past
from agent.store.preview_files import PreviewFolder
from agent.store.redaction import Redactor
from agent.store.retry_policies import RetryPolicies
from agent.store.runs import RunStore
from agent.store.schedules import ScheduleStore
from agent.store.sealing import Sealer
from agent.store.settings import Settings
from agent.store.snapshots import Snapshots as SnapshotStore
from agent.store.sync_edits import SyncEdits
from agent.store.sync_info import SyncInfo
from agent.store.trips import TripStore
from agent.store.variables import VariableStore
from agent.store.vault import VaultState
from agent.store.vault_keeper import VaultKeeper

DRAIN_SECONDS = 30.0
_INSTALLATION = "installation"


def utc_now() -> datetime:
    """The present, aware and in UTC."""
    return datetime.now(UTC)


class AgentParts:
    """All parts of one service. Only one process may have those of a data folder.

    Args:
        folders: Where everything lies; they have been made.
        demo: Whether this is the demo.
        environ: For systemd's credentials, and the time zone.
        clock: The present, aware and in UTC.

    Raises:
        AgentError: the database cannot be used; the next start will tell.
    """

    def __init__(
        self, folders: Folders, *, demo: bool, environ: Mapping[str, str], clock: Callable[[], datetime] = utc_now
    ) -> None:
        self._clock = clock
        self.folders, self.demo, self.started_at, self.pid = folders, demo, clock(), os.getpid()
        self._ending = ExitStack()
        redactor = Redactor()
        self.logs = LogStore(folders.logs, searches=folders.searches, redactor=redactor)
        self._handler = LogHandler(self.logs)
        logging.getLogger().addHandler(self._handler)
        logging.getLogger().setLevel(logging.WARNING)
        logging.getLogger("agent").setLevel(logging.INFO)
        self.history = History(folders.state / "last-end.json", self._last_line_at)
        try:
            self._assemble(environ, redactor)
        except AgentError as error:
            self._tell(error)
            self._close(f"It could not start. {error.message}")
            raise

    def _assemble(self, environ: Mapping[str, str], redactor: Redactor) -> None:
        folders = self.folders
        keeper = VaultKeeper(
            vault=folders.vault, choice=folders.key_choice, environ=environ, expected=self._secrets_expected
        )
        self.secrets = Secrets(keeper, redactor)
        self.own_database = OwnDatabase(folders, self.secrets, lost=self._database_lost, tell=self._say)
        self.database = self.own_database.open(self._ending)
        self.settings = Settings(KeyValues(self.database, "settings"))
        configurations = ConfigurationStore(self.database)
        deployments, runs = DeploymentStore(self.database), RunStore(self.database, redact=redactor.redact)
        schedules, retries = ScheduleStore(self.database), RetryPolicies(self.database)
        sync_info = SyncInfo(self.database)
        self._runs, self._configurations, self._deployments = runs, configurations, deployments
        variables = self._variable_store = VariableStore(self.database, Sealer(self.secrets))
        self.hub = Hub(describe_run=self._describe_run, describe_log=self._describe_log)
        self.diagnosis = Diagnosis(
            self.settings, default_folder=folders.packets, samples_folder=folders.samples, redactor=redactor,
            failed=self._packets_failed,
        )  # fmt: skip
        self._ending.callback(self.diagnosis.close)
        self.journal = ServiceJournal(self.logs, self.diagnosis, self.hub.run_changed)
        found = connectors()
        compiled, choice = CompiledFlows(configurations, found), BindingChoice(configurations, deployments, found)
        bindings = Bindings(configurations=configurations, secrets=self.secrets, connectors=found)
        library, lookups = FunctionStore(self.database), LookupStore(self.database)
        vocabularies = Vocabularies(library, lookups)
        self.functions, self.lookups = (
            FunctionLibrary(store=library, deployments=deployments, clock=self._clock),
            LookupTables(store=lookups, deployments=deployments, clock=self._clock),
        )
        trips, senders = TripStore(self.database, redact=redactor.redact, changed=self._tripped), EventAnswers()
        runner = Runner(
            Parts(
                deployments=deployments,
                runs=runs,
                ledger=Ledger(self.database, redact=redactor.redact),
                bindings=bindings,
                trips=trips,
                journal=self.journal,
                clock=self._clock,
                parse=compiled.get,
                events=EventStore(self.database),
                answers=senders,
                vocabulary=vocabularies.of,
                variables=variables,
            )
        )
        self.worker = Worker(
            runner=runner,
            runs=runs,
            database=self.own_database.engine_place,
            executor_id=self._installation(),
            changed=self.environment_changed,
        )
        self.environment = Environment(
            self.worker,
            enabled=lambda: self.settings.switch("enable_environment"),
            secrets_ready=self._secrets_ready,
            changed=self.environment_changed,
        )
        self.housekeeping = Housekeeping(
            database=self.database, diagnosis=self.diagnosis, settings=self.settings, journal=self.journal,
            clock=self._clock,
        )  # fmt: skip
        self.operators = Operators(OperatorStore(self.database), Passwords())
        self.late_binding = LateBinding(
            deployments=deployments, configurations=configurations, journal=self.journal, hub=self.hub,
            clock=self._clock, faults=choice.faults, changed=self._wake_scheduler,
        )  # fmt: skip
        self.trips = Trips(
            store=trips, deployments=deployments, waker=self.worker, journal=self.journal, changed=self._wake_scheduler
        )
        self.configurations = Configurations(
            store=configurations, deployments=deployments, secrets=self.secrets, connectors=found, trips=self.trips,
            hub=self.hub, clock=self._clock, proven=self.late_binding.look,
        )  # fmt: skip
        self.validations = Validations(self.configurations, self.hub, self._clock, self.secrets.redact)
        self.schedules = Schedules(
            store=schedules, deployments=deployments, hub=self.hub, clock=self._clock, zone=machine_zone(environ),
            changed=self._wake_scheduler,
            by_events=lambda flow: compiled.get(deployments.get(flow)).start.event is not None,
        )  # fmt: skip
        companions = Companions(self.functions, self.lookups)
        self.flows = Flows(
            deployments=deployments, configurations=configurations, runs=runs, sync_info=sync_info,
            schedules=self.schedules, choice=choice, connectors=found, compiled=compiled, trips=self.trips,
            vocabularies=vocabularies, library=self.functions, companions=companions, hub=self.hub, clock=self._clock,
        )  # fmt: skip
        self.runs = Runs(
            store=runs, deployments=deployments, schedules=schedules, retries=retries, trips=self.trips,
            queue=self.worker, environment=self.environment, hub=self.hub, require_bound=choice.require,
            clock=self._clock,
        )  # fmt: skip
        self._assemble_desks(
            redactor, deployments=deployments, runs=runs, schedules=schedules, sync_info=sync_info, compiled=compiled
        )
        self.variables, self.filter_templates = (
            Variables(
                store=variables, deployments=deployments, compiled=compiled, journal=self.journal, clock=self._clock
            ),
            FilterTemplates(store=FilterTemplateStore(self.database), connectors=found, clock=self._clock),
        )
        self.reruns, self.correcting = (
            Reruns(
                runs=self.runs, rows=runs, deployments=deployments, compiled=compiled, connectors=found,
                templates=self.filter_templates,
            ),
            Correcting(
                Reading(
                    deployments=deployments, compiled=compiled, connections=bindings, vocabulary=vocabularies.of,
                    variables=variables, past=partial(Past, self.database), sync_info=sync_info,
                ),
                store=Corrections(self.database), runs=self.runs, rows=runs,
            ),
        )  # fmt: skip
        self.retrying = Retrying(
            store=retries, deployments=deployments, compiled=compiled, runs=self.runs, rows=runs,
            hindrance=lambda flow: hindrance_of(self.environment.state) or self._hindrances().get(flow, ""),
            journal=self.journal, hub=self.hub, clock=self._clock, zone=machine_zone(environ),
            changed=self._wake_scheduler,
        )  # fmt: skip
        self.documents = DeploymentParts(
            self.database, deployments=deployments, configurations=configurations, choice=choice,
            checks=ConfigurationChecks(self.validations, self.secrets), connectors=found, compiled=compiled,
            vocabularies=vocabularies, companions=companions, functions=self.functions, lookups=self.lookups,
            schedules=self.schedules, retrying=self.retrying, environment=self.environment,
            late=self.late_binding, hub=self.hub, clock=self._clock, describe=self.flows.describe,
        )  # fmt: skip
        self.scheduler = Scheduler(
            store=schedules, deployments=deployments, runs=self.runs, rows=runs, hub=self.hub, clock=self._clock,
            state=lambda: self.environment.state, hindrances=self._hindrances, journal=self.journal,
            retries=self.retrying.look,
        )  # fmt: skip
        self.events = EventParts(
            database=self.database, answers=senders, deployments=deployments, parse=compiled.get, rows=runs,
            runs=self.runs, hindrances=self._hindrances, environment=self.environment, secrets=self.secrets,
            settings=self.settings, journal=self.journal, clock=self._clock,
        )  # fmt: skip
        self.desk = SettingsDesk(
            self.settings, environment=self.environment, logs=self.logs, diagnosis=self.diagnosis, hub=self.hub,
            events=self.events, housekeeping=self.housekeeping,
        )  # fmt: skip
        self.snapshots = Snapshots(
            store=SnapshotStore(self.database), runs=runs, deployments=deployments, compiled=compiled,
            diagnosis=self.diagnosis, clock=self._clock,
        )  # fmt: skip
        self.previews = Previews(
            PreviewParts(
                deployments=deployments, compiled=compiled, connectors=found, connections=bindings,
                environment=self.environment, bind=self.flows.bindings, vocabularies=vocabularies,
                companions=companions, trips=self.trips, variables=variables,
            ),
            past=partial(Past, self.database), folder=PreviewFolder(folders.previews, redactor), hub=self.hub,
            clock=self._clock, redact=redactor.redact,
        )  # fmt: skip
        self.log = LogAccess(self.logs)
        self.clearing = Clearing(
            diagnosis=self.diagnosis,
            previews=self.previews,
            compiled=compiled,
            vocabularies=vocabularies,
            cache_folder=folders.cache,
        )
        self._starting = threading.Thread(target=self._start, name="start", daemon=True)

    def _assemble_desks(
        self,
        redactor: Redactor,
        *,
        deployments: DeploymentStore,
        runs: RunStore,
        schedules: ScheduleStore,
        sync_info: SyncInfo,
        compiled: CompiledFlows,
    ) -> None:
        """What operators look into and set right by hand."""
        audit = Audit(self.database)
        jobs = RecordJobs(
            edits=SyncEdits(self.database), runs=runs, audit=audit, clock=self._clock, redact=redactor.redact
        )
        self.alerts = AlertDesk(
            store=AlertStore(self.database), trips=self.trips, deployments=deployments, schedules=schedules, runs=runs,
            sync_info=sync_info, trouble=lambda: self.database.trouble,
            room=partial(short_of_room, self.folders), hub=self.hub, clock=self._clock,
        )  # fmt: skip
        self.bookmarks = Bookmarks(
            store=BookmarkStore(self.database), audit=audit, deployments=deployments, compiled=compiled,
            clock=self._clock,
        )  # fmt: skip
        self.records = Records(
            sync_info=sync_info, cures=Cures(deployments, compiled), jobs=jobs, deployments=deployments,
            compiled=compiled,
        )  # fmt: skip

    def start(self) -> None:
        """Take up runs and open the vault, in the background: the contract answers meanwhile."""
        self.journal.write("info", f"The service has started: version {__version__}, process {self.pid}.")
        for flow in self.documents.log.settle(at=self._clock()):
            self.journal.write(
                "warning", "The service ended in the middle of a deployment. Nothing was changed.", flow=flow
            )
        last = self.history.last_end
        if last is not None and not last.clean:
            self.journal.write("warning", "The service did not end by itself the last time.", detail=last.reason)
        self._starting.start()

    def stop(self, reason: str, *, drain_seconds: float = DRAIN_SECONDS) -> bool:
        """Drain runs to their next checkpoint, and end everything.

        Returns whether every run reached its checkpoint in time; otherwise one is still at work.
        """
        drained = False
        try:
            if self._starting.ident is not None:
                self._starting.join()
            self.events.stop()
            self.scheduler.stop()
            self.housekeeping.stop()
            self.records.jobs.stop()
            self.alerts.stop()
            self.environment.stop()
            self.previews.close()
            drained = self.worker.stop(timeout_seconds=drain_seconds)
        finally:
            self.log.close()
            self.journal.write("info", f"The service has ended. {reason}")
            self._close(reason if drained else f"{reason} A run did not reach its checkpoint and goes on by itself.")
        return drained

    def state(self) -> models.ServiceState:
        """What the service is and does."""
        return models.ServiceState(
            version=__version__,
            pid=self.pid,
            started_at=self.started_at,
            environment=self.environment.state,
            data_folder=str(self.folders.data),
            machine=platform.node(),
            operator_exists=self.operators.exists(),
            demo=self.demo,
            vault=answers.vault(self.secrets.keeper.report()),
            last_end=self.history.last_end,
            active_runs=self.worker.active,
        )

    def environment_changed(self) -> None:
        """Tell listeners what the service is and does now."""
        self._wake_scheduler()
        if self.hub.heard:
            with suppress(AgentError):
                self.hub.publish(models.EventKind.ENVIRONMENT, self.state())

    def vault_opened(self) -> None:
        """The vault was set up or unlocked: what waited for it goes on."""
        self.secrets.know_all()
        self.environment.follow()
        self.environment_changed()

    def account(self) -> str:
        """Who asks when no operator is signed in: the account that owns the token's file."""
        try:
            return getpass.getuser()
        except (OSError, KeyError, ImportError):
            return "command line"

    def _start(self) -> None:
        trouble: AgentError | None = None
        try:
            self.worker.start()
        except AgentError as error:
            trouble = error
            self._tell(error)
        self._open_vault()
        self.environment.start(trouble)
        self.scheduler.start()
        self.alerts.start()
        self.events.start()
        self.housekeeping.start()

    def _tripped(self, configuration_id: str) -> None:
        self.configurations.tripped(configuration_id)
        self._wake_scheduler()

    def _hindrances(self) -> dict[str, str]:
        """Why processflows cannot run, of those that cannot."""
        return {**self.trips.hindrances(), **dict.fromkeys(self._deployments.waiting(), UNBOUND)}

    def _wake_scheduler(self) -> None:
        self.scheduler.wake()
        self.alerts.wake()
        self.events.wake()

    def _open_vault(self) -> None:
        """Open a vault that needs nobody; one with a passphrase waits for its operator."""
        try:
            report = self.secrets.keeper.report()
            needs_somebody = report.source is not None and report.source.kind == Passphrase.kind
            if report.state is VaultState.LOCKED and not needs_somebody:
                self.secrets.keeper.open()
                self.secrets.know_all()
        except AgentError as error:
            self._tell(error)
        except Exception as error:  # noqa: BLE001 - the contract has to go on answering, and the vault's report says why
            self.journal.write("error", "The vault could not be opened.", detail=type(error).__name__)

    def _tell(self, error: AgentError) -> None:
        detail = f"{error.remedy} {error.detail}".strip()
        self.logs.append([LogLine(utc_now(), LogLevel.ERROR, error.message, detail=detail)])

    def _say(self, text: str) -> None:
        self.logs.append([LogLine(utc_now(), LogLevel.INFO, text)])

    def _database_lost(self) -> None:
        """Another agent has the database: end as in a crash, which every run can take, before anything is booked."""
        self._tell(
            FatalError(
                "Another agent uses this agent's database now; this service has ended.",
                code="database-taken",
                remedy="Stop one of the two. Each agent needs a database of its own.",
            )
        )
        self.logs.close()
        os._exit(1)

    def _close(self, reason: str) -> None:
        with self._ending:
            self._ending.callback(self.history.ended, reason)
            self._ending.callback(self.logs.close)
            self._ending.callback(logging.getLogger().removeHandler, self._handler)

    def _secrets_expected(self) -> bool:
        return (
            self.own_database.is_chosen
            or any(row.secret_hints for row in self._configurations.all())
            or self._variable_store.sealed_any()
        )

    def _secrets_ready(self) -> bool:
        return self.secrets.keeper.report().state is VaultState.OPEN or not self._secrets_expected()

    def _describe_run(self, run_id: str) -> models.Run | None:
        try:
            return answers.run(self._runs.get(run_id))
        except NotFoundError:
            return None

    def _describe_log(self) -> models.LogBounds:
        return self.log.bounds()

    def _packets_failed(self, error: AgentError) -> None:
        self.journal.write("warning", "Packets cannot be kept for diagnosis.", detail=str(error))

    def _last_line_at(self) -> datetime | None:
        _, last = self.logs.reader.bounds()
        lines = self.logs.reader.page(last, 1) if last else []
        return lines[-1].at if lines else None

    def _installation(self) -> str:
        """A name for this installation that never changes."""
        memory = KeyValues(self.database, "service")
        known = memory.load().get(_INSTALLATION)
        if known is None:
            known = os.urandom(8).hex()
            memory.save(_INSTALLATION, known)
        return known
