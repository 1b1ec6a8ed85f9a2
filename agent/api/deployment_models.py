"""The contract's words for deploying: the request with all its steps, versions, what differs in them, and the log."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from agent.api.base_models import Model, Request, ShortText
from agent.api.flow_models import DocumentRequest
from agent.api.rerun_models import RetryPlanChange
from agent.api.schedule_models import ScheduleChange, SchedulePlan
from agent.domain.deployment import Outcome

VersionNumber = Annotated[int, Field(ge=1, le=2**31 - 1)]


class DeployRequest(DocumentRequest):
    """Everything that a deployment does, in one request.

    Attributes:
        schedule: When it is to run by itself; without one the schedule stays as it is.
        retry: How failed records are to be tried again; without one that stays as it is.
        anyway: Deploy although an App Configuration fails its check.
        bind_later: Deploy although a credential token has no App Configuration yet; it cannot run until it has one.
        without_tests: Deploy without running the tests of the document.
    """

    schedule: ScheduleChange | None = None
    retry: RetryPlanChange | None = None
    anyway: bool = False
    bind_later: bool = False
    without_tests: bool = False


class BindRequest(Request):
    """Bind credential tokens of a deployed processflow, by the id or name of an App Configuration."""

    bindings: dict[str, str]
    note: ShortText = ""
    anyway: bool = False


class RollBack(Request):
    """Deploy an old version again. The schedule stays as it is."""

    version: VersionNumber
    note: ShortText = ""
    anyway: bool = False
    without_tests: bool = False


class VersionBinding(Model):
    """A credential token of a version and what it was bound to; without a name where nothing was, or it is removed."""

    token: str
    configuration: str
    configuration_name: str


class Version(Model):
    """A deployed version. `schedule` is its plan at that time, for people; `remarks` say what was passed over."""

    flow: str
    version: int
    deployed_at: datetime
    deployed_by: str
    note: str
    active: bool
    restored_from: int | None
    bindings: list[VersionBinding]
    schedule: str
    remarks: list[str]


class VersionDetail(Version):
    """A version with its document, its plan and what its deployment reported."""

    document: str
    file: str
    plan: SchedulePlan
    lines: list[str]


class Change(Model):
    """Something that is not the same in two versions. Empty means that it was not there."""

    name: str
    before: str
    after: str


class VersionDiff(Model):
    """What is not the same in two versions. `document` is a unified diff; empty where the documents are equal.

    `functions` are the versions of library functions that they use, `lookups` the tables behind their lookups.
    """

    flow: str
    before: int
    after: int
    same: bool
    document: str
    bindings: list[Change]
    functions: list[Change]
    lookups: list[Change]
    schedule: Change | None


class DeploymentEntry(Model):
    """A deployment that was asked for, or an undeployment. `version` is what it made or withdrew.

    `message` and `remedy` say why it made none; `lines` how far it got.
    """

    started_at: datetime
    ended_at: datetime | None
    asked_by: str
    note: str
    outcome: Outcome
    version: int | None
    code: str
    message: str
    remedy: str
    lines: list[str]


class PastFlow(Model):
    """A processflow that is not deployed any more, and whose history is kept."""

    name: str
    last_version: int
    deployed_at: datetime
    deployed_by: str


class FlowHistory(Model):
    """How much is kept of a processflow; `text` says what deleting it means.

    `waiting_events` are records of events that were received and not yet processed.
    """

    name: str
    deployed: bool
    versions: int
    runs: int
    records: int
    bookmarks: int
    scheduled: bool
    waiting_events: int
    text: str
