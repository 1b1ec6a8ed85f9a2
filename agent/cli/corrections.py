"""`opagent correct …`: fetch a failed record as it would be written, change it, and send it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from agent.api.correction_models import Correction, MappedRecord
from agent.cli.connecting import ask
from agent.cli.files import read_text
from agent.cli.output import JsonOption, fail, json_text, local, say, show, table
from agent.cli.runs import NameArgument, WaitOption, start
from agent.domain.errors import ConfigurationError

correct = typer.Typer(no_args_is_help=True, help="A failed record: fetch it, send it corrected.")

_MOST_BYTES = 20_000_000

NodeOption = Annotated[str, typer.Option("--node", "-n", help="The POST node that is to write it.")]
IdOption = Annotated[str, typer.Option("--id", "-i", help="Its source id.")]


@correct.command("fetch")
def fetch(name: NameArgument, node: NodeOption, source_id: IdOption, as_json: JsonOption = False) -> None:
    """A failed record as it would be written now: read at its source and mapped. Writes nothing.

    Keep the answer of --json in a file, change its values there, and give the file to “opagent correct send”.
    """
    found = ask(lambda client: client.corrections.fetch(name, node=node, source_id=source_id))

    def text() -> None:
        say(f"{found.source_id} at {found.node}: {found.message}")
        types = {one.name: one.type.value for one in found.attributes}
        rows = [(key, types.get(key, ""), json_text(value)) for key, value in found.values.items()]
        table(("Attribute", "Type", "Value"), rows, empty="No attributes.")

    show(found, as_json, text)


@correct.command("send")
def send(
    name: NameArgument,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What “opagent correct fetch --json” gave, changed.")],
    reason: Annotated[str, typer.Option("--reason", help="Why, for the history.")],
    wait: WaitOption = False,
    as_json: JsonOption = False,
) -> None:
    """Send a corrected record. Both versions are kept."""
    try:
        record = MappedRecord.model_validate(_read(file))
    except ValueError as error:
        fail(_unreadable(file, error))
    correction = Correction(
        node=record.node, source_id=record.source_id, state=record.state, values=record.values, reason=reason
    )
    start(name, lambda client: client.corrections.send(name, correction), wait=wait, as_json=as_json)


@correct.command("list")
def list_corrections(
    name: NameArgument,
    source_id: Annotated[str, typer.Option("--id", "-i", help="Only this source id.")] = "",
    as_json: JsonOption = False,
) -> None:
    """What was corrected, by whom and why, the newest first."""
    made = ask(lambda client: client.corrections.made(name, source_id=source_id))

    def text() -> None:
        rows = [
            (one.source_id, one.node, _changes(one.original, one.edited), one.reason, one.made_by, local(one.made_at))
            for one in made
        ]
        table(("Source id", "Node", "Changes", "Reason", "By", "Time"), rows, empty="Nothing was corrected.")

    show(made, as_json, text)


def _changes(original: dict[str, Any], edited: dict[str, Any]) -> str:
    changed = [key for key in edited if edited[key] != original.get(key)]
    return ", ".join(f"{key}: {json_text(original.get(key))} → {json_text(edited[key])}" for key in changed)


def _read(file: Path) -> Any:
    try:
        return json.loads(read_text(file, most_bytes=_MOST_BYTES, too_large="A correction is of one record."))
    except ConfigurationError as error:
        fail(error)


def _unreadable(file: Path, error: Exception) -> ConfigurationError:
    return ConfigurationError(
        f"{file} is not a record as “opagent correct fetch --json” gives it.",
        code="document-unreadable",
        remedy="Fetch it again, and change its values alone.",
        detail=type(error).__name__,
    )
