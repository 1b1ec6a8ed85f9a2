"""What is given to a real service to make it fall: it says no, in reasonable time and memory, and goes on."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import psutil
import pytest

from agent.api import flow_models, record_models, run_models
from agent.api.client import AgentClient
from agent.domain.errors import AgentError
from agent.domain.packet import SyncState
from agent.domain.run import RunState
from tests.helpers.running_service import RunningService, service_below
from tests.helpers.stage import peak_memory
from tests.service.asking import COPY, database_draft

GOOD = COPY.strip()
DEEP_JSON = '{"a":' * 100_000 + "1" + "}" * 100_000

DOCUMENTS = {
    "nested lists": ("[" * 300_000, "too-deep"),
    "nested mappings": ("{a: " * 150_000, "too-deep"),
    "nested blocks": ("".join(f"{' ' * depth}a:\n" for depth in range(1_000)), "too-deep"),
    "aliases that explode": (
        "a: &a [x, x, x, x, x, x, x, x, x]\n"
        + "".join(f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(20)),
        "not-allowed",
    ),
    "merge keys": ("a: &a {b: 1}\nc: {<<: *a}\n", "not-allowed"),
    "tags that make objects": ("a: !!python/object/apply:os.system ['true']\n", "not-allowed"),
    "half a million unknown keys": ("\n".join(f"k{n}: 1" for n in range(60_000)), "too-large"),
    "a text of a megabyte": ("x" * 1_000_001, "too-large"),
    "several documents": (f"{GOOD}\n---\n{GOOD}", "several-documents"),
    "a path as the name": (GOOD.replace("name: copy", "name: ../../etc/passwd"), "wrong-value"),
    "a device as the name": (GOOD.replace("name: copy", "name: con"), "wrong-value"),
    "a path as a node": (GOOD.replace("  end: {type: end}", '  "../end": {type: end}'), "wrong-value"),
    "an unknown key": (f"{GOOD}\nrun_as_root: true", "unknown-key"),
    "an enormous number": (
        GOOD.replace("  end: {type: end}", f"  cut: {{type: splitter, size: {'9' * 5_000}}}\n  end: {{type: end}}"),
        "wrong-value",
    ),
    "an endless delay": (
        GOOD.replace("  end: {type: end}", f"  rest: {{type: delay, for: {'9' * 300} h}}\n  end: {{type: end}}"),
        "wrong-value",
    ),
    "a deep expression": (GOOD.replace("value: id", f"value: '{'(' * 4_000}id{')' * 4_000}'"), "expression-syntax"),
    "a long expression": (GOOD.replace("value: id", f"value: '{'id & ' * 5_000}id'"), "expression-syntax"),
    "code in an expression": (GOOD.replace("value: id", "value: $eval('1')"), "expression-syntax"),
    "a pattern that explodes": (GOOD.replace("value: id", r"value: '$match(id, /(?=a)b/'"), "expression-syntax"),
}

EXPRESSIONS = {
    "endless recursion": "($f := function($x) {$f($x)}; $f(id))",
    "deep recursion": "($f := function($x) {1 + $f($x + 1)}; $f(id))",
    "a text that doubles itself": '($f := function($s, $n) {$n = 0 ? $s : $f($s & $s, $n - 1)}; $f("x", 40 + id))',
    "a text that is filled up": '$pad("x", 2000000000 + id)',
    "a list without end": "[1..100000000000]",
    "lists of lists": "[1..900000].[1..900000]",
    "a pattern that grows": "$match($string(id), /((a{100}){100}){1000}/)",
    "a number out of range": "$power(10, 100000)",
}


@pytest.fixture(scope="module")
def hostile_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service with a database of three records and an environment that is enabled."""
    folder = tmp_path_factory.mktemp("hostile")
    with closing(sqlite3.connect(folder / "shop.db")) as connection, connection:
        connection.execute("CREATE TABLE source (id INTEGER PRIMARY KEY, text TEXT)")
        connection.execute("INSERT INTO source VALUES (1, 'a'), (2, 'b'), (3, 'c')")

    async def prepare(client: AgentClient) -> None:
        await client.change_setting("enable_environment", "true")
        await client.save_configuration(database_draft(folder / "shop.db"))

    with service_below(folder / "agent") as made:
        made.start()
        made.ask(prepare)
        yield made


@pytest.mark.parametrize(("document", "code"), DOCUMENTS.values(), ids=DOCUMENTS)
def test_a_hostile_document_is_refused_at_its_place(hostile_service: RunningService, document: str, code: str) -> None:
    request = flow_models.DocumentRequest(document=document, file="hostile.yaml")
    with peak_memory(hostile_service.process()) as peak:
        before = hostile_service.process().memory_info().rss / 1e6
        found = hostile_service.ask(lambda client: client.check_flow(request))
        with pytest.raises(AgentError) as refused:
            hostile_service.ask(lambda client: client.deploy(request))
    assert not found.ok
    assert code in {problem.code for problem in found.problems}
    assert all(problem.line >= 1 and len(problem.message) < 400 for problem in found.problems)
    assert refused.value.code == "processflow-invalid"
    assert peak[0] - before < 200


@pytest.mark.parametrize("content", [b'{"document": "' + b"x" * 100_000_000 + b'"}', DEEP_JSON.encode()], ids=len)
def test_a_hostile_body_is_refused(hostile_service: RunningService, content: bytes) -> None:
    with peak_memory(hostile_service.process()) as peak, hostile_service.http() as client:
        before = hostile_service.process().memory_info().rss / 1e6
        try:
            answer = client.post("/api/v1/flows", content=content, headers={"Content-Type": "application/json"})
        except httpx.TransportError:  # it hung up while the body was still coming
            answer = None
        assert client.get("/api/v1/health").status_code == 200
    assert answer is None or (400 <= answer.status_code < 500 and answer.json()["code"])
    assert peak[0] - before < 100


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "node"), [*((name, "mapper") for name in EXPRESSIONS), ("endless recursion", "decision")]
)
def test_a_hostile_expression_fails_its_records_and_the_service_goes_on(
    hostile_service: RunningService, name: str, node: str
) -> None:
    document = _with_expression(EXPRESSIONS[name], node)
    parent = hostile_service.process()

    async def run(client: AgentClient) -> tuple[run_models.Run, record_models.SyncPage]:
        await client.deploy(flow_models.DocumentRequest(document=document))
        started = await client.execute("hostile")
        while not started.state.ended:
            started = await client.run(started.id, wait_seconds=20)
        return started, await client.sync_info("hostile", state=SyncState.FAILED)

    with peak_memory(parent) as peak:
        before = parent.memory_info().rss / 1e6
        ended, failed = hostile_service.ask(run)
    assert peak[0] - before < 300
    assert all(child.memory_info().rss < 700e6 for child in parent.children(recursive=True))
    assert (ended.state, ended.counts.failed, ended.counts.written) == (RunState.FAILED, 3, 0)
    assert {record.source_id for record in failed.items} == {"1", "2", "3"}
    assert all(record.message and record.remedy for record in failed.items)

    good = hostile_service.ask(_copied)
    assert (good.state, good.counts.failed) == (RunState.SUCCESS, 0)


@pytest.mark.slow
def test_an_enormous_record_costs_at_most_itself(hostile_service: RunningService, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "large.db")) as connection, connection:
        connection.execute("CREATE TABLE source (id INTEGER PRIMARY KEY, text TEXT)")
        connection.execute("INSERT INTO source VALUES (1, 'a'), (2, printf('%.*c', 100000000, 'x')), (3, 'c')")
    document = COPY.replace("name: copy", "name: large").replace(
        "{id: {value: id, type: integer, key: true}}",
        "{id: {value: id, type: integer, key: true}, half: $length(text), text: text}",
    )

    async def run(client: AgentClient) -> run_models.Run:
        draft = database_draft(tmp_path / "large.db", name="Large")
        saved = (await client.save_configuration(draft)).configuration
        await client.deploy(flow_models.DocumentRequest(document=document, bindings={"database": saved.id}))
        started = await client.execute("large")
        while not started.state.ended:
            started = await client.run(started.id, wait_seconds=20)
        return started

    with peak_memory(hostile_service.process()) as peak:
        ended = hostile_service.ask(run)
    assert ended.counts.written + ended.counts.failed == 3
    with closing(sqlite3.connect(tmp_path / "large.db")) as connection:
        arrived = dict(connection.execute("SELECT id, length(text) FROM target"))
    assert arrived.items() >= {1: 1, 3: 1}.items()
    assert peak[0] < 2_500


def _with_expression(expression: str, node: str) -> str:
    attributes = {
        "id": {"value": "id", "type": "integer", "key": True},
        "text": {"value": expression if node == "mapper" else "text", "required": True},
    }
    read = {"type": "get", "credential": "database", "schema": "source", "action": "GET", "options": {"key": "id"}}
    nodes = {
        "start": {"type": "start"},
        "read": read,
        "choose": {"type": "decision", "when": f"{expression} = 1" if node == "decision" else "true", "then": "map"},
        "map": {"type": "mapper", "attributes": attributes},
        "write": {"type": "post", "credential": "database", "schema": "hostile_target", "action": "UPSERT"},
    }
    links = [["start", "read", "choose"], ["map", "write"]]
    head = {"schema_version": 1, "name": "hostile", "title": "Hostile", "credentials": {"database": "sql"}}
    return json.dumps({**head, "nodes": nodes, "links": links})


async def _copied(client: AgentClient) -> run_models.Run:
    await client.deploy(flow_models.DocumentRequest(document=COPY))
    run = await client.execute("copy")
    while not run.state.ended:
        run = await client.run(run.id, wait_seconds=20)
    return run


def test_peak_memory_is_that_of_the_process() -> None:
    with peak_memory(psutil.Process()) as peak:
        held = bytearray(50_000_000)
    assert peak[0] > len(held) / 1e6
