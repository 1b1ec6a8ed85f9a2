"""Where a failed record is cured: a target that front ends lead to.

Targets are `processflow:<name>#<node>`, `app-configuration:<id>`, `lookup:<name>`, and `guide:errors#<class>`, the page
of the guide, where the record itself or something in the destination has to be mended.
"""

from __future__ import annotations

from agent.domain.error_classes import CLASSES, CuredAt, ErrorClass
from agent.domain.errors import AgentError
from agent.domain.packet import SyncState
from agent.service.deployment.compiled import CompiledFlows
from agent.store.flows.deployments import Deployment, DeploymentStore
from agent.store.records.sync_info import SyncRow

_NODE = "node:"


class Cures:
    """Finds the places. One processflow is looked at once for a whole page."""

    def __init__(self, deployments: DeploymentStore, compiled: CompiledFlows) -> None:
        self._deployments, self._compiled = deployments, compiled

    def of(self, flow: str) -> FlowCures:
        """Those of the records of a processflow, which may be undeployed."""
        deployed = next((one for one in self._deployments.active() if one.flow == flow), None)
        return FlowCures(flow, self._configurations(deployed) if deployed is not None else {})

    def _configurations(self, deployed: Deployment) -> dict[str, str]:
        """The App Configuration that each POST writes to."""
        try:
            flow = self._compiled.get(deployed)
        except AgentError:
            return {}
        posts = (post for stage in flow.all_stages for post in stage.posts)
        return {post.id: deployed.bindings.get(post.credential, "") for post in posts}


class FlowCures:
    """The places of one processflow. `configurations` leads from POST nodes to App Configurations."""

    def __init__(self, flow: str, configurations: dict[str, str]) -> None:
        self._flow, self._configurations = flow, configurations

    def target(self, row: SyncRow) -> str:
        """Where this record is cured; empty where nothing is wrong with it."""
        if row.state is not SyncState.FAILED:
            return ""
        if row.cure.startswith(_NODE):
            return f"processflow:{self._flow}#{row.cure.removeprefix(_NODE)}"
        if row.cure:
            return row.cure
        cured_at = CLASSES[row.error_class].cured_at
        if cured_at is CuredAt.CONFIGURATION and self._configurations.get(row.node):
            return f"app-configuration:{self._configurations[row.node]}"
        if cured_at in (CuredAt.PROCESSFLOW, CuredAt.LOOKUP):
            return f"processflow:{self._flow}#{row.node}"
        return guide(row.error_class)


def guide(error_class: ErrorClass) -> str:
    """The place in the guide that explains a class."""
    return f"guide:errors#{error_class.value or 'other'}"
