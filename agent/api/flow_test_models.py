"""The contract's words for the tests inside a processflow."""

from __future__ import annotations

from agent.api.base_models import Model


class FlowTestResult(Model):
    """How one test went. `line` is where it stands; `differences` are sentences, none when it passed."""

    name: str
    line: int
    passed: bool
    differences: list[str]


class FlowTestReport(Model):
    """How the tests of a document went. `passed` is also true where there are none."""

    flow: str
    passed: bool
    results: list[FlowTestResult]
