"""The OpenAPI description of the contract: FastAPI's, with our problem details and our token in it."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Lock
from typing import Any

from fastapi import FastAPI

from agent.api import base_models

OPEN_OPERATION = "health"


def describe(application: FastAPI) -> None:
    """Let the application describe itself our way, once it is asked: that takes a third of a second.

    Requests ask from several threads.
    """
    made = application.openapi
    finished: list[dict[str, Any]] = []
    making = Lock()

    def openapi() -> dict[str, Any]:
        with making:
            if not finished:
                finished.append(_finish(made()))
            return finished[0]

    application.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to change it


def names(described: dict[str, Any]) -> frozenset[str]:
    """The names of all parameters and fields: what may be said of a request without quoting it."""
    return frozenset(_names(described))


def _finish(described: dict[str, Any]) -> dict[str, Any]:
    components = described.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    schemas.setdefault("Problem", base_models.Problem.model_json_schema())
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    components["securitySchemes"] = {
        "token": {
            "type": "http",
            "scheme": "bearer",
            "description": "What the file “token” in the state folder holds. With an operator's session in the header "
            "Operator-Session as well, what is done is recorded under the operator's name.",
        }
    }
    described["security"] = [{"token": []}]
    for operations in described["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("422", None)  # FastAPI's own form of it is not ours
            if operation["operationId"] == OPEN_OPERATION:
                operation["security"] = []
    return described


def _names(described: dict[str, Any]) -> Iterator[str]:
    for schema in described["components"]["schemas"].values():
        yield from schema.get("properties", ())
    for operations in described["paths"].values():
        for operation in operations.values():
            for parameter in operation.get("parameters", ()):
                yield parameter["name"]
