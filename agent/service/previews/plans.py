"""From a request for a preview to what is previewed: a deployed version, or a document with its bindings. Everything
that can be refused at once is refused here, before anything is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from agent.api.flow_models import DocumentRequest
from agent.api.preview_models import PreviewRequest
from agent.connectors.contract import Connector
from agent.domain.errors import ConfigurationError
from agent.domain.processflow import EventSource, Processflow
from agent.domain.run_plan import NORMAL, RunPlan
from agent.engine.checking.check import check
from agent.engine.documents.document import parse
from agent.engine.documents.loading import load
from agent.engine.expressions.vocabularies import Pins, Vocabularies
from agent.engine.expressions.vocabulary import Vocabulary
from agent.engine.previewing.previewing import Previewed
from agent.engine.running.bindings import Bindings
from agent.service.apps.trips import Trips
from agent.service.deployment.companions import Companions
from agent.service.deployment.compiled import CompiledFlows
from agent.service.runs.asked_plans import replay, runtime_filter
from agent.service.runs.environment import Environment
from agent.store.configurations import ConfigurationRow
from agent.store.flows.deployments import Deployment, DeploymentStore
from agent.store.library.variables import VariableStore

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
    vocabularies: Vocabularies
    companions: Companions
    trips: Trips
    variables: VariableStore
    require_bound: Callable[[Deployment], None]
    """Refuses what waits for App Configurations."""


def planned(request: PreviewRequest, parts: PreviewParts) -> Previewed:
    """What is to be previewed.

    Raises:
        ConflictError: code `environment-not-enabled`, `environment-starting` while the vault is not open,
            `configuration-tripped`, or `source-application-not-found` where an App Configuration is still missing.
        NotFoundError: code `flow-not-found`.
        ConfigurationError: code `preview-unclear`, `processflow-invalid`, or what is wrong with a binding, with
            the filter or with the window.
    """
    parts.environment.require()
    if bool(request.flow) is (request.document is not None):
        raise _unclear("Give the name of a deployed processflow, or a document, and not both.", "flow")
    if request.document is not None:
        what = _of_document(request.document, parts)
    else:
        deployment = parts.deployments.get(request.flow)
        parts.require_bound(deployment)
        what = Previewed(
            parts.compiled.get(deployment), deployment.bindings, deployment.version,
            vocabulary=parts.vocabularies.of(deployment),
        )  # fmt: skip
    parts.trips.require_bindings(what.bindings)
    for stage in what.flow.all_stages:
        nodes = stage.posts if isinstance(stage.source, EventSource) else (stage.source, *stage.posts)
        for node in nodes:
            # Opens nothing yet, but says whether a configuration and its secrets are there.
            parts.connections.connection(node, what.flow, what.bindings)
    return replace(what, limit=request.limit or None, plan=_plan(what.flow, request, parts))


def _of_document(request: DocumentRequest, parts: PreviewParts) -> Previewed:
    content = request.document.encode()
    document = parse(content, file=request.file)
    if document.flow is None:
        raise _invalid(list(map(str, document.problems)))
    bound = parts.bind(document.flow.name, document.flow.credentials, request.bindings)
    before = next((one for one in parts.deployments.active() if one.flow == document.flow.name), None)
    tables = parts.vocabularies.chosen(document.flow, request.lookups, before)
    there = parts.vocabularies.known()
    brought = parts.companions.coming(request.document, there)
    known = brought.beside(there)
    if problems := check(document, parts.connectors, bound, known=known, lookups=tables):
        raise _invalid(list(map(str, problems)))
    flow = load(content, file=request.file, apps=parts.connectors, bindings=bound)
    lookups = brought.vocabulary(Pins({}, tables), parts.vocabularies).lookups
    bindings = {token: row.id for token, row in bound.items()}
    return Previewed(flow, bindings, None, vocabulary=Vocabulary(known.functions, lookups))


def _plan(flow: Processflow, request: PreviewRequest, parts: PreviewParts) -> RunPlan:
    if request.filter is not None and request.window is not None:
        raise _unclear("Give a filter, or a window of time, and not both.", "filter")
    if request.window is not None:
        return replay(flow, request.window)
    if request.filter is not None:
        return runtime_filter(flow, request.filter, node=request.node, connectors=parts.connectors)
    return NORMAL


def _unclear(remedy: str, field: str) -> ConfigurationError:
    return ConfigurationError(
        "It is not clear what is to be previewed.", code="preview-unclear", remedy=remedy, field=field
    )


def _invalid(problems: Sequence[str]) -> ConfigurationError:
    more = f" {len(problems) - 1} more problems follow it." if len(problems) > 1 else ""
    return ConfigurationError(
        f"The processflow cannot be previewed. {problems[0]}{more}",
        code="processflow-invalid",
        remedy="Correct the document; “opagent flow check” lists everything.",
        detail="; ".join(problems[:10]),
    )
