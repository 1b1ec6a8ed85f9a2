"""The contract's words for processflows: documents, what a check finds in them, and what is deployed."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field, StringConstraints

from agent.api.base_models import Model, Request, ShortText
from agent.api.configuration_models import ConfigurationState
from agent.api.run_models import Run


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
    bindings: dict[str, str] = Field(default_factory=dict)
    lookups: dict[str, str] = Field(default_factory=dict)
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
    lookups: dict[str, str] = Field(default_factory=dict)
    notes: list[str] = Field(default_factory=list)


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
    waits_for: dict[str, str] = Field(default_factory=dict)
    note: str = ""
    by_events: bool = False


class FlowDetail(Flow):
    """A deployed processflow with its document and what the deployment reported."""

    document: str
    deployment_log: list[str]
    functions: dict[str, int] = Field(default_factory=dict)
    lookups: dict[str, str] = Field(default_factory=dict)


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
