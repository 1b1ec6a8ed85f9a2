"""`opagent alerts`: what needs a person."""

from __future__ import annotations

from typing import Annotated

import typer

from agent.cli.connecting import ask
from agent.cli.output import JsonOption, local, say, show


def alerts(
    acknowledge: Annotated[
        str, typer.Option("--acknowledge", metavar="ID", help="Note under your name that you have seen this one.")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """What needs a person now. Each goes away by itself when its cause does."""
    found = ask(lambda client: client.alerts.acknowledge(acknowledge) if acknowledge else client.alerts.all())

    def text() -> None:
        if not found.items:
            say("All is well.", "bold green")
        for one in found.items:
            say(one.text, "yellow" if one.acknowledged_at is None else "")
            say(f"  {one.remedy}")
            seen = f" · seen by {one.acknowledged_by} {local(one.acknowledged_at)}" if one.acknowledged_by else ""
            say(f"  since {local(one.since)} · {one.id}{seen}")

    show(found, as_json, text)
