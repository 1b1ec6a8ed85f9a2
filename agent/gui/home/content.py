"""What Home shows, worked out from the catalog and the service's state. No Qt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from agent.api import configuration_models, flow_models, run_models, service_models
from agent.api.alert_models import AlertCode
from agent.api.app_models import AppStatus
from agent.api.configuration_models import ConfigurationState
from agent.api.service_models import EnvironmentState
from agent.domain.packet import SyncState
from agent.domain.run import RunState
from agent.gui import formats
from agent.gui.catalog import Catalog
from agent.gui.cures import act_for
from agent.gui.home.first_steps import Step, first_steps
from agent.gui.panel import Navigator
from agent.gui.tones import Tone

_EARLIER = "They failed in an earlier run and are still waiting for you."
MOST_FLOWS = 5
"""More failed processflows than this are counted, not listed."""


@dataclass(frozen=True, slots=True)
class Attention:
    """Something that needs a person, and the button that leads to the cure."""

    key: str
    tone: Tone
    title: str
    text: str
    action: str
    act: Callable[[], object]
    dismiss: Callable[[], object] | None = None
    """For what is only told: takes it away once it was read."""
    alert: str = ""
    """The id of the alert that says the same; one that was acknowledged is not listed here any more."""


@dataclass(frozen=True, slots=True)
class Running:
    """A run under way."""

    flow: str
    title: str
    run: run_models.Run
    now: datetime
    halted: bool


@dataclass(frozen=True, slots=True)
class HomeContent:
    """All of it."""

    steps: list[Step]
    running: list[Running]
    attention: list[Attention]
    flows: list[flow_models.Flow]
    now: datetime
    alerts: int = 0
    """How many alerts there are, with those that were acknowledged."""


def content(
    catalog: Catalog,
    state: service_models.ServiceState | None,
    go: Navigator,
    now: datetime,
    *,
    dismissed: Callable[[], object] | None = None,
) -> HomeContent:
    """Home as it is now. `dismissed` is told that the news of an unexpected end were read; None where they were."""
    halted = is_halted(state)
    running = [
        Running(flow.name, flow.title or flow.name, flow.active_run, now, halted)
        for flow in catalog.flows
        if flow.active_run
    ]
    steps = first_steps(catalog, state, go)
    known = {step.key for step in steps}  # what a step says is not said a second time
    attention = [
        item for item in _of_service(state, go, dismissed, has_flows=bool(catalog.flows)) if item.key not in known
    ]
    others = [*_of_storage(catalog, go), *_of_retries(catalog, go)]
    attention += [item for item in others if not catalog.acknowledged(item.alert)]
    attention += [item for item in _of_apps(catalog, go) if not catalog.acknowledged(item.alert)]
    of_flows = [
        item for flow in catalog.flows for item in _of_flow(flow, go, now) if not catalog.acknowledged(item.alert)
    ]
    attention += of_flows[:MOST_FLOWS]
    if len(of_flows) > MOST_FLOWS:
        attention.append(_of_others(len(of_flows) - MOST_FLOWS, go))
    return HomeContent(steps, running, attention, catalog.flows, now, len(catalog.alerts.items))


def is_halted(state: service_models.ServiceState | None) -> bool:
    """Whether runs stand still, since the environment is off."""
    return state is not None and state.environment is EnvironmentState.STOPPED


def _of_service(
    state: service_models.ServiceState | None, go: Navigator, dismissed: Callable[[], object] | None, *, has_flows: bool
) -> list[Attention]:
    if state is None:
        return []
    found = []
    if state.vault.state != "open":
        text = state.vault.cure or "Credentials cannot be read or saved until it is open."
        title = (
            "The vault is not set up yet" if state.vault.state == "not set up" else f"The vault is {state.vault.state}"
        )
        found.append(Attention("vault", Tone.ERROR, title, text, "Open the vault", go.open_vault))
    if state.environment is EnvironmentState.STOPPED and has_flows:
        text = "Scheduled processflows do not run and nothing can be executed."
        found.append(
            Attention("environment", Tone.WARN, "Environment is not enabled", text, "Open Settings", go.open_settings)
        )
    if dismissed is not None and state.last_end is not None and not state.last_end.clean:
        when = f" at {formats.local(state.last_end.at)}" if state.last_end.at else ""
        found.append(
            Attention(
                "last-end", Tone.WARN, f"The service ended unexpectedly{when}",
                f"{state.last_end.reason} Runs under way went on from their last checkpoint.".strip(),
                "Show the log", go.open_log, dismissed,
            )
        )  # fmt: skip
    return found


def _of_storage(catalog: Catalog, go: Navigator) -> list[Attention]:
    """What keeps the agent from writing down what it does, or soon will."""
    tones = {AlertCode.DATABASE: Tone.ERROR, AlertCode.DISK: Tone.WARN}
    return [
        Attention(one.id, tones[one.code], one.text, one.remedy, "Show the log", go.open_log, alert=one.id)
        for one in catalog.alerts.items
        if one.code in tones
    ]


def _of_retries(catalog: Catalog, go: Navigator) -> list[Attention]:
    """Failed records that were not tried again when they should have been."""
    return [
        Attention(one.id, Tone.WARN, one.text, one.remedy, "Show", partial(go.open_flows, one.flow), alert=one.id)
        for one in catalog.alerts.items
        if one.code is AlertCode.RETRY_HELD
    ]


def _of_apps(catalog: Catalog, go: Navigator) -> list[Attention]:
    broken = [
        Attention(
            f"app-{app.id}", Tone.ERROR, f"{app.name}: {app.problem.title}", app.problem.remedy, "Show", go.open_apps
        )
        for app in catalog.apps
        if app.status is AppStatus.BROKEN and app.problem is not None
    ]
    wrong = [one for one in catalog.configurations if one.tripped or one.state is ConfigurationState.FAILED]
    return broken + [_of_configuration(one, catalog.app_name(one.app), go) for one in wrong]


def _of_configuration(one: configuration_models.Configuration, app: str, go: Navigator) -> Attention:
    if one.tripped is not None:
        text = f"{one.tripped.message} {one.tripped.remedy}".strip()
        title = f"{app} “{one.name}”: credentials refused, its processflows wait"
        return Attention(
            f"configuration-{one.id}", Tone.ERROR, title, text, "Edit", lambda: go.edit_configuration(one.id),
            alert=f"{AlertCode.CONFIGURATION_TRIPPED.value}:{one.id}",
        )  # fmt: skip
    title = f"{app} “{one.name}”: validation failed"
    return Attention(
        f"configuration-{one.id}", Tone.ERROR, title, one.message, "Edit", lambda: go.edit_configuration(one.id)
    )


def _of_others(count: int, go: Navigator) -> Attention:
    title = f"{formats.plural(count, 'more processflow')} failed or left records behind"
    return Attention("others", Tone.WARN, title, "", "Show all", lambda: go.open_flows(attention=True))


def _of_flow(flow: flow_models.Flow, go: Navigator, now: datetime) -> list[Attention]:
    title = flow.title or flow.name
    found = []
    if flow.alert:
        found.append(
            Attention(
                f"alert-{flow.name}", Tone.WARN, f"{title}: did not run when it should have", flow.alert,
                "Show", lambda: go.open_flows(flow.name), alert=f"{AlertCode.SCHEDULE_HELD.value}:{flow.name}",
            )
        )  # fmt: skip
    last = flow.last_run
    if last is not None and last.state in (RunState.FAILED, RunState.PARTIAL):
        when = formats.relative(last.ended_at, now)
        found.append(_of_run(flow, last, f"{title}: {last.state.value.lower()} {when}", go))
    elif flow.failed_records:
        count = formats.plural(flow.failed_records, "failed record")
        found.append(_of_records(flow, f"{title}: {count}", _EARLIER, go))
    return found


def _of_run(flow: flow_models.Flow, last: run_models.Run, title: str, go: Navigator) -> Attention:
    text = f"{last.message} {last.remedy}".strip()
    if last.state is RunState.PARTIAL or flow.failed_records:
        count = flow.failed_records or last.counts.failed
        return _of_records(flow, title, text or f"{formats.plural(count, 'record')} failed.", go)
    act, way = "Show the log", lambda: go.open_log(flow.name, last.id)
    if last.error_title:
        title, text = f"{title}: {last.error_title}", f"{text} {last.cause}".strip()
    if words := act_for(last.target):
        act, way = words, lambda: go.open_cure(last.target)
    return Attention(
        f"flow-{flow.name}", Tone.ERROR, title, text or "The log says why.", act, way,
        alert=f"{AlertCode.RUN_FAILED.value}:{flow.name}",
    )  # fmt: skip


def _of_records(flow: flow_models.Flow, title: str, text: str, go: Navigator) -> Attention:
    return Attention(
        f"flow-{flow.name}", Tone.WARN, title, text,
        "Show records", lambda: go.open_sync_info(flow.name, SyncState.FAILED),
        alert=f"{AlertCode.RECORDS_FAILED.value}:{flow.name}",
    )  # fmt: skip
