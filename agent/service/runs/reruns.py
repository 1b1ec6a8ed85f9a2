"""Runs that do something else than read on: what was asked for is looked at, then the run is started with its plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agent.api import run_models
from agent.api.rerun_models import Execution, ReplayWindow, Resync
from agent.connectors.contract import Connector
from agent.domain.errors import ConfigurationError
from agent.domain.processflow import Processflow, Stage
from agent.domain.run_plan import Retry
from agent.engine.filters.plans import check_by_id, reads_by_id
from agent.service.deployment.compiled import CompiledFlows
from agent.service.library.filter_templates import FilterTemplates
from agent.service.runs.asked_plans import chosen_get, replay, runtime_filter, unknown_node
from agent.service.runs.runs import Runs
from agent.store.flows.deployments import DeploymentStore
from agent.store.library.filter_templates import TemplateKey
from agent.store.runs.plan_records import Choice
from agent.store.runs.runs import RunStore


class Reruns:
    """Starts such runs.

    Args:
        runs: Starts runs.
        rows: Writes a retry down with its records.
        deployments: What is deployed.
        compiled: The processflows.
        connectors: Names the apps.
        templates: Filter templates.
    """

    def __init__(
        self,
        *,
        runs: Runs,
        rows: RunStore,
        deployments: DeploymentStore,
        compiled: CompiledFlows,
        connectors: Mapping[str, Connector],
        templates: FilterTemplates,
    ) -> None:
        self._runs, self._rows, self._templates = runs, rows, templates
        self._deployments, self._compiled, self._connectors = deployments, compiled, connectors

    def resync(self, name: str, which: Resync, *, by: str) -> run_models.Run:
        """Try records again.

        Raises:
            NotFoundError: code `flow-not-found` or `node-unknown`.
            ConfigurationError: code `resync-empty`, `record-unknown`, `nothing-to-retry` or `retry-filter-missing`.
            ConflictError: as `Runs.start`.
        """
        if not which.ids and which.state is None:
            raise ConfigurationError(
                "Say which records are to be tried again.",
                code="resync-empty",
                remedy="Choose records by their ids, or all in a state, such as Failed.",
                field="ids",
            )
        stages = self._stages_of_posts(self._flow(name), which.node)
        able, refusal = _able_to_read_by_id(stages)
        if not able and refusal is not None:
            raise refusal
        choice = Choice(
            flow=name,
            nodes=[which.node] if which.node else [post.id for stage in able for post in stage.posts],
            ids=list(dict.fromkeys(which.ids)),
            states=[which.state] if which.state is not None else [],
            search=which.search.strip(),
        )
        try:
            return self._runs.start(name, Retry({}), by=by, write=lambda run: self._rows.retry(run, choice))
        except ConfigurationError as error:
            # Those that would fit may all be where nothing can be read by id.
            if refusal is not None and error.code in {"nothing-to-retry", "record-unknown"}:
                raise refusal from error
            raise

    def execute(self, name: str, execution: Execution | None, *, by: str) -> run_models.Run:
        """Run now, with a runtime filter where one is given.

        Raises:
            NotFoundError: code `flow-not-found`, `node-unknown` or `template-not-found`.
            ConfigurationError: code `node-needed`, `runtime-filter-empty`, or what is wrong with a clause.
            ConflictError: as `Runs.start`.
        """
        if execution is None or (execution.filter is None and not execution.template):
            return self._runs.start(name, by=by)
        flow, given = self._flow(name), list(execution.filter or ())
        if execution.template:
            get = chosen_get(flow, execution.node)
            app = flow.credentials.get(get.credential, "")
            given = [*self._templates.clauses(TemplateKey(app, get.schema, get.action, execution.template)), *given]
        plan = runtime_filter(flow, given, node=execution.node, connectors=self._connectors)
        return self._runs.start(name, plan, by=by)

    def replay(self, name: str, window: ReplayWindow, *, by: str) -> run_models.Run:
        """Read once more what changed in a window of time.

        Raises:
            NotFoundError: code `flow-not-found` or `node-unknown`.
            ConfigurationError: code `replay-window` or `replay-unsupported`.
            ConflictError: as `Runs.start`.
        """
        return self._runs.start(name, replay(self._flow(name), window), by=by)

    def _flow(self, name: str) -> Processflow:
        return self._compiled.get(self._deployments.get(name))

    def _stages_of_posts(self, flow: Processflow, node: str) -> list[Stage]:
        posts = {post.id: stage for stage in flow.all_stages for post in stage.posts}
        if not node:
            return [stage for stage in flow.all_stages if stage.posts]
        if node not in posts:
            raise unknown_node(node, posts)
        return [posts[node]]


def _able_to_read_by_id(stages: Sequence[Stage]) -> tuple[list[Stage], ConfigurationError | None]:
    """The stages whose sources can read chosen records again, and why another one cannot."""
    refusal: ConfigurationError | None = None
    for stage in stages:
        try:
            check_by_id(stage.source)
        except ConfigurationError as error:
            refusal = refusal or error
    return [stage for stage in stages if reads_by_id(stage.source)], refusal
