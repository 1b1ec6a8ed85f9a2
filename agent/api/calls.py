"""The wire between clients and the service: one request, its answer as a model, every failure as an error of ours."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, SecretStr, TypeAdapter

from agent.api import base_models
from agent.domain.errors import AgentError, ConfigurationError, ConflictError, FatalError, NotFoundError, TransientError

_Model = TypeVar("_Model", bound=BaseModel)
PREFIX = "/api/v1"
_DOWNLOAD_SECONDS = 900.0


class Calls:
    """Asks one service. What belongs together is asked through a class of its own, made with this.

    Args:
        http: Knows the service's address and token.
    """

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def get(self, path: str, model: type[_Model], **parameters: object) -> _Model:
        """An answer. Parameters that are None or empty are left out."""
        return model.model_validate_json((await self.call("GET", path, parameters=parameters)).content)

    async def get_list(self, path: str, model: type[_Model], **parameters: object) -> list[_Model]:
        """An answer that is a list."""
        response = await self.call("GET", path, parameters=parameters)
        return TypeAdapter(list[model]).validate_json(response.content)  # type: ignore[valid-type]  # known when it runs

    async def send(
        self,
        method: str,
        path: str,
        model: type[_Model],
        body: BaseModel | None = None,
        *,
        timeout_seconds: float | None = None,
        **parameters: object,
    ) -> _Model:
        """Send a request and take its answer. `timeout_seconds` is for what takes longer than usual."""
        response = await self.call(method, path, body=body, parameters=parameters, timeout_seconds=timeout_seconds)
        return model.model_validate_json(response.content)

    async def call(
        self,
        method: str,
        path: str,
        *,
        body: BaseModel | bytes | None = None,
        parameters: Mapping[str, object] | None = None,
        timeout_seconds: float | None = None,
    ) -> httpx.Response:
        """A response. A body of bytes is sent as it is.

        Raises:
            AgentError: what the service answered, or that it does not answer.
        """
        query = {key: str(value) for key, value in (parameters or {}).items() if value not in ("", None)}
        content, headers = body if isinstance(body, bytes) else None, {"Content-Type": "application/octet-stream"}
        if isinstance(body, BaseModel):
            content, headers = json.dumps(_plain(body)).encode(), {"Content-Type": "application/json"}
        timeout = httpx.Timeout(timeout_seconds, connect=5.0) if timeout_seconds is not None else self._http.timeout
        try:
            response = await self._http.request(
                method, f"{PREFIX}{path}", content=content, params=query,
                headers=headers if content is not None else None, timeout=timeout,
            )  # fmt: skip
        except httpx.HTTPError as error:
            raise unreachable(error) from error
        if response.is_error:
            raise error_of(response)
        return response

    async def download(self, path: str, **parameters: object) -> AsyncIterator[bytes]:
        """An answer that may be large, in pieces. Whoever makes it may take a while before the first one comes.

        Raises:
            AgentError: as `call`; also in the middle, when the service ends.
        """
        query = {key: str(value) for key, value in parameters.items() if value not in ("", None)}
        timeout = httpx.Timeout(_DOWNLOAD_SECONDS, connect=5.0)
        try:
            async with self._http.stream("GET", f"{PREFIX}{path}", params=query, timeout=timeout) as response:
                if response.is_error:
                    await response.aread()
                    raise error_of(response)
                async for piece in response.aiter_bytes():
                    yield piece
        except httpx.HTTPError as error:
            raise unreachable(error) from error


def _plain(model: BaseModel) -> dict[str, Any]:
    """A request as plain JSON values, secrets revealed: this is the wire."""

    def reveal(value: object) -> object:
        if isinstance(value, SecretStr):
            return value.get_secret_value()
        if isinstance(value, dict):
            return {key: reveal(item) for key, item in value.items()}
        if isinstance(value, list):
            return [reveal(item) for item in value]
        if hasattr(value, "isoformat"):
            return value.isoformat()
        return value

    return {key: reveal(value) for key, value in model.model_dump(exclude_none=True).items()}


_BY_STATUS: dict[int, type[AgentError]] = {404: NotFoundError, 409: ConflictError}


def error_of(response: httpx.Response) -> AgentError:
    """The error that a response of the service stands for."""
    try:
        problem = base_models.Problem.model_validate_json(response.content)
    except ValueError:
        return FatalError(
            f"The service answered with status {response.status_code}.",
            code="unexpected-answer",
            remedy="Restart the service; if it happens again, look at the service's log.",
        )
    if problem.status == 503:
        return TransientError(
            problem.title, code=problem.code, remedy=problem.remedy, detail=problem.detail, field=problem.field,
            retry_after_seconds=_retry_after(response),
        )  # fmt: skip
    kind = _BY_STATUS.get(problem.status, ConfigurationError if problem.status < 500 else FatalError)
    return kind(problem.title, code=problem.code, remedy=problem.remedy, detail=problem.detail, field=problem.field)


def _retry_after(response: httpx.Response) -> float | None:
    seconds = response.headers.get("Retry-After", "")
    return float(seconds) if seconds.isdecimal() else None


def unreachable(error: httpx.HTTPError) -> TransientError:
    """The error of a service that does not answer."""
    return TransientError(
        "The agent's service does not answer.",
        code="service-unreachable",
        remedy="It may be starting or may have ended; try again, or start it.",
        detail=type(error).__name__,
    )
