"""The contract's words about filter templates: clauses that were saved under a name, for one action of an app."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from agent.api.base_models import Model, Request
from agent.api.rerun_models import FilterClause
from agent.domain.clauses import MOST_CLAUSES


class FilterTemplate(Model):
    """A template, for the action that reads `schema_name` of an app."""

    app: str
    schema_name: str
    action: str
    name: str
    clauses: list[FilterClause]
    saved_at: datetime
    saved_by: str


class FilterTemplateDraft(Request):
    """What a template is to hold: clauses that all have to hold."""

    clauses: Annotated[list[FilterClause], Field(min_length=1, max_length=MOST_CLAUSES)]
