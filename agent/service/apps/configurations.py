"""App Configurations: the cards, drafts from forms, Save and removal. Tests are `validations`' business."""

from __future__ import annotations

import asyncio
import secrets as random_names
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from agent.api import app_models, configuration_models, live_models
from agent.connectors.contract import Connector, Describing, Prepared, Renewing
from agent.connectors.foreign import Unloadable
from agent.domain.app import FieldKind
from agent.domain.errors import AgentError, ConfigurationError, ConflictError, NotFoundError
from agent.domain.meant import meant
from agent.domain.secret import Secret
from agent.service import answers
from agent.service.apps.trips import Trips
from agent.service.events import Hub
from agent.service.secrets import Secrets
from agent.store.configurations import (
    SAVED,
    VALIDATED,
    ConfigurationRow,
    ConfigurationStore,
    secret_name,
)
from agent.store.flows.deployments import DeploymentStore


@dataclass(frozen=True, slots=True)
class Proof:
    """How the latest validation of exactly these values and secrets ended."""

    state: str
    message: str
    facts: tuple[tuple[str, str], ...]
    at: datetime


class Configurations:
    """The App Configurations of this agent.

    Args:
        store: The rows.
        deployments: Tells which processflows use one.
        secrets: The vault.
        connectors: Every connector by app id.
        unloadable: Those that are installed and cannot be used, by app id.
        trips: What is held up, and goes on once a configuration is proven.
        hub: Told of every change.
        clock: Gives the present, aware and in UTC.
        proven: Called when the values of a configuration are stored and known to work.
    """

    def __init__(
        self,
        *,
        store: ConfigurationStore,
        deployments: DeploymentStore,
        secrets: Secrets,
        connectors: Mapping[str, Connector],
        unloadable: Mapping[str, Unloadable],
        trips: Trips,
        hub: Hub,
        clock: Callable[[], datetime],
        proven: Callable[[], None],
    ) -> None:
        self._store, self._deployments, self._secrets = store, deployments, secrets
        self._connectors, self._unloadable = connectors, unloadable
        self._trips, self._hub = trips, hub
        self._clock, self._proven = clock, proven
        self._changing = threading.Lock()  # vault and store change together

    def apps(self) -> list[app_models.App]:
        """Every app's card."""
        rows = self._store.all()
        cards = []
        for connector in self._connectors.values():
            mine = [row for row in rows if row.app == connector.app.id]
            cards.append(answers.app(connector.app, status=_worst(mine), configurations=len(mine)))
        for app, one in self._unloadable.items():
            cards.append(answers.unloadable_app(app, one, configurations=sum(row.app == app for row in rows)))
        return cards

    def schemas(self, app_id: str) -> list[app_models.Schema]:
        """An app's schemas; one that stands for all where the app's schemas are open."""
        app = self.connector(app_id).app
        found = [*app.schemas, *([app.template] if app.template is not None else [])]
        return [answers.schema(schema) for schema in found]

    async def described(self, configuration_id: str) -> list[app_models.Schema]:
        """The schemas that are there at the other end of a stored configuration, as far as the app can tell; else those
        that the app has anyway.

        Raises:
            NotFoundError: there is no such configuration.
            AgentError: the app cannot be reached, or the vault lacks a secret.
        """
        row = await asyncio.to_thread(self._store.get, configuration_id)
        connector, secrets = self.connector(row.app), {}
        for name in row.secret_hints:
            secret = self._secrets.get(row.secret_name(name))
            if secret is None:
                raise ConfigurationError(
                    f"The vault holds no secret for “{row.name}”.", code="secret-missing", field=name,
                    remedy="Open App Configurations, enter it again, then press Validate and Save.",
                )  # fmt: skip
            secrets[name] = secret
        connection = connector.open(row.values, secrets)
        if not isinstance(connection, Describing):
            return self.schemas(row.app)
        if isinstance(connection, Renewing):
            connection.renew(partial(self.keep, row.id))
        async with connection:
            return [answers.schema(one) for one in await connection.schemas()]

    def all(self) -> list[configuration_models.Configuration]:
        """Every configuration."""
        users = self._users()
        trips, waiting = self._trips.all(), self._trips.waiting()
        return [
            answers.configuration(
                row, used_by=users.get(row.id, ()), trip=trips.get(row.id), waiting=waiting.get(row.id, 0)
            )
            for row in self._store.all()
        ]

    def connector(self, app_id: str) -> Connector:
        """The connector of an app. Raises NotFoundError."""
        found = self._connectors.get(app_id)
        if found is None and app_id in self._unloadable:
            raise answers.unloadable_error(self._unloadable[app_id])
        if found is None:
            raise NotFoundError(
                f"There is no app “{app_id}”.",
                code="app-not-found",
                remedy=meant(app_id, self._connectors),
                field="app",
            )
        return found

    def prepare(self, draft: configuration_models.ConfigurationDraft) -> Prepared:
        """A draft as its connector wants it, with the stored secrets where none were typed.

        Raises:
            ConfigurationError: a value is missing or cannot be right; `field` says which.
        """
        connector = self.connector(draft.app)
        stored = self._stored(draft)
        typed = {name: Secret(value.get_secret_value()) for name, value in draft.secrets.items()}
        known = {field.name: field for field in connector.app.fields}
        for name, is_secret in [*((one, False) for one in draft.values), *((one, True) for one in typed)]:
            field = known.get(name)
            if field is None or (field.kind is FieldKind.SECRET) is not is_secret:
                # A name that is not known is not repeated: it may be a secret in the wrong place.
                what = f"no field “{field.label}” of that kind" if field is not None else "no field of that name"
                raise ConfigurationError(
                    f"{connector.app.name} has {what}.",
                    code="field-unknown",
                    remedy=f"Its fields are {', '.join(known)}.",
                    field=name if field is not None else None,
                )
        secrets = {name: secret for name, secret in typed.items() if secret}
        for name in stored.secret_hints if stored is not None else ():
            if name in known and name not in secrets and stored is not None:
                kept = self._secrets.get(stored.secret_name(name))
                if kept is not None:
                    secrets[name] = kept
        self._secrets.know(secrets.values())
        values = {field.name: field.default for field in known.values() if field.default} | dict(draft.values)
        for field in known.values():
            given = bool(secrets.get(field.name)) if field.kind is FieldKind.SECRET else draft.values.get(field.name)
            if field.required and field.counts_with(values) and not given and not field.default:
                raise ConfigurationError(f"Enter the {field.label}.", code="field-empty", field=field.name)
        prepared = connector.prepare(values, secrets)
        self._secrets.know(prepared.secrets.values())
        return prepared

    def save(
        self, draft: configuration_models.ConfigurationDraft, prepared: Prepared, proof: Proof | None
    ) -> configuration_models.Saved:
        """Store a prepared draft: plain values in the store, secrets in the vault.

        Raises:
            ConflictError: code `name-taken`.
            ConfigurationError: the vault is not open.
        """
        with self._changing:
            saved = self._save(draft, prepared, proof)
        if saved.configuration.state is configuration_models.ConfigurationState.VALIDATED:
            self._proven()
        return saved

    def _save(
        self, draft: configuration_models.ConfigurationDraft, prepared: Prepared, proof: Proof | None
    ) -> configuration_models.Saved:
        before = self._stored(draft)
        self._refuse_taken_name(draft, before)
        identity = before.id if before is not None else random_names.token_hex(8)
        row = ConfigurationRow(
            id=identity, app=draft.app, name=draft.name, values=dict(prepared.values),
            secret_hints={name: secret.hint() for name, secret in prepared.secrets.items()}, state=SAVED, message="",
            facts=(), validated_at=None, saved_at=self._clock(),
        )  # fmt: skip
        trip = self._trips.all().get(identity)
        if proof is not None and (trip is None or proof.at > trip.since):
            row = replace(row, state=proof.state, message=proof.message, facts=proof.facts, validated_at=proof.at)
        elif before is not None and self.is_stored(before, prepared):
            row = replace(
                row, state=before.state, message=before.message, facts=before.facts, validated_at=before.validated_at
            )
        replaced = self._replaced(before, prepared)
        self._secrets.store({secret_name(identity, name): secret for name, secret in prepared.secrets.items()})
        try:
            released = self._store.save(row)
        except AgentError:
            # Nothing half done: the secrets go back to what they were.
            self._secrets.store(replaced)
            new = [secret_name(identity, name) for name in prepared.secrets]
            self._secrets.remove(name for name in new if name not in replaced)
            raise
        if before is not None:
            gone = [before.secret_name(name) for name in before.secret_hints if name not in prepared.secrets]
            self._secrets.remove(gone)
        answer = self._told(self._store.get(identity), released)
        self._hub.publish(live_models.EventKind.CONFIGURATION, answer)
        return configuration_models.Saved(
            message="Connection Data Saved", notes=list(prepared.notes), configuration=answer
        )

    def remove(self, configuration_id: str) -> None:
        """Remove a configuration and its secrets.

        Raises:
            NotFoundError: there is none of that id.
            ConflictError: code `configuration-in-use`, naming the processflows.
        """
        with self._changing:
            row = self._store.get(configuration_id)
            users = self._users().get(row.id, ())
            if users:
                raise ConflictError(
                    f"“{row.name}” is used by {', '.join(users)}.",
                    code="configuration-in-use",
                    remedy="Redeploy these processflows with another configuration, or undeploy them, first.",
                )
            self._secrets.remove(row.secret_name(name) for name in row.secret_hints)
            self._store.remove(row.id)
        self._hub.publish(live_models.EventKind.CONFIGURATION, {"id": row.id})

    def note(self, draft: configuration_models.ConfigurationDraft, prepared: Prepared, proof: Proof) -> None:
        """Note how a validation ended, where it was one of the stored values themselves."""
        with self._changing:
            row = self._store.find(draft.id) if draft.id else None
            if row is None or not self.is_stored(row, prepared):
                return
            released = self._store.note_validation(
                row.id, state=proof.state, message=proof.message, facts=proof.facts, at=proof.at
            )
            noted = self._store.get(row.id)
        self._hub.publish(live_models.EventKind.CONFIGURATION, self._told(noted, released))
        if proof.state == VALIDATED:
            self._proven()

    def renewed(self, draft: configuration_models.ConfigurationDraft, before: Prepared, after: Prepared) -> None:
        """Keep the secrets that a sign-in has brought, where these values are stored: the old ones may count no more.

        Raises:
            ConfigurationError: the vault is not open.
        """
        with self._changing:
            row = self._store.find(draft.id) if draft.id else None
            if row is None or not self.is_stored(row, before):
                return
            self._secrets.store({row.secret_name(name): secret for name, secret in after.secrets.items()})
            hints = {name: secret.hint() for name, secret in after.secrets.items()}
            self._store.save(replace(row, secret_hints=hints))

    def keep(self, configuration_id: str | None, new: Mapping[str, Secret], old: Mapping[str, Secret]) -> None:
        """Keep secrets that the app has replaced, where the old ones are those that are stored.

        Raises:
            ConfigurationError: the vault is not open.
        """
        with self._changing:
            row = self._store.find(configuration_id) if configuration_id else None
            if row is None or any(self._secrets.get(row.secret_name(name)) != old.get(name) for name in new):
                return
            self._secrets.store({row.secret_name(name): secret for name, secret in new.items()})

    def tripped(self, configuration_id: str) -> None:
        """Tell that a configuration has tripped."""
        row = self._store.find(configuration_id)
        if row is not None:
            self._hub.publish(live_models.EventKind.CONFIGURATION, self._told(row, None))

    def _told(self, row: ConfigurationRow, released: list[str] | None) -> configuration_models.Configuration:
        """A configuration as it is now, after what waited for it was let go on."""
        if released is not None:
            self._trips.released(row.name, released)
        return answers.configuration(
            row, used_by=self._users().get(row.id, ()), trip=self._trips.all().get(row.id),
            waiting=self._trips.waiting().get(row.id, 0),
        )  # fmt: skip

    def is_stored(self, row: ConfigurationRow, prepared: Prepared) -> bool:
        """Whether these are the values and secrets that are stored."""
        if dict(row.values) != dict(prepared.values) or set(row.secret_hints) != set(prepared.secrets):
            return False
        return all(self._secrets.get(row.secret_name(name)) == secret for name, secret in prepared.secrets.items())

    def _stored(self, draft: configuration_models.ConfigurationDraft) -> ConfigurationRow | None:
        if draft.id is None:
            return None
        row = self._store.get(draft.id)
        if row.app != draft.app:
            raise ConflictError(
                f"“{row.name}” is a configuration of another app.", code="wrong-app", remedy="Add a new one."
            )
        return row

    def _refuse_taken_name(
        self, draft: configuration_models.ConfigurationDraft, before: ConfigurationRow | None
    ) -> None:
        for other in self._store.all():
            same = other.app == draft.app and other.name.casefold() == draft.name.casefold()
            if same and (before is None or other.id != before.id):
                raise ConflictError(
                    f"There is already a configuration named “{other.name}” for this app.",
                    code="name-taken",
                    remedy="Choose another name.",
                    field="name",
                )

    def _replaced(self, before: ConfigurationRow | None, prepared: Prepared) -> dict[str, Secret]:
        if before is None:
            return {}
        found = {before.secret_name(name): self._secrets.get(before.secret_name(name)) for name in prepared.secrets}
        return {name: secret for name, secret in found.items() if secret is not None}

    def _users(self) -> dict[str, list[str]]:
        users: dict[str, list[str]] = {}
        for deployment in self._deployments.active():
            for bound in set(deployment.bindings.values()):
                users.setdefault(bound, []).append(deployment.flow)
        return users


def _worst(rows: list[ConfigurationRow]) -> app_models.AppStatus:
    states = {answers.state(row) for row in rows}
    if not states:
        return app_models.AppStatus.NOT_CONFIGURED
    if configuration_models.ConfigurationState.FAILED in states:
        return app_models.AppStatus.FAILED
    return (
        app_models.AppStatus.SAVED
        if configuration_models.ConfigurationState.SAVED in states
        else app_models.AppStatus.VALIDATED
    )
