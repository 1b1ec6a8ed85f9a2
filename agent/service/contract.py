"""The HTTP contract put together: routes, OpenAPI, and every error as a problem detail (RFC 9457)."""

from __future__ import annotations

import logging
from collections.abc import Callable

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from agent import __version__
from agent.api import base_models
from agent.domain.errors import AgentError, TransientError
from agent.service import answers
from agent.service.agent_parts import AgentParts
from agent.service.guard import PREFIX
from agent.service.openapi import describe, names
from agent.service.routes import (
    alerts,
    apps,
    bookmarks,
    corrections,
    database,
    filter_templates,
    flows,
    functions,
    log,
    lookups,
    packages,
    previews,
    real_time,
    records,
    reruns,
    schedules,
    service,
    snapshots,
    variables,
    versions,
)

_logger = logging.getLogger(__name__)


def contract(parts: AgentParts, *, stop: Callable[[str], None], prove: Callable[[str], str]) -> FastAPI:
    """The application.

    Args:
        parts: What the routes ask.
        stop: Ends the service; told why.
        prove: Answers a challenge as only somebody can who knows the token.
    """
    application = FastAPI(
        title="OP Agent",
        version=__version__,
        openapi_url=f"{PREFIX}/openapi.json",
        generate_unique_id_function=lambda route: route.name,
        docs_url=None,
        redoc_url=None,
        description="What window and command line use, and anything else on this machine may. Send the token of the "
        "file “token” as a bearer token.",
    )
    application.state.parts = parts
    application.state.stop = stop
    application.state.prove = prove
    routes = (
        service, apps, alerts, bookmarks, flows, versions, packages, records, corrections, schedules, functions,
        lookups, reruns, previews, snapshots, real_time, variables, filter_templates, log, database,
    )  # fmt: skip
    for part in routes:
        application.include_router(part.router, prefix=PREFIX)
    application.add_exception_handler(AgentError, _agent_error)
    application.add_exception_handler(RequestValidationError, _invalid_request)
    application.add_exception_handler(HTTPException, _http_error)
    application.add_exception_handler(Exception, _unexpected)
    describe(application)
    return application


def _agent_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, AgentError)
    headers = {}
    if isinstance(error, TransientError) and error.retry_after_seconds is not None:
        headers["Retry-After"] = str(max(1, round(error.retry_after_seconds)))
    parts: AgentParts = request.app.state.parts
    return _response(answers.problem(error, parts.secrets.redact), headers)


def _invalid_request(request: Request, error: Exception) -> Response:
    """Names the place, never what was sent, not even the name of a field: it may be a secret in the wrong place."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    known = names(request.app.openapi())
    steps = [] if first["type"] == "json_invalid" else [str(step) for step in first["loc"][1:]]
    place = ".".join(step if step in known or step.isdecimal() else "…" for step in steps) or str(first["loc"][0])
    return _response(
        base_models.Problem(
            title=f"The request is not right at “{place}”.", status=422, code="request-invalid",
            remedy="Correct it as the OpenAPI description says.", detail=str(first["type"]), field=place,
        )
    )  # fmt: skip


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    title = {404: "There is no such address.", 405: "This address does not take that method."}.get(
        error.status_code, "The request cannot be answered."
    )
    detail = f"{request.method} {request.url.path}"
    return _response(
        base_models.Problem(title=title, status=error.status_code, code=f"http-{error.status_code}", detail=detail),
        dict(error.headers or {}),
    )


def _unexpected(request: Request, error: Exception) -> Response:
    _logger.error("The service could not answer %s %s.", request.method, request.url.path, exc_info=error)
    return _response(
        base_models.Problem(
            title="Something unexpected went wrong in the service.", status=500, code="unexpected",
            remedy="Try again. If it happens again, send the log to your support.", detail=type(error).__name__,
        )
    )  # fmt: skip


def _response(problem: base_models.Problem, headers: dict[str, str] | None = None) -> Response:
    return Response(
        problem.model_dump_json(), status_code=problem.status, media_type="application/problem+json", headers=headers
    )
