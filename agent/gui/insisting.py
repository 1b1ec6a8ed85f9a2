"""What can be insisted on where a deployment was refused: an app that fails its check, tests that fail. No Qt."""

from __future__ import annotations

from dataclasses import dataclass, replace

from agent.domain.errors import AgentError


@dataclass(frozen=True, slots=True)
class Insistence:
    """What a deployment passes over, since somebody said so."""

    anyway: bool = False
    without_tests: bool = False


@dataclass(frozen=True, slots=True)
class Offer:
    """What the operator may insist on: the words of the button, and of the question that comes before."""

    action: str
    title: str
    text: str
    given: Insistence


def offer(error: AgentError, given: Insistence) -> Offer | None:
    """What can be insisted on after this refusal, besides what was insisted on before; None where nothing can."""
    if error.code == "configuration-failed" and not given.anyway:
        return Offer(
            "Deploy anyway…",
            "Deploy although the app does not answer well?",
            "The processflow is deployed with the App Configuration that failed its check. Its runs fail or wait until "
            "that is corrected. The version says for ever that it was deployed so.",
            replace(given, anyway=True),
        )
    if error.code == "tests-failed" and not given.without_tests:
        return Offer(
            "Deploy without the tests…",
            "Deploy although its tests fail?",
            "The tests say what the processflow is meant to write. It may write something else to your apps. Who wrote "
            "the processflow should know first. The version says for ever that its tests were not run.",
            replace(given, without_tests=True),
        )
    return None
