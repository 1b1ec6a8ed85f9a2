"""Runs the tests of documents for whoever asks, and for deployments. No app is asked."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping

from agent.api import models
from agent.api.flow_test_models import FlowTestReport, FlowTestResult
from agent.connectors.contract import Connector
from agent.domain.processflow import Processflow
from agent.engine.catalogue import Bound
from agent.engine.check import check
from agent.engine.document import parse
from agent.engine.flow_tests import run_flow_tests
from agent.engine.loading import load
from agent.service.chosen_bindings import BindingChoice
from agent.service.document_problems import invalid


class FlowTesting:
    """Runs tests in a thread; they end when nobody waits for them any more."""

    def __init__(self, *, choice: BindingChoice, connectors: Mapping[str, Connector]) -> None:
        self._choice, self._connectors = choice, connectors

    async def test(self, request: models.DocumentRequest) -> FlowTestReport:
        """Run the tests of a document.

        Raises:
            ConfigurationError: code `processflow-invalid`: there is nothing to test before the document is right;
                `configuration-unknown`, or `tests-too-long`.
        """
        flow = await asyncio.to_thread(self._checked, request)
        return await self.run(flow)

    async def run(self, flow: Processflow) -> FlowTestReport:
        """Run the tests of a processflow with types. Raises ConfigurationError, code `tests-too-long`."""
        stop = threading.Event()
        try:
            tested = await asyncio.to_thread(run_flow_tests, flow, stopped=stop.is_set)
        finally:
            stop.set()
        results = [
            FlowTestResult(name=one.name, line=one.line, passed=not one.differences, differences=list(one.differences))
            for one in tested
        ]
        return FlowTestReport(flow=flow.name, passed=all(one.passed for one in results), results=results)

    def typed(self, request: models.DocumentRequest, bound: Mapping[str, Bound] | None) -> Processflow:
        """The processflow of a document that was found right."""
        return load(request.document.encode(), file=request.file, apps=self._connectors, bindings=bound)

    def _checked(self, request: models.DocumentRequest) -> Processflow:
        bound = self._choice.named(request.bindings)
        problems = check(parse(request.document.encode(), file=request.file), self._connectors)
        if problems:
            raise invalid(problems, what="The tests were not run.")
        return self.typed(request, bound)
