"""What kinds of trouble end a run as a whole, as one table: what usually causes each kind, what helps, and where.

The message of a failed run says what happened to this one; its class says what it is an example of. Records that fail
alone have classes of their own, in `error_classes`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from agent.domain.errors import (
    AccessError,
    AgentError,
    CredentialsError,
    FatalError,
    TransientError,
)


class RunClass(StrEnum):
    """A kind of trouble. The values are stable: front ends and guides match on them."""

    NONE = ""
    """The run did not fail, or a version of the agent that knew no classes has ended it."""
    CONNECTION = "connection"
    CREDENTIALS = "credentials"
    ACCESS = "access"
    CONFIGURATION = "configuration"
    PROCESSFLOW = "processflow"
    RECORDS = "records"
    APP = "app"
    AGENT = "agent"


class RunCuredAt(StrEnum):
    """Where a kind of trouble is usually cured."""

    NOWHERE = ""
    CONFIGURATION = "configuration"
    PROCESSFLOW = "processflow"
    RECORDS = "records"


@dataclass(frozen=True, slots=True)
class RunExplained:
    """One line of the table, for people."""

    title: str
    cause: str
    cured_at: RunCuredAt = RunCuredAt.NOWHERE


@dataclass(frozen=True, slots=True)
class RunFault:
    """Why a run failed as a whole. `cure` is what has to be mended, where that is known: a target that front ends lead
    to, such as `app-configuration:<id>` or `processflow:<name>#<node>`."""

    error_class: RunClass
    cure: str = ""


NO_FAULT = RunFault(RunClass.NONE)

RUN_CLASSES: Mapping[RunClass, RunExplained] = {
    RunClass.CONNECTION: RunExplained(
        "No connection", "The app did not answer for long, or broke its answers off again and again: it was down, or "
        "the network, a proxy or a firewall lay in between.", RunCuredAt.CONFIGURATION,
    ),
    RunClass.CREDENTIALS: RunExplained(
        "Credentials refused", "The app does not take the credentials of the App Configuration: they were changed, "
        "withdrawn, or have expired.", RunCuredAt.CONFIGURATION,
    ),
    RunClass.ACCESS: RunExplained(
        "Access not granted", "The app knows the account, and does not let it do what the processflow asks for.",
        RunCuredAt.CONFIGURATION,
    ),
    RunClass.CONFIGURATION: RunExplained(
        "App Configuration", "An App Configuration is missing or incomplete, or leads to a place that is not there.",
        RunCuredAt.CONFIGURATION,
    ),
    RunClass.PROCESSFLOW: RunExplained(
        "Processflow", "The processflow asks for something that the app does not have or do: a table, a column, a "
        "filter, an action.", RunCuredAt.PROCESSFLOW,
    ),
    RunClass.RECORDS: RunExplained(
        "Too many records failed", "Every record failed, or so many that the run stopped instead of failing them all. "
        "Then the mapping or the destination is wrong, not the records.", RunCuredAt.RECORDS,
    ),
    RunClass.APP: RunExplained(
        "Trouble in the app", "The app answered with an error of its own, or in a way that the agent does not know.",
        RunCuredAt.CONFIGURATION,
    ),
    RunClass.AGENT: RunExplained(
        "Trouble in the agent", "Something in the agent itself went wrong: its database, its disk, or a fault that "
        "nobody foresaw.",
    ),
}  # fmt: skip
"""Every class of a failed run, explained."""

TOO_MANY_FAILURES = "too-many-failures"
"""The code of the error that stops a run in which too many records fail."""

_BY_CODE: Mapping[str, RunClass] = {
    TOO_MANY_FAILURES: RunClass.RECORDS,
    **dict.fromkeys(("not-permitted", "file-not-permitted", "folder-read-only"), RunClass.ACCESS),
    **dict.fromkeys(
        (
            "source-application-not-found", "address", "tls", "tls-demanded", "tls-unsupported", "tls-untrusted",
            "tls-wrong-name", "tls-failed", "ca-file-unusable", "proxy", "redirected", "not-the-api", "host-unknown",
            "path-format", "folder-missing", "file-missing", "not-a-database", "database-unknown", "payment-required",
            "plan-limit", "username-format", "token-format", "api-path-format", "account-level-path", "legacy-account",
            "legacy-path-for-token",
        ),
        RunClass.CONFIGURATION,
    ),
}  # fmt: skip


def run_class(error: BaseException, *, at_app: bool) -> RunClass:
    """What kind of trouble ended a run.

    Args:
        error: What was raised.
        at_app: Whether it was raised while a node talked to its app.
    """
    if not isinstance(error, AgentError):
        return RunClass.AGENT
    if isinstance(error, CredentialsError):
        return RunClass.CREDENTIALS
    if isinstance(error, AccessError):
        return RunClass.ACCESS
    if (known := _BY_CODE.get(error.code)) is not None:
        return known
    if isinstance(error, TransientError):
        return RunClass.CONNECTION if at_app else RunClass.AGENT
    if isinstance(error, FatalError):
        return RunClass.APP if at_app else RunClass.AGENT
    return RunClass.PROCESSFLOW


def known_run_class(code: str) -> RunClass:
    """The class of that code; none where a newer agent may have written it."""
    try:
        return RunClass(code)
    except ValueError:
        return RunClass.NONE
