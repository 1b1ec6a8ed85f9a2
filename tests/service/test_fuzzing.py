"""The real service under what its description allows and forbids: never a fault of its own, nothing undescribed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.core.parameters import ParameterLocation
from schemathesis.core.result import Ok
from schemathesis.specs.openapi import checks

from tests.helpers.running_service import RunningService, service_below

# Stopping and events have tests of their own.
_LEFT_OUT = ["/api/v1/stop", "/api/v1/events"]
_CHECKS = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]
_BOUNDED = settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    with service_below(tmp_path_factory.mktemp("fuzzed")) as made:
        made.start()
        yield made


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_answers_keep_to_the_description(fuzzed: RunningService, mode: GenerationMode) -> None:
    headers = {"Authorization": f"Bearer {fuzzed.endpoint.token.reveal()}"}
    url = f"{fuzzed.endpoint.url}/api/v1/openapi.json"
    schema = schemathesis.openapi.from_url(url, headers=headers).exclude(path=_LEFT_OUT)
    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    assert len(operations) > 30
    for operation in operations:
        try:
            cases = operation.as_strategy(generation_mode=mode)

            @_BOUNDED
            @given(case=cases)
            def hold(case: schemathesis.Case[Any]) -> None:
                response = case.call_and_validate(headers=headers, checks=_CHECKS)
                body = case.meta.components.get(ParameterLocation.BODY) if case.meta is not None else None
                if body is not None and body.mode is GenerationMode.NEGATIVE:
                    assert response.status_code >= 400, "a body off the description was taken"

            hold()
        except BaseException as error:
            error.add_note(f"operation: {operation.label}")
            raise
