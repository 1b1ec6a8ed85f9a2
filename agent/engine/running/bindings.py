"""From a credential token to an open connection: the App Configuration that it is bound to, and its secrets."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Protocol

from agent.connectors.contract import Connection, Connector, Renewing, Telling
from agent.domain.errors import ConfigurationError
from agent.domain.processflow import AppNode, Processflow
from agent.domain.secret import Secret
from agent.domain.sent import Observer
from agent.engine.running.guarded import GuardedConnection
from agent.store.configurations import ConfigurationRow, ConfigurationStore
from agent.store.runs.trips import Used


class Secrets(Protocol):
    """The vault, as far as a run needs it."""

    def get(self, name: str) -> Secret | None:
        """The secret of that name. Raises ConfigurationError while the vault is not open."""
        ...

    def store(self, values: Mapping[str, Secret]) -> None:
        """Store secrets, all or none. Raises ConfigurationError while the vault is not open."""
        ...


class Bindings:
    """Opens connections for the nodes of processflows.

    Args:
        configurations: The App Configurations.
        secrets: The vault.
        connectors: Every connector by app id.
        unloadable: Why the others that are installed cannot be used, in a sentence, by app id.
    """

    def __init__(
        self,
        *,
        configurations: ConfigurationStore,
        secrets: Secrets,
        connectors: Mapping[str, Connector],
        unloadable: Mapping[str, str] | None = None,
    ) -> None:
        self._configurations = configurations
        self._secrets = secrets
        self._connectors = connectors
        self._unloadable = unloadable or {}

    def connection(
        self, node: AppNode, flow: Processflow, bindings: Mapping[str, str], *, observer: Observer | None = None
    ) -> Connection:
        """A connection, not yet entered, for the node's credential token.

        Args:
            node: The node.
            flow: Its processflow.
            bindings: Configuration ids by credential token.
            observer: Told of what the connection sends, where it can tell.

        Raises:
            ConfigurationError: code `source-application-not-found`, with the cause and the cure.
        """
        configuration = self._configuration(node, bindings)
        app = flow.credentials[node.credential]
        connector = self._connectors.get(app)
        if connector is None and app in self._unloadable:
            raise _not_found(
                f"the app “{app}” cannot be loaded. {self._unloadable[app]}",
                "Its card under App Configurations says what to do.",
            )
        if connector is None:
            raise _not_found(
                f"there is no connector for the app “{app}”.", "Install it, then execute the processflow again."
            )
        secrets = {}
        for field in configuration.secret_hints:
            secret = self._secrets.get(configuration.secret_name(field))
            if secret is None:
                raise _not_found(
                    f"the vault holds no secret for “{configuration.name}”.",
                    "Open App Configurations, enter it again, then press Validate and Save.",
                )
            secrets[field] = secret

        def made() -> Connection:
            opened = connector.open(configuration.values, secrets)
            if isinstance(opened, Renewing):
                opened.renew(partial(self._keep, configuration))
            return opened

        opened = made()
        if observer is not None and isinstance(opened, Telling):
            opened.tell(observer)
        used = Used(configuration.id, configuration.name, configuration.saved_at, configuration.validated_at)
        return GuardedConnection(
            opened,
            again=made,
            used=used,
        )

    def _keep(self, configuration: ConfigurationRow, new: Mapping[str, Secret], old: Mapping[str, Secret]) -> None:
        """Keep secrets that the app has replaced; not in the place of what a person has entered meanwhile."""
        names = {field: configuration.secret_name(field) for field in new}
        if all(self._secrets.get(names[field]) == old.get(field) for field in new):
            self._secrets.store({names[field]: secret for field, secret in new.items()})

    def _configuration(self, node: AppNode, bindings: Mapping[str, str]) -> ConfigurationRow:
        bound = bindings.get(node.credential)
        if bound is None:
            raise _not_found(
                f"the credential token “{node.credential}” is not bound to an App Configuration.",
                "Press Choose the connections on its card (“opagent flow bind PROCESSFLOW --bind "
                f"{node.credential}=NAME”).",
            )
        configuration = self._configurations.find(bound)
        if configuration is None:
            raise _not_found(
                f"the App Configuration that “{node.credential}” is bound to was removed.",
                "Add one under App Configurations, then choose it with Redeploy…, or “opagent flow bind PROCESSFLOW "
                f"--bind {node.credential}=NAME”.",
            )
        return configuration


def _not_found(cause: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(
        f"Source Application Not Found: {cause}", code="source-application-not-found", remedy=remedy
    )
