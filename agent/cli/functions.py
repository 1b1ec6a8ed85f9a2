"""`opagent function …`: the function library."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from agent.api.function_models import FunctionDetail, FunctionDraft, FunctionTest
from agent.cli.connecting import ask
from agent.cli.files import read_text
from agent.cli.output import JsonOption, YesOption, done, fail, local, say, show, table
from agent.cli.questions import confirm
from agent.domain.errors import ConfigurationError

function = typer.Typer(no_args_is_help=True, help="The function library: list, show, test, save, remove.")

NameArgument = Annotated[str, typer.Argument(help="The function's name, with or without $.")]
FileArgument = Annotated[
    Path,
    typer.Argument(metavar="FILE", help="YAML or JSON: name, parameters, body, description, examples."),
]
_MOST_BYTES = 1_000_000


@function.command("list")
def list_functions(as_json: JsonOption = False) -> None:
    """Every function, and which deployed processflows use an older version."""
    found = ask(lambda client: client.functions.list())
    rows = [
        (
            _call(one.name, one.parameters), one.version, one.description,
            ", ".join(use.flow if use.newest else f"{use.flow} (version {use.version})" for use in one.used_by),
        )
        for one in found
    ]  # fmt: skip
    show(found, as_json, lambda: table(("Function", "Version", "Description", "Used by"), rows, empty="None yet."))


@function.command("show")
def show_function(
    name: NameArgument,
    version: Annotated[int | None, typer.Option("--version", help="A version; else the newest.")] = None,
    as_json: JsonOption = False,
) -> None:
    """A function with its examples and versions."""
    found = ask(lambda client: client.functions.get(_bare(name), version=version))
    show(found, as_json, lambda: _tell(found))


@function.command("test")
def try_function(file: FileArgument, as_json: JsonOption = False) -> None:
    """Try a function with its examples, without saving it. Exit status 1 when one does not come true."""
    draft = _read(file)
    found = ask(lambda client: client.functions.test(draft))
    show(found, as_json, lambda: _tell_test(found))
    if not found.ok:
        raise typer.Exit(1)


@function.command("save")
def save_function(file: FileArgument, as_json: JsonOption = False) -> None:
    """Save a function as a new version; its examples have to come true."""
    draft = _read(file)
    saved = ask(lambda client: client.functions.save(draft))
    show(saved, as_json, lambda: say(saved.message))


@function.command("remove")
def remove_function(name: NameArgument, yes: YesOption = False, as_json: JsonOption = False) -> None:
    """Take a function out of the library. Refused while something uses it."""
    found = ask(lambda client: client.functions.get(_bare(name)))
    if not yes and not (found.used_by or found.called_by):  # else it is refused: there is nothing to ask
        confirm(f"Remove the function ${_bare(name)}?")
    ask(lambda client: client.functions.remove(_bare(name)))
    done(f"${_bare(name)} is removed.", as_json, removed=_bare(name))


def _read(file: Path) -> FunctionDraft:
    try:
        text = read_text(file, most_bytes=_MOST_BYTES, too_large="Give a file with one function.")
        written = _plain(_parsed(text))
        return FunctionDraft.model_validate(written)
    except ConfigurationError as error:
        fail(error)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(step) for step in first["loc"]) or "the file"
        fail(_refused(f"{file.name}: {place}: {first['msg']}.", "Correct the file."))
    except (RecursionError, ValueError) as error:
        fail(_refused(f"{file} cannot be read: {error}", "Write it as YAML or JSON."))


def _parsed(text: str) -> Any:
    from ruamel.yaml import YAML  # imported here: no other command needs it
    from ruamel.yaml.error import YAMLError
    from ruamel.yaml.events import AliasEvent

    if text.lstrip().startswith("{"):
        return json.loads(text)
    try:
        # A few aliases can stand for more than any memory holds, or for themselves.
        if any(isinstance(event, AliasEvent) for event in YAML(typ="safe", pure=True).parse(text)):
            raise ValueError("aliases (*) are not allowed")
        return YAML(typ="safe", pure=True).load(text)
    except (YAMLError, RecursionError) as error:
        raise ValueError(str(error)) from error


def _plain(value: Any) -> Any:
    """YAML's dates are texts in JSON."""
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, date | datetime) else value


def _tell(found: FunctionDetail) -> None:
    say(f"{_call(found.name, found.parameters)}, version {found.version}", "bold")
    if found.description:
        say(found.description)
    say(f"Saved {local(found.saved_at)} by {found.saved_by}")
    say(found.body)
    for example in found.examples:
        arguments = ", ".join(map(_json, example.arguments))
        say(f"  ${found.name}({arguments}) = {_json(example.result)}")
    for use in found.used_by:
        say(f"Used by {use.flow} in version {use.version}{'' if use.newest else ': deploy it again to use the newest'}")
    if found.called_by:
        say(f"Called by {', '.join(f'${name}' for name in found.called_by)}")
    say(f"Versions: {', '.join(str(one.version) for one in found.versions)}")


def _tell_test(found: FunctionTest) -> None:
    for problem in found.problems:
        say(problem, "red")
    for result in found.results:
        if result.passed:
            say(f"${result.function}, example {result.number}: {_json(result.got)}")
            continue
        reason = result.reason or f"gave {_json(result.got)} instead of {_json(result.expected)}"
        say(f"${result.function}, example {result.number}: {reason}", "red")


def _call(name: str, parameters: list[str]) -> str:
    return f"${name}({', '.join(f'${parameter}' for parameter in parameters)})"


def _bare(name: str) -> str:
    return name.removeprefix("$")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _refused(message: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(message, code="function-invalid", remedy=remedy)
