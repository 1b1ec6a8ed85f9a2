"""From the values of domain and store to the models of the contract. Pure; reads nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from agent.api import (
    app_models,
    base_models,
    configuration_models,
    log_models,
    record_models,
    run_models,
    setting_models,
    vault_models,
)
from agent.connectors.foreign import Unloadable
from agent.domain import app as domain_app
from agent.domain.error_classes import CLASSES
from agent.domain.errors import (
    AgentError,
    CancelledError,
    ConflictError,
    FatalError,
    NotFoundError,
    RecordError,
    TransientError,
)
from agent.domain.packet import SyncState
from agent.domain.run import Counts
from agent.domain.run_classes import RUN_CLASSES
from agent.domain.settings import SETTINGS, Setting
from agent.store.configurations import FAILED, SAVED, VALIDATED, ConfigurationRow
from agent.store.keysources.source import SourceReport
from agent.store.logs.entries import LogEntry
from agent.store.records.sync_info import SyncRow
from agent.store.runs.runs import RunRow
from agent.store.runs.trips import Trip
from agent.store.settings import Settings
from agent.store.vaults.keeper import VaultReport

UNLOADABLE: Final = "connector-unloadable"
_STATES = {
    SAVED: configuration_models.ConfigurationState.SAVED,
    VALIDATED: configuration_models.ConfigurationState.VALIDATED,
    FAILED: configuration_models.ConfigurationState.FAILED,
}
_STATUS: Sequence[tuple[type[AgentError], int]] = (
    (NotFoundError, 404),
    (ConflictError, 409),
    (CancelledError, 409),
    (TransientError, 503),
    (RecordError, 422),
    (FatalError, 500),
)


def problem(error: AgentError, redact: Callable[[str], str]) -> base_models.Problem:
    """An error as a problem detail; a person's turn is 422 where nothing else fits.

    What an app said may be in it, and an app may repeat what it was sent: `redact` takes secrets out.
    """
    found = next((number for kind, number in _STATUS if isinstance(error, kind)), 422)
    return base_models.Problem(
        title=redact(error.message), status=found, code=error.code, remedy=redact(error.remedy),
        detail=redact(error.detail), field=error.field,
    )  # fmt: skip


def app(one: domain_app.App, *, status: app_models.AppStatus, configurations: int) -> app_models.App:
    """An app's card."""
    fields = [
        app_models.CredentialField(
            name=field.name, label=field.label, kind=field.kind, required=field.required, help=field.help,
            example=field.example, choices=list(field.choices), default=field.default, shown_when=field.shown_when,
            words=[
                app_models.ChoiceWords(field=said.field, choice=said.choice, help=said.help, example=said.example)
                for said in field.words
            ],
        )
        for field in one.fields
    ]  # fmt: skip
    return app_models.App(
        id=one.id, name=one.name, version=one.version, description=one.description, status=status,
        configurations=configurations, fields=fields,
    )  # fmt: skip


def unloadable_app(identity: str, one: Unloadable, *, configurations: int) -> app_models.App:
    """The card of an app whose connector cannot be loaded."""
    problem = base_models.Problem(
        title=f"The connector cannot be loaded. {one.message}", status=409, code=UNLOADABLE, remedy=one.remedy,
        detail=one.detail,
    )  # fmt: skip
    return app_models.App(
        id=identity, name=one.name, version=one.version, description="", status=app_models.AppStatus.BROKEN,
        configurations=configurations, fields=[], problem=problem,
    )  # fmt: skip


def unloadable_error(one: Unloadable) -> ConflictError:
    """What to tell whoever wants to use a connector that cannot be loaded."""
    return ConflictError(
        f"The connector {one.name} cannot be loaded. {one.message}",
        code=UNLOADABLE,
        remedy=one.remedy,
        detail=one.detail,
    )


def schema(one: domain_app.Schema) -> app_models.Schema:
    """A schema with its attributes and actions."""
    actions = [
        app_models.Action(
            name=action.name, kind=action.kind.value, description=action.description, filters=sorted(action.filters)
        )
        for action in one.actions
    ]
    return app_models.Schema(
        name=one.name, description=one.description, attributes=[attribute(each) for each in one.attributes],
        actions=actions,
    )  # fmt: skip


def configuration(
    row: ConfigurationRow, *, used_by: Sequence[str], trip: Trip | None, waiting: int
) -> configuration_models.Configuration:
    """An App Configuration; `waiting` runs wait for it where it has tripped."""
    tripped = None
    if trip is not None:
        tripped = configuration_models.Trip(
            since=trip.since, message=trip.message, remedy=trip.remedy, waiting_runs=waiting
        )
    return configuration_models.Configuration(
        id=row.id, app=row.app, name=row.name, values=dict(row.values), secrets=dict(row.secret_hints),
        state=state(row), message=row.message, facts=facts(row.facts), validated_at=row.validated_at,
        saved_at=row.saved_at, used_by=list(used_by), tripped=tripped,
    )  # fmt: skip


def state(row: ConfigurationRow) -> configuration_models.ConfigurationState:
    """Whether its values have been proven."""
    return _STATES.get(row.state, configuration_models.ConfigurationState.SAVED)


def facts(pairs: Sequence[tuple[str, str]]) -> list[configuration_models.Fact]:
    """Labels and values for people."""
    return [configuration_models.Fact(label=label, value=value) for label, value in pairs]


def run(row: RunRow) -> run_models.Run:
    """A run."""
    explained = RUN_CLASSES.get(row.fault.error_class)
    return run_models.Run(
        id=row.id, flow=row.flow, version=row.version, trigger=row.trigger, state=row.state, queued_at=row.queued_at,
        started_at=row.started_at, ended_at=row.ended_at, counts=counts(row.counts), activity=row.activity,
        message=row.message, remedy=row.remedy, requested_by=row.requested_by, planned_for=row.planned_for,
        plan=row.plan.text, error_class=row.fault.error_class.value, error_title=explained.title if explained else "",
        cause=explained.cause if explained else "",
        target=row.fault.cure or (f"guide:failed-runs#{row.fault.error_class.value}" if explained else ""),
    )  # fmt: skip


def counts(found: Counts) -> run_models.Counts:
    """A run's counts."""
    return run_models.Counts(
        read=found.read, unchanged=found.unchanged, written=found.written, failed=found.failed, skipped=found.skipped
    )


def sync_record(flow: str, row: SyncRow, *, target: str) -> record_models.SyncRecord:
    """A row of Sync Info; `target` is where it is cured."""
    explained = CLASSES[row.error_class] if row.state is SyncState.FAILED else None
    return record_models.SyncRecord(
        flow=flow, node=row.node, source_id=row.source_id, destination_id=row.destination_id, state=row.state,
        message=row.message, remedy=row.remedy, tries=row.tries, run_id=row.run, updated_at=row.updated_at,
        error_class=row.error_class.value, error_title=explained.title if explained else "",
        cause=explained.cause if explained else "", target=target,
        skipped_by_operator=row.skipped_by_operator, tracked=tracked(row),
    )  # fmt: skip


def tracked(row: SyncRow) -> dict[str, str]:
    """The tracked columns of a record, by header."""
    return msgspec.json.decode(row.tracked, type=dict[str, str]) if row.tracked else {}


def log_entry(entry: LogEntry) -> log_models.LogEntry:
    """A log line."""
    return log_models.LogEntry(
        id=entry.id, at=entry.at, level=log_models.LogLevel(entry.level.value), flow=entry.flow, run=entry.run,
        node=entry.node, record=entry.record, message=entry.message, detail=entry.detail,
    )  # fmt: skip


def setting(declared: Setting, value: str) -> setting_models.Setting:
    """A setting with its declaration."""
    return setting_models.Setting(
        name=declared.name, label=declared.label, help=declared.help, section=declared.section, kind=declared.kind,
        choices=list(declared.choices), minimum=declared.minimum, maximum=declared.maximum,
        default=declared.serialise(declared.default), value=value,
    )  # fmt: skip


def settings(present: Settings) -> list[setting_models.Setting]:
    """Every setting."""
    return [setting(declared, present.text(declared.name)) for declared in SETTINGS]


def vault(report: VaultReport) -> vault_models.Vault:
    """How the vault stands."""
    return vault_models.Vault(
        state=report.state.value,
        source=_source(report.source) if report.source is not None else None,
        sources=[_source(source) for source in report.sources],
        cure=report.cure,
    )


def _source(report: SourceReport) -> vault_models.VaultSource:
    return vault_models.VaultSource(
        kind=report.kind, label=report.label, works=report.works, needs=report.needs, state=report.state,
        cure=report.cure,
    )  # fmt: skip


def attribute(one: domain_app.Attribute) -> app_models.Attribute:
    """One field of a schema, or of a mapped record."""
    return app_models.Attribute(
        name=one.name, type=one.type, required=one.required, primary=one.primary, description=one.description,
        members=[attribute(member) for member in one.members],
    )  # fmt: skip
