"""`opagent bookmark …` and `opagent audit`: how far sources have been read, and what was changed by hand."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from agent.api.bookmark_models import Bookmark
from agent.cli.connecting import ask
from agent.cli.output import JsonOption, YesOption, fail, local, say, show, table
from agent.cli.questions import confirm
from agent.domain.errors import ConfigurationError

bookmark = typer.Typer(no_args_is_help=True, help="How far each source has been read: list, set, clear.")

NameArgument = Annotated[str, typer.Argument(help="The processflow's name.")]
NodeArgument = Annotated[str, typer.Argument(help="The GET node, as “bookmark list” shows it.")]
ReasonOption = Annotated[str, typer.Option("--reason", "-r", help="Why; it goes into the audit trail.")]


@bookmark.command("list")
def list_bookmarks(name: NameArgument, as_json: JsonOption = False) -> None:
    """How far each GET node of a processflow has been read and acknowledged."""
    found = ask(lambda client: client.bookmarks.all(name))
    rows = [
        (one.node, local(one.moment) if one.moment else "the beginning", local(one.since), one.run_id or one.set_by,
         one.detail)
        for one in found
    ]  # fmt: skip
    headings = ("Node", "Reads from", "Since", "Moved by", "Detail")
    show(found, as_json, lambda: table(headings, rows, empty="It reads nothing."))


@bookmark.command("set")
def set_bookmark(
    name: NameArgument,
    node: NodeArgument,
    moment: Annotated[str, typer.Argument(help="A moment, such as 2026-01-31T09:15; local time without a zone.")],
    reason: ReasonOption,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Let the next run read from a moment on. Refused while a run has not ended."""
    try:
        wanted = datetime.fromisoformat(moment).astimezone()
    except (ValueError, OverflowError, OSError):
        fail(
            ConfigurationError(
                f"“{moment}” is no moment.", code="bookmark-moment", remedy="Write it as 2026-01-31T09:15."
            )
        )
    if not yes:
        ask(lambda client: client.bookmarks.set(name, node, wanted, reason=reason, dry_run=True))
        confirm(f"Let {name} read from {local(wanted)} on? What changed before is not read if it was not read yet.")
    moved = ask(lambda client: client.bookmarks.set(name, node, wanted, reason=reason))
    show(moved, as_json, lambda: _tell(moved))


@bookmark.command("clear")
def clear_bookmark(
    name: NameArgument, node: NodeArgument, reason: ReasonOption, yes: YesOption = False, as_json: JsonOption = False
) -> None:
    """Let the next run read from the beginning. What is at the destination unchanged is not written again."""
    if not yes:
        ask(lambda client: client.bookmarks.set(name, node, None, reason=reason, dry_run=True))
        confirm(f"Let {name} read everything from the beginning? That may take long.")
    moved = ask(lambda client: client.bookmarks.set(name, node, None, reason=reason))
    show(moved, as_json, lambda: _tell(moved))


def audit(
    flow: Annotated[str, typer.Option("--flow", help="Only this processflow.")] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """What was changed by hand, newest first: bookmarks and records."""
    page = ask(lambda client: client.bookmarks.audit(flow=flow, limit=limit))
    rows = [
        (local(one.at), one.who, one.what, one.flow, one.node, one.reason, one.before, one.after) for one in page.items
    ]
    headings = ("Time", "Who", "What", "Processflow", "Node", "Reason", "Before", "After")
    show(page, as_json, lambda: table(headings, rows, empty="Nothing was changed by hand."))


def _tell(moved: Bookmark) -> None:
    say(f"{moved.flow} reads {moved.node} from {local(moved.moment) if moved.moment else 'the beginning'} on.")
