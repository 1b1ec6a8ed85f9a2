"""Packages: what they carry and never carry, what is refused without a trace, clashes, and the library."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import zipfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from agent.api import configuration_models, flow_models
from agent.api.client import AgentClient
from agent.api.deployment_models import DeployRequest
from agent.api.function_models import FunctionDraft, FunctionExample
from agent.api.lookup_models import LookupRow
from agent.api.package_models import (
    Choice,
    ItemChoice,
    ItemKind,
    ItemRef,
    ItemState,
    PackageImport,
    PackageRequest,
)
from agent.api.rerun_models import FilterClause
from agent.domain.errors import AgentError, ConflictError, NotFoundError
from tests.service.asking import COPY, database_draft, set_up_vault
from tests.service.inside import Inside

DOCUMENT = COPY.replace("nodes:", "lookups: {size: sizes}\nnodes:").replace(
    "{id: {value: id, type: integer, key: true}}",
    '{id: {value: id, type: integer, key: true}, size: \'$lookupValue("size", $twice(id), "none")\'}',
)
TWICE = FunctionDraft(
    name="twice", parameters=["n"], body="$n * 2", examples=[FunctionExample(arguments=[2], result=4)]
)
SECRET = "a-secret-that-nobody-may-see-0123"


@pytest.fixture
async def agent(running_inside: Inside, tmp_path: Path) -> AsyncIterator[AgentClient]:
    """An agent with a processflow, its lookup table and its function."""
    async with running_inside.client() as client:
        await set_up_vault(client, tmp_path)
        await client.change_setting("enable_environment", "true")
        await client.save_configuration(database_draft(tmp_path / "private-place.db", name="Private name"))
        values = {"kind": "PostgreSQL", "host": "db.private.example", "database": "x", "username": "anna"}
        secrets = {"password": SecretStr(SECRET)}
        draft = configuration_models.ConfigurationDraft(app="sql", name="With a secret", values=values, secrets=secrets)
        await client.save_configuration(draft)
        await client.functions.save(TWICE)
        rows = [LookupRow(source="2", destination="small"), LookupRow(source="10", destination="large")]
        await client.lookups.change("sizes", put=rows)
        await client.deploy(DeployRequest(document=DOCUMENT, bindings={"database": "Private name"}))
        yield client


@pytest.fixture
async def other(tmp_path: Path) -> AsyncIterator[AgentClient]:
    """Another agent, with nothing in it."""
    made = Inside(tmp_path / "other agent")
    async with made.client() as client:
        yield client
    made.close()


async def exported(client: AgentClient, *flows: str) -> str:
    items = [ItemRef(kind=ItemKind.FLOW, name=name) for name in flows]
    return (await client.packages.export(PackageRequest(title="My package", items=items))).content


async def refused(work: Any) -> AgentError:
    with pytest.raises(AgentError) as caught:
        await work
    return caught.value


def unpacked(content: str) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(content))) as file:
        return {name: file.read(name) for name in file.namelist()}


def packed(members: dict[str, bytes]) -> str:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return base64.b64encode(buffer.getvalue()).decode()


def with_item(content: str, path: str, changed: bytes) -> str:
    """The package with another content of one item, told rightly in the manifest."""
    members = unpacked(content)
    manifest = json.loads(members["manifest.json"])
    (entry,) = [one for one in manifest["items"] if one["path"] == path]
    entry |= {"bytes": len(changed), "sha256": hashlib.sha256(changed).hexdigest()}
    return packed({**members, path: changed, "manifest.json": json.dumps(manifest).encode()})


async def everything(client: AgentClient) -> tuple[Any, ...]:
    """All that an import could change."""
    return (
        await client.packages.library(), await client.functions.list(),
        [(table.name, table.rows) for table in await client.lookups.list()],
    )  # fmt: skip


async def test_a_processflow_brings_what_it_needs_to_another_agent(agent: AgentClient, other: AgentClient) -> None:
    content = await exported(agent, "copy")
    assert sorted(unpacked(content)) == [
        "flows/copy.yaml",
        "functions/twice.json",
        "lookups/sizes.json",
        "manifest.json",
    ]
    found = await other.packages.look(content)
    assert {(one.kind, one.name, one.state) for one in found.items} == {
        (ItemKind.FLOW, "copy", ItemState.NEW),
        (ItemKind.LOOKUP, "sizes", ItemState.NEW),
        (ItemKind.FUNCTION, "twice", ItemState.NEW),
    }
    assert await everything(other) == ([], [], []), "looking changes nothing"
    done = await other.packages.put(PackageImport(content=content))
    assert all(item.imported for item in done.items)
    assert await other.flows() == [], "nothing is deployed by itself"
    (waiting,) = await other.packages.library()
    assert (waiting.name, waiting.origin, waiting.tokens) == ("copy", "My package", {"database": "sql"})
    assert waiting.deployed_version is None
    assert (await other.packages.library_flow("copy")).document == DOCUMENT
    checked = await other.check_flow(flow_models.DocumentRequest(document=DOCUMENT))
    assert checked.problems == [], "functions and lookups are there"
    again = await other.packages.put(PackageImport(content=content))
    assert [item.imported for item in again.items] == [False, False, False]
    assert await exported(other, "copy") != ""


async def test_secrets_and_configurations_are_never_in_it(agent: AgentClient) -> None:
    everything_there = unpacked((await agent.packages.export(PackageRequest())).content)
    assert len(everything_there) == 4
    held = b"\n".join([*everything_there.values(), *(name.encode() for name in everything_there)])
    for private in (SECRET, "db.private.example", "private-place", "Private name", "With a secret"):
        assert private.encode() not in held


async def test_what_is_not_as_here_asks_and_nothing_is_imported_before(agent: AgentClient, other: AgentClient) -> None:
    content = await exported(agent, "copy")
    await other.packages.put(PackageImport(content=content))
    await agent.functions.save(TWICE.model_copy(update={"body": "$n + $n"}))
    await agent.lookups.change("sizes", put=[LookupRow(source="6", destination="middle")])
    await agent.deploy(DeployRequest(document=DOCUMENT.replace("title: Copy", "title: Copied")))
    newer = await exported(agent, "copy")
    assert {one.state for one in (await other.packages.look(newer)).items} == {ItemState.CLASH}
    before = await everything(other)
    error = await refused(other.packages.put(PackageImport(content=newer)))
    assert (type(error), error.code) == (ConflictError, "package-clash")
    assert "3 things are not as here: flow copy, function twice, lookup sizes" in error.message
    choices = [
        ItemChoice(kind=ItemKind.FLOW, name="copy", choice=Choice.RENAME, new_name="copy-2"),
        ItemChoice(kind=ItemKind.LOOKUP, name="sizes", choice=Choice.RENAME, new_name="sizes-2"),
    ]
    assert (await refused(other.packages.put(PackageImport(content=newer, choices=choices)))).code == "package-clash"
    assert await everything(other) == before

    keep = ItemChoice(kind=ItemKind.FUNCTION, name="twice", choice=Choice.KEEP)
    done = await other.packages.put(PackageImport(content=newer, choices=[*choices, keep]))
    assert {(item.name, item.imported) for item in done.items} == {
        ("copy-2", True),
        ("sizes-2", True),
        ("twice", False),
    }
    renamed = (await other.packages.library_flow("copy-2")).document
    assert "name: copy-2" in renamed
    assert "lookups: {size: sizes-2}" in renamed, "it goes on with its own table"
    assert (await other.functions.get("twice")).body == "$n * 2"
    assert [(table.name, table.rows) for table in await other.lookups.list()] == [("sizes", 2), ("sizes-2", 3)]

    take = [one.model_copy(update={"choice": Choice.TAKE, "new_name": ""}) for one in [*choices, keep]]
    await other.packages.put(PackageImport(content=newer, choices=take))
    assert (await other.functions.get("twice")).version == 2
    assert (await other.lookups.get("sizes")).rows == 3
    assert {one.state for one in (await other.packages.look(newer)).items} == {ItemState.EQUAL}


async def test_a_function_cannot_come_under_another_name_and_names_that_are_taken_are_refused(
    agent: AgentClient, other: AgentClient
) -> None:
    content = await exported(agent, "copy")
    await other.packages.put(PackageImport(content=content))
    newer = with_item(content, "flows/copy.yaml", DOCUMENT.replace("title: Copy", "title: New").encode())
    before = await everything(other)
    for kind, name, new, code in (
        (ItemKind.FLOW, "copy", "copy", "name-taken"),
        (ItemKind.FLOW, "copy", "Not A Name", "name-invalid"),
        (ItemKind.FLOW, "copy", "", "name-invalid"),
        (ItemKind.FUNCTION, "nothing", "new", "choice-unknown"),
    ):
        choice = ItemChoice(kind=kind, name=name, choice=Choice.RENAME, new_name=new)
        assert (await refused(other.packages.put(PackageImport(content=newer, choices=[choice])))).code in (
            code,
            "package-clash" if code == "choice-unknown" else code,
        )
    assert await everything(other) == before


def _manifest(**changes: Any) -> Callable[[dict[str, bytes]], dict[str, bytes]]:
    def change(members: dict[str, bytes]) -> dict[str, bytes]:
        manifest = json.loads(members["manifest.json"]) | changes
        return {**members, "manifest.json": json.dumps(manifest).encode()}

    return change


def _first_item(**changes: Any) -> Callable[[dict[str, bytes]], dict[str, bytes]]:
    def change(members: dict[str, bytes]) -> dict[str, bytes]:
        manifest = json.loads(members["manifest.json"])
        manifest["items"][0] |= changes
        return {**members, "manifest.json": json.dumps(manifest).encode()}

    return change


def _without(path: str) -> Callable[[dict[str, bytes]], dict[str, bytes]]:
    return lambda members: {name: content for name, content in members.items() if name != path}


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_without("manifest.json"), "it is no package"),
        (_without("lookups/sizes.json"), "is missing"),
        (lambda members: {**members, "flows/copy.yaml": b"name: other"}, "it is damaged, or was changed"),
        (lambda members: {**members, "extra.txt": b"x"}, "which its manifest does not name"),
        (lambda members: {**members, "../../evil.sh": b"x"}, "which its manifest does not name"),
        (lambda members: {**members, "manifest.json": b"{"}, "manifest cannot be read"),
        (lambda members: {**members, "manifest.json": b"[" * 100_000}, "manifest cannot be read"),
        (_manifest(format="zip"), "no package of OP Agent"),
        (_manifest(format_version=2), "format version “2”"),
        (_manifest(items="all"), "manifest is not right"),
        (_manifest(made_at="yesterday"), "manifest is not right"),
        (_first_item(kind="credential"), "of the kind “credential”"),
        (_first_item(name="../evil"), "which cannot be one"),
        (_first_item(path="/etc/passwd"), "lies at “/etc/passwd”"),
        (_first_item(bytes=1), "it is damaged, or was changed"),
    ],
)
async def test_a_file_that_is_not_right_is_refused_and_nothing_is_imported(
    agent: AgentClient, other: AgentClient, spoil: Callable[[dict[str, bytes]], dict[str, bytes]], said: str
) -> None:
    content = packed(spoil(unpacked(await exported(agent, "copy"))))
    for work in (other.packages.look(content), other.packages.put(PackageImport(content=content))):
        error = await refused(work)
        assert error.code == "package-invalid"
        assert said in error.message
        assert error.message.endswith("Nothing was imported.")
    assert await everything(other) == ([], [], [])


async def test_content_that_is_not_right_is_refused_with_all_the_rest(agent: AgentClient, other: AgentClient) -> None:
    content = await exported(agent, "copy")
    bad_function = TWICE.model_copy(update={"body": "$n * 3"}).model_dump_json().encode()
    for path, changed in (
        ("flows/copy.yaml", b"name: copy\nnodes: ["),
        ("flows/copy.yaml", DOCUMENT.replace("name: copy", "name: another").encode()),
        ("lookups/sizes.json", b'{"name": "sizes", "rows": [{"source": "1"}]}'),
        ("lookups/sizes.json", b'{"name": "sizes", "rows": [{"source": "1", "destination": "x", "type": "integer"}]}'),
        ("lookups/sizes.json", b'{"name": "others", "rows": []}'),
        ("functions/twice.json", bad_function),
        ("functions/twice.json", TWICE.model_copy(update={"body": "$n *"}).model_dump_json().encode()),
    ):
        error = await refused(other.packages.put(PackageImport(content=with_item(content, path, changed))))
        assert error.code in ("package-invalid", "lookup-row-invalid", "function-invalid", "example-failed")
        assert await everything(other) == ([], [], [])


async def test_a_small_file_that_becomes_a_large_one_is_refused(other: AgentClient) -> None:
    bomb = b"\0" * 30_000_000
    entry = {"kind": "flow", "name": "copy", "path": "flows/copy.yaml", "bytes": len(bomb), "sha256": ""}
    manifest = {
        "format": "op-agent-package", "format_version": 1, "title": "x", "made_at": "2026-01-01T00:00:00Z",
        "items": [entry],
    }  # fmt: skip
    content = packed({"manifest.json": json.dumps(manifest).encode(), "flows/copy.yaml": bomb})
    assert len(content) < 100_000
    assert "too large" in (await refused(other.packages.look(content))).message
    for odd in ("", "!", base64.b64encode(b"PK\x03\x04" + b"x" * 100).decode(), base64.b64encode(b"text").decode()):
        assert (await refused(other.packages.look(odd))).code == "package-invalid"


async def test_what_is_in_the_library_is_deployed_and_removed(agent: AgentClient) -> None:
    await agent.packages.put(PackageImport(content=await exported(agent, "copy")))
    (waiting,) = await agent.packages.library()
    assert waiting.deployed_version == 1
    found = await agent.packages.library_flow("copy")
    deployed = await agent.deploy(DeployRequest(document=found.document, file=found.file))
    assert deployed.flow.version == 2
    await agent.packages.remove("copy")
    assert await agent.packages.library() == []
    assert [flow.version for flow in await agent.flows()] == [2]
    for work in (agent.packages.remove("copy"), agent.packages.library_flow("copy"), exported(agent, "nothing")):
        assert isinstance(await refused(work), NotFoundError)


async def test_the_filter_templates_for_what_a_processflow_reads_come_along(
    agent: AgentClient, other: AgentClient
) -> None:
    mine, theirs = FilterClause(key="id", operator=">", value="4"), FilterClause(key="id", operator=">", value="9")
    await agent.filter_templates.save("sql", "source", "GET", "large = later ones", [mine])
    await agent.filter_templates.save("sql", "elsewhere", "GET", "not asked for", [mine])
    content = await exported(agent, "copy")
    name = "sql/source/GET/large = later ones"
    look = await other.packages.look(content)
    (template,) = [one for one in look.items if one.kind is ItemKind.FILTER_TEMPLATE]
    assert (template.name, template.state, template.can_rename) == (name, ItemState.NEW, False)

    await other.packages.put(PackageImport(content=content))
    (saved,) = await other.filter_templates.all()
    assert (saved.schema_name, saved.name, saved.clauses) == ("source", "large = later ones", [mine])
    assert {one.state for one in (await other.packages.look(content)).items} == {ItemState.EQUAL}

    await other.filter_templates.save("sql", "source", "GET", "large = later ones", [theirs])
    choice = ItemChoice(kind=ItemKind.FILTER_TEMPLATE, name=name, choice=Choice.KEEP)
    assert (await refused(other.packages.put(PackageImport(content=content)))).code == "package-clash"
    await other.packages.put(PackageImport(content=content, choices=[choice]))
    assert (await other.filter_templates.all())[0].clauses == [theirs]
    choice = choice.model_copy(update={"choice": Choice.TAKE})
    await other.packages.put(PackageImport(content=content, choices=[choice]))
    assert (await other.filter_templates.all())[0].clauses == [mine]
    choice = choice.model_copy(update={"choice": Choice.RENAME, "new_name": "sql/source/GET/x"})
    await other.filter_templates.save("sql", "source", "GET", "large = later ones", [theirs])
    assert (await refused(other.packages.put(PackageImport(content=content, choices=[choice])))).code == "name-invalid"


@pytest.mark.parametrize(
    "spoiled",
    [
        {"schema_name": "another"},
        {"app": "nowhere", "name": "large"},
        {"clauses": []},
        {"clauses": [{"key": "id", "operator": "resembles", "value": "4"}]},
        {"secret": "x"},
    ],
    ids=str,
)
async def test_a_spoiled_filter_template_is_refused_with_all_of_its_package(
    agent: AgentClient, other: AgentClient, spoiled: dict[str, Any]
) -> None:
    await agent.filter_templates.save("sql", "source", "GET", "large", [FilterClause(key="id", value="4")])
    content = await exported(agent, "copy")
    (path,) = [one for one in unpacked(content) if one.startswith("filter-templates/")]
    changed = json.dumps({**json.loads(unpacked(content)[path]), **spoiled}).encode()
    before = await everything(other)
    assert (await refused(other.packages.put(PackageImport(content=with_item(content, path, changed))))).remedy
    assert (await everything(other), await other.filter_templates.all()) == (before, [])
