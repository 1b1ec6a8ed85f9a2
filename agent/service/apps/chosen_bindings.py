"""Which App Configuration each credential token of a processflow is bound to, and which tokens have none yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.connectors.contract import Connector
from agent.domain.errors import ConfigurationError, ConflictError
from agent.domain.meant import meant
from agent.engine.checking.check import check
from agent.engine.documents.document import parse
from agent.store.configurations import ConfigurationRow, ConfigurationStore
from agent.store.flows.deployments import Deployment, DeploymentStore

_NOT_ASKED = frozenset({"unbound-credential", "unknown-function", "unknown-lookup-table", "unknown-lookup"})
UNBOUND = "Source Application Not Found: it waits for an App Configuration"
"""Why what waits for one does not run, in a sentence with what did not happen."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The configurations by token, the apps of tokens without one, and what there is to say of it."""

    bound: Mapping[str, ConfigurationRow]
    waits_for: Mapping[str, str]
    lines: Sequence[str]


class BindingChoice:
    """Chooses App Configurations for credential tokens."""

    def __init__(
        self, configurations: ConfigurationStore, deployments: DeploymentStore, connectors: Mapping[str, Connector]
    ) -> None:
        self._configurations, self._deployments, self._connectors = configurations, deployments, connectors

    def named(self, bindings: Mapping[str, str]) -> dict[str, ConfigurationRow]:
        """Bindings by id or by name; empty ones are left out.

        Raises:
            ConfigurationError: code `configuration-unknown`: there is none of that id or name, or more than one.
        """
        rows = self._configurations.all() if bindings else []
        bound = {}
        for token, wanted in bindings.items():
            if not wanted:
                continue
            found = [row for row in rows if row.id == wanted] or [row for row in rows if row.name == wanted]
            if len(found) != 1:
                several = "There is more than one" if found else "There is no"
                raise ConfigurationError(
                    f"{several} App Configuration “{wanted}”, to which “{token}” is to be bound.",
                    code="configuration-unknown",
                    remedy="Use its id, as “opagent app list --json” shows it."
                    if found
                    else meant(wanted, [row.name for row in rows], otherwise="Add it under App Configurations."),
                    field=token,
                )
            bound[token] = found[0]
        return bound

    def choose(
        self, flow: str, credentials: Mapping[str, str], asked: Mapping[str, str], *, bind_later: bool
    ) -> Chosen:
        """What was asked for; else what the version before had; else the only configuration of the app.

        Args:
            flow: The processflow's name.
            credentials: Its credential tokens, with their apps.
            asked: Bindings by id or name.
            bind_later: Whether a token may be left without one.

        Raises:
            ConfigurationError: as `named`; code `source-application-not-found`: a token has none; code
                `token-unknown`: something is to be bound that the processflow does not have.
        """
        for token in asked:
            if token not in credentials:
                raise ConfigurationError(
                    f"{flow} has no credential token “{token}” that could be bound.", code="token-unknown",
                    remedy=meant(token, credentials, otherwise="It has none."), field=token,
                )  # fmt: skip
        named = self.named(asked)
        bound = {token: named[token] for token in credentials if token in named}
        waits_for: dict[str, str] = {}
        lines: list[str] = []
        before = next((one.bindings for one in self._deployments.active() if one.flow == flow), {})
        rows = self._configurations.all()
        for token, app in credentials.items():
            if token in bound:
                continue
            fitting = [row for row in rows if row.app == app]
            kept = next((row for row in fitting if row.id == before.get(token)), None)
            if kept is not None:
                bound[token] = kept
                lines.append(f"{token} stays bound as in the version before")
            elif len(fitting) == 1:
                bound[token] = fitting[0]
                lines.append(f"{token} is bound to the only configuration of its app")
            elif app in self._connectors and bind_later:
                waits_for[token] = app
                why = f"there are {len(fitting)} App Configurations" if fitting else "there is no App Configuration"
                lines.append(f"{token} is not bound yet: {why} of {self._app_name(app)}")
            elif app in self._connectors and not fitting:
                raise ConfigurationError(
                    f"Source Application Not Found: the credential token “{token}” needs an App Configuration of "
                    f"{self._app_name(app)}, and there is none.",
                    code="source-application-not-found",
                    remedy="Add one under App Configurations, press Validate and Save, then deploy again; or deploy "
                    "with “bind later”, and it is bound once there is one.",
                    field=token,
                )
        return Chosen(bound, waits_for, lines)

    def faults(self, deployment: Deployment, more: Mapping[str, ConfigurationRow]) -> str:
        """What is wrong with a deployment once these configurations are bound as well: an account may offer less."""
        rows = {row.id: row for row in self._configurations.all()}
        bound = {token: rows[one] for token, one in deployment.bindings.items() if one in rows} | dict(more)
        document = parse(deployment.document.encode(), file=deployment.file)
        # Functions and lookups were found right when it was deployed, and are pinned.
        return next((str(one) for one in check(document, self._connectors, bound) if one.code not in _NOT_ASKED), "")

    def require(self, deployment: Deployment) -> None:
        """Refuse to run what waits for App Configurations.

        Raises:
            ConflictError: code `source-application-not-found`, with the cause and the way.
        """
        if deployment.waits_for:
            raise ConflictError(
                self.cause(deployment.waits_for), code="source-application-not-found",
                remedy=way_out(deployment.flow, deployment.waits_for),
            )  # fmt: skip

    def cause(self, waits_for: Mapping[str, str]) -> str:
        """Why a processflow cannot run whose tokens wait for configurations of these apps."""
        wanted = [f"“{token}” needs an App Configuration of {self._app_name(app)}" for token, app in waits_for.items()]
        return f"Source Application Not Found: the credential token {', and '.join(wanted)}."

    def _app_name(self, app: str) -> str:
        return self._connectors[app].app.name if app in self._connectors else app


def way_out(flow: str, waits_for: Mapping[str, str]) -> str:
    """What to do about it."""
    token = next(iter(waits_for))
    return (
        f"Add one under App Configurations and press Validate and Save: {flow} is then bound by itself. Where there "
        f"are several, press Choose the connections on its card (“opagent flow bind {flow} --bind {token}=NAME”)."
    )
