"""An HTTP client that tells an observer of every request: as it was sent, but without the credentials.

They are added further inside, by the client's `auth`, after the request was looked at; whatever else carries a secret
is the observer's to take out.
"""

from __future__ import annotations

import time
from typing import Any

import httpx

from agent.domain.sent import Observer, Sent


class ToldClient(httpx.AsyncClient):
    """A client with an observer."""

    def __init__(self, observer: Observer, **options: Any) -> None:
        super().__init__(**options)
        self._observer = observer

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """Send a request, and tell of it when its answer is there."""
        headers, body = tuple(request.headers.multi_items()), _body(request)
        begun, status, failure = time.perf_counter(), None, ""
        try:
            response = await super().send(request, **options)
            status = response.status_code
        except BaseException as error:
            failure = type(error).__name__
            raise
        else:
            return response
        finally:
            self._observer(
                Sent(
                    method=request.method, target=str(request.url), headers=headers, body=body, status=status,
                    seconds=time.perf_counter() - begun, failure=failure,
                )
            )  # fmt: skip


def _body(request: httpx.Request) -> bytes:
    try:
        return request.content
    except httpx.RequestNotRead:
        return b""
