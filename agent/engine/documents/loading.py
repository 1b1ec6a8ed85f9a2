"""From the text of a deployed document to a processflow that can run: parsed, types and actions looked up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from agent.connectors.contract import Connector
from agent.domain.app import App
from agent.domain.errors import ConfigurationError
from agent.domain.processflow import EventSource, Processflow, Stage
from agent.engine.documents.attribute_types import with_types
from agent.engine.documents.catalogue import Bound, Catalogue
from agent.engine.documents.document import parse


def load(
    content: bytes,
    *,
    file: str,
    apps: Mapping[str, Connector | App],
    bindings: Mapping[str, Bound] | None = None,
) -> Processflow:
    """The processflow of a document that was checked before.

    Args:
        content: The document.
        file: Its name, for messages.
        apps: The connectors, or their apps alone, by app id.
        bindings: The App Configuration of each credential token.

    Raises:
        ConfigurationError: code `processflow-invalid`: the document's form is wrong.
    """
    document = parse(content, file=file)
    if document.flow is None:
        first, *others = document.problems
        more = f" Problems besides this one: {len(others)}." if others else ""
        raise ConfigurationError(
            f"The processflow cannot run. {first}{more}",
            code="processflow-invalid",
            remedy="Correct the document, then deploy it again.",
            detail="; ".join(str(problem) for problem in document.problems[:10]),
        )
    catalogue = Catalogue(document.flow, apps, bindings)
    flow = with_types(document.flow, catalogue)
    return replace(flow, stages=tuple(_with_action(stage, catalogue) for stage in flow.stages))


def _with_action(stage: Stage, catalogue: Catalogue) -> Stage:
    """The stage with what the app offers for the action of its source."""
    schema, source = catalogue.schema(stage.source), stage.source
    if not isinstance(source, EventSource):
        source = replace(source, offered=schema.action(source.action) if schema is not None else None)
    inner = {halt: tuple(_with_action(one, catalogue) for one in found) for halt, found in stage.inner.items()}
    return replace(stage, source=source, inner=inner)
