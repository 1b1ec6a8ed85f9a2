"""`opagent variable …`: what the variables of processflows hold, and setting them."""

from __future__ import annotations

from typing import Annotated

import typer

from agent.api import variable_models as models
from agent.cli.connecting import ask
from agent.cli.output import JsonOption, fail, local, say, show, table
from agent.cli.secrets import read_passphrase
from agent.domain.errors import ConfigurationError, NotFoundError
from agent.domain.meant import meant

variable = typer.Typer(no_args_is_help=True, help="Variables of processflows: list, set, reset.")

FlowArgument = Annotated[str, typer.Argument(metavar="FLOW", help="The processflow's name.")]
NameArgument = Annotated[str, typer.Argument(help="The variable's name.")]
ReasonOption = Annotated[str, typer.Option("--reason", "-r", help="Why; it stands in the log.")]


@variable.command("list")
def list_variables(flow: FlowArgument, as_json: JsonOption = False) -> None:
    """The variables of a processflow, what they hold, since when and by whom."""
    found = ask(lambda client: client.variables.all(flow))
    rows = [(one.name, one.type.value, one.value if one.value is not None else "–", _kind(one), _since(one))
            for one in found]  # fmt: skip
    headings = ("Name", "Type", "Value", "Kind", "Since")
    show(found, as_json, lambda: table(headings, rows, empty=f"{flow} has no variables."))


@variable.command("set")
def set_variable(
    flow: FlowArgument,
    name: NameArgument,
    value: Annotated[str | None, typer.Argument(help="The value; not for encrypted variables.")] = None,
    reason: ReasonOption = "",
    value_stdin: Annotated[bool, typer.Option("--value-stdin", help="Read the value from stdin.")] = False,
    value_fd: Annotated[int | None, typer.Option("--value-fd", help="Read it from this file descriptor.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Set a variable for the runs to come. An encrypted one is asked for, or read with --value-stdin or --value-fd."""
    try:
        if not reason.strip():
            raise _no_reason()
        variables = ask(lambda client: client.variables.all(flow))
        found = next((one for one in variables if one.name == name), None)
        if found is None:
            remedy = meant(name, [one.name for one in variables], otherwise="It has none.")
            raise NotFoundError(f"{flow} has no variable “{name}”.", code="variable-not-found", remedy=remedy)
        given = _given(found, value, from_stdin=value_stdin, descriptor=value_fd)
    except ConfigurationError as error:
        fail(error)
    changed = ask(lambda client: client.variables.set(flow, name, given, reason=reason))
    show(changed, as_json, lambda: say(f"{name} = {changed.value}"))


@variable.command("reset")
def reset_variable(
    flow: FlowArgument, name: NameArgument, reason: ReasonOption = "", as_json: JsonOption = False
) -> None:
    """Let the default of the document count again."""
    if not reason.strip():
        fail(_no_reason())
    changed = ask(lambda client: client.variables.reset(flow, name, reason=reason))
    show(changed, as_json, lambda: say(f"{name} = {changed.value if changed.value is not None else '–'}"))


def _given(found: models.Variable, value: str | None, *, from_stdin: bool, descriptor: int | None) -> str:
    if value is not None and found.encrypted:
        raise ConfigurationError(
            f"{found.name} is encrypted and must not be given as an argument: other users of this machine can read it "
            "there. Take it for known, and replace it.",
            code="value-invalid",
            remedy="Leave it out and type it when asked, or use --value-stdin or --value-fd.",
        )
    if value is not None:
        return value
    if not found.encrypted and not from_stdin and descriptor is None:
        raise ConfigurationError("No value is given.", code="value-invalid", remedy="Write it behind the name.")
    return read_passphrase(from_stdin=from_stdin, descriptor=descriptor, new=False).get_secret_value()


def _no_reason() -> ConfigurationError:
    return ConfigurationError("A change needs a reason.", code="reason-missing", remedy="Give it with --reason.")


def _kind(one: models.Variable) -> str:
    kinds = [("computed", bool(one.expression)), ("persistent", one.persistent), ("encrypted", one.encrypted)]
    named = [name for name, holds in kinds if holds]
    return ", ".join([*named, *([f"of {one.scope}"] if one.scope else [])]) or "constant"


def _since(one: models.Variable) -> str:
    if one.changed_at is None:
        return "default" if one.default is not None else "–"
    by = f"run {one.run}" if one.run else f"{one.changed_by}: {one.reason}"
    return f"{local(one.changed_at)} by {by}"
