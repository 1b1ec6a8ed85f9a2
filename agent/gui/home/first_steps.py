"""The way from an empty agent to the first run, as steps that tick themselves off. No Qt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agent.api import service_models
from agent.api.app_models import AppStatus
from agent.api.service_models import EnvironmentState
from agent.gui.catalog import Catalog
from agent.gui.panel import Navigator


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what it is for, whether it is done, and the button that leads to it."""

    key: str
    title: str
    text: str
    done: bool
    action: str
    act: Callable[[], object]


def first_steps(catalog: Catalog, state: service_models.ServiceState | None, go: Navigator) -> list[Step]:
    """The steps, or none once a processflow has run."""
    ran = any(flow.last_run or flow.active_run for flow in catalog.flows)
    if state is None or ran:
        return []
    return [
        Step(
            "vault", "Set up the vault",
            "It keeps the credentials of your apps encrypted on this computer.",
            state.vault.state == "open", "Set up…", go.open_vault,
        ),
        Step(
            "apps", "Connect your apps",
            "Enter the credentials of your store and of the database or folder, validate and save them.",
            _connected(catalog), "App Configurations", go.open_apps,
        ),
        Step(
            "environment", "Enable the environment",
            "Tick Enable Environment, so that processflows can be deployed and run, also while this window is closed.",
            state.environment is EnvironmentState.RUNNING, "Settings", go.open_settings,
        ),
        Step(
            "deploy", "Deploy a processflow",
            "It says what is fetched, how it is mapped and where it goes. Begin with one of the samples.",
            bool(catalog.flows), "Deploy…", go.open_deploy,
        ),
        Step(
            "execute", "Execute it",
            "Watch it run, then look at each record in Sync Info.",
            ran, "Processflows", go.open_flows,
        ),
    ]  # fmt: skip


def _connected(catalog: Catalog) -> bool:
    """Two apps take part in a processflow; both count once they were validated."""
    return sum(app.status is AppStatus.VALIDATED for app in catalog.apps) >= min(2, max(len(catalog.apps), 1))
