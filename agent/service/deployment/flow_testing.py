"""Runs the tests of documents for whoever asks, and for deployments. No app is asked."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping

from agent.api import flow_models
from agent.api.flow_test_models import FlowTestReport, FlowTestResult
from agent.connectors.contract import Connector
from agent.domain.processflow import Processflow
from agent.engine.checking.check import check
from agent.engine.documents.document import parse
from agent.engine.documents.loading import load
from agent.engine.expressions.vocabularies import Pins, Vocabularies
from agent.engine.expressions.vocabulary import Vocabulary
from agent.engine.previewing.flow_tests import run_flow_tests
from agent.service.apps.chosen_bindings import BindingChoice
from agent.service.deployment.companions import Companions
from agent.service.deployment.compiled import CompiledFlows
from agent.service.deployment.document_problems import invalid
from agent.store.flows.deployments import DeploymentStore


class FlowTesting:
    """Runs tests in a thread; they end when nobody waits for them any more."""

    def __init__(
        self,
        *,
        choice: BindingChoice,
        connectors: Mapping[str, Connector],
        vocabularies: Vocabularies,
        companions: Companions,
        deployments: DeploymentStore,
        compiled: CompiledFlows,
    ) -> None:
        self._choice, self._connectors = choice, connectors
        self._vocabularies, self._companions = vocabularies, companions
        self._deployments, self._compiled = deployments, compiled

    async def test(self, request: flow_models.DocumentRequest) -> FlowTestReport:
        """Run the tests of a document, with the functions and lookups that there are now.

        Raises:
            ConfigurationError: code `processflow-invalid`: there is nothing to test before the document is right;
                `configuration-unknown`, or `tests-too-long`.
        """
        flow, vocabulary = await asyncio.to_thread(self._prepared, request)
        return await self.run(flow, vocabulary)

    async def test_deployed(self, name: str) -> FlowTestReport:
        """Run the tests of a deployed processflow, with the functions and lookups that it runs with.

        Raises:
            NotFoundError: code `flow-not-found`.
            ConfigurationError: as `test`.
        """
        deployment = await asyncio.to_thread(self._deployments.get, name)
        flow = await asyncio.to_thread(self._compiled.get, deployment)
        vocabulary = await asyncio.to_thread(self._vocabularies.of, deployment)
        return await self.run(flow, vocabulary)

    async def run(self, flow: Processflow, vocabulary: Vocabulary) -> FlowTestReport:
        """Run the tests of a processflow with types. Raises ConfigurationError, code `tests-too-long`."""
        stop = threading.Event()
        try:
            tested = await asyncio.to_thread(run_flow_tests, flow, vocabulary, stopped=stop.is_set)
        finally:
            stop.set()
        results = [
            FlowTestResult(name=one.name, line=one.line, passed=not one.differences, differences=list(one.differences))
            for one in tested
        ]
        return FlowTestReport(flow=flow.name, passed=all(one.passed for one in results), results=results)

    def _prepared(self, request: flow_models.DocumentRequest) -> tuple[Processflow, Vocabulary]:
        document, there = request.document, self._vocabularies.known()
        bound = self._choice.named(request.bindings) or None
        brought = self._companions.coming(document, there)
        known = brought.beside(there)
        problems = check(
            parse(document.encode(), file=request.file), self._connectors, known=known, lookups=request.lookups
        )
        if problems:
            raise invalid(problems, what="The tests were not run.")
        flow = load(document.encode(), file=request.file, apps=self._connectors, bindings=bound)
        found = brought.vocabulary(Pins({}, {**flow.lookups, **request.lookups}), self._vocabularies)
        return flow, Vocabulary(known.functions, found.lookups)
