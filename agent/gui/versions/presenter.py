"""Decides what the Versions dialog shows: every version, what differs in two, and going back to one. No Qt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from agent.api import flow_models, live_models
from agent.api.deployment_models import DeploymentEntry, RollBack, Version, VersionDiff
from agent.api.live_models import EventKind
from agent.domain.errors import AgentError
from agent.gui.calls import Call, Calls
from agent.gui.insisting import Insistence, Offer, offer

_LOG_ENTRIES = 100


class VersionsView(Protocol):
    """What the presenter needs of the dialog."""

    def show_versions(self, versions: list[Version]) -> None:
        """All of them, the newest first."""

    def show_log(self, entries: list[DeploymentEntry]) -> None:
        """What was deployed and undeployed, and what failed; the newest first."""

    def show_diff(self, diff: VersionDiff) -> None:
        """What is not the same in two versions."""

    def show_working(self) -> None:
        """It goes back to a version."""

    def show_line(self, number: int, line: str) -> None:
        """A numbered line of that deployment, as it happens."""

    def show_done(self, flow: flow_models.FlowDetail) -> None:
        """It has gone back."""

    def show_cancelled(self) -> None:
        """The operator did not wait."""

    def show_error(self, error: AgentError, offered: Offer | None) -> None:
        """What failed and what to do; where it can be insisted on, with the offer."""


class VersionsPresenter:
    """One dialog, of one processflow; it may be one that is not deployed any more."""

    def __init__(self, view: VersionsView, calls: Calls, flow: str, changed: Callable[[], object]) -> None:
        self._view, self._calls, self._flow, self._changed = view, calls, flow, changed
        self._comparing: Call | None = None
        self._working: Call | None = None
        self._wanted, self._given = 0, Insistence()

    def open(self) -> None:
        """Ask for versions and log."""
        flow = self._flow
        self._calls.start(lambda client: client.versions.all(flow), self._view.show_versions, self._failed)
        self._calls.start(
            lambda client: client.versions.log(flow, limit=_LOG_ENTRIES), self._view.show_log, self._failed
        )

    def compare(self, before: int, after: int) -> None:
        """Say what differs. A newer question replaces one that is under way."""
        if self._comparing is not None:
            self._comparing.cancel()
        flow = self._flow
        self._comparing = self._calls.start(
            lambda client: client.versions.diff(flow, before, after), self._view.show_diff, self._failed
        )

    def roll_back(self, version: int) -> None:
        """Go back: deploy that version again."""
        self._wanted, self._given = version, Insistence()
        self._deploy()

    def insist(self, given: Insistence) -> None:
        """Do it although it was refused."""
        self._given = given
        self._deploy()

    def cancel(self) -> None:
        """Stop asking; the service drops a deployment as a whole."""
        if self._working is not None:
            self._working.cancel()
            self._working = None
            self._view.show_cancelled()
            self.open()

    def on_event(self, event: live_models.Event) -> None:
        """Lines of the deployment, as they happen."""
        if event.kind is not EventKind.DEPLOYMENT or self._working is None:
            return
        try:
            line = live_models.DeploymentLine.model_validate(event.data)
        except ValueError:
            return
        if line.name == self._flow:
            self._view.show_line(line.number, line.line)

    def close(self) -> None:
        """Drop what is under way."""
        self._calls.cancel_all()

    def _deploy(self) -> None:
        if self._working is not None:
            return
        flow = self._flow
        request = RollBack(version=self._wanted, anyway=self._given.anyway, without_tests=self._given.without_tests)
        self._view.show_working()
        self._working = self._calls.start(
            lambda client: client.versions.roll_back(flow, request), self._deployed, self._refused
        )

    def _deployed(self, answer: flow_models.Deployed) -> None:
        self._working = None
        self._view.show_done(answer.flow)
        self._changed()
        self.open()

    def _refused(self, error: AgentError) -> None:
        self._working = None
        self._view.show_error(error, offer(error, self._given))

    def _failed(self, error: AgentError) -> None:
        self._view.show_error(error, None)
