"""All that is kept of a processflow: told as a whole, and deleted as a whole once it is undeployed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from agent.api import deployment_models as models
from agent.domain.errors import AgentError
from agent.service.receiving.doors import signature_secret_name, url_secret_name
from agent.service.secrets import Secrets
from agent.service.upkeep.diagnosis import Diagnosis
from agent.service.upkeep.journal import ServiceJournal
from agent.store.flows.deployment_log import DeploymentLog
from agent.store.flows.deployments import DeploymentStore
from agent.store.flows.flow_history import Extent, FlowHistory


class FlowHistories:
    """The histories of every processflow.

    Args:
        secrets: Holds what opens the URL for its events.
        diagnosis: Holds samples and packets of its runs.
        journal: Hears of files that could not be deleted.
    """

    def __init__(
        self,
        *,
        deployments: DeploymentStore,
        log: DeploymentLog,
        history: FlowHistory,
        secrets: Secrets,
        diagnosis: Diagnosis,
        journal: ServiceJournal,
        clock: Callable[[], datetime],
    ) -> None:
        self._deployments, self._log, self._history = deployments, log, history
        self._secrets, self._diagnosis, self._journal, self._clock = secrets, diagnosis, journal, clock

    def get(self, flow: str) -> models.FlowHistory:
        """How much is kept of a processflow. Raises NotFoundError."""
        versions = self._deployments.versions(flow)
        if not self._log.page(flow, limit=1):
            self._deployments.require_kept(flow)
        deployed = any(one.active for one in versions)
        extent = self._history.extent(flow)
        return models.FlowHistory(
            name=flow, deployed=deployed, versions=extent.versions, runs=extent.runs, records=extent.records,
            bookmarks=extent.bookmarks, scheduled=extent.scheduled, waiting_events=extent.waiting_events,
            text=_what_goes(flow, extent),
        )  # fmt: skip

    def forgettable(self, flow: str) -> models.FlowHistory:
        """What `forget` would delete. Changes nothing, and raises as that does."""
        found = self.get(flow)
        self._history.require_forgettable(flow)
        return found

    def forget(self, flow: str, *, by: str) -> models.FlowHistory:
        """Delete all that is kept of an undeployed processflow. Returns what there was.

        Raises:
            NotFoundError: nothing is kept of it.
            ConflictError: code `still-deployed` or `already-running`.
            ConfigurationError: the vault is locked, and may hold secrets of it. Nothing is deleted then.
        """
        before = self.get(flow)
        names = (
            [url_secret_name(flow), signature_secret_name(flow)] if self._history.extent(flow).receives_events else []
        )
        runs = self._history.forget(flow, by=by, at=self._clock(), together=lambda: self._secrets.remove(names))
        self._diagnosis.packets.forget(runs)
        try:
            self._diagnosis.samples.forget(runs)
        except AgentError as error:
            self._journal.write("warning", f"{error.message} {error.remedy}", flow=flow, detail=error.detail)
        return before


def _what_goes(flow: str, extent: Extent) -> str:
    goes = [
        f"{count:,} {one if count == 1 else several}"
        for count, one, several in (
            (extent.versions, "version", "versions"),
            (extent.runs, "run with its packets and samples", "runs with their packets and samples"),
            (extent.records, "record of Sync Info", "records of Sync Info"),
            (extent.bookmarks, "bookmark", "bookmarks"),
            (int(extent.scheduled), "schedule", "schedules"),
            (extent.waiting_events, "received event record that still waits", "received event records that still wait"),
        )
        if count
    ]
    if extent.receives_events:
        goes.append("the URL for its events, which its senders then knock at in vain")
    return (
        f"Of {flow}, {', '.join([*goes, 'the deployment log'])} will be gone for ever; log and audit trail stay. "
        "If it is deployed again, it starts with version 1 and reads from the beginning: what it had written is "
        "compared with nothing."
    )
