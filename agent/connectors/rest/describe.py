"""`python -m agent.connectors.rest.describe`, for `opagent rest describe`: a service description out of an OpenAPI
document, or out of a sample of the service's answers. Contacts nobody."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from agent.connectors.rest.description import parse
from agent.connectors.rest.documents import document_of
from agent.connectors.rest.openapi import described
from agent.connectors.rest.writing_down import written
from agent.domain.app import DataType
from agent.domain.errors import AgentError, ConfigurationError

_MOST_SEEN = 200


def main(arguments: Sequence[str] | None = None) -> int:
    """Describe, and say what was left out."""
    parser = argparse.ArgumentParser("opagent rest describe", description="Make a service description.")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--openapi", type=Path, metavar="FILE", help="an OpenAPI document, in JSON or YAML")
    source.add_argument("--sample", type=Path, metavar="FILE", help="an answer of the service with a list, in JSON")
    parser.add_argument("--path", default="/records", help="with --sample: the path that gave the answer")
    parser.add_argument("--output", "-o", type=Path, metavar="FILE", help="where to write it; else it is shown")
    given = parser.parse_args(arguments)
    try:
        if given.openapi is not None:
            found = described(_document(given.openapi))
            text = found.text
            base = [f"Base URL: {found.base_url}"] if found.base_url else []
            notes = [*base, *([found.sign_in] if found.sign_in else []), *found.left_out]
        else:
            text = sampled(_document(given.sample, sample=True), given.path)
            notes = [_guessed(text), "Paging, filters and writing cannot be told from a sample: add them yourself."]
        if given.output is not None:
            given.output.write_text(text, "utf-8")
            notes = [f"Written into {given.output}", *notes]
        else:
            sys.stdout.buffer.write(text.encode())  # whatever the terminal's own encoding is
    except AgentError as error:
        sys.stderr.write(f"{error.message} {error.remedy}".strip() + "\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"{given.output or given.openapi or given.sample}: {error.strerror}\n")
        return 1
    for note in notes:
        sys.stderr.write(f"{note}\n")
    return 0


def sampled(answer: Any, path: str) -> str:
    """The description of one list, from an answer with some of its records.

    Raises:
        ConfigurationError: code `sample`: there is no list of objects in it.
    """
    place, records = _list_in(answer)
    if not records:
        raise ConfigurationError(
            "There is no list of records in the sample.", code="sample", remedy="Give a whole answer of the service."
        )
    attributes: dict[str, str] = {}
    for record in records[:_MOST_SEEN]:
        for name, value in record.items():
            if value is not None and name not in attributes:
                attributes[name] = _type(value).value
            elif isinstance(value, float) and attributes.get(name) == DataType.INTEGER.value:
                attributes[name] = DataType.DECIMAL.value
    key = next((name for name in ("id", "uuid", "key", "code", "number", "sku") if name in attributes), "")
    key = key or next((name for name in attributes if name.casefold().endswith("id")), next(iter(attributes), "id"))
    reading = {"path": path, **({"records": place} if place else {})}
    name = path.rstrip("/").rsplit("/", 1)[-1] or "records"
    text = written(
        {"service": 1, "schemas": {name: {"key": key, "attributes": attributes, "actions": {"GET": reading}}}}
    )
    parse(text)
    return text


def _guessed(text: str) -> str:
    """What the key is, which is guessed."""
    key = next(iter(parse(text).schemas.values())).key
    return f"The key is taken to be “{key}”: it has to be different in every record. Correct it if it is another."


def _list_in(answer: Any, depth: int = 0) -> tuple[str, list[Mapping[str, Any]]]:
    if isinstance(answer, list):
        return "", [one for one in answer if isinstance(one, dict)]
    if isinstance(answer, dict) and depth < 3:
        for name, one in answer.items():
            place, records = _list_in(one, depth + 1)
            if records:
                return f"{name}.{place}" if place else str(name), records
    return "", []


def _type(value: object) -> DataType:
    kinds = {bool: DataType.BOOLEAN, int: DataType.INTEGER, float: DataType.DECIMAL, str: DataType.TEXT}
    return kinds.get(type(value), DataType.JSON)


def _document(path: Path, *, sample: bool = False) -> Any:
    return document_of(path.read_bytes(), path.name, json_only=sample)


if __name__ == "__main__":
    sys.exit(main())
