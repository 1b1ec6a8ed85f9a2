"""The function library through the contract: saved with examples that come true, pinned by deployments."""

from __future__ import annotations

from typing import Any

import pytest

from agent.api.flow_models import DocumentRequest
from agent.api.function_models import FunctionDraft, FunctionExample
from agent.domain.errors import ConfigurationError, ConflictError, NotFoundError
from tests.service.asking import COPY, database_draft
from tests.service.inside import Inside

NET = FunctionDraft(
    name="net", parameters=["gross", "rate"], body="$round($gross / (1 + $rate), 2)", description="Without tax.",
    examples=[FunctionExample(arguments=[119, 0.19], result=100)],
)  # fmt: skip


def changed(draft: FunctionDraft, **values: Any) -> FunctionDraft:
    return draft.model_copy(update=values)


async def test_a_function_is_saved_as_a_version_and_shown_again(inside: Inside) -> None:
    async with inside.client() as client:
        assert await client.functions.list() == []
        saved = await client.functions.save(NET)
        assert (saved.changed, saved.function.version, saved.message) == (True, 1, "$net is saved as version 1.")
        again = await client.functions.save(NET)
        assert (again.changed, again.function.version) == (False, 1)
        await client.functions.save(changed(NET, body="$gross / (1 + $rate)"))
        first, newest = await client.functions.get("net", version=1), await client.functions.get("net")
        assert (first.version, first.body, newest.version, newest.body) == (1, NET.body, 2, "$gross / (1 + $rate)")
        assert [one.version for one in newest.versions] == [2, 1]
        assert newest.examples == NET.examples
        with pytest.raises(NotFoundError, match="no version 3"):
            await client.functions.get("net", version=3)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"body": "$gross +"}, "does not compile at character"),
        ({"body": "$eval($gross)"}, r"\$eval is not available"),
        ({"body": "$gros / 2"}, r"no parameter \$gros, at character 1. Did you mean \$gross"),
        ({"body": "$roundd($gross)"}, r"no function \$roundd, at character 1. Did you mean \$round"),
        ({"body": "$$.total"}, "does not see the record"),
        ({"body": '$lookupValue("country", $gross)'}, "cannot ask a lookup"),
        ({"body": "$net($gross, $rate)"}, r"circle: \$net → \$net"),
        ({"name": "uppercase"}, "is built in"),
        ({"name": "titleCase"}, "is built in"),
        ({"parameters": ["gross", "gross"]}, "same name"),
        ({"examples": []}, "needs an example"),
    ],
)
async def test_a_function_that_cannot_be_is_refused_with_the_reason(
    shared_inside: Inside, wrong: dict[str, Any], reason: str
) -> None:
    async with shared_inside.client() as client:
        with pytest.raises(ConfigurationError, match=reason) as refused:
            await client.functions.save(changed(NET, **wrong))
        assert refused.value.code == "function-invalid"
        assert await client.functions.list() == []


async def test_a_function_is_not_saved_before_its_examples_come_true(shared_inside: Inside) -> None:
    wrong = changed(NET, examples=[*NET.examples, FunctionExample(arguments=[100, 0], result=99)])
    async with shared_inside.client() as client:
        test = await client.functions.test(wrong)
        assert [(one.number, one.passed, one.got) for one in test.results] == [(1, True, 100), (2, False, 100)]
        assert not test.ok
        with pytest.raises(
            ConfigurationError, match="Example 2 does not come true: it gave 100 instead of 99"
        ) as failed:
            await client.functions.save(wrong)
        assert failed.value.code == "example-failed"
        endless = changed(NET, body="$reduce([1..1000000], function($a, $b) { $a & $a })")
        assert (await client.functions.test(endless)).results[0].reason
        assert await client.functions.list() == []


async def test_a_change_that_breaks_a_function_that_calls_it_is_refused(inside: Inside) -> None:
    label = FunctionDraft(
        name="label", parameters=["gross"], body='"net " & $net($gross, 0.19)',
        examples=[FunctionExample(arguments=[119], result="net 100")],
    )  # fmt: skip
    async with inside.client() as client:
        await client.functions.save(NET)
        await client.functions.save(label)
        assert (await client.functions.get("net")).called_by == ["label"]
        other = changed(NET, body="$gross", examples=[FunctionExample(arguments=[119, 0.19], result=119)])
        with pytest.raises(ConfigurationError, match=r"With this change \$label breaks: its example 1"):
            await client.functions.save(other)
        with pytest.raises(ConfigurationError, match=r"circle: \$net → \$label → \$net"):
            await client.functions.save(changed(NET, body="$label($gross)"))
        with pytest.raises(ConflictError, match=r"\$net is used by \$label"):
            await client.functions.remove("net")
        await client.functions.remove("label")
        await client.functions.remove("net")
        assert await client.functions.list() == []
        with pytest.raises(NotFoundError):
            await client.functions.remove("net")
        assert (await client.functions.save(NET)).function.version == 2


async def test_a_deployment_keeps_the_versions_that_it_was_deployed_with(
    inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = COPY.replace("value: id,", "value: '$half(id)',")
    half = FunctionDraft(
        name="half", parameters=["a"], body="$floor($a / 2)", examples=[FunctionExample(arguments=[4], result=2)]
    )
    async with inside.client() as client:
        await client.save_configuration(database_draft(inside.parts.folders.data / "shop.db"))
        monkeypatch.setattr(inside.parts.environment, "require", lambda **_: None)
        result = await client.check_flow(DocumentRequest(document=document))
        assert [problem.code for problem in result.problems] == ["unknown-function"]
        await client.functions.save(half)
        assert (await client.check_flow(DocumentRequest(document=document))).ok
        deployed = await client.deploy(DocumentRequest(document=document))
        assert deployed.flow.functions == {"half": 1}
        assert any(line.endswith("The function $half is used in version 1") for line in deployed.lines)
        saved = await client.functions.save(changed(half, body="$a / 2"))
        assert saved.message.endswith(
            "Deployed with an older version: copy (version 1). Deploy them again to use the new one."
        )
        (listed,) = await client.functions.list()
        assert [(use.flow, use.version, use.newest) for use in listed.used_by] == [("copy", 1, False)]
        result = await client.check_flow(DocumentRequest(document=document))
        assert result.notes == [
            "copy is deployed with version 1 of $half; the newest is 2. Deploy it again to use that."
        ]
        with pytest.raises(ConflictError, match=r"\$half is used by copy"):
            await client.functions.remove("half")
        assert (await client.deploy(DocumentRequest(document=document))).flow.functions == {"half": 2}
        assert (await client.check_flow(DocumentRequest(document=document))).notes == []
