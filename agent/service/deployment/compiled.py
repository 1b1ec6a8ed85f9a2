"""Deployed documents, parsed and typed, kept in memory so that lists and slices need not parse them again.

This is what *Clear Cache* forgets: everything in here can be made again from the deployment.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping

from agent.connectors.contract import Connector
from agent.domain.processflow import Processflow
from agent.engine.documents.loading import load
from agent.store.configurations import ConfigurationRow, ConfigurationStore
from agent.store.flows.deployments import Deployment

_MOST_KEPT = 200


class CompiledFlows:
    """Parsed processflows by deployment and by the state of their configurations. Thread-safe."""

    def __init__(self, configurations: ConfigurationStore, connectors: Mapping[str, Connector]) -> None:
        self._configurations, self._connectors = configurations, connectors
        self._lock = threading.Lock()
        self._flows: OrderedDict[tuple[object, ...], tuple[Processflow, int]] = OrderedDict()

    def get(self, deployment: Deployment) -> Processflow:
        """The processflow of a deployment.

        Raises:
            ConfigurationError: code `processflow-invalid`: this version of the agent cannot read it.
        """
        bound: dict[str, ConfigurationRow] = {}
        for token, configuration_id in deployment.bindings.items():
            row = self._configurations.find(configuration_id)
            if row is not None:
                bound[token] = row
        states = tuple(sorted((token, row.id, row.saved_at) for token, row in bound.items()))
        # The time as well: where a history was deleted, versions begin with 1 again.
        key = (deployment.flow, deployment.version, deployment.deployed_at, states)
        with self._lock:
            if key in self._flows:
                self._flows.move_to_end(key)
                return self._flows[key][0]
        content = deployment.document.encode()
        flow = load(content, file=deployment.file, apps=self._connectors, bindings=bound)
        with self._lock:
            self._flows[key] = (flow, len(content))
            while len(self._flows) > _MOST_KEPT:
                self._flows.popitem(last=False)
        return flow

    def clear(self, *, dry_run: bool) -> tuple[int, int]:
        """Forget everything; returns how many processflows, and of how many bytes of documents."""
        with self._lock:
            found = (len(self._flows), sum(size for _, size in self._flows.values()))
            if not dry_run:
                self._flows.clear()
        return found
