"""Finds out what kind of trouble ended a run, and what has to be mended: the App Configuration or node to blame."""

from __future__ import annotations

from agent.domain.processflow import GetNode, PostNode, Processflow
from agent.domain.run_classes import RUN_CLASSES, RunCuredAt, RunFault, run_class
from agent.engine.running.guarded import RefusedError
from agent.engine.walking.blame import blamed
from agent.store.flows.deployments import Deployment


def fault_of(error: BaseException, deployment: Deployment, flow: Processflow | None) -> RunFault:
    """Why a run of this version failed. `flow` is None where the version cannot be read."""
    node = blamed(error) if isinstance(error, Exception) else ""
    app_node = _app_node(flow, node) if flow is not None else None
    found = run_class(error, at_app=app_node is not None)
    match RUN_CLASSES[found].cured_at:
        case RunCuredAt.CONFIGURATION:
            if isinstance(error, RefusedError):
                return RunFault(found, f"app-configuration:{error.used.id}")
            bound = deployment.bindings.get(app_node.credential) if app_node is not None else None
            return RunFault(found, f"app-configuration:{bound}" if bound else "")
        case RunCuredAt.PROCESSFLOW:
            return RunFault(
                found, f"processflow:{deployment.flow}#{node}" if node else f"processflow:{deployment.flow}"
            )
        case RunCuredAt.RECORDS:
            return RunFault(found, f"sync-info:{deployment.flow}")
    return RunFault(found)


def _app_node(flow: Processflow, node: str) -> GetNode | PostNode | None:
    for stage in flow.all_stages:
        for one in (stage.source, *stage.posts):
            if isinstance(one, GetNode | PostNode) and one.id == node:
                return one
    return None
