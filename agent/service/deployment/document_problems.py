"""What is wrong in a document, as an error of a request."""

from __future__ import annotations

from collections.abc import Sequence

from agent.domain.errors import ConfigurationError
from agent.domain.processflow import Problem


def invalid(problems: Sequence[Problem], *, what: str = "The processflow was not deployed.") -> ConfigurationError:
    """The error of a document that is not right; `what` was not done therefore."""
    more = f" {len(problems) - 1} more problems follow it." if len(problems) > 1 else ""
    return ConfigurationError(
        f"{what} {problems[0]}{more}",
        code="processflow-invalid",
        remedy="Correct the document, then try again; “opagent flow check” lists everything.",
        detail="; ".join(str(problem) for problem in problems[:10]),
    )
