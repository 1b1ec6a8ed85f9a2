"""Decides what the Clear dialog does. No Qt."""

from __future__ import annotations

from typing import Protocol

from agent.api import clearing_models, flow_models
from agent.domain.errors import AgentError
from agent.gui.calls import Calls
from agent.gui.catalog import Catalog


class ClearView(Protocol):
    """What the presenter needs of the dialog."""

    def show_busy(self, text: str) -> None:
        """The service is at it."""

    def show_preview(self, report: clearing_models.ClearReport) -> None:
        """What would go; ask."""

    def show_cleared(self, report: clearing_models.ClearReport, flows: int) -> None:
        """What went; offer to redeploy, where something is deployed."""

    def show_redeployed(self, title: str, left: int) -> None:
        """One processflow is deployed again."""

    def show_all_redeployed(self) -> None:
        """All are."""

    def show_error(self, error: AgentError) -> None:
        """What failed and what to do."""


class ClearPresenter:
    """One dialog, for Temp or for Cache."""

    def __init__(self, view: ClearView, calls: Calls, catalog: Catalog, target: clearing_models.ClearTarget) -> None:
        self._view, self._calls, self._catalog, self._target = view, calls, catalog, target
        self._left: list[str] = []

    def open(self) -> None:
        """Ask what would go."""
        self._view.show_busy("Counting …")
        self._calls.start(
            lambda client: client.clear_preview(self._target), self._view.show_preview, self._view.show_error
        )

    def clear(self) -> None:
        """The operator said yes."""
        self._view.show_busy("Clearing …")
        self._calls.start(lambda client: client.clear(self._target), self._on_cleared, self._view.show_error)

    def redeploy(self) -> None:
        """Deploy every processflow again, with its own document and bindings."""
        self._left = [flow.name for flow in self._catalog.flows]
        self._next()

    def close(self) -> None:
        """The dialog goes; what was not begun is not."""
        self._calls.cancel_all()

    def _on_cleared(self, report: clearing_models.ClearReport) -> None:
        self._view.show_cleared(report, len(self._catalog.flows))

    def _next(self) -> None:
        if not self._left:
            self._view.show_all_redeployed()
            self._catalog.refresh()
            return
        name = self._left.pop(0)
        self._view.show_busy(f"Redeploying {self._catalog.flow_title(name)} …")
        self._calls.start(lambda client: client.flow(name), self._deploy, self._view.show_error)

    def _deploy(self, flow: flow_models.FlowDetail) -> None:
        request = flow_models.DocumentRequest(
            document=flow.document,
            file=f"{flow.name}.yaml",
            bindings={binding.token: binding.configuration for binding in flow.bindings},
            note="Redeployed after clearing",
        )
        self._calls.start(lambda client: client.deploy(request), self._on_deployed, self._view.show_error)

    def _on_deployed(self, answer: flow_models.Deployed) -> None:
        self._view.show_redeployed(answer.flow.title or answer.flow.name, len(self._left))
        self._next()
