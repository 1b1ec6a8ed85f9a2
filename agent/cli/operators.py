"""`opagent operator …`: the operators who sign in to the window."""

from __future__ import annotations

from typing import Annotated

import typer

from agent.cli.connecting import ask
from agent.cli.output import JsonOption, done, fail
from agent.cli.secrets import read_password_change
from agent.domain.errors import AgentError

operator = typer.Typer(no_args_is_help=True, help="Operators, who sign in to the window: change a password.")

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The user name, as it is entered to sign in.")]
StdinOption = Annotated[
    bool, typer.Option("--passwords-stdin", help="Read two lines from standard input: the present one, the new one.")
]
DescriptorOption = Annotated[
    int | None, typer.Option("--passwords-fd", metavar="N", help="Read these lines from this file descriptor.")
]


@operator.command("password")
def change_password(
    name: NameArgument, stdin: StdinOption = False, descriptor: DescriptorOption = None, as_json: JsonOption = False
) -> None:
    """Change your password. The present one is asked for; every window where you are signed in asks for the new one."""
    try:
        old, new = read_password_change(from_stdin=stdin, descriptor=descriptor)
    except AgentError as error:
        fail(error)
    ask(lambda client: client.change_password(name, old, new))
    done(f"The password of {name} is changed. Windows ask for the new one.", as_json, operator=name, changed=True)
