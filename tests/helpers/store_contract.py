"""The OpenAPI files of the real store, and how a request and its answer are held to them.

The files are not part of this project. They lie beside the checkout, or where OPAGENT_SHARED says; without them, the
tests that need them are skipped.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from openapi_core import Config, OpenAPI
from openapi_core.testing import MockRequest, MockResponse

from agent.sandbox.requests import Answer, Request

ORIGIN = "http://127.0.0.1:4010"
TOKEN_ACCOUNT, LEGACY_ACCOUNT = "bigcommerce-mock.openapi.json", "bigcommerce-legacy-mock.openapi.json"
_SHARED = Path(os.environ.get("OPAGENT_SHARED", Path(__file__).resolve().parents[2].parent / "shared")) / "bigcommerce"


@dataclass(frozen=True)
class Operation:
    """An operation of the contract, and the query parameters that it has."""

    method: str
    path: re.Pattern[str]
    fixed: int
    parameters: frozenset[str]


class Contract:
    """One of the files."""

    def __init__(self, document: dict[str, Any]) -> None:
        # openapi-core knows application/json only, and would take an answer of the inventory for a text.
        config = Config(extra_media_type_deserializers={"application/problem+json": json.loads})
        self._api = OpenAPI.from_dict(document, config=config)
        self._operations = list(_operations(document))

    def hold(self, request: Request, answer: Answer, *, answer_only: bool = False) -> None:
        """Raise when request or answer break the contract."""
        parameters = dict(parse_qsl(request.query, keep_blank_values=True))
        theirs = MockRequest(
            ORIGIN,
            request.method.lower(),
            request.path,
            args=parameters,
            headers={name.title(): value for name, value in request.headers.items()},
            data=request.body or None,
            content_type=request.headers.get("content-type", ""),
        )
        if not answer_only:
            self._api.validate_request(theirs)
            # The real store refuses parameters that it does not know; openapi-core lets them pass.
            assert parameters.keys() <= self._parameters(request)
        if answer.status == 204:
            assert answer.body == b""
        headers = dict(answer.headers)
        self._api.validate_response(
            theirs, MockResponse(answer.body, answer.status, headers=headers, content_type=answer.content_type)
        )

    def _parameters(self, request: Request) -> frozenset[str]:
        fitting = [one for one in self._operations if one.method == request.method and one.path.fullmatch(request.path)]
        return max(fitting, key=lambda one: one.fixed).parameters


def contract(name: str) -> Contract:
    """The contract in a file. Skips the test where the files are not here."""
    file = _SHARED / "mock" / name
    if not file.is_file():
        pytest.skip(f"the OpenAPI files of the store are not here: {file} (OPAGENT_SHARED says where they are)")
    return Contract(json.loads(file.read_text("utf-8")))


def _operations(document: dict[str, Any]) -> Iterator[Operation]:
    for template, item in document["paths"].items():
        path = re.compile(re.sub(r"\{\w+\}", "[^/]+", template))
        for method in item.keys() & {"get", "put", "post", "delete"}:
            given = [*item.get("parameters", []), *item[method].get("parameters", [])]
            resolved = [_resolved(document, parameter) for parameter in given]
            names = frozenset(one["name"] for one in resolved if one["in"] == "query")
            yield Operation(method.upper(), path, -template.count("{"), names)


def _resolved(document: dict[str, Any], parameter: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in parameter:
        return parameter
    for part in parameter["$ref"].removeprefix("#/").split("/"):
        document = document[part.replace("~1", "/").replace("~0", "~")]
    return document
