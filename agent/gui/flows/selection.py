"""Which processflows are on show, where there are many: by text, by how they stand, and no more than fit. No Qt."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from agent.api import flow_models
from agent.domain.run import RunState

PAGE = 40
"""So many cards are made at once; more of them on demand."""


class Standing(StrEnum):
    """How a processflow stands."""

    ALL = "All"
    RUNNING = "Running"
    ATTENTION = "Needs attention"
    NEVER = "Never ran"


@dataclass(frozen=True, slots=True)
class Selection:
    """What was chosen."""

    text: str = ""
    standing: Standing = Standing.ALL
    limit: int = PAGE

    def narrowed(self, flows: list[flow_models.Flow]) -> list[flow_models.Flow]:
        """The processflows that fit, without regard to the limit."""
        words = self.text.casefold().split()
        return [
            flow for flow in flows if _stands(flow, self.standing) and all(word in _haystack(flow) for word in words)
        ]


def counts(flows: list[flow_models.Flow]) -> dict[Standing, int]:
    """How many stand how."""
    return {standing: sum(_stands(flow, standing) for flow in flows) for standing in Standing}


def needs_attention(flow: flow_models.Flow) -> bool:
    """Whether the last run failed, records are left behind, or nothing ran though it should have."""
    last = flow.last_run
    return (
        bool(flow.alert)
        or flow.failed_records > 0
        or (last is not None and last.state in (RunState.FAILED, RunState.PARTIAL))
    )


def _stands(flow: flow_models.Flow, standing: Standing) -> bool:
    if standing is Standing.RUNNING:
        return flow.active_run is not None
    if standing is Standing.ATTENTION:
        return needs_attention(flow)
    if standing is Standing.NEVER:
        return flow.last_run is None and flow.active_run is None
    return True


def _haystack(flow: flow_models.Flow) -> str:
    bound = " ".join(one.configuration_name for one in flow.bindings)
    return f"{flow.title} {flow.name} {flow.description} {bound}".casefold()
