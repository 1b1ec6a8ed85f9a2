"""Service descriptions out of OpenAPI documents and samples: they can be used, and what is left out is told."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.connectors.rest.describe import main, sampled
from agent.connectors.rest.description import Reading, Writing, parse
from agent.connectors.rest.entered import prepare
from agent.connectors.rest.openapi import described
from agent.domain.errors import ConfigurationError

OFFICIAL = Path(__file__).resolve().parents[4] / "shared" / "bigcommerce" / "openapi"

PET, WRAPPED = {"$ref": "#/components/schemas/Pet"}, {"$ref": "#/components/schemas/Wrapped"}


def answer(schema: object) -> dict[str, Any]:
    """A body in JSON."""
    return {"content": {"application/json": {"schema": schema}}}


def many(**properties: object) -> dict[str, Any]:
    """A list of objects."""
    return {"type": "array", "items": {"properties": properties}}


def query(name: str, kind: str = "string", **more: int) -> dict[str, Any]:
    """A parameter of the query."""
    return {"name": name, "in": "query", "schema": {"type": kind, **more}}


TEXT = {"type": "string"}
DOCUMENT: dict[str, Any] = {
    "openapi": "3.0.3",
    "info": {"title": "Pet  shop"},
    "servers": [{"url": "https://{region}.pets.test/v1", "variables": {"region": {"default": "eu"}}}],
    "paths": {
        "/pets": {
            "parameters": [query("limit", "integer", maximum=50)],
            "get": {
                "parameters": [query("page", "integer"), query("sku"), query("updated_min"), query("sort")],
                "responses": {"200": {"$ref": "#/components/responses/Pets"}},
            },
            "post": {"requestBody": answer(WRAPPED), "responses": {"201": answer(WRAPPED)}},
        },
        "/pets/{pet_id}": {
            "get": {"responses": {"200": answer(WRAPPED)}},
            "put": {"requestBody": answer(PET), "responses": {"200": {}}},
            "delete": {"responses": {"204": {}}},
        },
        "/owners": {
            "get": {
                "parameters": [query("cursor"), query("limit")],
                "responses": {
                    "200": answer(
                        {"properties": {"meta": {"properties": {"next_cursor": TEXT}}, "results": many(uuid=TEXT)}}
                    )
                },
            },
            "post": {"requestBody": answer({"properties": {"name": {}}}), "responses": {}},
        },
        "/pets/{pet_id}/visits": {"get": {"responses": {}}},
        "/words": {"get": {"responses": {"200": answer({"type": "array", "items": TEXT})}}},
        "/nameless": {"get": {"responses": {"200": answer(many(text=TEXT))}}},
    },
    "components": {
        "responses": {"Pets": answer({"type": "object", "properties": {"data": {"type": "array", "items": PET}}})},
        "schemas": {
            "Wrapped": {"properties": {"pet": PET}},
            "Pet": {
                "allOf": [
                    {"$ref": "#/components/schemas/Base"},
                    {"properties": {"price": {"type": "number"}, "parent": PET, "sku": TEXT}},
                ]
            },
            "Base": {"properties": {"id": {"type": "integer"}, "born": {"type": "string", "format": "date-time"}}},
        },
    },
}


def test_lists_types_paging_and_writes_are_found() -> None:
    found = described(DOCUMENT)
    service = parse(found.text)
    assert (service.title, found.base_url) == ("Pet shop", "https://eu.pets.test/v1")
    pets = service.schemas["pets"]
    assert pets.key == "id"
    assert {name: kind.value for name, kind in pets.attributes.items()} == {
        "id": "integer", "born": "datetime", "price": "decimal", "parent": "json", "sku": "text"
    }  # fmt: skip
    reading = pets.actions["GET"]
    assert isinstance(reading, Reading)
    paging = reading.paging
    assert (reading.records, paging.style, paging.parameter, paging.size) == ("data", "page", "page", 50)
    assert set(reading.filters) == {"sku", "updated_min"}
    assert reading.filters["updated_min"].operator == ">="
    assert reading.by_id is not None
    assert (reading.by_id.path, reading.by_id.record) == ("/pets/{id}", "pet")
    upsert = pets.actions["UPSERT"]
    assert isinstance(upsert, Writing)
    assert upsert.create is not None
    assert upsert.find is not None
    assert (upsert.create.wrap, upsert.create.id, upsert.find.query) == ("pet", "pet.id", {"sku": "{sku}"})
    assert set(pets.actions) == {"GET", "POST", "UPSERT", "PUT", "DELETE"}


def test_cursors_are_found_where_the_answer_names_the_next_page() -> None:
    owners = parse(described(DOCUMENT).text).schemas["owners"]
    reading = owners.actions["GET"]
    assert isinstance(reading, Reading)
    assert (reading.paging.style, reading.paging.parameter, reading.paging.next) == (
        "cursor",
        "cursor",
        "meta.next_cursor",
    )
    assert owners.key == "uuid"


def test_what_is_left_out_is_told() -> None:
    told = "\n".join(described(DOCUMENT).left_out)
    assert "POST /owners: no filter of the list finds a record again" in told
    assert "/pets/{pet_id}/visits: a list inside another record is left out." in told
    assert "/nameless: its records have no id" in told


@pytest.mark.parametrize("document", [{}, {"paths": {}}, {"openapi": "3.0.0", "paths": {"/x": {"get": {}}}}])
def test_what_is_no_openapi_document_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as raised:
        described(document)
    assert raised.value.code == "openapi"


def test_circles_and_wrong_references_cost_nothing() -> None:
    circle = {"$ref": "#/components/schemas/C"}
    schemas = {
        "A": {"$ref": "#/components/schemas/B"},
        "B": {"$ref": "#/components/schemas/A"},
        "C": {
            "allOf": [circle],
            "properties": {"id": {"$ref": "file:///etc/passwd"}, "a": {"$ref": "#/components/schemas/A"}},
        },
    }
    paths = {"/c": {"get": {"responses": {"200": answer({"type": "array", "items": circle})}}}}
    found = described({"openapi": "3.1.0", "paths": paths, "components": {"schemas": schemas}})
    assert parse(found.text).schemas["c"].key == "id"


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


IDENTIFIED = {"properties": {"id": {"type": "integer"}}}
HOSTILE = {
    "a circle that branches": {"S0": {"allOf": [_ref("S0")] * 9, **IDENTIFIED}},
    "twice the same, thirty deep": {
        **{f"S{one}": {"allOf": [_ref(f"S{one + 1}")] * 2} for one in range(29)}, "S29": IDENTIFIED,
    },
    "two that hold each other": {
        "S0": {"oneOf": [_ref("S1")] * 9, **IDENTIFIED}, "S1": {"allOf": [_ref("S0")] * 9},
    },
    "wide and shared": {
        "S0": {"properties": {"id": {"type": "integer"}, **{f"a{one}": _ref("S1") for one in range(3_000)}}},
        "S1": {"properties": {f"b{one}": _ref("S0") for one in range(3_000)}},
    },
}  # fmt: skip
WITHIN_SECONDS = """
import sys, threading, os
timer = threading.Timer(240, os._exit, (9,)); timer.daemon = True; timer.start()
from agent.connectors.rest.describe import main
sys.exit(main(sys.argv[1:]))
"""


def _described_apart(file: Path) -> tuple[int, str]:
    """In a process of its own, that ends where a document would cost without end."""
    done = subprocess.run(
        [sys.executable, "-c", WITHIN_SECONDS, "--openapi", str(file)], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_document_costs_no_more_than_a_bound(name: str, tmp_path: Path) -> None:
    listed = {"/s": {"get": {"responses": {"200": answer({"type": "array", "items": _ref("S0")})}}}}
    document = {"openapi": "3.0.0", "paths": listed, "components": {"schemas": HOSTILE[name]}}
    (tmp_path / "hostile.json").write_text(json.dumps(document), "utf-8")
    code, told = _described_apart(tmp_path / "hostile.json")
    assert code in {0, 1}
    assert "Traceback" not in told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a0: &a0 {x: 1}\n" + "\n".join(f"a{n}: &a{n} {{<<: [{f'*a{n - 1},' * 9}]}}" for n in range(1, 12)), "line 2"),
        ("openapi: 3.0.0\npaths: " + "[" * 2_000, "line 2: exceeded maximum nesting depth"),
    ],
)
def test_what_yaml_can_do_to_a_reader_is_refused_with_its_line(text: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "hostile.yaml").write_text(text, "utf-8")
    code, said = _described_apart(tmp_path / "hostile.yaml")
    assert code == 1
    assert told in said


def test_variants_that_refer_to_their_whole_keep_all_properties() -> None:
    schemas = {
        "Animal": {"oneOf": [_ref("Cat")], "properties": {"id": {"type": "integer"}}},
        "Cat": {"allOf": [_ref("Animal"), {"properties": {"claws": {"type": "integer"}}}]},
    }
    paths = {
        f"/{name}": {"get": {"responses": {"200": answer({"type": "array", "items": _ref(name)})}}} for name in schemas
    }
    service = parse(described({"openapi": "3.0.0", "paths": paths, "components": {"schemas": schemas}}).text)
    assert {name: set(one.attributes) for name, one in service.schemas.items()} == {
        "Animal": {"id", "claws"}, "Cat": {"id", "claws"}
    }  # fmt: skip


@pytest.mark.parametrize(
    ("security", "told"),
    [
        ({"type": "http", "scheme": "basic"}, "User name and password"),
        ({"type": "http", "scheme": "bearer"}, "Bearer token"),
        ({"type": "apiKey", "in": "query", "name": "key"}, "API key, in the query parameter “key”"),
        ({"type": "apiKey", "in": "header", "name": "X-Key"}, "API key, in the header “X-Key”"),
        (
            {"type": "oauth2", "flows": {"clientCredentials": {"tokenUrl": "https://pets.test/token"}}},
            "OAuth 2.0 client credentials, token URL https://pets.test/token",
        ),
        (
            {
                "type": "oauth2",
                "flow": "accessCode",
                "authorizationUrl": "https://pets.test/in",
                "tokenUrl": "https://pets.test/t",
            },
            "OAuth 2.0, a person signs in, authorization URL https://pets.test/in, token URL https://pets.test/t",
        ),
        ({"type": "oauth2", "flows": {"implicit": {}}}, "none that the agent can do"),
    ],
)
def test_how_to_sign_in_is_told_in_the_words_of_the_form(security: dict[str, Any], told: str) -> None:
    document = {**DOCUMENT, "components": {**DOCUMENT["components"], "securitySchemes": {"one": security}}}
    assert told in described(document).sign_in


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_a_document_that_is_entered_is_turned_into_a_description(form: str) -> None:
    text = json.dumps(DOCUMENT)
    if form == "yaml":
        text = yaml.safe_dump(json.loads(text), sort_keys=False)
    values = {"base_url": "https://eu.pets.test/v1", "authentication": "None", "description": text}
    prepared = prepare(values, {})
    assert sorted(parse(prepared.values["description"]).schemas) == ["owners", "pets"]
    assert "was turned into a service description: pets, owners." in prepared.notes[0]
    assert "It names the base URL https://eu.pets.test/v1." in prepared.notes
    assert any("/nameless" in note for note in prepared.notes)
    again = prepare(prepared.values, {})
    assert (again.values, again.notes) == (prepared.values, ())


@pytest.mark.parametrize("text", ["openapi: 3.0.0\npaths: {}", "openapi: 3.0.0\npaths: {a: *b}", '{"swagger": "2.0"'])
def test_a_document_that_leads_nowhere_is_refused_at_its_field(text: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        prepare({"base_url": "https://pets.test", "description": text}, {})
    assert (raised.value.code, raised.value.field) == ("openapi", "description")


def test_a_key_that_was_guessed_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "answer.json").write_text('[{"colour": "red", "size": 1}]', "utf-8")
    assert main(["--sample", str(tmp_path / "answer.json"), "-o", str(tmp_path / "made.yaml")]) == 0
    assert "“colour”" in capsys.readouterr().err


def test_a_sample_gives_the_attributes_of_its_records() -> None:
    given = {"meta": {}, "data": {"orders": [{"number": 1, "total": 1}, {"number": 2, "total": 2.5, "paid": True}]}}
    orders = parse(sampled(given, "/v1/orders")).schemas["orders"]
    assert orders.key == "number"
    assert {name: kind.value for name, kind in orders.attributes.items()} == {
        "number": "integer", "total": "decimal", "paid": "boolean"
    }  # fmt: skip
    reading = orders.actions["GET"]
    assert isinstance(reading, Reading)
    assert (reading.path, reading.records) == ("/v1/orders", "data.orders")


def test_the_command_writes_a_file_and_tells_the_rest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "pets.json").write_text(json.dumps(DOCUMENT), "utf-8")
    assert main(["--openapi", str(tmp_path / "pets.json"), "-o", str(tmp_path / "pets.yaml")]) == 0
    assert parse((tmp_path / "pets.yaml").read_text("utf-8")).schemas.keys() == {"pets", "owners"}
    assert "Base URL: https://eu.pets.test/v1" in capsys.readouterr().err
    (tmp_path / "broken.yaml").write_text("openapi: [", "utf-8")
    assert main(["--openapi", str(tmp_path / "broken.yaml")]) == 1
    assert "broken.yaml, line 1: " in capsys.readouterr().err
    (tmp_path / "broken.yaml").write_text("openapi: 3.0.0\nx: |\n  \n    y\nz: a: b\n", "utf-8")
    assert main(["--openapi", str(tmp_path / "broken.yaml")]) == 1
    assert "broken.yaml, line 5: " in capsys.readouterr().err


@pytest.mark.skipif(not OFFICIAL.exists(), reason="the official OpenAPI files are not beside the project")
@pytest.mark.parametrize("name", ["customers.v3.yml", "locations.v3.yml"])
def test_official_documents_become_descriptions(name: str, tmp_path: Path) -> None:
    assert main(["--openapi", str(OFFICIAL / name), "-o", str(tmp_path / "made.yaml")]) == 0
    assert parse((tmp_path / "made.yaml").read_text("utf-8")).schemas
