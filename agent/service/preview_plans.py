"""From a request for a preview to what is previewed: a deployed version, or a document with its bindings. Everything
that can be refused at once is refused here, before anything is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from agent.api.models import DocumentRequest
from agent.api.preview_models import PreviewClause, PreviewRequest
from agent.connectors.contract import Connector
from agent.domain.clauses import Clause
from agent.domain.errors import ConfigurationError
from agent.domain.processflow import Processflow
from agent.domain.run_plan import NORMAL, Replay, RunPlan, RuntimeFilter
from agent.engine.bindings import Bindings
from agent.engine.check import check
from agent.engine.document import parse
from agent.engine.loading import load
from agent.engine.plans import check_replay
from agent.engine.previewing import Previewed
from agent.service.compiled import CompiledFlows
from agent.service.environment import Environment
from agent.store.configurations import ConfigurationRow
from agent.store.deployments import DeploymentStore

Bind = Callable[[str, Mapping[str, str], Mapping[str, str]], Mapping[str, ConfigurationRow]]
"""Chooses App Configurations: for a processflow's name, its credential tokens with their apps, and what was asked."""


@dataclass(frozen=True, slots=True)
class PreviewParts:
    """What previews work with."""

    deployments: DeploymentStore
    compiled: CompiledFlows
    connectors: Mapping[str, Connector]
    connections: Bindings
    environment: Environment
    bind: Bind


def planned(request: PreviewRequest, parts: PreviewParts) -> Previewed:
    """What is to be previewed.

    Raises:
        ConflictError: code `environment-not-enabled`, or `environment-starting` while the vault is not open.
        NotFoundError: code `flow-not-found`.
        ConfigurationError: code `preview-unclear`, `processflow-invalid`, `preview-filter`, `replay-unsupported`, or
            what is wrong with a binding.
    """
    parts.environment.require()
    if bool(request.flow) is (request.document is not None):
        raise ConfigurationError(
            "It is not clear what is to be previewed.",
            code="preview-unclear",
            remedy="Give the name of a deployed processflow, or a document, and not both.",
            field="flow",
        )
    if request.document is not None:
        flow, bindings, version = *_of_document(request.document, parts), None
    else:
        deployment = parts.deployments.get(request.flow)
        flow, bindings, version = parts.compiled.get(deployment), deployment.bindings, deployment.version
    for stage in flow.all_stages:
        for node in (stage.source, *stage.posts):
            # Opens nothing yet, but says whether a configuration and its secrets are there.
            parts.connections.connection(node, flow, bindings)
    return Previewed(flow, bindings, version, request.limit or None, plan=_plan(flow, request))


def _of_document(request: DocumentRequest, parts: PreviewParts) -> tuple[Processflow, Mapping[str, str]]:
    content = request.document.encode()
    document = parse(content, file=request.file)
    if document.flow is None:
        raise _invalid(list(map(str, document.problems)))
    bound = parts.bind(document.flow.name, document.flow.credentials, request.bindings)
    if problems := check(document, parts.connectors, bound):
        raise _invalid(list(map(str, problems)))
    flow = load(content, file=request.file, apps=parts.connectors, bindings=bound)
    return flow, {token: row.id for token, row in bound.items()}


def _plan(flow: Processflow, request: PreviewRequest) -> RunPlan:
    if request.since is None and request.until is None:
        return RuntimeFilter(_filters(flow, request.filter)) if request.filter else NORMAL
    if request.since is None or request.until is None or request.since > request.until or request.filter:
        raise ConfigurationError(
            "It is not clear what is to be read.",
            code="preview-unclear",
            remedy="Give both ends of a window of time, the earlier one first, or a filter, and not both.",
            field="since",
        )
    refusals: list[ConfigurationError] = []
    nodes = []
    for stage in flow.all_stages:
        try:
            check_replay(stage.source)
        except ConfigurationError as error:
            refusals.append(error)
        else:
            nodes.append(stage.source.id)
    if not nodes:
        raise refusals[0]
    return Replay(request.since, request.until, tuple(nodes))


def _filters(flow: Processflow, given: Sequence[PreviewClause]) -> dict[str, tuple[Clause, ...]]:
    sources = [stage.source.id for stage in flow.all_stages]
    found: dict[str, tuple[Clause, ...]] = {}
    for clause in given:
        node = clause.node or (sources[0] if len(sources) == 1 else "")
        if node not in sources:
            raise ConfigurationError(
                f"There is no GET “{node}” in {flow.name}." if node else f"{flow.name} reads at {len(sources)} places.",
                code="preview-filter",
                remedy=f"Say which GET the filter is for: {', '.join(sources)}.",
                field="filter",
            )
        found[node] = (*found.get(node, ()), Clause(clause.key, clause.operator, clause.value, clause.place))
    return found


def _invalid(problems: Sequence[str]) -> ConfigurationError:
    more = f" {len(problems) - 1} more problems follow it." if len(problems) > 1 else ""
    return ConfigurationError(
        f"The processflow cannot be previewed. {problems[0]}{more}",
        code="processflow-invalid",
        remedy="Correct the document; “opagent flow check” lists everything.",
        detail="; ".join(problems[:10]),
    )
