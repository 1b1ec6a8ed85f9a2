"""`opagent database`: where the agent's own database is, and moving it to a PostgreSQL server."""

from __future__ import annotations

from typing import Annotated

import typer
from pydantic import SecretStr

from agent.api.database_models import AgentDatabase, ServerChoice
from agent.cli.connecting import ask
from agent.cli.output import JsonOption, fail, say, show
from agent.cli.secrets import read_secret
from agent.domain.errors import AgentError, ConfigurationError

database = typer.Typer(no_args_is_help=True, help="The agent's own database: a file, or a PostgreSQL server.")


@database.command("show")
def show_(as_json: JsonOption = False) -> None:
    """Where it is."""
    found = ask(lambda client: client.database.report())
    show(found, as_json, lambda: _tell(found))


@database.command("use")
def use(
    host: Annotated[str, typer.Option(help="The server's name or address.")],
    name: Annotated[str, typer.Option(help="The database, made before, and owned by the account.")],
    username: Annotated[str, typer.Option(help="The account.")],
    port: Annotated[int, typer.Option(min=1, max=65_535)] = 5432,
    encryption: Annotated[str, typer.Option(help="Preferred, Required, Verified or Off.")] = "Preferred",
    ca_file: Annotated[str, typer.Option(help="With Verified: the authority's certificate.")] = "",
    use_existing: Annotated[
        bool, typer.Option("--use-existing", help="Use what an agent left there in place of what this one has.")
    ] = False,
    secret_stdin: Annotated[
        bool, typer.Option("--secret-stdin", help="Read the password from standard input.")
    ] = False,
    secret_fd: Annotated[int | None, typer.Option("--secret-fd", help="Read it from this file descriptor.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Use a PostgreSQL server from the next start on; what the agent has moves there. The password is asked for."""
    try:
        password = read_secret("password", from_stdin=secret_stdin, descriptor=secret_fd)
        choice = ServerChoice.model_validate(
            {"host": host, "port": port, "name": name, "username": username, "password": SecretStr(password),
             "encryption": encryption, "ca_file": ca_file, "use_existing": use_existing}
        )  # fmt: skip
    except AgentError as error:
        fail(error)
    except ValueError as error:
        fail(
            ConfigurationError(
                "The server's address is not right.",
                code="value-invalid",
                remedy="--encryption is Preferred, Required, Verified or Off; host, name and username are short texts.",
                detail=type(error).__name__,
            )
        )
    found = ask(lambda client: client.database.use_server(choice))
    show(found, as_json, lambda: _tell(found))


def _tell(found: AgentDatabase) -> None:
    say(f"The agent's database is {found.place} ({found.kind}).")
    if found.after_restart:
        say(f"From the next start of the service on: {found.after_restart}.")
        say("Restart it now: “opagent service stop”, then “opagent service start”.")
