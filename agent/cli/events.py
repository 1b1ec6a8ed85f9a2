"""`opagent event …`: where processflows receive events, and what has arrived."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from agent.api import event_models
from agent.cli.connecting import ask
from agent.cli.output import JsonOption, fail, local, note, say, show, table
from agent.cli.secrets import read_secret
from agent.domain.errors import AgentError

if TYPE_CHECKING:  # it brings httpx along
    from agent.api.client import AgentClient

event = typer.Typer(no_args_is_help=True, help="Receiving events: the URL of a processflow, and what has arrived.")

NameArgument = Annotated[str, typer.Argument(help="The processflow's name.")]


@event.command("url")
def url(name: NameArgument, as_json: JsonOption = False) -> None:
    """The URL for the senders of a processflow's events. Treat it as a password."""
    found = ask(lambda client: client.real_time.url(name))
    show(found, as_json, lambda: _tell(found))


@event.command("renew")
def renew(name: NameArgument, as_json: JsonOption = False) -> None:
    """Make a new URL; the one before stops at once."""
    renewed = ask(lambda client: client.real_time.renew(name))
    show(renewed, as_json, lambda: _tell(renewed))


@event.command("sign")
def sign(
    name: NameArgument,
    secret_stdin: Annotated[bool, typer.Option("--secret-stdin", help="Read the secret from standard input.")] = False,
    secret_fd: Annotated[
        int | None, typer.Option("--secret-fd", metavar="N", help="Read the secret from this file descriptor.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Set what the senders of a processflow's events sign with; its start says how (verify)."""
    try:
        secret = read_secret("Secret", from_stdin=secret_stdin, descriptor=secret_fd)
    except AgentError as error:
        fail(error)
    changed = ask(lambda client: client.real_time.sign(name, secret))
    show(changed, as_json, lambda: say(f"Signatures of {changed.flow} are checked."))


@event.command("list")
def list_events(
    name: Annotated[str, typer.Argument(help="The processflow's name; empty: all.")] = "", as_json: JsonOption = False
) -> None:
    """Where events are received, and what has arrived."""

    async def question(client: AgentClient) -> event_models.RealTime:
        state = await client.real_time.state()
        if not name:
            return state
        await client.flow(name)
        return state.model_copy(update={"inboxes": [inbox for inbox in state.inboxes if inbox.flow == name]})

    found = ask(question)
    empty = f"{name} does not wait for events." if name else "No processflow waits for events."
    show(found, as_json, lambda: _show(found, empty))


def _tell(found: event_models.EventUrl) -> None:
    say(found.url)
    if found.note:
        note(found.note)


def _show(found: event_models.RealTime, empty: str) -> None:
    if found.trouble:
        say(found.trouble, "yellow")
    else:
        say(f"Events are received at {found.public_url}." if found.listening else "Events are not received.")
    headings = ("Processflow", "Received", "Waiting", "Duplicates", "Refused", "Last received", "Last refused")
    table(headings, [_row(inbox) for inbox in found.inboxes], empty=empty)


def _row(inbox: event_models.Inbox) -> tuple[object, ...]:
    refused = f"{local(inbox.last_refused_at)} {inbox.last_refusal}" if inbox.last_refused_at else "–"
    numbers = (inbox.received, inbox.waiting, inbox.duplicates, inbox.refused)
    return (inbox.flow, *(f"{number:,}" for number in numbers), local(inbox.last_received_at), refused)
