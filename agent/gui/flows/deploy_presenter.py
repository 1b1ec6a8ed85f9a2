"""Decides what the Deploy dialog does: choose a document, check it, bind its tokens, deploy, offer Execute. No Qt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from pydantic import ValidationError

from agent.api import app_models, configuration_models, flow_models, live_models
from agent.api.deployment_models import DeployRequest
from agent.api.live_models import EventKind
from agent.api.package_models import LibraryFlowDetail
from agent.domain.errors import AgentError
from agent.gui.calls import Call, Calls
from agent.gui.catalog import Catalog
from agent.gui.insisting import Insistence, Offer, offer

BIND_LATER = "bind-later"
"""In the place of a configuration: there is none yet."""


@dataclass(frozen=True, slots=True)
class Token:
    """A credential token with the configurations that it can be bound to, and the one that is."""

    name: str
    app: app_models.App | None
    app_name: str
    choices: list[configuration_models.Configuration]
    bound: str


class DeployView(Protocol):
    """What the presenter needs of the dialog."""

    def show_samples(self, samples: list[flow_models.Sample]) -> None:
        """Offer the samples."""

    def show_document(self, title: str, description: str, *, redeploy: bool) -> None:
        """Which document is chosen."""

    def show_checking(self) -> None:
        """The document is being checked."""

    def show_problems(self, problems: list[flow_models.DocumentProblem]) -> None:
        """What is wrong in the document; the empty list takes it back."""

    def show_tokens(self, tokens: list[Token]) -> None:
        """Let the tokens be bound."""

    def show_ready(self, *, ready: bool) -> None:
        """Whether Deploy can be pressed."""

    def show_deploying(self) -> None:
        """The deployment is at work."""

    def show_line(self, number: int, line: str) -> None:
        """A numbered line of the deployment."""

    def show_deployed(self, flow: flow_models.FlowDetail, lines: list[str]) -> None:
        """It succeeded: offer Execute."""

    def show_cancelled(self) -> None:
        """The operator did not wait."""

    def show_failure(self, error: AgentError, *, environment_off: bool, offered: Offer | None) -> None:
        """It failed; nothing was changed. Where it can be insisted on, with the offer."""


class DeployPresenter:
    """One dialog. `executed` is asked to start the run."""

    def __init__(self, view: DeployView, calls: Calls, catalog: Catalog, executed: Callable[[str], object]) -> None:
        self._view, self._calls, self._catalog, self._execute = view, calls, catalog, executed
        self._document, self._file = "", ""
        self._checked: flow_models.CheckResult | None = None
        self._bound: dict[str, str] = {}
        self._call: Call | None = None
        self._given, self._note, self._origin = Insistence(), "", ""
        self._deployed = ""
        catalog.listeners.append(self._on_catalog)

    def open(self, redeploy: str = "") -> None:
        """Begin: with the samples, or with a deployed processflow's own document and bindings."""
        self._calls.start(lambda client: client.samples(), self._view.show_samples)
        if redeploy:
            self._calls.start(lambda client: client.flow(redeploy), self._on_flow, self._on_failed)

    def choose_sample(self, sample: flow_models.Sample) -> None:
        """Take a sample."""
        self._choose(sample.document, sample.file, sample.title, sample.description)

    def choose_document(self, document: str, file: str) -> None:
        """Take a file's text."""
        self._choose(document, file, file)

    def choose_library(self, flow: LibraryFlowDetail) -> None:
        """Take what a package brought."""
        origin = f"From the package “{flow.origin}”."
        self._choose(flow.document, flow.file, flow.title or flow.name, origin)
        self._origin = origin

    def refuse_file(self, file: str, reason: str) -> None:
        """A file could not be read."""
        self._on_failed(
            AgentError(f"{file} cannot be read.", code="file-unreadable", remedy="Choose another file.", detail=reason)
        )

    def bind(self, token: str, configuration_id: str) -> None:
        """Bind a token, or let it wait with `BIND_LATER`."""
        self._bound[token] = configuration_id
        self._show_ready()

    def deploy(self, note: str = "") -> None:
        """Deploy; `note` says why."""
        self._given, self._note = Insistence(), note or self._origin
        self._deploy()

    def insist(self, given: Insistence) -> None:
        """Deploy although it was refused."""
        self._given = given
        self._deploy()

    def _deploy(self) -> None:
        if self._call is not None or self._checked is None:
            return
        bound = {token: "" if one == BIND_LATER else one for token, one in self._bound.items()}
        try:
            request = DeployRequest(
                document=self._document, file=self._file, bindings=bound, note=self._note,
                bind_later=BIND_LATER in self._bound.values(), anyway=self._given.anyway,
                without_tests=self._given.without_tests,
            )  # fmt: skip
        except ValidationError:
            self.refuse_file(self._file, "too large")
            return
        self._view.show_deploying()
        self._call = self._calls.start(lambda client: client.deploy(request), self._on_deployed, self._on_failed)

    def cancel(self) -> None:
        """Stop asking; the service finishes or drops a deployment as a whole."""
        if self._call is not None:
            self._call.cancel()
            self._call = None
        self._view.show_cancelled()
        self._show_ready()
        self._catalog.refresh()

    def execute(self) -> None:
        """Run what was deployed."""
        self._execute(self._deployed)

    def on_event(self, event: live_models.Event) -> None:
        """A deployment's lines, as they happen."""
        if event.kind is not EventKind.DEPLOYMENT or self._call is None or self._checked is None:
            return
        try:
            line = live_models.DeploymentLine.model_validate(event.data)
        except ValueError:
            return
        if line.name == self._checked.name:
            self._view.show_line(line.number, line.line)

    def close(self) -> None:
        """The dialog goes."""
        self._catalog.listeners.remove(self._on_catalog)
        self._calls.cancel_all()

    def _choose(self, document: str, file: str, title: str, description: str = "", *, redeploy: bool = False) -> None:
        self._document, self._file, self._checked, self._origin = document, file, None, ""
        if not redeploy:
            self._bound = {}
        self._view.show_document(title, description, redeploy=redeploy)
        self._view.show_checking()
        self._show_ready()
        try:
            request = flow_models.DocumentRequest(document=document, file=file)
        except ValidationError:
            self.refuse_file(file, "too large")
            return
        if self._call is not None:
            self._call.cancel()
        self._call = self._calls.start(lambda client: client.check_flow(request), self._on_checked, self._on_failed)

    def _on_flow(self, flow: flow_models.FlowDetail) -> None:
        self._bound = {binding.token: binding.configuration for binding in flow.bindings}
        self._bound |= dict.fromkeys(flow.waits_for, "")
        self._choose(flow.document, f"{flow.name}.yaml", flow.title or flow.name, flow.description, redeploy=True)

    def _on_checked(self, result: flow_models.CheckResult) -> None:
        self._call = None
        self._checked = result
        self._view.show_problems(result.problems)
        if result.ok:
            if result.name:
                self._bind_as_before(result)
            self._show_tokens()
        self._show_ready()

    def _bind_as_before(self, result: flow_models.CheckResult) -> None:
        """A redeployment keeps its bindings; a single fitting configuration is proposed."""
        before = self._catalog.flow(result.name)
        known = {one.token: one.configuration for one in before.bindings} if before is not None else {}
        for token, app in result.tokens.items():
            fitting = [one.id for one in self._catalog.configurations if one.app == app]
            if self._bound.get(token):
                continue
            if known.get(token) in fitting:
                self._bound[token] = known[token]
            elif len(fitting) == 1:
                self._bound[token] = fitting[0]

    def _show_tokens(self) -> None:
        if self._checked is None or not self._checked.ok:
            return
        apps = {app.id: app for app in self._catalog.apps}
        self._view.show_tokens(
            [
                Token(
                    name,
                    apps.get(app),
                    self._catalog.app_name(app),
                    [one for one in self._catalog.configurations if one.app == app],
                    self._bound.get(name, ""),
                )
                for name, app in self._checked.tokens.items()
            ]
        )

    def _show_ready(self) -> None:
        checked = self._checked
        ready = checked is not None and checked.ok and all(self._bound.get(token) for token in checked.tokens)
        self._view.show_ready(ready=ready)

    def _on_catalog(self) -> None:
        if self._call is None and not self._deployed:
            self._show_tokens()
            self._show_ready()

    def _on_deployed(self, answer: flow_models.Deployed) -> None:
        self._call = None
        self._deployed = answer.flow.name
        self._view.show_deployed(answer.flow, answer.lines)
        self._catalog.refresh()

    def _on_failed(self, error: AgentError) -> None:
        self._call = None
        off = error.message.startswith("Environment is not enabled")
        self._view.show_failure(error, environment_off=off, offered=offer(error, self._given))
        self._show_ready()
