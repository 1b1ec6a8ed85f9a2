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
from agent.api import live_models, service_models
from agent.api.folders import Folders
from agent.domain.errors import AgentError
from agent.service import answers
from agent.service.apps.configuration_parts import ConfigurationParts
from agent.service.basics import Basics
from agent.service.deployment.deployment_parts import DeploymentParts
from agent.service.library.library_parts import LibraryParts
from agent.service.machine_zone import machine_zone
from agent.service.operators import Operators
from agent.service.previews.plans import PreviewParts
from agent.service.previews.previews import Previews
from agent.service.receiving.receiving_parts import EventParts
from agent.service.records.record_parts import RecordParts
from agent.service.runs.engine_parts import EngineParts
from agent.service.runs.run_parts import RunParts
from agent.service.upkeep.clearing import Clearing
from agent.service.upkeep.history import History
from agent.service.upkeep.housekeeping import Housekeeping
from agent.service.upkeep.journal import LogHandler
from agent.service.upkeep.settings_desk import SettingsDesk
from agent.service.upkeep.snapshots import Snapshots
from agent.store.keysources.passphrase import Passphrase
from agent.store.logs.entries import LogLevel, LogLine
from agent.store.logs.logs import LogStore
from agent.store.looks.preview_files import PreviewFolder
from agent.store.looks.snapshots import Snapshots as SnapshotStore
from agent.store.operators import OperatorStore
from agent.store.runs.past import Past
from agent.store.vaults.passwords import Passwords
from agent.store.vaults.redaction import Redactor
from agent.store.vaults.vault import VaultState

DRAIN_SECONDS = 30.0


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
        basics = self._basics = Basics(
            self.folders, logs=self.logs, redactor=redactor, environ=environ, clock=self._clock, tripped=self._tripped,
            ending=self._ending,
        )  # fmt: skip
        self.database, self.settings, self.secrets = basics.database, basics.settings, basics.secrets
        self.own_database = basics.own_database
        self.hub, self.journal, self.log, self.diagnosis = basics.hub, basics.journal, basics.log, basics.diagnosis
        engine = EngineParts(basics, changed=self.environment_changed)
        self.worker, self.environment = engine.worker, engine.environment
        self._unloadable = tuple(engine.unloadable.values())
        connected = ConfigurationParts(basics, engine, changed=self._wake)
        self.configurations, self.validations = connected.configurations, connected.validations
        self.late_binding, self.trips = connected.late_binding, connected.trips
        library = LibraryParts(basics, engine)
        self.functions, self.lookups = library.functions, library.lookups
        self.variables, self.filter_templates = library.variables, library.filter_templates
        started = RunParts(
            basics, engine, connected, templates=self.filter_templates, zone=machine_zone(environ),
            changed=self._wake,
        )  # fmt: skip
        self.runs, self.reruns, self.retrying = started.runs, started.reruns, started.retrying
        self.schedules, self.scheduler = started.schedules, started.scheduler
        set_right = RecordParts(basics, engine, connected, runs=self.runs)
        self.alerts, self.bookmarks = set_right.alerts, set_right.bookmarks
        self.records, self.correcting = set_right.records, set_right.correcting
        self.documents = DeploymentParts(basics, engine, connected, library, runs=started)
        self.flows = self.documents.flows
        self.events = EventParts(basics, engine, runs=self.runs, hindrances=connected.hindrances)
        self._assemble_upkeep(engine, connected, library)
        self._starting = threading.Thread(target=self._start, name="start", daemon=True)

    def _assemble_upkeep(self, engine: EngineParts, connected: ConfigurationParts, library: LibraryParts) -> None:
        """Who may use the service, what it shows of its work, and what it clears away."""
        basics = self._basics
        self.operators = Operators(OperatorStore(self.database), Passwords())
        self.housekeeping = Housekeeping(
            database=self.database, diagnosis=self.diagnosis, settings=self.settings, journal=self.journal,
            clock=self._clock,
        )  # fmt: skip
        self.desk = SettingsDesk(
            self.settings, environment=self.environment, logs=self.logs, diagnosis=self.diagnosis, hub=self.hub,
            events=self.events, housekeeping=self.housekeeping,
        )  # fmt: skip
        self.snapshots = Snapshots(
            store=SnapshotStore(self.database), runs=basics.stores.runs, deployments=basics.stores.deployments,
            compiled=engine.compiled, diagnosis=self.diagnosis, clock=self._clock,
        )  # fmt: skip
        self.previews = Previews(
            PreviewParts(
                deployments=basics.stores.deployments, compiled=engine.compiled, connectors=engine.connectors,
                connections=engine.connections, environment=self.environment, bind=self.flows.bindings,
                vocabularies=engine.vocabularies, companions=library.companions, trips=self.trips,
                variables=basics.stores.variables, require_bound=connected.choice.require,
            ),
            past=partial(Past, self.database), folder=PreviewFolder(self.folders.previews, basics.redactor),
            hub=self.hub, clock=self._clock, redact=basics.redactor.redact,
        )  # fmt: skip
        self.clearing = Clearing(
            diagnosis=self.diagnosis, previews=self.previews, compiled=engine.compiled,
            vocabularies=engine.vocabularies, cache_folder=self.folders.cache,
        )  # fmt: skip

    def start(self) -> None:
        """Take up runs and open the vault, in the background: the contract answers meanwhile."""
        self.journal.write("info", f"The service has started: version {__version__}, process {self.pid}.")
        for flow in self.documents.log.settle(at=self._clock()):
            self.journal.write(
                "warning", "The service ended in the middle of a deployment. Nothing was changed.", flow=flow
            )
        for flow, told in self.records.jobs.settle():
            self.journal.write("warning", told, flow=flow)
        last = self.history.last_end
        if last is not None and not last.clean:
            self.journal.write("warning", "The service did not end by itself the last time.", detail=last.reason)
        for one in self._unloadable:
            self.journal.write(
                "error", f"The connector {one.name} cannot be loaded. {one.message} {one.remedy}", detail=one.detail
            )
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

    def state(self) -> service_models.ServiceState:
        """What the service is and does."""
        return service_models.ServiceState(
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
        self._wake()
        if self.hub.heard:
            with suppress(AgentError):
                self.hub.publish(live_models.EventKind.ENVIRONMENT, self.state())

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
        self._open_vault()  # first: it takes a moment, the worker a second, and nobody shall see it locked meanwhile
        trouble: AgentError | None = None
        try:
            self.worker.start()
        except AgentError as error:
            trouble = error
            self._tell(error)
        self.environment.start(trouble)
        self.scheduler.start()
        self.alerts.start()
        self.events.start()
        self.housekeeping.start()

    def _tripped(self, configuration_id: str) -> None:
        self.configurations.tripped(configuration_id)
        self._wake()

    def _wake(self) -> None:
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

    def _close(self, reason: str) -> None:
        with self._ending:
            self._ending.callback(self.history.ended, reason)
            self._ending.callback(self.logs.close)
            self._ending.callback(logging.getLogger().removeHandler, self._handler)

    def _last_line_at(self) -> datetime | None:
        _, last = self.logs.reader.bounds()
        lines = self.logs.reader.page(last, 1) if last else []
        return lines[-1].at if lines else None
