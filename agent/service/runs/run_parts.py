"""What starts runs, put together: people, schedules, and retries by themselves."""

from __future__ import annotations

from collections.abc import Callable

from agent.service.apps.configuration_parts import ConfigurationParts
from agent.service.basics import Basics
from agent.service.library.filter_templates import FilterTemplates
from agent.service.runs.engine_parts import EngineParts
from agent.service.runs.reruns import Reruns
from agent.service.runs.retrying import Retrying
from agent.service.runs.runs import Runs
from agent.service.runs.scheduler import Scheduler, hindrance_of
from agent.service.runs.schedules import Schedules


class RunParts:
    """These parts of one service.

    Args:
        basics: What they stand on.
        engine: What carries the runs.
        connected: What the runs need of App Configurations.
        templates: Filters that runs may be started with.
        zone: The IANA name of the machine's time zone.
        changed: Told when something may start at another time than before.
    """

    def __init__(
        self,
        basics: Basics,
        engine: EngineParts,
        connected: ConfigurationParts,
        *,
        templates: FilterTemplates,
        zone: str,
        changed: Callable[[], None],
    ) -> None:
        stores, environment = basics.stores, engine.environment
        deployments, compiled = stores.deployments, engine.compiled
        self.schedules = Schedules(
            store=stores.schedules, deployments=deployments, hub=basics.hub, clock=basics.clock, zone=zone,
            changed=changed, by_events=lambda flow: compiled.get(deployments.get(flow)).starts_by_events,
        )  # fmt: skip
        self.runs = Runs(
            store=stores.runs, deployments=deployments, schedules=stores.schedules, retries=stores.retries,
            trips=connected.trips, queue=engine.worker, environment=environment, hub=basics.hub,
            require_bound=connected.choice.require, clock=basics.clock,
        )  # fmt: skip
        self.reruns = Reruns(
            runs=self.runs, rows=stores.runs, deployments=deployments, compiled=compiled,
            connectors=engine.connectors, templates=templates,
        )  # fmt: skip
        self.retrying = Retrying(
            store=stores.retries, deployments=deployments, compiled=compiled, runs=self.runs, rows=stores.runs,
            hindrance=lambda flow: hindrance_of(environment.state) or connected.hindrances().get(flow, ""),
            journal=basics.journal, hub=basics.hub, clock=basics.clock, zone=zone, changed=changed,
        )  # fmt: skip
        self.scheduler = Scheduler(
            store=stores.schedules, deployments=deployments, runs=self.runs, rows=stores.runs, hub=basics.hub,
            clock=basics.clock, state=lambda: environment.state, hindrances=connected.hindrances,
            journal=basics.journal, retries=self.retrying.look,
        )  # fmt: skip
