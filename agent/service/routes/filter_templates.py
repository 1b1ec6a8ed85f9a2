"""Filter templates: clauses under a name, for one action of an app."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from agent.api.filter_template_models import FilterTemplate, FilterTemplateDraft
from agent.service.routes.asking import PROBLEMS, Agent, Name, Who
from agent.store.library.filter_templates import TemplateKey

router = APIRouter(responses=PROBLEMS, tags=["filter templates"])

AppFilter = Annotated[str, Query(max_length=100, description="The id of an app; empty: all.")]
_PATH = "/filter-templates/{app}/{schema}/{action}/{template}"


@router.get("/filter-templates")
def filter_templates(agent: Agent, app: AppFilter = "") -> list[FilterTemplate]:
    """Every filter template."""
    return agent.filter_templates.all(app)


@router.get(_PATH)
def filter_template(agent: Agent, app: Name, schema: Name, action: Name, template: Name) -> FilterTemplate:
    """One filter template."""
    return agent.filter_templates.get(TemplateKey(app, schema, action, template))


@router.put(_PATH)
def save_filter_template(
    agent: Agent, who: Who, app: Name, schema: Name, action: Name, template: Name, draft: FilterTemplateDraft
) -> FilterTemplate:
    """Save a filter template, in the place of one of the same name."""
    saved = agent.filter_templates.save(TemplateKey(app, schema, action, template), draft, by=who)
    agent.journal.write("info", f"{who} saved the filter template {saved.name} for {saved.schema_name} of {saved.app}.")
    return saved


@router.delete(_PATH, status_code=204, response_class=Response)
def remove_filter_template(agent: Agent, who: Who, app: Name, schema: Name, action: Name, template: Name) -> Response:
    """Remove a filter template. Filters that were made with it stay as they are."""
    agent.filter_templates.remove(TemplateKey(app, schema, action, template))
    agent.journal.write("info", f"{who} removed the filter template {template} for {schema} of {app}.")
    return Response(status_code=204)
